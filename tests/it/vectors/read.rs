//! Reads the vectors: what a span is, as data, becomes a `SpanData` and a `Resource`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Event, Link, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, SpanId, StringValue, TraceId, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use serde_json::Value as Json;

/// The folder of the vectors, from the root of the crate.
const FOLDER: &str = "tests/vectors";

/// Vectors of another kind: headers, and no spans.
const OTHERS: &str = "propagation.json";

/// The vectors of one mode; `root` is the folder of the crate.
pub(crate) fn vectors(root: &str, mode: Option<&'static str>) -> impl Iterator<Item = Json> {
    let folder = std::path::Path::new(root).join(FOLDER);
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| !file.ends_with(OTHERS));
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

/// The resource that has these attributes.
pub(crate) fn resource(attributes: &Json) -> Resource {
    Resource::builder_empty().with_attributes(key_values(attributes)).build()
}

/// The span that a vector describes.
pub(crate) fn span_data(input: &Json) -> SpanData {
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
        parent_span_is_remote: false,
        dropped_attributes_count: 0,
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

/// A text, or nothing.
pub(crate) fn text(value: &Json) -> &str {
    value.as_str().unwrap_or("")
}
