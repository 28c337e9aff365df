//! The Agent behind a unix socket: `cargo run --example unix_socket -- /path/of/the/socket`.
//!
//! Without any setting the exporter looks for `/var/run/datadog/apm.socket` by itself, as it is in Kubernetes
//! with Datadog's Operator, and takes TCP where that is no socket. `DD_TRACE_AGENT_URL` names another one. If an
//! Agent listens there, it prints:
//!
//! ```text
//! 2 of 2 spans delivered
//! ```
//!
//! The Agent gets:
//!
//! ```text
//! Internal     place-order  shop  custom
//! └─ Internal  charge       shop  custom
//! ```
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::{env, error::Error};

use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::trace::SdkTracerProvider;

fn main() -> Result<(), Box<dyn Error>> {
    let mut builder = DatadogExporter::builder().with_service("shop");
    if let Some(path) = env::args().nth(1) {
        builder = builder.with_agent_url(format!("unix://{path}"));
    }
    let exporter = builder.build()?;
    let handle = exporter.handle();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();

    let tracer = provider.tracer("app");
    tracer.in_span("place-order", |_| tracer.in_span("charge", |_| ()));

    // The SDK's batch processor does not pass on what the exporter said at its end: the handle tells.
    provider.shutdown()?;
    let stats = handle.stats();
    println!("{} of {} spans delivered", stats.spans_delivered, stats.spans_received);
    Ok(())
}
