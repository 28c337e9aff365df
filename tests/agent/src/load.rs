//! Services under load: providers with ids that are known, and requests that they serve.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use opentelemetry::trace::{SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, SpanId, TraceId};
use opentelemetry_datadog_agent::{DatadogExporter, ForwardRejected, RejectedTraces};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, IdGenerator, SdkTracerProvider, ShouldSample,
};

use crate::traces::service;

/// The spans of a request that the Agent counts.
pub(crate) const COUNTED_SPANS: u64 = 2;
/// The most that a weighed count may be off the truth.
pub(crate) const TOLERANCE: f64 = 0.02;

/// Far more than what waits for the Agent here: no span is lost before it reaches the exporter.
const QUEUE: usize = 100_000;

/// Gives out ids in order, spread as if random.
#[derive(Debug)]
struct Ids(AtomicU64);

impl Ids {
    fn new() -> Self {
        Self(AtomicU64::new(1))
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Relaxed)
    }
}

/// Numbers that look random: SplitMix64.
pub(crate) fn spread(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from(0x00c0_ffee << 64 | u128::from(spread(self.next())))
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(spread(self.next()))
    }
}

/// A provider as an application would have it, with a longer queue.
pub(crate) fn provider(
    exporter: DatadogExporter,
    sampler: impl ShouldSample + 'static,
    rejected: RejectedTraces,
) -> SdkTracerProvider {
    let config = BatchConfigBuilder::default().with_max_queue_size(QUEUE).build();
    let batch = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    let builder = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_id_generator(Ids::new())
        .with_resource(service("shop"));
    match rejected {
        RejectedTraces::Recorded => builder.with_span_processor(ForwardRejected::new(batch)),
        _ => builder.with_span_processor(batch),
    }
    .build()
}

/// Serves a request, which calls on.
pub(crate) fn request(provider: &SdkTracerProvider, caller: &Context, name: &'static str) {
    let tracer = provider.tracer("t");
    let start = |name, kind, parent: &Context| {
        tracer.build_with_context(tracer.span_builder(name).with_kind(kind), parent)
    };
    let served = caller.with_span(start(name, SpanKind::Server, caller));
    drop(start("call", SpanKind::Client, &served));
    served.span().end();
}
