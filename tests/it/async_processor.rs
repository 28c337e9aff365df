//! The SDK's experimental batch processor, which exports in a task of tokio in place of a thread of its own.
//!
//! The limits of the processor itself hold for every exporter. Its flush and shutdown block the thread that asks:
//! under `runtime::Tokio` they are not for a task, whose thread may be the one that the processor's task waits
//! for. And its shutdown does not wait for that of the exporter: a caller who needs to know flushes the handle.

use std::thread;
use std::time::Duration;

use datadog_test_agent::{Fault, TestAgent};
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::runtime::{RuntimeChannel, Tokio, TokioCurrentThread};
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use opentelemetry_sdk::trace::{BatchConfigBuilder, SdkTracerProvider};
use tokio::runtime::{Builder, Runtime};

use crate::support::{SOON, agent, within};

/// Longer than anything here may take.
const HANG: Duration = Duration::from_secs(20);
/// Spans of a run: several batches.
const SPANS: usize = 300;
/// Spans of a batch.
const BATCH: usize = 64;

/// The thread that blocks in flush and shutdown, and the runtime of the processor's task.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// A blocking thread of the runtime.
    Blocking,
    /// A thread outside of that runtime.
    Outside,
    /// The only thread of a runtime; the processor has another one.
    OnlyThread,
}

const PLACES: [Place; 3] = [Place::Blocking, Place::Outside, Place::OnlyThread];

fn several_threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

impl Place {
    /// Makes a provider in its runtime and does some work with it.
    fn run(
        self,
        exporter: DatadogExporter,
        concurrent: usize,
        work: impl FnOnce(SdkTracerProvider) + Send + 'static,
    ) {
        match self {
            Self::Blocking => several_threads().block_on(async move {
                let provider = provider(exporter, concurrent, Tokio);
                tokio::task::spawn_blocking(move || work(provider)).await.unwrap();
            }),
            Self::Outside => {
                let runtime = several_threads();
                let provider = {
                    let _inside = runtime.enter();
                    provider(exporter, concurrent, Tokio)
                };
                work(provider);
            }
            Self::OnlyThread => {
                let runtime = Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async move {
                    work(provider(exporter, concurrent, TokioCurrentThread));
                });
            }
        }
    }
}

fn provider<R: RuntimeChannel>(
    exporter: DatadogExporter,
    concurrent: usize,
    runtime: R,
) -> SdkTracerProvider {
    let config = BatchConfigBuilder::default()
        .with_max_export_batch_size(BATCH)
        .with_max_concurrent_exports(concurrent)
        .build();
    let processor = BatchSpanProcessor::builder(exporter, runtime).with_batch_config(config);
    SdkTracerProvider::builder().with_span_processor(processor.build()).build()
}

fn exporter(agent: &TestAgent) -> DatadogExporter {
    DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap()
}

fn make_spans(provider: &SdkTracerProvider, count: usize) {
    let tracer = provider.tracer("async");
    (0..count).for_each(|_| tracer.in_span("work", |_| ()));
}

#[test]
fn spans_arrive_after_a_flush_and_after_a_shutdown() {
    for place in PLACES {
        for concurrent in [1, 4] {
            within(HANG, move || {
                let agent = agent();
                let exporter = exporter(&agent);
                let handle = exporter.handle();
                place.run(exporter, concurrent, move |provider| {
                    make_spans(&provider, SPANS);
                    provider.force_flush().unwrap();
                    agent.wait_for_spans(SPANS, SOON).unwrap();
                    make_spans(&provider, SPANS);
                    provider.shutdown().unwrap();
                    let case = format!("{place:?}, {concurrent} at a time");
                    let spans = agent.wait_for_spans(2 * SPANS, SOON).unwrap();
                    assert_eq!(spans.len(), 2 * SPANS, "{case}");
                    assert_eq!(handle.stats().spans_received, 2 * SPANS as u64, "{case}");
                    for request in agent.requests() {
                        assert_eq!(request.violations(), Vec::<String>::new(), "{case}");
                    }
                });
            });
        }
    }
}

#[test]
fn an_agent_that_is_slow_or_fails_loses_no_span_of_a_handle_that_is_flushed() {
    for place in PLACES {
        within(HANG, move || {
            let agent = agent();
            agent.reply_with([Fault::Slow(Duration::from_millis(300)), Fault::Status(503)]);
            let exporter = exporter(&agent);
            let handle = exporter.handle();
            place.run(exporter, 1, move |provider| {
                make_spans(&provider, SPANS);
                provider.force_flush().unwrap();
                handle.flush(SOON).unwrap();
                let stats = handle.stats();
                assert_eq!((stats.spans_delivered, stats.spans_dropped.total()), (SPANS as u64, 0));
                assert_eq!(agent.spans().len(), SPANS, "{place:?}");
                provider.shutdown().unwrap();
            });
        });
    }
}

#[test]
fn a_runtime_that_ends_first_loses_only_what_the_processor_still_had() {
    let agent = within(HANG, || {
        let agent = agent();
        let runtime = several_threads();
        let exporter = exporter(&agent);
        let handle = exporter.handle();
        let provider = {
            let _inside = runtime.enter();
            provider(exporter, 1, Tokio)
        };
        make_spans(&provider, BATCH);
        while handle.stats().spans_received < BATCH as u64 {
            thread::sleep(Duration::from_millis(5));
        }
        // The task is gone with its runtime, and the exporter with the task: dropped, it sends what it has.
        drop(runtime);
        assert!(provider.force_flush().is_err(), "nobody is there");
        assert!(provider.shutdown().is_err(), "nobody is there");
        agent
    });
    assert_eq!(agent.spans().len(), BATCH);
}
