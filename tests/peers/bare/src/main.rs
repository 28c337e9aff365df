//! No peer: an exporter that drops the spans, the floor under all others.

#[path = "../../shared/mod.rs"]
mod shared;

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

#[derive(Debug)]
struct Nothing;

impl SpanExporter for Nothing {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

fn main() {
    shared::run_exporter(&shared::Args::read(), Nothing);
}
