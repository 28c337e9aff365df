//! Memory of a whole outage, measured by a counting allocator: a million spans meet an Agent that is not
//! there, and everything that waits stays within the buffer's bound.

#![expect(unsafe_code, reason = "a global allocator needs it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId, TraceId};
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};

/// Spans of the outage.
const SPANS: u64 = 1_000_000;
/// Spans of one export, as the batch processor's default.
const BATCH: u64 = 512;
/// The bound under test.
const BUFFER: usize = 16 << 20;
/// What the batch in hand and the buffers of the encoder take beside the buffer.
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

#[test]
fn a_million_spans_without_an_agent_stay_within_the_bound() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let exporter = DatadogExporter::builder()
        .with_agent_url(format!("http://{closed}"))
        .with_buffer_bytes(BUFFER)
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
