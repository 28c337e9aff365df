//! No allocation per span: once warm, exporting 1,000 spans allocates no more often than exporting 100.
//!
//! Allocations of all threads count, the worker's too. A process of its own, since the allocator is global.

#![expect(unsafe_code, reason = "a global allocator needs it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use opentelemetry::trace::{
    Event, Link, SpanContext, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceState,
};
use opentelemetry::{Context, InstrumentationScope, KeyValue, SpanId, StringValue, TraceId, Value};
use opentelemetry_datadog_agent::{
    DatadogExporter, DatadogSampler, LogCorrelation, Obfuscation, Protocol, SamplingRule, SpanRule,
    SpanTypes,
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    ShouldSample as _, SpanData, SpanEvents, SpanExporter as _, SpanLinks,
};

/// Counts the times that memory is asked for, growing included.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; the counter touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Takes everything and keeps nothing.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl HttpClient for Nowhere {
    async fn send_bytes(&self, _: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        Ok(Response::new(Bytes::from_static(INFO)))
    }
}

/// An Agent that lets clients count.
const INFO: &[u8] = br#"{"endpoints":["/v0.3/traces","/v0.6/stats"],"client_drop_p0s":true,
    "peer_tags":["host.name","db.system"],"span_kinds_stats_computed":["server","client","producer"]}"#;

fn context(trace: u64, span: u64, state: &str) -> SpanContext {
    let trace = u128::from(trace + 1) << 64 | u128::from(trace + 1);
    let state: TraceState = state.parse().unwrap();
    SpanContext::new(
        TraceId::from(trace),
        SpanId::from(span + 1),
        TraceFlags::SAMPLED,
        false,
        state,
    )
}

/// A statement in each language that is obfuscated.
const STATEMENTS: [(&str, &str); 4] = [
    ("PostgreSQL", "SELECT \"a\" FROM t WHERE b IN (1, 2, 3) AND c = E'it\\'s' /* secret */"),
    ("who knows", "SELECT a FROM t WHERE b = 'secret' AND c = \"secret\""),
    ("redis", "SET key secret\nGET key"),
    ("mongodb", r#"{"find": "users", "filter": {"name": "secret", "n": [1, 2.5, null]}}"#),
];

/// The attributes that `sqlx` writes under `tracing`, and texts that hold secrets.
fn of_driver() -> Vec<KeyValue> {
    let list: Vec<StringValue> = vec!["a".into(), "see redis://:secret@host".into()];
    vec![
        KeyValue::new("target", "sqlx::query"),
        KeyValue::new("summary", "SELECT a FROM t …"),
        KeyValue::new("db.statement", "\n\nSELECT a FROM t WHERE b = 'secret'\n"),
        KeyValue::new("note", "near \"x\": syntax error in SELECT a FORM t WHERE b = 'secret'"),
        KeyValue::new("url.full", "https://user:secret@host/path"),
        KeyValue::new("list", Value::Array(list.into())),
    ]
}

/// Spans of every kind, with errors, events, links, trace states and both old and new attribute names.
fn batch(count: u64) -> Vec<SpanData> {
    let kinds = [SpanKind::Server, SpanKind::Client, SpanKind::Internal, SpanKind::Producer];
    let start = UNIX_EPOCH + Duration::from_secs(1_750_000_000);
    (0..count)
        .map(|number| {
            let (system, statement) = STATEMENTS[usize::try_from(number / 4).unwrap() % 4];
            let (mut events, mut links) = (SpanEvents::default(), SpanLinks::default());
            let message = "it \"failed\"\n  at line 7\n  at line 8";
            let report =
                "\n   0: \u{1b}[91mit failed\u{1b}[0m\n   1: disk full\n\nLocation:\n   main.rs:7";
            let exception = match number % 2 {
                0 => [("exception.message", message), ("exception.stacktrace", message)],
                _ => [("level", "ERROR"), ("error", report)],
            };
            let exception = exception.map(|(key, value)| KeyValue::new(key, value)).to_vec();
            events.events.push(Event::new("exception", start, exception, 0));
            events.events.push(Event::new("slow statement: 2 s", start, of_driver(), 0));
            let linked = vec![KeyValue::new("reason", "retry"), KeyValue::new("try", 2)];
            links.links.push(Link::new(context(number, 77, "dd=s:1"), linked, 1));
            SpanData {
                span_context: context(
                    number / 4,
                    number,
                    "dd=s:2;o:rum;p:7b;t.dm:-4;t.a:b~,ot=th:8",
                ),
                parent_span_id: SpanId::from(number),
                parent_span_is_remote: number % 4 == 0,
                span_kind: kinds[usize::try_from(number % 4).unwrap()].clone(),
                name: "GET".into(),
                start_time: start,
                end_time: start + Duration::from_millis(number),
                attributes: vec![
                    KeyValue::new("http.request.method", "GET"),
                    KeyValue::new("http.method", "OLD"),
                    KeyValue::new("http.route", "/users/{id}"),
                    KeyValue::new("http.response.status_code", 500),
                    KeyValue::new("db.system.name", system),
                    KeyValue::new("db.query.text", statement),
                    KeyValue::new("http.request.header.accept", "text/html"),
                    KeyValue::new("service.name", "Other Service"),
                    KeyValue::new("host.name", "mine"),
                    KeyValue::new("note", "cannot reach postgres://user:secret@host/db"),
                    KeyValue::new("stmt", "UPDATE t SET a = 'secret'"),
                    KeyValue::new("ratio", 0.25),
                    KeyValue::new("flag", true),
                    KeyValue::new("empty", ""),
                ],
                dropped_attributes_count: 0,
                events,
                links,
                status: Status::error("failed"),
                instrumentation_scope: InstrumentationScope::builder("scope")
                    .with_version("1")
                    .build(),
            }
        })
        .collect()
}

/// Counts the allocations of one export; the least of several, since other threads have their moments.
fn allocations(exporter: &DatadogExporter, spans: u64) -> usize {
    let count = |batch: Vec<SpanData>| {
        let before = ALLOCATIONS.load(Relaxed);
        futures_executor::block_on(exporter.export(batch)).unwrap();
        ALLOCATIONS.load(Relaxed) - before
    };
    (0..5).map(|_| batch(spans)).map(count).min().unwrap()
}

/// One test after the other: the counter is everybody's.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn to_follow_a_decision_allocates_nothing() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let sampler = DatadogSampler::builder().with_rate(0.5).build().unwrap();
    let local = context(1, 2, "");
    let (trace, span) = (local.trace_id(), local.span_id());
    // Decisions of a remote caller are counted by the name of the span.
    let remote = |flags| SpanContext::new(trace, span, flags, true, TraceState::NONE);
    let parents = [remote(TraceFlags::default()), remote(TraceFlags::SAMPLED), local];
    for parent in parents.map(|parent| Context::new().with_remote_span_context(parent)) {
        let attributes = [KeyValue::new("http.request.method", "GET")];
        let decide = || {
            let (id, kind) = (TraceId::from(7), SpanKind::Server);
            // The first decision takes over what others rejected, and the second has nothing to say.
            drop(sampler.should_sample(Some(&parent), id, "GET", &kind, &attributes, &[]));
            let before = ALLOCATIONS.load(Relaxed);
            drop(sampler.should_sample(Some(&parent), id, "GET", &kind, &attributes, &[]));
            ALLOCATIONS.load(Relaxed) - before
        };
        // The least of several, since other threads have their moments.
        assert_eq!((0..5).map(|_| decide()).min(), Some(0));
    }
}

#[test]
fn a_decision_allocates_nothing_but_the_answer_that_the_sdk_asks_for() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let rule = |rate| SamplingRule::new(rate).with_name("http.server.*").with_resource("GET /*");
    let build = |rules: [SamplingRule; 2]| {
        let [first, second] = rules;
        DatadogSampler::builder().with_rule(first).with_rule(second).build().unwrap()
    };
    let other = |tag| SamplingRule::new(0.0).with_service("unknown*").with_tag(tag, "4?3");
    let samplers = [
        DatadogSampler::builder().build().unwrap(),
        DatadogSampler::builder().with_rate(1.0).build().unwrap(),
        DatadogSampler::builder().with_rate(0.0).build().unwrap(),
        // Beyond its limit, so the name of the span is looked up.
        DatadogSampler::builder().with_rate(1.0).with_rate_limit(1.0).build().unwrap(),
        build([other("missing"), rule(0.5)]),
        build([other("server.port"), rule(1.0)]),
    ];
    let attributes = [
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.route", "/users/{id}"),
        KeyValue::new("server.port", 443),
        KeyValue::new("service.name", "unknown"),
    ];
    for (at, sampler) in samplers.iter().enumerate() {
        let count = || {
            let (id, kind) = (TraceId::from(1), SpanKind::Server);
            let start = ALLOCATIONS.load(Relaxed);
            let answer = sampler.should_sample(None, id, "GET", &kind, &attributes, &[]);
            let decided = ALLOCATIONS.load(Relaxed);
            drop((answer.trace_state.clone(), answer.attributes.clone()));
            let copied = ALLOCATIONS.load(Relaxed);
            assert!(answer.trace_state.get("dd").is_some(), "it was decided");
            (decided - start, copied - decided)
        };
        // The least of several, since other threads have their moments.
        let least = (0..5).map(|_| count()).min();
        assert!(least.is_some_and(|(decided, copied)| decided <= copied), "{at}: {least:?}");
    }
}

#[test]
fn the_fields_of_a_log_line_allocate_nothing() {
    use std::io::Write as _;

    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let logs = LogCorrelation::new().with_service("shop").with_env("prod").with_version("1");
    let span = context(1, 2, "");
    for logs in [logs.clone(), logs.with_decimal_ids(true)] {
        let write = || {
            let mut line = [0; 256];
            let before = ALLOCATIONS.load(Relaxed);
            let mut rest = &mut line[..];
            for (name, value) in logs.fields(&span).iter() {
                write!(rest, "{name}={value} ").unwrap();
            }
            let written = 256 - rest.len();
            let allocations = ALLOCATIONS.load(Relaxed) - before;
            assert!(line[..written].starts_with(b"dd.service=shop "), "{line:?}");
            allocations
        };
        // The least of several, since other threads have their moments.
        assert_eq!((0..5).map(|_| write()).min(), Some(0));
    }
}

#[test]
fn a_thousand_spans_allocate_no_more_often_than_a_hundred() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for (protocol, counts) in [
        (Protocol::V03Json, false),
        (Protocol::V03MessagePack, false),
        // Once a group is known, counting allocates nothing either.
        (Protocol::V03MessagePack, true),
    ] {
        for types in [SpanTypes::Documented, SpanTypes::Agent] {
            let mut exporter = DatadogExporter::builder()
                .with_protocol(protocol)
                .with_span_types(types)
                .with_obfuscation(obfuscation(types))
                .with_http_client(Nowhere)
                .with_client_stats(counts)
                .with_span_rule(SpanRule::new(0.5).with_tag("host.name", "m*"))
                .with_names(|span, names| names.resource = (&*span.name).into())
                .build()
                .unwrap();
            let attributes = [("service.name", "shop"), ("host.name", "box"), ("env", "prod")];
            let attributes = attributes.map(|(key, value)| KeyValue::new(key, value));
            exporter.set_resource(&Resource::builder_empty().with_attributes(attributes).build());
            allocations(&exporter, 1_000);
            // The worker shares the counter: on a busy machine it may be at something else meanwhile.
            let least = |spans| (0..5).map(|_| allocations(&exporter, spans)).min().unwrap_or(0);
            let (few, many) = (least(100), least(1_000));
            assert!(
                many <= few,
                "{protocol:?}, {types:?}, {counts}: 100 spans {few}, 1,000 spans {many}"
            );
            assert!(few > 0, "the counter counts");
        }
    }
}

/// The obfuscation that goes with span types: under its own types the Agent obfuscates.
fn obfuscation(types: SpanTypes) -> Obfuscation {
    if types == SpanTypes::Agent { Obfuscation::Agent } else { Obfuscation::Exporter }
}
