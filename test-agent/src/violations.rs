//! The strict mode: what the Agent lets pass at the expense of the client's data.
//!
//! Each check looks at one thing and pushes sentences; none of them decides about the answer.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::decode::{Chunk, Decoded};
use super::request::TraceRequest;
use super::span::{ReceivedSpan, TRACE_ID_HIGH};
use super::stored::{self, KEY_MAX, MARK, NAME_MAX, PRIORITY, RESOURCE_MAX, VALUE_MAX};

/// The longest key after the Agent cut it and marked the cut, in bytes.
const MARKED_KEY_MAX: usize = KEY_MAX + MARK;
/// The longest text tag after the Agent cut it and marked the cut, in bytes.
const MARKED_VALUE_MAX: usize = VALUE_MAX + MARK;

/// The number of findings after which a body is not looked at further: a report, not a log.
const FINDINGS_MAX: usize = 1_000;

/// Something that is wrong with a request although the Agent may take it.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    /// The list of spans that it is about, or the whole request.
    pub(super) trace: Option<usize>,
    /// The span of the list that it is about, or the whole list.
    pub(super) span: Option<usize>,
    pub(super) what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.trace, self.span) {
            (Some(trace), Some(span)) => write!(f, "trace {trace}, span {span}: {}", self.what),
            (Some(trace), None) => write!(f, "trace {trace}: {}", self.what),
            _ => f.write_str(&self.what),
        }
    }
}

/// Returns a finding about the whole request.
fn of_request(what: String) -> Finding {
    Finding { trace: None, span: None, what }
}

/// Returns the findings on the headers.
pub(super) fn of_headers(request: &TraceRequest) -> Vec<Finding> {
    const WANTED: [&str; 4] = [
        "X-Datadog-Trace-Count",
        "Datadog-Meta-Lang",
        "Datadog-Meta-Tracer-Version",
        "Content-Length",
    ];
    let missing = WANTED.iter().filter(|name| request.header(name).is_none_or(str::is_empty));
    let mut found: Vec<_> = missing.map(|name| format!("the header {name} is missing")).collect();
    if let Some(encoding) = request.header("content-encoding") {
        found.push(format!("Content-Encoding is {encoding}, which the Agent ignores"));
    }
    found.into_iter().map(of_request).collect()
}

/// Returns the findings on the decoded body, and on the headers that describe it.
pub(super) fn of_body(request: &TraceRequest, decoded: &Decoded) -> Vec<Finding> {
    let mut found = decoded.findings.clone();
    found.extend(decoded.unkept.finding().map(of_request));
    let chunks = &decoded.chunks;
    if let Some(count) = request.header("x-datadog-trace-count") {
        let traces = chunks.len() + decoded.unkept.traces;
        if count.parse() != Ok(traces) {
            let what = format!("X-Datadog-Trace-Count is {count}, the body has {traces} traces");
            found.push(of_request(what));
        }
    }
    if chunks.is_empty() {
        found.push(of_request("the request has no traces".to_owned()));
    }
    for (n, chunk) in chunks.iter().enumerate() {
        if found.len() >= FINDINGS_MAX {
            found.push(of_request("more is wrong with later traces".to_owned()));
            break;
        }
        of_trace(n, chunk, &mut found);
    }
    found.extend(of_payload(chunks).into_iter().map(of_request));
    found
}

/// Checks one list of spans, up to the largest number of findings.
fn of_trace(n: usize, chunk: &Chunk, found: &mut Vec<Finding>) {
    let finding = |span, what| Finding { trace: Some(n), span, what };
    if chunk.has_null {
        found.push(finding(None, "it has a null span, which ends older Agents".to_owned()));
    }
    let spans: Vec<_> = chunk.spans.iter().collect();
    found.extend(of_chunk(&spans).into_iter().map(|what| finding(None, what)));
    for (m, span) in spans.iter().enumerate() {
        if found.len() >= FINDINGS_MAX {
            return;
        }
        found.extend(of_span(span).into_iter().map(|what| finding(Some(m), what)));
    }
}

/// Checks what the Agent takes from one chunk for the whole request.
fn of_payload(chunks: &[Chunk]) -> Vec<String> {
    let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for chunk in chunks {
        let spans: Vec<_> = chunk.spans.iter().collect();
        let Some(root) = stored::root(&spans) else { continue };
        for (key, anywhere) in [("env", true), ("version", true), ("_dd.hostname", false)] {
            let value = stored::chunk_tag(&spans, root, key, anywhere);
            values.entry(key).or_default().insert(value.unwrap_or_default());
        }
    }
    let mixed = values.into_iter().filter(|(_, values)| values.len() > 1);
    mixed
        .map(|(key, values)| format!("the traces of one request differ in {key}: {values:?}"))
        .collect()
}

fn of_chunk(spans: &[&ReceivedSpan]) -> Vec<String> {
    let Some(first) = spans.first() else { return vec!["it has no spans".to_owned()] };
    let mut found = Vec::new();
    let mut ids = BTreeSet::new();
    for span in spans {
        if !ids.insert(span.span_id) && found.len() < FINDINGS_MAX {
            found.push(format!("the span id {} comes twice", span.span_id));
        }
    }
    if spans.iter().any(|span| span.trace_id != first.trace_id) {
        found.push("it mixes trace ids".to_owned());
    }
    let high: BTreeSet<_> = spans.iter().filter_map(|span| span.meta.get(TRACE_ID_HIGH)).collect();
    if high.len() > 1 {
        found.push(format!("it mixes {TRACE_ID_HIGH}: {high:?}"));
    }
    match first.metrics.get(PRIORITY) {
        None => found.push(format!("the first span has no {PRIORITY}")),
        Some(priority) if ![-1.0, 0.0, 1.0, 2.0].contains(priority) => {
            found.push(format!("the priority {priority} is none of -1, 0, 1, 2"));
        }
        Some(_) => {}
    }
    found
}

fn of_span(span: &ReceivedSpan) -> Vec<String> {
    let mut found = Vec::new();
    let texts = [
        ("service", &span.service, NAME_MAX),
        ("name", &span.name, NAME_MAX),
        ("resource", &span.resource, RESOURCE_MAX),
        ("type", &span.span_type, NAME_MAX),
    ];
    for (what, text, limit) in texts {
        if text.is_empty() && what != "type" {
            found.push(format!("the {what} is empty"));
        }
        if text.len() > limit {
            found.push(format!("the {what} has {} bytes, more than {limit}", text.len()));
        }
    }
    if span.trace_id == 0 {
        found.push("the trace id is 0".to_owned());
    }
    if span.span_id == 0 {
        found.push("the span id is 0".to_owned());
    } else if span.parent_id == span.span_id {
        found.push("it is its own parent".to_owned());
    }
    if span.duration < 0 {
        found.push(format!("the duration {} is negative", span.duration));
    }
    if span.start.checked_add(span.duration).is_none() {
        found.push("its end is beyond the largest time".to_owned());
    }
    let keys = span.meta.keys().chain(span.metrics.keys());
    for key in keys.filter(|key| key.len() > MARKED_KEY_MAX && !stored::exempt(key)) {
        found.push(format!(
            "a key has {} bytes, more than {MARKED_KEY_MAX}: {:.40}",
            key.len(),
            key
        ));
    }
    for (key, value) in span.meta.iter().filter(|(key, _)| !stored::exempt(key)) {
        if value.len() > MARKED_VALUE_MAX {
            found.push(format!(
                "the value of {key:.40} has {} bytes, more than {MARKED_VALUE_MAX}",
                value.len()
            ));
        }
    }
    found
}
