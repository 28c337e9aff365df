//! Any spans: the fuzzer's bytes choose what is in them.
//!
//! Keys are mostly those with a meaning of their own, values often those that mean something, ids few, so that
//! they meet.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use libfuzzer_sys::arbitrary::{Arbitrary as _, Result, Unstructured};
use opentelemetry::trace::{Event, Link, SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{
    Array, InstrumentationScope, InstrumentationScopeBuilder, Key, KeyValue, SpanId, StringValue,
    TraceId, Value,
};
use opentelemetry_datadog_agent::fuzzing;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

/// The most spans of a batch, attributes of a span, and items of a list.
const MAX_SPANS: usize = 8;
/// See [`MAX_SPANS`].
const MAX_ATTRIBUTES: usize = 12;
/// See [`MAX_SPANS`].
const MAX_ITEMS: usize = 3;

/// It is taken literally, so that most of its values are wrong in themselves.
const PRIORITY: &str = "_sampling_priority_v1";

/// Keys that are known by their beginning, or to the Agent alone.
#[rustfmt::skip]
const OTHER_KEYS: &[&str] = &[
    "datadog.other", "http.request.header.x", "http.request.headers.x", "http.response.header.x",
    "db.query.parameter.x", "db.operation.parameter.x", "gen_ai.system", "_dd.p.dm", "_dd.p.a", "_dd.agent_psr",
    "host.name", "team", "container.id", "k8s.pod.name", "otel.other", "a.b", "a",
];

static KEYS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    fuzzing::keys().filter(|key| *key != PRIORITY).chain(OTHER_KEYS.iter().copied()).collect()
});

/// Values that mean something to one of the keys.
#[rustfmt::skip]
const TEXTS: &[&str] = &[
    "", "GET", "_OTHER", "postgresql", "redis", "mongodb", "grpc", "aws-api", "server", "client", "prod", "Staging",
    "!", "true", "0", "500", "2", "1.5", "-4", "SELECT 'x'", "{\"a\":[1]}", "shop", "unknown_service:x", "web", "sql",
    "http://u:p@host/a?b#c", "exception", "error",
];

/// Trace states that say something.
const STATES: &[&str] = &[
    "",
    "dd=s:2;o:rum;p:00f067aa0ba902b7;t.dm:-4;t.usr.id:baz64~~",
    "dd=p:1;t.a:b;t.a:~;t.:c;t.tid:1",
    "ot=th:8;rv:ffffffffffffff",
    "ot=p:4,dd=s:-1",
    "a=b,c=d",
];

/// Returns a batch in which no two spans have the same ids: no tracer makes such.
pub fn batch(u: &mut Unstructured<'_>) -> Result<Vec<SpanData>> {
    let mut batch = list(u, MAX_SPANS, span)?;
    let mut seen = std::collections::HashSet::new();
    batch.retain(|span| seen.insert(ids(span)));
    Ok(batch)
}

/// Returns a resource.
pub fn resource(u: &mut Unstructured<'_>) -> Result<Resource> {
    Ok(Resource::builder_empty().with_attributes(list(u, MAX_ATTRIBUTES, attribute)?).build())
}

/// Returns the ids of a span: all of its trace's, and its own.
pub fn ids(span: &SpanData) -> (u128, u64) {
    let context = &span.span_context;
    let trace = u128::from_be_bytes(context.trace_id().to_bytes());
    (trace, u64::from_be_bytes(context.span_id().to_bytes()))
}

/// A span of which nothing is known but its ids.
pub fn plain_span() -> SpanData {
    let (trace, id) = (TraceId::from(1), SpanId::from(2));
    SpanData {
        span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::NONE),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "work".into(),
        start_time: UNIX_EPOCH,
        end_time: UNIX_EPOCH,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

fn list<T>(
    u: &mut Unstructured<'_>,
    most: usize,
    item: fn(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    (0..u.int_in_range(0..=most)?).map(|_| item(u)).collect()
}

fn span(u: &mut Unstructured<'_>) -> Result<SpanData> {
    let (mut events, mut links) = (SpanEvents::default(), SpanLinks::default());
    let span_context = context(u)?;
    let span_kind = kind(u)?;
    let attributes = list(u, MAX_ATTRIBUTES, attribute)?;
    events.events = list(u, MAX_ITEMS, event)?;
    links.links = list(u, MAX_ITEMS, link)?;
    Ok(SpanData {
        span_context,
        parent_span_id: if u.arbitrary()? { SpanId::INVALID } else { span_id(u)? },
        parent_span_is_remote: u.arbitrary()?,
        span_kind,
        name: text(u)?.into(),
        start_time: time(u)?,
        end_time: time(u)?,
        attributes,
        dropped_attributes_count: u.arbitrary()?,
        events,
        links,
        status: status(u)?,
        instrumentation_scope: scope(u)?,
    })
}

/// Returns a kind of span.
pub fn kind(u: &mut Unstructured<'_>) -> Result<SpanKind> {
    use SpanKind::{Client, Consumer, Internal, Producer, Server};
    Ok(u.choose(&[Client, Server, Internal, Producer, Consumer])?.clone())
}

fn context(u: &mut Unstructured<'_>) -> Result<SpanContext> {
    let flags = if u.arbitrary()? { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let state = match u.int_in_range(0..=3)? {
        0 => format!("dd={}", <&str>::arbitrary(u)?).parse(),
        1 => <&str>::arbitrary(u)?.parse(),
        _ => u.choose(STATES)?.parse(),
    };
    let (trace, id) = (trace_id(u)?, span_id(u)?);
    Ok(SpanContext::new(trace, id, flags, u.arbitrary()?, state.unwrap_or_default()))
}

fn trace_id(u: &mut Unstructured<'_>) -> Result<TraceId> {
    let (high, low) = (number(u)?, number(u)?);
    Ok(TraceId::from(u128::from(high) << 64 | u128::from(low)))
}

fn span_id(u: &mut Unstructured<'_>) -> Result<SpanId> {
    number(u).map(SpanId::from)
}

/// Returns a small number, or any.
fn number(u: &mut Unstructured<'_>) -> Result<u64> {
    let small = u.int_in_range(0..=15)?;
    if small == 15 { u.arbitrary() } else { Ok(small) }
}

/// Returns a text that means something, any, or a long one.
fn text(u: &mut Unstructured<'_>) -> Result<String> {
    Ok(match u.int_in_range(0..=63)? {
        0..=31 => (*u.choose(TEXTS)?).to_owned(),
        32..=35 => "é".repeat(u.int_in_range(40..=110)?),
        36 => "é".repeat(u.int_in_range(2_400..=2_600)?),
        37 => <&str>::arbitrary(u)?.repeat(3_000),
        _ => <&str>::arbitrary(u)?.to_owned(),
    })
}

fn integer(u: &mut Unstructured<'_>) -> Result<i64> {
    if u.arbitrary()? { u.arbitrary() } else { u.int_in_range(-2..=600) }
}

fn value(u: &mut Unstructured<'_>) -> Result<Value> {
    Ok(match u.int_in_range(0..=9)? {
        0 => Value::I64(integer(u)?),
        1 => Value::F64(u.arbitrary()?),
        2 => Value::Bool(u.arbitrary()?),
        3 => Value::Array(Array::I64(list(u, MAX_ITEMS, integer)?)),
        4 => Value::Array(Array::F64(list(u, MAX_ITEMS, |u| u.arbitrary())?)),
        5 => Value::Array(Array::Bool(list(u, MAX_ITEMS, |u| u.arbitrary())?)),
        6 => Value::Array(Array::String(list(u, MAX_ITEMS, |u| text(u).map(StringValue::from))?)),
        _ => text(u)?.into(),
    })
}

fn attribute(u: &mut Unstructured<'_>) -> Result<KeyValue> {
    let key = match u.int_in_range(0..=7)? {
        0 => text(u)?,
        1 => "k".repeat(u.int_in_range(190..=210)?),
        _ => (*u.choose(&KEYS)?).to_owned(),
    };
    let key = if key == PRIORITY { "priority".to_owned() } else { key };
    Ok(KeyValue::new(Key::from(key), value(u)?))
}

/// Returns a time of this century, or any that the system knows.
fn time(u: &mut Unstructured<'_>) -> Result<SystemTime> {
    let base = if u.arbitrary()? { 1_750_000_000 } else { 0 };
    let distance = match u.int_in_range(0..=2)? {
        0 => Duration::from_nanos(u.arbitrary::<u32>()?.into()),
        1 => Duration::from_secs(u.arbitrary::<u32>()?.into()),
        _ => Duration::new(u.arbitrary()?, u.int_in_range(0..=999_999_999)?),
    };
    let base = UNIX_EPOCH + Duration::from_secs(base);
    let time = if u.arbitrary()? { base.checked_sub(distance) } else { base.checked_add(distance) };
    Ok(time.unwrap_or(base))
}

fn event(u: &mut Unstructured<'_>) -> Result<Event> {
    let name = if u.arbitrary()? { "exception".to_owned() } else { text(u)? };
    let (time, attributes) = (time(u)?, list(u, MAX_ITEMS, attribute)?);
    Ok(Event::new(name, time, attributes, u.arbitrary()?))
}

fn link(u: &mut Unstructured<'_>) -> Result<Link> {
    let (context, attributes) = (context(u)?, list(u, MAX_ITEMS, attribute)?);
    Ok(Link::new(context, attributes, u.arbitrary()?))
}

fn status(u: &mut Unstructured<'_>) -> Result<Status> {
    Ok(match u.int_in_range(0..=2)? {
        0 => Status::Unset,
        1 => Status::Ok,
        _ => Status::error(text(u)?),
    })
}

fn scope(u: &mut Unstructured<'_>) -> Result<InstrumentationScope> {
    if u.arbitrary()? {
        return Ok(InstrumentationScope::default());
    }
    let (name, version) = (text(u)?, text(u)?);
    let scope = InstrumentationScope::builder(name).with_attributes(list(u, MAX_ITEMS, attribute)?);
    let version = Some(version).filter(|version| !version.is_empty());
    Ok(version.into_iter().fold(scope, InstrumentationScopeBuilder::with_version).build())
}
