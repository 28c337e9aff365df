//! [`Decision`]: a decision about a trace as tags, and in the trace state, where propagator and exporter read it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::{self, Write as _};

use opentelemetry::KeyValue;
use opentelemetry::trace::TraceState;

use super::rate::Rate;
use super::weights::ALONE;
use crate::datadog::sampling::{
    OTEL_MEMBER, POWER_ITEM, THRESHOLD_DIGITS, THRESHOLD_ITEM, kept_fraction,
};
use crate::datadog::state::{DECISION_MAKER, KEPT_RATE, MEMBER, PRIORITY_ITEM, State, TAG_ITEM};
use crate::propagation::Member;

/// The decision maker, by the numbers of Datadog. Source: `DataDog/libdatadog`, `libdd-sampling`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    /// Nobody in particular.
    Default = 0,
    /// The Agent's rate.
    AgentRate = 1,
    /// A rule or rate of the user.
    LocalRule = 3,
    /// An attribute of the span.
    Manual = 4,
}

/// A decision about a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Decision {
    pub(super) keep: bool,
    pub(super) mechanism: Mechanism,
    pub(super) rate: Option<Rate>,
    /// The part of all traces that passed the limit, if it was asked.
    pub(super) passed: Option<f64>,
    /// The number of traces that this one stands for, if it is kept.
    pub(super) weight: f64,
}

/// The trace states written last, and memory for the next threshold.
#[derive(Default)]
struct Last {
    /// For a trace that is rejected, and for one that is kept.
    states: [Option<(Decision, TraceState)>; 2],
    threshold: String,
}

thread_local! {
    static LAST: RefCell<Last> = RefCell::default();
}

/// Two weights that differ by less are the same: a threshold has as many digits.
const ROUNDING: f64 = 1e-9;

/// The reason why nothing fails here.
const NO_ERROR: &str = "writing to a String cannot fail";

impl Decision {
    pub(super) fn new(keep: bool, mechanism: Mechanism, rate: Option<Rate>) -> Self {
        Self { keep, mechanism, rate, passed: None, weight: ALONE }
    }

    /// Returns the priority: what the user wants is stronger than what is automatic.
    fn priority(self) -> i8 {
        match (self.mechanism, self.keep) {
            (Mechanism::LocalRule | Mechanism::Manual, true) => 2,
            (Mechanism::LocalRule | Mechanism::Manual, false) => -1,
            (Mechanism::AgentRate | Mechanism::Default, keep) => keep.into(),
        }
    }

    /// Returns the tags of the root span that say how it came about.
    pub(super) fn attributes(self) -> Vec<KeyValue> {
        let rate = self.rate.and_then(|rate| {
            let key = match self.mechanism {
                Mechanism::AgentRate => "_dd.agent_psr",
                Mechanism::LocalRule => "_dd.rule_psr",
                Mechanism::Default | Mechanism::Manual => return None,
            };
            Some(KeyValue::new(key, rate.get()))
        });
        let passed = self.passed.map(|passed| KeyValue::new("_dd.limit_psr", passed));
        let mut attributes =
            Vec::with_capacity(usize::from(rate.is_some()) + usize::from(passed.is_some()));
        attributes.extend(rate);
        attributes.extend(passed);
        attributes
    }

    /// Returns the trace state of a root: the decision, beside what a caller said.
    ///
    /// Few roots have a caller, and many decisions differ from the one before in their weight alone: then the rest
    /// is copied, in a third of the time that it takes to write it (`cargo bench --bench sampling`).
    pub(super) fn state(self, caller: &TraceState) -> TraceState {
        if caller.into_iter().len() > 0 {
            return self.write(caller);
        }
        let last = LAST.try_with(|last| self.write_alone(&mut last.borrow_mut()));
        // A thread that ends has no memory left.
        last.unwrap_or_else(|_| self.write(&TraceState::NONE))
    }

    /// Writes a decision into a trace state of its own.
    fn write_alone(self, Last { states, threshold }: &mut Last) -> TraceState {
        // The part that passed is a tag, and not written here.
        let unweighed = Self { passed: None, weight: ALONE, ..self };
        let last = states[usize::from(self.keep)].take().filter(|(of, _)| *of == unweighed);
        let last = last.unwrap_or_else(|| (unweighed, unweighed.write(&TraceState::NONE)));
        let (_, state) = states[usize::from(self.keep)].insert(last);
        let rate = Rate::of_weight(self.weight);
        if !self.keep || rate >= Rate::ALL {
            return state.clone();
        }
        threshold.clear();
        write!(threshold, "{THRESHOLD_ITEM}{}", rate.threshold()).expect(NO_ERROR);
        let members = [(MEMBER, state.get(MEMBER).unwrap_or("")), (OTEL_MEMBER, &**threshold)];
        TraceState::from_key_value(members).unwrap_or_else(|_| state.clone())
    }

    /// Writes a decision into a trace state, beside what a caller said.
    pub(super) fn write(self, state: &TraceState) -> TraceState {
        let mut member = Member::default();
        let mut item = |shown: fmt::Arguments<'_>| {
            member.item(|text| text.write_fmt(shown).expect(NO_ERROR));
        };
        item(format_args!("{PRIORITY_ITEM}:{}", self.priority()));
        if self.keep {
            item(format_args!("{TAG_ITEM}{DECISION_MAKER}:-{}", self.mechanism as u8));
        }
        if let Some(rate) = self.rate {
            item(format_args!("{TAG_ITEM}{KEPT_RATE}:{rate}"));
        }
        for (name, value) in State::new(false, state.get(MEMBER).unwrap_or("")).undecided() {
            item(format_args!("{name}:{value}"));
        }
        // The weight first: the newest member stands in front.
        let state = if self.keep { weighed(state, self.weight) } else { Cow::Borrowed(state) };
        // The text is plain ASCII, and within the limit of a member.
        state.insert(MEMBER, member.text).unwrap_or_else(|_| state.into_owned())
    }
}

/// Returns a trace state that says a weight, beside what else it says to OpenTelemetry.
pub(super) fn weighed(state: &TraceState, weight: f64) -> Cow<'_, TraceState> {
    let said = kept_fraction(state).unwrap_or(1.0);
    if (said * weight - 1.0).abs() < ROUNDING {
        return Cow::Borrowed(state);
    }
    let rate = Rate::of_weight(weight);
    let said = state.get(OTEL_MEMBER).unwrap_or("");
    let mut items = String::with_capacity(said.len() + THRESHOLD_ITEM.len() + THRESHOLD_DIGITS + 1);
    if rate < Rate::ALL {
        write!(items, "{THRESHOLD_ITEM}{}", rate.threshold()).expect(NO_ERROR);
    }
    for item in said.split(';') {
        if !item.is_empty() && ![THRESHOLD_ITEM, POWER_ITEM].iter().any(|own| item.starts_with(own))
        {
            items.push_str(if items.is_empty() { "" } else { ";" });
            items.push_str(item);
        }
    }
    let weighed =
        if items.is_empty() { state.delete(OTEL_MEMBER) } else { state.insert(OTEL_MEMBER, items) };
    weighed.map_or(Cow::Borrowed(state), Cow::Owned)
}
