//! A function that may be frozen after each answer: `cargo run --example lambda_flush`.
//!
//! AWS Lambda stops the process between invocations, and with it the batch processor's clock and the exporter's
//! thread. So each invocation sends its spans before it answers. Datadog's Lambda extension listens on port 8126;
//! the exporter finds it and speaks its form. With it (or `cargo run -p datadog-test-agent`) the example prints:
//!
//! ```text
//! order 1 placed, 2 spans delivered
//! order 2 placed, 4 spans delivered
//! order 3 placed, 6 spans delivered
//! ```
//!
//! The extension gets after the first invocation:
//!
//! ```text
//! aws.lambda   orders  orders  serverless
//! └─ Internal  charge  orders  custom
//! ```
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::{error::Error, time::Duration};

use opentelemetry::trace::{SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_datadog_agent::{DatadogExporter, ExporterHandle};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

/// The longest wait of an answer for the extension. Spans that are not sent by then go with the next invocation.
const FLUSH_MAX: Duration = Duration::from_millis(500);

/// The function itself. Under `lambda_runtime` the id and the ARN are `request_id` and `invoked_function_arn` of
/// its `Context`.
fn handle(tracer: &SdkTracer, order: u64, (request_id, function_arn): (&str, &str)) -> String {
    let invocation = [
        KeyValue::new("operation.name", "aws.lambda"),
        KeyValue::new("span.type", "serverless"),
        KeyValue::new("resource.name", "orders"),
        KeyValue::new("request_id", request_id.to_owned()),
        KeyValue::new("function_arn", function_arn.to_owned()),
        KeyValue::new("cold_start", order == 1),
    ];
    let span = tracer.span_builder("orders").with_kind(SpanKind::Server);
    let span = span.with_attributes(invocation).start(tracer);
    let _active = Context::current_with_span(span).attach();
    tracer.in_span("charge", |_| format!("order {order} placed"))
}

/// Empties the processor, then the exporter.
fn flush(provider: &SdkTracerProvider, exporter: &ExporterHandle) -> u64 {
    if let Err(error) = provider.force_flush().and_then(|()| exporter.flush(FLUSH_MAX)) {
        println!("not all spans are delivered yet: {error}");
    }
    exporter.stats().spans_delivered
}

fn main() -> Result<(), Box<dyn Error>> {
    let exporter = DatadogExporter::builder().with_service("orders").build()?;
    let exporter_handle = exporter.handle();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let tracer = provider.tracer("lambda");
    for order in 1..=3 {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:orders";
        let answer = handle(&tracer, order, (&format!("request-{order}"), arn));
        println!("{answer}, {} spans delivered", flush(&provider, &exporter_handle));
    }
    Ok(())
}
