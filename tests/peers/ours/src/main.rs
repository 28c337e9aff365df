//! This crate.

#[path = "../../shared/mod.rs"]
mod shared;

use opentelemetry_datadog_agent::{DatadogExporter, Encoding};

fn main() {
    let args = shared::Args::read();
    let builder = DatadogExporter::builder().with_agent_url(&args.url);
    let exporter = match args.variant.as_str() {
        "json" => builder,
        "msgpack" => builder.with_encoding(Encoding::MessagePack),
        variant => panic!("no such variant: {variant}"),
    };
    shared::run_exporter(&args, exporter.build().expect("an exporter"));
}
