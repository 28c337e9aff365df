//! The statements of `statements.sql` through this crate and through Datadog's own obfuscator: the same
//! resource, but for the table below. Nothing of a literal may be left, with no exception.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod differences;
mod list;

use std::time::{Duration, SystemTime};

use differences::DIFFERENCES;
use libdd_trace_obfuscation::obfuscation_config::{DbmsKind, SqlConfig};
use libdd_trace_obfuscation::sql::obfuscate_sql_resource;
use list::statements;
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId, TraceId};
use opentelemetry_datadog_agent::DatadogExporter;
use datadog_test_agent::TestAgent;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};

/// Each literal has this in it, unless it is a number.
const SECRET: &str = "secret";

/// At least this share of the statements reads the same, in percent.
const LEAST_EQUAL: usize = 95;

/// Fewer statements prove nothing.
const LEAST_STATEMENTS: usize = 300;

fn span(number: u64, system: &'static str, statement: &str) -> SpanData {
    let trace = TraceId::from(1);
    let context =
        |span| SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::NONE);
    SpanData {
        span_context: context(SpanId::from(number + 2)),
        parent_span_id: SpanId::from(1),
        parent_span_is_remote: false,
        span_kind: SpanKind::Client,
        name: "query".into(),
        start_time: SystemTime::now(),
        end_time: SystemTime::now(),
        attributes: vec![
            KeyValue::new("db.system.name", system),
            KeyValue::new("db.query.text", statement.to_owned()),
        ],
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

/// Returns the resources of all statements, exported at once.
fn ours(statements: &[(&'static str, String)]) -> Vec<String> {
    let agent = TestAgent::start().unwrap();
    let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
    let spans = (0..).zip(statements).map(|(at, (system, text))| span(at, system, text)).collect();
    futures_executor::block_on(exporter.export(spans)).unwrap();
    exporter.handle().flush(Duration::from_secs(30)).unwrap();
    let mut spans = agent.spans();
    spans.sort_by_key(|span| span.span_id);
    spans.into_iter().map(|span| span.resource).collect()
}

/// Returns what the Agent would store: it knows the system by the tag `db.type`, which spans of
/// OpenTelemetry do not have.
fn theirs(statement: &str) -> String {
    obfuscate_sql_resource(statement, &SqlConfig::default(), DbmsKind::Generic)
}

#[test]
fn resources_read_as_the_agent_would_write_them() {
    let statements = statements();
    let ours = ours(&statements);
    assert_eq!(ours.len(), statements.len());
    assert!(statements.len() >= LEAST_STATEMENTS, "{}", statements.len());
    let mut used = vec![false; DIFFERENCES.len()];
    let mut unexplained = Vec::new();
    for ((system, statement), ours) in statements.iter().zip(&ours) {
        let theirs = theirs(statement);
        if *ours == theirs {
            continue;
        }
        match DIFFERENCES.iter().position(|row| statement.starts_with(row.statement)) {
            Some(row) => used[row] = true,
            None => {
                unexplained.push(format!("{system}: {statement}\n  {ours}\n  {theirs}"));
            }
        }
    }
    assert!(unexplained.is_empty(), "{}\n{} in all", unexplained.join("\n"), unexplained.len());
    let unused = DIFFERENCES.iter().zip(used).filter(|(_, used)| !used);
    let unused: Vec<_> = unused.map(|(row, _)| (row.statement, row.why)).collect();
    assert!(unused.is_empty(), "rows that nothing needs: {unused:#?}");
    let equal = 100 * (statements.len() - DIFFERENCES.len()) / statements.len();
    println!("{} statements, {} differ", statements.len(), DIFFERENCES.len());
    assert!(equal >= LEAST_EQUAL, "{equal} %");
}

#[test]
fn no_literal_is_left() {
    let statements = statements();
    for ((system, statement), ours) in statements.iter().zip(ours(&statements)) {
        assert!(!ours.to_lowercase().contains(SECRET), "{system}: {statement}\n{ours}");
        let mut words = ours.split(|c: char| !(c.is_alphanumeric() || "_.$:@#".contains(c)));
        let number = words.find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        assert_eq!(number, None, "{system}: {statement}\n{ours}");
    }
}
