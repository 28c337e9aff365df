//! Links and events -> the tags that hold them as JSON text.
//!
//! The v0.3 span has no field for either. A tag has a limit ([`MAX_VALUE`]), and JSON cut in the
//! middle is of no use, so whole entries are kept from the first on while they fit. An event that is
//! too big goes without its attributes, which then count as dropped.
//!
//! Source of the forms: `DataDog/datadog-agent`, `pkg/trace/transform/transform.go`.

use std::fmt;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Event, Link, TraceState};

use super::SpanTypes;
use super::hash::{KeySet, hash};
use super::ids::{Hex, nanoseconds};
use super::normalize::MAX_VALUE;
use super::tags::Name;
use super::text;

/// The name of an event that holds an exception, by the semantic conventions.
pub(crate) const EXCEPTION: &str = "exception";

/// Writes the `events` tag.
pub(crate) fn events<'o>(
    events: &[Event],
    types: SpanTypes,
    keys: &mut KeySet,
    out: &'o mut String,
) -> &'o str {
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
            members.attributes(&event.attributes, types, keys, text::push_json);
        } else {
            dropped += i64::try_from(event.attributes.len()).unwrap_or(i64::MAX);
        }
        members.close(dropped);
    })
}

/// Writes the `_dd.span_links` tag.
pub(crate) fn links<'o>(
    links: &[Link],
    types: SpanTypes,
    keys: &mut KeySet,
    out: &'o mut String,
) -> &'o str {
    entries(out, links, |out, link, whole| {
        let context = &link.span_context;
        let mut members = Members::open(out);
        members.text("trace_id", Hex::<32>::new(&context.trace_id().to_bytes()).as_str());
        members.text("span_id", Hex::<16>::new(&context.span_id().to_bytes()).as_str());
        let mut dropped = i64::from(link.dropped_attributes_count);
        if whole {
            if context.trace_state().into_iter().len() > 0 {
                members.key("tracestate");
                text::push_json_shown(
                    members.out,
                    format_args!("{}", Header(context.trace_state())),
                );
            }
            members.attributes(&link.attributes, types, keys, text::push_json_text);
        } else {
            dropped += i64::try_from(link.attributes.len()).unwrap_or(i64::MAX);
        }
        members.close(dropped);
    })
}

/// A trace state as its W3C header, without building it.
pub(crate) struct Header<'a>(pub(crate) &'a TraceState);

impl fmt::Display for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (key, value)) in self.0.into_iter().enumerate() {
            let separator = if number == 0 { "" } else { "," };
            write!(f, "{separator}{key}={value}")?;
        }
        Ok(())
    }
}

/// Writes a JSON list of whole entries, as many as fit into a tag.
fn entries<'o, T>(
    out: &'o mut String,
    list: &[T],
    mut write: impl FnMut(&mut String, &T, bool),
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

    /// Writes attributes as an object, if there are any; of equal keys the last.
    fn attributes(
        &mut self,
        list: &[KeyValue],
        types: SpanTypes,
        keys: &mut KeySet,
        push: impl Fn(&mut String, &opentelemetry::Value),
    ) {
        let key = |entry: usize| list[entry].key.as_str();
        keys.reset(list.len());
        for entry in 0..list.len() {
            keys.put(hash(key(entry)), entry, |other| key(other) == key(entry));
        }
        let is_last = |entry: usize| {
            keys.get(hash(key(entry)), |other| key(other) == key(entry)) == Some(entry)
        };
        let mut written = (0..list.len())
            .filter(|entry| is_last(*entry) && !Name::of(key(*entry)).is_secret(types))
            .peekable();
        if written.peek().is_none() {
            return;
        }
        self.key("attributes");
        let mut attributes = Members::open(self.out);
        for entry in written {
            attributes.key(key(entry));
            push(attributes.out, &list[entry].value);
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
        let list = [event(24_000), event(24_000), event(10)];
        let text = events(&list, SpanTypes::Agent, &mut KeySet::default(), &mut out);
        assert!(text.len() <= MAX_VALUE);
        let parsed: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(parsed.as_array().unwrap().len(), 3);
        assert_eq!(parsed[0]["dropped_attributes_count"], 1);
        assert_eq!(parsed[1]["dropped_attributes_count"], 2);
        assert!(parsed[1].get("attributes").is_none());
        assert_eq!(parsed[2]["attributes"]["exception.stacktrace"], "xxxxxxxxxx");
    }

    #[test]
    fn an_attribute_is_written_once_and_a_statement_not_where_nobody_hides_it() {
        let pairs = [("k", "old"), ("db.statement", "SELECT 'secret'"), ("k", "new")];
        let attributes = pairs.map(|(key, value)| KeyValue::new(key, value)).to_vec();
        let event = Event::new("query", UNIX_EPOCH, attributes, 0);
        for (types, json) in [
            (SpanTypes::Documented, r#"[{"name":"query","attributes":{"k":"new"}}]"#),
            (
                SpanTypes::Agent,
                r#"[{"name":"query","attributes":{"db.statement":"SELECT 'secret'","k":"new"}}]"#,
            ),
        ] {
            let mut out = String::new();
            assert_eq!(
                events(std::slice::from_ref(&event), types, &mut KeySet::default(), &mut out),
                json
            );
        }
    }

    #[test]
    fn entries_beyond_the_limit_are_left_out() {
        let mut out = String::new();
        let many: Vec<Event> = (0..5_000).map(|_| event(100)).collect();
        let text = events(&many, SpanTypes::Agent, &mut KeySet::default(), &mut out);
        let parsed: serde_json::Value = serde_json::from_str(text).unwrap();
        let kept = parsed.as_array().unwrap().len();
        assert!((100..5_000).contains(&kept), "{kept}");
    }
}
