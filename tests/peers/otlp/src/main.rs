//! OpenTelemetry's own exporter: protobuf over HTTP with its blocking client, to the Agent's intake.

#[path = "../../shared/mod.rs"]
mod shared;

use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};

fn main() {
    let args = shared::Args::read();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", args.url))
        .build()
        .expect("an exporter");
    shared::run_exporter(&args, exporter);
}
