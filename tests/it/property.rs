//! Any batch of any spans: the body is one that the Agent takes, nothing in it is wrong, and every
//! span that can be sent arrives once, in a chunk of its trace.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use datadog_test_agent::{ReceivedSpan, TestAgent, TraceRequest};
use opentelemetry::trace::{Event, Link, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{
    Array, InstrumentationScope, InstrumentationScopeBuilder, KeyValue, SpanId, StringValue,
    TraceId, Value,
};
use opentelemetry_datadog_agent::{DatadogExporter, SpanTypes};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{SOON, agent, block_on, obfuscation};
use opentelemetry_datadog_agent::Protocol::{V03Json, V03MessagePack, V04};

/// Keys that decide something, or that the exporter writes itself. Not `_sampling_priority_v1`: it is
/// taken literally, so most of its values are wrong in themselves.
#[rustfmt::skip]
const KEYS: &[&str] = &[
    "service.name", "service.version", "operation.name", "resource.name", "span.type", "span.kind",
    "deployment.environment", "deployment.environment.name", "env", "version", "events", "language",
    "datadog.service", "datadog.name", "datadog.resource", "datadog.type", "datadog.env",
    "datadog.version", "datadog.span.kind", "datadog.http_status_code", "datadog.error",
    "datadog.error.msg", "datadog.error.type", "datadog.error.stack", "datadog.other",
    "http.method", "http.request.method", "http.url", "url.full", "http.route", "url.template",
    "http.status_code", "http.response.status_code", "http.useragent", "user_agent.original",
    "http.request.header.x", "http.request.headers.x", "http.request.header.referrer",
    "http.referrer", "client.address", "http.client_ip", "server.address", "http.server_name",
    "db.system", "db.system.name", "db.statement", "db.query.text", "db.query.summary",
    "db.query.parameter.x", "db.namespace", "db.name", "db.operation.name", "db.collection.name",
    "messaging.system", "messaging.operation", "messaging.destination.name", "rpc.system",
    "rpc.system.name", "rpc.service", "rpc.method", "rpc.grpc.status_code", "grpc.code",
    "rpc.grpc.status.code", "grpc.status.code", "rpc.response.status_code", "faas.trigger",
    "faas.invoked_provider", "faas.invoked_name", "graphql.operation.type", "graphql.operation.name",
    "network.protocol.name", "network.protocol.version", "gen_ai.system", "analytics.event",
    "sampling.priority", "error", "error.message", "error.msg", "error.type", "error.stack",
    "exception.message", "exception.type", "exception.stacktrace", "otel.trace_id",
    "otel.scope.name", "otel.library.name", "otel.status_code", "otel.status_description",
    "w3c.tracestate", "runtime-id", "process_id", "_dd.p.tid", "_dd.hostname", "_dd.top_level",
    "_dd.measured", "_dd.base_service", "_dd.span_links", "_dd.span_events.has_exception",
    "_sample_rate", "host.name", "team", "_dd.origin", "_dd.parent_id", "_dd.p.dm", "_dd.p.a",
];

/// Values that mean something to one of [`KEYS`].
const TEXTS: &[&str] = &[
    "",
    "GET",
    "_OTHER",
    "postgresql",
    "redis",
    "grpc",
    "aws-api",
    "server",
    "prod",
    "Staging",
    "!",
    "true",
    "500",
    "2",
    "1.5",
    "SELECT 'x'",
    "shop",
    "unknown_service:x",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(TEXTS).prop_map(str::to_owned),
        4 => "\\PC{0,12}",
        2 => vec(any::<char>(), 0..8).prop_map(String::from_iter),
        1 => (95..105_usize).prop_map(|length| "é".repeat(length)),
    ]
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(-0.0), Just(2.0)]
}

fn integer() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), -2..3_i64, 100..600_i64]
}

fn value() -> impl Strategy<Value = Value> {
    let texts = vec(text(), 0..3).prop_map(|items| {
        Value::Array(Array::String(items.into_iter().map(StringValue::from).collect()))
    });
    prop_oneof![
        8 => text().prop_map(Value::from),
        3 => integer().prop_map(Value::from),
        2 => float().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => texts,
        1 => vec(float(), 0..3).prop_map(|items| Value::Array(Array::F64(items))),
        1 => vec(integer(), 0..3).prop_map(|items| Value::Array(Array::I64(items))),
        1 => vec(any::<bool>(), 0..3).prop_map(|items| Value::Array(Array::Bool(items))),
    ]
}

fn attribute() -> impl Strategy<Value = KeyValue> {
    let key = prop_oneof![
        6 => prop::sample::select(KEYS).prop_map(str::to_owned),
        1 => text(),
        1 => "[a-c]{1}",
        1 => prop::sample::select(&["datadog.env", "deployment.environment", "service.version"][..]).prop_map(str::to_owned),
        1 => (198..203_usize).prop_map(|length| "k".repeat(length)),
    ];
    (key, value()).prop_map(|(key, value)| KeyValue::new(key, value))
}

fn attributes(most: usize) -> impl Strategy<Value = Vec<KeyValue>> {
    vec(attribute(), 0..most)
}

/// Few ids, so that they meet; and the limits.
fn trace_id() -> impl Strategy<Value = TraceId> {
    let half = || prop_oneof![2 => Just(0_u64), 6 => 1..4_u64, 1 => any::<u64>()];
    (half(), half()).prop_map(|(high, low)| TraceId::from(u128::from(high) << 64 | u128::from(low)))
}

fn span_id() -> impl Strategy<Value = SpanId> {
    prop_oneof![1 => Just(0_u64), 8 => 1..9_u64, 4 => any::<u64>()].prop_map(SpanId::from)
}

fn trace_state() -> impl Strategy<Value = TraceState> {
    let texts = vec![
        "",
        "dd=s:2;o:rum",
        "dd=p:1;t.dm:-4;t.a:b;t.a:~;t.:c;t.tid:1",
        "ot=th:8",
        "ot=p:4,dd=s:-1",
        "a=b,c=d",
    ];
    prop::sample::select(texts).prop_map(|text| text.parse().unwrap())
}

fn context() -> impl Strategy<Value = SpanContext> {
    (trace_id(), span_id(), any::<bool>(), trace_state()).prop_map(
        |(trace, span, sampled, state)| {
            let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
            SpanContext::new(trace, span, flags, false, state)
        },
    )
}

/// Up to some centuries before and after 1970.
fn time() -> impl Strategy<Value = SystemTime> {
    let seconds = prop_oneof![Just(1_750_000_000_i64), -20_000_000_000..20_000_000_000_i64];
    seconds.prop_map(|seconds| {
        let distance = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
    })
}

fn event() -> impl Strategy<Value = Event> {
    let name = prop_oneof![Just("exception".to_owned()), text()];
    (name, time(), attributes(3), any::<u32>())
        .prop_map(|(name, time, attributes, dropped)| Event::new(name, time, attributes, dropped))
}

fn link() -> impl Strategy<Value = Link> {
    (context(), attributes(3), any::<u32>())
        .prop_map(|(context, attributes, dropped)| Link::new(context, attributes, dropped))
}

fn scope() -> impl Strategy<Value = InstrumentationScope> {
    (text(), prop::option::of(text()), attributes(3)).prop_map(|(name, version, attributes)| {
        let scope = InstrumentationScope::builder(name).with_attributes(attributes);
        version.into_iter().fold(scope, InstrumentationScopeBuilder::with_version).build()
    })
}

fn kind() -> impl Strategy<Value = SpanKind> {
    use SpanKind::{Client, Consumer, Internal, Producer, Server};
    prop::sample::select(vec![Client, Server, Producer, Consumer, Internal])
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![Just(Status::Unset), Just(Status::Ok), text().prop_map(Status::error)]
}

fn span() -> impl Strategy<Value = SpanData> {
    let identity = (context(), parent_id(), any::<bool>(), kind(), text());
    let content = (time(), time(), attributes(8), status());
    let rest = (vec(event(), 0..3), vec(link(), 0..3), scope());
    (identity, content, rest).prop_map(|(identity, content, rest)| {
        let (span_context, parent_span_id, parent_span_is_remote, span_kind, name) = identity;
        let (start_time, end_time, attributes, status) = content;
        let (mut events, mut links) = (SpanEvents::default(), SpanLinks::default());
        (events.events, links.links) = (rest.0, rest.1);
        SpanData {
            span_context,
            parent_span_id,
            parent_span_is_remote,
            span_kind,
            name: name.into(),
            start_time,
            end_time,
            attributes,
            dropped_attributes_count: 0,
            events,
            links,
            status,
            instrumentation_scope: rest.2,
        }
    })
}

/// Half of all spans have no parent, so that some traces have several roots.
fn parent_id() -> impl Strategy<Value = SpanId> {
    prop_oneof![Just(SpanId::INVALID), span_id()]
}

/// A batch in which no two spans have the same ids: no tracer makes such.
fn batch() -> impl Strategy<Value = Vec<SpanData>> {
    vec(span(), 0..12).prop_map(|mut batch| {
        let mut seen = std::collections::HashSet::new();
        batch.retain(|span| seen.insert(ids(span)));
        batch
    })
}

fn ids(span: &SpanData) -> (u128, u64) {
    let context = &span.span_context;
    let trace = u128::from_be_bytes(context.trace_id().to_bytes());
    (trace, u64::from_be_bytes(context.span_id().to_bytes()))
}

fn low_half(trace: u128) -> u64 {
    u64::try_from(trace & u128::from(u64::MAX)).unwrap()
}

#[test]
fn any_batch_arrives_whole_and_without_a_complaint() {
    let agent = agent();
    let exporters = [SpanTypes::Documented, SpanTypes::Agent].map(|types| {
        [V03Json, V03MessagePack, V04].map(|protocol| {
            let builder =
                DatadogExporter::builder().with_agent_url(agent.url()).with_protocol(protocol);
            RefCell::new(
                builder
                    .with_span_types(types)
                    .with_obfuscation(obfuscation(types))
                    .build()
                    .unwrap(),
            )
        })
    });
    // No file of earlier failures: a failure becomes a row of its own among the bad input.
    let config = Config { failure_persistence: None, ..Config::with_cases(256) };
    let cases = (any::<bool>(), attributes(6), batch());
    let outcome = TestRunner::new(config).run(&cases, |(types, resource, batch)| {
        let resource = Resource::builder_empty().with_attributes(resource).build();
        let mut documents = Vec::new();
        for exporter in &exporters[usize::from(types)] {
            agent.clear();
            let mut exporter = exporter.borrow_mut();
            exporter.set_resource(&resource);
            let sent = block_on(exporter.export(batch.clone()));
            prop_assert!(sent.is_ok(), "{sent:?}");
            let flushed = exporter.handle().flush(SOON);
            prop_assert!(flushed.is_ok(), "{flushed:?}");
            check(&agent, &batch)?;
            documents.push(
                agent.requests().into_iter().map(|request| request.traces).collect::<Vec<_>>(),
            );
        }
        // One mapping, three forms: the same spans.
        prop_assert_eq!(&documents[0], &documents[1]);
        prop_assert_eq!(&documents[0], &documents[2]);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// Compares what arrived with what was exported.
fn check(agent: &TestAgent, batch: &[SpanData]) -> Result<(), TestCaseError> {
    let mut expected: BTreeMap<(u128, u64), &SpanData> = batch
        .iter()
        .map(|span| (ids(span), span))
        .filter(|((trace, span), _)| low_half(*trace) != 0 && *span != 0)
        .collect();
    for request in agent.requests() {
        check_request(&request)?;
        for chunk in &request.traces {
            let high = check_first(&chunk[0])?;
            for span in chunk {
                let trace = high | u128::from(span.trace_id);
                let source = expected.remove(&(trace, span.span_id));
                prop_assert!(source.is_some(), "{trace:x} {:x} is new or twice", span.span_id);
                check_span(span, source.unwrap())?;
            }
        }
    }
    prop_assert!(expected.is_empty(), "{} spans are missing", expected.len());
    Ok(())
}

fn check_request(request: &TraceRequest) -> Result<(), TestCaseError> {
    prop_assert_eq!(request.status, Some(200));
    prop_assert_eq!(&request.decode_error, &None);
    prop_assert_eq!(request.violations(), Vec::<String>::new());
    Ok(())
}

/// Checks the facts of a chunk on its first span and returns the upper half of its trace id.
fn check_first(span: &ReceivedSpan) -> Result<u128, TestCaseError> {
    prop_assert!(span.metrics.contains_key("_sampling_priority_v1"));
    for key in ["runtime-id", "language", "process_id"] {
        let there = span.meta.contains_key(key) || span.metrics.contains_key(key);
        prop_assert!(there, "the first span has no {}", key);
    }
    let high = span.meta.get("_dd.p.tid").map(|text| u128::from_str_radix(text, 16).unwrap());
    prop_assert_ne!(high, Some(0));
    Ok(high.unwrap_or(0) << 64)
}

fn check_span(span: &ReceivedSpan, source: &SpanData) -> Result<(), TestCaseError> {
    for key in ["span.kind", "otel.trace_id"] {
        prop_assert!(span.meta.contains_key(key), "no {key}");
    }
    let failed = matches!(source.status, Status::Error { .. });
    let overridden = source.attributes.iter().any(|tag| tag.key.as_str() == "datadog.error");
    prop_assert!(overridden || span.error == i32::from(failed));
    let own = u64::from_be_bytes(source.parent_span_id.to_bytes());
    prop_assert_eq!(span.parent_id, if own == span.span_id { 0 } else { own });
    Ok(())
}
