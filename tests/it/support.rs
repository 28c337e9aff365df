//! Helpers that several test modules share.

use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use datadog_test_agent::TestAgent;
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, SpanId, TraceId};
use opentelemetry_datadog_agent::{DatadogExporter, Obfuscation, Protocol, SpanTypes};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanEvents, SpanLinks};

/// The longest wait for something that should come at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Both forms of the body.
pub(crate) const PROTOCOLS: [Protocol; 2] = [Protocol::V03Json, Protocol::V03MessagePack];

/// Starts an Agent of its own for a test.
pub(crate) fn agent() -> TestAgent {
    TestAgent::start().unwrap()
}

/// Runs `work` on a plain thread of its own and fails if it does not end within `limit`.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (done, end) = mpsc::channel();
    let worker = thread::spawn(move || drop(done.send(work())));
    match end.recv_timeout(limit) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("not done within {limit:?}"),
        Err(RecvTimeoutError::Disconnected) => {
            std::panic::resume_unwind(worker.join().expect_err("it ended without a result"))
        }
    }
}

/// Does the work for each of the cells, on as many threads.
pub(crate) fn in_parallel<T: Send>(threads: usize, cells: Vec<T>, work: impl Fn(T) + Sync) {
    let cells = Mutex::new(cells.into_iter());
    let next = || cells.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(cell) = next() {
                    work(cell);
                }
            });
        }
    });
}

/// Polls a future to its end on this thread, as the processors of the SDK do.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    futures_executor::block_on(future)
}

/// The thread or task that calls the exporter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    Plain,
    CurrentThread,
    MultiThread,
}

/// The processor between the tracer and the exporter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Processor {
    Batch,
    Simple,
}

/// Every caller.
pub(crate) const CALLERS: [Caller; 3] = [Caller::Plain, Caller::CurrentThread, Caller::MultiThread];
/// Every processor.
pub(crate) const PROCESSORS: [Processor; 2] = [Processor::Batch, Processor::Simple];

impl Caller {
    /// Runs `work` as this caller would, inside a task if there is a runtime.
    pub(crate) fn run<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let mut builder = match self {
            Self::Plain => return work(),
            Self::CurrentThread => tokio::runtime::Builder::new_current_thread(),
            Self::MultiThread => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime = builder.worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async { tokio::spawn(async { work() }).await.unwrap() })
    }
}

impl Processor {
    /// A provider that exports through this processor.
    pub(crate) fn provider(self, exporter: DatadogExporter) -> SdkTracerProvider {
        let builder = SdkTracerProvider::builder();
        match self {
            Self::Batch => builder.with_batch_exporter(exporter).build(),
            Self::Simple => builder.with_simple_exporter(exporter).build(),
        }
    }
}

/// A plain root span of some milliseconds.
pub(crate) fn span() -> SpanData {
    let start_time = UNIX_EPOCH + Duration::from_secs(1_750_000_000);
    SpanData {
        span_context: context(0x11, 0x22),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "work".into(),
        start_time,
        end_time: later(start_time),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

/// A sampled local context.
pub(crate) fn context(trace: u128, span: u64) -> SpanContext {
    SpanContext::new(
        TraceId::from(trace),
        SpanId::from(span),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    )
}

fn later(time: SystemTime) -> SystemTime {
    time + Duration::from_millis(25)
}

/// The obfuscation that goes with span types: under its own types the Agent obfuscates.
pub(crate) fn obfuscation(types: SpanTypes) -> Obfuscation {
    if types == SpanTypes::Agent { Obfuscation::Agent } else { Obfuscation::Exporter }
}
