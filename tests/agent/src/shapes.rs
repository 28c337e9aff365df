//! Spans as instrumentation makes them: the shapes of the semantic conventions, old and stable, with the
//! values that meet in practice and some that should not. The same seed makes the same spans.

use std::time::{Duration, SystemTime};

use fastrand::Rng;
use opentelemetry::trace::{Event, Link, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, SpanId, TraceId, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

/// A kind, and what such a span tells. Of several values one is taken; a key may be left out.
struct Shape {
    kinds: &'static [SpanKind],
    attributes: &'static [(&'static str, &'static [&'static str])],
}

/// Shapes by convention. A value that reads as a number is one, `[a,b]` is a list, `true` a flag, and an
/// empty text leaves the attribute out.
#[rustfmt::skip]
const SHAPES: &[Shape] = &[
    Shape { kinds: &[SpanKind::Server], attributes: &[
        ("http.request.method", &["GET", "POST", "_OTHER", "DELETE"]), ("http.route", &["/users/{id}", "/", ""]),
        ("url.path", &["/users/7"]), ("url.scheme", &["https"]), ("http.response.status_code", &["200", "404", "500", "99", "700"]),
        ("client.address", &["10.0.0.7"]), ("server.address", &["shop.example"]), ("user_agent.original", &["curl/8.5", ""]),
        ("network.protocol.version", &["1.1", "2"]), ("http.request.header.x-id", &["[a,b]", ""]), ("http.request.body.size", &["512", ""]),
    ] },
    Shape { kinds: &[SpanKind::Server], attributes: &[
        ("http.method", &["GET", "PUT"]), ("http.route", &["/old/{id}", ""]), ("http.status_code", &["201", "503", ""]),
        ("http.url", &["http://shop.example/old/5?x=1"]), ("http.user_agent", &["Mozilla/5.0"]), ("net.host.name", &["shop"]),
    ] },
    Shape { kinds: &[SpanKind::Client], attributes: &[
        ("http.request.method", &["GET", "PATCH"]), ("url.full", &["http://pay.example/charge?card=4111", "http://u:p@pay.example/"]),
        ("url.template", &["/charge/{id}", ""]), ("server.address", &["pay.example"]), ("server.port", &["443"]),
        ("http.response.status_code", &["200", "402"]), ("http.response.body.size", &["10", ""]), ("peer.service", &["pay", ""]),
    ] },
    Shape { kinds: &[SpanKind::Client, SpanKind::Internal], attributes: &[
        ("db.system.name", &["postgresql", "mysql", "microsoft.sql_server", "oracle.db", "sqlite", "clickhouse"]),
        ("db.query.text", &["SELECT * FROM t WHERE id = 5", "INSERT INTO t VALUES ('a', 1)", ""]), ("db.namespace", &["shop", ""]),
        ("db.operation.name", &["SELECT", ""]), ("db.collection.name", &["t", ""]), ("db.query.summary", &["SELECT t", ""]),
    ] },
    Shape { kinds: &[SpanKind::Client], attributes: &[
        ("db.system", &["postgresql", "PostgreSQL", "mssql", "redis", "memcached", "mongodb", "cassandra", "elasticsearch", "hive", "other"]),
        ("db.statement", &["UPDATE t SET a = 'x' WHERE b IN (1, 2)", "GET key:1", "SET k v", "{\"find\":\"users\"}", ""]),
        ("db.name", &["shop", ""]), ("db.operation", &["UPDATE", ""]), ("db.user", &["app"]), ("net.peer.port", &["5432"]),
    ] },
    Shape { kinds: &[SpanKind::Client, SpanKind::Server], attributes: &[
        ("rpc.system", &["grpc", "connect_rpc", "aws-api"]), ("rpc.service", &["shop.Cart", "S3", ""]), ("rpc.method", &["Add", ""]),
        ("rpc.grpc.status_code", &["0", "2", "14", ""]), ("network.peer.address", &["10.0.0.9"]),
    ] },
    Shape { kinds: &[SpanKind::Client, SpanKind::Server], attributes: &[
        ("rpc.system.name", &["grpc", "jsonrpc", "aws-api"]), ("rpc.method", &["shop.Cart/Add"]), ("rpc.response.status_code", &["OK", "UNAVAILABLE", "3", ""]),
    ] },
    Shape { kinds: &[SpanKind::Producer, SpanKind::Consumer, SpanKind::Client], attributes: &[
        ("messaging.system", &["kafka", "rabbitmq", "aws_sqs"]), ("messaging.operation", &["publish", "receive", "process"]),
        ("messaging.destination.name", &["orders", ""]), ("messaging.message.id", &["7"]), ("messaging.batch.message_count", &["3", ""]),
    ] },
    Shape { kinds: &[SpanKind::Producer, SpanKind::Consumer, SpanKind::Client], attributes: &[
        ("messaging.system", &["nats", "mqtt"]), ("messaging.operation.name", &["publish", "poll"]), ("messaging.operation.type", &["send", ""]),
        ("messaging.destination.name", &["orders/7"]), ("messaging.destination.template", &["orders/{id}", ""]),
    ] },
    Shape { kinds: &[SpanKind::Server], attributes: &[
        ("graphql.operation.type", &["query", "mutation"]), ("graphql.operation.name", &["Cart", ""]), ("graphql.document", &["query Cart { a }"]),
    ] },
    Shape { kinds: &[SpanKind::Server], attributes: &[("faas.trigger", &["http", "timer"]), ("faas.invocation_id", &["af9d"]), ("faas.coldstart", &["true"])] },
    Shape { kinds: &[SpanKind::Client], attributes: &[("faas.invoked_provider", &["aws"]), ("faas.invoked_name", &["resize"]), ("faas.invoked_region", &["eu-central-1"])] },
    Shape { kinds: &[SpanKind::Client, SpanKind::Server], attributes: &[("network.protocol.name", &["amqp", "http"]), ("network.transport", &["tcp"])] },
    Shape { kinds: &[SpanKind::Client], attributes: &[("gen_ai.system", &["openai"]), ("gen_ai.usage.input_tokens", &["17"]), ("gen_ai.request.temperature", &["0.5"])] },
    Shape { kinds: &[SpanKind::Internal, SpanKind::Server, SpanKind::Client, SpanKind::Producer, SpanKind::Consumer], attributes: &[
        ("code.function.name", &["checkout"]), ("retries", &["3", "0.25", "-1"]), ("ok", &["true", "false"]), ("list", &["[a,b]", "[]"]), ("empty", &["", " "]),
    ] },
    Shape { kinds: &[SpanKind::Internal], attributes: &[
        ("operation.name", &["Price.Check", "sync job"]), ("resource.name", &["price 7", ""]), ("span.type", &["worker", "queue", ""]),
        ("service.name", &["Pricing", ""]), ("env", &["Staging", ""]), ("version", &["V2", ""]), ("analytics.event", &["true", "f", ""]),
    ] },
];

/// Resources: none, the least, and one with everything.
#[rustfmt::skip]
const RESOURCES: &[&[(&str, &str)]] = &[
    &[("service.name", "shop")],
    &[("service.name", "Shop Front"), ("deployment.environment.name", "Prod EU"), ("service.version", "1.4.2-RC"), ("telemetry.sdk.language", "rust")],
    &[("service.name", "billing"), ("deployment.environment", "qa"), ("env", "other"), ("version", "7"), ("host.name", "h1"), ("db.system", "mysql"), ("http.route", "/of/the/resource")],
    &[("service.name", "k8s"), ("container.id", "abc"), ("k8s.pod.name", "p-1"), ("cloud.provider", "aws"), ("replicas", "3"), ("spot", "true"), ("zones", "[a,b]")],
];

/// A resource, and a batch of its spans.
pub(crate) fn batches(count: usize, size: usize, seed: u64) -> Vec<(Resource, Vec<SpanData>)> {
    let mut rng = Rng::with_seed(seed);
    let mut number = 0;
    let mut batches = Vec::new();
    while number < count {
        let attributes = RESOURCES[batches.len() % RESOURCES.len()].iter();
        let attributes = attributes.map(|(key, text)| KeyValue::new(*key, value(text)));
        let resource = Resource::builder_empty().with_attributes(attributes).build();
        let batch = (0..size).map(|at| span(number + at, &mut rng)).collect();
        number += size;
        batches.push((resource, batch));
    }
    batches
}

/// One span; its id is its number, and each is a trace of its own.
fn span(number: usize, rng: &mut Rng) -> SpanData {
    let shape = pick(SHAPES, rng);
    let start = SystemTime::now() - Duration::from_secs(1) + Duration::from_nanos(number as u64);
    let (mut events, mut links) = (SpanEvents::default(), SpanLinks::default());
    events.events = (0..rng.usize(0..3)).map(|_| event(start, rng)).collect();
    links.links = (0..rng.usize(0..3)).map(|_| link(rng)).collect();
    let id = number as u64 + 1;
    let high = if rng.bool() { u64::from(rng.u32(1..)) } else { 0 };
    let is_root = rng.bool();
    SpanData {
        span_context: context(u128::from(high) << 64 | u128::from(id << 20), id, rng),
        parent_span_id: if is_root { SpanId::INVALID } else { SpanId::from(id + (1 << 40)) },
        parent_span_is_remote: !is_root && rng.bool(),
        span_kind: pick(shape.kinds, rng).clone(),
        name: (*pick(
            &["GET /users/{id}", "checkout", "SELECT shop", "Wörk", "query", "a b-c"],
            rng,
        ))
        .into(),
        start_time: start,
        end_time: start + Duration::from_nanos(rng.u64(0..100_000_000)),
        attributes: attributes(shape, rng),
        dropped_attributes_count: 0,
        events,
        links,
        status: status(rng),
        instrumentation_scope: scope(rng),
    }
}

fn attributes(shape: &Shape, rng: &mut Rng) -> Vec<KeyValue> {
    let mut attributes: Vec<_> = shape
        .attributes
        .iter()
        .filter_map(|(key, values)| {
            let text = pick(values, rng);
            (!text.is_empty()).then(|| KeyValue::new(*key, value(text)))
        })
        .collect();
    if rng.u8(0..20) == 0 {
        attributes.push(KeyValue::new("sampling.priority", i64::from(rng.u8(1..3))));
    }
    rng.shuffle(&mut attributes);
    attributes
}

fn value(text: &str) -> Value {
    let list = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    match (text, list) {
        ("true" | "false", _) => (text == "true").into(),
        (_, Some(items)) => {
            let items = items.split(',').filter(|item| !item.is_empty());
            Value::Array(Array::String(items.map(|item| item.to_owned().into()).collect()))
        }
        _ => {
            let number = text.parse::<i64>().map(Value::from);
            let number = number.or_else(|_| text.parse::<f64>().map(Value::from));
            number.unwrap_or_else(|_| text.to_owned().into())
        }
    }
}

fn status(rng: &mut Rng) -> Status {
    match rng.u8(0..6) {
        0 => Status::error("card declined"),
        1 => Status::error(""),
        2 => Status::Ok,
        _ => Status::Unset,
    }
}

fn scope(rng: &mut Rng) -> InstrumentationScope {
    let scope = InstrumentationScope::builder(*pick(&["axum", "my-lib", ""], rng));
    let scope = if rng.bool() { scope.with_version("0.8") } else { scope };
    match rng.u8(0..4) {
        0 => scope
            .with_attributes([KeyValue::new("scope.tag", "x"), KeyValue::new("ok", "scope")])
            .build(),
        _ => scope.build(),
    }
}

fn event(start: SystemTime, rng: &mut Rng) -> Event {
    let (name, attributes) = match rng.u8(0..3) {
        0 => (
            "exception",
            vec![
                KeyValue::new("exception.type", "io::Error"),
                KeyValue::new("exception.message", "broken \"pipe\"\n"),
                KeyValue::new("exception.stacktrace", "main.rs:7\nlib.rs:8"),
            ],
        ),
        1 => (
            "message",
            vec![KeyValue::new("size", 7), KeyValue::new("rate", 0.5), KeyValue::new("last", true)],
        ),
        _ => ("cache miss", Vec::new()),
    };
    Event::new(name, start, attributes, u32::from(rng.u8(0..2)))
}

fn link(rng: &mut Rng) -> Link {
    let attributes = match rng.u8(0..2) {
        0 => vec![
            KeyValue::new("reason", "retry"),
            KeyValue::new("attempt", 2),
            KeyValue::new("last", true),
        ],
        _ => Vec::new(),
    };
    Link::new(
        context(u128::from(rng.u64(1..)), rng.u64(1..), rng),
        attributes,
        u32::from(rng.u8(0..2)),
    )
}

fn context(trace: u128, span: u64, rng: &mut Rng) -> SpanContext {
    let state: TraceState =
        pick(&["", "", "ot=th:8", "other=x,dd=s:1;t.dm:-4", "ot=p:2"], rng).parse().unwrap();
    SpanContext::new(TraceId::from(trace), SpanId::from(span), TraceFlags::SAMPLED, false, state)
}

fn pick<'a, T>(list: &'a [T], rng: &mut Rng) -> &'a T {
    &list[rng.usize(0..list.len())]
}
