//! Promises that hold for every span, whatever made it.

use std::collections::BTreeSet;

use datadog_test_agent::TraceRequest;

use crate::arrived::{Traces, trace_id};

/// The word that each statement, address, header and document holds, and nothing that arrives may hold.
pub(crate) const SECRET: &str = "SECRET";

/// Returns the promises that what arrived breaks.
pub(crate) fn broken(requests: &[TraceRequest], traces: &Traces) -> Vec<String> {
    let mut faults: Vec<String> = requests.iter().flat_map(TraceRequest::violations).collect();
    for span in traces.spans() {
        let at = |key: &str| format!("{} ({}): {key}", span.name, span.resource);
        let texts = [&span.service, &span.name, &span.resource, &span.span_type];
        if texts.iter().any(|text| text.contains(SECRET)) {
            faults.push(at("a secret in a name"));
        }
        for (key, value) in &span.meta {
            if key.contains(SECRET) || value.contains(SECRET) {
                faults.push(at(&format!("a secret in {key} = {value}")));
            }
            if value.is_empty() || value == "[]" {
                faults.push(at(&format!("nothing in {key}")));
            }
        }
        if span.error != 0 && !span.meta.contains_key("error.message") {
            faults.push(at("an error without a text"));
        }
        if !span.meta.contains_key("otel.trace_id") {
            faults.push(at("no 128-bit trace id"));
        }
    }
    if requests.iter().any(|request| contains(&request.body, SECRET.as_bytes())) {
        faults.push("a secret in the body of a request".to_owned());
    }
    faults.extend(torn(traces));
    faults
}

/// Finds traces with more than one span at the top: what should be one trace is two, or a parent is missing.
fn torn(traces: &Traces) -> Vec<String> {
    let mut faults = Vec::new();
    for trace in &traces.0 {
        let tops: Vec<_> = trace.iter().filter(|node| node.is_top).map(|node| &node.span).collect();
        if tops.len() != 1 || tops[0].parent_id != 0 {
            let names: Vec<_> = tops.iter().map(|span| &span.name).collect();
            faults.push(format!("a trace that begins with {names:?}"));
        }
        let low: BTreeSet<u64> = trace.iter().map(|node| node.span.trace_id).collect();
        let high: BTreeSet<String> = trace.iter().map(|node| trace_id(&node.span)).collect();
        if (low.len(), high.len()) != (1, 1) {
            faults.push(format!("one trace with the ids {low:?}, {high:?}"));
        }
    }
    faults
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
