//! Our side of the comparison: a child with the environment of a row says what the crate makes of it, of the same
//! inputs and in the same form as the programs for the other tracers.

use std::collections::HashMap;
use std::time::Duration;

use datadog_test_agent::{Fault, ReceivedSpan, TestAgent};
use futures_executor::block_on;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{
    Span as _, SpanContext, SpanKind, TraceContextExt as _, TraceState, Tracer as _,
    TracerProvider as _,
};
use opentelemetry::{Context, KeyValue, SpanId, TraceFlags, TraceId};
use opentelemetry_datadog_agent::{
    DatadogExporter, DatadogPropagator, DatadogSampler, PropagationSpanProcessor, SqlComment,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::BaggagePropagator;
use opentelemetry_sdk::trace::{
    SamplingDecision, SdkTracer, SdkTracerProvider, ShouldSample as _, SpanData, SpanExporter as _,
};
use serde_json::{Map, Value as Json, json};

use crate::traces::span;

use super::{DATABASES, IDS, SPAN, STATUSES, STYLES, TRACE, URL, headers};

type Headers = HashMap<String, String>;

/// The tag of a span whose trace stands in a statement.
const INJECTED: &str = "_dd.dbm_trace_injected";

/// Says what we make of the environment, for `super::ours`.
#[test]
#[ignore = "the other side of a comparison, run by it"]
fn child() {
    // The settings and the warnings.
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .init();
    let mut said = spans();
    said.insert("kept".into(), json!(kept()));
    said.insert("limit".into(), json!(limit()));
    let (counts, alone) = rejected();
    said.insert("statistics".into(), json!(counts));
    said.insert("alone".into(), json!(alone));
    said.insert("extract".into(), json!(styles_read()));
    println!("\n{}", Json::Object(said));
}

/// A program with all of the crate in it: what its spans and headers say.
fn spans() -> Map<String, Json> {
    let agent = TestAgent::start().unwrap();
    say_settings();
    let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder_empty().build())
        .with_span_processor(PropagationSpanProcessor::from_env())
        .with_simple_exporter(exporter)
        .build();
    let tracer = provider.tracer("test");
    let propagator = TextMapCompositePropagator::new(vec![
        Box::new(DatadogPropagator::builder().build()),
        Box::new(BaggagePropagator::new()),
    ]);
    let caller = propagator.extract_with_context(&Context::new(), &headers());
    let called = caller.with_span(tracer.start_with_context("called", &caller));
    let mut written = Headers::new();
    propagator.inject_context(&called, &mut written);
    called.span().end();
    tracer.start_with_context("alone", &Context::new()).end();
    with_attributes(&tracer, "server", SpanKind::Server, [KeyValue::new("url.full", URL)]);
    with_attributes(&tracer, "client", SpanKind::Client, [KeyValue::new("url.full", URL)]);
    for status in STATUSES {
        let status = KeyValue::new("http.response.status_code", status);
        let name = status.value.to_string();
        with_attributes(&tracer, name, SpanKind::Server, [status]);
    }
    let comments = DATABASES.map(|(label, database)| (label, comment(&tracer, label, database)));
    provider.shutdown().unwrap();

    let spans: HashMap<_, _> =
        agent.spans().into_iter().map(|span| (span.resource.clone(), span)).collect();
    let requests = agent.requests();
    let external = requests.first().and_then(|request| request.header("datadog-external-env"));
    let meta = |name: &str| spans.get(name).map(|span| span.meta.clone()).unwrap_or_default();
    let is_error =
        |status: &i64| spans.get(&status.to_string()).is_some_and(|span| span.error == 1);
    let url = |name: &str| meta(name).get("http.url").cloned();
    let (mut tags, alone) = (meta("called"), spans.get("alone"));
    tags.extend(meta("alone"));
    let called = spans.get("called");
    let said = json!({
        "enabled": !spans.is_empty(),
        "service": alone.map(|span| &span.service),
        "meta": tags,
        "errors": STATUSES.iter().filter(|status| is_error(status)).collect::<Vec<_>>(),
        "inject": styles(|headers| written.contains_key(headers[0].0)),
        "continues": called.map(|span| json!([span.trace_id, links(span)])),
        "passed": written.get("x-datadog-tags"),
        "comments": comments.map(|(label, text)| (label, json!([text, meta(label).get(INJECTED)])))
            .into_iter()
            .collect::<HashMap<_, _>>(),
        "urls": [url("server"), url("client")],
        "external": external,
    });
    let Json::Object(said) = said else { unreachable!() };
    said
}

/// Has an exporter say its settings that takes all of them from the variables, and sends nothing.
fn say_settings() {
    let exporter = DatadogExporter::builder().build().unwrap();
    block_on(exporter.export(Vec::new())).unwrap();
    exporter.shutdown().unwrap();
}

fn with_attributes<const N: usize>(
    tracer: &SdkTracer,
    name: impl Into<String>,
    kind: SpanKind,
    attributes: [KeyValue; N],
) {
    let name = name.into();
    let resource = KeyValue::new("resource.name", name.clone());
    let attributes = attributes.into_iter().chain([resource]);
    let span =
        tracer.span_builder(name).with_kind(kind).with_attributes(attributes.collect::<Vec<_>>());
    span.start_with_context(tracer, &Context::new()).end();
}

/// Returns the statement with its comment, for a remote span; a recorded one gets the tag.
fn comment(tracer: &SdkTracer, label: &'static str, database: [&'static str; 4]) -> String {
    let [service, host, name, peer] = database;
    let comment = SqlComment::from_env()
        .with_database_service(service)
        .with_host(host)
        .with_database(name)
        .with_peer_service(peer);
    let (trace, span) = (TraceId::from(u128::from(TRACE)), SpanId::from(SPAN));
    let parent = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE);
    let parent = Context::new().with_remote_span_context(parent);
    let text = comment.before_in(&parent, "SELECT 1").into_owned();
    let query = Context::new().with_span(tracer.start_with_context(label, &Context::new()));
    assert_eq!(comment.before_in(&query, "SELECT 1") == "SELECT 1", text == "SELECT 1");
    query.span().end();
    text
}

fn links(span: &ReceivedSpan) -> usize {
    let links = span.meta.get("_dd.span_links").map(|text| serde_json::from_str::<Json>(text));
    links.map_or(0, |links| links.unwrap().as_array().unwrap().len())
}

/// Returns the styles whose headers fit.
fn styles(fits: impl Fn(&[(&str, &str)]) -> bool) -> Vec<&'static str> {
    STYLES.into_iter().filter(|(_, headers)| fits(headers)).map(|(style, _)| style).collect()
}

fn styles_read() -> Vec<&'static str> {
    let propagator = DatadogPropagator::builder().build();
    styles(|headers| {
        let headers: Headers =
            headers.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
        propagator.extract_with_context(&Context::new(), &headers).span().span_context().is_valid()
    })
}

fn kept() -> Vec<u64> {
    let sampler = DatadogSampler::builder().build().unwrap();
    let attributes = [KeyValue::new("team", "a")];
    let is_kept = |id: &u64| {
        let trace = TraceId::from(u128::from(*id));
        let kind = SpanKind::Internal;
        let result = sampler.should_sample(None, trace, "work", &kind, &attributes, &[]);
        result.decision == SamplingDecision::RecordAndSample
    };
    IDS.into_iter().filter(is_kept).collect()
}

/// Exports rejected spans to an Agent that lets clients count: are they counted, and which are kept alone?
fn rejected() -> (bool, Vec<u64>) {
    const INFO: &str =
        r#"{"endpoints":["/v0.3/traces","/v0.4/traces","/v0.6/stats"],"client_drop_p0s":true}"#;
    let agent = TestAgent::start().unwrap();
    agent.set_info_reply(Fault::StatusAndBody(200, INFO.to_owned()));
    let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
    let spans = IDS.map(|id| SpanData {
        attributes: vec![
            KeyValue::new("sampling.priority", -1),
            KeyValue::new("operation.name", "work"),
        ],
        ..span(id, id, 0)
    });
    block_on(exporter.export(spans.to_vec())).unwrap();
    exporter.handle().flush(Duration::from_secs(10)).unwrap();
    let alone = |span: &ReceivedSpan| span.metrics.contains_key("_dd.span_sampling.mechanism");
    let alone: Vec<_> = agent.spans().iter().filter(|s| alone(s)).map(|s| s.span_id).collect();
    (!agent.stats().is_empty(), IDS.into_iter().filter(|id| alone.contains(id)).collect())
}

fn limit() -> f64 {
    let text = format!("{:?}", DatadogSampler::builder().build().unwrap());
    let (_, rest) = text.split_once("per_second: ").unwrap();
    rest.split(',').next().unwrap().parse().unwrap()
}
