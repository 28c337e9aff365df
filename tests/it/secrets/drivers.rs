//! The events that database drivers write under `tracing`, as `tracing-opentelemetry` makes them.

use datadog_test_agent::ReceivedSpan;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Event, Status};
use opentelemetry_datadog_agent::{DatadogExporter, SpanTypes};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use serde_json::{Value as Json, json};

use crate::support::{SOON, agent, block_on, obfuscation, span};

/// A pair of key and value.
type Pair = (&'static str, &'static str);

/// An event: target, level, name, attributes; and the name and the attributes that are left of it.
type Row =
    (&'static str, &'static str, &'static str, &'static [Pair], &'static str, &'static [Pair]);

/// The name that `tracing` gives an event without a text.
const PLACE: &str = "event sqlx-core/src/logger.rs:143";

/// Events as the sources of the drivers make them; `secret` is a literal.
#[rustfmt::skip]
const EVENTS: &[Row] = &[
    ("sqlx::query", "DEBUG", PLACE,
        &[("summary", "SELECT id FROM users …"), ("db.statement", "\n\nSELECT id FROM users WHERE email = 'secret' AND age > 42\n"), ("elapsed", "1.2ms")],
        "",
        &[("summary", "SELECT id FROM users ?"), ("db.statement", "SELECT id FROM users WHERE email = ? AND age > ?"), ("elapsed", "1.2ms")]),
    ("sqlx::query", "DEBUG", PLACE, &[("summary", "PRAGMA key='secret'"), ("db.statement", "")], "", &[("summary", "PRAGMA key = ?")]),
    ("sqlx::query", "DEBUG", PLACE, &[("summary", "lock 'secret it''s …"), ("db.statement", "")], "", &[("summary", "lock ?")]),
    ("sqlx::query", "WARN", "slow statement: execution time exceeded alert threshold",
        &[("summary", "DELETE FROM t WHERE …"), ("db.statement", "\n\nDELETE FROM t WHERE a = 'secret'\n")],
        "slow statement: execution time exceeded alert threshold",
        &[("summary", "DELETE FROM t WHERE ?"), ("db.statement", "DELETE FROM t WHERE a = ?")]),
    ("sqlx::query", "INFO", "lock 'secret'; rows affected: 1, elapsed: 1.2ms", &[], "lock ? rows affected : ? elapsed : ?", &[]),
    ("sqlx::explain", "TRACE", "SELECT 'secret' …; program:\n 0 Init secret", &[], "", &[]),
    ("sea_orm::driver::sqlx_sqlite", "DEBUG", "INSERT INTO users (email) VALUES ('secret')", &[], "INSERT INTO users ( email ) VALUES ( ? )", &[]),
    ("sea_orm::database::db_connection", "DEBUG", "lock tables 'secret'", &[], "lock tables ?", &[]),
    ("diesel_tracing", "DEBUG", "Finished query: `SELECT `users`.`id` FROM `users` WHERE email = ? -- binds: [\"secret\"]`", &[],
        "Finished query: `SELECT users . id FROM users WHERE email = ?", &[]),
    ("diesel_tracing", "ERROR", "Failed to execute query: `lock 'secret' -- binds: []`, error: no such table: t", &[],
        "Failed to execute query: `lock ?`, error: no such table: t", &[]),
    ("diesel_tracing", "DEBUG", "Started establishing connection with url: `postgres://user:secret@host/db`", &[],
        "Started establishing connection with url: `postgres://host/db`", &[]),
    ("tokio_postgres::prepare", "DEBUG", "preparing query s0: LISTEN 'secret'", &[], "preparing query s0: LISTEN ?", &[]),
    ("tokio_postgres::query", "DEBUG", "executing statement s0 with parameters: [\"secret\", 42]", &[], "executing statement s0 with parameters: ?", &[]),
    ("tokio_postgres::simple_query", "DEBUG", "executing statement batch: ALTER ROLE r PASSWORD 'secret'", &[],
        "executing statement batch: ALTER ROLE r PASSWORD ?", &[]),
    ("mongodb::command", "DEBUG", "Command started",
        &[("command", r#"{"find":"users","filter":{"email":"secret"},"limit":{"$numberInt":"42"}}"#), ("databaseName", "shop"), ("commandName", "find")],
        "Command started",
        &[("command", r#"{"find":"?","filter":{"email":"?"},"limit":{"$numberInt":"?"}}"#), ("databaseName", "shop"), ("commandName", "find")]),
    ("mongodb::command", "DEBUG", "Command succeeded", &[("reply", r#"{"cursor":{"firstBatch":[{"email":"sec..."#)], "Command succeeded", &[]),
    ("mongodb::command", "DEBUG", "Command failed",
        &[("failure", "Kind: E11000 duplicate key error collection: shop.users dup key: { email: \"secret\" }, labels: {}")],
        "Command failed",
        &[("failure", "Kind: E11000 duplicate key error collection: shop.users dup key: ?")]),
    ("tiberius::tds::stream::token", "TRACE", "TokenRow { data: [String(Some(\"secret\"))] }", &[], "", &[]),
    ("tiberius::tds::stream::token", "ERROR", "Invalid object name 't'.", &[("code", "208")], "Invalid object name 't'.", &[("code", "208")]),
    ("fred::protocol::codec", "TRACE", "fred: Writing [\"SET\", \"k\", \"secret\"]", &[], "", &[]),
    ("shop", "INFO", "loaded", &[("summary", "five items"), ("command", "buy"), ("reply", "yes")],
        "loaded", &[("summary", "five items"), ("command", "buy"), ("reply", "yes")]),
    ("shop", "INFO", "loaded", &[("summary", "lock 'secret'"), ("db.query.text", "lock 'secret'")], "loaded", &[("summary", "lock ?")]),
    ("shop::db", "INFO", "ran", &[("db.query.text", "SELECT 'secret'"), ("db.query.parameter.0", "secret")], "ran", &[("db.query.text", "SELECT ?")]),
];

fn pairs(list: &[Pair]) -> Vec<KeyValue> {
    list.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect()
}

/// Exports a span, and returns it as the Agent gets it.
fn exported(types: SpanTypes, span: SpanData) -> ReceivedSpan {
    let agent = agent();
    let builder = DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_span_types(types)
        .with_obfuscation(obfuscation(types));
    let exporter = builder.build().unwrap();
    block_on(exporter.export(vec![span])).unwrap();
    exporter.handle().flush(SOON).unwrap();
    agent.spans().remove(0)
}

/// Returns a span with an event of a driver.
fn with_event((target, level, name, attributes, ..): &Row) -> SpanData {
    let mut span = span();
    let of_tracing = pairs(&[("level", level), ("target", target)]);
    let attributes = [of_tracing, pairs(attributes)].concat();
    span.events.events = vec![Event::new(*name, span.start_time, attributes, 0)];
    span
}

#[test]
fn events_of_drivers_lose_their_literals() {
    for row in EVENTS {
        let (target, level, _, _, name, left) = row;
        let got = exported(SpanTypes::Documented, with_event(row));
        let events: Json = serde_json::from_str(&got.meta["events"]).unwrap();
        let mut expected = json!({ "level": level, "target": target });
        left.iter().for_each(|(key, value)| expected[*key] = (*value).into());
        assert_eq!(events[0]["attributes"], expected, "{row:?}");
        assert_eq!(events[0]["name"].as_str().unwrap_or(""), *name, "{row:?}");
        assert!(!format!("{got:?}").contains("secret"), "{got:?}");
    }
}

#[test]
fn the_text_of_an_error_from_a_driver_has_no_literal() {
    for row in EVENTS.iter().filter(|row| row.1 != "TRACE") {
        let mut failed = *row;
        failed.1 = "ERROR";
        let span = SpanData { status: Status::error(""), ..with_event(&failed) };
        let got = exported(SpanTypes::Documented, span);
        assert!(!format!("{got:?}").contains("secret"), "{got:?}");
    }
}

#[test]
fn events_of_drivers_are_left_to_the_agent_under_its_types_but_for_urls() {
    for row in EVENTS {
        let got = exported(SpanTypes::Agent, with_event(row));
        let events: Json = serde_json::from_str(&got.meta["events"]).unwrap();
        for (key, value) in row.3 {
            assert_eq!(events[0]["attributes"][key], *value, "{row:?}");
        }
        assert!(!got.meta["events"].contains("user:secret"), "{row:?}");
    }
}

/// Spans that drivers make: target, attributes, and the tags that are left of them.
#[rustfmt::skip]
const SPANS: &[(&str, &[Pair], &[Pair])] = &[
    ("scylla::observability::driver_tracing", &[("contents", "lock 'secret'"), ("kind", "unprepared")], &[("contents", "lock ?"), ("kind", "unprepared")]),
    ("scylla::observability::driver_tracing", &[("partition_key", "secret"), ("kind", "prepared")], &[("kind", "prepared")]),
    ("mysql_async::conn::routines::query",    &[("mysql_async.query.sql", "SELECT 'secret'")], &[("mysql_async.query.sql", "SELECT ?")]),
    ("mysql_async::conn::routines::exec",     &[("mysql_async.query.params", "'secret', ")], &[]),
    ("sea_orm::driver::sqlx_sqlite",          &[("stmt", "Statement { sql: \"lock 'secret'\", values: None }")], &[]),
    ("sea_orm::database",                     &[("sql", "lock 'secret'")], &[("sql", "lock ?")]),
    ("shop",                                  &[("contents", "two shirts"), ("sql", "no"), ("stmt", "x")], &[("contents", "two shirts"), ("sql", "no"), ("stmt", "x")]),
];

#[test]
fn spans_of_drivers_lose_their_literals() {
    for (target, attributes, left) in SPANS {
        let attributes = [pairs(&[("target", target)]), pairs(attributes)].concat();
        let got = exported(SpanTypes::Documented, SpanData { attributes, ..span() });
        for (key, value) in *left {
            assert_eq!(got.meta[*key], *value, "{target} {key}");
        }
        assert!(!format!("{got:?}").contains("secret"), "{got:?}");
    }
}
