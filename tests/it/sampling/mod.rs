//! Sampling through real providers: the traces that are kept, the deciders, and the tags that tell the Agent.

mod caller;
mod decisions;
#[cfg(feature = "internal-logs")]
mod hostile;
mod rates;
mod recorded;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use datadog_test_agent::{ReceivedSpan, TestAgent};
use opentelemetry::trace::{SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue, SpanId, TraceId};
use opentelemetry_datadog_agent::{
    DatadogExporter, DatadogExporterBuilder, DatadogSampler, DatadogSamplerBuilder,
    ForwardRejected, Protocol, RejectedTraces,
};
use opentelemetry_sdk::trace::{
    BatchSpanProcessor, IdGenerator, SdkTracerProvider, TracerProviderBuilder,
};

/// Both things that may become of a rejected trace.
const REJECTED_TRACES: [RejectedTraces; 2] = [RejectedTraces::Dropped, RejectedTraces::Recorded];

/// Half of all traces are kept: this one ...
const KEPT: u64 = 1;
/// ... and not this one.
const REJECTED: u64 = 10;

/// Gives out ids in order, so that it is known which traces a rate keeps.
#[derive(Debug)]
struct Ids {
    trace: AtomicU64,
    span: AtomicU64,
}

impl Ids {
    /// The next trace is `first`.
    fn from(first: u64) -> Self {
        Self { trace: AtomicU64::new(first), span: AtomicU64::new(1) }
    }
}

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from(0x00c0_ffee << 64 | u128::from(self.trace.fetch_add(1, Relaxed)))
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(self.span.fetch_add(1, Relaxed) << 8)
    }
}

/// Starts to build an exporter that learns rates.
fn builder(agent: &TestAgent) -> DatadogExporterBuilder {
    DatadogExporter::builder().with_agent_url(agent.url()).with_protocol(Protocol::V04)
}

/// A sampler that keeps half of all traces, however many.
fn half() -> DatadogSamplerBuilder {
    DatadogSampler::builder().with_rate(0.5).with_rate_limit(1e6)
}

/// Starts to build a provider as an application would have it, whose next trace is `first`.
fn provider_builder(
    exporter: DatadogExporter,
    sampler: DatadogSampler,
    rejected: RejectedTraces,
    first: u64,
) -> TracerProviderBuilder {
    let builder =
        SdkTracerProvider::builder().with_sampler(sampler).with_id_generator(Ids::from(first));
    let batch = BatchSpanProcessor::builder(exporter).build();
    match rejected {
        RejectedTraces::Recorded => builder.with_span_processor(ForwardRejected::new(batch)),
        _ => builder.with_span_processor(batch),
    }
}

/// A provider whose sampler reads these settings.
fn provider(
    agent: &TestAgent,
    sampler: DatadogSamplerBuilder,
    rejected: RejectedTraces,
    first: u64,
) -> SdkTracerProvider {
    let sampler = sampler.with_rejected_traces(rejected).build().unwrap();
    provider_builder(builder(agent).build().unwrap(), sampler, rejected, first).build()
}

/// Makes a trace of two spans, the root with these attributes at its start and those set later.
fn trace(
    provider: &SdkTracerProvider,
    parent: &Context,
    at_start: Vec<KeyValue>,
    later: Vec<KeyValue>,
) -> Context {
    let tracer = provider.tracer("t");
    let root = tracer.span_builder("root").with_kind(SpanKind::Server).with_attributes(at_start);
    let root = parent.with_span(tracer.build_with_context(root, parent));
    drop(tracer.start_with_context("child", &root));
    for attribute in later {
        root.span().set_attribute(attribute);
    }
    root.span().end();
    root
}

/// Makes so many traces with no parent.
fn traces(provider: &SdkTracerProvider, count: u64, attributes: &[KeyValue]) {
    for _ in 0..count {
        trace(provider, &Context::new(), attributes.to_vec(), vec![]);
    }
}

/// Returns the traces that a rate keeps, by the documented formula.
fn kept_by(rate: f64, traces: impl Iterator<Item = u64>) -> BTreeSet<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "as documented")]
    let most = (rate * 2f64.powi(64)) as u64;
    traces.filter(|id| id.wrapping_mul(1_111_111_111_111_111_111) < most).collect()
}

/// The traces that have arrived.
fn arrived(agent: &TestAgent) -> BTreeSet<u64> {
    agent.spans().iter().map(|span| span.trace_id).collect()
}

/// The number of spans that this one stands for, as the Agent reads it.
fn weight(span: &ReceivedSpan) -> f64 {
    1.0 / span.metrics.get("_sample_rate").unwrap_or(&1.0)
}

/// The spans that the Agent counts.
fn counted(agent: &TestAgent) -> f64 {
    agent.spans().iter().map(weight).sum()
}

/// The first span of a name.
fn found(agent: &TestAgent, resource: &str) -> ReceivedSpan {
    let is_it = |span: &ReceivedSpan| span.resource == resource;
    agent.spans().into_iter().find(is_it).unwrap_or_else(|| panic!("no span {resource}"))
}

/// Returns the sampling tags of a span as one line, in the order of the keys.
fn said(span: &ReceivedSpan) -> String {
    let metrics = ["_sampling_priority_v1", "_dd.rule_psr", "_dd.limit_psr", "_dd.agent_psr"];
    let metrics = metrics.into_iter().filter_map(|key| Some((key, span.metrics.get(key)?)));
    let metas = ["_dd.p.dm", "_dd.p.ksr"].into_iter();
    let metas = metas.filter_map(|key| Some(format!("{key}={}", span.meta.get(key)?)));
    let metrics = metrics.map(|(key, value)| format!("{key}={value}"));
    metrics.chain(metas).collect::<Vec<_>>().join(" ")
}
