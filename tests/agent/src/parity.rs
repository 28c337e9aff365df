//! Parity: the same spans through `opentelemetry-otlp` into the Agent's OTLP receiver, and through us, are
//! the same Datadog spans. What differs on purpose is a row.

use std::collections::BTreeMap;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, TraceFlags};
use opentelemetry_datadog_agent::{Obfuscation, Protocol, SpanTypes};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use serde_json::Value as Json;

use crate::compare::{self, Comparison, Fields, NOT_FINITE, Pair, Row};
use crate::read::{resource, span_data, text, vectors};
use crate::real_agent::{Model, RealAgent};
use crate::send::{builder, through_otlp, through_us};
use crate::shapes;
use crate::vectors::ROOT;

/// Vectors that must arrive both ways: all but those that ask not to be kept.
const VECTORS: usize = 333;

/// Spans that are made up, and how many go at once.
const GENERATED: usize = 10_000;
const BATCH: usize = 250;
/// Any number: the same makes the same spans.
const SEED: u64 = 7;

/// Differences from the Agent's OTLP receiver that we want: `left` is its span, `right` is ours.
#[rustfmt::skip]
const ON_PURPOSE: &[Row] = &[
    Row { field: "meta._dd.base_service",  why: "a span of another service names the application",       is_meant: |p| p.only_right() },
    Row { field: "meta._dd.p.dm",          why: "the receiver's own sampler says who decided; `dd` does", is_meant: |p| p.only_left() || tag(p.right_span, "w3c.tracestate").contains(&format!("t.dm:{}", p.right)) },
    Row { field: "meta._dd.p.dm",          why: "`manual.keep` is the user's decision",                  is_meant: |p| p.right == "-4" && has(p, "manual.keep") },
    Row { field: "meta._dd.p.tid",         why: "the high half of the trace id",                         is_meant: |p| p.right_span["meta.otel.trace_id"].starts_with(p.right) },
    Row { field: "meta.error.message",     why: "today's name of `error.msg`; both are sent",            is_meant: |p| p.only_right() && p.right_span["meta.error.msg"] == p.right },
    Row { field: "meta.error.msg",         why: "read from attributes and the error event first",        is_meant: is_reported },
    Row { field: "meta.error.msg",         why: "the HTTP status tells, whatever its type",              is_meant: |p| p.only_right() && number(p.right_span, "http.status_code").is_some_and(|code| p.right.starts_with(&code.to_string())) },
    Row { field: "meta.error.msg",         why: "the gRPC status tells, with its name",                  is_meant: |p| p.only_right() && p.right.split_once(' ').is_some_and(|(code, name)| [code, name].contains(&tag(p.right_span, "rpc.grpc.status_code").as_str())) },
    Row { field: "meta.error.type",        why: "read from the error event",                             is_meant: |p| p.only_right() && is_reported(p) },
    Row { field: "meta.error.stack",       why: "read from attributes and the error event",              is_meant: |p| p.only_right() && is_reported(p) },
    Row { field: "meta.error.message",     why: "a report is split into message and stack",              is_meant: is_split },
    Row { field: "meta.otel.status_description", why: "a report is split into message and stack",        is_meant: is_split },
    Row { field: "meta.events",            why: "a report is split, and what says nothing is left out",  is_meant: are_events_without_noise },
    Row { field: "meta.error.chain",       why: "an empty list is no stack",                             is_meant: |p| p.only_left() && p.left == "[]" },
    Row { field: "meta.exception.stacktrace", why: "an empty list is no stack",                          is_meant: |p| p.only_left() && p.left == "[]" },
    Row { field: "meta.http.status_code",  why: "the number is a text too: the tag that dashboards use", is_meant: |p| p.right_span["metrics.http.status_code"] == p.right },
    Row { field: "*",                      why: "user and password of a URL go, wherever it stands",     is_meant: |p| p.left.replace("u:p@", "") == p.right },
    Row { field: "*",                      why: "secrets in query strings go, wherever they stand",      is_meant: |p| without_secrets(p.left) == without_secrets(p.right) },
    Row { field: "meta.url.full",          why: "a scope's attributes have today's names, as a span's",  is_meant: |p| p.only_left() && has(p, "http.url") },
    Row { field: "meta.http.url",          why: "a scope's attributes have today's names, as a span's",  is_meant: |p| p.only_right() && without_secrets(&tag(p.left_span, "url.full")) == p.right },
    Row { field: "meta.language",          why: "process facts on the first span of a chunk",            is_meant: |p| p.only_right() && p.right == "rust" },
    Row { field: "meta.runtime-id",        why: "process facts on the first span of a chunk",            is_meant: |p| p.only_right() },
    Row { field: "metrics.process_id",     why: "process facts on the first span of a chunk",            is_meant: |p| p.only_right() },
    Row { field: "metrics._dd.measured",   why: "client and producer spans get metrics of their own",    is_meant: |p| p.only_right() && ["client", "producer"].contains(&p.right_span["meta.span.kind"].as_str()) },
    Row { field: "metrics._dd.top_level",  why: "entry spans are marked here",                           is_meant: |p| p.only_right() && p.right == "1" },
    Row { field: "metrics._top_level",     why: "a child that came alone is no entry span",              is_meant: |p| p.only_left() && p.left_span.get("parent_id").is_some_and(|id| id != "0") },
    Row { field: "metrics._sampling_priority_v1",      why: "the priority is said on the span",          is_meant: |p| p.only_right() && p.right == "1" },
    Row { field: "metrics._sampling_priority_rate_v1", why: "each Agent's own sampler",                  is_meant: |_| true },
    Row { field: "meta.datadog.*",         why: "overrides are honoured and removed",                    is_meant: |p| p.only_left() },
    Row { field: "metrics.datadog.*",      why: "overrides are honoured and removed",                    is_meant: |p| p.only_left() },
    Row { field: "*",                      why: "overrides are honoured and removed",                    is_meant: is_override },
    Row { field: "meta.env",               why: "a plain `env` of a span is no setting ...",             is_meant: |p| has(p, "otel.env") },
    Row { field: "meta.version",           why: "a plain `version` of a span is no setting ...",         is_meant: |p| has(p, "otel.version") || number(p.right_span, "otel.version").is_some() },
    Row { field: "metrics.version",        why: "a plain `version` of a span is no setting ...",         is_meant: |p| p.only_left() && number(p.right_span, "otel.version") == p.left.parse().ok() },
    Row { field: "meta.otel.env",          why: "... but a tag of another name",                         is_meant: |p| p.only_right() },
    Row { field: "meta.otel.version",      why: "... but a tag of another name",                         is_meant: |p| p.only_right() },
    Row { field: "metrics.otel.version",   why: "... but a tag of another name",                         is_meant: |p| p.only_right() },
    decides("error", |p| decided(&tag(p.left_span, "datadog.error")) == Some(p.right.parse().unwrap())),
    decides("meta._dd.measured", |p| p.only_left() && decided(p.left) == number(p.right_span, "_dd.measured")),
    decides("metrics._dd.measured", |p| decided(&tag(p.left_span, "_dd.measured")) == p.right.parse().ok()),
    decides("meta.sampling.priority", |p| p.only_left() && decided(p.left) == number(p.right_span, "_sampling_priority_v1")),
    decides("meta._sampling_priority_v1", |p| p.only_left() && decided(p.left) == number(p.right_span, "_sampling_priority_v1")),
    decides("metrics._sampling_priority_v1", |p| p.only_right() && ["sampling.priority", "_sampling_priority_v1", "manual.keep"].iter().any(|key| decided(&tag(p.left_span, key)).is_some())),
    decides("meta._sample_rate", |p| p.only_left() && decided(p.left) == number(p.right_span, "_sample_rate")),
    decides("metrics._sample_rate", |p| p.only_right() && decided(&tag(p.left_span, "_sample_rate")) == p.right.parse().ok()),
    decides("metrics._dd1.sr.rcusr", |p| p.only_right() && decided(&tag(p.left_span, "_sample_rate")) == p.right.parse().ok()),
    decides("meta._dd.span_sampling.*", |p| p.only_left() && decided(p.left).is_some()),
    decides("metrics._dd.span_sampling.*", |p| p.only_right()),
    decides("metrics.analytics.event", |p| p.only_left() && is_analysed(p, p.left)),
    decides("metrics._dd1.sr.eausr", |p| p.only_right() && number(p.left_span, "analytics.event") == p.right.parse().ok()),
    decides("metrics._dd.analyzed", |p| p.only_right() && number(p.left_span, "analytics.event") == p.right.parse().ok()),
    Row { field: "meta.order.id",          why: "an integer that a double does not hold is a text",      is_meant: |p| p.only_right() && p.right.parse::<i64>().is_ok() },
    Row { field: "metrics.order.id",       why: "an integer that a double does not hold is a text",      is_meant: |p| p.only_left() && has(p, "order.id") },
    Row { field: "meta._dd.hostname",      why: "the host is the process's, not the span's",             is_meant: |p| p.only_left() },
    Row { field: "meta._dd.span_links",    why: "texts in links are escaped",                            is_meant: is_escaped },
    Row { field: "metrics.n",              why: "NaN is no number on the wire ...",                      is_meant: |p| p.left == NOT_FINITE && p.only_left() },
    Row { field: "meta.n",                 why: "... but a text",                                        is_meant: |p| p.only_right() && p.right == "NaN" },
    Row { field: "name",                   why: "`messaging.operation.type` and `.name` are read too",   is_meant: is_messaging },
    Row { field: "resource",               why: "a route in the span name is read",                      is_meant: is_route_in_name },
    Row { field: "resource",               why: "a template of the destination comes before its name",   is_meant: |p| has(p, "messaging.destination.template") && p.right.ends_with(&tag(p.right_span, "messaging.destination.template")) },
    Row { field: "resource",               why: "`messaging.operation.type` and `.name` are read too",   is_meant: is_messaging },
    Row { field: "name",                   why: "`rpc.system.name` is read too",                         is_meant: |p| has(p, "rpc.system.name") && !has(p, "rpc.system") },
    Row { field: "meta.peer.service",      why: "`service.peer.name` is its new name",                   is_meant: |p| tag(p.left_span, "service.peer.name") == p.right },
    Row { field: "meta.service.peer.name", why: "`service.peer.name` is its new name",                   is_meant: |p| tag(p.right_span, "peer.service") == p.left },
    Row { field: "service",                why: "the SDK's name for a service without one",              is_meant: |p| p.left == "otlpresourcenoservicename" && p.right.starts_with("unknown_service:") },
    Row { field: "type",                   why: "spans of AI: newer than this Agent",                    is_meant: is_llm },
    Row { field: "resource",               why: "spans of AI: no SQL type, so no obfuscation",           is_meant: is_llm },
];

#[test]
fn spans_are_what_the_agent_makes_of_otlp() {
    let mut comparison = Comparison::new(ON_PURPOSE);
    let generated = shapes::batches(GENERATED, BATCH, SEED);
    compare(&mut comparison, &generated, "span_id", GENERATED);
    let vectors: Vec<_> = vectors(ROOT, None).map(batch_of_vector).collect();
    compare(&mut comparison, &vectors, "meta.case", VECTORS);
    comparison.finish(GENERATED + VECTORS);
}

/// Sends the batches to two Agents, by OTLP and through us, and compares what they stored of each span.
/// `key` is the field that tells spans apart.
fn compare(
    comparison: &mut Comparison,
    batches: &[(Resource, Vec<SpanData>)],
    key: &str,
    at_least: usize,
) {
    let [otlp, ours] = [(); 2].map(|()| RealAgent::start(Model::Classic));
    for (resource, batch) in batches {
        through_otlp(otlp.otlp(), resource, [batch.clone()]);
        let exporter = builder(ours.url(), Protocol::V03MessagePack);
        let exporter = exporter
            .with_span_types(SpanTypes::Agent)
            .with_obfuscation(Obfuscation::Agent)
            .build()
            .unwrap();
        through_us(exporter, resource, [batch.clone()]);
    }
    let [theirs, ours] = [otlp, ours].map(|agent| {
        agent.stop();
        let spans: Vec<_> = agent.spans().iter().map(compare::arrived).collect();
        let by_key: BTreeMap<_, _> =
            spans.iter().map(|span| (span[key].clone(), span.clone())).collect();
        assert_eq!(by_key.len(), spans.len(), "a span arrived twice");
        by_key
    });
    assert!(ours.len() >= at_least, "only {} spans arrived", ours.len());
    assert_eq!(theirs.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>());
    for (title, left) in &theirs {
        comparison.add(title, left, &ours[title]);
    }
}

/// The span of a vector, with a tag that says which it is. OTLP has no priority but the flag, and what is
/// not kept does not arrive: so it is set.
fn batch_of_vector(vector: Json) -> (Resource, Vec<SpanData>) {
    let mut span = span_data(&vector["input"]);
    span.attributes.push(KeyValue::new("case", text(&vector["id"]).to_owned()));
    let context = &span.span_context;
    span.span_context = SpanContext::new(
        context.trace_id(),
        context.span_id(),
        TraceFlags::SAMPLED,
        false,
        context.trace_state().clone(),
    );
    (resource(&vector["input"]["resource_attributes"]), vec![span])
}

/// Returns a text without the secrets of the vectors, and without the Agent's escapes.
fn without_secrets(text: &str) -> String {
    let text = text.replace("\\u0026", "&");
    ["token=SECRET", "api_key=SECRET", "sig=SECRET", "%3Credacted%3E"]
        .iter()
        .fold(text, |text, secret| text.replace(secret, "<redacted>"))
}

/// Returns whether each line of our text stands in another text of the span, apart from colours and escapes.
fn is_reported(pair: &Pair<'_>) -> bool {
    let shown = |text: &str| text.replace('\\', "").replace("u001b[", "\u{1b}[");
    let texts: Vec<_> =
        pair.left_span.values().map(|text| plain(&shown(&without_secrets(text)))).collect();
    let is_there = |line: &str| texts.iter().any(|text| text.contains(plain(line).trim()));
    !pair.right.is_empty() && pair.right.lines().all(is_there)
}

/// Returns a text without the colours of a terminal.
fn plain(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().unwrap_or("").to_owned();
    pieces.fold(first, |all, piece| all + piece.split_once('m').map_or("", |(_, rest)| rest))
}

/// Returns whether the stack is the rest of the text that begins with the message.
fn is_split(pair: &Pair<'_>) -> bool {
    let rest = pair.left.strip_prefix(pair.right).unwrap_or("").trim();
    !rest.is_empty() && rest == tag(pair.right_span, "error.stack").trim()
}

/// Returns whether our events lack the Agent's only in names that are file and line, empty stacks, and the rest
/// of a report.
fn are_events_without_noise(pair: &Pair<'_>) -> bool {
    let stack = tag(pair.right_span, "error.stack");
    let is_noise =
        |text: &str| text == "[]" || (text.starts_with("event ") && text.contains(".rs:"));
    fn strip(json: &mut Json, change: &dyn Fn(&mut String) -> bool) {
        match json {
            Json::Array(items) => items.iter_mut().for_each(|item| strip(item, change)),
            Json::Object(members) => members.retain(|_, value| {
                strip(value, change);
                match value {
                    Json::String(text) => change(text),
                    Json::Array(items) => !items.is_empty(),
                    _ => true,
                }
            }),
            _ => {}
        }
    }
    let change = |text: &mut String| {
        let report = plain(text);
        if let Some(message) = report.trim_end().strip_suffix(&stack).filter(|_| !stack.is_empty())
        {
            *text = message.trim().trim_start_matches("0: ").to_owned();
        }
        !is_noise(text)
    };
    let [mut left, right] = [pair.left, pair.right].map(|text| serde_json::from_str(text).unwrap());
    strip(&mut left, &change);
    left == right
}

/// Returns whether an override on the span says what we stored.
fn is_override(pair: &Pair<'_>) -> bool {
    let own = |field: &str| match field {
        "datadog.name" => pair.right.replace('_', "-"),
        _ => pair.right.to_owned(),
    };
    pair.left_span.iter().any(|(field, value)| {
        let key = field.strip_prefix("meta.").or_else(|| field.strip_prefix("metrics."));
        key.is_some_and(|key| key.starts_with("datadog.") && own(key) == *value)
    })
}

/// Returns whether our links are JSON and the receiver's are not.
fn is_escaped(pair: &Pair<'_>) -> bool {
    let is_json = |text: &str| serde_json::from_str::<Json>(text).is_ok();
    !is_json(pair.left) && is_json(pair.right)
}

/// Returns whether the route follows the method because shapes and vectors have it in the name. The Agent reads
/// the resource of a span with a database as SQL.
fn is_route_in_name(pair: &Pair<'_>) -> bool {
    let route = pair.right.strip_prefix(pair.left).unwrap_or("");
    let is_meant = [" /users/{id}", " /users/:id", " /", " / users / ?"].contains(&route);
    let attribute = match tag(pair.right_span, "span.kind").as_str() {
        "server" => "http.route",
        _ => "url.template",
    };
    is_meant && !has(pair, attribute)
}

fn is_messaging(pair: &Pair<'_>) -> bool {
    let newer = ["messaging.operation.type", "messaging.operation.name"];
    newer.iter().any(|key| has(pair, key)) && !has(pair, "messaging.operation")
}

/// Returns whether we stored a text tag.
fn has(pair: &Pair<'_>, key: &str) -> bool {
    pair.right_span.contains_key(&format!("meta.{key}"))
}

const fn decides(field: &'static str, is_meant: fn(&Pair<'_>) -> bool) -> Row {
    Row { field, why: "a number that decides may be a flag or a text", is_meant }
}

/// Returns whether we stored this number under one of the Agent's names for `analytics.event`.
fn is_analysed(pair: &Pair<'_>, text: &str) -> bool {
    let names = ["_dd1.sr.eausr", "_dd.analyzed"];
    names.iter().any(|name| number(pair.right_span, name) == text.parse().ok())
}

/// Returns the number that a text decides, as the exporter reads it.
fn decided(text: &str) -> Option<f64> {
    match text.trim() {
        "true" => Some(1.0),
        "false" => Some(0.0),
        text => text.parse().ok(),
    }
}

/// Returns a number of the span.
fn number(span: &Fields, key: &str) -> Option<f64> {
    span.get(&format!("metrics.{key}"))?.parse().ok()
}

/// Returns a text tag; empty if there is none.
fn tag(span: &Fields, key: &str) -> String {
    span.get(&format!("meta.{key}")).cloned().unwrap_or_default()
}

fn is_llm(pair: &Pair<'_>) -> bool {
    pair.right_span["type"] == "llm" && pair.left_span["type"] != "llm"
}
