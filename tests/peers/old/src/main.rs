//! The deprecated exporter, with OpenTelemetry 0.32 and its blocking client.

#![allow(deprecated, reason = "the whole crate is")]

#[path = "../../shared/mod.rs"]
mod shared;

use opentelemetry_datadog::{ApiVersion, new_pipeline};

fn main() {
    let args = shared::Args::read();
    let version = match args.variant.as_str() {
        "v0.3" => ApiVersion::Version03,
        "v0.5" => ApiVersion::Version05,
        variant => panic!("no such variant: {variant}"),
    };
    let exporter = new_pipeline()
        .with_agent_endpoint(&args.url)
        .with_api_version(version)
        .with_service_name("checkout")
        .with_env("production")
        .with_version("2.14.1")
        .build_exporter()
        .expect("an exporter");
    shared::run_exporter(&args, exporter);
}
