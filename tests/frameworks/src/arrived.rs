//! The spans that arrived, in an order and a form that are the same in each run.

use std::collections::BTreeMap;

use datadog_test_agent::{ReceivedSpan, TraceRequest};
use serde_json::Value;

/// Tags of the process, the trace and the clock, which say nothing about a framework.
#[rustfmt::skip]
const LEFT_OUT: &[&str] = &[
    "_dd.p.dm", "_dd.p.tid", "_sampling_priority_v1", "language", "otel.library.name", "otel.scope.name",
    "otel.trace_id", "process_id", "runtime-id", "telemetry.sdk.language", "telemetry.sdk.name",
    "telemetry.sdk.version", "w3c.tracestate",
];

/// Tags and attributes of events whose values differ from run to run.
#[rustfmt::skip]
const UNSTABLE: &[&str] = &[
    "client.port", "driverConnectionId", "durationMS", "elapsed", "elapsed_secs", "http.host", "latency",
    "request_id", "requestId", "server.port", "serverPort", "time_unix_nano", "topologyId", "trace_id",
    "http.user_agent", "http.request.headers.host", "http.request.headers.traceparent", "http.request.headers.tracestate",
    "http.request.headers.x-datadog-parent-id", "http.request.headers.x-datadog-tags",
    "http.request.headers.x-datadog-trace-id", "http.response.header.date",
];

/// The text in place of a value that differs from run to run.
const MASK: &str = "*";

/// A span below its parents.
pub(crate) struct Node {
    /// True if its parent did not arrive.
    pub(crate) is_top: bool,
    /// The lines of the tree before its name.
    branch: String,
    pub(crate) span: ReceivedSpan,
}

/// The traces that arrived, each with its spans in the order of their starts, the parent first.
pub(crate) struct Traces(pub(crate) Vec<Vec<Node>>);

impl Traces {
    pub(crate) fn of(requests: &[TraceRequest]) -> Self {
        let mut by_id: BTreeMap<String, Vec<ReceivedSpan>> = BTreeMap::new();
        for span in requests.iter().flat_map(|request| &request.traces).flatten() {
            by_id.entry(trace_id(span)).or_default().push(span.clone());
        }
        let mut traces: Vec<_> = by_id.into_values().map(tree).collect();
        traces.sort_by_key(|trace| trace.iter().map(|node| node.span.start).min());
        Self(traces)
    }

    /// Returns every span.
    pub(crate) fn spans(&self) -> impl Iterator<Item = &ReceivedSpan> {
        self.0.iter().flatten().map(|node| &node.span)
    }

    /// Draws the traces as the page shows them: operation, resource, service, type, error.
    pub(crate) fn drawn(&self) -> String {
        let traces: Vec<Vec<[String; 4]>> =
            self.0.iter().map(|trace| trace.iter().map(fields).collect()).collect();
        let rows = || traces.iter().flatten();
        let widths =
            [0, 1, 2].map(|at| rows().map(|row| row[at].chars().count()).max().unwrap_or(0));
        let draw = |row: &[String; 4]| -> String {
            let cell = |at: usize| format!("{:width$}", row[at], width = widths[at]);
            format!("{}  {}  {}  {}", cell(0), cell(1), cell(2), row[3]).trim_end().to_owned()
                + "\n"
        };
        let traces: Vec<String> =
            traces.iter().map(|trace| trace.iter().map(draw).collect()).collect();
        traces.join("\n")
    }

    /// Lists every span with its tags and events.
    pub(crate) fn listed(&self) -> String {
        let list = |node: &Node| {
            let mut text = format!("{}\n", fields(node).join("  "));
            for (key, value) in tags(&node.span) {
                text += &format!("    {key} = {value}\n");
            }
            text
        };
        let traces: Vec<String> =
            self.0.iter().map(|trace| trace.iter().map(list).collect()).collect();
        traces.join("\n")
    }
}

/// Returns the 32 digits of the trace id, which each span carries.
pub(crate) fn trace_id(span: &ReceivedSpan) -> String {
    span.meta.get("otel.trace_id").cloned().unwrap_or_else(|| format!("{:x}", span.trace_id))
}

/// Puts the spans of a trace below their parents. A span whose parent did not arrive is at the top.
fn tree(mut spans: Vec<ReceivedSpan>) -> Vec<Node> {
    spans.sort_by_key(|span| span.start);
    let has_parent =
        |span: &ReceivedSpan| spans.iter().any(|other| other.span_id == span.parent_id);
    let mut nodes = Vec::new();
    for top in spans.iter().filter(|span| !has_parent(span)) {
        nodes.push(Node { is_top: true, branch: String::new(), span: top.clone() });
        add_below(top.span_id, "", &spans, &mut nodes);
    }
    nodes
}

/// Adds the spans below one, whose own lines go on with `lines`.
fn add_below(parent: u64, lines: &str, spans: &[ReceivedSpan], nodes: &mut Vec<Node>) {
    let below: Vec<_> = spans.iter().filter(|span| span.parent_id == parent).collect();
    for (at, span) in below.iter().enumerate() {
        let (own, next) =
            if at + 1 == below.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        nodes.push(Node { is_top: false, branch: format!("{lines}{own}"), span: (*span).clone() });
        add_below(span.span_id, &format!("{lines}{next}"), spans, nodes);
    }
}

fn fields(node: &Node) -> [String; 4] {
    let span = &node.span;
    let error = match (span.error, span.meta.get("error.message")) {
        (0, _) => String::new(),
        (_, message) => format!("  ERROR {}", masked("", message.map_or("", String::as_str))),
    };
    [
        format!("{}{}", node.branch, span.name),
        span.resource.clone(),
        span.service.clone(),
        format!("{}{}", span.span_type, error.lines().next().unwrap_or_default()),
    ]
}

/// Returns the tags of a span and its events, without what differs from run to run.
fn tags(span: &ReceivedSpan) -> Vec<(String, String)> {
    let texts = span.meta.iter().map(|(key, value)| (key, value.clone()));
    let numbers = span.metrics.iter().map(|(key, value)| (key, format!("{value} (number)")));
    let mut tags = Vec::new();
    for (key, value) in texts.chain(numbers).filter(|(key, _)| !LEFT_OUT.contains(&key.as_str())) {
        match key.as_str() {
            "events" => tags.extend(events(&value)),
            _ => tags.push((key.clone(), masked(key, &value).replace('\n', "\n        "))),
        }
    }
    tags
}

/// Returns a line for each event, in order of their texts.
fn events(json: &str) -> Vec<(String, String)> {
    let Ok(Value::Array(events)) = serde_json::from_str(json) else {
        return vec![("events".to_owned(), json.to_owned())];
    };
    let line = |event: Value| {
        let attributes = event["attributes"].as_object().into_iter().flatten();
        let attributes = attributes.map(|(key, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), |text| format!("{text:?}"));
            format!("{key}={}", masked(key, &text))
        });
        let attributes: Vec<_> = attributes.collect();
        (
            "event".to_owned(),
            format!(
                "{} {{{}}}",
                event.get("name").map_or("no name".to_owned(), Value::to_string),
                attributes.join(" ")
            ),
        )
    };
    // A driver may write its event on a thread of its own: their order is not always the same.
    let mut lines: Vec<_> = events.into_iter().map(line).collect();
    lines.sort();
    lines
}

/// Replaces what differs from run to run: whole values by their key, ports of loopback addresses anywhere.
fn masked(key: &str, value: &str) -> String {
    if UNSTABLE.contains(&key) {
        return MASK.to_owned();
    }
    let mut parts = value.split("127.0.0.1:");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text += "127.0.0.1:";
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        text += if rest.len() < part.len() { MASK } else { "" };
        text += rest;
    }
    text
}
