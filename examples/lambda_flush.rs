//! A function that may be frozen after each answer: `cargo run --example lambda_flush`.
//!
//! AWS Lambda stops the process between invocations, and with it the batch processor's clock and the exporter's
//! thread. So each invocation sends its spans before it answers. With an Agent, such as Datadog's Lambda
//! extension on port 8126 (or the example `local_agent`), it prints:
//!
//! ```text
//! order 1 placed, 2 spans delivered
//! order 2 placed, 4 spans delivered
//! order 3 placed, 6 spans delivered
//! ```
//!
//! What the Agent gets after the first invocation:
//!
//! ```text
//! http.invoke  orders  orders  web
//! └─ Internal  charge  orders  custom
//! ```
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::{error::Error, time::Duration};

use opentelemetry::trace::{SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_datadog_agent::{DatadogExporter, ExporterHandle};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

/// How long an answer may wait for the Agent. What is not sent by then goes with the next invocation.
const FLUSH_MAX: Duration = Duration::from_millis(500);

/// The function itself.
fn handle(tracer: &SdkTracer, order: u64) -> String {
    let invocation = [KeyValue::new("faas.trigger", "http"), KeyValue::new("faas.name", "orders")];
    let span = tracer.span_builder("orders").with_kind(SpanKind::Server);
    let span = span.with_attributes(invocation).start(tracer);
    let _active = Context::current_with_span(span).attach();
    tracer.in_span("charge", |_| format!("order {order} placed"))
}

/// Empties the processor, then the exporter.
fn flush(provider: &SdkTracerProvider, exporter: &ExporterHandle) -> u64 {
    if let Err(error) = provider.force_flush().and_then(|()| exporter.flush(FLUSH_MAX)) {
        println!("spans wait for the next invocation: {error}");
    }
    exporter.stats().spans_exported
}

fn main() -> Result<(), Box<dyn Error>> {
    let exporter = DatadogExporter::builder().with_service("orders").build()?;
    let exporter_handle = exporter.handle();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let tracer = provider.tracer("lambda");
    for order in 1..=3 {
        let answer = handle(&tracer, order);
        println!("{answer}, {} spans delivered", flush(&provider, &exporter_handle));
    }
    Ok(())
}
