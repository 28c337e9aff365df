//! The harness that every peer compiles against its own version of OpenTelemetry: the same spans, the
//! same loops, the same clocks. A peer's `main` only builds its exporter. One process is one
//! measurement; it prints `key value` lines for the driver.

mod meter;
mod spans;

use std::env;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanExporter, SpanProcessor};

#[allow(unused_imports, reason = "only some peers need the resource themselves")]
pub use spans::resource;

/// Spans of one call of `export`: what the batch processor hands over at most.
const BATCH: usize = 512;
/// Batches that are cloned at once before they are exported: together more than the caches hold, as
/// spans are that an application made a while ago.
const GROUP: usize = 8;
/// Groups before the clock starts: connections are open, buffers have grown.
const WARM_UP_GROUPS: usize = 4;
/// Groups that are measured: 200,704 spans.
const GROUPS: usize = 49;
/// Groups whose allocations are counted: the number per span does not change after the warm-up.
const COUNTED_GROUPS: usize = 6;

/// Spans through a provider.
const SPANS: usize = 200_000;
/// Spans before the clock starts.
const WARM_UP_SPANS: usize = 4_000;
/// Slow enough for every peer on one core.
const SPANS_PER_SECOND: usize = 50_000;
/// Spans for a real Agent in the mode `host`, and how many each second: few enough that it takes them as they come.
const HOST_SPANS: usize = 40_000;
/// See [`HOST_SPANS`].
const HOST_SPANS_PER_SECOND: usize = 8_000;
/// Spans between two looks at the wall clock.
const BURST: usize = 10 * spans::TRACE;
/// Half of the batch processor's default queue: with more than this ahead of the exporter, the
/// application waits, so that a machine that is busy with other things costs no spans.
const AHEAD: usize = 1_024;

/// The arguments from the driver: `<mode> <url of the sink> [variant]`.
pub struct Args {
    mode: String,
    #[allow(dead_code, reason = "one peer sends nothing")]
    pub url: String,
    #[allow(dead_code, reason = "only some peers have variants")]
    pub variant: String,
}

impl Args {
    pub fn read() -> Self {
        let mut args = env::args().skip(1);
        Self {
            mode: args.next().expect("a mode"),
            url: args.next().expect("the address of the sink"),
            variant: args.next().unwrap_or_default(),
        }
    }
}

/// Measures an exporter.
#[allow(dead_code, reason = "one peer is no exporter")]
pub fn run_exporter(args: &Args, mut exporter: impl SpanExporter + 'static) {
    exporter.set_resource(&spans::resource());
    match args.mode.as_str() {
        "export" => export(&exporter, GROUPS, false),
        "allocations" => export(&exporter, COUNTED_GROUPS, true),
        _ => run_provider(args, |taken| {
            let exporter = Watched { exporter, taken };
            let builder = SdkTracerProvider::builder().with_resource(spans::resource());
            builder.with_batch_exporter(exporter).build()
        }),
    }
}

/// Measures a provider: spans are made, processed and sent, at a steady rate.
///
/// The provider counts the spans that its exporter has taken; [`usize::MAX`]: it cannot.
pub fn run_provider(args: &Args, provider: impl FnOnce(Arc<AtomicUsize>) -> SdkTracerProvider) {
    let taken = Arc::new(AtomicUsize::new(0));
    let provider = match args.mode.as_str() {
        "end-to-end" | "host" => provider(Arc::clone(&taken)),
        // The cost of spans that nobody wants; taken off the figures of all peers.
        "api" => {
            taken.store(usize::MAX, Relaxed);
            SdkTracerProvider::builder().with_span_processor(Discard).build()
        }
        mode => panic!("no such mode here: {mode}"),
    };
    let (spans, rate) = match args.mode.as_str() {
        "host" => (HOST_SPANS, HOST_SPANS_PER_SECOND),
        _ => (SPANS, SPANS_PER_SECOND),
    };
    make_spans(&provider, 0..WARM_UP_SPANS, rate, &taken);
    provider.force_flush().expect("a flush");
    let before = meter::process_cpu();
    make_spans(&provider, WARM_UP_SPANS..WARM_UP_SPANS + spans, rate, &taken);
    provider.shutdown().expect("a shutdown");
    print(spans, WARM_UP_SPANS, meter::process_cpu() - before);
    println!("peak_kib {}", meter::peak_kib());
}

/// Makes spans at a rate, or slower if the exporter falls behind.
fn make_spans(
    provider: &SdkTracerProvider,
    numbers: Range<usize>,
    rate: usize,
    taken: &AtomicUsize,
) {
    let tracer = provider.tracer(spans::SCOPE);
    let start = Instant::now();
    let first = numbers.start;
    for number in numbers.step_by(spans::TRACE) {
        let made = number - first;
        if made.is_multiple_of(BURST) {
            let due = start + Duration::from_secs(1) * made as u32 / rate as u32;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            while number.saturating_sub(taken.load(Relaxed)) > AHEAD {
                thread::sleep(Duration::from_millis(1));
            }
        }
        spans::make_trace(&tracer, number);
    }
}

/// An exporter that tells how many spans it was given.
#[derive(Debug)]
struct Watched<E> {
    exporter: E,
    taken: Arc<AtomicUsize>,
}

impl<E: SpanExporter> SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.taken.fetch_add(batch.len(), Relaxed);
        self.exporter.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Exports prepared batches one after the other.
///
/// The cost is the CPU of the process, all threads, without what this thread spends on cloning.
fn export(exporter: &impl SpanExporter, groups: usize, count_allocations: bool) {
    let batch = spans::batch(BATCH);
    run_groups(exporter, &batch, WARM_UP_GROUPS, false);
    let before = meter::process_cpu();
    let cloning = run_groups(exporter, &batch, groups, count_allocations);
    let flushed = exporter.shutdown_with_timeout(Duration::from_secs(5));
    let cpu = meter::process_cpu() - before - cloning;
    flushed.expect("a shutdown");
    print(groups * GROUP * BATCH, WARM_UP_GROUPS * GROUP * BATCH, cpu);
    println!("allocations {}", meter::allocations());
}

/// Exports groups of batches and returns the CPU that cloning them took.
fn run_groups(
    exporter: &impl SpanExporter,
    batch: &[SpanData],
    groups: usize,
    count_allocations: bool,
) -> Duration {
    let mut cloning = Duration::ZERO;
    for _ in 0..groups {
        let before = meter::thread_cpu();
        let batches: Vec<_> = (0..GROUP).map(|_| batch.to_vec()).collect();
        cloning += meter::thread_cpu() - before;
        meter::count_allocations(count_allocations);
        for batch in batches {
            futures_executor::block_on(exporter.export(batch)).expect("an export");
        }
        meter::count_allocations(false);
    }
    cloning
}

fn print(measured: usize, warm_up: usize, cpu: Duration) {
    println!("measured {measured}\nsent {}\ncpu_ns {}", measured + warm_up, cpu.as_nanos());
}

/// Throws every span away.
#[derive(Debug)]
struct Discard;

impl SpanProcessor for Discard {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, _: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
