//! Everything in one place: `cargo run --example complete --features json-logs`, with `cargo run -p datadog-test-agent`
//! in another terminal. It prints a log line with the ids of the trace, then the counters:
//!
//! ```text
//! 1 of 1 spans delivered
//! ```
//!
//! The Agent gets:
//!
//! ```text
//! Internal  place-order  checkout  custom
//! ```
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::error::Error;

use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_datadog_agent::{
    DatadogExporter, DatadogPropagator, JsonLogFormat, PropagationSpanProcessor,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::{filter::LevelFilter, fmt::layer, layer::SubscriberExt as _};

#[tracing::instrument(name = "place-order")]
fn place_order(id: i64) {
    tracing::info!("order placed");
}

fn main() -> Result<(), Box<dyn Error>> {
    // snippet: complete
    let exporter = DatadogExporter::builder()
        .with_service("checkout")
        .with_env("prod")
        .with_version("1.4.2")
        .build()?;
    let handle = exporter.handle();
    let provider = SdkTracerProvider::builder()
        .with_sampler(handle.sampler()?) // rules and rate of `DD_TRACE_*`, else the Agent's rates
        .with_span_processor(PropagationSpanProcessor::from_env())
        .with_batch_exporter(exporter)
        .build();
    global::set_text_map_propagator(DatadogPropagator::builder().build());

    // Spans go to the Agent; log lines are JSON with `dd.trace_id` at the top level.
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("checkout"));
    let lines = layer().json().event_format(JsonLogFormat::new(handle.log_correlation()));
    let subscriber = tracing_subscriber::registry().with(LevelFilter::INFO).with(spans).with(lines);
    tracing::subscriber::set_global_default(subscriber)?;

    place_order(7); // your program

    provider.shutdown()?; // sends what is left, 5 s at most
    let stats = handle.stats();
    println!("{} of {} spans delivered", stats.spans_delivered, stats.spans_received);
    // end
    Ok(())
}
