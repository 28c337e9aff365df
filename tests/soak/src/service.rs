//! The service: one route, three spans a request. It ends when its standard input does, and says what
//! became of its spans.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use std::{io, thread};

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use opentelemetry::trace::{
    Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_datadog_agent::{DatadogExporter, ExporterHandle, Protocol};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider, Span, SpanData,
    SpanProcessor,
};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

/// Small enough that a long outage fills it.
const BUFFER_BYTES: usize = 1 << 20;
/// Large enough that the processor loses nothing: what is lost then is the exporter's.
const QUEUE: usize = 1 << 16;
const BATCH_DELAY: Duration = Duration::from_millis(200);
/// The Agent is well at the end.
const SHUTDOWN: Duration = Duration::from_secs(30);
/// One request in so many fails.
const FAILURES: u64 = 10;

/// Serves until standard input ends. Prints its address, and at the end its counters, a line each.
pub(crate) fn run(url: Option<&str>) {
    let ended = Arc::new(AtomicU64::new(0));
    let (provider, handle) = provider(url, Arc::clone(&ended));
    let app = Router::new().route("/orders/{id}", get(order)).with_state(provider.tracer("soak"));
    let runtime =
        Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    runtime.spawn(async { axum::serve(listener, app).await });
    thread::spawn(|| io::stdin().read_to_end(&mut Vec::new()))
        .join()
        .expect("a reader")
        .expect("an end");
    runtime.shutdown_timeout(Duration::from_secs(1));
    provider.shutdown_with_timeout(SHUTDOWN).expect("a shutdown");
    let Some(stats) = handle.map(|handle| handle.stats()) else { return };
    let dropped = stats.spans_dropped;
    for (name, count) in [
        ("ended", ended.load(Relaxed)),
        ("received", stats.spans_received),
        ("exported", stats.spans_delivered),
        ("dropped", dropped.total()),
        ("unacknowledged", dropped.unacknowledged),
        ("buffered", stats.spans_buffered),
        ("retries", stats.retries),
    ] {
        println!("{name} {count}");
    }
}

fn provider(
    url: Option<&str>,
    ended: Arc<AtomicU64>,
) -> (SdkTracerProvider, Option<ExporterHandle>) {
    let builder = SdkTracerProvider::builder().with_span_processor(Count(ended));
    let Some(url) = url else { return (builder.build(), None) };
    let exporter = DatadogExporter::builder()
        .with_agent_url(url)
        .with_service("soak")
        .with_max_buffer_bytes(BUFFER_BYTES)
        .with_protocol(if url.starts_with("unix") {
            Protocol::V03MessagePack
        } else {
            Protocol::V03Json
        })
        .build()
        .expect("an exporter");
    let handle = exporter.handle();
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_scheduled_delay(BATCH_DELAY)
        .build();
    let processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    (builder.with_span_processor(processor).build(), Some(handle))
}

/// Answers a request: a server span, a call to a database, some work.
async fn order(State(tracer): State<SdkTracer>, Path(id): Path<u64>) -> String {
    let attributes = vec![
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.route", "/orders/{id}"),
        KeyValue::new("url.path", format!("/orders/{id}")),
    ];
    let builder = tracer.span_builder("GET /orders/{id}").with_kind(SpanKind::Server);
    let span = builder.with_attributes(attributes).start_with_context(&tracer, &Context::new());
    let cx = Context::new().with_span(span);
    let attributes = vec![
        KeyValue::new("db.system.name", "postgresql"),
        KeyValue::new("db.query.text", format!("SELECT * FROM orders WHERE id = {id}")),
    ];
    let builder = tracer.span_builder("SELECT orders").with_kind(SpanKind::Client);
    builder.with_attributes(attributes).start_with_context(&tracer, &cx).end();
    let mut work = tracer.start_with_context("price", &cx);
    if id % FAILURES == 0 {
        work.set_status(Status::error("out of stock"));
    }
    work.end();
    cx.span().set_attribute(KeyValue::new("http.response.status_code", 200));
    cx.span().end();
    format!("order {id}\n")
}

/// Counts the spans that end.
#[derive(Debug)]
struct Count(Arc<AtomicU64>);

impl SpanProcessor for Count {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, _: SpanData) {
        self.0.fetch_add(1, Relaxed);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
