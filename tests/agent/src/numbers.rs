//! Trace metrics stay true where most traces are rejected, and the Agent's own rates are learnt and obeyed.
//!
//! Trace ids come in order, so which are kept is known: nothing here is left to chance.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::trace::{SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, SpanId, TraceId};
use opentelemetry_datadog_agent::{
    ApiVersion, DatadogExporter, DatadogSampler, DatadogSpanProcessor, Encoding, RejectedTraces,
};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, IdGenerator, SdkTracerProvider,
};

use crate::real_agent::{MODELS, Model, RealAgent};
use crate::send::{ENCODINGS, builder};
use crate::traces::service;

/// Traces in a run: a server span with a client span below it. With so many at [`RATE`] the standard error of
/// a weighed count is 2.1 %; with 4,000 it would be 4.7 %.
const TRACES: u64 = 20_000;
/// The spans of a trace that the Agent counts.
const COUNTED_SPANS: u64 = 2;
/// The fraction that is kept.
const RATE: f64 = 0.1;
/// How far from the truth a weighed count may be.
const TOLERANCE: f64 = 0.02;

/// Far more than what waits for the Agent here: no span is lost before it reaches the exporter.
const QUEUE: usize = 100_000;

/// Traces a second that are made until the Agent asks for fewer: its target is 10.
const LOAD: u64 = 200;
/// Longest time until it does: it looks at buckets of 5 s.
const LEARNT_WITHIN: Duration = Duration::from_secs(30);

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
fn spread(number: u64) -> u64 {
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

fn provider(
    exporter: DatadogExporter,
    sampler: DatadogSampler,
    rejected: RejectedTraces,
) -> SdkTracerProvider {
    let config = BatchConfigBuilder::default().with_max_queue_size(QUEUE).build();
    let batch = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
    let builder = SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_id_generator(Ids::new())
        .with_resource(service("shop"));
    match rejected {
        RejectedTraces::Recorded => builder.with_span_processor(DatadogSpanProcessor::new(batch)),
        _ => builder.with_span_processor(batch),
    }
    .build()
}

/// Makes a request that calls on.
fn request(provider: &SdkTracerProvider) {
    let tracer = provider.tracer("t");
    let start = |name, kind, parent: &Context| {
        tracer.build_with_context(tracer.span_builder(name).with_kind(kind), parent)
    };
    let served = Context::new().with_span(start("serve", SpanKind::Server, &Context::new()));
    drop(start("call", SpanKind::Client, &served));
    served.span().end();
}

/// Returns the traces that the Agent kept, and the hits that it counted.
fn run(model: Model, encoding: Encoding, rejected: RejectedTraces) -> (u64, u64) {
    let agent = RealAgent::start(model);
    let sampler = DatadogSampler::builder()
        .with_rate(RATE)
        .with_rate_limit(1e6)
        .with_rejected_traces(rejected)
        .build()
        .unwrap();
    let exporter = builder(agent.url(), encoding).build().unwrap();
    let handle = exporter.handle();
    let provider = provider(exporter, sampler, rejected);
    for _ in 0..TRACES {
        request(&provider);
    }
    provider.shutdown().unwrap();
    let stats = handle.stats();
    assert_eq!(stats.spans_exported, stats.spans_received, "{stats:?}");
    agent.stop();
    let kept = agent.spans().len() as u64 / COUNTED_SPANS;
    (kept, agent.counted().iter().map(|row| row.hits).sum())
}

#[test]
fn hits_are_exact_if_rejected_traces_are_recorded_and_close_if_they_are_dropped() {
    let truth = TRACES * COUNTED_SPANS;
    for (model, encoding) in MODELS.into_iter().zip(ENCODINGS) {
        let (kept, hits) = run(model, encoding, RejectedTraces::Recorded);
        assert_eq!(hits, truth, "{model:?}");
        let (kept_of_dropped, hits) = run(model, encoding, RejectedTraces::Dropped);
        let off = (hits as f64 / truth as f64 - 1.0).abs();
        assert!(off <= TOLERANCE, "{model:?}: {hits} of {truth}");
        println!("{model:?}: {kept} and {kept_of_dropped} kept, {hits} hits of {truth}");
        // Both reject the same traces, and the Agent keeps what they keep.
        assert_eq!(kept, kept_of_dropped, "{model:?}");
        assert!((1_900..2_100).contains(&kept), "{model:?}: {kept} kept");
    }
}

#[test]
fn under_load_the_agent_asks_for_less_and_gets_it() {
    let agent = RealAgent::start(Model::Indexed);
    let exporter = builder(agent.url(), Encoding::MessagePack)
        .with_env("prod")
        .with_api_version(ApiVersion::V04)
        .build()
        .unwrap();
    let handle = exporter.handle();
    let sampler = DatadogSampler::builder()
        .with_agent_rates(&handle)
        .with_rejected_traces(RejectedTraces::Recorded)
        .build()
        .unwrap();
    let provider = provider(exporter, sampler, RejectedTraces::Recorded);
    let began = Instant::now();
    let (mut made, mut sampled) = (0, 0);
    // Of the last traces most are rejected: the Agent's answer has reached the sampler.
    while sampled * 2 > made || made == 0 {
        assert!(began.elapsed() < LEARNT_WITHIN, "{sampled} of {made} kept");
        (made, sampled) = (0, 0);
        for _ in 0..LOAD / 2 {
            let tracer = provider.tracer("t");
            let span = tracer.start_with_context("serve", &Context::new());
            made += 1;
            sampled += u64::from(opentelemetry::trace::Span::span_context(&span).is_sampled());
        }
        provider.force_flush().unwrap();
        thread::sleep(Duration::from_millis(500));
    }
    provider.shutdown().unwrap();
    agent.stop();
    let spans = agent.spans();
    let rated: Vec<_> = spans.iter().filter_map(|span| span.metrics.get("_dd.agent_psr")).collect();
    println!("{sampled} of {made} kept at last, {} spans at the intake", spans.len());
    assert!(rated.iter().any(|rate| **rate < 1.0), "{rated:?}");
    // All that was rejected was counted all the same.
    let hits: u64 = agent.counted().iter().map(|row| row.hits).sum();
    let stats = handle.stats();
    assert_eq!(hits, stats.spans_exported, "{stats:?}");
    assert!((spans.len() as u64) < hits, "the Agent keeps all {hits}");
}
