//! Client statistics and span rules: what is counted, what is sent, and that each span is counted once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use datadog_test_agent::{Fault, ReceivedSpan, Receiver, StatsGroup, TestAgent};
use opentelemetry::trace::{SpanId, SpanKind, Status, TraceFlags};
use opentelemetry::{KeyValue, trace::SpanContext, trace::TraceState};
use opentelemetry_datadog_agent::{
    DatadogExporter, DatadogExporterBuilder, Obfuscation, Protocol, SpanRule, SpanTypes,
};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::support::{SOON, agent, block_on, span};

/// An Agent that lets clients count.
const COUNTS: &str = r#"{"endpoints":["/v0.3/traces","/v0.4/traces","/v0.6/stats"],"client_drop_p0s":true,
    "peer_tags":["peer.service","db.name","out.host"],
    "span_kinds_stats_computed":["server","consumer","client","producer"]}"#;

/// One that takes statistics, and does not ask for them.
const TAKES: &str =
    r#"{"endpoints":["/v0.3/traces","/v0.4/traces","/v0.6/stats"],"client_drop_p0s":false}"#;

/// One that knows nothing of statistics.
const KNOWS_NOTHING: &str = r#"{"endpoints":["/v0.3/traces","/v0.4/traces"]}"#;

fn says(agent: &TestAgent, info: &str) {
    agent.set_info_reply(Fault::StatusAndBody(200, info.to_owned()));
}

fn counting_agent() -> TestAgent {
    let agent = agent();
    says(&agent, COUNTS);
    agent
}

fn builder(agent: &TestAgent) -> DatadogExporterBuilder {
    DatadogExporter::builder().with_agent_url(agent.url()).with_client_stats(true)
}

/// A span of a trace with this priority.
fn of_trace(trace: u64, id: u64, parent: u64, priority: f64) -> SpanData {
    let flags = if priority > 0.0 { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let trace_id = u128::from(trace).into();
    let context = SpanContext::new(trace_id, SpanId::from(id), flags, false, TraceState::default());
    let mut attributes = Vec::new();
    if parent == 0 {
        attributes.push(KeyValue::new("_sampling_priority_v1", priority));
    }
    SpanData { span_context: context, parent_span_id: SpanId::from(parent), attributes, ..span() }
}

/// Traces of two spans, of which every tenth is kept.
fn traces(first: u64, count: u64) -> Vec<SpanData> {
    let trace = |number: u64| {
        let priority = if number % 10 == 0 { 1.0 } else { -1.0 };
        let root = of_trace(number, 2 * number, 0, priority);
        let child = of_trace(number, 2 * number + 1, 2 * number, priority);
        [SpanData { span_kind: SpanKind::Server, ..root }, child]
    };
    (first..first + count).flat_map(trace).collect()
}

fn groups(agent: &TestAgent) -> Vec<StatsGroup> {
    let buckets = agent.stats().into_iter().flat_map(|stats| stats.buckets);
    buckets.flat_map(|bucket| bucket.groups).collect()
}

fn hits(agent: &TestAgent) -> u64 {
    groups(agent).iter().map(|group| group.hits).sum()
}

fn export(exporter: &DatadogExporter, batch: Vec<SpanData>) {
    block_on(exporter.export(batch)).unwrap();
}

/// Fails unless every span is accounted for.
fn check(exporter: &DatadogExporter, received: u64) {
    let stats = exporter.handle().stats();
    let sum = stats.spans_delivered
        + stats.spans_dropped.total()
        + stats.spans_buffered
        + stats.spans_omitted;
    assert_eq!((stats.spans_received, sum), (received, received), "{stats:?}");
}

#[test]
fn rejected_traces_are_counted_and_not_sent() {
    for protocol in [Protocol::Auto, Protocol::V03Json, Protocol::V04] {
        let agent = counting_agent();
        let exporter = builder(&agent).with_protocol(protocol).build().unwrap();
        for batch in 0..5 {
            export(&exporter, traces(1 + 100 * batch, 100));
        }
        exporter.handle().flush(SOON).unwrap();
        assert_eq!(agent.spans().len(), 100, "50 traces are kept");
        // Internal spans below a root do not count.
        assert_eq!(hits(&agent), 500, "{protocol:?}");
        check(&exporter, 1_000);
        assert_eq!(exporter.handle().stats().spans_omitted, 900);
        for request in agent.requests() {
            assert_eq!(request.header("datadog-client-computed-stats"), Some("yes"));
            // The user's rules rejected them: the Agent's rates have nothing to do with these.
            assert_eq!(request.header("datadog-client-dropped-p0-traces"), Some("0"));
        }
        let stats = &agent.stats()[0];
        assert_eq!((stats.lang.as_str(), stats.sequence), ("rust", 1));
    }
}

#[test]
fn without_the_setting_or_where_the_agent_says_no_every_span_is_sent() {
    for (info, wanted) in [(COUNTS, false), (TAKES, true), (KNOWS_NOTHING, true), ("", true)] {
        let agent = agent();
        match info {
            "" => agent.set_info_reply(Fault::Status(404)),
            info => says(&agent, info),
        }
        let exporter = builder(&agent).with_client_stats(wanted).build().unwrap();
        export(&exporter, traces(1, 100));
        exporter.handle().flush(SOON).unwrap();
        assert_eq!((agent.spans().len(), agent.stats().len()), (200, 0), "{info}");
        check(&exporter, 200);
        for request in agent.requests() {
            assert_eq!(request.header("datadog-client-computed-stats"), None);
        }
    }
}

#[test]
fn a_group_says_what_its_spans_share() {
    let agent = counting_agent();
    let exporter = builder(&agent)
        .with_service("shop")
        .with_env("prod")
        .with_version("7")
        .with_git("https://example.com/r", "abc")
        .build()
        .unwrap();
    let root = of_trace(1, 1, 0, 1.0);
    let attributes = vec![
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.response.status_code", 404),
        KeyValue::new("http.route", "/users/{id}"),
        KeyValue::new("_sample_rate", 0.5),
    ];
    let server = SpanData { span_kind: SpanKind::Server, attributes, ..root };
    let attributes = vec![
        KeyValue::new("db.system", "postgresql"),
        KeyValue::new("db.name", "orders"),
        KeyValue::new("peer.service", "orders-db"),
        KeyValue::new("out.host", "10.0.0.7"),
        KeyValue::new("db.query.text", "SELECT a FROM t WHERE b = 7"),
        KeyValue::new("rpc.grpc.status_code", "StatusCode.NOT_FOUND"),
    ];
    let client = SpanData {
        span_kind: SpanKind::Client,
        attributes,
        status: Status::error("no"),
        ..of_trace(1, 2, 1, 1.0)
    };
    export(&exporter, vec![server, client]);
    exporter.handle().flush(SOON).unwrap();
    let received = agent.stats();
    let stats = &received[0];
    let said = [&stats.env, &stats.version, &stats.service, &stats.git_commit_sha];
    assert_eq!(said, ["prod", "7", "shop", "abc"]);
    assert!(!stats.runtime_id.is_empty() && stats.hostname.is_empty());
    let groups: BTreeMap<_, _> =
        groups(&agent).into_iter().map(|group| (group.span_kind.clone(), group)).collect();
    let (server, client) = (&groups["server"], &groups["client"]);
    assert_eq!(server.resource, "GET /users/{id}");
    assert_eq!((server.http_status_code, server.is_trace_root), (404, 1));
    // Each stands for two, by the weight of the root.
    assert_eq!((server.hits, server.top_level_hits, server.errors), (2, 2, 0));
    assert_eq!((client.hits, client.top_level_hits, client.errors), (2, 0, 2));
    assert_eq!(client.duration, 2 * 25_000_000);
    assert_eq!((client.is_trace_root, client.grpc_status_code.as_str()), (2, "5"));
    let peers = ["db.name:orders", "out.host:blocked-ip-address", "peer.service:orders-db"];
    assert_eq!(client.peer_tags, peers);
    assert!(server.peer_tags.is_empty());
    assert_eq!((client.error_summary.count(), client.ok_summary.count()), (1.0, 0.0));
    let median = client.error_summary.quantile(0.5).unwrap();
    assert!((median / 25e6 - 1.0).abs() < 0.02, "{median}");
}

#[test]
fn literals_make_one_group_wherever_they_are_taken_out() {
    for (types, obfuscation) in [
        (SpanTypes::Documented, Obfuscation::Exporter),
        (SpanTypes::Agent, Obfuscation::Exporter),
        (SpanTypes::Agent, Obfuscation::Agent),
    ] {
        let agent = counting_agent();
        let exporter =
            builder(&agent).with_span_types(types).with_obfuscation(obfuscation).build().unwrap();
        let query = |number: u64| SpanData {
            span_kind: SpanKind::Client,
            attributes: vec![
                KeyValue::new("db.system", "postgresql"),
                KeyValue::new("db.query.text", format!("SELECT a FROM t WHERE b = {number}")),
            ],
            ..of_trace(number, number, 0, 1.0)
        };
        export(&exporter, (1..=1_000).map(query).collect());
        exporter.handle().flush(SOON).unwrap();
        let resources: BTreeSet<_> =
            groups(&agent).into_iter().map(|group| group.resource).collect();
        assert_eq!(resources.len(), 1, "{obfuscation:?} {resources:?}");
        assert_eq!(hits(&agent), 1_000);
    }
}

#[test]
fn what_the_agents_rates_reject_is_told_to_it() {
    let agent = counting_agent();
    let exporter = builder(&agent).with_protocol(Protocol::V04).build().unwrap();
    let rejected = |number| of_trace(number, number, 0, 0.0);
    // Nothing of this batch is sent; the next payload tells of it.
    export(&exporter, (1..=10).map(rejected).collect());
    assert!(agent.requests().is_empty());
    let failed = SpanData { status: Status::error("no"), ..rejected(11) };
    export(&exporter, vec![rejected(12), failed, of_trace(13, 13, 0, 1.0)]);
    export(&exporter, vec![of_trace(14, 14, 0, 1.0)]);
    let told: Vec<_> = agent
        .requests()
        .iter()
        .map(|request| {
            let header = |name: &str| request.header(name).unwrap().to_owned();
            let [traces, spans] = ["traces", "spans"]
                .map(|what| header(&format!("datadog-client-dropped-p0-{what}")));
            (request.traces.iter().flatten().count(), traces, spans)
        })
        .collect();
    let expected =
        [(2, "11", "11"), (1, "0", "0")].map(|(spans, a, b)| (spans, a.to_owned(), b.to_owned()));
    assert_eq!(told, expected);
}

#[test]
fn an_agent_that_loses_and_regains_the_ability_gets_each_span_counted_once() {
    let agent = counting_agent();
    let exporter = builder(&agent).build().unwrap();
    let mut counted = 0;
    for (round, info) in (0..).zip([COUNTS, TAKES, COUNTS, KNOWS_NOTHING, COUNTS]) {
        says(&agent, info);
        // An answer tells that there is something new, and a second later the worker asks.
        let before = agent.info_requests();
        let mut first = 1_000 * round + 1;
        while round > 0 && agent.info_requests() == before {
            export(&exporter, vec![of_trace(first, first, 0, 1.0)]);
            counted += 1;
            first += 1;
            std::thread::sleep(Duration::from_millis(50));
        }
        export(&exporter, vec![of_trace(first, first, 0, 1.0)]);
        counted += 1;
        exporter.handle().flush(SOON).unwrap();
    }
    exporter.shutdown_with_timeout(SOON).unwrap();
    let uncounted = agent.requests().into_iter().filter(|request| request.status == Some(200));
    let uncounted: usize = uncounted
        .filter(|request| request.header("datadog-client-computed-stats").is_none())
        .map(|request| request.traces.iter().flatten().count())
        .sum();
    let lost = exporter.handle().stats().stats_spans_dropped;
    assert_eq!(hits(&agent) + uncounted as u64 + lost, counted);
    assert!(uncounted > 0 && lost <= counted / 2, "{lost}");
    check(&exporter, counted);
}

#[test]
fn numbers_follow_to_another_receiver_and_wait_for_one_that_is_away() {
    let agent = counting_agent();
    let exporter = builder(&agent).build().unwrap();
    export(&exporter, traces(1, 100));
    agent.set_info_reply(Fault::Accept);
    agent.set_receiver(Receiver::LambdaExtension);
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(hits(&agent), 100, "the extension takes statistics, too");
    says(&agent, COUNTS);
    agent.set_receiver(Receiver::Agent);
    agent.pause();
    export(&exporter, traces(1_001, 100));
    assert!(exporter.handle().flush(Duration::from_millis(300)).is_err(), "nobody is there");
    agent.resume().unwrap();
    exporter.handle().flush(SOON).unwrap();
    let uncounted = agent.requests().into_iter();
    let uncounted: usize = uncounted
        .filter(|request| request.header("datadog-client-computed-stats").is_none())
        .map(|request| request.traces.iter().flatten().count())
        .sum();
    assert_eq!(hits(&agent) * 2 + uncounted as u64, 400);
    check(&exporter, 400);
}

#[test]
fn shutdown_sends_all_numbers() {
    let agent = counting_agent();
    let exporter = builder(&agent).build().unwrap();
    export(&exporter, traces(1, 100));
    exporter.shutdown_with_timeout(SOON).unwrap();
    assert_eq!(hits(&agent), 100);
}

/// Returns the ids of spans, and those of the kept ones that say so.
fn kept_alone(spans: &[ReceivedSpan]) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let alone = spans.iter().filter(|span| {
        span.metrics.get("_dd.span_sampling.mechanism") == Some(&8.0)
            && span.metrics.get("_dd.span_sampling.rule_rate") == Some(&1.0)
    });
    let ids = |span: &ReceivedSpan| span.span_id;
    (spans.iter().map(ids).collect(), alone.map(ids).collect())
}

#[test]
fn single_spans_of_rejected_traces_are_kept_with_and_without_statistics() {
    for protocol in [Protocol::V03Json, Protocol::V04] {
        for counts in [true, false] {
            let agent = counting_agent();
            let exporter = builder(&agent)
                .with_protocol(protocol)
                .with_client_stats(counts)
                .with_span_rule(SpanRule::errors())
                .with_span_rule(SpanRule::new(1.0).with_resource("query*").with_max_per_second(1e6))
                .build()
                .unwrap();
            let named = |name: &'static str, span| SpanData { name: name.into(), ..span };
            let failed = SpanData { status: Status::error("no"), ..of_trace(1, 13, 11, -1.0) };
            let batch = vec![
                named("root", of_trace(1, 11, 0, -1.0)),
                named("query 7", of_trace(1, 12, 11, -1.0)),
                named("call", failed),
                named("other", of_trace(1, 14, 11, -1.0)),
                named("query 8", of_trace(2, 21, 0, 1.0)),
            ];
            export(&exporter, batch);
            exporter.handle().flush(SOON).unwrap();
            let spans = agent.spans();
            let (all, alone) = kept_alone(&spans);
            assert_eq!(alone, BTreeSet::from([12, 13]), "{protocol:?} {counts}");
            let sent = if counts { vec![12, 13, 21] } else { vec![11, 12, 13, 14, 21] };
            assert_eq!(all, sent.into_iter().collect());
            // The first of a chunk carries its facts.
            for trace in agent.traces() {
                let head = &trace[0];
                assert!(head.metrics.contains_key("_sampling_priority_v1"), "{head:?}");
                assert_eq!(head.meta.get("language").map(String::as_str), Some("rust"));
            }
            let of = |id| spans.iter().find(|span| span.span_id == id).unwrap();
            let limit = "_dd.span_sampling.max_per_second";
            assert_eq!(of(12).metrics.get(limit), Some(&1e6));
            assert_eq!(of(13).metrics.get(limit), None);
        }
    }
}

#[test]
fn an_error_keeps_its_span_and_not_what_was_decided_before() {
    let agent = counting_agent();
    let exporter = builder(&agent).with_span_rule(SpanRule::errors()).build().unwrap();
    // The child was exported before its root failed.
    export(&exporter, vec![of_trace(1, 12, 11, 0.0)]);
    let failed = SpanData { status: Status::error("no"), ..of_trace(1, 11, 0, -1.0) };
    export(&exporter, vec![failed]);
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(kept_alone(&agent.spans()).0, BTreeSet::from([11]));
}
