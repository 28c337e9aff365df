//! Spans that are lost when the Agent is away, slow or strict: `cargo bench --bench outages`.
//!
//! Each row is a run of its own: 50,000 spans at 10,000 a second through a real provider and batch
//! processor, in its default settings, to the embedded Agent with one outage. The table tells how many
//! spans arrived, how many twice, and the longest time that ending one span took the application.
#![expect(clippy::print_stdout, reason = "a bench shows its result")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says where")]

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use datadog_test_agent::{Fault, TestAgent};
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::{DatadogExporter, ExporterHandle};
use opentelemetry_sdk::trace::SdkTracerProvider;

const SPANS: usize = 50_000;
const PER_SECOND: usize = 10_000;
/// Spans are made in bursts of this many, so that the clock is asked rarely.
const BURST: usize = 50;

/// A row: its name, the Agent's limit for a request, and the Agent's fate while spans are made.
struct Outage {
    name: &'static str,
    max_request_bytes: usize,
    script: fn(&TestAgent),
}

const LIMIT: usize = 26_214_400;

const OUTAGES: [Outage; 7] = [
    Outage { name: "none", max_request_bytes: LIMIT, script: |_| {} },
    Outage {
        name: "down for the first 5 s",
        max_request_bytes: LIMIT,
        script: |agent| {
            agent.pause();
            thread::sleep(Duration::from_secs(5));
            agent.resume().unwrap();
        },
    },
    Outage {
        name: "restart of 2 s in mid-run",
        max_request_bytes: LIMIT,
        script: |agent| {
            thread::sleep(Duration::from_millis(1_500));
            agent.pause();
            thread::sleep(Duration::from_secs(2));
            agent.resume().unwrap();
        },
    },
    Outage {
        name: "three answers of 503",
        max_request_bytes: LIMIT,
        script: |agent| agent.reply_with([503, 503, 503].map(Fault::Status)),
    },
    Outage {
        name: "overloaded: 429 for 2 s",
        max_request_bytes: LIMIT,
        script: |agent| {
            agent.set_default_reply(Fault::Overloaded);
            thread::sleep(Duration::from_secs(2));
            agent.set_default_reply(Fault::Accept);
        },
    },
    Outage {
        name: "slow: every answer after 300 ms",
        max_request_bytes: LIMIT,
        script: |agent| agent.set_default_reply(Fault::Slow(Duration::from_millis(300))),
    },
    Outage { name: "413 for more than 256 KiB", max_request_bytes: 256 * 1024, script: |_| {} },
];

fn main() {
    println!(
        "{:<34} {:>9} {:>8} {:>8} {:>12}",
        "the Agent", "delivered", "lost", "twice", "longest end"
    );
    for outage in &OUTAGES {
        let agent = TestAgent::builder()
            .with_max_request_bytes(outage.max_request_bytes)
            .with_memory_limit(usize::MAX)
            .start()
            .unwrap();
        let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
        let handle = exporter.handle();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
        let longest = thread::scope(|scope| {
            scope.spawn(|| (outage.script)(&agent));
            make_spans(&provider)
        });
        finish(&provider, &handle);

        let spans = agent.spans();
        let distinct: HashSet<_> = spans.iter().map(|span| (span.trace_id, span.span_id)).collect();
        let lost = SPANS - distinct.len();
        println!(
            "{:<34} {:>9} {:>7.2}% {:>8} {:>9} µs",
            outage.name,
            distinct.len(),
            100.0 * f64::from(u32::try_from(lost).unwrap())
                / f64::from(u32::try_from(SPANS).unwrap()),
            spans.len() - distinct.len(),
            longest.as_micros(),
        );
    }
}

/// Makes spans at the given rate and returns the longest time that one of them took.
fn make_spans(provider: &SdkTracerProvider) -> Duration {
    let tracer = provider.tracer("outages");
    let start = Instant::now();
    let mut longest = Duration::ZERO;
    for made in 0..SPANS {
        if made % BURST == 0 {
            let due = start
                + Duration::from_secs(1) * u32::try_from(made).unwrap()
                    / u32::try_from(PER_SECOND).unwrap();
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let before = Instant::now();
        let attributes = [
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("http.route", "/users/{id}"),
            KeyValue::new("http.response.status_code", 200),
            KeyValue::new("server.address", "users.example.com"),
            KeyValue::new("enduser.id", i64::try_from(made).unwrap()),
        ];
        drop(
            tracer
                .span_builder("GET")
                .with_kind(SpanKind::Server)
                .with_attributes(attributes)
                .start(&tracer),
        );
        longest = longest.max(before.elapsed());
    }
    longest
}

fn finish(provider: &SdkTracerProvider, handle: &ExporterHandle) {
    provider.force_flush().unwrap();
    // The Agent may still be slow, so this gets its time; losses show in the table.
    if let Err(error) = handle.flush(Duration::from_secs(30)) {
        println!("flush: {error}");
    }
    provider.shutdown().unwrap();
}
