//! This crate.

#[path = "../../shared/mod.rs"]
mod shared;

use opentelemetry_datadog_agent::DatadogExporter;

fn main() {
    let args = shared::Args::read();
    let builder = DatadogExporter::builder().with_agent_url(&args.url);
    let exporter = match args.variant.as_str() {
        "json" => builder,
        // The second encoding: uncomment this and its row in the driver once the builder has it.
        // "msgpack" => builder.with_encoding(opentelemetry_datadog_agent::Encoding::MessagePack),
        variant => panic!("no such variant: {variant}"),
    };
    shared::run_exporter(&args, exporter.build().expect("an exporter"));
}
