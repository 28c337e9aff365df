//! Log lines that Datadog ties to their traces: `cargo run --example log_correlation --features json-logs`.
//!
//! Datadog looks for `dd.trace_id` at the top level of a JSON line; `JsonLogFormat` puts it there.

use std::error::Error;
use std::io::stdout;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_datadog_agent::{DatadogExporter, JsonLogFormat, LogCorrelation};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::fmt::{MakeWriter, layer};
use tracing_subscriber::layer::SubscriberExt as _;

/// Spans go to the provider, events become lines in `out`.
pub(crate) fn subscriber(
    provider: &SdkTracerProvider,
    logs: LogCorrelation,
    out: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl Subscriber {
    tracing_subscriber::registry()
        .with(LevelFilter::INFO)
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("app")))
        .with(layer().json().with_writer(out).event_format(JsonLogFormat::new(logs)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let exporter = DatadogExporter::builder().with_service("checkout").build()?;
    let handle = exporter.handle();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let _guard =
        tracing::subscriber::set_default(subscriber(&provider, handle.log_correlation(), stdout));
    tracing::info_span!("order").in_scope(|| tracing::info!(articles = 3, "order placed"));
    Ok(provider.shutdown()?)
}
