//! Each spelling of an event that reports an error.

use std::error::Error;

use tracing::{Level, error, event, info, info_span, instrument, trace, warn};

use super::{DEBUG, DISPLAY, assert_message, declined, events, only, tag};

/// Reports one error in the current span.
type Report = fn();

/// The spellings, with the message that arrives.
#[rustfmt::skip]
const SPELLINGS: &[(&str, Report, &str)] = &[
    ("a text",                       || error!("payment failed: {}", 5),                                  "payment failed: 5"),
    ("a text of Display",            || error!("{}", declined()),                                         DISPLAY),
    ("a text of Debug",              || error!("{:?}", declined()),                                       DEBUG),
    ("a text and a number",          || error!(attempts = 3, "payment failed"),                           "payment failed"),
    ("error, Display",               || error!(error = %declined(), "payment failed"),                    DISPLAY),
    ("error, Debug",                 || error!(error = ?declined(), "payment failed"),                    DEBUG),
    ("error, dyn Error",             || error!(error = &declined() as &dyn Error, "payment failed"),      DISPLAY),
    ("error, a text",                || error!(error = "card declined", "payment failed"),                DISPLAY),
    ("error, a String",              || error!(error = declined().to_string(), "payment failed"),         DISPLAY),
    ("error, display()",             || error!(error = display(declined()), "payment failed"),            DISPLAY),
    ("error, debug()",               || error!(error = debug(declined()), "payment failed"),              DEBUG),
    ("error, no text: Display",      || error!(error = %declined()),                                      DISPLAY),
    ("error, no text: Debug",        || error!(error = ?declined()),                                      DEBUG),
    ("error, no text: dyn Error",    || error!(error = &declined() as &dyn Error),                        DISPLAY),
    ("error, no text: a text",       || error!(error = "card \"gold\" declined\nfor good"),               "card \"gold\" declined\nfor good"),
    ("error, no text: a String",     || error!(error = declined().to_string()),                           DISPLAY),
    ("error, no text: Debug of text", || error!(error = ?"card declined"),                                DISPLAY),
    ("error and a message field",    || error!(error = %declined(), message = "payment failed"),          DISPLAY),
    ("a message field and error",    || error!(message = "payment failed", error = %declined()),          DISPLAY),
    ("fields in braces",             || error!({ error = %declined() }, "payment {}", "failed"),          DISPLAY),
    ("%error",                       || { let error = declined(); error!(%error, "payment failed"); },    DISPLAY),
    ("?error",                       || { let error = declined(); error!(?error, "payment failed"); },    DEBUG),
    ("%error, no text",              || { let error = declined(); error!(%error); },                      DISPLAY),
    ("?error, no text",              || { let error = declined(); error!(?error); },                      DEBUG),
    ("err, Display",                 || error!(err = %declined(), "payment failed"),                      DISPLAY),
    ("err, Debug",                   || error!(err = ?declined(), "payment failed"),                      DEBUG),
    ("err, dyn Error",               || error!(err = &declined() as &dyn Error, "payment failed"),        DISPLAY),
    ("%err, no text",                || { let err = declined(); error!(%err); },                          DISPLAY),
    ("?err, no text",                || { let err = declined(); error!(?err); },                          DEBUG),
    ("%e",                           || { let e = declined(); error!(%e, "payment failed"); },            DISPLAY),
    ("?e",                           || { let e = declined(); error!(?e, "payment failed"); },            DEBUG),
    ("%e, no text",                  || { let e = declined(); error!(%e); },                              DISPLAY),
    ("?e, no text",                  || { let e = declined(); error!(?e); },                              DEBUG),
    ("e, dyn Error, no text",        || error!(e = &declined() as &dyn Error),                            DISPLAY),
    ("any name, no text",            || { let problem = declined(); error!(?problem); },                  DEBUG),
    ("any name and a number",        || { let problem = declined(); error!(%problem, attempts = 3); },    DISPLAY),
    ("a name that ends with error",  || error!(bank_error = %declined(), order = %7, "payment failed"),   DISPLAY),
    ("a name that ends with err",    || error!(bank.err = %declined(), order = %7),                       DISPLAY),
    ("cause, no text",               || error!(cause = %declined(), order = %7),                          DISPLAY),
    ("cause beside a text",          || error!(cause = %declined(), "payment failed"),                    "payment failed"),
    ("error.message",                || error!(error.message = %declined(), "payment failed"),            DISPLAY),
    ("error.msg",                    || error!(error.msg = %declined(), "payment failed"),                DISPLAY),
    ("exception.message",            || error!(exception.message = %declined(), "payment failed"),        DISPLAY),
    ("exception.message beats error", || error!(error = "no", exception.message = %declined(), "failed"), DISPLAY),
    ("error is a flag",              || error!(error = true, "payment failed"),                           "payment failed"),
    ("error is a number",            || error!(error = 402, "payment failed"),                            "payment failed"),
    ("error is empty",               || error!(error = "", "payment failed"),                             "payment failed"),
    ("a target",                     || error!(target: "bank", "payment failed"),                         "payment failed"),
    ("a name of the event",          || error!(name: "payment.failed", attempts = 3),                     "payment.failed"),
    ("event!",                       || event!(Level::ERROR, err = %declined(), "payment failed"),        DISPLAY),
    ("event! with a target",         || event!(target: "bank", Level::ERROR, "payment failed"),           "payment failed"),
    ("as tower-http does",           || error!(classification = %"Status code: 503 Service Unavailable", latency = %"7 ms", "response failed"), "Status code: 503 Service Unavailable"),
    ("as mongodb's driver does",     || error!(topologyId = %"a", failure = %"not primary", durationMS = 7, "Command failed"), "not primary"),
    ("as tracing-panic does",        || error!(panic.payload = "card declined", panic.location = "main.rs:7", "A panic occurred"), DISPLAY),
    ("as async-graphql does",        || error!(error = %declined(), "error"),                             DISPLAY),
];

#[test]
fn each_spelling_of_an_error_event_gives_the_span_its_message() {
    for (case, report, message) in SPELLINGS {
        let span = only(|| info_span!("pay").in_scope(report));
        assert_message(&span, message, case);
        let name = events(&span)[0]["name"].to_string();
        assert!(!name.contains(".rs:"), "{case}: {name}");
    }
}

#[test]
fn an_event_with_another_parent_is_an_error_of_that_span() {
    let span = only(|| {
        let span = info_span!("pay");
        error!(parent: &span, error = %declined(), "payment failed");
    });
    assert_message(&span, DISPLAY, "parent");
}

#[test]
fn an_event_brings_type_and_stack_along() {
    let span = only(|| {
        info_span!("pay").in_scope(|| {
            error!(
                exception.message = "card declined",
                exception.type = "Declined",
                exception.stacktrace = "main.rs:7",
                "payment failed"
            );
        });
    });
    assert_message(&span, DISPLAY, "exception.*");
    assert_eq!(tag(&span, "error.type"), "Declined");
    assert_eq!(tag(&span, "error.stack"), "main.rs:7");
    assert_eq!(events(&span)[0]["name"], "payment failed");
}

#[test]
fn causes_are_the_stack_whatever_the_field_is_called() {
    let reports: [Report; 5] = [
        || error!(error = &declined() as &dyn Error, "payment failed"),
        || error!(err = &declined() as &dyn Error),
        || error!(error = %declined(), error.cause_chain = %"limit reached", "payment failed"),
        || error!(error = %declined(), error.cause_chain = "card declined\n\nCaused by:\nlimit reached"),
        || error!(error.message = %declined(), backtrace = "limit reached", "payment failed"),
    ];
    for (case, report) in reports.into_iter().enumerate() {
        let span = only(|| info_span!("pay").in_scope(report));
        assert_message(&span, DISPLAY, &case.to_string());
        let stack = tag(&span, "error.stack");
        assert_eq!(stack.trim_start_matches("Caused by:\n"), "limit reached", "{case}");
    }
}

#[test]
fn the_last_error_event_counts_and_a_warning_after_it_does_not() {
    let span = only(|| {
        let _entered = info_span!("pay").entered();
        error!(error = &declined() as &dyn Error, "first try failed");
        error!("gave up");
        warn!(error = &declined() as &dyn Error, "told the customer");
        warn!(error = %declined());
        info!(level = "error", "done");
    });
    assert_message(&span, "gave up", "several");
    assert_eq!(tag(&span, "error.stack"), "");
    assert_eq!(events(&span).as_array().unwrap().len(), 5);
}

#[test]
fn a_warning_explains_a_failed_span_where_nothing_else_does() {
    let span = only(|| {
        let _entered = info_span!("pay", otel.status_code = "ERROR").entered();
        warn!(error = %declined(), "first try failed");
        warn!("gave up");
    });
    assert_message(&span, DISPLAY, "a warning");
}

#[test]
fn an_error_event_makes_no_error_of_a_span_that_is_ok() {
    let span = only(|| {
        info_span!("pay", otel.status_code = "OK").in_scope(|| error!("payment failed"));
    });
    assert_eq!(span.error, 0);
    assert_eq!([tag(&span, "error.message"), tag(&span, "error.stack")], ["", ""]);
    assert_eq!(events(&span)[0]["name"], "payment failed");
}

#[test]
fn an_event_below_error_makes_no_error() {
    let span = only(|| {
        let _entered = info_span!("pay").entered();
        warn!(error = %declined(), "first try failed");
        trace!("done");
    });
    assert_eq!((span.error, tag(&span, "error.message")), (0, ""));
}

#[test]
fn each_span_has_its_own_error() {
    #[instrument(err)]
    fn charge() -> Result<(), super::Declined> {
        Err(declined())
    }
    let spans = super::traced(|| {
        info_span!("request").in_scope(|| {
            info_span!("order").in_scope(|| charge().unwrap_err());
            error!("order failed");
        });
    });
    let message = |name: &str| {
        let span = spans.iter().find(|span| span.resource == name).unwrap();
        (span.error, tag(span, "error.message"))
    };
    assert_eq!(message("charge"), (1, DISPLAY));
    assert_eq!(message("order"), (0, ""));
    assert_eq!(message("request"), (1, "order failed"));
}

#[test]
fn a_literal_in_the_error_of_a_statement_leaves_nowhere() {
    let reports: [Report; 4] = [
        || error!(error = "failed: SELECT a FROM t WHERE b = 'secret'", "query failed"),
        || error!("query failed: INSERT INTO t (a) VALUES ('secret')"),
        || error!(err = "no answer from postgres://shop:secret@host/db"),
        || error!(error = ?"failed: UPDATE t SET a = 'secret'\n\nCaused by:\n    DELETE FROM t WHERE a = 'secret'"),
    ];
    for (case, report) in reports.into_iter().enumerate() {
        let span = only(|| info_span!("pay").in_scope(report));
        assert!(tag(&span, "error.message").contains("fail") || case == 2, "{case}: {span:?}");
        assert!(!format!("{span:?}").contains("secret"), "{case}: {span:?}");
    }
}
