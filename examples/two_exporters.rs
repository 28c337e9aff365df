//! Datadog and OTLP side by side: `cargo run --example two_exporters`.
//!
//! Each exporter reads variables of its own, such as `DD_TRACE_AGENT_URL` and `OTEL_EXPORTER_OTLP_ENDPOINT`, and
//! sits behind a processor of its own, so that neither waits for the other. It prints the trace's id, then:
//!
//! ```text
//! 2 of 2 spans are at the Agent
//! ```
//!
//! The Agent gets this trace, and the collector gets it under the same ids:
//!
//! ```text
//! Internal     place-order  shop  custom
//! └─ Internal  charge       shop  custom
//! ```
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::error::Error;

use opentelemetry::trace::{TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_otlp::SpanExporter as OtlpExporter;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};

fn main() -> Result<(), Box<dyn Error>> {
    let datadog = DatadogExporter::builder().build()?;
    let otlp = OtlpExporter::builder().with_http().build()?;
    let handle = datadog.handle();
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name("shop").build())
        .with_batch_exporter(datadog)
        .with_batch_exporter(otlp)
        .build();

    let tracer = provider.tracer("app");
    tracer.in_span("place-order", |order| {
        println!("trace {}", order.span().span_context().trace_id());
        tracer.in_span("charge", |_| ());
    });

    provider.shutdown()?;
    println!("{} of 2 spans are at the Agent", handle.stats().spans_delivered);
    Ok(())
}
