//! Span attributes, events and status -> the texts of the error tags.
//!
//! [`sources`] lists where each text may come from, in order; the first source that says something counts.
//! The report that `anyhow`, `eyre` and others write for `Debug` becomes a message and a stack
//! ([`report`]). A text of an event leaves as the tag `events` shows it: [`Text::push`] is the one door. Not
//! here: whether a span is an error ([`super::status`]).
//!
//! Sources: the fields that `tracing-opentelemetry` 0.17 to 0.34, `tower-http` 0.7, `tracing-actix-web` 0.7,
//! `reqwest-tracing` 0.7, `sqlx-tracing` 0.2, `sea-orm` 2.0, `mongodb` 3.9, `tracing-panic` 0.1 and the
//! semantic conventions use; for `exception` events `DataDog/dd-trace-rs`, `datadog-opentelemetry/src/mappings`.

#[cfg(test)]
pub(super) mod reference;
mod report;
mod sources;

use std::fmt::Write as _;
use std::ops::Range;

use opentelemetry::trace::Event;
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use self::report::{may_begin_with, push_clean, split};
use self::sources::{
    ABOUT_EVENT, EventOnlyText, EventText, EventWord, GrpcStatus, HttpStatus, LEVEL, OF_SPAN,
    OfEvent, OtherEvent, RestOfMessage, Source, Span, SpanUnlessCopied, StatusText, is_error,
    last_word,
};
pub(crate) use self::sources::{OVERRIDES, TAGS, Tag, is_no_stack, says_something};
use super::attributes::Attribute;
use super::drivers;
use super::links::EXCEPTION;
use super::lookup::string;
use super::normalize::MAX_VALUE;
use super::redact::Redactor;
use super::tags::Name;
use super::{Obfuscation, status};

/// The texts of the error tags of one span, as parts of one buffer, in the order of [`TAGS`].
#[derive(Debug, Default)]
pub(crate) struct Found<'a> {
    texts: [Range<usize>; TAGS.len()],
    /// The text that the message was taken from.
    whole: Option<&'a str>,
    /// True if the stack is the rest of that text.
    is_split: bool,
}

impl<'a> Found<'a> {
    /// Writes the texts for a failed span into `out`. The HTTP and the gRPC status are those of its response.
    pub(crate) fn of(
        span: &'a SpanData,
        (http_status, grpc_status): (Option<i64>, Option<&Value>),
        redactor: &mut Redactor,
        out: &mut String,
    ) -> Self {
        out.clear();
        let reader = Reader::new(span, http_status, grpc_status);
        let [message, kind, stack] = &TAGS;
        let mut found = Self::default();
        let mut rest = 0..0;
        if let Some(text) = message.sources.iter().find_map(|source| reader.read(source)) {
            let start = text.push(out, redactor);
            let parts = split(&out[start..]);
            found.texts[0] = moved(parts.message, start);
            rest = moved(parts.rest, start);
            found.whole = text.whole();
        }
        if let Some(text) = kind.sources.iter().find_map(|source| reader.read(source)) {
            found.texts[1] = text.push(out, redactor)..out.len();
        }
        for source in stack.sources {
            if matches!(source, RestOfMessage) && !rest.is_empty() {
                (found.texts[2], found.is_split) = (rest, true);
                break;
            }
            if let Some(text) = reader.read(source) {
                found.texts[2] = found.stack_from(&text, redactor, out);
                break;
            }
        }
        found
    }

    /// Writes a stack, without the message where it begins with that.
    fn stack_from(
        &self,
        text: &Text<'_>,
        redactor: &mut Redactor,
        out: &mut String,
    ) -> Range<usize> {
        let start = text.push(out, redactor);
        // Nearly every stack begins with a frame, and to split it costs more than to look at its first line.
        if !may_begin_with(&out[start..], &out[self.texts[0].clone()]) {
            return start..out.len();
        }
        let parts = split(&out[start..]);
        let is_message = out[moved(parts.message, start)] == out[self.texts[0].clone()];
        if is_message { moved(parts.rest, start) } else { start..out.len() }
    }

    /// Returns the text of a tag, empty if there is none.
    pub(crate) fn text<'t>(&self, tag: usize, buffer: &'t str) -> &'t str {
        &buffer[self.texts[tag].clone()]
    }

    /// Returns true if the message was taken from this text.
    pub(crate) fn is_from(&self, text: &str) -> bool {
        self.whole == Some(text)
    }

    /// Returns what stands for the text of the message everywhere else, if a part of it is the stack.
    pub(crate) fn split<'t>(&self, buffer: &'t str) -> Option<Split<'t>>
    where
        'a: 't,
    {
        let whole = self.whole.filter(|_| self.is_split)?;
        Some(Split { whole, message: self.text(0, buffer) })
    }
}

/// A text that is sent as message and stack. Everywhere else the message stands for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Split<'a> {
    whole: &'a str,
    message: &'a str,
}

impl<'a> Split<'a> {
    /// Returns the message in place of the text that was split, and any other text as it is.
    pub(crate) fn shown(self, text: &'a str) -> &'a str {
        if text == self.whole { self.message } else { text }
    }
}

fn moved(part: Range<usize>, by: usize) -> Range<usize> {
    part.start + by..part.end + by
}

/// A text that was found, and where.
enum Text<'a> {
    OfSpan(&'a Value),
    OfStatus(&'a str),
    OfEvent(&'a KeyValue, drivers::Source<'a>),
    EventName(&'a str, drivers::Source<'a>),
    HttpStatus(i64),
    GrpcStatus(usize, &'static str),
}

impl<'a> Text<'a> {
    /// Appends the text, of an event without the values that a driver wrote; returns where it begins.
    fn push(&self, out: &mut String, redactor: &mut Redactor) -> usize {
        let start = out.len();
        match *self {
            Self::OfEvent(KeyValue { key, value: Value::String(text), .. }, source) => {
                let shown = redactor.without_values(key.as_str(), text.as_str(), &source);
                push_clean(out, shown.unwrap_or(""));
            }
            Self::EventName(name, source) => {
                let shown = redactor.without_values(drivers::TEXT, name, &source);
                push_clean(out, shown.unwrap_or(""));
            }
            Self::OfSpan(value) => push_value(out, value),
            Self::OfEvent(attribute, _) => push_value(out, &attribute.value),
            Self::OfStatus(text) => push_clean(out, text),
            Self::HttpStatus(code) => write!(out, "{code}{}", status::reason(code))
                .expect("writing to a String cannot fail"),
            Self::GrpcStatus(code, name) => {
                write!(out, "{code} {name}").expect("writing to a String cannot fail");
            }
        }
        start
    }

    /// Returns the text as it was found, unless it is a list.
    fn whole(&self) -> Option<&'a str> {
        match *self {
            Self::OfSpan(value) => string(value),
            Self::OfEvent(attribute, _) => string(&attribute.value),
            Self::OfStatus(text) | Self::EventName(text, _) => Some(text),
            Self::HttpStatus(_) | Self::GrpcStatus(..) => None,
        }
    }
}

/// Appends a text, or a list of texts, a line each.
fn push_value(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => push_clean(out, text.as_str()),
        Value::Array(Array::String(lines)) => {
            let start = out.len();
            for line in lines {
                let separator = if out.len() == start { "" } else { "\n" };
                out.push_str(separator);
                push_clean(out, line.as_str());
                if out.len() - start > MAX_VALUE {
                    break;
                }
            }
        }
        _ => {}
    }
}

/// Reads sources.
struct Reader<'a> {
    span: &'a SpanData,
    /// The attributes of the span, if any of them is a source.
    attributes: &'a [KeyValue],
    /// The last event that is an error.
    event: Option<&'a Event>,
    /// The writer of that event.
    writer: drivers::Source<'a>,
    /// True if `exception.*` of the span are those of an event.
    is_copied: bool,
    http_status: Option<i64>,
    grpc_status: Option<(usize, &'static str)>,
}

impl<'a> Reader<'a> {
    fn new(span: &'a SpanData, http_status: Option<i64>, grpc_status: Option<&Value>) -> Self {
        let events = || span.events.iter().rev();
        let event = events()
            .find(|event| level(event).map_or_else(|| is_exception(event), is_error))
            // `tracing-opentelemetry` calls an event with an error and no text so, whatever its level.
            .or_else(|| events().find(|event| is_exception(event)));
        let is_source =
            |a: &KeyValue| OF_SPAN.iter().any(|start| a.key.as_str().starts_with(start));
        let any = span.attributes.iter().any(is_source);
        let attributes = if any { &span.attributes[..] } else { &[] };
        let key = Attribute::ExceptionMessage.key();
        let is_copied = event.is_some()
            && last(attributes, key).is_some_and(|own| {
                span.events.iter().any(|e| last(&e.attributes, key) == Some(own))
            });
        let grpc_status = grpc_status.and_then(status::grpc).filter(|(code, _)| *code != 0);
        let writer = event.map(|event| drivers::Source::of(&event.attributes)).unwrap_or_default();
        Self { span, attributes, event, writer, is_copied, http_status, grpc_status }
    }

    fn read(&self, source: &Source) -> Option<Text<'a>> {
        match *source {
            SpanUnlessCopied(_) if self.is_copied => None,
            Span(keys) | SpanUnlessCopied(keys) => {
                first(self.attributes, keys).map(|found| Text::OfSpan(&found.value))
            }
            OfEvent(keys) => {
                first(&self.event?.attributes, keys).map(|found| Text::OfEvent(found, self.writer))
            }
            EventWord(words) => {
                let is_meant = |key: &str| words.contains(&last_word(key));
                let mut attributes = self.event?.attributes.iter().rev();
                let found = attributes.find(|a| is_meant(a.key.as_str()) && says(&a.value))?;
                Some(Text::OfEvent(found, self.writer))
            }
            EventText => {
                let name = &*self.event?.name;
                let is_text = !is_exception(self.event?) && !is_location(name);
                (is_text && says_something(name)).then_some(Text::EventName(name, self.writer))
            }
            EventOnlyText => {
                let mut texts = self.event?.attributes.iter().filter(|attribute| is_own(attribute));
                let only = texts.next()?;
                texts.next().is_none().then_some(Text::OfEvent(only, self.writer))
            }
            StatusText => {
                let (_, description) = status::describe(&self.span.status);
                says_something(description).then_some(Text::OfStatus(description))
            }
            OtherEvent(keys) => {
                let mut events = self.span.events.iter().rev().filter(|e| level(e).is_some());
                events.find_map(|Event { attributes, .. }| {
                    let found = first(attributes, keys)?;
                    Some(Text::OfEvent(found, drivers::Source::of(attributes)))
                })
            }
            HttpStatus => self.http_status.map(Text::HttpStatus),
            GrpcStatus => self.grpc_status.map(|(code, name)| Text::GrpcStatus(code, name)),
            RestOfMessage => None,
        }
    }
}

fn is_exception(event: &Event) -> bool {
    event.name.eq_ignore_ascii_case(EXCEPTION)
}

/// Returns the level of a log event. Of several the first counts: a field may have the same name.
fn level(event: &Event) -> Option<&str> {
    let is_level = |attribute: &&KeyValue| LEVEL.contains(&attribute.key.as_str());
    event.attributes.iter().find(is_level).and_then(|attribute| string(&attribute.value))
}

/// Returns true if `tracing` gives an event without a text a name like this: `event src/main.rs:7`.
pub(crate) fn is_location(name: &str) -> bool {
    let place = name.strip_prefix("event ").and_then(|place| place.rsplit_once(':'));
    place.is_some_and(|(file, line)| {
        file.contains(".rs") && !line.is_empty() && line.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Returns true if a text of a log event is an attribute of its own.
fn is_own(attribute: &KeyValue) -> bool {
    let key = attribute.key.as_str();
    let is_begun = |row: &&str| key == *row || (row.ends_with('.') && key.starts_with(row));
    let is_about = LEVEL.contains(&key) || ABOUT_EVENT.iter().any(is_begun);
    // A statement is no text of an error, and nobody hides it there.
    !is_about && says(&attribute.value) && !Name::of(key).is_secret(Obfuscation::Exporter)
}

/// Returns the attribute of the first key that has a text.
fn first<'a>(list: &'a [KeyValue], keys: &[&str]) -> Option<&'a KeyValue> {
    keys.iter().find_map(|key| last(list, key).filter(|found| says(&found.value)))
}

fn last<'a>(list: &'a [KeyValue], key: &str) -> Option<&'a KeyValue> {
    list.iter().rev().find(|attribute| attribute.key.as_str() == key)
}

fn says(value: &Value) -> bool {
    match value {
        Value::String(text) => says_something(text.as_str()),
        Value::Array(Array::String(lines)) => {
            lines.iter().any(|line| says_something(line.as_str()))
        }
        _ => false,
    }
}
