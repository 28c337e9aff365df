//! This crate.

#[path = "../../shared/mod.rs"]
mod shared;

use std::sync::atomic::Ordering;

use opentelemetry_datadog_agent::{
    DatadogExporter, DatadogExporterBuilder, DatadogSampler, ForwardRejected, Protocol,
    RejectedTraces,
};
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider};

fn main() {
    let args = shared::Args::read();
    let builder = DatadogExporter::builder().with_agent_url(&args.url);
    let builder = match args.variant.as_str() {
        "auto" => builder,
        "json" => builder.with_protocol(Protocol::V03Json),
        "msgpack" => builder.with_protocol(Protocol::V03MessagePack),
        variant => {
            match variant.split_once('-').and_then(|(who, part)| Some((who, part.parse().ok()?))) {
                Some((who @ ("recorded" | "counted"), percent)) => {
                    return sampled(&args, builder.with_client_stats(who == "counted"), percent);
                }
                _ => panic!("no such variant: {variant}"),
            }
        }
    };
    shared::run_exporter(&args, builder.build().expect("an exporter"));
}

/// Records every span, of which so many percent of the traces are kept.
fn sampled(args: &shared::Args, builder: DatadogExporterBuilder, percent: u32) {
    shared::run_provider(args, |taken| {
        // At the rate of this mode nothing falls behind.
        taken.store(usize::MAX, Ordering::Relaxed);
        let sampler = DatadogSampler::builder()
            .with_rate(f64::from(percent) / 100.0)
            .with_rate_limit(1e6)
            .with_rejected_traces(RejectedTraces::Recorded);
        let batch = BatchSpanProcessor::builder(builder.build().expect("an exporter")).build();
        SdkTracerProvider::builder()
            .with_resource(shared::resource())
            .with_sampler(sampler.build().expect("a sampler"))
            .with_span_processor(ForwardRejected::new(batch))
            .build()
    });
}
