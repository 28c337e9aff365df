//! No literal leaves the process: secrets are planted in statements of every dialect, in commands, documents
//! and URLs, and are looked for in the whole body. And whatever the text, nothing panics.

mod drivers;
mod passwords;
mod places;
mod readings;

use std::cell::RefCell;

use datadog_test_agent::{ReceivedSpan, TestAgent};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use opentelemetry_datadog_agent::{DatadogExporter, Protocol};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};

use crate::support::{PROTOCOLS, SOON, agent, block_on, context, span};

/// Statements, commands, documents and texts per test.
const CASES: u32 = 1_000;

/// The mark in every secret, and in nothing else. Letters of no number, name or key word.
const MARK: &str = "zqxj";

/// The same as a number.
const NUMBER: &str = "90817263";

/// Systems in whose statements a backslash escapes and double quotes hold texts.
const LIKE_MYSQL: &[&str] = &["mysql", "mariadb", "tidb", "hive", "bigquery"];

/// Other systems that speak SQL, known and unknown.
const STANDARD: &[&str] = &[
    "postgresql",
    "postgres",
    "pgsql",
    "cockroachdb",
    "sqlite",
    "oracle",
    "oracle.db",
    "db2",
    "ibm.db2",
    "mssql",
    "microsoft.sql_server",
    "sqlserver",
    "h2",
    "hsqldb",
    "derby",
    "teradata",
    "vertica",
    "trino",
    "snowflake",
    "redshift",
    "aws.redshift",
    "firebird",
    "informix",
    "sybase",
    "hanadb",
    "sap.hana",
    "cassandra",
    "clickhouse",
    "other_sql",
    "spanner",
    "voltdb",
    "duckdb",
    "who.knows",
    "",
];

/// Systems that take a text in double quotes for one, or of which nobody knows.
const DOUBLE_QUOTED: &[&str] =
    &["mysql", "mariadb", "tidb", "hive", "bigquery", "informix", "sybase", "other_sql", "voltdb"];

/// Places that can hold a statement; the name of a span has no key.
const PLACES: &[&str] = &[
    "db.statement",
    "db.query.text",
    "db.query.summary",
    "sql.query",
    "",
    "resource.name",
    "datadog.resource",
];

/// The places that are names, of any span.
const NAMES: [&str; 3] = ["", "resource.name", "datadog.resource"];

/// Kinds of spans with a database: without a kind a span is an internal one.
const KINDS: [SpanKind; 5] = [
    SpanKind::Client,
    SpanKind::Internal,
    SpanKind::Server,
    SpanKind::Producer,
    SpanKind::Consumer,
];

/// Literals with `§` for the secret and `№` for a secret number: those that every system reads alike.
#[rustfmt::skip]
const LITERALS: &[&str] = &[
    "'§'", "'it''§'", "'§''s'", "''''", "'§ -- x'", "'/* §'", "'§ # $$ \" ` ['", "N'§'", "x'§'", "X'§'",
    "b'§'", "_utf8'§'", "U&'§\\0061'", "DATE '§'", "INTERVAL '§' DAY", "'§'::text", "CAST('§' AS text)",
    "№", "-№", "+№", "№.5", ".№", "№.", "№e№", "№.№E-№", "0x№", "0b№", "№_№", "{d '§'}", "{ts '}§'}",
    "a*№", "a-№", "a+№", "a/№", "a%№", "a->'§'", "a->>'§'", "a @> '§'", "a ? '§'", "a||'§'",
    "f('§', №)", "('§')", "ARRAY['§', №]", "a IN ('§', '§', №)", "(№, '§')", "CASE a WHEN '§' THEN № END",
    "a LIKE '%§%'", "a[№:№]", "/* § */ '§'", "/* it's § */ a", "-- it's §\n '§'", "/* /* § */ a",
    "NULL", "TRUE", "?", ":name", "a", "t.*", "eabfa4a8-3f90-4c93-8f61-№aaaa",
];

/// Literals of PostgreSQL.
const DOLLARS: &[&str] =
    &["$$§$$", "$tag$ § $$ § $tag$", "$t$it's §$t$", "E'§\\'§'", "e'\\\\§'", "a#>>'{§}'"];

/// Literals of Oracle.
const ORACLE: &[&str] = &["q'[it's §]'", "q'{§}'", "Nq'!it's §!'", "Q'(§')§)'", "nq'<§>'"];

/// Texts in double quotes, backslashes before quotes, and comments of MySQL.
const MYSQL: &[&str] =
    &["\"§\"", "\"it's §\"", "'it\\'s §'", "\"§\\\"§\"", "'\\\\'", "a # it's §\n", "'§\\\\'"];

/// Statements around literals, `¤`.
#[rustfmt::skip]
const FRAMES: &[&str] = &[
    "SELECT ¤", "SELECT a, ¤ FROM t WHERE b = ¤ AND c > ¤", "SELECT a FROM t WHERE b IN (¤, ¤, ¤) LIMIT ¤",
    "INSERT INTO t (a, b) VALUES (¤, ¤), (¤, ¤)", "INSERT INTO t VALUES (¤) ON CONFLICT DO UPDATE SET a = ¤",
    "UPDATE t SET a = ¤, b = ¤ WHERE c <> ¤", "DELETE FROM t WHERE a BETWEEN ¤ AND ¤",
    "WITH x AS (SELECT ¤ FROM u WHERE a = ¤) SELECT * FROM x JOIN t ON t.a = ¤",
    "MERGE INTO t USING u ON t.a = ¤ WHEN MATCHED THEN UPDATE SET a = ¤",
    "EXEC p ¤, ¤", "CALL p(¤, ¤)", "CREATE TABLE t (a text DEFAULT ¤)", "SELECT a FROM t WHERE b=¤;SELECT ¤;",
    "select\n\tcount(*)\nfrom t\nwhere a=¤ or b=¤ group by a having sum(c)>¤", "(SELECT ¤) UNION ALL (SELECT ¤)",
];

/// Puts the secrets into a pattern.
fn planted(pattern: &str, secret: &str) -> String {
    pattern.replace('§', secret).replace('№', NUMBER)
}

fn secret() -> impl Strategy<Value = String> {
    "[a-z]{0,4}".prop_map(|tail| format!("{MARK}{tail}"))
}

/// A statement of a system, whole or cut anywhere behind its first word.
fn statement(
    systems: &'static [&'static str],
    literals: Vec<&'static str>,
) -> impl Strategy<Value = (&'static str, String)> {
    let parts = (select(FRAMES), vec(select(literals), 6), secret());
    (select(systems), parts, any::<bool>(), any::<prop::sample::Index>()).prop_map(
        |(system, (frame, literals, secret), is_cut, at)| {
            let mut literals = literals.into_iter().cycle();
            let mut text = frame.to_owned();
            while let Some(at) = text.find('¤') {
                text.replace_range(at..at + '¤'.len_utf8(), literals.next().unwrap_or("a"));
            }
            let mut text = planted(&text, &secret);
            if is_cut {
                let ends: Vec<_> =
                    text.char_indices().map(|(end, _)| end).filter(|end| *end > 12).collect();
                if !ends.is_empty() {
                    text.truncate(*at.get(&ends));
                }
            }
            (system, text)
        },
    )
}

/// Exports a span with the text in one of its places, and returns the body.
fn body(
    agent: &TestAgent,
    exporter: &DatadogExporter,
    kind: SpanKind,
    system: &str,
    key: &str,
    text: &str,
) -> String {
    agent.clear();
    let mut span = SpanData { span_kind: kind, name: "query".into(), ..span() };
    span.attributes.push(KeyValue::new("db.system.name", system.to_owned()));
    match key {
        "" => span.name = text.to_owned().into(),
        _ => span.attributes.push(KeyValue::new(key.to_owned(), text.to_owned())),
    }
    block_on(exporter.export(vec![span])).unwrap();
    exporter.handle().flush(SOON).unwrap();
    let requests = agent.requests();
    assert!(!requests[0].traces.is_empty(), "it arrived");
    String::from_utf8_lossy(&requests[0].body).into_owned()
}

fn exporters(agent: &TestAgent) -> Vec<DatadogExporter> {
    let build = |protocol: Protocol| {
        DatadogExporter::builder()
            .with_agent_url(agent.url())
            .with_protocol(protocol)
            .build()
            .unwrap()
    };
    PROTOCOLS.into_iter().map(build).collect()
}

fn config() -> Config {
    Config { cases: CASES, failure_persistence: None, ..Config::default() }
}

/// Runs a property over cases, each exported in one of the protocols, kinds and places.
fn for_all<S>(cases: S, places: &[&'static str], check: impl Fn(&str, &str, &str, &str))
where
    S: Strategy<Value = (&'static str, String)>,
{
    let agent = agent();
    let exporters = exporters(&agent);
    let turn = RefCell::new(0_usize);
    let place = select(places.to_vec());
    TestRunner::new(config())
        .run(&(cases, select(&KINDS[..]), place), |((system, text), kind, key)| {
            *turn.borrow_mut() += 1;
            let exporter = &exporters[*turn.borrow() % exporters.len()];
            let body = body(&agent, exporter, kind, system, key, &text);
            check(system, key, &text, &body);
            Ok(())
        })
        .unwrap();
}

fn shows_no_secret(system: &str, key: &str, text: &str, body: &str) {
    if system.is_empty() && NAMES.contains(&key) {
        // No system and no statement, no database: a name is a name.
        return;
    }
    let lower = body.to_lowercase();
    for secret in [MARK, NUMBER] {
        assert!(!lower.contains(secret), "{system:?} {key:?} {text:?}\n{body}");
    }
}

#[test]
fn no_literal_of_any_dialect_is_in_the_body() {
    let literals = [LITERALS, DOLLARS, ORACLE].concat();
    for_all(statement(STANDARD, literals), PLACES, shows_no_secret);
}

#[test]
fn no_literal_of_mysql_and_its_kin_is_in_the_body() {
    for_all(statement(LIKE_MYSQL, [LITERALS, MYSQL].concat()), PLACES, shows_no_secret);
}

#[test]
fn no_text_in_double_quotes_is_in_the_body_where_it_may_be_one() {
    let literals = [LITERALS, &["\"§\"", "\"it's §\"", "\"§\"\"§\""]].concat();
    for_all(statement(DOUBLE_QUOTED, literals), PLACES, shows_no_secret);
}

/// Returns the places for a text that is not SQL: [`PLACES`] without the one for SQL alone, and `more`.
fn not_sql(more: &[&'static str]) -> Vec<&'static str> {
    let places = PLACES.iter().chain(more).copied();
    places.filter(|place| *place != "sql.query").collect()
}

#[test]
fn no_argument_of_a_command_is_in_the_body() {
    let words = &[
        "k",
        "§",
        "/§",
        "'§'",
        "\"§\"",
        "№",
        "user:§",
        "{\"a\":\"§\"}",
        "a\n§",
        "\"it\n§ x\"",
        "*",
    ][..];
    let commands = &[
        "SET",
        "get",
        "GET",
        "HSET",
        "client list",
        "CONFIG SET",
        "AUTH",
        "FT.SEARCH",
        "mget",
        "eval",
    ][..];
    let line =
        (select(commands), vec(select(words), 0..4), secret()).prop_map(|(name, words, secret)| {
            let words = words.join(" ").replace('§', &secret).replace('№', NUMBER);
            format!("{name} {words}")
        });
    let systems = select(&["redis", "valkey", "memcached"][..]);
    let text = (systems, vec(line, 1..4)).prop_map(|(system, lines)| (system, lines.join("\n")));
    let places = not_sql(&["redis.raw_command", "memcached.command"]);
    for_all(text, &places, shows_no_secret);
}

#[test]
fn no_value_of_a_document_is_in_the_body() {
    let values = &[
        "\"§\"",
        "№",
        "-№.5",
        "[\"§\", {\"a\": \"§\"}]",
        "{\"$in\": [№, \"it's §\"]}",
        "\"\\\"§\"",
        "tru",
        "null",
    ][..];
    let member = (select(&["find", "$match", "q", "a b"][..]), select(values));
    let text = (vec(member, 1..4), secret(), 0..20_usize).prop_map(|(members, secret, cut)| {
        let members: Vec<_> =
            members.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
        let text = format!("{{{}}}", members.join(", ")).replace('§', &secret).replace('№', NUMBER);
        text[..text.len() - cut.saturating_sub(12).min(text.len())].to_owned()
    });
    let systems = select(&["mongodb", "elasticsearch", "opensearch"][..]);
    let places = not_sql(&["mongodb.query", "elasticsearch.body"]);
    for_all((systems, text), &places, shows_no_secret);
}

#[test]
fn no_user_and_no_password_of_a_url_is_in_the_body() {
    let users = &["§", "§:§", "a:§", ":§", "§:p@§", "a:§/§", "a:§?§", "a:§#§", "a%40b:§"][..];
    let tails = &["", "/", "/a?b=1#c", ":8080/a", "/x@y", "?u=1"][..];
    let text =
        (select(&["http", "https", "ftp", "redis"][..]), select(users), select(tails), secret())
            .prop_map(|(scheme, user, tail, secret)| {
                ("mysql", format!("{scheme}://{}@host{tail}", planted(user, &secret)))
            });
    for_all(text, &["http.url", "url.full"], shows_no_secret);
}

/// Texts of pieces that open and close literals, names and comments in some dialects, in one export.
const TEXTS: usize = 500;

/// Exports each text as the statement of a span, and returns what is shown of it.
fn shown(agent: &TestAgent, exporter: &DatadogExporter, texts: &[(&str, String)]) -> Vec<String> {
    agent.clear();
    let batch = (1..).zip(texts).map(|(number, (system, text))| {
        let mut span = span();
        span.span_context = context(1, number);
        span.attributes.push(KeyValue::new("db.system.name", (*system).to_owned()));
        span.attributes.push(KeyValue::new("db.query.text", text.clone()));
        span
    });
    block_on(exporter.export(batch.collect())).unwrap();
    exporter.handle().flush(SOON).unwrap();
    let mut spans = agent.spans();
    spans.sort_by_key(|span| span.span_id);
    let text =
        |span: ReceivedSpan| span.resource + span.meta.get("db.query.text").map_or("", |text| text);
    spans.into_iter().map(text).collect()
}

/// Returns the pieces without those that a leak does not need.
fn smallest(
    mut pieces: Vec<&'static str>,
    leaks: impl Fn(&[&'static str]) -> bool,
) -> Vec<&'static str> {
    let mut at = 0;
    while at < pieces.len() {
        let mut fewer = pieces.clone();
        fewer.remove(at);
        if leaks(&fewer) {
            pieces = fewer;
        } else {
            at += 1;
        }
    }
    pieces
}

#[test]
fn a_text_that_is_a_literal_in_any_reading_of_the_system_is_not_shown() {
    let agent = agent();
    let exporter = &exporters(&agent)[0];
    let known = readings::READINGS.iter().flat_map(|(systems, _)| *systems);
    let systems: Vec<_> = readings::UNKNOWN.iter().cycle().take(40).chain(known).copied().collect();
    let pieces = (select(systems), vec(select(readings::PIECES), 1..24));
    let mut runner = TestRunner::new(config());
    let leak = |system: &str, pieces: &[&str], shown: &str| {
        let (text, marks) = readings::statement(pieces);
        readings::leak(system, &text, marks, shown)
    };
    let mut marks_shown = 0;
    for _ in 0..20 {
        let cases: Vec<_> =
            (0..TEXTS).map(|_| pieces.new_tree(&mut runner).unwrap().current()).collect();
        let texts: Vec<_> =
            cases.iter().map(|(system, pieces)| (*system, readings::statement(pieces).0)).collect();
        for ((system, pieces), seen) in cases.into_iter().zip(shown(&agent, exporter, &texts)) {
            marks_shown += usize::from(seen.contains(MARK));
            if leak(system, &pieces, &seen).is_none() {
                continue;
            }
            let again = |pieces: &[&str]| {
                let (text, _) = readings::statement(pieces);
                let seen = shown(&agent, exporter, &[(system, text)]).remove(0);
                leak(system, pieces, &seen).map(|leak| (leak, seen))
            };
            let pieces = smallest(pieces, |fewer| again(fewer).is_some());
            panic!("{system}: {:?}: {:?}", readings::statement(&pieces).0, again(&pieces));
        }
    }
    // A reader that hides everything would pass, too.
    assert!(marks_shown > 1_000, "{marks_shown}");
}

#[test]
fn a_number_that_runs_into_a_dollar_hides_the_rest() {
    let agent = agent();
    let exporter = &exporters(&agent)[0];
    let text = "SELECT 1a$t$\"\"\"$t$ hunter2 ";
    for system in ["clickhouse", "postgresql", "snowflake", "who.knows"] {
        let seen = shown(&agent, exporter, &[(system, text.to_owned())]).remove(0);
        assert!(!seen.contains("hunter2"), "{system}: {seen}");
    }
}

#[test]
fn any_text_is_taken() {
    let any_text = prop_oneof![
        vec(any::<char>(), 0..40).prop_map(String::from_iter),
        "[ -~\n]{0,60}",
        "[-'\"`$\\[\\]{}()/*#%:;,.?a-eqnN0-9 =@\\\\é\n]{0,60}",
    ];
    let systems = select([LIKE_MYSQL, STANDARD, &["redis", "memcached", "mongodb"]].concat());
    let text = (systems, any_text, any::<bool>()).prop_map(|(system, text, is_select)| {
        (system, if is_select { format!("SELECT {text}") } else { text })
    });
    for_all(text, PLACES, |_, _, _, _| {});
}

#[test]
fn a_resource_without_a_statement_is_unchanged_on_spans_that_are_no_calls() {
    let agent = agent();
    let exporter = &exporters(&agent)[0];
    for system in ["postgresql", "who.knows", "redis", "mongodb"] {
        for kind in KINDS.into_iter().filter(|kind| *kind != SpanKind::Client) {
            let route = ["GET /users/{id}"].into_iter().filter(|_| system != "redis");
            for name in route.chain(["DELETE /mails/from/{id}", "place order", "db.load"]) {
                body(&agent, exporter, kind.clone(), system, "resource.name", name);
                assert_eq!(agent.spans()[0].resource, name, "{system} {kind:?}");
            }
        }
    }
}

/// Returns the resource of a statement.
fn resource(agent: &TestAgent, exporter: &DatadogExporter, system: &str, text: &str) -> String {
    body(agent, exporter, SpanKind::Client, system, "db.query.text", text);
    agent.spans().remove(0).resource
}

/// Returns the words of a text.
fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| " ,?()".contains(c)).filter(|word| !word.is_empty()).collect()
}

#[test]
fn obfuscating_again_adds_no_words() {
    let agent = agent();
    let exporter = &exporters(&agent)[0];
    let literals = [LITERALS, DOLLARS, ORACLE].concat();
    TestRunner::new(config())
        .run(&statement(STANDARD, literals), |(system, text)| {
            let once = resource(&agent, exporter, system, &text);
            let twice = resource(&agent, exporter, system, &once);
            // It may have fewer: lists of literals that a comment, an alias or a name kept apart are one
            // then, as in the Agent; and without its aliases a text may not look like SQL any more.
            let known = words(&once);
            let other = words(&twice).into_iter().find(|word| !known.contains(word));
            prop_assert!(other.is_none() || twice == "query", "{}: {} -> {}", text, once, twice);
            Ok(())
        })
        .unwrap();
}
