//! The style `tracecontext`: `traceparent`, and `tracestate` with Datadog's member `dd`.

use std::fmt::Write as _;

use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::{SpanId, TraceId};

use super::Broken;
use super::context::{MAX_MEMBERS, TraceContext, Vendor, in_order};
use super::member::{self, MAX_VALUE};
use crate::datadog::ids::Hex;
use crate::datadog::state::{CallerText, MEMBER, State, trim};

/// Trace id, span id and sampled flag.
const TRACEPARENT: &str = "traceparent";
/// The members of all vendors.
const TRACESTATE: &str = "tracestate";

/// Every header of this style.
pub(super) const HEADERS: &[&str] = &[TRACEPARENT, TRACESTATE];

/// The form of a `traceparent`, for messages.
const FORM: &str =
    "one header like 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, ids not zero";
/// The most bytes of a member's key: the limit of W3C.
const MAX_KEY: usize = 256;
/// The most bytes of the part of a key that names the system of a tenant.
const MAX_SYSTEM: usize = 13;
/// The only flag that counts; bit 1, for one, is set on every trace id of level 2.
const SAMPLED: u8 = 1;

/// Reads both headers, if there is a `traceparent`.
pub(super) fn read(extractor: &dyn Extractor) -> Option<Result<TraceContext<'_>, Broken>> {
    let parents = extractor.get_all(TRACEPARENT)?;
    let (Some(parent), 0 | 1) = (parents.first(), parents.len()) else {
        return (!parents.is_empty()).then(|| Err(Broken::new(TRACEPARENT, "(several)", FORM)));
    };
    let Some((trace_id, span_id, sampled)) = traceparent(trim(parent)) else {
        return Some(Err(Broken::new(TRACEPARENT, parent, FORM)));
    };
    let (dd, vendors) = members(&extractor.get_all(TRACESTATE).unwrap_or_default());
    let state = State::new(sampled, dd);
    Some(Ok(TraceContext {
        trace_id,
        span_id,
        is_remote: true,
        priority: Some(state.priority()),
        origin: state.origin().unwrap_or(CallerText::plain("")),
        tags: in_order(state.tags().collect()),
        last_parent: state.last_parent().unwrap_or("").into(),
        vendors,
        error: None,
        lacks_half: false,
    }))
}

/// Writes both headers.
pub(super) fn write(context: &TraceContext<'_>, injector: &mut dyn Injector) {
    let trace = Hex::<32>::new(&context.trace_id.to_bytes());
    let span = Hex::<16>::new(&context.span_id.to_bytes());
    let flags = if context.is_sampled() { "01" } else { "00" };
    injector.set(TRACEPARENT, ["00", trace.as_str(), span.as_str(), flags].join("-"));
    let parent = if context.is_remote { &*context.last_parent } else { span.as_str() };
    let own = member::write(context, parent);
    let own = (!own.is_empty()).then_some((MEMBER, own.as_str()));
    let length: usize =
        context.vendors.iter().map(|(key, value)| key.len() + value.len() + 2).sum();
    let mut state = String::with_capacity(MEMBER.len() + 2 + MAX_VALUE + length);
    let members = own.into_iter().chain(context.vendors.iter().copied()).take(MAX_MEMBERS);
    for (number, (key, value)) in members.enumerate() {
        let separator = if number == 0 { "" } else { "," };
        write!(state, "{separator}{key}={value}").expect("writing to a String cannot fail");
    }
    if !state.is_empty() {
        injector.set(TRACESTATE, state);
    }
}

/// Reads a `traceparent`: ids, and whether the sampled flag is set.
fn traceparent(text: &str) -> Option<(TraceId, SpanId, bool)> {
    let mut parts = text.splitn(5, '-');
    let mut digits = |length: usize| parts.next().filter(|part| part.len() == length);
    let version = lower_hex(digits(2)?)?;
    let trace = lower_hex(digits(32)?)?;
    let span = u64::try_from(lower_hex(digits(16)?)?).ok()?;
    let flags = u8::try_from(lower_hex(digits(2)?)?).ok()?;
    let is_version = match version {
        0 => parts.next().is_none(),
        0xff => false,
        _ => true,
    };
    (is_version && trace != 0 && span != 0)
        .then(|| (TraceId::from(trace), SpanId::from(span), flags & SAMPLED != 0))
}

fn lower_hex(text: &str) -> Option<u128> {
    let are_digits = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if are_digits { u128::from_str_radix(text, 16).ok() } else { None }
}

/// Reads the members of all `tracestate` headers as one list: the value of the first `dd`, and the others.
/// A bad member is left out alone, and so is a key that was there already.
fn members<'a>(headers: &[&'a str]) -> (&'a str, Vec<Vendor<'a>>) {
    let mut own = "";
    let mut vendors: Vec<Vendor<'a>> = Vec::new();
    let list = headers.iter().flat_map(|header| header.split(','));
    for (key, value) in list.filter_map(|text| trim(text).split_once('=')) {
        let is_value = !value.is_empty() && value.len() <= MAX_VALUE && !value.contains('=');
        if key == MEMBER {
            own = if own.is_empty() && is_value { value } else { own };
        } else if is_value
            && vendors.len() < MAX_MEMBERS - 1
            && value.bytes().all(|b| matches!(b, b' '..=b'~'))
            && is_key(key)
            && !vendors.iter().any(|(other, _)| *other == key)
        {
            vendors.push((key, value));
        }
    }
    (own, vendors)
}

/// Returns true if a text is a key, by the rules that the OpenTelemetry trace state checks again.
fn is_key(key: &str) -> bool {
    let is_start = |b: Option<u8>| b.is_some_and(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9'));
    let is_plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/');
    let (tenant, system) = key.split_once('@').unwrap_or((key, "x"));
    key.len() <= MAX_KEY
        && [tenant, system].iter().all(|part| is_start(part.bytes().next()))
        && [tenant, system].iter().all(|part| part.bytes().all(is_plain))
        && system.len() <= MAX_SYSTEM
}
