//! The style `datadog`: five `x-datadog-*` headers.

use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::{SpanId, TraceId};

use super::context::{PropagationError, TraceContext};
use super::{Broken, tags};
use crate::datadog::ids::{low_half, span_id};
use crate::datadog::state::{CallerText, trim};

/// Low half of the trace id, decimal.
const TRACE_ID: &str = "x-datadog-trace-id";
/// The span id, decimal.
const PARENT_ID: &str = "x-datadog-parent-id";
/// The sampling priority, signed.
const PRIORITY: &str = "x-datadog-sampling-priority";
/// The origin of the trace.
const ORIGIN: &str = "x-datadog-origin";
/// Tags of the trace, with the high half of its id.
const TAGS: &str = "x-datadog-tags";

/// Every header of this style.
pub(super) const HEADERS: &[&str] = &[TRACE_ID, PARENT_ID, PRIORITY, ORIGIN, TAGS];

/// The most digits of a decimal id.
const MAX_DIGITS: usize = 20;

/// Reads the headers, if there is a trace id.
pub(super) fn read(
    extractor: &dyn Extractor,
    tags_limit: usize,
) -> Option<Result<TraceContext<'_>, Broken>> {
    let header = |name: &str| extractor.get(name).map(trim);
    let text = header(TRACE_ID)?;
    let Some(low) = decimal(text).filter(|low| *low != 0) else {
        return Some(Err(Broken::new(TRACE_ID, text, "a decimal number from 1 to 2^64 - 1")));
    };
    let tags = tags::read(header(TAGS).unwrap_or(""), tags_limit);
    Some(Ok(TraceContext {
        trace_id: TraceId::from(u128::from(tags.high) << 64 | u128::from(low)),
        span_id: SpanId::from(header(PARENT_ID).and_then(decimal).unwrap_or(0)),
        is_remote: true,
        priority: header(PRIORITY).and_then(|text| text.parse().ok()),
        origin: CallerText::plain(header(ORIGIN).unwrap_or("")),
        tags: tags.list,
        last_parent: "".into(),
        vendors: Vec::new(),
        lacks_half: tags.is_unread,
        error: tags.error,
    }))
}

/// Writes the headers; says what could not be written.
pub(super) fn write(
    context: &TraceContext<'_>,
    injector: &mut dyn Injector,
    tags_limit: usize,
) -> Option<PropagationError> {
    let low = low_half(context.trace_id);
    if low == 0 {
        return None;
    }
    injector.set(TRACE_ID, low.to_string());
    injector.set(PARENT_ID, span_id(context.span_id).to_string());
    if let Some(priority) = context.priority {
        injector.set(PRIORITY, priority.to_string());
    }
    if !context.origin.is_empty() {
        let printable = |c| if matches!(c, ' '..='~') { c } else { '_' };
        let mut origin = String::with_capacity(context.origin.len());
        origin.extend(context.origin.chars().map(printable));
        injector.set(ORIGIN, origin);
    }
    let (tags, error) = tags::write(context, tags_limit);
    if let Some(tags) = tags {
        injector.set(TAGS, tags);
    }
    error
}

/// Reads a decimal id: digits and nothing else.
fn decimal(text: &str) -> Option<u64> {
    let are_digits = text.len() <= MAX_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
    if are_digits { text.parse().ok() } else { None }
}
