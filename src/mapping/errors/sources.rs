//! Tables: where the texts of the error tags come from, and the words that tell what they are.

use opentelemetry::{Array, Value};

use crate::mapping::attributes::{Attribute, AttributeSet};

/// An error tag, and where its text comes from.
pub(crate) struct Tag {
    /// The attribute that beats all sources, whatever the status; removed from the span.
    pub(crate) replaced_by: Attribute,
    /// The tags that all get the same text.
    pub(crate) tags: &'static [Attribute],
    pub(super) sources: &'static [Source],
}

/// A place where the text of an error tag may stand. Of several keys the first that has a text counts.
pub(super) enum Source {
    /// Attributes of the span.
    Span(&'static [&'static str]),
    /// Attributes of the span that `tracing-opentelemetry` copies from its events: not read if they are such
    /// a copy and an event is an error, since the copy may be of an event that is none.
    SpanUnlessCopied(&'static [&'static str]),
    /// Attributes of the error event: the last event that is an error.
    Event(&'static [&'static str]),
    /// Attributes of the error event whose keys end with one of these words.
    EventWord(&'static [&'static str]),
    /// The name of the error event, which is its text under `tracing`.
    EventText,
    /// The only attribute of the error event that is a text, apart from those about the log event itself.
    EventOnlyText,
    /// The part of the message's text that is more than a message.
    RestOfMessage,
    /// The status description.
    StatusText,
    /// Attributes of the last log event at any other level that has one of them.
    OtherEvent(&'static [&'static str]),
    /// The HTTP status with its phrase.
    HttpStatus,
    /// The gRPC status with its name, unless it is OK.
    GrpcStatus,
}

pub(super) use Source::{
    Event as OfEvent, EventOnlyText, EventText, EventWord, GrpcStatus, HttpStatus, OtherEvent,
    RestOfMessage, Span, SpanUnlessCopied, StatusText,
};

/// The error tags. `error.msg` is the older name of `error.message`.
#[rustfmt::skip]
pub(crate) const TAGS: [Tag; 3] = [
    Tag { replaced_by: Attribute::DatadogErrorMessage, tags: &[Attribute::ErrorMessage, Attribute::ErrorMsg], sources: &[
        Span(&["error.message", "error.msg"]),
        SpanUnlessCopied(&["exception.message"]),
        Span(&["error", "err"]),
        OfEvent(&["exception.message", "error.message", "error.msg", "error_message", "error_msg", "err.message", "err.msg"]),
        OfEvent(&["error", "err", "e", "ex", "exception", "failure", "panic.payload"]),
        // `response failed` of `tower-http`.
        OfEvent(&["classification"]),
        EventWord(&["error", "err"]),
        OfEvent(&["log.message", "message"]),
        EventText,
        OfEvent(&["cause", "source", "reason"]),
        StatusText,
        EventOnlyText,
        OtherEvent(&["exception.message", "error.message", "error", "err"]),
        HttpStatus,
        GrpcStatus,
    ] },
    // The events of `tracing` know no type, but the module that reported the error: it groups as well.
    Tag { replaced_by: Attribute::DatadogErrorType, tags: &[Attribute::ErrorType], sources: &[
        Span(&["error.type"]),
        SpanUnlessCopied(&["exception.type"]),
        Span(&["error.kind"]),
        OfEvent(&["exception.type", "error.type", "error.kind", "target"]),
    ] },
    Tag { replaced_by: Attribute::DatadogErrorStack, tags: &[Attribute::ErrorStack], sources: &[
        Span(&["error.stack", "error.stacktrace", "error.backtrace"]),
        SpanUnlessCopied(&["exception.stacktrace"]),
        OfEvent(&["exception.stacktrace", "exception.backtrace", "error.stack", "error.stacktrace", "error.backtrace"]),
        OfEvent(&["panic.backtrace", "stacktrace", "stack_trace", "backtrace", "stack"]),
        RestOfMessage,
        Span(&["exception.details", "error.details", "error.cause_chain", "error.chain", "err.chain"]),
        OfEvent(&["exception.details", "error.details"]),
        EventWord(&["chain"]),
    ] },
];

/// The attributes that beat all sources.
pub(crate) const OVERRIDES: AttributeSet =
    AttributeSet::of(&[TAGS[0].replaced_by, TAGS[1].replaced_by, TAGS[2].replaced_by]);

/// The beginnings of all keys of [`Span`] and [`SpanUnlessCopied`]: few spans have any of them.
pub(super) const OF_SPAN: [&str; 2] = ["err", "exception."];

/// The keys under which log events have their level.
pub(super) const LEVEL: &[&str] =
    &["level", "lvl", "severity", "severity_text", "log.level", "log.severity"];

/// The levels of errors, in any case.
pub(super) const ERROR_LEVELS: &[&str] = &["error", "err", "fatal", "critical", "panic"];

/// Attributes that say where a log event was written: keys, and beginnings of keys that end with a dot.
pub(super) const ABOUT_EVENT: &[&str] =
    &["target", "code.", "thread.", "log.", "module_path", "file", "line"];

/// Texts that say nothing: of flags, of values that are absent, and of backtraces that nobody captured.
#[rustfmt::skip]
pub(super) const SAYING_NOTHING: &[&str] = &[
    "true", "false", "[]", "None", "null", "()", "disabled backtrace", "unsupported backtrace",
    "<disabled>", "<unsupported>",
];

/// Returns whether a level is that of an error.
pub(super) fn is_error(level: &str) -> bool {
    ERROR_LEVELS.iter().any(|error| error.eq_ignore_ascii_case(level))
}

/// Returns whether an attribute holds a stack that is none: the causes of an error without a cause, for example.
#[inline]
pub(crate) fn is_no_stack(key: &str, value: &Value) -> bool {
    let is_empty = match value {
        Value::Array(Array::String(lines)) => lines.is_empty(),
        Value::String(text) => text.as_str() == "[]",
        _ => false,
    };
    is_empty && is_stack(key)
}

/// Returns whether a key is a source of `error.stack`.
fn is_stack(key: &str) -> bool {
    let is_row = |source: &Source| match source {
        Span(keys) | SpanUnlessCopied(keys) | OfEvent(keys) => keys.contains(&key),
        EventWord(words) => words.contains(&last_word(key)),
        _ => false,
    };
    TAGS[2].sources.iter().any(is_row)
}

/// Returns the last word of a key.
pub(super) fn last_word(key: &str) -> &str {
    key.rsplit(['.', '_']).next().unwrap_or(key)
}

/// Returns whether a text tells anything about an error.
pub(crate) fn says_something(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && !SAYING_NOTHING.contains(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_a_span_has_one_of_the_beginnings() {
        for source in TAGS.iter().flat_map(|tag| tag.sources) {
            if let Span(keys) | SpanUnlessCopied(keys) = source {
                let is_found = |key: &&str| OF_SPAN.iter().any(|start| key.starts_with(start));
                assert!(keys.iter().all(is_found), "{keys:?}");
            }
        }
    }
}
