//! A span as it arrived: the fields of the wire format, typed.
//!
//! Nothing is normalised here: what the Agent would make of it is [`StoredTrace`](super::StoredTrace).
use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A span as the Agent decoded it, before any normalisation.
///
/// # Examples
///
/// ```
/// use datadog_test_agent::ReceivedSpan;
///
/// let span = ReceivedSpan { name: "web.request".to_owned(), trace_id: 1, span_id: 2, ..ReceivedSpan::default() };
/// assert!(span.to_json().contains(r#""name": "web.request""#));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReceivedSpan {
    /// The service that produced the span.
    pub service: String,
    /// The operation name.
    pub name: String,
    /// The object of the operation, such as a route or a statement.
    pub resource: String,
    /// The kind of component; the field `type` on the wire.
    pub span_type: String,
    /// The low 64 bits of the trace id. The high 64 bits are the text tag `_dd.p.tid`.
    pub trace_id: u64,
    /// The id of the span.
    pub span_id: u64,
    /// The id of the parent span; 0 for none.
    pub parent_id: u64,
    /// The start of the span, in nanoseconds since 1970.
    pub start: i64,
    /// The duration of the span, in nanoseconds.
    pub duration: i64,
    /// The mark of a failure: the Agent takes everything but 0 for one.
    pub error: i32,
    /// The text tags.
    pub meta: BTreeMap<String, String>,
    /// The number tags.
    pub metrics: BTreeMap<String, f64>,
    /// The structured tags: MessagePack documents, not looked into.
    pub meta_struct: BTreeMap<String, Vec<u8>>,
    /// The native span links, checked for their types, as JSON objects.
    pub span_links: Vec<Value>,
    /// The native span events, checked for their types, as JSON objects.
    pub span_events: Vec<Value>,
}

/// The text tag with the high 64 bits of the trace id, as 16 hex digits.
pub(super) const TRACE_ID_HIGH: &str = "_dd.p.tid";

impl ReceivedSpan {
    /// Returns the span as indented JSON, with the field names of the wire.
    ///
    /// Structured tags appear as their length in bytes. Native links and events appear only where
    /// there are some.
    pub fn to_json(&self) -> String {
        let mut span = json!({
            "service": self.service,
            "name": self.name,
            "resource": self.resource,
            "type": self.span_type,
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "parent_id": self.parent_id,
            "start": self.start,
            "duration": self.duration,
            "error": self.error,
            "meta": self.meta,
            "metrics": self.metrics,
        });
        if !self.meta_struct.is_empty() {
            span["meta_struct"] =
                self.meta_struct.iter().map(|(key, value)| (key.clone(), value.len())).collect();
        }
        if !self.span_links.is_empty() {
            span["span_links"] = Value::from(self.span_links.clone());
        }
        if !self.span_events.is_empty() {
            span["span_events"] = Value::from(self.span_events.clone());
        }
        format!("{span:#}")
    }

    /// Returns the end of the span in nanoseconds since 1970, at most the largest `i64`.
    pub(super) fn end(&self) -> i64 {
        self.start.saturating_add(self.duration.max(0))
    }
}

/// Returns the high 64 bits of the trace id of these spans: those of the first span that has them.
pub(super) fn trace_id_high<'a>(spans: impl IntoIterator<Item = &'a ReceivedSpan>) -> Option<u64> {
    let text = spans.into_iter().find_map(|span| span.meta.get(TRACE_ID_HIGH))?;
    u64::from_str_radix(text, 16).ok()
}
