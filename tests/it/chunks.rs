//! Facts that only some spans of a chunk carry: top level, priority, rate, and the facts of the process.

use std::collections::BTreeMap;

use datadog_test_agent::{ReceivedSpan, TestAgent};
use opentelemetry::trace::{SpanContext, SpanKind, TraceFlags};
use opentelemetry::{KeyValue, SpanId};
use opentelemetry_datadog_agent::{DatadogExporter, DatadogExporterBuilder, Protocol};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::delivery::in_child;
use crate::support::{SOON, agent, block_on, context, span};

/// A trace id with two halves.
const TRACE: u128 = 0x17 << 64 | 0x5;

/// Tags that the first span of a chunk carries for all of it.
const OF_THE_FIRST: [&str; 3] = ["_dd.p.tid", "language", "runtime-id"];

/// A span of the trace; without a parent if that is 0.
fn part(id: u64, parent: u64) -> SpanData {
    SpanData { span_context: context(TRACE, id), parent_span_id: SpanId::from(parent), ..span() }
}

/// Exports a batch and returns what arrived, in order.
fn export(builder: DatadogExporterBuilder, batch: Vec<SpanData>) -> Vec<ReceivedSpan> {
    let agent = agent();
    let exporter = builder.with_agent_url(agent.url()).with_service("shop").build().unwrap();
    block_on(exporter.export(batch)).unwrap();
    exporter.handle().flush(SOON).unwrap();
    for request in agent.requests() {
        assert_eq!(request.violations(), Vec::<String>::new());
    }
    agent.spans()
}

/// The ids of the spans that have a metric.
fn with(metric: &str, spans: &[ReceivedSpan]) -> Vec<u64> {
    spans.iter().filter(|span| span.metrics.contains_key(metric)).map(|span| span.span_id).collect()
}

#[test]
fn entry_spans_are_top_level_and_no_others() {
    let mut batch = vec![part(1, 0)];
    let kinds = [SpanKind::Server, SpanKind::Consumer];
    let others = [SpanKind::Client, SpanKind::Producer, SpanKind::Internal];
    for (id, span_kind) in (2..).zip(kinds.into_iter().chain(others)) {
        batch.push(SpanData { span_kind, ..part(id, 1) });
    }
    batch.push(SpanData { parent_span_is_remote: true, ..part(7, 99) });
    let service = |name: &'static str| vec![KeyValue::new("service.name", name)];
    batch.push(SpanData { attributes: service("other"), ..part(8, 1) });
    batch.push(SpanData { attributes: service("Shop"), ..part(9, 1) });
    // Its parent was in another batch: no entry.
    batch.push(part(10, 98));
    let arrived = export(DatadogExporter::builder(), batch);
    assert_eq!(with("_dd.top_level", &arrived), [1, 2, 3, 7, 8]);
}

#[test]
fn a_service_of_the_hook_makes_an_entry_too() {
    let hook = DatadogExporter::builder().with_names(|span, names| {
        if span.name == "cache" {
            names.service = "shop-cache".into();
        }
    });
    let arrived = export(hook, vec![part(1, 0), SpanData { name: "cache".into(), ..part(2, 1) }]);
    assert_eq!(with("_dd.top_level", &arrived), [1, 2]);
    assert_eq!(arrived[0].meta.get("_dd.base_service"), None);
    assert_eq!(arrived[1].meta["_dd.base_service"], "shop");
}

#[test]
fn the_first_span_speaks_for_its_chunk_and_each_local_root_has_a_priority() {
    let remote = |id| SpanData { parent_span_is_remote: true, ..part(id, 90) };
    let arrived = export(DatadogExporter::builder(), vec![part(4, 3), remote(2), remote(3)]);
    assert_eq!(arrived[0].span_id, 2);
    assert_eq!(with("_sampling_priority_v1", &arrived), [2, 3]);
    assert_eq!(with("process_id", &arrived), [2]);
    for tag in OF_THE_FIRST {
        let ids: Vec<_> = arrived.iter().filter(|span| span.meta.contains_key(tag)).collect();
        assert_eq!(ids.len(), 1, "{tag}");
        assert_eq!(ids[0].span_id, 2, "{tag}");
    }
    assert_eq!(arrived[0].meta["_dd.p.tid"], "0000000000000017");
}

/// The Agent asks whichever span it takes for the root of a chunk, and of several it takes any.
#[test]
fn the_kept_fraction_is_on_every_span() {
    let sampled = |span: SpanData| {
        let old = &span.span_context;
        let state = "ot=th:8".parse().unwrap();
        let (trace, id) = (old.trace_id(), old.span_id());
        let span_context = SpanContext::new(trace, id, TraceFlags::SAMPLED, false, state);
        SpanData { span_context, ..span }
    };
    let remote = SpanData { parent_span_is_remote: true, ..part(3, 90) };
    let batch = [part(1, 0), part(2, 1), remote].map(sampled);
    let arrived = export(DatadogExporter::builder(), batch.into());
    assert_eq!(with("_sample_rate", &arrived), [1, 2, 3]);
}

#[test]
fn the_host_name_is_on_the_first_span_if_it_is_asked_for() {
    let test = "chunks::the_host_name_is_on_the_first_span_if_it_is_asked_for";
    let variables = [("DD_TRACE_REPORT_HOSTNAME", "true"), ("DD_HOSTNAME", "box-1")];
    in_child(test, &variables, || {
        let arrived = export(DatadogExporter::builder(), vec![part(1, 0), part(2, 1)]);
        assert_eq!(arrived[0].meta["_dd.hostname"], "box-1");
        assert_eq!(arrived[1].meta.get("_dd.hostname"), None);
    });
}

/// Tags and numbers that a head span says for its chunk.
fn head_facts(span: &ReceivedSpan) -> (BTreeMap<String, String>, BTreeMap<String, f64>) {
    let is_fact = |key: &str| {
        key.starts_with("_dd.p.") || ["_dd.hostname", "language", "runtime-id"].contains(&key)
    };
    let tags = span.meta.iter().filter(|(key, _)| is_fact(key));
    let numbers = ["_sampling_priority_v1", "process_id"];
    let numbers = span.metrics.iter().filter(|(key, _)| numbers.contains(&key.as_str()));
    (
        tags.map(|(key, value)| (key.clone(), value.clone())).collect(),
        numbers.map(|(key, value)| (key.clone(), *value)).collect(),
    )
}

#[test]
fn each_part_of_a_trace_that_was_cut_says_what_its_head_says() {
    let test = "chunks::each_part_of_a_trace_that_was_cut_says_what_its_head_says";
    let variables = [("DD_TRACE_REPORT_HOSTNAME", "true"), ("DD_HOSTNAME", "box-1")];
    in_child(test, &variables, || {
        let state = "dd=s:2;o:rum;t.dm:-4;t.usr.id:baz";
        let caller = |id, parent| {
            let state = state.parse().unwrap();
            let (trace, own) = (TRACE.into(), SpanId::from(id));
            let span_context = SpanContext::new(trace, own, TraceFlags::SAMPLED, false, state);
            let attributes = vec![KeyValue::new("text", "x".repeat(500))];
            SpanData { span_context, attributes, parent_span_id: SpanId::from(parent), ..span() }
        };
        // Cut while it is mapped by the limit of a payload, and later by the Agent's, which halves.
        for (payload_bytes, agents_limit) in [(16 * 1024, 1 << 20), (1 << 20, 8 * 1024)] {
            for protocol in [Protocol::V03Json, Protocol::V03MessagePack, Protocol::V04] {
                let case = format!("{protocol:?}, {payload_bytes}, {agents_limit}");
                let agent = TestAgent::builder().with_max_request_bytes(agents_limit);
                let agent = agent.start().unwrap();
                let exporter = DatadogExporter::builder()
                    .with_agent_url(agent.url())
                    .with_protocol(protocol)
                    .with_max_payload_bytes(payload_bytes)
                    .build()
                    .unwrap();
                let batch = (1..=60).map(|id| caller(id, id - 1)).collect();
                block_on(exporter.export(batch)).unwrap();
                exporter.handle().flush(SOON).unwrap();
                let chunks: Vec<_> =
                    agent.requests().into_iter().flat_map(|request| request.traces).collect();
                assert!(chunks.len() > 3, "{case}: {} chunks", chunks.len());
                let facts = head_facts(&chunks[0][0]);
                assert_eq!((facts.0.len(), facts.1.len()), (6, 2), "{case}: {facts:?}");
                let mut ids = Vec::new();
                for chunk in &chunks {
                    assert_eq!(head_facts(&chunk[0]), facts, "{case}");
                    ids.extend(chunk.iter().map(|span| span.span_id));
                }
                assert_eq!(ids, (1..=60).collect::<Vec<_>>(), "{case}");
            }
        }
    });
}

#[test]
fn an_exporter_that_is_switched_off_discards() {
    let test = "chunks::an_exporter_that_is_switched_off_discards";
    in_child(test, &[("DD_TRACE_ENABLED", "false")], || {
        assert_eq!(export(DatadogExporter::builder(), vec![part(1, 0)]), []);
    });
}
