//! A names hook that panics, empties names or writes without measure.

use datadog_test_agent::ReceivedSpan;
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::trace::SpanData;

use super::export;
use crate::support::{agent, context, span};

#[test]
fn a_hook_that_panics_costs_no_name() {
    let agent = agent();
    let exporter = DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_service("shop")
        .with_names(|span, names| {
            names.resource = "half done".into();
            assert!(span.name != "work", "expected: the hook of this test panics");
        })
        .build()
        .unwrap();
    let mut other = span();
    other.name = "other".into();
    other.span_context = context(0x11, 0x23);
    let arrived = export(&agent, &exporter, vec![span(), other, span_of(0x24)], "a panic");
    let resources: Vec<_> = arrived.iter().map(|span| &*span.resource).collect();
    assert_eq!(resources, ["work", "half done", "work"]);
    let again = export(&agent, &exporter, vec![span()], "the next batch");
    assert_eq!(again[0].resource, "work");
}

fn span_of(id: u64) -> SpanData {
    SpanData { span_context: context(0x11, id), ..span() }
}

#[test]
fn a_hook_can_neither_empty_a_name_nor_exceed_its_limit() {
    type Fill = fn(usize) -> String;
    let rows: [(&str, Fill, [&str; 4]); 2] = [
        ("empty", |_| String::new(), ["shop", "Internal", "work", "custom"]),
        ("short", |_| "x".to_owned(), ["x", "x", "x", "x"]),
    ];
    for (case, fill, expected) in rows {
        let span = with_hook(case, fill);
        assert_eq!([&*span.service, &*span.name, &*span.resource, &*span.span_type], expected);
    }
    let span = with_hook("too long", |limit| format!("a{}", "é".repeat(limit)));
    let lengths = [&span.service, &span.name, &span.resource, &span.span_type].map(String::len);
    assert_eq!(lengths, [99, 99, 4_999, 99]);
    let span = with_hook("odd characters", |_| "\0\"\\\u{7f}".to_owned());
    assert_eq!(span.name, "\0\"\\\u{7f}");
}

/// Exports a span whose names are all replaced by what `fill` makes of their limit.
fn with_hook(case: &str, fill: fn(usize) -> String) -> ReceivedSpan {
    let agent = agent();
    let exporter = DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_service("shop")
        .with_names(move |_, names| {
            names.service = fill(100).into();
            names.operation = fill(100).into();
            names.resource = fill(5_000).into();
            names.span_type = fill(100).into();
        })
        .build()
        .unwrap();
    export(&agent, &exporter, vec![span()], case).remove(0)
}
