//! Ids and times that no tracer makes, batches without spans, and roots that disagree.

use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::trace::Event;
use opentelemetry::{KeyValue, SpanId};
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use super::{BAD, BAD_ID, arrived, case, check, export, json, left_out, meta, metric};
use crate::support::{agent, block_on, context, span};

#[test]
fn bad_ids_cost_no_other_span() {
    let equal = 0xb0;
    check(
        |builder| builder,
        vec![
            case("trace id 0", |span| span.span_context = context(0, BAD_ID), left_out),
            case("span id 0", |span| span.span_context = context(BAD, 0), left_out),
            case("both 0", |span| span.span_context = context(0, 0), left_out),
            case("low half 0", |span| span.span_context = context(5 << 64, BAD_ID), left_out),
            case(
                "largest ids",
                |span| span.span_context = context(u128::MAX, u64::MAX),
                |span| {
                    assert_eq!(span.unwrap().trace_id, u64::MAX);
                    assert_eq!(span.unwrap().span_id, u64::MAX);
                    assert_eq!(meta(span, "_dd.p.tid"), Some("ffffffffffffffff"));
                    assert_eq!(
                        meta(span, "otel.trace_id"),
                        Some("ffffffffffffffffffffffffffffffff")
                    );
                },
            ),
            case(
                "its own parent",
                |span| span.parent_span_id = SpanId::from(BAD_ID),
                |span| {
                    assert_eq!(span.unwrap().parent_id, 0);
                    assert_eq!(metric(span, "_dd.top_level"), Some(1.0));
                },
            ),
            case("span id as trace id", |span| span.span_context = context(equal, 0xb0), arrived),
            case(
                "span id as parent of nobody",
                |span| span.parent_span_id = 7.into(),
                |span| {
                    assert_eq!(span.unwrap().parent_id, 7);
                },
            ),
        ],
    );
}

#[test]
fn bad_times_are_clamped() {
    /// Some 35,000 years.
    const LONG: Duration = Duration::from_secs(1 << 40);
    let second = Duration::from_secs(1);
    check(
        |builder| builder,
        vec![
            case(
                "starts before 1970",
                |span| {
                    span.start_time = UNIX_EPOCH - second;
                    span.end_time = UNIX_EPOCH + second;
                },
                |span| {
                    let span = span.unwrap();
                    assert_eq!((span.start, span.duration), (0, 2_000_000_000));
                },
            ),
            case(
                "ends before 1970",
                |span| {
                    span.start_time = UNIX_EPOCH - 3 * second;
                    span.end_time = UNIX_EPOCH - second;
                },
                |span| assert_eq!(span.unwrap().start, 0),
            ),
            case(
                "ends before its start",
                |span| span.end_time = span.start_time - second,
                |span| assert_eq!(span.unwrap().duration, 0),
            ),
            case(
                "starts in a far future",
                |span| {
                    span.start_time = UNIX_EPOCH + LONG;
                    span.end_time = span.start_time + second;
                },
                |span| assert_eq!((span.unwrap().start, span.unwrap().duration), (i64::MAX, 0)),
            ),
            case(
                "ends in a far future",
                |span| span.end_time = UNIX_EPOCH + LONG,
                |span| {
                    let span = span.unwrap();
                    assert_eq!(span.start + span.duration, i64::MAX);
                },
            ),
            case(
                "has an event before 1970",
                |span| span.events.events = vec![Event::new("e", UNIX_EPOCH - second, vec![], 0)],
                |span| assert_eq!(json(span, "events")[0]["name"], "e"),
            ),
        ],
    );
}

/// The Agent takes env from the last span without a parent, and from it for the whole request.
#[test]
fn traces_whose_roots_disagree_about_env_share_no_request_with_others() {
    let agent = agent();
    let exporter =
        DatadogExporter::builder().with_agent_url(agent.url()).with_env("one").build().unwrap();
    let of = |trace: u128, id: u64, env: Option<&'static str>| SpanData {
        span_context: context(trace, id),
        attributes: env.map(|env| KeyValue::new("datadog.env", env)).into_iter().collect(),
        ..span()
    };
    let batch = vec![of(1, 1, None), of(2, 2, None), of(2, 3, Some("two")), of(3, 4, Some("two"))];
    let arrived = export(&agent, &exporter, batch, "two roots");
    assert_eq!(arrived.len(), 4);
    let requests = agent.requests();
    let traces = |number: usize| requests[number].traces.iter().map(|chunk| chunk[0].trace_id);
    assert_eq!(requests.len(), 2);
    assert_eq!(traces(0).collect::<Vec<_>>(), [1]);
    assert_eq!(traces(1).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn an_empty_batch_is_no_request() {
    let agent = agent();
    let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
    block_on(exporter.export(Vec::new())).unwrap();
    let mut bad = span();
    bad.span_context = context(0, 0);
    block_on(exporter.export(vec![bad.clone(), bad])).unwrap();
    exporter.shutdown().unwrap();
    assert_eq!(agent.requests().len(), 0);
}
