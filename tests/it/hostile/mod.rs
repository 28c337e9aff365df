//! Bad input: whatever a span holds, nothing panics, the Agent takes the request, nothing in it is
//! wrong, and the good spans of the same batch arrive as they do without it.

mod growth;
mod hook;
mod ids_and_times;
mod keys;
pub(crate) mod notices;
mod numbers;
mod reentrant;
mod texts;

use datadog_test_agent::{ReceivedSpan, TestAgent};
use opentelemetry::trace::SpanKind;
use opentelemetry::{Array, KeyValue, SpanId, StringValue, Value};
use opentelemetry_datadog_agent::{DatadogExporter, DatadogExporterBuilder};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::support::{SOON, agent, block_on, context, span};

/// The trace of the good spans.
const GOOD: u128 = 0xaaaa_0000_0000_0000_0000_0000_0000_00a0;

/// The trace that a bad span has to itself, unless its ids are bad.
const BAD: u128 = 0xb0;

/// The id of a bad span, likewise.
const BAD_ID: u64 = 0xb1;

/// One bad span, and a check of its arrival.
struct Case {
    name: &'static str,
    span: SpanData,
    check: fn(Option<&ReceivedSpan>),
}

fn case(
    name: &'static str,
    change: impl FnOnce(&mut SpanData),
    check: fn(Option<&ReceivedSpan>),
) -> Case {
    let mut span = span();
    span.span_context = context(BAD, BAD_ID);
    change(&mut span);
    Case { name, span, check }
}

/// A bad span with bad attributes.
fn tagged<const N: usize>(
    name: &'static str,
    attributes: [(&str, Value); N],
    check: fn(Option<&ReceivedSpan>),
) -> Case {
    let list = attributes.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value));
    let list = list.collect();
    case(name, |span| span.attributes = list, check)
}

/// Sends each bad span between good ones: in a trace of its own, then in theirs.
fn check(build: impl Fn(DatadogExporterBuilder) -> DatadogExporterBuilder, cases: Vec<Case>) {
    let agent = agent();
    let builder = build(DatadogExporter::builder().with_agent_url(agent.url()));
    let mut exporter = builder.build().unwrap();
    exporter.set_resource(&resource());
    let alone = export(&agent, &exporter, good().into(), "no bad span");
    assert_eq!(alone.len(), 2);
    for Case { name, span, check } in cases {
        let mut together = span.clone();
        if span.span_context.trace_id() == context(BAD, 1).trace_id() {
            let id = u64::from_be_bytes(span.span_context.span_id().to_bytes());
            together.span_context = context(GOOD, id);
            if span.parent_span_id == SpanId::INVALID {
                together.parent_span_id = SpanId::from(0xa1);
            }
        }
        for bad in [span, together] {
            let [first, second] = good();
            let mut arrived = export(&agent, &exporter, vec![first, bad, second], name);
            let at = arrived.iter().position(|span| ![0xa1, 0xa2].contains(&span.span_id));
            let bad = at.map(|at| arrived.remove(at));
            assert_eq!(arrived.len(), alone.len(), "{name}");
            for good in &alone {
                assert!(arrived.contains(good), "{name}: {good:?} is not in {arrived:?}");
            }
            check(bad.as_ref());
        }
    }
    exporter.shutdown().unwrap();
}

/// Exports a batch and returns what arrived, once it is clear that nothing is wrong with it.
fn export(
    agent: &TestAgent,
    exporter: &DatadogExporter,
    batch: Vec<SpanData>,
    name: &str,
) -> Vec<ReceivedSpan> {
    agent.clear();
    block_on(exporter.export(batch)).unwrap_or_else(|error| panic!("{name}: {error}"));
    exporter.handle().flush(SOON).unwrap_or_else(|error| panic!("{name}: {error}"));
    for request in agent.requests() {
        assert_eq!((request.status, &request.decode_error), (Some(200), &None), "{name}");
        assert_eq!(request.violations(), Vec::<String>::new(), "{name}");
    }
    agent.spans()
}

/// A root and its child, with tags that a bad neighbour might disturb.
fn good() -> [SpanData; 2] {
    let attributes = |id: u64| {
        vec![
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("user.id", id.to_string()),
            KeyValue::new("items", 3),
        ]
    };
    let root = SpanData {
        span_context: context(GOOD, 0xa1),
        span_kind: SpanKind::Server,
        name: "good root".into(),
        attributes: attributes(0xa1),
        ..span()
    };
    let child = SpanData {
        span_context: context(GOOD, 0xa2),
        parent_span_id: SpanId::from(0xa1),
        name: "good child".into(),
        attributes: attributes(0xa2),
        ..span()
    };
    [root, child]
}

fn resource() -> Resource {
    let attributes = [
        KeyValue::new("service.name", "shop"),
        KeyValue::new("region", "eu"),
        KeyValue::new("host.name", "box"),
    ];
    Resource::builder_empty().with_attributes(attributes).build()
}

/// Fails unless the span was left out.
fn left_out(span: Option<&ReceivedSpan>) {
    assert_eq!(span, None);
}

/// Fails unless the span arrived.
fn arrived(span: Option<&ReceivedSpan>) {
    assert!(span.is_some());
}

#[track_caller]
fn meta<'a>(span: Option<&'a ReceivedSpan>, key: &str) -> Option<&'a str> {
    span.expect("the span arrived").meta.get(key).map(String::as_str)
}

#[track_caller]
fn metric(span: Option<&ReceivedSpan>, key: &str) -> Option<f64> {
    span.expect("the span arrived").metrics.get(key).copied()
}

/// A text tag without a metric of its name, or the other way round.
#[track_caller]
fn assert_tag(span: Option<&ReceivedSpan>, key: &str, text: Option<&str>, number: Option<f64>) {
    assert_eq!((meta(span, key), metric(span, key)), (text, number), "{key}");
}

/// Returns a text tag that holds JSON.
#[track_caller]
fn json(span: Option<&ReceivedSpan>, key: &str) -> serde_json::Value {
    serde_json::from_str(meta(span, key).unwrap()).unwrap()
}

fn floats(items: &[f64]) -> Value {
    Value::Array(Array::F64(items.to_vec()))
}

fn texts(items: &[&str]) -> Value {
    Value::Array(Array::String(
        items.iter().map(|item| StringValue::from((*item).to_owned())).collect(),
    ))
}
