//! Any headers: reading never panics, and a context that was read survives being written and read again.

#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_datadog_agent::DatadogPropagator;

fuzz_target!(|text: &str| {
    let headers: HashMap<String, String> = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let propagator = DatadogPropagator::new();
    let read = propagator.extract_with_context(&Context::new(), &headers);
    let span = read.span().span_context().clone();

    let mut written = HashMap::new();
    propagator.inject_context(&read, &mut written);
    assert!(span.is_valid() || written.is_empty(), "{written:?}");
    // A trace without its parent's span ID has a stand-in for it, which is never written.
    if written.is_empty() {
        return;
    }

    let again = propagator.extract_with_context(&Context::new(), &written);
    let again = again.span().span_context().clone();
    assert_eq!(again.trace_id(), span.trace_id(), "{written:?}");
    assert_eq!(again.span_id(), span.span_id(), "{written:?}");
    assert_eq!(again.is_sampled(), span.is_sampled(), "{written:?}");
});
