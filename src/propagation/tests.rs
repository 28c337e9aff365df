//! Every vector of `tests/vectors/propagation.json` against the context as it is inside: what a trace state
//! cannot hold is compared too.

#[path = "../../tests/it/propagation/headers.rs"]
mod headers;

use std::collections::BTreeMap;
use std::path::Path;

use opentelemetry::propagation::Injector;
use opentelemetry::trace::Link;
use opentelemetry::{SpanId, TraceId};
use serde_json::{Value as Json, json};

use super::context::{TraceContext, in_order};
use super::{DatadogPropagator, PropagationStyle};
use crate::datadog::state::{CallerText, MEMBER, TAG_PREFIX};
use headers::Headers;

/// Vectors that must be found: fewer means that some were lost.
const AT_LEAST: usize = 79;

/// Headers that were written, each once.
#[derive(Default)]
struct Written(BTreeMap<String, String>);

impl Injector for Written {
    fn set(&mut self, key: &str, value: String) {
        assert_eq!(self.0.insert(key.to_owned(), value), None, "{key} was written twice");
    }
}

fn vectors(kind: &str) -> Vec<Json> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/propagation.json");
    let parsed: Json = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let all = parsed["vectors"].as_array().unwrap();
    assert!(all.len() >= AT_LEAST, "only {} vectors", all.len());
    all.iter().filter(|vector| vector["kind"] == kind).cloned().collect()
}

fn propagator(vector: &Json) -> DatadogPropagator {
    let styles: Vec<_> = vector["styles"].as_array().unwrap().iter().map(style).collect();
    let mut builder = DatadogPropagator::builder()
        .with_extract_styles(styles.clone())
        .with_inject_styles(styles)
        .with_tags_max_length(limit(&vector["tags_max_length"]));
    if vector["extract_first"] == true {
        builder = builder.with_extract_first(true);
    }
    builder.build()
}

fn limit(bytes: &Json) -> usize {
    bytes.as_u64().map_or(512, |bytes| bytes.try_into().unwrap())
}

fn style(name: &Json) -> PropagationStyle {
    match name.as_str().unwrap() {
        "datadog" => PropagationStyle::Datadog,
        "tracecontext" => PropagationStyle::TraceContext,
        other => panic!("no such style: {other}"),
    }
}

fn text(value: &Json) -> &str {
    value.as_str().unwrap_or("")
}

#[test]
fn every_extract_vector_is_read_as_expected() {
    for vector in vectors("extract") {
        let pair = |pair: &Json| (text(&pair[0]).to_owned(), text(&pair[1]).to_owned());
        let headers = Headers(vector["headers"].as_array().unwrap().iter().map(pair).collect());
        let propagator = propagator(&vector);
        let found = propagator.read_all(&headers).map_or(Json::Null, |mut found| {
            found.context.tags = in_order(found.context.tags);
            as_json(&found.context, &found.links)
        });
        assert_eq!(found, vector["expect"], "{}", vector["id"]);
    }
}

fn as_json(context: &TraceContext<'_>, links: &[Link]) -> Json {
    let or_null = |text: &str| if text.is_empty() { Json::Null } else { text.into() };
    let tags: BTreeMap<_, _> = context
        .tags
        .iter()
        .map(|(name, value)| (format!("{TAG_PREFIX}{name}"), value.to_string()))
        .collect();
    let vendors: Vec<_> =
        context.vendors.iter().map(|(key, value)| format!("{key}={value}")).collect();
    json!({
        "trace_id": context.trace_id.to_string(),
        "parent_id": context.span_id.to_string(),
        "priority": context.priority,
        "origin": or_null(&context.origin.to_string()),
        "tags": tags,
        "propagation_error": context.error,
        "last_parent": or_null(&context.last_parent),
        "vendors": vendors,
        "links": links.iter().map(link_as_json).collect::<Vec<_>>(),
        "otel_valid": context.span_id != SpanId::INVALID,
        "sampled": context.priority.map(|_| context.is_sampled()),
    })
}

fn link_as_json(link: &Link) -> Json {
    let attributes: BTreeMap<_, _> =
        link.attributes.iter().map(|pair| (pair.key.as_str(), pair.value.to_string())).collect();
    json!({
        "trace_id": link.span_context.trace_id().to_string(),
        "span_id": link.span_context.span_id().to_string(),
        "attributes": attributes,
        "flags": link.span_context.trace_flags().to_u8(),
    })
}

#[test]
fn every_inject_vector_is_written_as_expected() {
    for vector in vectors("inject") {
        let mut written = Written::default();
        let error = propagator(&vector).write(&context(&vector["context"]), &mut written);
        let expect = &vector["expect"];
        assert_eq!(json!(written.0), expect["headers"], "{}", vector["id"]);
        assert_eq!(json!(error), expect["propagation_error"], "{}", vector["id"]);
        for absent in expect["absent"].as_array().unwrap() {
            assert!(!written.0.contains_key(text(absent)), "{}: {absent}", vector["id"]);
        }
    }
}

fn context(vector: &Json) -> TraceContext<'_> {
    let tags = vector["tags"].as_object().into_iter().flatten().filter_map(|(key, value)| {
        let name = key.strip_prefix(TAG_PREFIX).filter(|name| *name != "tid")?;
        Some((name, CallerText::plain(text(value))))
    });
    let members = text(&vector["tracestate"]).split(',');
    let vendors = members.filter_map(|member| member.split_once('='));
    TraceContext {
        trace_id: TraceId::from_hex(text(&vector["trace_id"])).unwrap(),
        span_id: SpanId::from_hex(text(&vector["span_id"])).unwrap(),
        is_remote: vector["is_remote"] == true,
        priority: vector["priority"].as_i64().map(|priority| priority.try_into().unwrap()),
        origin: CallerText::plain(text(&vector["origin"])),
        tags: in_order(tags.collect()),
        last_parent: text(&vector["last_parent"]).into(),
        vendors: vendors.filter(|(key, _)| *key != MEMBER).collect(),
        error: None,
        lacks_half: false,
    }
}
