//! Every default-mode vector of `tests/vectors`: the span goes through the public API and the wire, and
//! what the embedded Agent decoded is compared. `more.json` is ours: rules that the others do not reach.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Event, Link, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, SpanId, StringValue, TraceId, Value};
use opentelemetry_datadog_agent::testing::{Span, TestAgent};
use opentelemetry_datadog_agent::{DatadogExporter, Encoding, SpanTypes};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use serde_json::Value as Json;

use crate::support::{self, ENCODINGS, agent, block_on};

/// Vectors that must be found: fewer means that a file was lost.
const AT_LEAST: usize = 205;

#[test]
fn every_vector_arrives_as_expected() {
    let agent = agent();
    let mut checked = 0;
    let mut failures = Vec::new();
    for (vector, encoding) in
        vectors(None).flat_map(|vector| ENCODINGS.map(|encoding| (vector.clone(), encoding)))
    {
        agent.clear();
        let span = through(&agent, exporter(&agent, encoding), &vector["input"]);
        let found = differences(&span, &vector["expect"]).into_iter();
        failures
            .extend(found.map(|difference| format!("{} {encoding:?}: {difference}", vector["id"])));
        checked += 1;
    }
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
    assert!(checked >= AT_LEAST * ENCODINGS.len(), "only {checked} vectors");
}

#[test]
fn a_names_hook_brings_the_names_of_the_old_crate_back() {
    let agent = agent();
    let legacy: Vec<Json> = vectors(Some("legacy-0.20")).collect();
    assert!(legacy.len() >= 2);
    for vector in legacy {
        agent.clear();
        let exporter = DatadogExporter::builder()
            .with_agent_url(agent.url())
            .with_service("service_name")
            .with_names(|span, names| {
                names.name = span.instrumentation_scope.name().into();
                names.resource = (&*span.name).into();
            })
            .build()
            .unwrap();
        let span = through(&agent, exporter, &vector["input"]);
        let expect = &vector["expect"];
        // The tags are today's; the names are what dashboards and monitors hang on.
        let names =
            [("service", &span.service), ("name", &span.name), ("resource", &span.resource)];
        for (field, got) in names.into_iter().filter(|(field, _)| expect.get(field).is_some()) {
            assert_eq!(*got, expect[field], "{}: {field}", vector["id"]);
        }
    }
}

/// The vectors of one mode.
fn vectors(mode: Option<&'static str>) -> impl Iterator<Item = Json> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .flat_map(|file| {
            let text = std::fs::read_to_string(&file).unwrap();
            let parsed: Json = serde_json::from_str(&text).unwrap();
            parsed["vectors"].as_array().unwrap().clone()
        })
        .filter(move |vector| vector.get("mode").and_then(Json::as_str) == mode)
}

fn exporter(agent: &TestAgent, encoding: Encoding) -> DatadogExporter {
    // The vectors' types are the Agent's.
    DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_span_types(SpanTypes::Agent)
        .with_encoding(encoding)
        .build()
        .unwrap()
}

/// Exports one span alone and returns what arrived.
fn through(agent: &TestAgent, mut exporter: DatadogExporter, input: &Json) -> Span {
    exporter.set_resource(&resource(&input["resource_attributes"]));
    block_on(exporter.export(vec![span_data(input)])).unwrap();
    exporter.shutdown().unwrap();
    let requests = agent.requests();
    assert_eq!(requests.len(), 1);
    let accepted = ["priority", "is normalised"];
    let violations: Vec<_> = requests[0].violations();
    let real = violations.iter().filter(|text| !accepted.iter().any(|known| text.contains(known)));
    assert_eq!(real.collect::<Vec<_>>(), Vec::<&String>::new(), "{}", input["name"]);
    agent.spans().pop().unwrap()
}

fn resource(attributes: &Json) -> Resource {
    Resource::builder_empty().with_attributes(key_values(attributes)).build()
}

fn span_data(input: &Json) -> SpanData {
    let (mut events, mut links) = (SpanEvents::default(), SpanLinks::default());
    events.events = list(&input["events"]).iter().map(event).collect();
    links.links = list(&input["links"]).iter().map(link).collect();
    let sampled = input.get("sampled").is_none_or(|sampled| sampled.as_bool().unwrap());
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_hex(text(&input["trace_id"])).unwrap(),
            SpanId::from_hex(text(&input["span_id"])).unwrap(),
            if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() },
            false,
            trace_state(&input["trace_state"]),
        ),
        parent_span_id: SpanId::from_hex(text(&input["parent_span_id"])).unwrap(),
        span_kind: match text(&input["kind"]) {
            "client" => SpanKind::Client,
            "server" => SpanKind::Server,
            "producer" => SpanKind::Producer,
            "consumer" => SpanKind::Consumer,
            "internal" => SpanKind::Internal,
            other => panic!("no such kind: {other}"),
        },
        name: text(&input["name"]).to_owned().into(),
        start_time: time(&input["start_unix_nano"]),
        end_time: time(&input["end_unix_nano"]),
        attributes: key_values(&input["attributes"]),
        events,
        links,
        status: match input["status"]["code"].as_str() {
            Some("error") => Status::error(text(&input["status"]["message"]).to_owned()),
            Some("ok") => Status::Ok,
            _ => Status::Unset,
        },
        instrumentation_scope: scope(&input["scope"]),
        ..support::span()
    }
}

fn scope(input: &Json) -> InstrumentationScope {
    let scope = InstrumentationScope::builder(text(&input["name"]).to_owned())
        .with_attributes(key_values(&input["attributes"]));
    match text(&input["version"]) {
        "" => scope.build(),
        version => scope.with_version(version.to_owned()).build(),
    }
}

fn event(input: &Json) -> Event {
    Event::new(
        text(&input["name"]).to_owned(),
        time(&input["time_unix_nano"]),
        key_values(&input["attributes"]),
        dropped(input),
    )
}

fn link(input: &Json) -> Link {
    let context = SpanContext::new(
        TraceId::from_hex(text(&input["trace_id"])).unwrap(),
        SpanId::from_hex(text(&input["span_id"])).unwrap(),
        TraceFlags::default(),
        true,
        trace_state(&input["trace_state"]),
    );
    Link::new(context, key_values(&input["attributes"]), dropped(input))
}

fn dropped(input: &Json) -> u32 {
    input["dropped_attributes_count"].as_u64().unwrap_or(0).try_into().unwrap()
}

fn trace_state(input: &Json) -> TraceState {
    text(input).parse().unwrap()
}

fn time(nanoseconds: &Json) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(text(nanoseconds).parse().unwrap())
}

fn key_values(attributes: &Json) -> Vec<KeyValue> {
    list(attributes)
        .iter()
        .map(|entry| KeyValue::new(text(&entry["key"]).to_owned(), value(entry)))
        .collect()
}

fn value(entry: &Json) -> Value {
    let value = &entry["value"];
    match text(&entry["type"]) {
        "string" => text(value).to_owned().into(),
        "int" => value.as_i64().unwrap().into(),
        "bool" => value.as_bool().unwrap().into(),
        "double" => double(value).into(),
        "string[]" => Value::Array(Array::String(items(value, |item| {
            StringValue::from(text(item).to_owned())
        }))),
        "int[]" => Value::Array(Array::I64(items(value, |item| item.as_i64().unwrap()))),
        "bool[]" => Value::Array(Array::Bool(items(value, |item| item.as_bool().unwrap()))),
        "double[]" => Value::Array(Array::F64(items(value, double))),
        other => panic!("no such type: {other}"),
    }
}

fn items<T>(list: &Json, read: impl Fn(&Json) -> T) -> Vec<T> {
    list.as_array().unwrap().iter().map(read).collect()
}

fn double(value: &Json) -> f64 {
    match value.as_str() {
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        Some("NaN") => f64::NAN,
        Some(other) => panic!("no such number: {other}"),
        None => value.as_f64().unwrap(),
    }
}

fn list(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or("")
}

/// Compares what a vector lists, and nothing else.
fn differences(span: &Span, expect: &Json) -> Vec<String> {
    let mut found = Vec::new();
    for (field, expected) in expect.as_object().unwrap() {
        let mut check = |what: &str, got: Json, expected: &Json| {
            if got != *expected {
                found.push(format!("{what} is {got}, expected {expected}"));
            }
        };
        match field.as_str() {
            "service" => check(field, span.service.as_str().into(), expected),
            "name" if expect["name_case_insensitive"] == true => {
                check(
                    field,
                    span.name.to_lowercase().into(),
                    &text(expected).to_lowercase().into(),
                );
            }
            "name_case_insensitive" => {}
            "name" => check(field, span.name.as_str().into(), expected),
            "resource" => check(field, span.resource.as_str().into(), expected),
            "type" => check(field, span.span_type.as_str().into(), expected),
            "error" => check(field, span.error.into(), expected),
            "trace_id" => check(field, span.trace_id.to_string().into(), expected),
            "span_id" => check(field, span.span_id.to_string().into(), expected),
            "parent_id" => check(field, span.parent_id.to_string().into(), expected),
            "start" => check(field, span.start.to_string().into(), expected),
            "duration" => check(field, span.duration.to_string().into(), expected),
            "meta" => {
                for (key, expected) in expected.as_object().unwrap() {
                    let got = span.meta.get(key).map_or(Json::Null, |value| value.as_str().into());
                    check(&format!("meta {key}"), got, expected);
                }
            }
            "meta_json" => {
                for (key, expected) in expected.as_object().unwrap() {
                    let got = span
                        .meta
                        .get(key)
                        .map_or(Json::Null, |value| serde_json::from_str(value).unwrap());
                    check(&format!("meta {key}"), got, expected);
                }
            }
            "metrics" => {
                for (key, expected) in expected.as_object().unwrap() {
                    let got = span.metrics.get(key).copied();
                    if !got.is_some_and(|got| (got - expected.as_f64().unwrap()).abs() <= 1e-9) {
                        found.push(format!("metric {key} is {got:?}, expected {expected}"));
                    }
                }
            }
            "absent_meta" | "absent_metrics" => {
                let present = |key: &&str| match field.as_str() {
                    "absent_meta" => span.meta.contains_key(*key),
                    _ => span.metrics.contains_key(*key),
                };
                let keys = expected.as_array().unwrap().iter().map(text);
                found.extend(keys.filter(present).map(|key| format!("{field} has {key}")));
            }
            other => panic!("the vectors grew a field: {other}"),
        }
    }
    found
}
