//! Several services in one process, each with a provider of its own, at one Agent.

use std::collections::HashMap;

use datadog_test_agent::{ReceivedSpan, TestAgent};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanKind, TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, SpanId};
use opentelemetry_datadog_agent::{DatadogPropagator, PropagationStyle};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use super::{Headers, extracted, injected, named, provider};
use crate::support::agent;

/// Serves a request and calls on: returns the headers of the call.
fn serve(
    agent: &TestAgent,
    service: &str,
    propagator: &dyn TextMapPropagator,
    request: &HashMap<String, String>,
) -> HashMap<String, String> {
    let provider = provider(agent, service);
    let tracer = provider.tracer("server");
    let builder = |kind: &str, span_kind| {
        tracer.span_builder(format!("{kind} {service}")).with_kind(span_kind)
    };
    let parent = extracted(propagator, request);
    let served = tracer.build_with_context(builder("serve", SpanKind::Server), &parent);
    let served = parent.with_span(served);
    let call = tracer.build_with_context(builder("call", SpanKind::Client), &served);
    let calling = served.with_span(call);
    let headers = injected(propagator, &calling);
    calling.span().end();
    served.span().end();
    provider.shutdown().unwrap();
    headers
}

#[test]
fn three_services_of_two_worlds_make_one_trace() {
    let agent = agent();
    let datadog = DatadogPropagator::builder()
        .with_extract_styles([PropagationStyle::Datadog])
        .with_inject_styles([PropagationStyle::Datadog, PropagationStyle::TraceContext])
        .build();
    let browser = [
        ("x-datadog-trace-id", "1311768467463790320"),
        ("x-datadog-parent-id", "77"),
        ("x-datadog-sampling-priority", "2"),
        ("x-datadog-origin", "rum"),
        ("x-datadog-tags", "_dd.p.tid=640cfd8d00000000,_dd.p.dm=-4,_dd.p.usr.id=MTI="),
    ];
    let request = browser.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let first = serve(&agent, "first", &datadog, &request);
    let first: HashMap<_, _> =
        first.into_iter().filter(|(name, _)| !name.starts_with("x-datadog")).collect();
    let second = serve(&agent, "second", &TraceContextPropagator::new(), &first);
    let third = serve(&agent, "third", &DatadogPropagator::new(), &second);

    let spans = agent.spans();
    assert_eq!((spans.len(), agent.traces().len()), (6, 1), "{}", agent.waterfall());
    follows_the_browser(&spans);
    let call = named(&spans, "call third").span_id;
    assert_eq!(third["x-datadog-trace-id"], "1311768467463790320");
    assert_eq!(third["x-datadog-parent-id"], call.to_string());
    assert_eq!(third["x-datadog-sampling-priority"], "2");
    assert_eq!(third["x-datadog-origin"], "rum");
    let tags = "_dd.p.dm=-4,_dd.p.tid=640cfd8d00000000,_dd.p.usr.id=MTI=";
    assert_eq!(third["x-datadog-tags"], tags);
    let expected = format!("dd=s:2;o:rum;p:{call:016x};t.dm:-4;t.usr.id:MTI~");
    assert_eq!(third["tracestate"], expected);
}

/// The spans of all services hang below each other, and carry what the browser said.
fn follows_the_browser(spans: &[ReceivedSpan]) {
    let mut parent = 77;
    for name in ["serve first", "call first", "serve second", "call second", "serve third"] {
        let span = named(spans, name);
        assert_eq!(span.parent_id, parent, "{name}");
        assert_eq!(span.meta["otel.trace_id"], "640cfd8d00000000123456789abcdef0", "{name}");
        assert_eq!(span.meta["_dd.origin"], "rum", "{name}");
        if name.starts_with("serve") {
            assert_eq!(span.metrics.get("_sampling_priority_v1"), Some(&2.0), "{name}");
            assert_eq!(span.meta["_dd.p.dm"], "-4", "{name}");
            assert_eq!(span.meta["_dd.p.usr.id"], "MTI=", "{name}");
        }
        parent = span.span_id;
    }
    let last_parent = |name| named(spans, name).meta.get("_dd.parent_id").cloned();
    let id = |name| format!("{:016x}", named(spans, name).span_id);
    assert_eq!(last_parent("serve first"), None);
    assert_eq!(last_parent("serve second"), Some(id("call first")));
    // The stock propagator passes on what it does not know.
    assert_eq!(last_parent("serve third"), Some(id("call first")));
}

/// The headers of a Synthetics API test: a trace, and no span to be the parent.
const SYNTHETICS: [(&str, &str); 4] = [
    ("x-datadog-trace-id", "123456789"),
    ("x-datadog-parent-id", "0"),
    ("x-datadog-sampling-priority", "1"),
    ("x-datadog-origin", "synthetics"),
];

#[test]
fn a_trace_without_a_parent_is_continued_and_its_first_span_is_its_root() {
    let agent = agent();
    let propagator = DatadogPropagator::new();
    let request = SYNTHETICS.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let headers = serve(&agent, "tested", &propagator, &request);
    let spans = agent.spans();
    let (root, child) = (named(&spans, "serve tested"), named(&spans, "call tested"));
    assert_eq!((root.trace_id, root.parent_id), (123_456_789, 0));
    assert_eq!((child.trace_id, child.parent_id), (123_456_789, root.span_id));
    assert_eq!(root.meta["_dd.origin"], "synthetics");
    assert_eq!(root.meta.get("_dd.parent_id"), None);
    assert_eq!(agent.stored()[0].root_span().span_id, root.span_id);
    assert_eq!(headers["x-datadog-parent-id"], child.span_id.to_string());
    assert_eq!(headers["x-datadog-origin"], "synthetics");
    // Without a span of ours nobody is the parent, and the stand-in never leaves the process.
    let passed_on = injected(&propagator, &extracted(&propagator, &request));
    assert_eq!(passed_on, HashMap::new());
}

#[test]
fn a_parent_with_the_id_of_its_trace_is_a_parent() {
    // As `dd-trace-go` makes them: the root span has the id of its trace.
    let agent = agent();
    let mut headers = Headers::of(&SYNTHETICS);
    headers.0[1].1 = "123456789".to_owned();
    let provider = provider(&agent, "called");
    let parent = extracted(&DatadogPropagator::new(), &headers);
    assert_eq!(parent.span().span_context().span_id(), SpanId::from(123_456_789));
    drop(provider.tracer("t").start_with_context("work", &parent));
    provider.shutdown().unwrap();
    assert_eq!(agent.spans()[0].parent_id, 123_456_789);
}

#[test]
fn an_open_decision_is_made_here_or_passed_on_open() {
    let propagator = DatadogPropagator::new();
    let open = Headers::of(&[SYNTHETICS[0], ("x-datadog-parent-id", "7")]);
    let cx = extracted(&propagator, &open);
    let headers = injected(&propagator, &cx);
    assert_eq!(headers.get("x-datadog-sampling-priority"), None);
    let parent = "00-000000000000000000000000075bcd15-0000000000000007-00";
    assert_eq!(headers["traceparent"], parent);
    let agent = agent();
    let provider = provider(&agent, "decides");
    let span = provider.tracer("t").start_with_context("work", &cx);
    let headers = injected(&propagator, &cx.with_span(span));
    assert_eq!(headers["x-datadog-sampling-priority"], "1");
    provider.shutdown().unwrap();
    assert_eq!(agent.spans()[0].metrics.get("_sampling_priority_v1"), Some(&1.0));
    // Under the stock propagator there is a flag, so that is a decision.
    let stock = TraceContextPropagator::new();
    let cx: Context = extracted(&stock, &headers);
    assert_eq!(injected(&propagator, &cx)["x-datadog-sampling-priority"], "1");
}
