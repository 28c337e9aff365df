//! Tags of a span about sampling, from its attributes, its place and its trace state.

use opentelemetry::trace::SpanKind;

use super::{Content, Pass};
use crate::datadog::state::{NO_PARENT, State, TAG_PREFIX};
use crate::datadog::{self, ids};
use crate::encoding::{Sink, Text};
use crate::mapping::attributes::Attribute;
use crate::mapping::lookup;
use crate::mapping::normalize::MAX_KEY;
use crate::mapping::{Place, naming, sampling};

impl<S: Sink> Pass<'_, '_, S> {
    /// Writes the numbers that sampling and statistics go by, and what the caller said.
    pub(super) fn sampling(&mut self, place: Place, foreign_service: bool, is_measured: bool) {
        let span = self.reader.span;
        let kind = &span.span_kind;
        let local_root = ids::is_local_root(span);
        let asked = self
            .lookup()
            .span_number(Attribute::AskedSamplingPriority)
            .map(datadog::sampling::priority_asked_for);
        if asked.is_some() {
            self.late.remove(Attribute::AskedSamplingPriority);
        }
        let speaks = place == Place::Head || local_root;
        // The wire name is taken literally.
        let explicit = self.lookup().span_number(Attribute::SamplingPriority).or(asked);
        // About the trace, so on its local root alone: two chunks of one trace must not differ.
        let of_trace = |known| self.lookup().span(known).filter(|_| local_root);
        let manual = sampling::manual_priority(of_trace);
        let state = State::of(&span.span_context);
        let state = match (explicit, manual) {
            // A span of a rejected trace, let through to be counted: the flag is not its own.
            (Some(priority), _) => state.decided(priority >= 1.0),
            (None, Some(priority)) => state.decided_by_user(priority >= 1.0),
            (None, None) => state,
        };
        let default = speaks.then(|| datadog::sampling::priority_of(state));
        self.number_or(Attribute::SamplingPriority, explicit.or(manual).or(default));
        let analysed = self.lookup().span(Attribute::AnalyticsEvent).and_then(lookup::is_set);
        self.number_or(
            Attribute::Analysed,
            analysed.map(|analysed| if analysed { 1.0 } else { 0.0 }),
        );
        self.measured(is_measured);
        // On every span: the Agent weighs a chunk by whichever it takes for the root.
        self.number_or(
            Attribute::SampleRate,
            datadog::sampling::kept_fraction(span.span_context.trace_state()),
        );
        let entry =
            local_root || foreign_service || matches!(kind, SpanKind::Server | SpanKind::Consumer);
        self.number_or(Attribute::TopLevel, entry.then_some(1.0));
        if state.has_items() || manual.is_some() {
            self.caller(state, speaks);
        }
    }

    /// The hook of the user has the last word, over the attribute too.
    fn measured(&mut self, measured: bool) {
        let own = self.lookup().span_number(Attribute::Measured);
        let is_overruled = own.is_some_and(|own| naming::says_yes(own) != measured);
        if is_overruled {
            self.late.remove(Attribute::Measured);
            let number = if measured { 1.0 } else { 0.0 };
            self.writer.number(Attribute::Measured, number);
        } else {
            self.number_or(Attribute::Measured, measured.then_some(1.0));
        }
    }

    /// Writes the caller's facts about the trace. The origin goes to every span, since a chunk may be cut.
    fn caller(&mut self, state: State<'_>, speaks: bool) {
        if let Some(origin) = state.origin() {
            let origin = Text::Shown(format_args!("{origin}"));
            self.put_default(Attribute::Origin, Content::Pieces(origin));
        }
        let last_parent = state.last_parent().filter(|id| *id != NO_PARENT);
        if let Some(id) = last_parent.filter(|_| self.reader.span.parent_span_is_remote) {
            self.put_default(Attribute::LastParent, Content::Raw(id));
        }
        if speaks {
            self.trace_tags(state);
        }
    }

    /// The tags of the trace; an attribute of the same name comes first.
    fn trace_tags(&mut self, state: State<'_>) {
        let mut name = std::mem::take(self.writer.text);
        for (key, value) in state.tags() {
            name.clear();
            name.push_str(TAG_PREFIX);
            name.push_str(key);
            if name.len() <= MAX_KEY && !self.reader.is_named(&name) {
                self.writer.sink.meta(Text::Str(&name), Text::Shown(format_args!("{value}")));
            }
        }
        *self.writer.text = name;
    }
}
