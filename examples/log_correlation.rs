//! Log lines that Datadog ties to their traces: `cargo run --example log_correlation`.
//!
//! Datadog looks for `dd.trace_id` at the top level of a JSON line, where `tracing-subscriber` puts no
//! fields of others. So its formatter writes the line, and this one puts them at its beginning.

use std::{error::Error, fmt, io::stdout};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_datadog_agent::{DatadogExporter, LogCorrelation};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Event, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::fmt::format::{Writer, format};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter, layer};
use tracing_subscriber::{layer::SubscriberExt as _, registry::LookupSpan};

/// JSON lines that begin with `dd.trace_id` and the others.
struct Correlated(LogCorrelation);

impl<S, N> FormatEvent<S, N> for Correlated
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        cx: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        format().json().flatten_event(true).format_event(cx, Writer::new(&mut line), event)?;
        out.write_char('{')?;
        for (key, value) in self.0.current().iter() {
            write!(out, "\"{key}\":{},", serde_json::Value::from(value.to_string()))?;
        }
        out.write_str(line.trim_start_matches('{'))
    }
}

/// Spans go to the provider, events become lines in `out`.
pub(crate) fn subscriber(
    provider: &SdkTracerProvider,
    logs: LogCorrelation,
    out: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> impl Subscriber {
    tracing_subscriber::registry()
        .with(LevelFilter::INFO)
        .with(tracing_opentelemetry::layer().with_tracer(provider.tracer("app")))
        .with(layer().json().with_writer(out).event_format(Correlated(logs)))
}

fn main() -> Result<(), Box<dyn Error>> {
    let exporter = DatadogExporter::builder().with_service("checkout").build()?;
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let out = subscriber(&provider, LogCorrelation::from_env().with_service("checkout"), stdout);
    let _guard = tracing::subscriber::set_default(out);
    tracing::info_span!("order").in_scope(|| tracing::info!(articles = 3, "order placed"));
    Ok(provider.shutdown()?)
}
