//! Attributes of a span that decide about sampling.
//!
//! Source: `DataDog/dd-trace-rs`, `datadog-opentelemetry/src/mappings` (priority from the flag).

use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::attributes::Attribute;
use super::lookup::{decisive, is_set};
use crate::datadog::ids::is_local_root;

/// The attributes with which a user decides about a trace, the stronger first, and the priority that each
/// asks for.
const MANUAL: [(Attribute, f64); 2] = [(Attribute::ManualKeep, 2.0), (Attribute::ManualDrop, -1.0)];

/// Returns the attribute that says a priority, whatever the sampled flag says.
pub(crate) fn priority_attribute(priority: f64) -> KeyValue {
    KeyValue::new(Attribute::SamplingPriority.key(), priority)
}

/// Returns the priority that `manual.keep` or `manual.drop` asks for, with `true`, 1 or a text of either;
/// `find` looks an attribute up.
pub(crate) fn manual_priority<'v>(find: impl Fn(Attribute) -> Option<&'v Value>) -> Option<f64> {
    let asks = |known| find(known).and_then(is_set) == Some(true);
    MANUAL.into_iter().find(|(known, _)| asks(*known)).map(|(_, asked)| asked)
}

/// Returns true if a span names a priority itself, whatever was decided before; `find` looks an attribute up.
pub(crate) fn has_priority<'v>(
    span: &SpanData,
    find: impl Fn(Attribute) -> Option<&'v Value>,
) -> bool {
    const NUMBERS: [Attribute; 2] = [Attribute::SamplingPriority, Attribute::AskedSamplingPriority];
    NUMBERS.into_iter().any(|known| find(known).and_then(decisive).is_some())
        || is_local_root(span) && manual_priority(find).is_some()
}
