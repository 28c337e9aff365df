//! Callers: their decisions are kept to the letter, and open ones are made here.

use std::collections::HashMap;

use datadog_test_agent::TestAgent;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::{
    DatadogExporter, DatadogPropagator, DatadogSampler, RejectedTraces,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::{
    KEPT, REJECTED, REJECTED_TRACES, counted, found, half, kept_by, provider, said, trace, weight,
};
use crate::propagation::{extracted, injected};
use crate::support::agent;

/// Headers of a browser's request in this trace, with no decision.
fn request(trace: u64) -> HashMap<String, String> {
    let headers = [
        ("x-datadog-trace-id", trace.to_string()),
        ("x-datadog-parent-id", "77".to_owned()),
        ("x-datadog-origin", "rum".to_owned()),
        ("x-datadog-tags", "_dd.p.usr.id=MTI=".to_owned()),
    ];
    headers.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Serves a request and calls on: returns the headers of the call.
fn serve(
    provider: &SdkTracerProvider,
    propagator: &dyn TextMapPropagator,
    request: &HashMap<String, String>,
) -> HashMap<String, String> {
    let parent = extracted(propagator, request);
    let served = trace(provider, &parent, vec![], vec![]);
    let call = provider.tracer("t").start_with_context("call", &served);
    let headers = injected(propagator, &served.with_span(call));
    provider.shutdown().unwrap();
    headers
}

/// A service that knows nothing of Datadog but our exporter.
fn stock(agent: &TestAgent) -> SdkTracerProvider {
    let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
    SdkTracerProvider::builder().with_batch_exporter(exporter).build()
}

#[test]
fn a_priority_passes_three_services_untouched() {
    for rejected in REJECTED_TRACES {
        for priority in ["-1", "0", "1", "2"] {
            let mut request = request(REJECTED);
            request.insert("x-datadog-sampling-priority".to_owned(), priority.to_owned());
            if priority.parse::<i8>().unwrap() > 0 {
                let tags = "_dd.p.dm=-1,_dd.p.usr.id=MTI=".to_owned();
                request.insert("x-datadog-tags".to_owned(), tags);
            }
            let agents = [agent(), agent(), agent()];
            let ours = DatadogPropagator::new();
            let mut first = serve(&provider(&agents[0], half(), rejected, 1), &ours, &request);
            assert_eq!(first["x-datadog-sampling-priority"], priority, "{rejected:?}");
            first.retain(|name, _| !name.starts_with("x-datadog"));
            let second = serve(&stock(&agents[1]), &TraceContextPropagator::new(), &first);
            let third = serve(&provider(&agents[2], half(), rejected, 1), &ours, &second);
            for name in ["x-datadog-sampling-priority", "x-datadog-origin", "x-datadog-tags"] {
                assert_eq!(third.get(name), request.get(name), "{priority} {rejected:?}");
            }
            let is_kept = !["-1", "0"].contains(&priority);
            let sends = [rejected, RejectedTraces::Dropped, rejected]
                .map(|rejected| is_kept || rejected == RejectedTraces::Recorded);
            for (agent, sends) in agents.iter().zip(sends) {
                assert_eq!(
                    agent.spans().len(),
                    if sends { 3 } else { 0 },
                    "{priority} {rejected:?}"
                );
                if sends {
                    let maker = if is_kept { " _dd.p.dm=-1" } else { "" };
                    let expected = format!("_sampling_priority_v1={priority}{maker}");
                    assert_eq!(said(&found(agent, "root")), expected, "{rejected:?}");
                    assert_eq!(found(agent, "root").meta["_dd.origin"], "rum");
                }
            }
        }
    }
}

/// Requests of one caller that keeps a tenth, kept and rejected as its ids fall.
fn requests_of_a_tenth(provider: &SdkTracerProvider, count: u64) {
    let propagator = DatadogPropagator::new();
    let kept = kept_by(0.1, 1..=count);
    for id in 1..=count {
        let (priority, maker) = if kept.contains(&id) { ("2", "_dd.p.dm=-3,") } else { ("-1", "") };
        let headers = [
            ("x-datadog-trace-id", id.to_string()),
            ("x-datadog-parent-id", "77".to_owned()),
            ("x-datadog-sampling-priority", priority.to_owned()),
            ("x-datadog-tags", format!("{maker}_dd.p.ksr=0.1")),
        ];
        let headers: HashMap<_, _> = headers.map(|(name, value)| (name.to_owned(), value)).into();
        trace(provider, &extracted(&propagator, &headers), vec![], vec![]);
        // Before the queue of the SDK is full.
        if id % 500 == 0 {
            provider.force_flush().unwrap();
        }
    }
}

#[test]
fn behind_a_caller_that_keeps_a_tenth_every_request_is_counted() {
    const REQUESTS: u64 = 2_000;
    let made = f64::from(u32::try_from(2 * REQUESTS).unwrap());
    for rejected in REJECTED_TRACES {
        let agent = agent();
        let sampler = DatadogSampler::builder();
        let provider = provider(&agent, sampler, rejected, 1);
        requests_of_a_tenth(&provider, REQUESTS);
        provider.shutdown().unwrap();
        let off = counted(&agent) / made - 1.0;
        assert!(off.abs() < 0.02, "{rejected:?}: {} of {made}", counted(&agent));
        let spans = agent.spans();
        let is_weighed = spans.iter().any(|span| span.metrics.contains_key("_sample_rate"));
        assert_eq!(is_weighed, rejected == RejectedTraces::Dropped);
        let kept = kept_by(0.1, 1..=REQUESTS).len();
        let sent = if is_weighed { 2 * kept } else { 2 * usize::try_from(REQUESTS).unwrap() };
        assert_eq!(spans.len(), sent, "{rejected:?}");
    }
}

#[test]
fn the_rate_of_a_caller_weighs_its_first_request() {
    let mut request = request(KEPT);
    request.insert("x-datadog-sampling-priority".to_owned(), "2".to_owned());
    request.insert("x-datadog-tags".to_owned(), "_dd.p.dm=-3,_dd.p.ksr=0.1".to_owned());
    let agent = agent();
    let provider = provider(&agent, half(), RejectedTraces::Dropped, 1);
    let headers = serve(&provider, &DatadogPropagator::new(), &request);
    assert_eq!(headers["x-datadog-tags"], request["x-datadog-tags"]);
    for span in agent.spans() {
        assert!((weight(&span) - 10.0).abs() < 1e-9, "{}", span.resource);
    }
    assert_eq!(agent.spans().len(), 3);
}

#[test]
fn an_open_decision_is_made_here_once_beside_what_the_caller_says() {
    let rates = "_dd.rule_psr=0.5 _dd.limit_psr=1 _dd.p.dm=-3 _dd.p.ksr=0.5";
    let kept = format!("_sampling_priority_v1=2 {rates}");
    let rejected = "_sampling_priority_v1=-1 _dd.rule_psr=0.5 _dd.p.ksr=0.5".to_owned();
    for (id, priority, tags, expected) in [
        (KEPT, "2", "_dd.p.dm=-3,_dd.p.ksr=0.5,_dd.p.usr.id=MTI=", kept),
        (REJECTED, "-1", "_dd.p.ksr=0.5,_dd.p.usr.id=MTI=", rejected),
    ] {
        let agent = agent();
        let service = provider(&agent, half(), RejectedTraces::Recorded, 1);
        let headers = serve(&service, &DatadogPropagator::new(), &request(id));
        assert_eq!(headers["x-datadog-sampling-priority"], priority);
        assert_eq!(headers["x-datadog-origin"], "rum");
        assert_eq!(headers["x-datadog-tags"], tags);
        let root = found(&agent, "root");
        assert_eq!(said(&root), expected);
        assert_eq!((root.trace_id, root.parent_id), (id, 77));
        assert_eq!((&*root.meta["_dd.origin"], &*root.meta["_dd.p.usr.id"]), ("rum", "MTI="));
        // Below the root nobody decides again.
        for name in ["child", "call"] {
            let below = found(&agent, name);
            assert!(!below.metrics.contains_key("_dd.rule_psr"), "{name}");
        }
    }
}

#[test]
fn a_priority_that_the_agent_does_not_know_is_exported_as_the_nearest() {
    for (priority, exported) in [("-128", "-1"), ("-2", "-1"), ("0", "0"), ("127", "2")] {
        let mut request = request(KEPT);
        request.insert("x-datadog-sampling-priority".to_owned(), priority.to_owned());
        let agent = agent();
        let rejected = RejectedTraces::Recorded;
        serve(&provider(&agent, half(), rejected, 1), &DatadogPropagator::new(), &request);
        let spans = agent.spans();
        let told = spans.iter().filter_map(|span| span.metrics.get("_sampling_priority_v1"));
        let told: Vec<_> = told.map(ToString::to_string).collect();
        assert!(!told.is_empty() && told.iter().all(|told| *told == exported), "{told:?}");
    }
}
