//! Traces whose spans are written by hand: who is whose child, of which kind, kept or not.

use std::time::{Duration, SystemTime};

use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId, TraceId};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

/// The resource of a service.
pub(crate) fn service(name: &'static str) -> Resource {
    Resource::builder_empty().with_attributes([KeyValue::new("service.name", name)]).build()
}

/// A span that ended just now and took 5 ms.
pub(crate) fn span(trace: u64, id: u64, parent: u64) -> SpanData {
    let end_time = SystemTime::now();
    SpanData {
        span_context: context(trace, id, TraceState::NONE),
        parent_span_id: SpanId::from(parent),
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "work".into(),
        start_time: end_time - Duration::from_millis(5),
        end_time,
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

/// A sampled context with both halves of the trace id in use.
pub(crate) fn context(trace: u64, id: u64, state: TraceState) -> SpanContext {
    let trace = TraceId::from(0x00c0_ffee << 64 | u128::from(trace));
    SpanContext::new(trace, SpanId::from(id), TraceFlags::SAMPLED, false, state)
}

/// A request as a service sees it, in the order in which its spans end: an entry span with a remote parent,
/// spans inside, calls to a database and another service, one failure, and a call that comes back in.
pub(crate) fn request(trace: u64, state: &TraceState) -> Vec<SpanData> {
    let id = |place: u64| trace * 100 + place;
    let with = |place, parent, kind, attributes: &[(&'static str, &'static str)]| SpanData {
        span_context: context(trace, id(place), state.clone()),
        parent_span_id: SpanId::from(parent),
        span_kind: kind,
        attributes: attributes.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect(),
        ..span(trace, 0, 0)
    };
    let database = [("db.system", "postgresql"), ("db.operation.name", "SELECT")];
    let call = [("http.request.method", "POST"), ("server.address", "pay")];
    let entry = [("http.request.method", "GET"), ("http.route", "/orders/{id}")];
    let mut spans = vec![
        with(5, id(3), SpanKind::Client, &database),
        with(6, id(3), SpanKind::Client, &call),
        with(3, id(1), SpanKind::Internal, &[]),
        with(8, id(7), SpanKind::Internal, &[]),
        with(7, id(6), SpanKind::Server, &entry),
        with(
            4,
            id(1),
            SpanKind::Producer,
            &[("messaging.system", "kafka"), ("messaging.operation", "send")],
        ),
        with(9, id(1), SpanKind::Client, &[("service.name", "cache"), ("db.system", "redis")]),
        with(1, 0xabcd, SpanKind::Server, &entry),
    ];
    spans[1].status = Status::error("card declined");
    for span in &mut spans {
        span.parent_span_is_remote = [id(1), id(7)].contains(&number(span));
    }
    spans
}

/// Returns the id of a span as a number.
pub(crate) fn number(span: &SpanData) -> u64 {
    u64::from_be_bytes(span.span_context.span_id().to_bytes())
}
