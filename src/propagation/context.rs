//! The trace context that crosses a process border, whatever it is written in.
//!
//! Every text is borrowed: from the caller's headers when reading, from the span's context when writing.
//! [`TraceContext::of`] and [`TraceContext::into_span_context`] are where OpenTelemetry begins; the state
//! that it has no place for stands in the trace state, under `dd`. Not here: headers.

use std::borrow::Cow;

use opentelemetry::trace::{SpanContext, TraceFlags, TraceState};
use opentelemetry::{SpanId, TraceId};

use super::member;
use crate::datadog::ids::{low_half, span_id, stand_in};
use crate::datadog::state::{CallerText, DECISION_MAKER, MEMBER, NO_PARENT, State};

/// The most members of a trace state: the limit of W3C.
pub(super) const MAX_MEMBERS: usize = 32;

/// A tag of the trace: its name without `_dd.p.`, and its value.
pub(super) type Tag<'a> = (&'a str, CallerText<'a>);
/// A member of a trace state that is not Datadog's.
pub(super) type Vendor<'a> = (&'a str, &'a str);
/// The value of `_dd.propagation_error` on the local root.
pub(super) type PropagationError = Cow<'static, str>;

/// The trace context of one style.
#[derive(Clone, Debug)]
pub(super) struct TraceContext<'a> {
    /// All 128 bits, not zero.
    pub(super) trace_id: TraceId,
    /// The caller's span when reading, zero if it has none; the current span when writing.
    pub(super) span_id: SpanId,
    /// True if it came from a caller.
    pub(super) is_remote: bool,
    /// The decision about sampling; none while nobody has decided.
    pub(super) priority: Option<i8>,
    /// The origin of the trace; empty if unknown.
    pub(super) origin: CallerText<'a>,
    /// Tags of the trace in the order in which they are written, without the high half of its id.
    pub(super) tags: Vec<Tag<'a>>,
    /// The id of the last span that Datadog knows of; empty if unknown.
    pub(super) last_parent: Cow<'a, str>,
    /// The other members of the trace state, in order.
    pub(super) vendors: Vec<Vendor<'a>>,
    /// The last error.
    pub(super) error: Option<PropagationError>,
    /// The header with the upper half of the id is missing, too long or switched off: the half is unknown, not zero.
    pub(super) lacks_half: bool,
}

impl<'a> TraceContext<'a> {
    /// Reads the context of a span; `is_open` says that nobody has decided about sampling.
    pub(super) fn of(context: &'a SpanContext, is_open: bool) -> Self {
        let state = State::of(context);
        let (trace_id, span_id) = (context.trace_id(), context.span_id());
        let last_parent = state.last_parent().unwrap_or("");
        let has_stand_in =
            context.is_remote() && span_id == stand_in(trace_id) && last_parent == NO_PARENT;
        let vendors = context.trace_state().into_iter().filter(|(key, _)| *key != MEMBER);
        Self {
            trace_id,
            span_id: if has_stand_in { SpanId::INVALID } else { span_id },
            is_remote: context.is_remote(),
            priority: (!is_open).then(|| state.priority()),
            origin: state.origin().unwrap_or(CallerText::plain("")),
            tags: in_order(state.tags().collect()),
            last_parent: last_parent.into(),
            vendors: vendors.collect(),
            error: None,
            lacks_half: false,
        }
    }

    /// Returns the context of a remote parent that says all this, within the limits of a trace state.
    pub(super) fn into_span_context(mut self) -> SpanContext {
        if self.span_id == SpanId::INVALID {
            self.span_id = stand_in(self.trace_id);
            self.last_parent = NO_PARENT.into();
        }
        // A decision that is open is no reason to drop the trace here.
        let flags = if self.priority.is_none_or(|priority| priority > 0) {
            TraceFlags::SAMPLED
        } else {
            TraceFlags::NOT_SAMPLED
        };
        let written = member::write(&self, &self.last_parent);
        let own = (!written.is_empty()).then_some((MEMBER, written.as_str()));
        let members = own.into_iter().chain(self.vendors.iter().copied());
        // Every member was checked when it was read.
        let state = TraceState::from_key_value(members.take(MAX_MEMBERS)).unwrap_or_default();
        SpanContext::new(self.trace_id, self.span_id, flags, true, state)
    }

    /// Takes over what `traceparent` and `tracestate` know about the same trace: the members of others, and
    /// the span between the last one that Datadog knows of and us.
    pub(super) fn join(&mut self, other: Self) {
        self.trace_id = other.trace_id;
        self.vendors = other.vendors;
        if self.span_id == other.span_id {
            return;
        }
        self.last_parent = match (other.last_parent, self.span_id) {
            (known, _) if !known.is_empty() => known,
            (none, SpanId::INVALID) => none,
            (_, id) => format!("{:016x}", span_id(id)).into(),
        };
        self.span_id = other.span_id;
    }

    /// Returns true if another context is of this trace. If the upper half of an id is unknown, the lower half
    /// decides.
    pub(super) fn is_same_trace(&self, other: &Self) -> bool {
        let (own, others) = (self.trace_id, other.trace_id);
        own == others || (self.lacks_half && low_half(own) == low_half(others))
    }

    /// Returns true if the sampled flag is set. It is not while the decision is open: the reader decides then.
    pub(super) fn is_sampled(&self) -> bool {
        self.priority.is_some_and(|priority| priority > 0)
    }
}

/// Puts tags into the order in which they are written, the decision maker first; of several with one name
/// the first stays.
pub(super) fn in_order(mut tags: Vec<Tag<'_>>) -> Vec<Tag<'_>> {
    tags.sort_by_key(|(name, _)| (*name != DECISION_MAKER, *name));
    tags.dedup_by_key(|(name, _)| *name);
    tags
}
