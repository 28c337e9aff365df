//! Sending spans: through this crate, through `opentelemetry-otlp`.

use opentelemetry_datadog_agent::{DatadogExporter, DatadogExporterBuilder, Encoding};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// Both forms of the body.
pub(crate) const ENCODINGS: [Encoding; 2] = [Encoding::Json, Encoding::MessagePack];

/// Starts to build an exporter for an Agent.
pub(crate) fn builder(url: &str, encoding: Encoding) -> DatadogExporterBuilder {
    DatadogExporter::builder().with_agent_url(url).with_encoding(encoding)
}

/// Exports the batches of one resource, and fails unless the Agent has taken them all.
pub(crate) fn through_us(
    mut exporter: DatadogExporter,
    resource: &Resource,
    batches: impl IntoIterator<Item = Vec<SpanData>>,
) {
    exporter.set_resource(resource);
    for batch in batches {
        futures_executor::block_on(exporter.export(batch)).unwrap();
    }
    exporter.shutdown().unwrap();
    let stats = exporter.handle().stats();
    assert_eq!(stats.spans_exported, stats.spans_received, "{stats:?}");
}

/// Exports the batches of one resource to an OTLP receiver.
pub(crate) fn through_otlp(
    url: &str,
    resource: &Resource,
    batches: impl IntoIterator<Item = Vec<SpanData>>,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let builder = opentelemetry_otlp::SpanExporter::builder().with_tonic();
        let mut exporter = builder.with_endpoint(url).build().unwrap();
        exporter.set_resource(resource);
        for batch in batches {
            exporter.export(batch).await.unwrap();
        }
    });
}
