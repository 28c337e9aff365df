//! Links and events -> the tags that hold them as JSON text.
//!
//! The v0.3 span has no field for either. A tag has a limit ([`MAX_VALUE`]), and JSON cut in the
//! middle is of no use, so entries are kept from the first on while they fit: whole, else with their long
//! values cut ([`Detail`]), else without attributes, which then count as dropped. Entries that are left out
//! are counted by the caller.
//!
//! Source of the forms: `DataDog/datadog-agent`, `pkg/trace/transform/transform.go`.

use std::fmt;

use opentelemetry::trace::{Event, Link, TraceState};
use opentelemetry::{Array, KeyValue, Value};

use super::drivers::Source;
use super::errors::{Split, is_location, is_no_stack};
use super::key_set::{KeySet, hash};
use super::normalize::{CUT_MARK, MAX_KEY, MAX_VALUE, cut};
use super::redact::{Nest, Redactor};
use super::text;
use crate::datadog::ids::{Hex, nanoseconds};

/// The name of an event that holds an exception, by the semantic conventions.
pub(crate) const EXCEPTION: &str = "exception";

/// Longest value in an entry that does not fit whole, in bytes: a message whole, and where a stack begins.
const MAX_SHORT: usize = 2_000;

/// The part of an entry that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    /// All of it.
    Whole,
    /// Texts up to [`MAX_SHORT`]; longer lists are dropped.
    Short,
    /// All but its attributes.
    Bare,
}

/// Writes events and links.
pub(crate) struct Writer<'w> {
    pub(crate) keys: &'w mut KeySet,
    pub(crate) redactor: &'w mut Redactor,
    pub(crate) nest: Nest<'w>,
}

impl Writer<'_> {
    /// Writes the `events` tag; says how many events it has.
    pub(crate) fn events<'o>(&mut self, events: &[Event], out: &'o mut String) -> (&'o str, usize) {
        entries(out, events, |out, event, detail| {
            let nest = Nest { source: Source::of(&event.attributes), ..self.nest };
            let mut members = Members::open(out, detail);
            let time = nanoseconds(event.timestamp);
            if time != 0 {
                members.number("time_unix_nano", time);
            }
            // A file and a line are in `code.*` already.
            if !is_location(&event.name) {
                let name = shown(&event.name, nest.split);
                let name = self.redactor.event_name(name, &nest.source);
                if !name.is_empty() {
                    members.text("name", name);
                }
            }
            let dropped = self.attributes(&mut members, &event.attributes, &nest, false);
            members.close(i64::from(event.dropped_attributes_count) + dropped);
        })
    }

    /// Writes the `_dd.span_links` tag; says how many links it has.
    pub(crate) fn links<'o>(&mut self, links: &[Link], out: &'o mut String) -> (&'o str, usize) {
        entries(out, links, |out, link, detail| {
            let context = &link.span_context;
            let mut members = Members::open(out, detail);
            members.text("trace_id", Hex::<32>::new(&context.trace_id().to_bytes()).as_str());
            members.text("span_id", Hex::<16>::new(&context.span_id().to_bytes()).as_str());
            if detail != Detail::Bare && context.trace_state().into_iter().len() > 0 {
                members.key("tracestate");
                let state = Header(context.trace_state());
                text::push_json_shown(members.out, format_args!("{state}"));
            }
            let nest = Nest { source: Source::of(&link.attributes), split: None, ..self.nest };
            let dropped = self.attributes(&mut members, &link.attributes, &nest, true);
            members.close(i64::from(link.dropped_attributes_count) + dropped);
        })
    }

    /// Writes attributes as an object, if there are any; of equal keys the last. On links all are texts. Says
    /// how many were dropped.
    fn attributes(
        &mut self,
        members: &mut Members<'_>,
        list: &[KeyValue],
        nest: &Nest<'_>,
        as_texts: bool,
    ) -> i64 {
        if members.detail == Detail::Bare {
            return i64::try_from(list.len()).unwrap_or(i64::MAX);
        }
        let Self { keys, redactor, .. } = self;
        let key = |entry: usize| shown_key(list[entry].key.as_str());
        keys.reset(list.len());
        for entry in 0..list.len() {
            keys.put(hash(key(entry).0.as_bytes()), entry, |other| key(other) == key(entry));
        }
        let is_last = |entry: usize| {
            keys.get(hash(key(entry).0.as_bytes()), |other| key(other) == key(entry)) == Some(entry)
        };
        let start = members.out.len();
        members.key("attributes");
        let mut attributes = Members::open(members.out, members.detail);
        let mut dropped = 0;
        for entry in (0..list.len()).filter(|entry| is_last(*entry)) {
            if text::is_full(attributes.out) {
                break;
            }
            dropped += attributes.attribute(&list[entry], redactor, nest, as_texts);
        }
        if attributes.out.len() == attributes.start {
            members.out.truncate(start);
        } else {
            attributes.out.push('}');
        }
        dropped
    }
}

/// Returns what of a text the error tags do not hold.
fn shown<'t>(text: &'t str, split: Option<Split<'t>>) -> &'t str {
    split.map_or(text, |split| split.shown(text))
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

/// Writes a JSON list of entries, as many as fit into a tag; says how many.
fn entries<'o, T>(
    out: &'o mut String,
    list: &[T],
    mut write: impl FnMut(&mut String, &T, Detail),
) -> (&'o str, usize) {
    /// Room for the closing bracket.
    const LIMIT: usize = MAX_VALUE - 1;
    out.clear();
    out.push('[');
    let fitting = list.iter().take_while(|entry| {
        let start = out.len();
        let fits = [Detail::Whole, Detail::Short, Detail::Bare].into_iter().any(|detail| {
            out.truncate(start);
            if start > 1 {
                out.push(',');
            }
            write(out, entry, detail);
            out.len() <= LIMIT
        });
        if !fits {
            out.truncate(start);
        }
        fits
    });
    let written = fitting.count();
    out.push(']');
    (out, written)
}

/// Returns a key within the limit of tags, and the mark behind it if it was cut.
fn shown_key(key: &str) -> (&str, &'static str) {
    if key.len() <= MAX_KEY { (key, "") } else { (cut(key, MAX_KEY), CUT_MARK) }
}

/// Appends a JSON string of at most [`MAX_SHORT`] bytes, and a mark where it is cut.
fn push_short(out: &mut String, text: &str) {
    if text.len() <= MAX_SHORT {
        return text::push_json_str(out, text);
    }
    text::push_json_shown(out, format_args!("{}{CUT_MARK}", cut(text, MAX_SHORT)));
}

/// The members of one JSON object.
struct Members<'o> {
    out: &'o mut String,
    start: usize,
    detail: Detail,
}

impl<'o> Members<'o> {
    fn open(out: &'o mut String, detail: Detail) -> Self {
        out.push('{');
        let start = out.len();
        Self { out, start, detail }
    }

    fn key(&mut self, key: &str) {
        self.cut_key((key, ""));
    }

    /// Writes a key with the mark behind it.
    fn cut_key(&mut self, (key, mark): (&str, &'static str)) {
        if self.out.len() > self.start {
            self.out.push(',');
        }
        match mark {
            "" => text::push_json_str(self.out, key),
            mark => text::push_json_shown(self.out, format_args!("{key}{mark}")),
        }
        self.out.push(':');
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.value(value);
    }

    fn value(&mut self, value: &str) {
        match self.detail {
            Detail::Whole => text::push_json_str(self.out, value),
            Detail::Short | Detail::Bare => push_short(self.out, value),
        }
    }

    fn number(&mut self, key: &str, value: i64) {
        self.key(key);
        text::push_int(self.out, value);
    }

    /// Writes an attribute as it may be shown; says whether it was dropped, as 1 or 0.
    fn attribute(
        &mut self,
        attribute: &KeyValue,
        redactor: &mut Redactor,
        nest: &Nest<'_>,
        as_texts: bool,
    ) -> i64 {
        let before = self.out.len();
        let key = attribute.key.as_str();
        match &attribute.value {
            value if is_no_stack(key, value) => return 0,
            Value::String(text) => {
                let text = shown(text.as_str(), nest.split);
                if let Some(shown) = redactor.nested(key, text, nest) {
                    self.cut_key(shown_key(key));
                    self.value(shown);
                }
                return 0;
            }
            _ if redactor.hides(key, nest) => return 0,
            _ => self.cut_key(shown_key(key)),
        }
        let start = self.out.len();
        match &attribute.value {
            Value::Array(Array::String(items)) if !as_texts => redactor.push_list(self.out, items),
            // Rare enough for a temporary.
            value @ Value::Array(_) if as_texts => {
                let text = &mut String::new();
                text::push_json_str(self.out, redactor.tag(None, value, nest.query, text));
            }
            value if as_texts => text::push_json_text(self.out, value),
            value => text::push_json(self.out, value),
        }
        let is_dropped = self.detail == Detail::Short
            && matches!(attribute.value, Value::Array(_))
            && self.out.len() - start > MAX_SHORT;
        if is_dropped {
            self.out.truncate(before);
        }
        is_dropped.into()
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

    use super::super::Obfuscation;
    use super::super::obfuscate::{Language, Query, QuerySecrets};
    use super::*;

    fn events<'o>(
        list: &[Event],
        obfuscation: Obfuscation,
        out: &'o mut String,
    ) -> (&'o str, usize) {
        let (mut keys, mut redactor) =
            (KeySet::default(), Redactor::new(obfuscation, &QuerySecrets::Redacted));
        let (language, query) = (Language::Unknown, Query::Kept);
        let nest = Nest { source: Source::default(), language, query, split: None };
        Writer { keys: &mut keys, redactor: &mut redactor, nest }.events(list, out)
    }

    fn event(size: usize) -> Event {
        let attribute = KeyValue::new("exception.stacktrace", "x".repeat(size));
        Event::new(EXCEPTION, UNIX_EPOCH + Duration::from_nanos(5), vec![attribute], 1)
    }

    /// Returns the events tag, and how many events it has.
    fn written(list: &[Event]) -> (serde_json::Value, usize) {
        let mut out = String::new();
        let (text, count) = events(list, Obfuscation::Agent, &mut out);
        assert!(text.len() <= MAX_VALUE);
        let parsed: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(parsed.as_array().unwrap().len(), count);
        (parsed, count)
    }

    #[test]
    fn the_tag_stays_json_within_the_limit_and_what_does_not_fit_is_cut() {
        let (parsed, count) = written(&[event(23_000), event(24_000), event(10)]);
        assert_eq!((count, &parsed[0]["dropped_attributes_count"]), (3, &1.into()));
        let stack = |entry: usize| parsed[entry]["attributes"]["exception.stacktrace"].as_str();
        assert_eq!(stack(0).map(str::len), Some(23_000));
        // Room is left for a bare one only, and then for a small one.
        assert_eq!((stack(1), &parsed[1]["dropped_attributes_count"]), (None, &2.into()));
        assert_eq!(stack(2), Some("xxxxxxxxxx"));
    }

    #[test]
    fn a_long_text_in_an_event_is_cut_and_its_neighbours_stay() {
        let mut long = event(200_000);
        let words: Vec<opentelemetry::StringValue> = vec!["word".into(); 1_000];
        long.attributes.extend([
            KeyValue::new("exception.message", "no"),
            KeyValue::new("many", Value::Array(words.into())),
            KeyValue::new("k".repeat(100_000), 7),
        ]);
        let (parsed, count) = written(&[long]);
        let attributes = &parsed[0]["attributes"];
        let stack = attributes["exception.stacktrace"].as_str().unwrap();
        assert_eq!((count, stack.len(), stack.ends_with("x...")), (1, 2_003, true));
        assert_eq!(
            (&attributes["exception.message"], attributes.get("many")),
            (&"no".into(), None)
        );
        assert_eq!(attributes[format!("{}...", "k".repeat(200))], 7);
        // The one that was dropped before, and the list.
        assert_eq!(parsed[0]["dropped_attributes_count"], 2);
    }

    #[test]
    fn an_event_with_a_name_beyond_all_limits_is_there() {
        let event = Event::new("n".repeat(1 << 20), UNIX_EPOCH, vec![], 0);
        let (parsed, count) = written(&[event]);
        assert_eq!((count, parsed[0]["name"].as_str().map(str::len)), (1, Some(2_003)));
    }

    #[test]
    fn an_attribute_is_written_once_and_a_statement_without_its_literals() {
        let pairs = [("k", "old"), ("db.statement", "SELECT 'secret'"), ("k", "new")];
        let attributes = pairs.map(|(key, value)| KeyValue::new(key, value)).to_vec();
        let event = Event::new("query", UNIX_EPOCH, attributes, 0);
        for (obfuscation, json) in [
            (
                Obfuscation::Exporter,
                r#"[{"name":"query","attributes":{"db.statement":"SELECT ?","k":"new"}}]"#,
            ),
            (
                Obfuscation::Agent,
                r#"[{"name":"query","attributes":{"db.statement":"SELECT 'secret'","k":"new"}}]"#,
            ),
        ] {
            let mut out = String::new();
            let list = std::slice::from_ref(&event);
            assert_eq!(events(list, obfuscation, &mut out), (json, 1));
        }
    }

    #[test]
    fn entries_beyond_the_limit_are_left_out() {
        let many: Vec<Event> = (0..5_000).map(|_| event(100)).collect();
        let (_, kept) = written(&many);
        assert!((100..5_000).contains(&kept), "{kept}");
    }
}
