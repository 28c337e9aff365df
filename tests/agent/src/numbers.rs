//! Trace metrics stay true where most traces are rejected, and the Agent's own rates are learnt and obeyed.
//!
//! Trace ids come in order, so which are kept is known: nothing here is left to chance.

use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::{DatadogSampler, Protocol, RejectedTraces};

use crate::load::{COUNTED_SPANS, TOLERANCE, provider, request};
use crate::real_agent::{MODELS, Model, RealAgent};
use crate::send::{PROTOCOLS, builder};

/// Traces in a run: a server span with a client span below it.
const TRACES: u64 = 20_000;
/// The fraction that is kept.
const RATE: f64 = 0.1;

/// Traces a second that are made until the Agent asks for fewer: its target is 10.
const LOAD: u64 = 200;
/// The longest time until it does: it looks at buckets of 5 s.
const LEARNT_WITHIN: Duration = Duration::from_secs(30);

/// Returns the traces that the Agent kept, and the hits that it counted.
fn run(model: Model, protocol: Protocol, rejected: RejectedTraces) -> (u64, u64) {
    let agent = RealAgent::start(model);
    let sampler = DatadogSampler::builder()
        .with_rate(RATE)
        .with_rate_limit(1e6)
        .with_rejected_traces(rejected)
        .build()
        .unwrap();
    let exporter = builder(agent.url(), protocol).build().unwrap();
    let handle = exporter.handle();
    let provider = provider(exporter, sampler, rejected);
    for _ in 0..TRACES {
        request(&provider, &Context::new(), "serve");
    }
    provider.shutdown().unwrap();
    let stats = handle.stats();
    assert_eq!(stats.spans_delivered, stats.spans_received, "{stats:?}");
    agent.stop();
    let kept = agent.spans().len() as u64 / COUNTED_SPANS;
    (kept, agent.counted().iter().map(|row| row.hits).sum())
}

#[test]
fn hits_are_exact_if_rejected_traces_are_recorded_and_close_if_they_are_dropped() {
    let truth = TRACES * COUNTED_SPANS;
    for (model, protocol) in MODELS.into_iter().zip(PROTOCOLS) {
        let (kept, hits) = run(model, protocol, RejectedTraces::Recorded);
        assert_eq!(hits, truth, "{model:?}");
        let (kept_of_dropped, hits) = run(model, protocol, RejectedTraces::Dropped);
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
    let exporter = builder(agent.url(), Protocol::V04).with_env("prod").build().unwrap();
    let handle = exporter.handle();
    let sampler = DatadogSampler::builder()
        .with_agent_rates(&handle)
        .with_rejected_traces(RejectedTraces::Recorded)
        .build()
        .unwrap();
    let provider = provider(exporter, sampler, RejectedTraces::Recorded);
    let began = Instant::now();
    let (mut made, mut sampled) = (0, 0);
    // The last traces are rejected for the most part: the Agent's answer has reached the sampler.
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
    assert_eq!(hits, stats.spans_delivered, "{stats:?}");
    assert!((spans.len() as u64) < hits, "the Agent keeps all {hits}");
}
