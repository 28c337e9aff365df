//! Rejected traces that are recorded: all of them reach the Agent, and nobody else.

use std::collections::{BTreeMap, BTreeSet};

use datadog_test_agent::ReceivedSpan;
use opentelemetry_datadog_agent::{RejectedTraces, SampledOnly};
use opentelemetry_sdk::trace::{BatchSpanProcessor, InMemorySpanExporter};

use super::{arrived, builder, half, kept_by, provider, provider_builder, traces};
use crate::support::agent;

/// Traces of a run.
const TRACES: u64 = 100;

/// The sampling tags of spans, numbers and texts, by trace and name.
type Said = BTreeMap<(u64, String), (BTreeMap<String, String>, BTreeMap<String, String>)>;

/// Returns all that spans say of traces, without what tells weights.
fn told(spans: &[ReceivedSpan]) -> Said {
    let of = |span: &ReceivedSpan| {
        let is_of_sampling = |key: &str| key.starts_with("_dd.p.") || key.ends_with("psr");
        let metrics = span
            .metrics
            .iter()
            .filter(|(key, _)| is_of_sampling(key) || key.starts_with("_sampling"));
        let metrics = metrics.map(|(key, value)| (key.clone(), value.to_string())).collect();
        let metas = span.meta.iter().filter(|(key, _)| is_of_sampling(key));
        let metas = metas.map(|(key, value)| (key.clone(), value.clone())).collect();
        ((span.trace_id, span.resource.clone()), (metrics, metas))
    };
    spans.iter().map(of).collect()
}

#[test]
fn every_span_arrives_and_the_kept_ones_as_they_are() {
    let (all, sampled) = (agent(), agent());
    for (agent, rejected) in [(&all, RejectedTraces::Recorded), (&sampled, RejectedTraces::Dropped)]
    {
        let provider = provider(agent, half(), rejected, 1);
        traces(&provider, TRACES, &[]);
        provider.shutdown().unwrap();
    }
    assert_eq!(all.spans().len() as u64, 2 * TRACES);
    assert_eq!(arrived(&all), (1..=TRACES).collect());
    let kept = kept_by(0.5, 1..=TRACES);
    let (kept_spans, rejected): (Vec<_>, Vec<_>) =
        all.spans().into_iter().partition(|span| kept.contains(&span.trace_id));
    assert_eq!(told(&kept_spans), told(&sampled.spans()));
    for span in &rejected {
        assert_eq!(span.metrics.get("_sampling_priority_v1"), Some(&-1.0), "{}", span.resource);
        assert_eq!(span.meta.get("_dd.p.dm"), None, "{}", span.resource);
    }
    // All are there, so none stands for several.
    assert!(all.spans().iter().all(|span| !span.metrics.contains_key("_sample_rate")));
    for trace in all.stored() {
        assert_eq!(trace.root_span().resource, "root");
    }
}

#[test]
fn an_exporter_beside_it_sees_what_is_kept_only() {
    let agent = agent();
    let (beside, batched) = (InMemorySpanExporter::default(), InMemorySpanExporter::default());
    let rejected = RejectedTraces::Recorded;
    let sampler = half().with_rejected_traces(rejected).build().unwrap();
    let provider = provider_builder(builder(&agent).build().unwrap(), sampler, rejected, 1)
        .with_simple_exporter(beside.clone())
        // The SDK's batch processor does not look at the flag.
        .with_span_processor(SampledOnly::new(BatchSpanProcessor::builder(batched.clone()).build()))
        .build();
    traces(&provider, TRACES, &[]);
    provider.force_flush().unwrap();
    for exporter in [beside, batched] {
        let seen = exporter.get_finished_spans().unwrap();
        let low = |id: [u8; 16]| u64::from_be_bytes(id[8..].try_into().unwrap());
        let ids = seen.iter().map(|span| low(span.span_context.trace_id().to_bytes()));
        assert_eq!(ids.collect::<BTreeSet<_>>(), kept_by(0.5, 1..=TRACES));
        assert!(seen.iter().all(|span| span.span_context.is_sampled()));
    }
    provider.shutdown().unwrap();
    assert_eq!(arrived(&agent).len() as u64, TRACES);
}
