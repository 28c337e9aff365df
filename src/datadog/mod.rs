//! Facts of Datadog that mapping, propagation and sampling share: ids, trace state, priorities.
//!
//! This folder imports no other one.

pub(crate) mod ids;
pub(crate) mod sampling;
pub(crate) mod state;
