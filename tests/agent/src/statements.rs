//! Statements under the documented types, obfuscated here, and under the Agent's, obfuscated there: the
//! same resource at the intake, but for what a row says.

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use opentelemetry_datadog_agent::{Obfuscation, Protocol, SpanTypes};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

use crate::real_agent::{Model, RealAgent};
use crate::send::{builder, through_us};
use crate::traces;

#[path = "../../peers/obfuscation/src/list.rs"]
mod list;

const ARROW: &str =
    "without a system by its own name the Agent takes the minus of `->` for a number";
const LOST: &str = "the Agent takes `#` for a comment and loses what follows";
const SHOWN: &str = "a literal, which the Agent shows in part or in full";
const PREFIX: &str =
    "the prefix belongs to the literal: nothing else tells that a backslash escapes in it";
const QUOTED: &str = "a name with quotes in it, shown as it stands";
const CUT: &str = "the Agent gives up; here the part before the cut is shown";
const MAY_BE_TEXT: &str = "in this system double quotes hold a text where no column has the name, or where an option says so";
const UNREAD: &str = "the Agent gives up, and not over a literal";

/// The beginnings of statements that read otherwise here, and why.
#[rustfmt::skip]
const DIFFERENCES: &[(&str, &str)] = &[
    ("SELECT data->>'secret' FROM documents", ARROW), ("SELECT embedding <-> ", ARROW),
    ("SELECT * FROM t WHERE data->'$.secret'", ARROW), ("SELECT json_extract(doc, ", ARROW),
    ("SELECT arrayMap(x -> x", ARROW), ("SELECT transform(arr, x ->", ARROW),
    ("SELECT data #>> '{secret,secret}'", LOST), ("SELECT * FROM #temp", LOST),
    ("SELECT E'secret", PREFIX), ("SELECT * FROM \"Weird \"\"Name", QUOTED),
    ("SELECT arr[1], arr[2:3]", SHOWN), ("SELECT -1, +2, 3.14", SHOWN), ("SELECT a&1, a|2, a#3", SHOWN),
    ("SELECT x-1, x - 1, x*-1", SHOWN), ("SELECT * FROM t WHERE a LIKE \"%secret%\"", SHOWN),
    ("SELECT _utf8mb4'secret'", SHOWN), ("SELECT * FROM ks.users WHERE id = 5b69", SHOWN),
    ("SELECT * FROM `project.dataset.table`", SHOWN), ("SELECT r\"secret\"", SHOWN),
    ("SELECT explode(split(", SHOWN), ("EXEC sp_who \"secret\"", SHOWN),
    ("PRAGMA table_info(\"users\")", MAY_BE_TEXT), ("SELECT \"Name\" FROM \"Users\"", MAY_BE_TEXT),
    ("/* outer /* inner */", UNREAD),
    ("SELECT 'secret that was cut", CUT), ("SELECT a FROM t WHERE b = 'se''cret that", CUT),
    ("SELECT a FROM t WHERE b = $x$secret that", CUT), ("SELECT a FROM t /* secret that", CUT),
    ("SELECT \"name that was cut", CUT),
    ("SELECT \"id\", \"name\" FROM \"users\" WHERE \"id\" = ?1", UNREAD), ("SELECT q'[it's secret]'", UNREAD),
];

/// Returns the resources at the intake.
fn stored(statements: &[(&'static str, String)], types: SpanTypes) -> Vec<String> {
    let real = RealAgent::start(Model::Classic);
    let spans = (2..).zip(statements).map(|(id, (system, text))| SpanData {
        span_kind: SpanKind::Client,
        attributes: vec![
            KeyValue::new("db.system.name", *system),
            KeyValue::new("db.query.text", text.clone()),
            KeyValue::new("span.type", if types == SpanTypes::Agent { "sql" } else { "db" }),
        ],
        ..traces::span(1, id, 1)
    });
    let exporter = builder(real.url(), Protocol::V03Json)
        .with_span_types(types)
        .with_obfuscation(obfuscation(types))
        .build()
        .unwrap();
    through_us(exporter, &Resource::builder_empty().build(), [spans.collect()]);
    real.stop();
    let mut spans = real.spans();
    spans.sort_by_key(|span| span.span_id);
    spans.into_iter().map(|span| span.resource).collect()
}

#[test]
fn a_statement_reads_the_same_whoever_takes_its_literals_out() {
    let statements = list::statements();
    let ours = stored(&statements, SpanTypes::Documented);
    let theirs = stored(&statements, SpanTypes::Agent);
    assert_eq!((ours.len(), theirs.len()), (statements.len(), statements.len()));
    let mut used = vec![false; DIFFERENCES.len()];
    let mut unexplained = Vec::new();
    for (((system, statement), ours), theirs) in statements.iter().zip(&ours).zip(&theirs) {
        if ours == theirs {
            continue;
        }
        match DIFFERENCES.iter().position(|(start, _)| statement.starts_with(start)) {
            Some(row) => used[row] = true,
            None => unexplained.push(format!("{system}: {statement}\n  {ours}\n  {theirs}")),
        }
    }
    assert!(unexplained.is_empty(), "what was not meant:\n{}", unexplained.join("\n"));
    let unused: Vec<_> = DIFFERENCES.iter().zip(used).filter(|(_, used)| !used).collect();
    assert!(unused.is_empty(), "rows that nothing needs: {unused:#?}");
}

/// The obfuscation that goes with span types: under its own types the Agent obfuscates.
fn obfuscation(types: SpanTypes) -> Obfuscation {
    if types == SpanTypes::Agent { Obfuscation::Agent } else { Obfuscation::Exporter }
}
