//! HTTP statuses that make a server span an error, where somebody asked for it.

use datadog_test_agent::ReceivedSpan;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{KeyValue, Value};
use opentelemetry_datadog_agent::{DatadogExporter, DatadogExporterBuilder};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::delivery::in_child;
use crate::support::{PROTOCOLS, agent, block_on, span};

/// The variable that Datadog's tracers read.
const VARIABLE: &str = "DD_TRACE_HTTP_SERVER_ERROR_STATUSES";

fn server(status: impl Into<Value>) -> SpanData {
    let attributes = vec![
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.response.status_code", status),
    ];
    SpanData { span_kind: SpanKind::Server, attributes, ..span() }
}

fn export(builder: DatadogExporterBuilder, span: SpanData) -> ReceivedSpan {
    let agent = agent();
    let exporter = builder.with_agent_url(agent.url()).build().unwrap();
    block_on(exporter.export(vec![span])).unwrap();
    exporter.shutdown().unwrap();
    agent.spans().remove(0)
}

fn on(statuses: &str) -> DatadogExporterBuilder {
    DatadogExporter::builder().with_http_server_error_statuses(statuses)
}

/// Returns the error flag and the message.
fn error(span: &ReceivedSpan) -> (i32, Option<&str>) {
    (span.error, span.meta.get("error.message").map(String::as_str))
}

#[test]
fn a_listed_status_makes_a_server_span_an_error() {
    let unavailable = Some("503 Service Unavailable");
    for protocol in PROTOCOLS {
        let on = |statuses| on(statuses).with_protocol(protocol);
        assert_eq!(error(&export(on("500-599,404"), server(503))), (1, unavailable));
        assert_eq!(error(&export(on("500-599,404"), server("503"))), (1, unavailable));
        assert_eq!(error(&export(on("500-599,404"), server(404))), (1, Some("404 Not Found")));
        assert_eq!(error(&export(on("500-599,404"), server(403))), (0, None));
        assert_eq!(error(&export(on(""), server(503))), (0, None));
    }
}

#[test]
fn without_the_setting_the_status_of_the_span_decides() {
    let test = "http_errors::without_the_setting_the_status_of_the_span_decides";
    in_child(test, &[(VARIABLE, "")], || {
        let span = export(DatadogExporter::builder(), server(503));
        assert_eq!(error(&span), (0, None));
    });
}

#[test]
fn the_variable_counts_unless_code_says_otherwise() {
    let test = "http_errors::the_variable_counts_unless_code_says_otherwise";
    in_child(test, &[(VARIABLE, "500-599")], || {
        assert_eq!(export(DatadogExporter::builder(), server(503)).error, 1);
        assert_eq!(export(DatadogExporter::builder(), server(404)).error, 0);
        assert_eq!(export(on("404"), server(503)).error, 0);
        assert_eq!(export(on(""), server(503)).error, 0);
    });
}

#[test]
fn a_bad_item_in_the_variable_costs_no_good_one() {
    let test = "http_errors::a_bad_item_in_the_variable_costs_no_good_one";
    in_child(test, &[(VARIABLE, "5xx,404")], || {
        assert_eq!(export(DatadogExporter::builder(), server(503)).error, 0);
        assert_eq!(export(DatadogExporter::builder(), server(404)).error, 1);
    });
}

#[test]
fn spans_of_other_kinds_and_without_a_status_stay_as_they_are() {
    for span_kind in [SpanKind::Client, SpanKind::Internal, SpanKind::Producer, SpanKind::Consumer]
    {
        let span = SpanData { span_kind, ..server(503) };
        assert_eq!(error(&export(on("500-599"), span)), (0, None));
    }
    let none = SpanData { span_kind: SpanKind::Server, ..span() };
    assert_eq!(error(&export(on("500-599"), none)), (0, None));
}

#[test]
fn no_error_is_cleared_and_an_attribute_has_the_last_word() {
    let failed = SpanData { status: Status::error("card declined"), ..server(200) };
    assert_eq!(error(&export(on("500-599"), failed)), (1, Some("card declined")));
    let ok = SpanData { status: Status::Ok, ..server(500) };
    assert_eq!(export(on("500-599"), ok).error, 1);
    let mut cleared = server(500);
    cleared.attributes.push(KeyValue::new("datadog.error", false));
    assert_eq!(export(on("500-599"), cleared).error, 0);
    let mut overridden = server(200);
    overridden.attributes.push(KeyValue::new("datadog.http_status_code", 500));
    assert_eq!(export(on("500-599"), overridden).error, 1);
}

#[test]
fn a_bad_list_in_code_is_an_error_that_names_it() {
    let built = on("5xx").build().unwrap_err().to_string();
    assert!(built.contains("`with_http_server_error_statuses` = \"5xx\""), "{built}");
}
