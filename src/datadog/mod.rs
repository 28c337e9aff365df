//! Facts of Datadog that mapping, propagation and sampling share: ids, trace state, priorities, statuses.
//!
//! This folder imports no other one.

pub(crate) mod ids;
pub(crate) mod sampling;
pub(crate) mod state;

/// The statuses of HTTP that the Agent keeps; others are none.
pub(crate) const HTTP_STATUSES: std::ops::RangeInclusive<i64> = 100..=599;
