//! The spans that are measured: small, typical and hostile.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Event, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId, TraceId};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

/// The size and the contents of a span.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// An internal span with one attribute.
    Small,
    /// A server span with 12 attributes of the semantic conventions; one of ten is an error with a stack
    /// of 1 KB.
    Typical,
    /// 64 attributes, half of them unknown, with texts that have to be escaped or cut.
    Hostile,
}

/// A resource with 12 attributes.
pub(crate) fn resource() -> Resource {
    let attributes = [
        ("service.name", "checkout"),
        ("service.namespace", "shop"),
        ("service.version", "1.4.2"),
        ("service.instance.id", "7c9e6679-7425-40de-944b-e07fc1f90ae7"),
        ("deployment.environment.name", "prod"),
        ("host.name", "ip-10-0-12-34.eu-central-1.compute.internal"),
        ("host.arch", "amd64"),
        ("os.type", "linux"),
        ("k8s.namespace.name", "shop"),
        ("k8s.pod.name", "checkout-6d4cf56db6-x7k2p"),
        ("cloud.region", "eu-central-1"),
        ("telemetry.sdk.language", "rust"),
    ];
    let attributes = attributes.map(|(key, value)| KeyValue::new(key, value));
    Resource::builder_empty().with_attributes(attributes).build()
}

/// `count` spans, four to a trace.
pub(crate) fn batch(shape: Shape, count: usize) -> Vec<SpanData> {
    (0..count).map(|number| span(shape, number as u64)).collect()
}

fn span(shape: Shape, number: u64) -> SpanData {
    let (kind, attributes) = match shape {
        Shape::Small => (SpanKind::Internal, vec![KeyValue::new("step", "price")]),
        Shape::Typical => (SpanKind::Server, typical(number)),
        Shape::Hostile => (SpanKind::Client, hostile(number)),
    };
    let is_error = matches!(shape, Shape::Typical) && number % 10 == 0;
    let mut events = SpanEvents::default();
    if is_error {
        events.events.push(exception());
    }
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(u128::from(mixed(number / 4)) << 64 | u128::from(mixed(!(number / 4)))),
            SpanId::from(mixed(number)),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: if number % 4 == 3 {
            SpanId::INVALID
        } else {
            SpanId::from(mixed(number | 3))
        },
        parent_span_is_remote: false,
        span_kind: kind,
        name: "GET".into(),
        start_time: time(number),
        end_time: time(number + 17),
        attributes,
        dropped_attributes_count: 0,
        events,
        links: SpanLinks::default(),
        status: if is_error { Status::error("upstream timed out") } else { Status::Unset },
        instrumentation_scope: InstrumentationScope::builder("http-server")
            .with_version("0.4.1")
            .build(),
    }
}

fn typical(number: u64) -> Vec<KeyValue> {
    vec![
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.route", "/users/{id}/orders"),
        KeyValue::new("url.path", format!("/users/{number}/orders")),
        KeyValue::new("url.scheme", "https"),
        KeyValue::new("http.response.status_code", 200),
        KeyValue::new("server.address", "api.example.com"),
        KeyValue::new("server.port", 443),
        KeyValue::new("client.address", "192.0.2.17"),
        KeyValue::new("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)"),
        KeyValue::new("network.protocol.version", "1.1"),
        KeyValue::new("enduser.id", format!("user-{number}")),
        KeyValue::new("thread.id", 7),
    ]
}

fn hostile(number: u64) -> Vec<KeyValue> {
    let keys = ["db.system.name", "http.method", "url.full", "error.message", "env", "datadog.x"];
    let known = keys.into_iter().map(|key| KeyValue::new(key, "\"quoted\"\n\u{1}ü"));
    let unknown = (0..58).map(|at| KeyValue::new(format!("key.{at}.{number}"), "x\t\"y\"\\z"));
    known.chain(unknown).collect()
}

fn exception() -> Event {
    let stack = "   at shop::checkout::pay (src/checkout.rs:42)\n".repeat(21);
    let attributes = vec![
        KeyValue::new("exception.type", "shop::Timeout"),
        KeyValue::new("exception.message", "upstream timed out"),
        KeyValue::new("exception.stacktrace", stack),
    ];
    Event::new("exception", time(3), attributes, 0)
}

/// A number without a pattern.
fn mixed(number: u64) -> u64 {
    number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) | 1
}

fn time(number: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(1_750_000_000_000_000 + number * 137)
}
