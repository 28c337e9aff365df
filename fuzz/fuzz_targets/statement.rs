//! Any statement of any database: it never panics, spoils the payload or costs the span.

#![no_main]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use async_trait::async_trait;
use libfuzzer_sys::fuzz_target;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_datadog_agent::{
    DatadogExporter, Encoding, Transport, TransportError, TransportRequest, TransportResponse,
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};

/// One of each language, and none.
const SYSTEMS: [&str; 10] = [
    "postgresql",
    "mysql",
    "microsoft.sql_server",
    "oracle.db",
    "redis",
    "memcached",
    "mongodb",
    "elasticsearch",
    "opensearch",
    "unknown",
];

/// Counts the spans that arrive, and ends the process on a body that is not JSON.
#[derive(Debug, Clone, Default)]
struct Arrived(Arc<AtomicUsize>);

#[async_trait]
impl Transport for Arrived {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        if !request.path.ends_with("/traces") {
            return Ok(TransportResponse::new(404));
        }
        let Ok(traces) = serde_json::from_slice::<Vec<Vec<serde_json::Value>>>(&request.body)
        else {
            eprintln!("not JSON: {:?}", String::from_utf8_lossy(&request.body));
            std::process::abort();
        };
        self.0.fetch_add(traces.iter().map(Vec::len).sum(), Ordering::SeqCst);
        Ok(TransportResponse::new(200))
    }
}

static EXPORTER: LazyLock<(DatadogExporter, Arrived)> = LazyLock::new(|| {
    let arrived = Arrived::default();
    let exporter = DatadogExporter::builder()
        .with_encoding(Encoding::Json)
        .with_transport(arrived.clone())
        .build()
        .expect("an exporter without settings of its own");
    (exporter, arrived)
});

fuzz_target!(|input: (u8, &str)| {
    let (system, statement) = input;
    let system = SYSTEMS[usize::from(system) % SYSTEMS.len()];
    let (exporter, arrived) = &*EXPORTER;
    let before = arrived.0.load(Ordering::SeqCst);
    let exported = futures_executor::block_on(exporter.export(vec![span(system, statement)]));
    assert!(exported.is_ok(), "{exported:?}");
    assert_eq!(arrived.0.load(Ordering::SeqCst), before + 1, "the span did not arrive");
});

fn span(system: &'static str, statement: &str) -> SpanData {
    let flags = TraceFlags::SAMPLED;
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(1),
            SpanId::from(2),
            flags,
            false,
            TraceState::NONE,
        ),
        parent_span_id: SpanId::from(1),
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: statement.to_owned().into(),
        start_time: SystemTime::UNIX_EPOCH,
        end_time: SystemTime::UNIX_EPOCH,
        attributes: vec![
            KeyValue::new("db.system.name", system),
            KeyValue::new("db.query.text", statement.to_owned()),
            KeyValue::new("resource.name", statement.to_owned()),
        ],
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}
