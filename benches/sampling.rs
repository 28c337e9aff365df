//! The cost of a decision: `cargo bench --bench sampling`.
//!
//! Under a caller nothing is decided; at a root there may be no rate, a rate, ten rules, the Agent's rates.
//! Part of a root's cost is the answer that the SDK asks for, a list for the trace state and two texts for each
//! member; the decision is the difference between `root_with_a_rate` and `answer_of_a_root_with_a_rate`.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says where")]

use std::collections::BTreeMap;
use std::time::Duration;

use datadog_test_agent::TestAgent;
use divan::{AllocProfiler, Bencher, black_box};
use opentelemetry::trace::{
    SpanContext, SpanKind, TraceContextExt as _, TraceFlags, TraceState, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, SpanId, TraceId};
use opentelemetry_datadog_agent::{DatadogExporter, DatadogSampler, Protocol, SamplingRule};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, ShouldSample};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// A trace that a rate of a half keeps, and one that it rejects.
const TRACES: [u64; 2] = [1, 10];

fn main() {
    divan::main();
}

fn decide(bencher: Bencher<'_, '_>, sampler: &dyn ShouldSample, cx: Option<&Context>, id: u64) {
    let attributes = [
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.route", "/users/{id}"),
        KeyValue::new("server.address", "shop.example"),
        KeyValue::new("url.path", "/users/7"),
    ];
    let id = TraceId::from(u128::from(id));
    bencher.bench_local(|| {
        let (id, attributes) = (black_box(id), black_box(&attributes));
        sampler.should_sample(black_box(cx), id, "GET", &SpanKind::Server, attributes, &[])
    });
}

/// A sampler that keeps a half.
fn half() -> DatadogSampler {
    DatadogSampler::builder().with_rate(0.5).with_rate_limit(1e12).build().unwrap()
}

fn caller(flags: TraceFlags, state: &str) -> Context {
    let state: TraceState = state.parse().unwrap();
    let (trace, span) = (TraceId::from(7), SpanId::from(8));
    let parent = SpanContext::new(trace, span, flags, true, state);
    Context::new().with_remote_span_context(parent)
}

#[divan::bench(args = ["", "dd=s:2;t.dm:-4"])]
fn follow_a_caller(bencher: Bencher<'_, '_>, state: &str) {
    let sampler = DatadogSampler::builder().with_rate(0.5).build().unwrap();
    decide(bencher, &sampler, Some(&caller(TraceFlags::SAMPLED, state)), 7);
}

/// A caller with a rate rejects most traces, which are counted by name.
#[divan::bench]
fn follow_a_caller_that_rejects(bencher: Bencher<'_, '_>) {
    let sampler = DatadogSampler::builder().build().unwrap();
    decide(bencher, &sampler, Some(&caller(TraceFlags::default(), "dd=s:-1;t.ksr:0.1")), 7);
}

#[divan::bench]
fn root_without_a_rate(bencher: Bencher<'_, '_>) {
    decide(bencher, &DatadogSampler::builder().build().unwrap(), None, 7);
}

#[divan::bench(args = TRACES)]
fn root_with_a_rate(bencher: Bencher<'_, '_>, id: u64) {
    decide(bencher, &half(), None, id);
}

/// Counted by name, in several threads at once.
#[divan::bench(threads = [1, 4])]
fn root_above_the_limit(bencher: Bencher<'_, '_>) {
    let sampler = DatadogSampler::builder().with_rate(1.0).build().unwrap();
    let attributes =
        [KeyValue::new("http.request.method", "GET"), KeyValue::new("http.route", "/users/{id}")];
    bencher.bench(|| {
        let (id, attributes) = (TraceId::from(7), black_box(&attributes));
        sampler.should_sample(None, id, "GET", &SpanKind::Server, attributes, &[])
    });
}

#[divan::bench(args = TRACES)]
fn root_with_ten_rules(bencher: Bencher<'_, '_>, id: u64) {
    let mut sampler = DatadogSampler::builder().with_service("shop").with_rate_limit(1e12);
    for number in 0..3 {
        sampler = sampler
            .with_rule(SamplingRule::new(0.0).with_name(format!("grpc.server.{number}*")))
            .with_rule(SamplingRule::new(0.0).with_resource(format!("POST /orders/{number}/*")))
            .with_rule(SamplingRule::new(0.0).with_service("pay*").with_tag("tenant", "free-*"));
    }
    let last = SamplingRule::new(0.5).with_name("http.server.*").with_resource("GET /users/*");
    decide(bencher, &sampler.with_rule(last).build().unwrap(), None, id);
}

#[divan::bench(args = TRACES)]
fn root_with_the_agents_rate(bencher: Bencher<'_, '_>, id: u64) {
    let agent = TestAgent::start().unwrap();
    agent.set_rates(BTreeMap::from([("service:shop,env:prod".to_owned(), 0.5)]));
    let exporter = DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_protocol(Protocol::V04)
        .with_service("shop")
        .with_env("prod")
        .build()
        .unwrap();
    let handle = exporter.handle();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter).build();
    drop(provider.tracer("t").start("work"));
    handle.flush(Duration::from_secs(5)).unwrap();
    decide(bencher, &handle.sampler().unwrap(), None, id);
}

/// The cost of the SDK's own sampler.
#[divan::bench]
fn root_with_the_sdks_ratio(bencher: Bencher<'_, '_>) {
    decide(bencher, &Sampler::TraceIdRatioBased(0.5), None, 7);
}

/// The cost of the answer of `root_with_a_rate` without a decision: a copy of its trace state and attributes.
#[divan::bench(args = TRACES)]
fn answer_of_a_root_with_a_rate(bencher: Bencher<'_, '_>, id: u64) {
    let id = TraceId::from(u128::from(id));
    let answer = half().should_sample(None, id, "GET", &SpanKind::Server, &[], &[]);
    bencher.bench_local(|| {
        let answer = black_box(&answer);
        (answer.trace_state.clone(), answer.attributes.clone())
    });
}
