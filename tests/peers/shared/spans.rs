//! The spans: traces of a small shop, 12 attributes a span by the semantic conventions, 12 of the
//! resource, every tenth span an error with an exception and a stack of 1 KB.

use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::trace::{
    Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span, SpanData, SpanProcessor};

/// The instrumentation scope of all spans.
pub const SCOPE: &str = "shop";
/// Spans of one trace. Batches are whole traces.
pub const TRACE: usize = SPANS.len();
/// One span in this many is an error.
const ERRORS: usize = 10;
const STACK_BYTES: usize = 1_024;

/// An attribute's value.
enum V {
    /// A text that instrumentation knows when it is compiled: never copied.
    S(&'static str),
    /// A text of the moment: a `String` in each span.
    T(&'static str),
    I(i64),
}
use V::{I, S, T};

/// A span: its name, its kind and 11 attributes. The twelfth is [`SESSION`].
type Row = (&'static str, SpanKind, [(&'static str, V); 11]);

/// Differs in every span, begins with what the sink counts.
const SESSION: &str = "session.id";
const MARK: &str = "peers-session-";

/// One trace: the server span, then its children.
#[rustfmt::skip]
const SPANS: [Row; 8] = [
    ("POST /orders/{id}", SpanKind::Server, [
        ("http.request.method", S("POST")), ("url.scheme", S("https")), ("http.route", S("/orders/{id}")),
        ("url.path", T("/orders/8261937")), ("server.address", T("shop.example.com")), ("server.port", I(443)),
        ("http.response.status_code", I(201)), ("client.address", T("203.0.113.77")),
        ("network.protocol.version", S("1.1")), ("http.request.body.size", I(1_482)),
        ("user_agent.original", T("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/141.0 Safari/537.36")),
    ]),
    ("authorize", SpanKind::Internal, [
        ("code.function.name", S("shop::auth::authorize")), ("code.file.path", S("src/auth/session.rs")),
        ("code.line.number", I(118)), ("thread.id", I(7)), ("thread.name", S("tokio-runtime-worker")),
        ("enduser.id", T("4711-0815")), ("feature_flag.key", S("new-checkout")),
        ("feature_flag.result.variant", S("on")), ("feature_flag.provider.name", S("flags")),
        ("enduser.scope", T("orders:write payments:write")), ("app.attempts", I(1)),
    ]),
    ("GET", SpanKind::Client, [
        ("db.system.name", S("redis")), ("db.operation.name", S("GET")), ("db.namespace", S("0")),
        ("db.query.text", T("GET session:4711-0815:cart")), ("server.address", T("cache.internal")),
        ("server.port", I(6_379)), ("network.peer.address", T("10.2.0.14")), ("network.peer.port", I(6_379)),
        ("network.transport", S("tcp")), ("network.type", S("ipv4")), ("db.response.returned_rows", I(1)),
    ]),
    ("SELECT articles", SpanKind::Client, [
        ("db.system.name", S("postgresql")), ("db.operation.name", S("SELECT")), ("db.namespace", S("shop")),
        ("db.collection.name", S("articles")), ("db.query.summary", S("SELECT articles")),
        ("db.query.text", T("SELECT id, name, price, stock FROM articles WHERE id = ANY($1) AND market = $2 ORDER BY id")),
        ("server.address", T("db-7.internal")), ("server.port", I(5_432)),
        ("network.peer.address", T("10.2.0.31")), ("network.peer.port", I(5_432)),
        ("db.response.returned_rows", I(14)),
    ]),
    ("POST", SpanKind::Client, [
        ("http.request.method", S("POST")), ("url.full", T("https://pay.example.com/v2/payments?order=8261937")),
        ("server.address", T("pay.example.com")), ("server.port", I(443)), ("url.scheme", S("https")),
        ("http.response.status_code", I(200)), ("network.protocol.name", S("http")),
        ("network.protocol.version", S("2")), ("network.peer.address", T("198.51.100.23")),
        ("network.peer.port", I(443)), ("http.request.resend_count", I(0)),
    ]),
    ("shop.Stock/Reserve", SpanKind::Client, [
        ("rpc.system", S("grpc")), ("rpc.service", S("shop.Stock")), ("rpc.method", S("Reserve")),
        ("rpc.grpc.status_code", I(0)), ("server.address", T("stock.internal")), ("server.port", I(50_051)),
        ("network.peer.address", T("10.2.0.48")), ("network.peer.port", I(50_051)),
        ("network.transport", S("tcp")), ("network.type", S("ipv4")), ("rpc.message.id", I(1)),
    ]),
    ("send mails", SpanKind::Producer, [
        ("messaging.system", S("kafka")), ("messaging.operation.name", S("send")),
        ("messaging.operation.type", S("send")), ("messaging.destination.name", S("mails")),
        ("messaging.destination.partition.id", T("11")), ("messaging.kafka.offset", I(99_812_377)),
        ("messaging.message.body.size", I(842)), ("messaging.client.id", T("shop-7f8d9c-x2x4")),
        ("messaging.kafka.message.key", T("8261937")), ("server.address", T("kafka-2.internal")),
        ("server.port", I(9_092)),
    ]),
    ("INSERT orders", SpanKind::Client, [
        ("db.system.name", S("postgresql")), ("db.operation.name", S("INSERT")), ("db.namespace", S("shop")),
        ("db.collection.name", S("orders")), ("db.query.summary", S("INSERT orders")),
        ("db.query.text", T("INSERT INTO orders (id, customer, total, currency) VALUES ($1, $2, $3, $4)")),
        ("server.address", T("db-7.internal")), ("server.port", I(5_432)),
        ("network.peer.address", T("10.2.0.31")), ("network.peer.port", I(5_432)),
        ("db.response.returned_rows", I(1)),
    ]),
];

/// Returns the resource: 12 attributes.
#[rustfmt::skip]
pub fn resource() -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "checkout"),
            KeyValue::new("service.version", "2.14.1"),
            KeyValue::new("service.instance.id", "b1c2a6de-6f5b-4f0c-9e4f-0d8f0b5a7c11"),
            KeyValue::new("deployment.environment.name", "production"),
            KeyValue::new("host.name", "ip-10-2-0-77.internal"),
            KeyValue::new("process.pid", 4_242),
            KeyValue::new("os.type", "linux"),
            KeyValue::new("cloud.provider", "aws"),
            KeyValue::new("cloud.region", "eu-central-1"),
            KeyValue::new("k8s.namespace.name", "shop"),
            KeyValue::new("k8s.pod.name", "checkout-7f8d9c6b5-x2x4q"),
            KeyValue::new("telemetry.sdk.language", "rust"),
        ])
        .build()
}

/// Makes and ends the spans of one trace. `number` is that of its first span.
pub fn make_trace(tracer: &SdkTracer, number: usize) {
    let root = Context::new().with_span(start(tracer, number, &Context::new()));
    for number in number + 1..number + TRACE {
        start(tracer, number, &root).end();
    }
    root.span().end();
}

/// Starts a span with everything that it is to have.
fn start(tracer: &SdkTracer, number: usize, parent: &Context) -> Span {
    let (name, kind, attributes) = &SPANS[number % TRACE];
    let mut all = Vec::with_capacity(attributes.len() + 1);
    all.extend(attributes.iter().map(|(key, value)| match value {
        S(text) => KeyValue::new(*key, *text),
        T(text) => KeyValue::new(*key, (*text).to_owned()),
        I(number) => KeyValue::new(*key, *number),
    }));
    all.push(KeyValue::new(SESSION, format!("{MARK}{number:08x}")));
    let builder = tracer.span_builder(*name).with_kind(kind.clone()).with_attributes(all);
    let mut span = builder.start_with_context(tracer, parent);
    if number % ERRORS == 3 {
        let exception = vec![
            KeyValue::new("exception.type", "shop::payment::Declined"),
            KeyValue::new("exception.message", "card declined: insufficient funds".to_owned()),
            KeyValue::new("exception.stacktrace", stack()),
        ];
        span.add_event("exception", exception);
        span.set_status(Status::error("card declined: insufficient funds"));
    }
    span
}

/// Returns a stack as a panic would print it.
fn stack() -> String {
    const FRAME: &str =
        "   7: shop::payment::Gateway::charge\n             at ./src/payment/gateway.rs:118:13\n";
    let mut stack = FRAME.repeat(STACK_BYTES.div_ceil(FRAME.len()));
    stack.truncate(STACK_BYTES);
    stack
}

/// Returns whole traces of that many spans together, as a processor gets them.
pub fn batch(spans: usize) -> Vec<SpanData> {
    assert_eq!(spans % TRACE, 0, "whole traces");
    let kept = Keep::default();
    let provider = SdkTracerProvider::builder()
        .with_resource(resource())
        .with_span_processor(kept.clone())
        .build();
    let tracer = provider.tracer(SCOPE);
    for number in (0..spans).step_by(TRACE) {
        make_trace(&tracer, number);
    }
    mem::take(&mut *kept.0.lock().expect("no panic before"))
}

/// Keeps every span.
#[derive(Clone, Debug, Default)]
struct Keep(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Keep {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().expect("no panic before").push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
