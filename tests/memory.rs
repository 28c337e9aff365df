//! Memory, measured by a counting allocator. A million spans meet an Agent that is not there, and everything that
//! waits stays within the buffer's bound. Spans of any size are written in little memory, which goes back after
//! their batch.

#![expect(unsafe_code, reason = "a global allocator needs it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::trace::{Event, Link, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{
    Array, InstrumentationScope, InstrumentationScopeBuilder, KeyValue, SpanId, TraceId, Value,
};
use opentelemetry_datadog_agent::{DatadogExporter, Protocol};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};

/// Spans of the outage.
const SPANS: u64 = 1_000_000;
/// Spans of one export, as the batch processor's default.
const BATCH: u64 = 512;
/// The bound under test.
const BUFFER: usize = 16 << 20;
/// The most memory of the batch in hand and of the encoder's buffers, beside the buffer.
const WORKING_SET: usize = 4 << 20;

/// Counts the bytes that are in use, and the most there ever were.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; the counters touch no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let in_use = IN_USE.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(in_use, Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn batch(first: u64) -> Vec<SpanData> {
    // Ids without a pattern, so that they compress no better than real ones.
    let mixed = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) | 1;
    (first..first + BATCH)
        .map(|number| SpanData {
            span_context: SpanContext::new(
                TraceId::from(u128::from(mixed(number / 4)) << 64 | u128::from(mixed(!number / 4))),
                SpanId::from(mixed(number)),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: SpanId::from(mixed(number ^ 3)),
            parent_span_is_remote: false,
            span_kind: SpanKind::Server,
            name: "GET".into(),
            start_time: UNIX_EPOCH + Duration::from_nanos(1_750_000_000_000_000_000 + number * 977),
            end_time: UNIX_EPOCH + Duration::from_nanos(1_750_000_000_000_000_000 + number * 1_013),
            attributes: vec![
                KeyValue::new("http.request.method", "GET"),
                KeyValue::new("http.route", "/users/{id}"),
                KeyValue::new("enduser.id", i64::try_from(mixed(number) >> 40).unwrap()),
            ],
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        })
        .collect()
}

/// One test after the other: the counters are everybody's.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn a_million_spans_without_an_agent_stay_within_the_bound() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let exporter = DatadogExporter::builder()
        .with_agent_url(format!("http://{closed}"))
        .with_max_buffer_bytes(BUFFER)
        .build()
        .unwrap();
    let before = IN_USE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let mut sent = 0;
    while sent < SPANS {
        futures_executor::block_on(exporter.export(batch(sent))).unwrap();
        sent += BATCH;
    }
    let peak = PEAK.load(Relaxed) - before;
    let stats = exporter.handle().stats();
    assert!(peak <= BUFFER + WORKING_SET, "peak of {peak} bytes");
    assert!(stats.bytes_buffered <= BUFFER as u64, "{stats:?}");
    assert_eq!(stats.spans_received, sent);
    assert_eq!(stats.spans_buffered + stats.spans_dropped.buffer_full, sent);
    // The bound is real, and what it holds is worth it.
    assert!(stats.spans_dropped.buffer_full > 0, "{stats:?}");
    // A quarter of the default buffer holds a quarter of a minute at 5,000 spans/s.
    assert!(stats.spans_buffered > 75_000, "{stats:?}");
}

/// An Agent that takes everything and keeps nothing.
fn sink() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || drop(answer(stream)));
        }
    });
    address
}

/// Answers the requests of a connection, whatever they are.
fn answer(stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.to_ascii_lowercase().split_once(':') {
                Some(("content-length", value)) => length = value.trim().parse().unwrap(),
                None if line.trim().is_empty() => break,
                _ => {}
            }
        }
        io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
        reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK")?;
    }
}

/// A text far above every limit, in bytes.
const ENDLESS: usize = 32 << 20;
/// The most that an export of it takes: a tag is 25,000 bytes, a statement is read up to ten times as much.
const OF_A_TEXT: usize = 2 << 20;
/// The most that is kept after a batch beyond what usual batches take: buffers below their limits.
const KEPT: usize = 512 << 10;

fn one(change: impl FnOnce(&mut SpanData)) -> Vec<SpanData> {
    let mut batch = batch(1);
    batch.truncate(1);
    change(&mut batch[0]);
    batch
}

fn tagged(key: &'static str, value: impl Into<Value>) -> Vec<SpanData> {
    one(|span| span.attributes = vec![KeyValue::new(key, value)])
}

fn with_event(name: String, attributes: Vec<KeyValue>) -> Vec<SpanData> {
    one(|span| {
        span.status = Status::error("");
        span.events.events = vec![Event::new(name, UNIX_EPOCH, attributes, 0)];
    })
}

/// Makes a batch, when it is wanted: all of them together would not fit.
type Make = fn() -> Vec<SpanData>;

fn text() -> String {
    "text ".repeat(ENDLESS / 5)
}

fn list() -> Value {
    Value::Array(Array::String(vec!["text".into(); ENDLESS / 30]))
}

fn queried(system: &'static str, start: &str, part: &str) -> Vec<SpanData> {
    let text = [start, &part.repeat(ENDLESS / part.len())].concat();
    one(|span| {
        span.span_kind = SpanKind::Client;
        span.attributes =
            vec![KeyValue::new("db.system.name", system), KeyValue::new("db.query.text", text)];
    })
}

fn scoped(scope: InstrumentationScopeBuilder) -> Vec<SpanData> {
    one(|span| span.instrumentation_scope = scope.build())
}

fn linked() -> Vec<SpanData> {
    let attributes = vec![KeyValue::new("k", text())];
    one(|span| {
        span.links.links = vec![Link::new(span.span_context.clone(), attributes, 0)];
    })
}

/// Batches with one text that is far too long.
#[rustfmt::skip]
const ENDLESS_TEXTS: &[(&str, Make)] = &[
    ("a value",       || tagged("k", text())),
    ("a list",        || tagged("k", list())),
    ("a URL",         || tagged("url.full", format!("http://host/{}", text()))),
    ("SQL",           || queried("postgresql", "SELECT ", "'it', ")),
    ("a document",    || queried("mongodb", "{\"a\": [", "\"it\", ")),
    ("a command",     || queried("redis", "SET k ", "it\n")),
    ("a service",     || tagged("service.name", text())),
    ("an operation",  || tagged("operation.name", text())),
    ("a resource",    || tagged("resource.name", text())),
    ("a type",        || tagged("span.type", text())),
    ("a version",     || tagged("service.version", text())),
    ("a key",         || one(|span| span.attributes = vec![KeyValue::new(text(), "v")])),
    ("a name",        || one(|span| span.name = text().into())),
    ("a description", || one(|span| span.status = Status::error(text()))),
    ("an event",      || with_event(text(), vec![KeyValue::new(text(), text())])),
    ("a stack",       || with_event("exception".into(), vec![KeyValue::new("exception.stacktrace", text())])),
    ("causes",        || with_event("exception".into(), vec![KeyValue::new("exception.stacktrace", list())])),
    ("a link",        linked),
    ("a scope",       || scoped(InstrumentationScope::builder(text()).with_version(text()))),
    ("a scope's tag", || scoped(InstrumentationScope::builder("s").with_attributes([KeyValue::new("k", text())]))),
];

fn keys<V: Into<Value> + Copy>(value: V) -> Vec<KeyValue> {
    (0..50_000).map(|number| KeyValue::new(format!("key {number}"), value)).collect()
}

/// Batches with very many parts.
#[rustfmt::skip]
const NUMEROUS: &[(&str, Make)] = &[
    ("texts",            || one(|span| span.attributes = keys("v"))),
    ("numbers",          || one(|span| span.attributes = keys(7))),
    ("keys of an event", || with_event("e".into(), keys("v"))),
    ("tags of a scope",  || scoped(InstrumentationScope::builder("s").with_attributes(keys("v")))),
    ("spans",            || (0..100).flat_map(|number| batch(number * BATCH)).collect()),
];

#[test]
fn spans_of_any_size_take_little_memory_and_give_it_back() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for protocol in [Protocol::V03Json, Protocol::V03MessagePack] {
        let builder = DatadogExporter::builder().with_protocol(protocol);
        let exporter = builder.with_agent_url(format!("http://{}", sink())).build().unwrap();
        let export = |batch: Vec<SpanData>| {
            futures_executor::block_on(exporter.export(batch)).unwrap();
            exporter.handle().flush(Duration::from_secs(20)).unwrap();
        };
        (0..20).for_each(|number| export(batch(number * BATCH)));
        let usual = IN_USE.load(Relaxed);
        for (name, make) in ENDLESS_TEXTS {
            let batch = make();
            let before = IN_USE.load(Relaxed);
            PEAK.store(before, Relaxed);
            export(batch);
            let peak = PEAK.load(Relaxed) - before;
            assert!(peak <= OF_A_TEXT, "{name}: {peak} bytes at most");
        }
        for (name, make) in ENDLESS_TEXTS.iter().chain(NUMEROUS) {
            export(make());
            (0..20).for_each(|number| export(batch(number * BATCH)));
            let kept = IN_USE.load(Relaxed).saturating_sub(usual);
            assert!(kept <= KEPT, "{name}: {kept} bytes stay");
        }
    }
}
