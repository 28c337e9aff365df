//! Traces across services: headers in, spans at the Agent, headers out.

mod baggage;
mod headers;
mod properties;
mod sdk;
mod services;
mod state;
mod vectors;

use std::collections::HashMap;

use datadog_test_agent::{ReceivedSpan, TestAgent};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry_datadog_agent::{DatadogExporter, PropagationSpanProcessor};
use opentelemetry_sdk::trace::SdkTracerProvider;

pub(crate) use headers::Headers;

impl Headers {
    fn of(headers: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(headers.iter().map(owned).collect())
    }
}

/// Returns the headers that a propagator writes for a context.
pub(crate) fn injected(
    propagator: &dyn TextMapPropagator,
    cx: &Context,
) -> HashMap<String, String> {
    let mut headers = HashMap::new();
    propagator.inject_context(cx, &mut headers);
    headers
}

/// Returns the headers that a propagator writes for a span.
fn injected_for(propagator: &dyn TextMapPropagator, span: SpanContext) -> HashMap<String, String> {
    injected(propagator, &Context::new().with_remote_span_context(span))
}

/// Returns the context that a propagator reads from headers, with nothing before it.
pub(crate) fn extracted(propagator: &dyn TextMapPropagator, headers: &dyn Extractor) -> Context {
    propagator.extract_with_context(&Context::new(), headers)
}

/// A provider as an application would have it.
fn provider(agent: &TestAgent, service: &str) -> SdkTracerProvider {
    let exporter = DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_service(service)
        .build()
        .unwrap();
    SdkTracerProvider::builder()
        .with_span_processor(PropagationSpanProcessor::from_env())
        .with_batch_exporter(exporter)
        .build()
}

/// The only span of a name.
fn named<'s>(spans: &'s [ReceivedSpan], resource: &str) -> &'s ReceivedSpan {
    let mut found = spans.iter().filter(|span| span.resource == resource);
    let span = found.next().unwrap_or_else(|| panic!("no span {resource}"));
    assert!(found.next().is_none(), "several spans {resource}");
    span
}
