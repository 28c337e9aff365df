//! Functions with `#[instrument]`: `cargo run --example tracing`, with `cargo run -p datadog-test-agent` in another terminal.
//!
//! ```text
//! order 7 was not placed: card declined
//! ```
//!
//! The Agent gets the request by its conventions, the functions by their names, the error with its text:
//!
//! ```text
//! http.server.request  POST /orders/{id}  shop  web
//! ├─ Internal          stock              shop  custom
//! └─ Internal          charge             shop  custom  ERROR card declined
//! ```
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::{error::Error, io};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{instrument, level_filters::LevelFilter};
use tracing_subscriber::layer::SubscriberExt as _;

/// A request. Fields with the names of the conventions decide what Datadog shows.
#[instrument(
    skip(id),
    fields(otel.kind = "server", http.request.method = "POST", http.route = "/orders/{id}")
)]
fn order(id: i64) -> io::Result<i64> {
    let articles = stock(id);
    charge(articles * 250)
}

/// Arguments become tags; `i64`, `f64` and `bool` keep their type, `u64` arrives as a text.
#[instrument]
fn stock(id: i64) -> i64 {
    id.min(3)
}

/// With `err`, an error makes the span red and gives it message and type.
#[instrument(err)]
fn charge(cents: i64) -> io::Result<i64> {
    if cents > 500 { Err(io::Error::other("card declined")) } else { Ok(cents) }
}

fn main() -> Result<(), Box<dyn Error>> {
    let exporter = DatadogExporter::builder().with_service("shop").build()?;
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("app"));
    let subscriber = tracing_subscriber::registry().with(LevelFilter::INFO).with(layer);
    tracing::subscriber::set_global_default(subscriber)?;

    if let Err(error) = order(7) {
        println!("order 7 was not placed: {error}");
    }
    Ok(provider.shutdown()?)
}
