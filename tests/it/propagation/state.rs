//! The `dd` member of a trace state as the exporter reads it, from any writer.

use datadog_test_agent::ReceivedSpan;
use opentelemetry::trace::{SpanContext, TraceFlags, TraceState};
use opentelemetry::{KeyValue, SpanId, TraceId};
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::support::{PROTOCOLS, SOON, agent, block_on, span};

/// A span of a trace whose state has this `dd`.
fn with(dd: &str, sampled: bool) -> SpanData {
    let state = TraceState::from_key_value([("foo", "1"), ("dd", dd)]).unwrap();
    let flags = TraceFlags::default().with_sampled(sampled);
    let context = SpanContext::new(TraceId::from(5), SpanId::from(6), flags, false, state);
    SpanData { span_context: context, ..span() }
}

/// Exports a batch, and returns the spans that arrive: in both protocols the same.
fn export(batch: &[SpanData]) -> Vec<ReceivedSpan> {
    let mut arrived = PROTOCOLS.map(|protocol| {
        let agent = agent();
        let builder = DatadogExporter::builder().with_protocol(protocol);
        let mut exporter = builder.with_agent_url(agent.url()).build().unwrap();
        let attributes = [KeyValue::new("_dd.p.resource", "of the resource")];
        exporter.set_resource(&Resource::builder_empty().with_attributes(attributes).build());
        block_on(exporter.export(batch.to_vec())).unwrap();
        exporter.handle().flush(SOON).unwrap();
        assert_eq!(agent.requests()[0].violations(), Vec::<String>::new());
        agent.spans()
    });
    for span in arrived.iter_mut().flatten() {
        // Each exporter belongs to a process.
        span.meta.remove("runtime-id");
    }
    let [json, message_pack] = arrived;
    assert_eq!(json, message_pack);
    json
}

fn alone(span: SpanData) -> ReceivedSpan {
    export(&[span]).remove(0)
}

#[test]
fn a_priority_is_the_callers_where_the_flag_agrees_and_one_that_the_agent_takes() {
    let rows = [
        ("s:2", true, 2.0),
        ("s:1", true, 1.0),
        ("s:0", false, 0.0),
        ("s:-1", false, -1.0),
        ("s:-2", false, -1.0),
        ("s:100", true, 2.0),
        ("s:-1", true, 1.0),
        ("s:2", false, 0.0),
        ("o:rum", true, 1.0),
        ("s:x", false, 0.0),
    ];
    for (dd, sampled, priority) in rows {
        let span = alone(with(dd, sampled));
        assert_eq!(span.metrics.get("_sampling_priority_v1"), Some(&priority), "{dd} {sampled}");
    }
    let attributes = vec![KeyValue::new("sampling.priority", -1)];
    let asked = alone(SpanData { attributes, ..with("s:2", true) });
    assert_eq!(asked.metrics.get("_sampling_priority_v1"), Some(&-1.0));
}

#[test]
fn tags_of_the_trace_go_to_the_spans_that_speak_for_it_and_the_origin_to_all() {
    let dd = "s:2;o:synthetics~web;p:00000000000000aa;t.dm:-4;t.a:x~~y:z;t.a:2;t.tid:12";
    let root = with(dd, true);
    let context = root.span_context.clone();
    let id = SpanId::from(7);
    let context = SpanContext::new(
        context.trace_id(),
        id,
        context.trace_flags(),
        false,
        context.trace_state().clone(),
    );
    let child = SpanData { span_context: context, parent_span_id: SpanId::from(6), ..span() };
    let remote = SpanData { parent_span_id: SpanId::from(9), parent_span_is_remote: true, ..root };
    let arrived = export(&[child, remote]);
    assert_eq!(arrived[0].span_id, 6);
    for span in &arrived {
        assert_eq!(span.meta["_dd.origin"], "synthetics=web");
        assert_eq!(span.meta["w3c.tracestate"], format!("foo=1,dd={dd}"));
    }
    let tags = ["_dd.p.dm", "_dd.p.a", "_dd.parent_id", "_dd.p.tid"];
    let found =
        |span: &ReceivedSpan| tags.map(|tag| span.meta.get(tag).cloned().unwrap_or_default());
    assert_eq!(found(&arrived[0]), ["-4", "x==y:z", "00000000000000aa", ""]);
    assert_eq!(found(&arrived[1]), ["", "", "", ""]);
}

#[test]
fn an_attribute_of_the_same_name_comes_first() {
    let attributes = vec![
        KeyValue::new("_dd.origin", "lambda"),
        KeyValue::new("_dd.p.dm", "-9"),
        KeyValue::new("_dd.p.empty", ""),
        KeyValue::new("_dd.p.number", 7),
    ];
    let dd = "o:rum;t.dm:-4;t.empty:x;t.number:x;t.resource:x;t.free:x";
    let span = alone(SpanData { attributes, ..with(dd, true) });
    let meta = |key: &str| span.meta.get(key).map(String::as_str);
    assert_eq!(meta("_dd.origin"), Some("lambda"));
    assert_eq!(meta("_dd.p.dm"), Some("-9"));
    assert_eq!(meta("_dd.p.empty"), Some("x"));
    assert_eq!(meta("_dd.p.number"), Some("x"));
    assert_eq!(span.metrics.get("_dd.p.number"), Some(&7.0));
    assert_eq!(meta("_dd.p.resource"), Some("of the resource"));
    assert_eq!(meta("_dd.p.free"), Some("x"));
}
