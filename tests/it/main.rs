//! One binary for all integration tests: they see the public API and the wire, nothing else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod async_processor;
mod chunks;
mod conventions;
mod delivery;
mod documented;
mod errors;
mod examples;
mod git;
mod golden;
mod hostile;
mod http_errors;
mod pages;
mod precedence;
mod propagation;
mod property;
mod public;
mod runtimes;
mod sampling;
mod statistics;
mod secrets;
mod support;
mod tidy;
mod tracing;
mod vectors;
