//! This crate.

#[path = "../../shared/mod.rs"]
mod shared;

use opentelemetry_datadog_agent::{DatadogExporter, Protocol};

fn main() {
    let args = shared::Args::read();
    let builder = DatadogExporter::builder().with_agent_url(&args.url);
    let exporter = match args.variant.as_str() {
        "auto" => builder,
        "json" => builder.with_protocol(Protocol::V03Json),
        "msgpack" => builder.with_protocol(Protocol::V03MessagePack),
        variant => panic!("no such variant: {variant}"),
    };
    shared::run_exporter(&args, exporter.build().expect("an exporter"));
}
