//! gRPC with the semantic conventions: `cargo run --example tonic`, with `cargo run -p datadog-test-agent` in another terminal.
//!
//! ```text
//! shop: serving
//! bank: NotFound
//! ```
//!
//! The Agent gets a trace per call, across client and server:
//!
//! ```text
//! grpc.client.request     Check grpc.health.v1.Health  health  custom
//! └─ grpc.server.request  Check grpc.health.v1.Health  health  web
//!
//! grpc.client.request     Check grpc.health.v1.Health  health  custom  ERROR NotFound
//! └─ grpc.server.request  Check grpc.health.v1.Health  health  web
//! ```
#![expect(clippy::print_stdout, reason = "an example shows its result")]

mod trace;

use std::error::Error;

use axum::middleware;
use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_datadog_agent::{DatadogExporter, DatadogPropagator};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::{net::TcpListener, task::spawn_blocking};
use tonic::{service::Routes, transport::Channel};
use tonic_health::{ServingStatus, pb::health_client::HealthClient, server::health_reporter};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Registry, layer::SubscriberExt as _};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let exporter = DatadogExporter::builder().with_service("health").build()?;
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    global::set_text_map_propagator(DatadogPropagator::builder().build());
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("app"));
    // Without a level, every frame of HTTP/2 would be a span.
    let subscriber = Registry::default().with(LevelFilter::INFO).with(spans);
    tracing::subscriber::set_global_default(subscriber)?;

    let (reporter, health) = health_reporter();
    reporter.set_service_status("shop", ServingStatus::Serving).await;
    let app = Routes::new(health).into_axum_router().layer(middleware::from_fn(trace::continued));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let channel = Channel::from_shared(format!("http://{}", listener.local_addr()?))?;
    tokio::spawn(async { axum::serve(listener, app).await });

    let mut client = HealthClient::new(channel.connect().await?);
    for service in ["shop", "bank"] {
        match trace::check(&mut client, service).await {
            Ok(()) => println!("{service}: serving"),
            Err(code) => println!("{service}: {code:?}"),
        }
    }
    Ok(spawn_blocking(move || provider.shutdown()).await??)
}
