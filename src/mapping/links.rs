//! Links and events -> the tags that hold them as JSON text.
//!
//! The v0.3 span has no field for either. A tag has a limit ([`MAX_VALUE`]), and JSON cut in the
//! middle is of no use, so whole entries are kept from the first on while they fit. An event that is
//! too big goes without its attributes, which then count as dropped.
//!
//! Source of the forms: `DataDog/datadog-agent`, `pkg/trace/transform/transform.go`.

use opentelemetry::KeyValue;
use opentelemetry::trace::{Event, Link, TraceState};

use super::ids::{Hex, nanoseconds};
use super::normalize::MAX_VALUE;
use super::text;

/// The name of an event that holds an exception, by the semantic conventions.
pub(crate) const EXCEPTION: &str = "exception";

/// Writes the `events` tag.
pub(crate) fn events<'o>(events: &[Event], out: &'o mut String) -> &'o str {
    entries(out, events, |out, event, whole| {
        let mut members = Members::open(out);
        let time = nanoseconds(event.timestamp);
        if time != 0 {
            members.number("time_unix_nano", time);
        }
        if !event.name.is_empty() {
            members.text("name", &event.name);
        }
        let mut dropped = i64::from(event.dropped_attributes_count);
        if whole {
            members.attributes(&event.attributes, text::push_json);
        } else {
            dropped += i64::try_from(event.attributes.len()).unwrap_or(i64::MAX);
        }
        members.close(dropped);
    })
}

/// Writes the `_dd.span_links` tag.
pub(crate) fn links<'o>(links: &[Link], out: &'o mut String) -> &'o str {
    entries(out, links, |out, link, whole| {
        let context = &link.span_context;
        let mut members = Members::open(out);
        members.text("trace_id", Hex::<32>::new(&context.trace_id().to_bytes()).as_str());
        members.text("span_id", Hex::<16>::new(&context.span_id().to_bytes()).as_str());
        let mut dropped = i64::from(link.dropped_attributes_count);
        if whole {
            // Rare enough for a temporary: a link with a trace state.
            let state = context.trace_state().header();
            if !state.is_empty() {
                members.text("tracestate", &state);
            }
            members.attributes(&link.attributes, text::push_json_text);
        } else {
            dropped += i64::try_from(link.attributes.len()).unwrap_or(i64::MAX);
        }
        members.close(dropped);
    })
}

/// Writes a trace state as its W3C header.
pub(crate) fn trace_state<'o>(state: &TraceState, out: &'o mut String) -> &'o str {
    out.clear();
    for (key, value) in state {
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(key);
        out.push('=');
        out.push_str(value);
    }
    out
}

/// Writes a JSON list of whole entries, as many as fit into a tag.
fn entries<'o, T>(
    out: &'o mut String,
    list: &[T],
    write: impl Fn(&mut String, &T, bool),
) -> &'o str {
    /// Room for the closing bracket.
    const LIMIT: usize = MAX_VALUE - 1;
    out.clear();
    out.push('[');
    for entry in list {
        let start = out.len();
        for whole in [true, false] {
            out.truncate(start);
            if start > 1 {
                out.push(',');
            }
            write(out, entry, whole);
            if out.len() <= LIMIT {
                break;
            }
        }
        if out.len() > LIMIT {
            out.truncate(start);
            break;
        }
    }
    out.push(']');
    out
}

/// The members of one JSON object.
struct Members<'o> {
    out: &'o mut String,
    start: usize,
}

impl<'o> Members<'o> {
    fn open(out: &'o mut String) -> Self {
        out.push('{');
        let start = out.len();
        Self { out, start }
    }

    fn key(&mut self, key: &str) {
        if self.out.len() > self.start {
            self.out.push(',');
        }
        text::push_json_str(self.out, key);
        self.out.push(':');
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        text::push_json_str(self.out, value);
    }

    fn number(&mut self, key: &str, value: i64) {
        self.key(key);
        text::push_int(self.out, value);
    }

    /// Writes attributes as an object; of equal keys a JSON reader takes the last, as we do.
    fn attributes(&mut self, list: &[KeyValue], push: impl Fn(&mut String, &opentelemetry::Value)) {
        if list.is_empty() {
            return;
        }
        self.key("attributes");
        let mut attributes = Members::open(self.out);
        for attribute in list {
            attributes.key(attribute.key.as_str());
            push(attributes.out, &attribute.value);
        }
        attributes.out.push('}');
    }

    fn close(mut self, dropped: i64) {
        if dropped > 0 {
            self.number("dropped_attributes_count", dropped);
        }
        self.out.push('}');
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn event(size: usize) -> Event {
        let attribute = KeyValue::new("exception.stacktrace", "x".repeat(size));
        Event::new(EXCEPTION, UNIX_EPOCH + Duration::from_nanos(5), vec![attribute], 1)
    }

    #[test]
    fn the_tag_stays_json_within_the_limit() {
        let mut out = String::new();
        let text = events(&[event(24_000), event(24_000), event(10)], &mut out);
        assert!(text.len() <= MAX_VALUE);
        let parsed: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(parsed.as_array().unwrap().len(), 3);
        assert_eq!(parsed[0]["dropped_attributes_count"], 1);
        assert_eq!(parsed[1]["dropped_attributes_count"], 2);
        assert!(parsed[1].get("attributes").is_none());
        assert_eq!(parsed[2]["attributes"]["exception.stacktrace"], "xxxxxxxxxx");
    }

    #[test]
    fn entries_beyond_the_limit_are_left_out() {
        let mut out = String::new();
        let many: Vec<Event> = (0..5_000).map(|_| event(100)).collect();
        let parsed: serde_json::Value = serde_json::from_str(events(&many, &mut out)).unwrap();
        let kept = parsed.as_array().unwrap().len();
        assert!((100..5_000).contains(&kept), "{kept}");
    }
}
