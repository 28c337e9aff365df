//! Client statistics: what this crate counts is what the Agent's own concentrator counts of the same spans, and nothing
//! is counted twice.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_datadog_agent::{
    DatadogExporter, ExporterStats, Obfuscation, Protocol, SpanRule, SpanTypes,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::real_agent::{Counted, MODELS, Model, RealAgent};
use crate::send::{PROTOCOLS, builder};
use crate::shapes;
use crate::traces::{service, span};

/// Traces in a run, of which every tenth is kept.
const TRACES: u64 = 40_000;
/// Traces of a batch.
const BATCH: u64 = 256;
/// Spans that are made up.
const GENERATED: usize = 10_000;

/// Returns a trace of a server span and a call, some of which fail.
fn trace(number: u64) -> [SpanData; 2] {
    let priority = if number.is_multiple_of(10) { 1 } else { -1 };
    let root = SpanData {
        span_kind: SpanKind::Server,
        attributes: vec![KeyValue::new("sampling.priority", priority)],
        ..span(number, 2 * number, 0)
    };
    let call = SpanData {
        span_kind: SpanKind::Client,
        status: if number.is_multiple_of(7) { Status::error("no") } else { Status::Unset },
        ..span(number, 2 * number + 1, 2 * number)
    };
    [root, call].map(|span| SpanData {
        end_time: span.start_time + Duration::from_nanos(1_000 * (number % 977)),
        ..span
    })
}

/// Exports batches and ends; every span is delivered or left out.
fn send(
    mut exporter: DatadogExporter,
    batches: impl IntoIterator<Item = (Resource, Vec<SpanData>)>,
) -> ExporterStats {
    let mut last = None;
    for (resource, batch) in batches {
        if last.as_ref() != Some(&resource) {
            exporter.set_resource(&resource);
            last = Some(resource);
        }
        futures_executor::block_on(exporter.export(batch)).unwrap();
    }
    exporter.handle().flush(Duration::from_secs(30)).unwrap();
    exporter.shutdown().unwrap();
    let stats = exporter.handle().stats();
    assert_eq!(stats.spans_delivered + stats.spans_omitted, stats.spans_received, "{stats:?}");
    assert_eq!(stats.stats_spans_dropped, 0, "{stats:?}");
    stats
}

/// Sums of what was counted.
fn sums(counted: &[Counted]) -> [u64; 4] {
    let sum = |of: fn(&Counted) -> u64| counted.iter().map(of).sum();
    [
        sum(|row| row.hits),
        sum(|row| row.errors),
        sum(|row| row.top_level_hits),
        sum(|row| row.duration),
    ]
}

#[test]
fn a_tenth_is_sent_and_all_is_counted() {
    let (mut errors, mut nanoseconds) = (0, 0);
    for number in 1..=TRACES {
        errors += u64::from(number.is_multiple_of(7));
        nanoseconds += 2 * 1_000 * (number % 977);
    }
    let truth = [2 * TRACES, errors, TRACES, nanoseconds];
    for (model, protocol) in MODELS.into_iter().zip(PROTOCOLS) {
        let agent = RealAgent::start(model);
        let exporter = builder(agent.url(), protocol).with_client_stats(true).build().unwrap();
        let batches = (0..TRACES.div_ceil(BATCH)).map(|batch| {
            let numbers = 1 + BATCH * batch..=(BATCH * (batch + 1)).min(TRACES);
            (service("shop"), numbers.flat_map(trace).collect())
        });
        let stats = send(exporter, batches);
        agent.stop();
        assert_eq!(sums(&agent.counted()), truth, "{model:?}");
        assert_eq!(agent.spans().len() as u64, 2 * TRACES / 10, "{model:?}");
        assert_eq!(stats.spans_omitted, 2 * TRACES / 10 * 9);
        println!(
            "{model:?}: {} bytes for {} spans, {} requests of statistics",
            stats.bytes_sent, stats.spans_received, stats.stats_payloads_sent
        );
    }
}

/// The facts that tell groups apart. Not the type: the Agent joins the groups of clients that differ in it alone, and its own not.
type Group = ([String; 6], Vec<String>, (u32, bool, bool, String, String));

/// Resources of statements that are no SQL though the system speaks it: ours, the Agent's, and why they differ.
const READ_OTHERWISE: [(&str, &str, &str); 2] = [
    ("GET key : ?", "GET key :1", "a number behind a colon may be a literal, so it is hidden"),
    ("?", "Non-parsable SQL query", "a document in JSON is one literal"),
];

/// Names the groups as the Agent does whose statement it reads otherwise; returns how many there were of each kind.
fn renamed(ours: BTreeMap<Group, Numbers>) -> (BTreeMap<Group, Numbers>, [usize; 2]) {
    let mut needed = [0; 2];
    let named = ours.into_iter().map(|((mut texts, peers, codes), numbers)| {
        let row = READ_OTHERWISE.iter().position(|(ours, ..)| *ours == texts[4]);
        if let Some(row) = row {
            needed[row] += 1;
            texts[4] = READ_OTHERWISE[row].1.to_owned();
        }
        ((texts, peers, codes), numbers)
    });
    (named.collect(), needed)
}

/// The numbers of a group: sums, and durations by bin.
type Numbers = ([u64; 4], BTreeMap<i32, f64>, BTreeMap<i32, f64>);

/// Sums over all buckets.
fn by_group(counted: &[Counted]) -> BTreeMap<Group, Numbers> {
    let mut groups: BTreeMap<Group, Numbers> = BTreeMap::new();
    for row in counted {
        let texts =
            [&row.env, &row.version, &row.service, &row.name, &row.resource, &row.span_kind];
        let codes = (
            row.http_status,
            row.is_trace_root,
            row.synthetics,
            row.grpc_status.clone(),
            row.source.clone(),
        );
        let key = (texts.map(Clone::clone), row.peer_tags.clone().unwrap_or_default(), codes);
        let (sums_so_far, ok, failed) = groups.entry(key).or_default();
        for (sum, number) in sums_so_far.iter_mut().zip(sums(std::slice::from_ref(row))) {
            *sum += number;
        }
        for (bins, more) in [(ok, &row.ok), (failed, &row.failed)] {
            for (bin, count) in more {
                *bins.entry(*bin).or_default() += count;
            }
        }
    }
    groups
}

#[test]
fn groups_and_sketches_are_those_of_the_agents_own_concentrator() {
    for (types, obfuscation) in
        [(SpanTypes::Documented, Obfuscation::Exporter), (SpanTypes::Agent, Obfuscation::Agent)]
    {
        let count = |counts: bool| {
            let agent = RealAgent::start(Model::Indexed);
            let exporter = builder(agent.url(), Protocol::Auto)
                .with_span_types(types)
                .with_obfuscation(obfuscation)
                .with_env("prod")
                .with_client_stats(counts)
                .build()
                .unwrap();
            let stats = send(exporter, shapes::batches(GENERATED, 250, 7));
            assert_eq!(stats.stats_payloads_sent > 0, counts);
            agent.stop();
            by_group(&agent.counted())
        };
        let (ours, agents) = (count(true), count(false));
        let (ours, needed) =
            if obfuscation == Obfuscation::Agent { renamed(ours) } else { (ours, [1; 2]) };
        assert!(needed.iter().all(|groups| *groups > 0), "a row is needed no more: {needed:?}");
        let mut differences = Vec::new();
        for key in ours.keys().chain(agents.keys().filter(|key| !ours.contains_key(*key))) {
            let (left, right) = (ours.get(key), agents.get(key));
            let is_same = match (left, right) {
                (Some(left), Some(right)) => {
                    // Weighted sums are rounded at random in the Agent, once for each bucket.
                    let near = |(a, b): (&u64, &u64)| a.abs_diff(*b) <= 2;
                    left.0.iter().zip(&right.0).all(near) && left.1 == right.1 && left.2 == right.2
                }
                _ => false,
            };
            if !is_same {
                differences.push(format!("{key:?}\n  ours   {left:?}\n  agents {right:?}"));
            }
        }
        let shown = differences.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
        assert!(
            differences.is_empty(),
            "{types:?}: {} of {} groups differ:\n{shown}",
            differences.len(),
            agents.len()
        );
        assert!(agents.len() > 100, "{} groups", agents.len());
        println!("{types:?}: {} groups are equal", agents.len());
    }
}

#[test]
fn ten_thousand_literals_make_one_group() {
    for (types, obfuscation) in
        [(SpanTypes::Documented, Obfuscation::Exporter), (SpanTypes::Agent, Obfuscation::Agent)]
    {
        let agent = RealAgent::start(Model::Indexed);
        let exporter = builder(agent.url(), Protocol::Auto)
            .with_span_types(types)
            .with_obfuscation(obfuscation)
            .with_client_stats(true)
            .build()
            .unwrap();
        let query = |number: u64| SpanData {
            span_kind: SpanKind::Client,
            attributes: vec![
                KeyValue::new("db.system", "postgresql"),
                KeyValue::new("db.statement", format!("SELECT a FROM t WHERE b = {number}")),
            ],
            ..span(number, number, 0)
        };
        let batches = (0..10).map(|batch| {
            (service("shop"), (1 + 1_000 * batch..=1_000 * (batch + 1)).map(query).collect())
        });
        send(exporter, batches);
        agent.stop();
        let groups = by_group(&agent.counted());
        assert_eq!(groups.len(), 1, "{types:?} {:?}", groups.keys().take(3).collect::<Vec<_>>());
        assert!(groups.values().all(|(sums, ..)| sums[0] == 10_000));
    }
}

#[test]
fn single_spans_are_kept_and_a_restart_counts_nothing_twice() {
    let agent = RealAgent::start(Model::Indexed);
    let exporter = builder(agent.url(), Protocol::V04)
        .with_client_stats(true)
        .with_span_rule(SpanRule::errors())
        .build()
        .unwrap();
    let mut exporter = exporter;
    exporter.set_resource(&service("shop"));
    let (mut number, mut stopped, began) = (0, false, Instant::now());
    while began.elapsed() < Duration::from_secs(8) {
        let batch = (0..50).flat_map(|_| {
            number += 1;
            trace(number)
        });
        futures_executor::block_on(exporter.export(batch.collect())).unwrap();
        let seconds = began.elapsed().as_secs();
        if seconds >= 2 && !stopped {
            agent.stop();
            stopped = true;
            thread::sleep(Duration::from_secs(1));
            agent.start_again();
        }
        thread::sleep(Duration::from_millis(20));
    }
    exporter.handle().flush(Duration::from_secs(30)).unwrap();
    exporter.shutdown().unwrap();
    let stats = exporter.handle().stats();
    agent.stop();
    let errors = (1..=number).filter(|number| number % 7 == 0);
    let kept = 2 * (number / 10) + errors.filter(|number| number % 10 != 0).count() as u64;
    assert_eq!(sums(&agent.counted())[0] + stats.stats_spans_dropped, 2 * number, "{stats:?}");
    assert_eq!(stats.stats_spans_dropped, 0, "{stats:?}");
    assert_eq!(agent.spans().len() as u64, kept);
    println!("{number} traces, {kept} spans kept, {stats:?}");
}
