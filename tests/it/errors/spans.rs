//! Errors that `#[instrument]` reports, and fields of the span itself.

use std::error::Error;

use opentelemetry::trace::Status;
use tracing::field::{Empty, debug, display};
use tracing::{Span, error, info_span, instrument, warn};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{DEBUG, DISPLAY, Declined, assert_message, declined, only, tag, traced_through};
use crate::tracing::SpanLayer;

#[instrument(err)]
fn shown() -> Result<(), Declined> {
    Err(declined())
}

#[instrument(err(Debug))]
fn debugged() -> Result<(), Declined> {
    Err(declined())
}

#[instrument(ret, err)]
fn returning() -> Result<(), Declined> {
    Err(declined())
}

#[instrument(err(level = "warn"))]
fn warned() -> Result<(), Declined> {
    Err(declined())
}

#[instrument(err(level = "info", Debug), ret(level = "debug"), fields(error))]
fn informed() -> Result<(), Declined> {
    Err(declined())
}

#[instrument(err(Debug))]
fn boxed() -> Result<(), Box<dyn Error>> {
    Err("card declined".into())
}

#[instrument(err)]
fn logged_too() -> Result<(), Declined> {
    error!("about to fail");
    Err(declined())
}

#[test]
fn each_form_of_instrument_gives_the_span_its_message() {
    let check = |case: &str, message: &str, work: fn()| {
        let span = only(work);
        assert_message(&span, message, case);
        assert_eq!(tag(&span, "_dd.span_events.has_exception"), "true", "{case}");
    };
    check("err", DISPLAY, || shown().fails());
    check("err(Debug)", DEBUG, || debugged().fails());
    check("ret, err", DISPLAY, || returning().fails());
    check("err(level)", DISPLAY, || warned().fails());
    check("err(level, Debug), ret", DEBUG, || informed().fails());
    check("a boxed text", DISPLAY, || boxed().fails());
    check("an event before", DISPLAY, || logged_too().fails());
}

/// A call that must fail.
trait Fails {
    fn fails(self);
}

impl<E> Fails for Result<(), E> {
    fn fails(self) {
        assert!(self.is_err());
    }
}

/// Records fields on the current span, which are all empty so far.
type Record = fn(&Span);

#[test]
fn a_field_of_the_span_is_its_message_before_any_event() {
    let records: [(&str, Record, &str); 8] = [
        ("error, Display", |span| _ = span.record("error", display(declined())), DISPLAY),
        ("error, Debug", |span| _ = span.record("error", debug(declined())), DEBUG),
        ("error, a text", |span| _ = span.record("error", "card declined"), DISPLAY),
        ("error, dyn Error", |span| _ = span.record("error", &declined() as &dyn Error), DISPLAY),
        ("err, Display", |span| _ = span.record("err", display(declined())), DISPLAY),
        ("error.message", |span| _ = span.record("error.message", display(declined())), DISPLAY),
        ("error.msg", |span| _ = span.record("error.msg", "card declined"), DISPLAY),
        (
            "exception.message",
            |span| _ = span.record("exception.message", display(declined())),
            DISPLAY,
        ),
    ];
    for (case, record, message) in records {
        let span = only(|| {
            let span = info_span!(
                "pay",
                error = Empty,
                err = Empty,
                error.message = Empty,
                error.msg = Empty,
                exception.message = Empty
            );
            record(&span);
            span.in_scope(|| error!("request failed"));
        });
        assert_message(&span, message, case);
    }
}

#[test]
fn a_flag_in_the_field_error_is_no_message() {
    let span = only(|| {
        info_span!("pay", error = true, err = "false").in_scope(|| error!("request failed"));
    });
    assert_message(&span, "request failed", "a flag");
}

#[test]
fn the_middlewares_fields_are_message_and_stack() {
    for (details, message) in [
        ("exception.details", "exception.message"),
        ("error.cause_chain", "error.message"),
        ("error.stacktrace", "error.message"),
    ] {
        let span = only(|| {
            let span = info_span!(
                "request",
                otel.status_code = Empty,
                error.message = Empty,
                error.cause_chain = Empty,
                error.stacktrace = Empty,
                exception.message = Empty,
                exception.details = Empty
            );
            span.record("otel.status_code", "ERROR");
            span.record(message, display(declined()));
            span.record(details, debug(declined()));
        });
        assert_message(&span, DISPLAY, details);
        assert_eq!(tag(&span, "error.stack"), DEBUG, "{details}");
    }
}

#[test]
fn a_status_text_is_the_message_where_no_event_is_an_error() {
    let span = only(|| {
        info_span!("pay", otel.status_description = "card declined").in_scope(|| {});
    });
    assert_message(&span, DISPLAY, "field");
    let span = only(|| {
        let span = info_span!("pay");
        span.set_status(Status::error("card declined"));
    });
    assert_message(&span, DISPLAY, "set_status");
}

#[test]
fn an_error_without_causes_leaves_no_empty_stack_behind() {
    let span = only(|| {
        let span = info_span!("pay", error = Empty);
        span.record("error", &super::Limit as &dyn Error);
        span.in_scope(|| error!(error = &super::Limit as &dyn Error, "payment failed"));
    });
    assert_message(&span, "limit reached", "no causes");
    assert_eq!(tag(&span, "error.stack"), "");
    let empty: Vec<_> =
        span.meta.iter().filter(|(_, text)| text.is_empty() || *text == "[]").collect();
    assert!(empty.is_empty(), "{empty:?}");
    assert!(!tag(&span, "events").contains("[]}"), "{}", tag(&span, "events"));
    assert!(!tag(&span, "events").contains("stacktrace"), "{}", tag(&span, "events"));
}

#[test]
fn the_settings_of_the_layer_cost_no_message() {
    let settings: [fn(SpanLayer) -> SpanLayer; 5] = [
        |layer| layer.with_error_events_to_exceptions(false).with_error_events_to_status(false),
        |layer| layer.with_error_fields_to_exceptions(false),
        |layer| layer.with_error_records_to_exceptions(false),
        |layer| layer.with_location(false).with_threads(false).with_level(true),
        |layer| {
            let layer = layer.with_error_fields_to_exceptions(false);
            layer.with_error_records_to_exceptions(false).with_error_events_to_exceptions(false)
        },
    ];
    let reports: [(fn(), &str); 5] = [
        (|| shown().fails(), DISPLAY),
        (|| debugged().fails(), DEBUG),
        (|| info_span!("pay").in_scope(|| error!(error = declined().to_string())), DISPLAY),
        (|| info_span!("pay").in_scope(|| error!("card declined")), DISPLAY),
        (
            || info_span!("pay").in_scope(|| error!(error = &declined() as &dyn Error, "failed")),
            DISPLAY,
        ),
    ];
    for (number, set) in settings.into_iter().enumerate() {
        for (work, message) in reports {
            let spans = traced_through(set, work);
            assert_message(&spans[0], message, &number.to_string());
        }
        let work = || info_span!("pay").in_scope(|| error!(err = &declined() as &dyn Error));
        assert_eq!(tag(&traced_through(set, work)[0], "error.stack"), "limit reached", "{number}");
    }
}

#[test]
fn an_attribute_that_makes_a_span_an_error_brings_its_message_along() {
    let span = only(|| {
        let _entered = info_span!("pay", datadog.error = 1).entered();
        warn!(error = %declined(), "first try failed");
    });
    assert_message(&span, DISPLAY, "datadog.error");
}
