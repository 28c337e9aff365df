//! The setup of every program, whatever its framework: the exporter, the propagator, `tracing` in front.

// snippet: setup
use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_datadog_agent::{DatadogExporter, DatadogPropagator};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer as _, Registry, layer::SubscriberExt as _};

/// Sends the spans of `tracing` to the Agent. At the end call `shutdown` on what it returns.
pub(crate) fn start(
    exporter: DatadogExporter,
    filter: &str, // "info,otel::tracing=trace"
) -> Result<SdkTracerProvider, Box<dyn std::error::Error>> {
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    global::set_tracer_provider(provider.clone());
    global::set_text_map_propagator(DatadogPropagator::builder().build());
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("shop"))
        .with_location(false) // these three save some 150 bytes for each span, 100 for each log line
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(filter.parse::<Targets>()?);
    tracing::subscriber::set_global_default(Registry::default().with(spans))?;
    Ok(provider)
}
// end
