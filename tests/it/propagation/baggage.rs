//! Baggage of a caller as tags of the first span: only what somebody asked for.

use std::collections::BTreeMap;

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{
    SpanContext, TraceContextExt as _, TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_datadog_agent::{DatadogExporter, PropagationSpanProcessor};
use opentelemetry_sdk::trace::SdkTracerProvider;

use crate::delivery::in_child;
use crate::support::{agent, context};

const VARIABLE: &str = "DD_TRACE_BAGGAGE_TAG_KEYS";

/// Returns the baggage tags of a span under a remote parent, and those of its child.
fn tags(processor: PropagationSpanProcessor) -> [BTreeMap<String, String>; 2] {
    let agent = agent();
    let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_batch_exporter(exporter)
        .build();
    let tracer = provider.tracer("test");
    let baggage = ["user.id", "User.Id", "tenant"].map(|key| KeyValue::new(key, "7"));
    let (caller, state) = (context(1, 2), TraceState::default());
    let caller =
        SpanContext::new(caller.trace_id(), caller.span_id(), caller.trace_flags(), true, state);
    let remote = Context::new().with_remote_span_context(caller).with_baggage(baggage);
    let parent = tracer.start_with_context("parent", &remote);
    let parent = remote.with_span(parent);
    drop(tracer.start_with_context("child", &parent));
    drop(parent);
    provider.shutdown().unwrap();
    let spans = agent.spans();
    ["parent", "child"].map(|name| {
        let span = spans.iter().find(|span| span.resource == name).unwrap();
        let tags = span.meta.iter().filter(|(key, _)| key.starts_with("baggage."));
        tags.map(|(key, text)| (key.clone(), text.clone())).collect()
    })
}

fn keys(processor: PropagationSpanProcessor) -> Vec<String> {
    let [parent, child] = tags(processor);
    assert!(child.is_empty() && parent.values().all(|text| text == "7"), "{parent:?} {child:?}");
    parent.into_keys().collect()
}

#[test]
fn baggage_becomes_tags_of_a_local_root_if_its_key_was_asked_for() {
    let test =
        "propagation::baggage::baggage_becomes_tags_of_a_local_root_if_its_key_was_asked_for";
    let new = PropagationSpanProcessor::from_env;
    in_child(test, &[(VARIABLE, "user.id, other")], move || {
        assert_eq!(keys(new()), ["baggage.user.id"]);
        assert_eq!(keys(new().with_baggage_tags(["tenant"])), ["baggage.tenant"]);
        let all = ["baggage.User.Id", "baggage.tenant", "baggage.user.id"];
        assert_eq!(keys(new().with_baggage_tags(["*"])), all);
        assert!(keys(new().with_baggage_tags([] as [&str; 0])).is_empty());
        assert!(keys(PropagationSpanProcessor::new()).is_empty());
    });
}

#[test]
fn baggage_is_no_tag_unless_asked_for() {
    let test = "propagation::baggage::baggage_is_no_tag_unless_asked_for";
    in_child(test, &[(VARIABLE, "")], || {
        assert!(keys(PropagationSpanProcessor::from_env()).is_empty());
    });
}
