//! One whole request, byte for meaning: a fixed trace, and the document and headers it becomes.
//!
//! The document is `tests/golden/v0.3.json`. What differs from process to process is replaced before
//! the comparison. After an intended change, `GOLDEN=write cargo test golden` writes the file anew:
//! read the difference before it is committed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use datadog_test_agent::TraceRequest;
use opentelemetry::trace::{Event, Link, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, SpanId, TraceId, Value};
use opentelemetry_datadog_agent::{DatadogExporter, Protocol};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use serde_json::Value as Json;

use crate::support::{self, agent, block_on};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v0.3.json");

const TRACE: u128 = 0x6854_0f2c_0000_0000_a3ce_929d_0e0e_4736;

/// Every header of the request, sorted. `*` is any value that is not empty.
#[rustfmt::skip]
const HEADERS: &[(&str, &str)] = &[
    ("accept",                              "*"),
    ("content-length",                      "*"),
    ("content-type",                        "application/json"),
    ("datadog-client-computed-top-level",   "1"),
    ("datadog-meta-lang",                   "rust"),
    ("datadog-meta-lang-version",           concat!(env!("CARGO_PKG_RUST_VERSION"), "+")),
    ("datadog-meta-tracer-version",         env!("CARGO_PKG_VERSION")),
    ("datadog-send-real-http-status",       "1"),
    ("host",                                "*"),
    ("user-agent",                          concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"))),
    ("x-datadog-trace-count",               "1"),
];

/// Headers that say where the process runs, if it runs in a container.
const IDENTITY: [&str; 3] = ["datadog-container-id", "datadog-entity-id", "datadog-external-env"];

#[test]
fn the_fixed_trace_becomes_the_committed_document() {
    let got = normalised(&request().body);
    if std::env::var("GOLDEN").is_ok_and(|mode| mode == "write") {
        std::fs::write(FILE, format!("{got:#}\n")).unwrap();
    }
    let expected: Json = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    assert_eq!(got, expected, "the document is now:\n{got:#}");
}

#[test]
fn the_request_has_these_headers_and_no_others() {
    let request = request();
    assert_eq!((&*request.method, &*request.path), ("PUT", "/v0.3/traces"));
    let mut headers = request.headers;
    headers.retain(|(name, _)| !IDENTITY.contains(&name.as_str()));
    headers.sort_unstable();
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let expected: Vec<_> = HEADERS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected);
    for ((name, got), (_, expected)) in headers.iter().zip(HEADERS) {
        let fits = if *expected == "*" { !got.is_empty() } else { got == expected };
        assert!(fits, "{name} is {got:?}, expected {expected:?}");
    }
}

/// Exports the fixed trace and returns the one request it takes.
fn request() -> TraceRequest {
    let agent = agent();
    let builder = DatadogExporter::builder().with_agent_url(agent.url());
    let mut exporter = builder.with_protocol(Protocol::V03Json).build().unwrap();
    exporter.set_resource(&resource());
    block_on(exporter.export(trace())).unwrap();
    exporter.shutdown().unwrap();
    let mut requests = agent.requests();
    assert_eq!(requests.len(), 1);
    let request = requests.remove(0);
    assert_eq!(request.status, Some(200));
    assert_eq!(request.violations(), Vec::<String>::new());
    request
}

/// Parses a body and replaces what differs from process to process.
fn normalised(body: &[u8]) -> Json {
    let mut document: Json = serde_json::from_slice(body).unwrap();
    let spans = document
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .flat_map(|chunk| chunk.as_array_mut().unwrap().iter_mut());
    for span in spans {
        for (place, key) in [("meta", "runtime-id"), ("metrics", "process_id")] {
            if let Some(value) = span[place].get_mut(key) {
                *value = format!("<{key}>").into();
            }
        }
    }
    document
}

fn resource() -> Resource {
    let attributes = [
        KeyValue::new("service.name", "Checkout"),
        KeyValue::new("deployment.environment.name", "Prod"),
        KeyValue::new("service.version", "1.4.2"),
        KeyValue::new("service.instance.id", "checkout-7"),
        KeyValue::new("host.cpu.count", 8),
        KeyValue::new("telemetry.sdk.language", "rust"),
    ];
    Resource::builder_empty().with_attributes(attributes).build()
}

/// The spans in the order in which they ended: the root last.
fn trace() -> Vec<SpanData> {
    vec![query(), cache(), failure(), server()]
}

fn server() -> SpanData {
    let mut span = part(1, 0, SpanKind::Server, "POST /orders/{id}", 0, 25_000);
    span.attributes = vec![
        KeyValue::new("http.request.method", "POST"),
        KeyValue::new("http.route", "/orders/{id}"),
        KeyValue::new("http.response.status_code", 500),
        KeyValue::new("url.full", "https://shop.example/orders/7?x=1"),
        KeyValue::new("user_agent.original", "curl/8.5"),
        KeyValue::new("client.address", "203.0.113.7"),
        KeyValue::new("http.request.header.x-request-id", "r-1"),
        KeyValue::new("retry", true),
        KeyValue::new("ratio", 0.25),
        KeyValue::new("tags", Value::Array(Array::String(vec!["a".into(), "b\"".into()]))),
    ];
    span.parent_span_id = SpanId::from(0xffff_0000_0000_0009);
    span.parent_span_is_remote = true;
    span.status = Status::error("payment failed");
    let state = TraceState::from_key_value([("ot", "th:8"), ("vendor", "x")]).unwrap();
    span.links.links = vec![Link::new(
        SpanContext::new(
            TraceId::from(7 << 64 | 8),
            SpanId::from(9),
            TraceFlags::SAMPLED,
            true,
            TraceState::from_key_value([("a", "b")]).unwrap(),
        ),
        vec![KeyValue::new("reason", "retry"), KeyValue::new("attempt", 2)],
        1,
    )];
    span.span_context =
        SpanContext::new(TraceId::from(TRACE), SpanId::from(1), TraceFlags::SAMPLED, false, state);
    span
}

fn query() -> SpanData {
    let mut span = part(2, 1, SpanKind::Client, "SELECT shop.orders", 1_000, 6_500);
    span.attributes = vec![
        KeyValue::new("db.system.name", "postgresql"),
        KeyValue::new("db.namespace", "shop"),
        KeyValue::new("db.operation.name", "SELECT"),
        KeyValue::new("db.collection.name", "orders"),
        KeyValue::new("db.query.text", "SELECT * FROM orders WHERE id = 7"),
        KeyValue::new("server.address", "db.internal"),
        KeyValue::new("server.port", 5432),
    ];
    span
}

fn cache() -> SpanData {
    let mut span = part(3, 1, SpanKind::Client, "GET", 8_000, 8_400);
    span.attributes = vec![
        KeyValue::new("db.system", "redis"),
        KeyValue::new("db.operation", "GET"),
        KeyValue::new("db.statement", "GET order:7"),
        KeyValue::new("service.name", "order-cache"),
    ];
    span
}

fn failure() -> SpanData {
    let mut span = part(4, 1, SpanKind::Internal, "charge", 9_000, 24_000);
    let exception = vec![
        KeyValue::new("exception.type", "payment::Declined"),
        KeyValue::new("exception.message", "card declined"),
        KeyValue::new("exception.stacktrace", "at charge\nat main"),
    ];
    span.events.events = vec![
        Event::new("attempt", at(10_000), vec![KeyValue::new("number", 1)], 0),
        Event::new("exception", at(23_000), exception, 0),
    ];
    span.status = Status::error("declined");
    span
}

/// A span of the trace, with its start and end in microseconds.
fn part(
    id: u64,
    parent: u64,
    kind: SpanKind,
    name: &'static str,
    start: u64,
    end: u64,
) -> SpanData {
    SpanData {
        span_context: support::context(TRACE, id),
        parent_span_id: SpanId::from(parent),
        span_kind: kind,
        name: name.into(),
        start_time: at(start),
        end_time: at(end),
        instrumentation_scope: InstrumentationScope::builder("shop.orders")
            .with_version("0.9.1")
            .with_attributes([KeyValue::new("scope.tag", "s")])
            .build(),
        ..support::span()
    }
}

fn at(microseconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_750_000_000) + Duration::from_micros(microseconds)
}
