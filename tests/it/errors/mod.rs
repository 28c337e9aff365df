//! The texts of errors: each way in which applications report one, through `tracing-opentelemetry`.

mod reports;
mod spans;
mod spellings;

use std::error::Error;
use std::fmt;

use datadog_test_agent::ReceivedSpan;
use serde_json::Value as Json;

use crate::tracing::{traced, traced_through};

/// An error whose `Display` and `Debug` differ, with a cause.
#[derive(Debug)]
struct Declined {
    #[expect(dead_code, reason = "`Debug` shows it")]
    code: u16,
    cause: Limit,
}

#[derive(Debug)]
struct Limit;

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("card declined")
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("limit reached")
    }
}

impl Error for Declined {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

impl Error for Limit {}

/// The error as `Display` shows it.
const DISPLAY: &str = "card declined";
/// The error as `Debug` shows it.
const DEBUG: &str = "Declined { code: 5, cause: Limit }";

fn declined() -> Declined {
    Declined { code: 5, cause: Limit }
}

/// Returns the only span that some work made.
fn only(work: impl FnOnce()) -> ReceivedSpan {
    let mut spans = traced(work);
    assert_eq!(spans.len(), 1);
    spans.remove(0)
}

/// Returns a text tag; empty if there is none.
fn tag<'s>(span: &'s ReceivedSpan, key: &str) -> &'s str {
    span.meta.get(key).map_or("", String::as_str)
}

/// Returns the events of a span.
fn events(span: &ReceivedSpan) -> Json {
    serde_json::from_str(tag(span, "events")).unwrap()
}

/// Fails unless a span is an error with this message, under both names.
fn assert_message(span: &ReceivedSpan, message: &str, case: &str) {
    assert_eq!(span.error, 1, "{case}");
    assert_eq!(tag(span, "error.message"), message, "{case}");
    assert_eq!(tag(span, "error.msg"), message, "{case}");
}
