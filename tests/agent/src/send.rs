//! Sending spans: through this crate, through `opentelemetry-otlp`.

use opentelemetry_datadog_agent::{DatadogExporter, DatadogExporterBuilder, Protocol};
use opentelemetry_otlp::WithExportConfig as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// Every protocol. Tests that run once for each model take the first two.
pub(crate) const PROTOCOLS: [Protocol; 4] =
    [Protocol::Auto, Protocol::V03Json, Protocol::V03MessagePack, Protocol::V04];

/// Starts to build an exporter for an Agent.
pub(crate) fn builder(url: &str, protocol: Protocol) -> DatadogExporterBuilder {
    DatadogExporter::builder().with_agent_url(url).with_protocol(protocol)
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
    assert_eq!(stats.spans_delivered, stats.spans_received, "{stats:?}");
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
