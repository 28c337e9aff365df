//! Reads spans of a chunk back and writes them anew: in the other wire, or as the head span of a new chunk.
//!
//! Slow and rare: a chunk is read only if it has to be cut or if the receiver turns out to want the other
//! wire. The bytes were written by this crate, so a chunk that cannot be read is a fault of ours.

use serde_json::{Map, Number, Value};

use super::msgpack;
use super::span::{Buffers, META, METRICS, SpanWriter};
use super::{Fields, Sink as _, Text, Wire, WireKind};

/// Tags of a head span that speak for its whole chunk. Source of their meaning: [`crate::mapping`].
const HEAD_TAGS: [&str; 4] = ["_dd.p.tid", "_dd.hostname", "language", "runtime-id"];
/// The start of further such tags: those of the trace, and the repository of the code.
const HEAD_PREFIXES: [&str; 2] = ["_dd.p.", "_dd.git."];
/// Numbers of a head span that speak for its whole chunk.
const HEAD_NUMBERS: [&str; 2] = ["_sampling_priority_v1", "process_id"];

/// A span that was read back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReadSpan(Map<String, Value>);

/// Reads the spans of one chunk. `chunk` is the list alone.
pub(crate) fn read_chunk(wire: WireKind, chunk: &[u8]) -> Option<Vec<ReadSpan>> {
    let value = match wire {
        WireKind::Json => serde_json::from_slice(chunk).ok()?,
        WireKind::MessagePack => msgpack::read(chunk)?,
    };
    let Value::Array(spans) = value else { return None };
    let span = |span| if let Value::Object(fields) = span { Some(ReadSpan(fields)) } else { None };
    spans.into_iter().map(span).collect()
}

/// Reads one span.
pub(crate) fn read_span(wire: WireKind, span: &[u8]) -> Option<ReadSpan> {
    let value = match wire {
        WireKind::Json => serde_json::from_slice(span).ok()?,
        WireKind::MessagePack => msgpack::read(span)?,
    };
    if let Value::Object(fields) = value { Some(ReadSpan(fields)) } else { None }
}

impl ReadSpan {
    /// Makes it the head span of a chunk that was cut off the one of `head`. Facts of its own stay.
    pub(crate) fn make_head(&mut self, head: &Self) {
        for (map, is_fact) in [
            (META, is_head_tag as fn(&str) -> bool),
            (METRICS, (|key| HEAD_NUMBERS.contains(&key)) as fn(&str) -> bool),
        ] {
            let Some(own) = self.0.get_mut(map).and_then(Value::as_object_mut) else { continue };
            for (key, value) in head.map(map).filter(|(key, _)| is_fact(key)) {
                own.entry(key.as_str()).or_insert_with(|| value.clone());
            }
        }
    }

    /// Writes the span.
    pub(crate) fn write<W: Wire>(&self, out: &mut Vec<u8>, buffers: &mut Buffers) {
        let mut writer = SpanWriter::<W>::new(out, buffers);
        for (key, value) in self.map(META) {
            writer.text(key, value.as_str().unwrap_or(""));
        }
        for (key, value) in self.map(METRICS) {
            if let Some(number) = value.as_f64() {
                writer.metric(Text::Str(key), number);
            }
        }
        writer.finish(&Fields {
            service: self.text("service"),
            name: self.text("name"),
            resource: self.text("resource"),
            span_type: self.text("type"),
            trace_id: self.number("trace_id", Number::as_u64),
            span_id: self.number("span_id", Number::as_u64),
            parent_id: self.number("parent_id", Number::as_u64),
            start: self.number("start", Number::as_i64),
            duration: self.number("duration", Number::as_i64),
            error: i32::from(self.number("error", Number::as_i64) != 0),
        });
    }

    #[cfg(test)]
    pub(super) fn has_tag(&self, key: &str) -> bool {
        self.map(META).any(|(name, _)| name == key)
    }

    #[cfg(test)]
    pub(super) fn has_number(&self, key: &str) -> bool {
        self.map(METRICS).any(|(name, _)| name == key)
    }

    #[cfg(test)]
    pub(super) fn id(&self, field: &str) -> u64 {
        self.number(field, Number::as_u64)
    }

    fn map(&self, field: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.0.get(field).and_then(Value::as_object).into_iter().flatten()
    }

    fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or("")
    }

    fn number<T: Default>(&self, field: &str, read: fn(&Number) -> Option<T>) -> T {
        let Some(Value::Number(number)) = self.0.get(field) else { return T::default() };
        read(number).unwrap_or_default()
    }
}

fn is_head_tag(key: &str) -> bool {
    HEAD_TAGS.contains(&key) || HEAD_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}
