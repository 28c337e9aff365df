//! Client statistics: numbers by group and time, counted here as the Agent would count them.
//!
//! | file | what |
//! |---|---|
//! | `rules.rs` | what the Agent says about counting: kinds, peer tags, filters |
//! | `group.rs` | the key of a group, and its values |
//! | `grpc.rs`, `peer.rs` | status codes of gRPC, addresses of peers, as the Agent writes them |
//! | `sketch.rs` | durations in bins |
//! | `bucket.rs` | the groups of ten seconds, bounded |
//! | `concentrator.rs` | open and closed buckets, and what is sent when |
//! | `request.rs` | the body of a request |
//!
//! Plain data: no clock, no socket, no span. Where Datadog's tracers differ, the Agent's own concentrator decides
//! (`pkg/trace/stats` of `DataDog/datadog-agent`, 7.85); it has no limits, so the limits are those of dd-trace-go 2.12.

mod bucket;
mod concentrator;
mod group;
mod grpc;
mod peer;
mod request;
mod rules;
mod sketch;

pub(crate) use concentrator::{Concentrator, StatsRequest};
pub(crate) use group::{Counted, Key, Parts};
pub(crate) use grpc::code as grpc_code;
pub(crate) use peer::push_without_addresses;
pub(crate) use request::Sender;
pub(crate) use rules::{Filter, Rules};

/// Rejected spans that are counted and not sent: the Agent's rates need them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OmittedP0s {
    /// Chunks of priority 0 of which nothing is sent.
    pub(crate) chunks: u64,
    /// Spans of priority 0 that are not sent.
    pub(crate) spans: u64,
}

impl OmittedP0s {
    pub(crate) fn add(&mut self, other: Self) {
        self.chunks += other.chunks;
        self.spans += other.spans;
    }
}

/// The length of a bucket, in nanoseconds.
pub(crate) const BUCKET: u64 = 10_000_000_000;

#[cfg(test)]
mod tests;
