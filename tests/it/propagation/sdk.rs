//! Beside the SDK's own parts: baggage, samplers, other vendors, and what the configuration chooses.

use std::collections::BTreeSet;

use datadog_test_agent::ReceivedSpan;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator as _};
use opentelemetry::trace::{
    SpanContext, TraceContextExt as _, TraceState, Tracer as _, TracerProvider as _,
};
use opentelemetry::{SpanId, TraceFlags, TraceId};
use opentelemetry_datadog_agent::{DatadogPropagator, ExtractBehavior};
use opentelemetry_sdk::propagation::BaggagePropagator;
use serde_json::{Value as Json, json};

use super::{Headers, extracted, injected, injected_for, provider};
use crate::delivery::in_child;
use crate::support::agent;

/// A caller of both worlds, with a vendor of its own.
const CALLER: [(&str, &str); 6] = [
    ("x-datadog-trace-id", "5"),
    ("x-datadog-parent-id", "6"),
    ("x-datadog-sampling-priority", "2"),
    ("traceparent", "00-00000000000000000000000000000005-0000000000000006-01"),
    ("tracestate", "dd=s:2,foo=1,bar=2"),
    ("baggage", "user=7"),
];

/// The first span of a service that such a caller calls, through this propagator.
fn first_span(propagator: &DatadogPropagator, headers: &[(&str, &str)]) -> ReceivedSpan {
    let agent = agent();
    let provider = provider(&agent, "called");
    let parent = extracted(propagator, &Headers::of(headers));
    drop(provider.tracer("t").start_with_context("work", &parent));
    provider.shutdown().unwrap();
    agent.spans().remove(0)
}

#[test]
fn baggage_and_other_vendors_travel_along() {
    let both = TextMapCompositePropagator::new(vec![
        Box::new(DatadogPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]);
    let cx = extracted(&both, &Headers::of(&CALLER));
    assert_eq!(cx.baggage().get("user").unwrap().as_str(), "7");
    let provider = provider(&agent(), "called");
    let span = provider.tracer("t").start_with_context("work", &cx);
    let id = span_id(&span);
    let headers = injected(&both, &cx.with_span(span));
    assert_eq!(headers["baggage"], "user=7");
    assert_eq!(headers["tracestate"], format!("dd=s:2;p:{id},foo=1,bar=2"));
    let fields: BTreeSet<_> = both.fields().collect();
    assert_eq!(
        fields,
        headers.keys().map(String::as_str).chain(["x-datadog-tags", "x-datadog-origin"]).collect()
    );
}

fn span_id(span: &impl opentelemetry::trace::Span) -> String {
    span.span_context().span_id().to_string()
}

#[test]
fn the_vendors_of_a_full_trace_state_give_way_from_the_right() {
    let members: Vec<_> = (0..32).map(|number| (format!("v{number}"), "x")).collect();
    let span = SpanContext::new(
        TraceId::from(5),
        SpanId::from(6),
        TraceFlags::SAMPLED,
        true,
        TraceState::from_key_value(members).unwrap(),
    );
    let state = &injected_for(&DatadogPropagator::new(), span)["tracestate"];
    assert!(state.starts_with("dd=s:1,v0=x,v1=x"), "{state}");
    assert_eq!(state.split(',').count(), 32);
    assert!(state.ends_with(",v30=x"), "{state}");
}

#[test]
fn a_restart_begins_a_trace_with_a_link_and_ignoring_one_without() {
    let with = |behavior| {
        let propagator = DatadogPropagator::builder().with_extract_behavior(behavior).build();
        first_span(&propagator, &CALLER)
    };
    let links = |span: &ReceivedSpan| {
        span.meta.get("_dd.span_links").map(|links| serde_json::from_str::<Json>(links).unwrap())
    };
    let restarted = with(ExtractBehavior::Restart);
    assert_ne!(restarted.trace_id, 5);
    assert_eq!(restarted.parent_id, 0);
    let expected = json!([{
        "trace_id": "00000000000000000000000000000005",
        "span_id": "0000000000000006",
        "attributes": {"reason": "propagation_behavior_extract", "context_headers": "datadog"},
    }]);
    assert_eq!(links(&restarted), Some(expected));
    let ignored = with(ExtractBehavior::Ignore);
    assert_ne!(ignored.trace_id, 5);
    assert_eq!((ignored.parent_id, links(&ignored)), (0, None));
    let continued = with(ExtractBehavior::Continue);
    assert_eq!((continued.trace_id, continued.parent_id, links(&continued)), (5, 6, None));
}

#[test]
fn a_restart_keeps_the_span_that_is_current() {
    let restart = DatadogPropagator::builder();
    let restart = restart.with_extract_behavior(ExtractBehavior::Restart).build();
    let agent = agent();
    let provider = provider(&agent, "called");
    let tracer = provider.tracer("t");
    let outer = Context::new().with_span(tracer.start_with_context("outer", &Context::new()));
    let cx = restart.extract_with_context(&outer, &Headers::of(&CALLER));
    drop(tracer.start_with_context("inner", &cx));
    outer.span().end();
    provider.shutdown().unwrap();
    let spans = agent.spans();
    let (outer, inner) = (super::named(&spans, "outer"), super::named(&spans, "inner"));
    assert_eq!((inner.trace_id, inner.parent_id), (outer.trace_id, outer.span_id));
    assert!(
        inner.meta.contains_key("_dd.span_links") && !outer.meta.contains_key("_dd.span_links")
    );
}

#[test]
fn only_the_first_span_speaks_of_what_the_caller_sent() {
    let broken = [CALLER[0], CALLER[1], ("x-datadog-tags", "_dd.p.tid=nonsense")];
    let agent = agent();
    let provider = provider(&agent, "called");
    let tracer = provider.tracer("t");
    let parent = extracted(&DatadogPropagator::new(), &Headers::of(&broken));
    let first = parent.with_span(tracer.start_with_context("first", &parent));
    drop(tracer.start_with_context("second", &first));
    first.span().end();
    provider.shutdown().unwrap();
    let spans = agent.spans();
    let error = |name| super::named(&spans, name).meta.get("_dd.propagation_error").cloned();
    assert_eq!(error("first").as_deref(), Some("malformed_tid nonsense"));
    assert_eq!(error("second"), None);
}

#[test]
fn tags_that_cannot_be_written_are_named_on_the_span() {
    let propagator = DatadogPropagator::builder().with_tags_max_length(0).build();
    let agent = agent();
    let provider = provider(&agent, "calls");
    let cx =
        Context::new().with_span(provider.tracer("t").start_with_context("work", &Context::new()));
    let headers = injected(&propagator, &cx);
    assert_eq!(headers.get("x-datadog-tags"), None);
    cx.span().end();
    provider.shutdown().unwrap();
    assert_eq!(agent.spans()[0].meta["_dd.propagation_error"], "disabled");
}

#[test]
fn variables_choose_the_styles() {
    let test = "propagation::sdk::variables_choose_the_styles";
    let variables = [
        ("DD_TRACE_PROPAGATION_STYLE_EXTRACT", "tracecontext"),
        ("DD_TRACE_PROPAGATION_STYLE_INJECT", "datadog"),
    ];
    in_child(test, &variables, || {
        let plain = extracted(&DatadogPropagator::new(), &Headers::of(&CALLER[..3]));
        assert!(plain.span().span_context().is_valid(), "`new` reads no variable");
        let propagator = DatadogPropagator::builder().build();
        let cx = extracted(&propagator, &Headers::of(&CALLER[..3]));
        assert!(!cx.span().span_context().is_valid());
        let cx = extracted(&propagator, &Headers::of(&CALLER));
        let headers = injected(&propagator, &cx);
        assert_eq!(headers["x-datadog-parent-id"], "6");
        assert!(!headers.contains_key("traceparent"));
        assert_eq!(propagator.fields().count(), 5);
    });
}

#[cfg(feature = "internal-logs")]
#[test]
fn broken_headers_are_said_once_and_only_if_they_cost_the_trace() {
    use tracing_subscriber::layer::SubscriberExt as _;

    // Alone in its process: a warning that a thread without a subscriber gave first may be lost.
    let test = "propagation::sdk::broken_headers_are_said_once_and_only_if_they_cost_the_trace";
    in_child(test, &[], || {
        let names = crate::hostile::notices::said::Names::default();
        let subscriber = tracing_subscriber::Registry::default().with(names.clone());
        let _guard = tracing::subscriber::set_default(subscriber);
        let propagator = DatadogPropagator::new();
        let broken = ("x-datadog-trace-id", "0x1\n");
        let cx = extracted(&propagator, &Headers::of(&[broken, CALLER[3]]));
        assert_eq!(cx.span().span_context().span_id(), SpanId::from(6));
        assert_eq!(names.0.lock().unwrap().len(), 0);
        for _ in 0..2 {
            let cx = extracted(&propagator, &Headers::of(&[broken, ("traceparent", "00-")]));
            assert!(!cx.span().span_context().is_valid());
        }
        assert_eq!(*names.0.lock().unwrap(), ["DatadogPropagator.BrokenHeaders"]);
    });
}
