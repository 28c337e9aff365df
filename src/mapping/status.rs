//! Status, exception event and HTTP status -> the error flag and the error tags.
//!
//! Only the status decides that a span is an error: an HTTP code alone does so where somebody asked for
//! it ([`super::statuses`]), an exception event never. The tags are filled where they are absent, from the sources of [`SOURCES`] in order.
//!
//! Sources: `DataDog/datadog-agent`, `pkg/trace/transform/transform.go`; exception events:
//! `DataDog/dd-trace-rs`, `datadog-opentelemetry/src/mappings`.

use opentelemetry::trace::{Event, Status};
use opentelemetry::{Array, Value};

use super::attributes::Known;
use super::links::EXCEPTION;
use super::lookup::{Lookup, is_set, nonempty, string};
use super::text;

/// One error tag: the override, the attributes that are the tag already, the member of the exception
/// event, and the span attribute of the same meaning.
pub(crate) struct Source {
    /// Removed from the span, beats all.
    pub(crate) replaced_by: Known,
    /// The tags that all get the same text.
    pub(crate) tags: &'static [Known],
    /// Attribute of the last exception event, and of the span where no event has it.
    exception: Known,
    /// Attribute of the event where neither has it.
    event: Option<&'static str>,
}

/// The error tags.
#[rustfmt::skip]
pub(crate) const SOURCES: [Source; 3] = [
    Source { replaced_by: Known::DatadogErrorMessage, tags: &[Known::ErrorMessage, Known::ErrorMsg], exception: Known::ExceptionMessage,    event: None },
    // The events of `tracing` know no type, but the module that reported the error: it groups as well.
    Source { replaced_by: Known::DatadogErrorType,    tags: &[Known::ErrorType],                     exception: Known::ExceptionType,       event: Some("target") },
    Source { replaced_by: Known::DatadogErrorStack,   tags: &[Known::ErrorStack],                    exception: Known::ExceptionStacktrace, event: None },
];

impl Source {
    /// Finds the text of the tag, except what an attribute of its own name says. A list of texts, such as
    /// the causes of an error in `tracing`, is joined in `out`, a line each.
    pub(crate) fn text<'t>(
        &self,
        attributes: &Lookup<'_, 't>,
        events: &'t [Event],
        out: &'t mut String,
    ) -> Option<&'t str> {
        let event = events.iter().rev().find(|event| event.name.eq_ignore_ascii_case(EXCEPTION));
        let of_event = |key: &str| {
            let attributes = &event?.attributes;
            attributes
                .iter()
                .rev()
                .find(|attribute| attribute.key.as_str() == key)
                .map(|found| &found.value)
        };
        let found = of_event(self.exception.key())
            .filter(|value| is_text(value))
            .or_else(|| attributes.span(self.exception).filter(|value| is_text(value)))
            .or_else(|| of_event(self.event?).filter(|value| is_text(value)))?;
        match found {
            Value::Array(Array::String(lines)) => {
                out.clear();
                for line in lines {
                    if text::is_full(out) {
                        break;
                    }
                    let separator = if out.is_empty() { "" } else { "\n" };
                    out.push_str(separator);
                    text::push(out, line.as_str());
                }
                nonempty(out)
            }
            value => string(value),
        }
    }
}

fn is_text(value: &Value) -> bool {
    string(value).is_some()
        || matches!(value, Value::Array(Array::String(lines)) if !lines.is_empty())
}

/// Returns the error flag that an attribute sets, whatever the status is.
pub(crate) fn flag(attributes: &Lookup<'_, '_>) -> Option<bool> {
    attributes.span(Known::DatadogError).and_then(is_set)
}

/// Returns the name and the description of a status.
pub(crate) fn describe(status: &Status) -> (&'static str, &str) {
    match status {
        Status::Unset => ("Unset", ""),
        Status::Ok => ("Ok", ""),
        Status::Error { description } => ("Error", description),
    }
}

/// Returns the reason phrase of an HTTP status code, with the space before it.
pub(crate) fn reason(code: i64) -> &'static str {
    REASONS.binary_search_by_key(&code, |&(known, _)| known).map_or("", |row| REASONS[row].1)
}

/// The phrases of Go's `net/http`, which the Agent uses (IANA registry and two of `WebDAV`).
#[rustfmt::skip]
const REASONS: &[(i64, &str)] = &[
    (100, " Continue"), (101, " Switching Protocols"), (102, " Processing"), (103, " Early Hints"),
    (200, " OK"), (201, " Created"), (202, " Accepted"), (203, " Non-Authoritative Information"),
    (204, " No Content"), (205, " Reset Content"), (206, " Partial Content"), (207, " Multi-Status"),
    (208, " Already Reported"), (226, " IM Used"),
    (300, " Multiple Choices"), (301, " Moved Permanently"), (302, " Found"), (303, " See Other"),
    (304, " Not Modified"), (305, " Use Proxy"), (307, " Temporary Redirect"), (308, " Permanent Redirect"),
    (400, " Bad Request"), (401, " Unauthorized"), (402, " Payment Required"), (403, " Forbidden"),
    (404, " Not Found"), (405, " Method Not Allowed"), (406, " Not Acceptable"),
    (407, " Proxy Authentication Required"), (408, " Request Timeout"), (409, " Conflict"), (410, " Gone"),
    (411, " Length Required"), (412, " Precondition Failed"), (413, " Request Entity Too Large"),
    (414, " Request URI Too Long"), (415, " Unsupported Media Type"),
    (416, " Requested Range Not Satisfiable"), (417, " Expectation Failed"), (418, " I'm a teapot"),
    (421, " Misdirected Request"), (422, " Unprocessable Entity"), (423, " Locked"),
    (424, " Failed Dependency"), (425, " Too Early"), (426, " Upgrade Required"),
    (428, " Precondition Required"), (429, " Too Many Requests"),
    (431, " Request Header Fields Too Large"), (451, " Unavailable For Legal Reasons"),
    (500, " Internal Server Error"), (501, " Not Implemented"), (502, " Bad Gateway"),
    (503, " Service Unavailable"), (504, " Gateway Timeout"), (505, " HTTP Version Not Supported"),
    (506, " Variant Also Negotiates"), (507, " Insufficient Storage"), (508, " Loop Detected"),
    (510, " Not Extended"), (511, " Network Authentication Required"),
];

/// Returns the table of sources as Markdown, for the page `src/docs/mapping.md`.
#[cfg(test)]
pub(super) fn reference() -> String {
    use super::reference::{code, table};

    let row = |source: &Source| {
        let Source { replaced_by, tags, exception, event } = source;
        let exception = exception.key();
        let event = event.map(|key| format!("`{key}` of that event"));
        let of_status = (tags.len() > 1)
            .then(|| "the status description; the HTTP status with its phrase".to_owned());
        let first = [
            code(replaced_by.key()),
            "the attribute of that name".to_owned(),
            format!("`{exception}` of the last event `{EXCEPTION}`"),
            format!("`{exception}` of the span"),
        ];
        let all: Vec<_> = first.into_iter().chain(event).chain(of_status).collect();
        let tags: Vec<_> = tags.iter().map(|tag| code(tag.key())).collect();
        [tags.join(" and "), all.join("; ")]
    };
    table(["tag", "the first of"], SOURCES.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_in_order_and_found() {
        assert!(REASONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(reason(500), " Internal Server Error");
        assert_eq!(reason(599), "");
    }
}
