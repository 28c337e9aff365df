//! One binary for all integration tests: they see the public API and the wire, nothing else.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

mod hostile;
mod runtimes;
mod support;
mod vectors;
