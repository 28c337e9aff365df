//! The cost of growing input: texts that are cut cost the same however long they are, and of many parts each
//! costs the same however many there are. Times of one run are compared, on Linux those of the processor.

use std::hint::black_box;
use std::net::TcpListener;
use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Event, Link, SpanKind, Status};
use opentelemetry::{
    Array, Context, InstrumentationScope, KeyValue, SpanId, StringValue, TraceId, Value,
};
use opentelemetry_datadog_agent::{
    DatadogExporter, DatadogPropagator, DatadogSampler, SamplingRule,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample as _, SpanData, SpanExporter as _};

use crate::support::{block_on, context, span};

/// A text that is cut, in bytes ...
const LONG: usize = 100_000;
/// ... and one of which nothing behind the limits may be looked at.
const ENDLESS: usize = 32 << 20;
/// Times that the endless text may take as long: some 300 if all of it is looked at.
const FLAT: u32 = 10;

/// The factor by which the second measurement has more parts than the first.
const MORE: usize = 10;
/// Times that these may take as long: 10 in proportion, 100 if each part is compared with each.
const LINEAR: u32 = 45;

/// Below this a time is noise. To free the endless text takes as long.
const NOISE: Duration = Duration::from_millis(5);

/// Returns the time that this thread has had a processor for, or the time of day where nobody counts that.
fn clock() -> Duration {
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = counted.and_then(|text| text.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| UNIX_EPOCH.elapsed().unwrap(), Duration::from_nanos)
}

/// An exporter whose Agent is away, so that an export is mapping and encoding.
fn exporter() -> DatadogExporter {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let exporter =
        DatadogExporter::builder().with_agent_url(format!("http://{closed}")).build().unwrap();
    // The first export waits for the answer; what comes behind it does not.
    block_on(exporter.export(vec![span()])).unwrap();
    exporter
}

/// Returns the shortest of three times.
fn shortest<T>(make: impl Fn() -> T, work: impl Fn(T)) -> Duration {
    let measure = || {
        let input = make();
        let start = clock();
        work(input);
        clock().saturating_sub(start)
    };
    (0..3).map(|_| measure()).min().unwrap()
}

#[track_caller]
fn assert_at_most(times: u32, short: Duration, long: Duration, name: &str) {
    assert!(long <= times * short.max(NOISE), "{name}: {short:?}, then {long:?}");
}

fn text(length: usize) -> String {
    "text ".repeat(length / 5)
}

fn texts(count: usize, text: impl Into<StringValue>) -> Value {
    Value::Array(Array::String(vec![text.into(); count]))
}

fn tagged(key: &'static str, value: impl Into<Value>) -> SpanData {
    SpanData { attributes: vec![KeyValue::new(key, value)], ..span() }
}

/// A span with a text of this length in one place.
type Make = fn(usize) -> SpanData;

#[rustfmt::skip]
const TEXTS: &[(&str, Make)] = &[
    ("a value",               |length| tagged("k", text(length))),
    ("a value of a row",      |length| tagged("http.route", text(length))),
    ("a URL",                 |length| tagged("url.full", format!("http://host/{}", text(length)))),
    ("a service",             |length| tagged("service.name", text(length))),
    ("an operation",          |length| tagged("operation.name", text(length))),
    ("a resource",            |length| tagged("resource.name", text(length))),
    ("a type",                |length| tagged("span.type", text(length))),
    ("an environment",        |length| tagged("deployment.environment.name", text(length))),
    ("an error",              |length| tagged("error.message", text(length))),
    ("digits",                |length| tagged("http.response.status_code", "0".repeat(length))),
    ("a long text in a list", |length| tagged("k", texts(1, text(length)))),
    ("a long list of texts",  |length| tagged("k", texts(length / 30, "text"))),
    ("a long list of numbers",|length| tagged("k", Value::Array(Array::I64(vec![7; length / 8])))),
    ("escapes",               |length| tagged("k", texts(1, "\"".repeat(length)))),
    ("a key",                 |length| SpanData { attributes: vec![KeyValue::new(text(length), 1)], ..span() }),
    ("a name",                |length| SpanData { name: text(length).into(), ..span() }),
    ("a description",         |length| SpanData { status: Status::error(text(length)), ..span() }),
    ("a name of a scope",     |length| scoped(InstrumentationScope::builder(text(length)))),
    ("a tag of a scope",      |length| scoped(InstrumentationScope::builder("s").with_attributes([KeyValue::new("k", text(length))]))),
    ("a value in an event",   |length| with_event("e", vec![KeyValue::new("k", text(length))])),
    ("a list in an event",    |length| with_event("e", vec![KeyValue::new("k", texts(length / 30, "text"))])),
    ("a key in an event",     |length| with_event("e", vec![KeyValue::new(text(length), 1)])),
    ("a name of an event",    |length| with_event(&text(length), vec![])),
    ("a stack",               |length| failed(with_event("exception", vec![KeyValue::new("exception.stacktrace", text(length))]))),
    ("causes of an error",    |length| failed(with_event("exception", vec![KeyValue::new("exception.stacktrace", texts(length / 30, "cause"))]))),
    ("an error of a log",     |length| logged(text(length))),
    ("lines of an error",     |length| logged("0: it failed\n".repeat(length / 13))),
    ("colours of an error",   |length| logged("\u{1b}[31m".repeat(length / 5))),
    ("escapes of an error",   |length| logged(format!("Error({:?})", "\"\n".repeat(length / 2)))),
    ("a value in a link",     |length| with_link(vec![KeyValue::new("k", text(length))])),
    ("a list in a link",      |length| with_link(vec![KeyValue::new("k", texts(length / 30, "text"))])),
];

fn scoped(scope: opentelemetry::InstrumentationScopeBuilder) -> SpanData {
    SpanData { instrumentation_scope: scope.build(), ..span() }
}

fn failed(span: SpanData) -> SpanData {
    SpanData { status: Status::error(""), ..span }
}

fn with_event(name: &str, attributes: Vec<KeyValue>) -> SpanData {
    let mut span = span();
    span.events.events = vec![Event::new(name.to_owned(), UNIX_EPOCH, attributes, 0)];
    span
}

/// A span with an event as `tracing` makes one of an error.
fn logged(error: String) -> SpanData {
    let attributes = vec![KeyValue::new("level", "ERROR"), KeyValue::new("error", error)];
    failed(with_event("it failed", attributes))
}

fn with_link(attributes: Vec<KeyValue>) -> SpanData {
    let mut span = span();
    span.links.links = vec![Link::new(context(1, 1), attributes, 0)];
    span
}

/// Measures exports of texts, the long ones and the endless ones.
fn assert_flat(rows: &[(&str, Make)]) {
    let exporter = exporter();
    for (name, make) in rows {
        // A copy of the input is exported, and freed within the measurement.
        let of = |length| {
            let span = make(length);
            shortest(|| vec![span.clone()], |batch| block_on(exporter.export(batch)).unwrap())
        };
        assert_at_most(FLAT, of(LONG), of(ENDLESS), name);
    }
}

#[test]
fn a_text_that_is_cut_costs_the_same_however_long_it_is() {
    assert_flat(TEXTS);
}

#[test]
fn a_statement_costs_the_same_however_long_it_is() {
    assert_flat(STATEMENTS);
}

/// Calls of databases, likewise.
#[rustfmt::skip]
const STATEMENTS: &[(&str, Make)] = &[
    ("SQL",                   |length| statement("postgresql", "SELECT a FROM t WHERE b IN (", "'it', ", length)),
    ("one text of SQL",       |length| statement("mysql", "SELECT '", "it ", length)),
    ("SQL of nobody knows who", |length| statement("who knows", "INSERT ", "\"it\" ", length)),
    ("a document",            |length| statement("mongodb", "{\"a\": [", "\"it\", ", length)),
    ("documents",             |length| statement("elasticsearch", "", "{\"a\": 1}\n", length)),
    ("a command",             |length| statement("redis", "SET k ", "it ", length)),
    ("lines of a command",    |length| statement("redis", "SET k ", "it\n", length)),
    ("a name that is SQL",    |length| SpanData { name: statement_text("SELECT ", "'it', ", length).into(), ..statement("mysql", "", "", 0) }),
];

/// A call of a database with a statement of this length.
fn statement(system: &'static str, start: &str, part: &str, length: usize) -> SpanData {
    let text = statement_text(start, part, length);
    let attributes =
        vec![KeyValue::new("db.system.name", system), KeyValue::new("db.query.text", text)];
    SpanData { span_kind: SpanKind::Client, attributes, ..span() }
}

fn statement_text(start: &str, part: &str, length: usize) -> String {
    [start, &part.repeat(length / part.len().max(1))].concat()
}

/// A batch of this many parts.
type MakeMany = fn(usize) -> Vec<SpanData>;

fn spans(count: usize, change: impl Fn(u64, &mut SpanData)) -> Vec<SpanData> {
    let make = |number| {
        let mut span = span();
        span.span_context = context(0x11, number);
        change(number, &mut span);
        span
    };
    (1..=count as u64).map(make).collect()
}

fn attributes(count: usize, make: impl Fn(usize) -> KeyValue) -> Vec<SpanData> {
    vec![SpanData { attributes: (0..count).map(make).collect(), ..span() }]
}

/// Batches, each with its number of parts in the first measurement.
#[rustfmt::skip]
const PARTS: &[(&str, usize, MakeMany)] = &[
    ("different keys",      5_000, |count| attributes(count, |i| KeyValue::new(format!("key {i}"), "v"))),
    ("numbers",             5_000, |count| attributes(count, |i| KeyValue::new(format!("key {i}"), 7))),
    ("empty texts",         5_000, |count| attributes(count, |i| KeyValue::new(format!("key {i}"), ""))),
    ("equal keys",         20_000, |count| attributes(count, |_| KeyValue::new("key", "v"))),
    ("equal rows",         20_000, |count| attributes(count, |_| KeyValue::new("http.route", "v"))),
    ("keys that are cut",   1_000, |count| attributes(count, |i| KeyValue::new(format!("{}{i}", "k".repeat(200)), "v"))),
    ("headers",             5_000, |count| attributes(count, |i| KeyValue::new(format!("http.request.header.{i}"), "v"))),
    ("tags of a scope",     5_000, |count| vec![scoped(InstrumentationScope::builder("s").with_attributes((0..count).map(|i| KeyValue::new(format!("key {i}"), "v"))))]),
    ("keys in an event",    5_000, |count| vec![with_event("e", (0..count).map(|i| KeyValue::new(format!("key {i}"), "v")).collect())]),
    ("keys of an error",    5_000, |count| {
        let keys = (0..count).map(|i| KeyValue::new(format!("error.key {i}"), "v"));
        vec![failed(with_event("e", [KeyValue::new("level", "ERROR")].into_iter().chain(keys).collect()))]
    }),
    ("equal keys in an event", 20_000, |count| vec![with_event("e", vec![KeyValue::new("key", "v"); count])]),
    ("events",             20_000, |count| { let mut span = span(); span.events.events = vec![Event::new("e", UNIX_EPOCH, vec![], 0); count]; vec![span] }),
    ("links",              20_000, |count| { let mut span = span(); span.links.links = vec![Link::new(context(1, 1), vec![], 0); count]; vec![span] }),
    ("a chain, the last first", 500, |count| spans(count, |number, span| span.parent_span_id = SpanId::from(number + 1))),
    ("a cycle",               500, |count| spans(count, |number, span| span.parent_span_id = SpanId::from(if number == 1 { 500 } else { number - 1 }))),
    ("orphans",               500, |count| spans(count, |number, span| span.parent_span_id = SpanId::from(1_000_000 + number))),
    ("equal ids",             500, |count| spans(count, |_, span| span.span_context = context(0x11, 0x22))),
    ("traces",                500, |count| spans(count, |number, span| span.span_context = context(number.into(), number))),
    ("versions",              500, |count| spans(count, |number, span| {
        span.span_context = context(number.into(), number);
        span.attributes = vec![KeyValue::new("service.version", number.to_string())];
    })),
    ("scopes",                500, |count| spans(count, |number, span| {
        span.instrumentation_scope = InstrumentationScope::builder(number.to_string()).build();
    })),
];

#[test]
fn each_of_many_parts_costs_the_same_however_many_there_are() {
    for (name, few, make) in PARTS {
        let exporter = exporter();
        let of = |count| {
            let batch = make(count);
            shortest(|| batch.clone(), |batch| block_on(exporter.export(batch)).unwrap())
        };
        assert_at_most(LINEAR, of(*few), of(few * MORE), name);
    }
}

#[test]
fn a_resource_and_a_configuration_of_many_tags_cost_the_same_for_each() {
    let tags = |count: usize| (0..count).map(|i| (format!("key {i}"), format!("value {i}")));
    let resource = |count| {
        let attributes = tags(count).map(|(key, value)| KeyValue::new(key, value));
        Resource::builder_empty().with_attributes(attributes).build()
    };
    let of_resource = |count| {
        let make = || (exporter(), resource(count));
        shortest(make, |(mut exporter, resource)| exporter.set_resource(&resource))
    };
    assert_at_most(LINEAR, of_resource(2_000), of_resource(2_000 * MORE), "a resource");
    let of_configuration = |count| {
        let builder = || {
            let builder = DatadogExporter::builder();
            tags(count).fold(builder, |builder, (key, value)| builder.with_tag(key, value))
        };
        shortest(builder, |builder| drop(black_box(builder.build().unwrap())))
    };
    let (few, many) = (of_configuration(2_000), of_configuration(2_000 * MORE));
    assert_at_most(LINEAR, few, many, "a configuration");
    // An empty text is looked for among the tags of the resource.
    let of_both = |count| {
        let mut exporter = exporter();
        exporter.set_resource(&resource(count));
        let make = || attributes(count, |i| KeyValue::new(format!("key {i}"), ""));
        shortest(make, |batch| block_on(exporter.export(batch)).unwrap())
    };
    assert_at_most(LINEAR, of_both(2_000), of_both(2_000 * MORE), "both");
}

/// Makes the value of a header with this many parts.
type Header = fn(usize) -> String;

fn joined(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect::<Vec<_>>().concat()
}

#[test]
fn headers_of_many_members_cost_the_same_for_each() {
    let propagator = DatadogPropagator::new();
    let headers = |name: &str, value: String| -> std::collections::HashMap<String, String> {
        let parent = "00-640cfd8d00000000123456789abcdef0-000000000000004d-01";
        [("traceparent", parent.to_owned()), ("x-datadog-trace-id", "7".to_owned()), (name, value)]
            .map(|(name, value)| (name.to_owned(), value))
            .into()
    };
    let rows: [(&str, &str, Header); 6] = [
        ("tracestate", "members", |count| joined(count, |i| format!("k{i}=v,"))),
        ("tracestate", "tags", |count| format!("dd={}", "t.a:b;".repeat(count))),
        ("x-datadog-tags", "tags", |count| joined(count, |i| format!("_dd.p.k{i}=v,"))),
        ("x-datadog-origin", "a long one", |count| "origin".repeat(count)),
        ("x-datadog-sampling-priority", "digits", |count| "0".repeat(count)),
        ("traceparent", "parts", |count| "00-".repeat(count)),
    ];
    for (header, name, make) in rows {
        let of = |count| {
            let make = || headers(header, make(count));
            shortest(make, |headers| drop(black_box(propagator.extract(&headers))))
        };
        assert_at_most(LINEAR, of(20_000), of(20_000 * MORE), &format!("{header}: {name}"));
    }
}

#[test]
fn a_pattern_of_many_stars_looks_at_a_text_in_proportion() {
    let rule = SamplingRule::new(0.0).with_tag("k", "*a*a*a*a*a*a*a*a*b");
    let sampler = DatadogSampler::builder().with_rule(rule).build().unwrap();
    let decide = |attributes: &[KeyValue]| {
        let (id, kind) = (TraceId::from(7), SpanKind::Server);
        let answer = sampler.should_sample(None, id, "work", &kind, attributes, &[]);
        assert_eq!(answer.decision, SamplingDecision::RecordAndSample);
    };
    let of = |length: usize| {
        let attributes = [KeyValue::new("k", "a".repeat(length))];
        shortest(|| (), |()| decide(&attributes))
    };
    assert_at_most(LINEAR, of(2_000), of(2_000 * MORE), "a value");
    assert_at_most(FLAT, of(LONG), of(ENDLESS), "an endless value");
}

#[test]
fn a_start_of_a_span_with_an_endless_text_costs_the_same() {
    let rule = SamplingRule::new(0.0).with_name("?*").with_resource("?*").with_tag("k", "*b");
    let sampler = DatadogSampler::builder().with_rule(rule).build().unwrap();
    for (name, make) in TEXTS.iter().chain(STATEMENTS) {
        let of = |length| {
            let SpanData { name, attributes, span_kind, .. } = make(length);
            shortest(
                || (),
                |()| {
                    let none = Context::new();
                    let id = TraceId::from(7);
                    let decide =
                        sampler.should_sample(Some(&none), id, &name, &span_kind, &attributes, &[]);
                    drop(black_box(decide));
                },
            )
        };
        assert_at_most(FLAT, of(LONG), of(ENDLESS), name);
    }
}
