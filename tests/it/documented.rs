//! The span types, and the texts that the documented ones keep back: the Agent obfuscates only under its own.

use datadog_test_agent::{ReceivedSpan, TestAgent};
use opentelemetry::trace::{Event, Link, SpanKind};
use opentelemetry::{InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_datadog_agent::{DatadogExporter, Protocol, SpanNames, SpanTypes};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::delivery::in_child;
use crate::support::{SOON, agent, block_on, context, obfuscation, span};

use SpanKind::{Client, Consumer, Internal, Producer, Server};

/// Attributes of a span.
type Tags = &'static [(&'static str, &'static str)];

/// Kind, attributes, documented type, the Agent's type.
#[rustfmt::skip]
const TYPES: &[(SpanKind, Tags, &str, &str)] = &[
    (Server,   &[],                                                "web",    "web"),
    (Client,   &[],                                                "custom", "http"),
    (Client,   &[("http.request.method", "GET")],                  "custom", "http"),
    (Internal, &[],                                                "custom", "custom"),
    (Producer, &[("messaging.system", "kafka")],                   "custom", "custom"),
    (Consumer, &[("messaging.system", "kafka")],                   "custom", "custom"),
    (Client,   &[("db.system.name", "PostgreSQL")],                "db",     "sql"),
    (Client,   &[("db.system", "other_sql")],                      "db",     "sql"),
    (Client,   &[("db.system", "cassandra")],                      "db",     "cassandra"),
    (Client,   &[("db.system", "mongodb")],                        "db",     "mongodb"),
    (Client,   &[("db.system", "elasticsearch")],                  "db",     "elasticsearch"),
    (Client,   &[("db.system", "opensearch")],                     "db",     "opensearch"),
    (Client,   &[("db.system", "dynamodb")],                       "db",     "db"),
    (Client,   &[("db.system.name", "microsoft.sql_server")],      "db",     "sql"),
    (Client,   &[("db.system.name", "gcp.spanner")],               "db",     "db"),
    (Client,   &[("db.system", "redis")],                          "cache",  "redis"),
    (Client,   &[("db.system", "valkey")],                         "cache",  "db"),
    (Client,   &[("db.system", "memcached")],                      "cache",  "memcached"),
    (Internal, &[("db.system", "redis")],                          "custom", "custom"),
    (Server,   &[("db.system", "mysql")],                          "web",    "web"),
    (Client,   &[("gen_ai.system", "x")],                          "custom", "llm"),
    (Server,   &[("gen_ai.system", "x")],                          "custom", "llm"),
    (Client,   &[("span.type", "queue"), ("db.system", "mysql")],  "queue",  "queue"),
    (Client,   &[("span.type", "queue"), ("gen_ai.system", "x")],  "queue",  "llm"),
    (Client,   &[("datadog.type", "a"), ("span.type", "queue"), ("gen_ai.system", "x")], "a", "a"),
];

/// The systems of which the Agent knows that they speak SQL.
const SQL: &str = "other_sql mssql mysql oracle db2 postgresql redshift cloudscape hsqldb maxdb ingres \
    firstsql edb cache firebird derby informix mariadb sqlite sybase teradata vertica h2 coldfusion \
    cockroachdb progress hanadb adabas filemaker instantdb interbase netezza pervasive pointbase clickhouse \
    actian.ingres aws.redshift firebirdsql h2database ibm.db2 ibm.informix ibm.netezza intersystems.cache \
    microsoft.sql_server oracle.db sap.hana sap.maxdb softwareag.adabas";

/// Attributes of a call to a database (MySQL unless said), the span's name, and its resource under the
/// documented types.
#[rustfmt::skip]
const RESOURCES: &[(Tags, &str, &str)] = &[
    (&[("db.query.text", "SELECT a FROM t WHERE b = 'secret'"), ("db.query.summary", "SELECT t")], "n", "SELECT a FROM t WHERE b = ?"),
    (&[("db.system.name", "postgres"), ("db.statement", "SELECT $$secret$$")], "n", "SELECT ?"),
    (&[("db.system.name", "voltdb"), ("db.statement", "select \"secret\"")],   "n", "select ?"),
    (&[("db.system.name", "neo4j"), ("db.statement", "MATCH (n {a: 'secret'})"), ("db.operation.name", "MATCH")], "n", "MATCH"),
    (&[("db.system.name", "neo4j"), ("db.statement", "MATCH (n {a: 'secret'})")], "n", "n"),
    (&[("db.system.name", "mongodb"), ("db.query.text", r#"{"find": "secret"}"#)], "n", r#"{"find":"?"}"#),
    (&[("db.system.name", "mongodb"), ("db.query.text", "find secret"), ("db.operation.name", "find"), ("db.collection.name", "users")], "n", "find users"),
    (&[("db.system.name", "redis"), ("db.query.text", "set secret secret\nget secret")], "n", "SET GET"),
    (&[("db.query.summary", "SELECT orders"), ("db.operation.name", "x")], "n", "SELECT orders"),
    (&[("db.operation.name", "SELECT"), ("db.collection.name", "orders")], "n", "SELECT orders"),
    (&[("db.operation", "SELECT"), ("db.sql.table", "orders")],            "n", "SELECT orders"),
    (&[("db.operation", "SELECT"), ("db.cassandra.table", "orders")],      "n", "SELECT orders"),
    (&[("db.operation.name", "read"), ("db.cosmosdb.container", "orders")], "n", "read orders"),
    (&[("db.operation.name", "EXECUTE"), ("db.stored_procedure.name", "settle")], "n", "EXECUTE settle"),
    (&[("db.operation", "SELECT")],                                        "n", "SELECT"),
    (&[],                                                  "SELECT shop.orders", "SELECT shop.orders"),
    (&[],                                                  "SELECT 'secret'",    "SELECT ?"),
    (&[],                                                  "/* secret */",       "Non-parsable SQL query"),
    (&[("db.system.name", "voltdb")],                      "f('secret')",        "voltdb.query"),
    (&[("db.system.name", "voltdb")],                      "select 'secret'",    "select ?"),
    (&[("db.system.name", "redis")],                       "GET secret",         "GET"),
    (&[("db.system.name", "redis")],                       "'secret'",           "redis.query"),
    (&[("db.system.name", "memcached")],                   "get secret",         "GET"),
    (&[("db.system.name", "valkey")],                      "SET secret secret",  "SET"),
    (&[("resource.name", "mine")],                         "SELECT 'secret'",    "mine"),
    (&[("resource.name", "SELECT 'secret'")],              "n",                  "SELECT ?"),
    (&[("db.query.summary", "SELECT 'secret'")],           "n",                  "SELECT ?"),
    (&[("db.system.name", "mongodb"), ("resource.name", r#"{"find": "secret"#)],     "n", "mongodb.query"),
    (&[("db.system.name", "elasticsearch"), ("resource.name", "SELECT 'secret'")],   "n", "elasticsearch.query"),
];

/// The kind of a span that is no call, its attributes and name, and its resource under the documented types.
#[rustfmt::skip]
const NO_CALLS: &[(SpanKind, Tags, &str, &str)] = &[
    (Server,   &[("db.system", "mysql"), ("resource.name", "UPDATE t SET a = 'secret'")],   "n", "UPDATE t SET a = ?"),
    (Internal, &[("db.system", "voltdb"), ("db.query.summary", "SELECT 'secret'")],         "n", "SELECT ?"),
    (Consumer, &[("db.system", "mysql"), ("datadog.resource", "SET a = 'secret'")],         "n", "SET a = ?"),
    (Internal, &[("db.statement", "SELECT 'secret'")],                   "SELECT 'secret'",      "SELECT ?"),
    (Internal, &[("db.system", "mysql")],                                "/* secret */",         "Non-parsable SQL query"),
    (Internal, &[("db.system", "redis")],                                "SET secret secret",    "SET"),
    (Internal, &[("db.system", "redis")],                                "json.get secret",      "JSON.GET"),
    (Server,   &[("db.system", "redis"), ("http.request.method", "GET"), ("http.route", "/users/{id}")], "n", "GET /users/{id}"),
    (Server,   &[("db.system", "redis"), ("http.method", "GET"), ("resource.name", "GET /users/{id}")],  "n", "GET /users/{id}"),
    (Server,   &[("db.system", "redis"), ("resource.name", "GET /secret")],                 "n", "GET"),
    (Internal, &[("db.system", "redis")],                                "GET /secret",          "GET"),
    (Server,   &[("db.system", "mysql"), ("resource.name", "DELETE /mails/from/{id}")],     "n", "DELETE /mails/from/{id}"),
    (Internal, &[("db.system", "mysql")],                                "load cart",            "load cart"),
    (Internal, &[("db.system", "redis")],                                "load cart",            "load cart"),
    (Server,   &[],                                                      "SELECT 'a'",           "SELECT ?"),
    (Internal, &[],                                                      "select 'a'",           "select ?"),
    (Internal, &[],                                                      "create order 42",      "create order 42"),
];

/// A system, an attribute with a statement, and its tag under the documented types.
#[rustfmt::skip]
const STATEMENTS: &[(&str, &str, &str, Option<&str>)] = &[
    ("mysql",         "db.statement",       "SELECT \"secret\"",            Some("SELECT ?")),
    ("postgresql",    "db.query.text",      "SELECT \"a\" WHERE b = 'secret'", Some("SELECT a WHERE b = ?")),
    ("voltdb",        "db.query.text",      "SELECT 'secret'",              Some("SELECT ?")),
    ("voltdb",        "db.query.text",      "f('secret')",                  None),
    ("redis",         "db.statement",       "SET secret 1",                 Some("SET")),
    ("redis",         "redis.raw_command",  "SET secret 1",                 None),
    ("memcached",     "memcached.command",  "set secret",                   None),
    ("mongodb",       "mongodb.query",      r#"{"a":"secret"}"#,            Some(r#"{"a":"?"}"#)),
    ("mongodb",       "mongodb.query",      "secret",                       None),
    ("elasticsearch", "elasticsearch.body", r#"{"a":["secret"]}"#,          Some(r#"{"a":["?"]}"#)),
    ("mysql",         "sql.query",          "SELECT a FROM \"secret\"",     Some("SELECT a FROM ?")),
    ("redis",         "sql.query",          "SELECT 'secret'",              Some("SELECT ?")),
    ("mysql",         "db.query.parameter.a", "secret",                     None),
    ("mysql",         "db.query.summary",   "SELECT 'secret'",              Some("SELECT ?")),
    ("mysql",         "db.query.summary",   "SELECT shop.orders",           Some("SELECT shop.orders")),
    ("redis",         "db.query.summary",   "SET secret secret",            Some("SET")),
    ("mongodb",       "db.query.summary",   "find users",                   Some("find users")),
    ("mongodb",       "db.query.summary",   r#"{"find": "secret"#,          None),
    ("voltdb",        "db.query.summary",   "@Ping (5)",                    Some("@Ping (5)")),
];

/// Attributes that hold what a user typed in.
const SECRET: &[&str] = &[
    "db.statement",
    "db.query.text",
    "db.query.parameter.0",
    "db.operation.parameter.id",
    "sql.query",
    "mongodb.query",
    "redis.raw_command",
    "valkey.raw_command",
    "memcached.command",
    "elasticsearch.body",
    "opensearch.body",
];

fn tags(attributes: Tags) -> Vec<KeyValue> {
    attributes.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect()
}

/// Exports one span and returns it as it arrived, with the body.
fn export(
    agent: &TestAgent,
    types: SpanTypes,
    resource: &Resource,
    span: SpanData,
) -> (ReceivedSpan, String) {
    agent.clear();
    let builder = DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_span_types(types)
        .with_obfuscation(obfuscation(types));
    let builder = builder.with_protocol(Protocol::V03Json);
    let mut exporter = builder.build().unwrap();
    exporter.set_resource(resource);
    block_on(exporter.export(vec![span])).unwrap();
    exporter.handle().flush(SOON).unwrap();
    let body = String::from_utf8(agent.requests()[0].body.clone()).unwrap();
    (agent.spans().remove(0), body)
}

fn exported(agent: &TestAgent, types: SpanTypes, span: SpanData) -> ReceivedSpan {
    export(agent, types, &Resource::builder_empty().build(), span).0
}

#[test]
fn both_columns_of_types_are_sent_as_they_stand() {
    let agent = agent();
    for (kind, attributes, documented, agents) in TYPES {
        for (types, expected) in [(SpanTypes::Documented, documented), (SpanTypes::Agent, agents)] {
            let attributes = tags(attributes);
            let span = SpanData { span_kind: kind.clone(), attributes, ..span() };
            let got = exported(&agent, types, span.clone());
            assert_eq!(got.span_type, **expected, "{types:?} {kind:?} {:?}", span.attributes);
        }
    }
}

#[test]
fn every_system_that_speaks_sql_is_one_for_the_agent() {
    let agent = agent();
    for system in SQL.split_whitespace() {
        let attributes = vec![KeyValue::new("db.system", system)];
        let span = SpanData { span_kind: Client, attributes, ..span() };
        assert_eq!(exported(&agent, SpanTypes::Agent, span).span_type, "sql", "{system}");
    }
}

#[test]
fn a_database_span_is_named_after_what_it_did_without_a_literal() {
    let agent = agent();
    for (attributes, name, resource) in RESOURCES {
        let mut attributes = tags(attributes);
        attributes.push(KeyValue::new("db.system", "mysql"));
        let span = SpanData { span_kind: Client, name: (*name).into(), attributes, ..span() };
        assert_eq!(
            exported(&agent, SpanTypes::Documented, span.clone()).resource,
            *resource,
            "{span:?}"
        );
    }
}

#[test]
fn a_span_that_is_no_call_keeps_its_names_but_no_literal_of_a_statement() {
    let agent = agent();
    for (kind, attributes, name, resource) in NO_CALLS {
        let (span_kind, attributes) = (kind.clone(), tags(attributes));
        let span = SpanData { span_kind, name: (*name).into(), attributes, ..span() };
        let got = exported(&agent, SpanTypes::Documented, span.clone());
        assert_eq!(got.resource, *resource, "{span:?}");
    }
}

#[test]
fn a_statement_is_a_tag_without_its_literals() {
    let agent = agent();
    for (system, key, statement, left) in STATEMENTS {
        let attributes = [(&"db.system.name", system), (key, statement)];
        let attributes = attributes.map(|(key, value)| KeyValue::new(*key, *value)).to_vec();
        for kind in [Client, Internal] {
            let span = SpanData { span_kind: kind, attributes: attributes.clone(), ..span() };
            let got = exported(&agent, SpanTypes::Documented, span);
            assert_eq!(got.meta.get(*key).map(String::as_str), *left, "{system} {statement}");
        }
        let span = SpanData { span_kind: Client, attributes, ..span() };
        let got = exported(&agent, SpanTypes::Agent, span);
        assert_eq!(got.meta[*key], *statement, "the Agent does it: {system} {statement}");
    }
}

#[test]
fn urls_lose_user_and_password_and_a_query_on_request() {
    const TEST: &str = "documented::urls_lose_user_and_password_and_a_query_on_request";
    const URL: &str = "http://user:secret@shop/a?b=1";
    let check = |kept_by_server: &'static str, kept_by_client: &'static str| {
        let agent = agent();
        let cases =
            [(Server, kept_by_server), (Client, kept_by_client), (Internal, kept_by_server)];
        for (types, (kind, left)) in [SpanTypes::Documented, SpanTypes::Agent]
            .into_iter()
            .flat_map(|types| cases.clone().map(|case| (types, case)))
        {
            let attributes =
                tags(&[("url.full", URL), ("url.query", "b=1"), ("http.target", "/a?b=1")]);
            let span = SpanData { span_kind: kind.clone(), attributes, ..span() };
            let got = exported(&agent, types, span);
            assert_eq!(got.meta["http.url"], left, "{kind:?}");
            assert_eq!(got.meta.contains_key("url.query"), left.contains('?'), "{kind:?}");
            assert_eq!(got.meta["http.target"].contains('?'), left.contains('?'), "{kind:?}");
        }
    };
    let (kept, removed) = ("http://shop/a?b=1", "http://shop/a");
    in_child(TEST, &[("DD_HTTP_SERVER_TAG_QUERY_STRING", "false")], move || check(removed, kept));
}

#[test]
fn urls_of_scope_and_resource_lose_a_query_on_request() {
    const TEST: &str = "documented::urls_of_scope_and_resource_lose_a_query_on_request";
    in_child(TEST, &[("DD_HTTP_CLIENT_TAG_QUERY_STRING", "false")], || {
        let agent = agent();
        let attributes = || tags(&[("url.full", "http://shop/a?b=1"), ("url.query", "b=1")]);
        let in_scope = InstrumentationScope::builder("scope").with_attributes(attributes()).build();
        let in_resource = Resource::builder_empty().with_attributes(attributes()).build();
        let no_scope = InstrumentationScope::default();
        let no_resource = Resource::builder_empty().build();
        for (scope, resource) in [(in_scope, no_resource), (no_scope, in_resource)] {
            let span = SpanData { span_kind: Client, instrumentation_scope: scope, ..span() };
            let (got, _) = export(&agent, SpanTypes::Documented, &resource, span);
            assert_eq!(got.meta["http.url"], "http://shop/a");
            assert!(!got.meta.contains_key("url.query"), "{got:?}");
        }
    });
}

#[test]
fn urls_keep_their_query_by_default() {
    let agent = agent();
    let attributes = tags(&[("http.url", "https://me@shop/a?b=1")]);
    let span = SpanData { span_kind: Client, attributes, ..span() };
    let got = exported(&agent, SpanTypes::Documented, span);
    assert_eq!(got.meta["http.url"], "https://shop/a?b=1");
}

#[test]
fn no_statement_leaves_the_process_under_the_documented_types() {
    let agent = agent();
    let secrets = |value: Value| {
        SECRET.iter().map(move |key| KeyValue::new(*key, value.clone())).collect::<Vec<_>>()
    };
    let list = Value::Array(vec![StringValue::from("hunter2")].into());
    for value in ["SELECT 'hunter2'".into(), list] {
        let scope = InstrumentationScope::builder("s").with_attributes(secrets(value.clone()));
        let mut span = SpanData {
            span_kind: Client,
            attributes: secrets(value.clone()),
            instrumentation_scope: scope.build(),
            ..span()
        };
        span.attributes.push(KeyValue::new("db.system", "mysql"));
        span.events.events = vec![Event::new("e", span.start_time, secrets(value.clone()), 0)];
        span.links.links = vec![Link::new(context(1, 2), secrets(value.clone()), 0)];
        let resource = Resource::builder_empty().with_attributes(secrets(value)).build();
        let (_, body) = export(&agent, SpanTypes::Documented, &resource, span.clone());
        assert!(!body.contains("hunter2"), "{body}");
        let (native, _) = export(&agent, SpanTypes::Agent, &resource, span);
        for key in SECRET {
            assert!(native.meta[*key].contains("hunter2"), "the Agent would hide {key}");
        }
    }
}

#[test]
fn the_agents_types_and_the_exporters_obfuscation_go_together() {
    let agent = agent();
    let builder = DatadogExporter::builder().with_agent_url(agent.url());
    let exporter = builder.with_span_types(SpanTypes::Agent).build().unwrap();
    let attributes = tags(&[("db.system", "postgresql"), ("db.statement", "SELECT 'hunter2'")]);
    let span = SpanData { span_kind: Client, attributes, ..span() };
    block_on(exporter.export(vec![span])).unwrap();
    let got = agent.wait_for_spans(1, SOON).unwrap().remove(0);
    assert_eq!((&*got.span_type, &*got.resource), ("sql", "SELECT ?"));
    assert_eq!(got.meta["db.statement"], "SELECT ?");
}

#[test]
fn a_hook_decides_what_is_measured_over_the_attribute_too() {
    for (attribute, hook, expected) in [
        (None, None, None),
        (None, Some(true), Some(1.0)),
        (Some(1), None, Some(1.0)),
        (Some(1), Some(false), Some(0.0)),
        (Some(0), Some(true), Some(1.0)),
    ] {
        let agent = agent();
        let builder = DatadogExporter::builder().with_agent_url(agent.url()).with_names(
            move |_, names: &mut SpanNames<'_>| {
                if let Some(measured) = hook {
                    names.measured = measured;
                }
            },
        );
        let attributes = attribute.map(|number: i64| KeyValue::new("_dd.measured", number));
        let span = SpanData { attributes: attributes.into_iter().collect(), ..span() };
        block_on(builder.build().unwrap().export(vec![span])).unwrap();
        let got = agent.wait_for_spans(1, SOON).unwrap().remove(0);
        let measured = got.metrics.get("_dd.measured").copied();
        assert_eq!(measured, expected, "{attribute:?} {hook:?}");
    }
}
