//! Every vector, in every form, comes out at the intake as it was meant: the Agent accepts it, and changes
//! nothing but what a row says.

use std::collections::BTreeMap;

use datadog_test_agent::TestAgent;
use opentelemetry::KeyValue;
use opentelemetry_datadog_agent::{Obfuscation, Protocol, SpanTypes};
use serde_json::Value as Json;

use crate::compare::{self, Comparison, Fields, Pair, Row};
use crate::read::{resource, span_data, text, vectors};
use crate::real_agent::{MODELS, RealAgent};
use crate::send::{PROTOCOLS, builder, through_us};

/// The folder of the crate.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Vectors that must be found: fewer means that a file was lost.
const AT_LEAST: usize = 317;

/// The tag that tells which span is which.
const CASE: &str = "case";

/// The changes that the Agent makes to a span of ours, `left` as sent and `right` as stored.
#[rustfmt::skip]
const CHANGES: &[Row] = &[
    Row { field: "metrics._top_level",                why: "the Agent's name for our mark",               is_meant: |p| p.only_right() && p.left_span["metrics._dd.top_level"] == p.right },
    Row { field: "meta._dd.convertedv1",              why: "the newest Agents say what came in",          is_meant: |p| ["v04", "v04-json"].contains(&p.right) },
    Row { field: "metrics._sampling_priority_rate_v1", why: "the rate that the Agent applies itself",     is_meant: |p| p.only_right() && is_rate(p.right) },
    Row { field: "metrics._dd1.sr.rcusr",             why: "the Agent's name for the rate kept before",   is_meant: |p| p.only_right() && p.left_span["metrics._sample_rate"] == p.right },
    Row { field: "metrics._dd1.sr.eausr",             why: "the newest Agents have a name of their own",  is_meant: |p| p.only_left() && p.right_span["metrics._dd.analyzed"] == p.left },
    Row { field: "metrics._dd.analyzed",              why: "the newest Agents have a name of their own",  is_meant: |p| p.only_right() && p.left_span["metrics._dd1.sr.eausr"] == p.right },
    Row { field: "meta.http.status_code",             why: "the newest Agents have one map: the number",  is_meant: |p| is_one_map(p, "metrics.http.status_code") },
    Row { field: "meta.rpc.grpc.status_code",         why: "the newest Agents have one map: the number",  is_meant: |p| is_one_map(p, "metrics.rpc.grpc.status_code") },
    Row { field: "name",                              why: "the Agent's rules for names",                 is_meant: |p| p.left.replace('-', "_") == p.right },
    Row { field: "meta.http.url",                     why: "the Agent writes the fragment of a URL anew", is_meant: |p| p.left.replace("#<redacted>", "#%3Credacted%3E") == p.right },
    Row { field: "resource",                          why: "the Agent obfuscates its own types",          is_meant: is_obfuscated },
    Row { field: "meta.db.statement",                 why: "the Agent obfuscates its own types",          is_meant: is_obfuscated },
    Row { field: "meta.db.query.text",                why: "the Agent obfuscates its own types",          is_meant: is_obfuscated },
];

/// Returns whether a text tag gave way to the number of the same name.
fn is_one_map(pair: &Pair<'_>, number: &str) -> bool {
    let is_indexed = pair.right_span.contains_key("meta._dd.convertedv1");
    is_indexed && pair.only_left() && pair.right_span[number] == pair.left
}

/// Returns whether a text lost its literals, and no more, under a type that the Agent can obfuscate.
fn is_obfuscated(pair: &Pair<'_>) -> bool {
    let same = |text: &str| text.replace(|c: char| c.is_ascii_digit() || c == '?' || c == ' ', "");
    match pair.left_span["type"].as_str() {
        "sql" | "cassandra" => same(pair.left) == same(pair.right),
        // The commands, without what they were given.
        "redis" | "valkey" => pair.left.split(' ').next() == Some(pair.right),
        _ => false,
    }
}

fn is_rate(text: &str) -> bool {
    text.parse().is_ok_and(|rate: f64| 0.0 < rate && rate <= 1.0)
}

#[test]
fn every_vector_comes_out_as_it_was_meant() {
    let mut comparison = Comparison::new(CHANGES);
    for model in MODELS {
        let real = RealAgent::start(model);
        let embedded = TestAgent::start().unwrap();
        for case in cases(&real) {
            for url in [&case.url, embedded.url()] {
                let exporter = builder(url, case.protocol)
                    .with_span_types(case.types)
                    .with_obfuscation(obfuscation(case.types))
                    .build()
                    .unwrap();
                let mut span = span_data(&case.vector["input"]);
                span.attributes.push(KeyValue::new(CASE, case.title.clone()));
                let resource = resource(&case.vector["input"]["resource_attributes"]);
                through_us(exporter, &resource, [vec![span]]);
            }
        }
        real.stop();
        let sent = by_case(embedded.spans().iter().map(compare::sent));
        let mut arrived = by_case(real.spans().iter().map(compare::arrived));
        for (title, sent) in &sent {
            let priority: f64 = sent["metrics._sampling_priority_v1"].parse().unwrap();
            match arrived.remove(title) {
                Some(arrived) => comparison.add(title, sent, &arrived),
                // The Agent keeps 1 and 2.
                None => assert!(!(1.0..3.0).contains(&priority), "{title} did not arrive"),
            }
        }
        assert!(arrived.is_empty(), "nobody sent {arrived:?}");
    }
    comparison.finish(AT_LEAST * MODELS.len() * PROTOCOLS.len() * 2);
}

/// One way to send one vector.
struct Case {
    title: String,
    vector: Json,
    url: String,
    protocol: Protocol,
    types: SpanTypes,
}

fn cases(agent: &RealAgent) -> Vec<Case> {
    let mut cases = Vec::new();
    for vector in vectors(ROOT, None) {
        for protocol in PROTOCOLS {
            for types in [SpanTypes::Documented, SpanTypes::Agent] {
                for url in [agent.url().to_owned(), agent.socket()] {
                    let way = url.split(':').next().unwrap();
                    let title = format!("{} {protocol:?} {types:?} {way}", text(&vector["id"]));
                    cases.push(Case { title, vector: vector.clone(), url, protocol, types });
                }
            }
        }
    }
    cases
}

fn by_case(spans: impl Iterator<Item = Fields>) -> BTreeMap<String, Fields> {
    let mut by_case = BTreeMap::new();
    for span in spans {
        let title = span[&format!("meta.{CASE}")].clone();
        assert!(by_case.insert(title, span).is_none(), "a span arrived twice");
    }
    by_case
}

/// The obfuscation that goes with span types: under its own types the Agent obfuscates.
fn obfuscation(types: SpanTypes) -> Obfuscation {
    if types == SpanTypes::Agent { Obfuscation::Agent } else { Obfuscation::Exporter }
}
