//! The true reports of `anyhow`, `eyre`, `color-eyre` and `error-stack`, with and without a backtrace.
//!
//! The capture of backtraces is a setting of the whole process, and so is the hook of `eyre`: each case runs in a
//! process of its own.

use std::error::Error;
use std::process::Command;

use datadog_test_agent::ReceivedSpan;
use tracing::{error, info_span, instrument};

use super::{Limit, assert_message, events, only, tag};

/// Set in a process that makes reports; says whose hook `eyre` uses.
const HOOK: &str = "TEST_EYRE_HOOK";

mod with_anyhow {
    use anyhow::Context as _;

    use super::Limit;

    pub(super) fn work() -> anyhow::Result<()> {
        Err(Limit).context("card declined").context("work failed")
    }
}

mod with_eyre {
    use eyre::WrapErr as _;

    use super::Limit;

    pub(super) fn work() -> eyre::Result<()> {
        Err(Limit).wrap_err("card declined").wrap_err("work failed")
    }
}

mod with_error_stack {
    use std::fmt;

    use error_stack::{Report, ResultExt as _};

    use super::Limit;

    #[derive(Debug)]
    pub(super) struct Failed;

    impl fmt::Display for Failed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("work failed")
        }
    }

    impl std::error::Error for Failed {}

    pub(super) fn work() -> Result<(), Report<Failed>> {
        Err(Report::new(Limit)).change_context(Failed)
    }
}

#[instrument(err(Debug))]
fn anyhow() -> anyhow::Result<()> {
    with_anyhow::work()
}

#[instrument(err(Debug))]
fn eyre() -> eyre::Result<()> {
    with_eyre::work()
}

#[instrument(err(Debug))]
fn error_stack() -> Result<(), error_stack::Report<with_error_stack::Failed>> {
    with_error_stack::work()
}

/// The ways in which one report gets into a span.
#[rustfmt::skip]
const WAYS: &[(&str, fn())] = &[
    ("anyhow, err(Debug)",      || drop(anyhow().unwrap_err())),
    ("anyhow, a field",         || in_span(|| error!(error = ?with_anyhow::work().unwrap_err(), "request failed"))),
    ("anyhow, ?e",              || in_span(|| { let e = with_anyhow::work().unwrap_err(); error!(?e); })),
    ("anyhow, in a text",       || in_span(|| error!("{:?}", with_anyhow::work().unwrap_err()))),
    ("anyhow, as a text",       || in_span(|| error!(error = format!("{:?}", with_anyhow::work().unwrap_err())))),
    ("anyhow, error.message",   || in_span(|| error!(error.message = ?with_anyhow::work().unwrap_err()))),
    ("eyre, err(Debug)",        || drop(eyre().unwrap_err())),
    ("eyre, a field",           || in_span(|| error!(err = ?with_eyre::work().unwrap_err(), "request failed"))),
    ("error-stack, err(Debug)", || drop(error_stack().unwrap_err())),
];

fn in_span(report: fn()) {
    info_span!("pay").in_scope(report);
}

/// Runs in a process of its own, see [`with`].
#[test]
#[ignore = "other tests run it, each with other settings"]
fn reports_in_this_process() {
    let hook = std::env::var(HOOK).unwrap();
    if hook == "color-eyre" {
        let (_, hook) = color_eyre::config::HookBuilder::default().into_hooks();
        hook.install().unwrap();
    }
    for (way, work) in WAYS {
        let span = only(work);
        assert_message(&span, "work failed", way);
        assert_split(&span, way);
        let is_captured =
            std::env::var("RUST_BACKTRACE").unwrap() == "1" && !way.starts_with("error-stack");
        let stack = tag(&span, "error.stack").to_lowercase();
        assert_eq!(stack.contains("reports::with_"), is_captured, "{way}: {stack}");
    }
    // The one-line forms stay one text.
    let span =
        only(|| in_span(|| error!(error = format!("{:#}", with_anyhow::work().unwrap_err()))));
    assert_message(&span, "work failed: card declined: limit reached", "alternate");
    assert_eq!(tag(&span, "error.stack"), "");
    let span = only(|| {
        in_span(|| {
            let error = with_anyhow::work().unwrap_err();
            error!(error = AsRef::<dyn Error + 'static>::as_ref(&error), "request failed");
        });
    });
    assert_message(&span, "work failed", "as dyn Error");
    assert_eq!(tag(&span, "error.stack"), "card declined\nlimit reached");
}

/// Fails unless a report is sent once: causes and backtrace as the stack, and nothing of them elsewhere.
fn assert_split(span: &ReceivedSpan, way: &str) {
    let stack = tag(span, "error.stack");
    assert!(stack.contains("limit reached"), "{way}: {stack}");
    assert!(!stack.contains('\u{1b}'), "{way}: {stack}");
    for (key, text) in &span.meta {
        let is_stack = key == "error.stack";
        assert_eq!(text.contains("limit reached"), is_stack, "{way}: {key} is {text}");
    }
    let text = events(span)[0].to_string();
    assert!(text.contains("work failed"), "{way}: {text}");
}

/// Runs [`reports_in_this_process`] in a process with these settings.
fn with(hook: &str, backtrace: &str) {
    let test = "errors::reports::reports_in_this_process";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", test])
        .env(HOOK, hook)
        .env("RUST_BACKTRACE", backtrace)
        .env_remove("RUST_LIB_BACKTRACE")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn a_report_without_a_backtrace_is_message_and_causes() {
    with("eyre", "0");
}

#[test]
fn a_report_with_a_backtrace_is_message_causes_and_backtrace() {
    with("eyre", "1");
}

#[test]
fn a_coloured_report_is_sent_without_colours() {
    with("color-eyre", "0");
}

#[test]
fn a_coloured_report_with_a_backtrace_is_sent_without_colours() {
    with("color-eyre", "1");
}

#[test]
fn a_report_of_megabytes_is_cut_at_the_limit_of_a_tag() {
    let report = || {
        let causes = "    card declined\n".repeat(200_000);
        error!(error = format!("work failed\n\nCaused by:\n{causes}"), "request failed");
    };
    let span = only(|| info_span!("pay").in_scope(report));
    assert_message(&span, "work failed", "a long one");
    assert_eq!(tag(&span, "error.stack").len(), 25_003);
    assert_eq!(events(&span)[0]["attributes"]["error"], "work failed");
}
