//! The table of error sources as Markdown, for the page `src/docs/mapping.md`.

use super::sources::{ABOUT_EVENT, ERROR_LEVELS, LEVEL, SAYING_NOTHING, Source, TAGS, Tag};
use crate::mapping::reference::{code, table};

/// Returns the sources of each tag, in order.
pub(in crate::mapping) fn errors() -> String {
    let rows = TAGS.iter().flat_map(|tag| {
        let first = format!("{} of the span, whatever the status", code(tag.replaced_by.key()));
        let others = tag.sources.iter().map(described);
        let steps = std::iter::once(first).chain(others).enumerate();
        steps.map(|(step, text)| [names(tag), (step + 1).to_string(), text])
    });
    table(["tag", "step", "source"], rows)
}

/// Returns the words that decide which events are errors, and which texts say nothing.
pub(in crate::mapping) fn words() -> String {
    let rows = [
        ("attributes of an event that hold its level", LEVEL),
        ("levels of errors, in any case", ERROR_LEVELS),
        (
            "attributes that say where an event was written, also by the beginning of the key",
            ABOUT_EVENT,
        ),
        ("texts that say nothing", SAYING_NOTHING),
    ];
    table(["what", "words"], rows.map(|(what, words)| [what.to_owned(), list(words)]))
}

fn described(source: &Source) -> String {
    match source {
        Source::Span(keys) => format!("{} of the span", list(keys)),
        Source::SpanUnlessCopied(keys) => format!(
            "{} of the span, unless there is an error event and an event has the same `exception.message`",
            list(keys)
        ),
        Source::Event(keys) => format!("{} of the error event", list(keys)),
        Source::EventWord(words) => {
            format!("an attribute of the error event whose last word is {}", list(words))
        }
        Source::EventText => "the text of the error event, which is its name".to_owned(),
        Source::EventOnlyText => {
            "the attribute of the error event that is its only text".to_owned()
        }
        Source::RestOfMessage => "the part of the message's text behind the message".to_owned(),
        Source::StatusText => "the status description".to_owned(),
        Source::OtherEvent(keys) => {
            format!("{} of the last log event at another level that has one", list(keys))
        }
        Source::HttpStatus => "the HTTP status with its phrase".to_owned(),
        Source::GrpcStatus => "the gRPC status with its name, unless it is `OK`".to_owned(),
    }
}

fn names(tag: &Tag) -> String {
    let names: Vec<_> = tag.tags.iter().map(|known| known.key()).collect();
    list(&names)
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| code(word)).collect::<Vec<_>>().join(", ")
}
