//! Secrets in every place where a span has a text: names, attributes, events, links, scope, resource, status.

use datadog_test_agent::TestAgent;
use opentelemetry::trace::{Event, Link, SpanKind, Status};
use opentelemetry::{InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_datadog_agent::{DatadogExporter, Protocol, SpanTypes};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;

use super::{
    DOLLARS, DOUBLE_QUOTED, LITERALS, MARK, MYSQL, NUMBER, config, planted, secret, statement,
};
use crate::support::{SOON, agent, block_on, context, obfuscation, span};

/// A span and the resource of its provider.
struct Input {
    span: SpanData,
    resource: Vec<KeyValue>,
}

/// A place: its name, the kind of the span, attributes that it needs beside, and how a text gets there.
type Place = (
    &'static str,
    SpanKind,
    &'static [(&'static str, &'static str)],
    fn(&mut Input, &str, &'static str),
);

fn attribute(input: &mut Input, text: &str, key: &'static str) {
    input.span.attributes.push(KeyValue::new(key, text.to_owned()));
}

fn list(text: &str) -> Value {
    Value::Array(vec![StringValue::from("plain"), text.to_owned().into()].into())
}

fn of_list(input: &mut Input, text: &str, key: &'static str) {
    input.span.attributes.push(KeyValue::new(key, list(text)));
}

fn event(input: &mut Input, name: &str, attributes: Vec<KeyValue>) {
    let time = input.span.start_time;
    input.span.events.events.push(Event::new(name.to_owned(), time, attributes, 0));
}

fn of_event(input: &mut Input, text: &str, key: &'static str) {
    let attributes = vec![KeyValue::new(key, text.to_owned()), KeyValue::new("list", list(text))];
    event(input, "exception", attributes);
}

fn of_event_name(input: &mut Input, text: &str, _: &str) {
    event(input, text, Vec::new());
}

fn of_link(input: &mut Input, text: &str, key: &'static str) {
    let attributes = vec![KeyValue::new(key, text.to_owned()), KeyValue::new("list", list(text))];
    input.span.links.links.push(Link::new(context(1, 2), attributes, 0));
}

fn of_scope(input: &mut Input, text: &str, key: &'static str) {
    let scope = InstrumentationScope::builder("scope");
    let attributes = [KeyValue::new(key, text.to_owned()), KeyValue::new("list", list(text))];
    input.span.instrumentation_scope = scope.with_attributes(attributes).build();
}

fn of_scope_name(input: &mut Input, text: &str, _: &str) {
    let scope = InstrumentationScope::builder(text.to_owned()).with_version(text.to_owned());
    input.span.instrumentation_scope = scope.build();
}

fn of_resource(input: &mut Input, text: &str, key: &'static str) {
    input.resource.push(KeyValue::new(key, text.to_owned()));
    input.resource.push(KeyValue::new("list", list(text)));
}

fn of_name(input: &mut Input, text: &str, _: &str) {
    input.span.name = text.to_owned().into();
}

fn of_status(input: &mut Input, text: &str, _: &str) {
    input.span.status = Status::error(text.to_owned());
}

/// The places of texts that may be any.
#[rustfmt::skip]
const PLACES: &[Place] = &[
    ("span name",    SpanKind::Internal, &[],                                 of_name),
    ("span name",    SpanKind::Client,   &[("http.request.method", "GET")],   of_name),
    ("note",         SpanKind::Internal, &[],                                 attribute),
    ("note",         SpanKind::Client,   &[("db.system.name", "mongodb")],    attribute),
    ("list",         SpanKind::Internal, &[],                                 of_list),
    ("http.request.header.referrer", SpanKind::Server, &[],                   attribute),
    ("http.request.header.x",        SpanKind::Server, &[],                   of_list),
    ("http.referrer", SpanKind::Server,  &[],                                 attribute),
    ("url.template", SpanKind::Client,   &[("http.request.method", "GET")],   attribute),
    ("http.route",   SpanKind::Server,   &[("http.request.method", "GET")],   attribute),
    ("user_agent.original", SpanKind::Server, &[],                            attribute),
    ("peer.service", SpanKind::Client,   &[],                                 attribute),
    ("db.namespace", SpanKind::Client,   &[("db.system.name", "mysql")],      attribute),
    ("db.operation.name", SpanKind::Client, &[("db.system.name", "voltdb")],  attribute),
    ("db.connection_string", SpanKind::Client, &[("db.system.name", "mysql")], attribute),
    ("messaging.destination.name", SpanKind::Producer, &[("messaging.system", "nats"), ("messaging.operation.name", "publish")], attribute),
    ("rpc.method",   SpanKind::Client,   &[("rpc.system", "grpc")],           attribute),
    ("graphql.operation.name", SpanKind::Server, &[("graphql.operation.type", "query")], attribute),
    ("resource.name", SpanKind::Internal, &[],                                attribute),
    ("datadog.resource", SpanKind::Internal, &[],                             attribute),
    ("error.message", SpanKind::Internal, &[],                                attribute),
    ("exception.message", SpanKind::Internal, &[],                            attribute),
    ("exception.stacktrace", SpanKind::Internal, &[],                         of_list),
    ("otel.status_description", SpanKind::Internal, &[],                      attribute),
    ("events",       SpanKind::Internal, &[],                                 attribute),
    ("command",      SpanKind::Internal, &[],                                 attribute),
    ("summary",      SpanKind::Internal, &[],                                 attribute),
    ("event name",   SpanKind::Internal, &[],                                 of_event_name),
    ("note",         SpanKind::Internal, &[],                                 of_event),
    ("exception.message", SpanKind::Internal, &[],                            of_event),
    ("db.statement", SpanKind::Internal, &[],                                 of_event),
    ("note",         SpanKind::Internal, &[],                                 of_link),
    ("note",         SpanKind::Internal, &[],                                 of_scope),
    ("scope name",   SpanKind::Internal, &[],                                 of_scope_name),
    ("note",         SpanKind::Internal, &[],                                 of_resource),
    ("status",       SpanKind::Internal, &[],                                 of_status),
];

/// The places of texts that are names or URLs by their keys: they hold no statement.
#[rustfmt::skip]
const NAMES: &[Place] = &[
    ("url.full",      SpanKind::Client,   &[("http.request.method", "GET")],  attribute),
    ("http.target",   SpanKind::Server,   &[],                                attribute),
    ("server.address", SpanKind::Client,  &[],                                attribute),
    ("net.peer.name", SpanKind::Client,   &[],                                attribute),
    ("operation.name", SpanKind::Internal, &[],                               attribute),
    ("datadog.name",  SpanKind::Internal, &[],                                attribute),
    ("service.name",  SpanKind::Internal, &[],                                attribute),
    ("datadog.service", SpanKind::Internal, &[],                              attribute),
    ("span.type",     SpanKind::Internal, &[],                                attribute),
    ("service.version", SpanKind::Internal, &[],                              attribute),
    ("datadog.env",   SpanKind::Internal, &[],                                attribute),
    ("messaging.system", SpanKind::Producer, &[("messaging.operation", "send")], attribute),
    ("url.full",      SpanKind::Internal, &[],                                of_event),
    ("http.url",      SpanKind::Internal, &[],                                of_link),
    ("url.full",      SpanKind::Internal, &[],                                of_scope),
    ("url.full",      SpanKind::Internal, &[],                                of_resource),
    ("service.name",  SpanKind::Internal, &[],                                of_resource),
    ("service.version", SpanKind::Internal, &[],                              of_resource),
    ("deployment.environment.name", SpanKind::Internal, &[],                  of_resource),
];

/// Exports a span with a text in a place, and returns the body.
fn body(agent: &TestAgent, types: SpanTypes, place: &Place, text: &str) -> String {
    agent.clear();
    let (key, kind, beside, put) = place;
    let mut input = Input { span: span(), resource: Vec::new() };
    input.span.span_kind = kind.clone();
    for (key, value) in *beside {
        attribute(&mut input, value, key);
    }
    put(&mut input, text, key);
    let builder = DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_span_types(types)
        .with_obfuscation(obfuscation(types));
    let builder = builder.with_protocol(Protocol::V03Json);
    let mut exporter = builder.build().unwrap();
    exporter.set_resource(&Resource::builder_empty().with_attributes(input.resource).build());
    block_on(exporter.export(vec![input.span])).unwrap();
    exporter.handle().flush(SOON).unwrap();
    let requests = agent.requests();
    assert!(!requests[0].traces.is_empty(), "it arrived");
    String::from_utf8_lossy(&requests[0].body).into_owned()
}

/// Runs a property over texts in all of these places.
fn for_all(places: Vec<Place>, types: &'static [SpanTypes], texts: impl Strategy<Value = String>) {
    let agent = agent();
    let places = (0..places.len()).prop_map(move |at| places[at].clone());
    TestRunner::new(config())
        .run(&(places, select(types), texts), |(place, types, text)| {
            let body = body(&agent, types, &place, &text);
            for secret in [MARK, NUMBER] {
                assert!(!body.to_lowercase().contains(secret), "{} {text:?}\n{body}", place.0);
            }
            Ok(())
        })
        .unwrap();
}

/// The words around a URL in a message.
const MESSAGES: &[(&str, &str)] = &[
    ("", ""),
    ("cannot reach ", ": refused"),
    ("Established connection to `", "`, error: none"),
    ("Options { url: \"", "\", size: 5 }"),
    ("(", ")"),
    ("first\n", "\nlast"),
    ("a@b.example: <", ">"),
];

#[test]
fn no_user_and_no_password_of_a_url_is_in_any_place() {
    let schemes = &["http", "postgres", "redis", "amqp", "mongodb+srv", "jdbc:mysql"][..];
    let users =
        &["§:§", ":§", "§", "u:§", "§:p@§", "u:§/§", "u:§?§", "u:a§#§", "u%40b:§", "§;x=1:§"][..];
    let tails = &["", "/", "/db?b=1#c", ":8080/a", "/x@y", ",other:5432/db"][..];
    let text = (select(schemes), select(users), select(tails), select(MESSAGES), secret())
        .prop_map(|(scheme, user, tail, (before, after), secret)| {
            format!("{before}{scheme}://{}@host{tail}{after}", planted(user, &secret))
        });
    let places = [PLACES, NAMES].concat();
    for_all(places, &[SpanTypes::Documented, SpanTypes::Agent], text);
}

/// Secrets of a query, `§` in each.
#[rustfmt::skip]
const IN_QUERY: &[&str] = &[
    "token=§", "api_key=§&q=1", "q=1&access_token=§#top", "sig=§", "AWSAccessKeyId=§", "X-Goog-Signature=§",
    "old_password%3D§", "xauth=Bearer%20§", "d=%7B%22secret%22%3A+%22§%22%7D", "q=bearer+§", "#access_token=§",
    "j=eyJ§.eyJ§.§", "k=-----BEGIN+PRIVATE+KEY-----§-----END+PRIVATE+KEY-----", "a=1#id_token=§", "u=http://h/?pwd=§",
];

#[test]
fn no_secret_of_a_query_is_in_any_place() {
    let befores = &["http://host/a?", "/a?", "https://u@host:8080/?x=y&", "//host?"][..];
    let text = (select(befores), select(IN_QUERY), select(MESSAGES), secret()).prop_map(
        |(url, query, (before, after), secret)| {
            format!("{before}{url}{}{after}", planted(query, &secret))
        },
    );
    let places = [PLACES, NAMES].concat();
    for_all(places, &[SpanTypes::Documented, SpanTypes::Agent], text);
}

#[test]
fn no_secret_of_a_text_that_is_all_query_is_in_the_body() {
    fn of_event(input: &mut Input, text: &str, key: &'static str) {
        event(input, "request", vec![KeyValue::new(key, text.to_owned())]);
    }
    fn of_link(input: &mut Input, text: &str, key: &'static str) {
        let attributes = vec![KeyValue::new(key, text.to_owned())];
        input.span.links.links.push(Link::new(context(1, 2), attributes, 0));
    }
    fn of_scope(input: &mut Input, text: &str, key: &'static str) {
        let attributes = [KeyValue::new(key, text.to_owned())];
        let scope = InstrumentationScope::builder("scope").with_attributes(attributes);
        input.span.instrumentation_scope = scope.build();
    }
    fn of_resource(input: &mut Input, text: &str, key: &'static str) {
        input.resource.push(KeyValue::new(key, text.to_owned()));
    }
    let queries: &[Place] = &[
        ("url.query", SpanKind::Server, &[], attribute),
        ("url.fragment", SpanKind::Client, &[], attribute),
        ("http.query.string", SpanKind::Server, &[], attribute),
        ("url.query", SpanKind::Internal, &[], of_event),
        ("url.query", SpanKind::Internal, &[], of_link),
        ("url.query", SpanKind::Internal, &[], of_scope),
        ("url.query", SpanKind::Internal, &[], of_resource),
    ];
    let spaced = ["auth=bearer §", "pwd=§ it's §", "{\"token\": \"§ §\"}"];
    let queries_of_events = [IN_QUERY, &spaced].concat();
    let text =
        (select(queries_of_events), secret()).prop_map(|(query, secret)| planted(query, &secret));
    for_all(queries.to_vec(), &[SpanTypes::Documented, SpanTypes::Agent], text);
}

#[test]
fn no_literal_of_a_statement_is_in_any_place() {
    let literals = [LITERALS, DOLLARS, MYSQL, &["\"§\""]].concat();
    let befores = &[
        "",
        "preparing query s0: ",
        "Failed to execute query: `",
        "near \"x\": syntax error in ",
        "Statement { sql: \"",
        "sql=",
        "/* it's § */ ",
        "-- §\n",
        "SET a = '§'; ",
    ][..];
    let text = (select(befores), statement(DOUBLE_QUOTED, literals), secret())
        .prop_map(|(before, (_, text), secret)| planted(before, &secret) + &text);
    for_all(PLACES.to_vec(), &[SpanTypes::Documented], text);
}

#[test]
fn texts_that_are_no_statements_stay_as_they_are() {
    let agent = agent();
    for text in [
        "select the cheapest of 5 offers",
        "Create order 42",
        "failed to execute job 17: timed out after 3 tries",
        "call 5 customers",
        "duplicate key value violates unique constraint \"users_email_key\"",
        "https://host:8080/@scope/package?mail=bob@example.com",
        "bob@example.com",
        "it's 5 o'clock",
    ] {
        for place in
            PLACES.iter().filter(|place| ["note", "event name", "status"].contains(&place.0))
        {
            let body = body(&agent, SpanTypes::Documented, place, text);
            let quoted = serde_json::to_string(text).unwrap();
            let quoted = quoted.trim_matches('"');
            // Within a tag that holds JSON quotes are escaped once more.
            let nested = serde_json::to_string(quoted).unwrap();
            let shown = body.contains(quoted) || body.contains(nested.trim_matches('"'));
            assert!(shown, "{} {text}\n{body}", place.0);
        }
    }
}
