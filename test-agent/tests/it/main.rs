//! The embedded Agent, seen through raw sockets: the other tests lean on it, so nothing here trusts it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![allow(clippy::float_cmp, reason = "what was sent must arrive")]

mod client;
mod decoding;
mod faults;
mod http;
mod memory;
mod page;
#[cfg(unix)]
#[path = "../../../tests/it/examples/picture.rs"]
mod picture;
mod probes;
#[path = "../../../tests/it/examples/process.rs"]
#[cfg(unix)]
mod process;
mod program;
mod receivers;
mod statistics;
mod stored;
mod v05;
mod violations;
mod waterfall;
