//! The crate against the real thing: Datadog's own trace-agent code and Datadog's official test agent, each
//! in a process of its own for each test. `run.sh` builds them and says where they are; without them every
//! test fails.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod compare;
mod load;
#[path = "../../../test-agent/tests/it/probes.rs"]
mod probe_list;
#[path = "../../it/vectors/read.rs"]
mod read;
mod real_agent;
mod send;
mod shapes;
mod traces;

mod counted;
mod identity;
mod numbers;
mod official;
mod parity;
mod queries;
mod probes;
mod restart;
mod sampling;
mod statements;
mod statistics;
mod tracer;
mod variables;
mod vectors;
mod weights;
