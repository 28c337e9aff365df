//! Any headers: reading never panics, written headers cannot break a request, and a context that was read
//! survives being written and read again.

#![no_main]

use std::collections::HashMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceId};
use opentelemetry_datadog_agent::PropagationStyle::{Datadog, TraceContext};
use opentelemetry_datadog_agent::{DatadogPropagator, ExtractBehavior};

/// All that may be written.
const NAMES: [&str; 7] = [
    "x-datadog-trace-id",
    "x-datadog-parent-id",
    "x-datadog-sampling-priority",
    "x-datadog-origin",
    "x-datadog-tags",
    "traceparent",
    "tracestate",
];

/// The most bytes of `x-datadog-tags`.
const MAX_TAGS: usize = 512;

/// The fate of a caller's trace.
#[derive(Clone, Copy, PartialEq)]
enum Trace {
    GoesOn,
    /// It goes on, though perhaps without the upper half of its ID.
    IsCut,
    Ends,
}

/// Propagators that differ in what they read and write.
static PROPAGATORS: LazyLock<[(DatadogPropagator, Trace); 8]> = LazyLock::new(|| {
    let builder = DatadogPropagator::builder;
    [
        (builder(), Trace::GoesOn),
        (builder().with_extract_styles([TraceContext, Datadog]), Trace::GoesOn),
        (builder().with_extract_styles([Datadog]), Trace::GoesOn),
        (builder().with_extract_styles([TraceContext]), Trace::GoesOn),
        (builder().with_extract_first(true), Trace::GoesOn),
        (builder().with_inject_styles([Datadog]).with_tags_max_length(0), Trace::IsCut),
        (builder().with_extract_behavior(ExtractBehavior::Restart), Trace::Ends),
        (builder().with_extract_behavior(ExtractBehavior::Ignore), Trace::Ends),
    ]
    .map(|(builder, trace)| (builder.build(), trace))
});

fuzz_target!(|input: (u8, &str)| {
    let (which, text) = input;
    let (propagator, trace) = &PROPAGATORS[usize::from(which) % PROPAGATORS.len()];
    let headers = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let (read, written) = through(propagator, &headers);
    // A trace without its parent's span ID has a stand-in for it, which is never written.
    assert!(read.is_valid() || written.is_empty(), "{written:?}");
    assert!(*trace != Trace::Ends || written.is_empty(), "{written:?}");
    for (name, value) in &written {
        assert!(NAMES.contains(&name.as_str()), "{name}: {value}");
        assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name}: {value:?}");
        assert!(name != "x-datadog-tags" || value.len() <= MAX_TAGS, "{name}: {value}");
    }
    if *trace == Trace::GoesOn && !written.is_empty() {
        let (again, rewritten) = through(propagator, &written);
        assert_eq!(ids(&again), ids(&read), "{written:?}");
        // While nobody has decided about sampling, `traceparent` has no way to say so.
        if written.contains_key("x-datadog-sampling-priority") {
            assert_eq!(again.is_sampled(), read.is_sampled(), "{written:?}");
            // The trace state may lose the last span that Datadog knows of, where that is the parent itself.
            for name in NAMES.into_iter().filter(|name| *name != "tracestate") {
                let [once, twice] = [&written, &rewritten].map(|headers| headers.get(name));
                // Spaces around a header's value are not part of it.
                assert_eq!(twice.map(|s| s.trim()), once.map(|s| s.trim()), "{name}: {written:?}");
            }
        }
    }
});

/// Returns what is read from headers, and what is written for it.
fn through(
    propagator: &DatadogPropagator,
    headers: &HashMap<String, String>,
) -> (SpanContext, HashMap<String, String>) {
    let context = propagator.extract_with_context(&Context::new(), headers);
    let mut written = HashMap::new();
    propagator.inject_context(&context, &mut written);
    (context.span().span_context().clone(), written)
}

fn ids(context: &SpanContext) -> (TraceId, SpanId) {
    (context.trace_id(), context.span_id())
}
