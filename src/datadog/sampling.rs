//! Sampling priorities, and the fraction of traces that was kept.
//!
//! Source: `DataDog/datadog-agent`, `pkg/trace/transform/sampling.go` (`ot` member of the trace state).

use opentelemetry::trace::{SpanContext, TraceState};

use super::state::State;

/// Priorities that the Agent keeps or drops as meant; it drops 3 and above.
const PRIORITIES: std::ops::RangeInclusive<f64> = -1.0..=2.0;

/// The member of a trace state that tells OpenTelemetry which part of all traces was kept.
pub(crate) const OTEL_MEMBER: &str = "ot";
/// The prefix of a power of two in that member.
pub(crate) const POWER_ITEM: &str = "p:";
/// The prefix of a threshold in that member.
pub(crate) const THRESHOLD_ITEM: &str = "th:";
/// Hexadecimal digits of a full threshold of OpenTelemetry's consistent sampling.
pub(crate) const THRESHOLD_DIGITS: usize = 14;
/// Thresholds are out of this many: 2^56.
pub(crate) const THRESHOLDS: f64 = 72_057_594_037_927_936.0;
/// The least rate that is believed of a caller: tracers name six decimals, and a stranger could claim any weight.
const LEAST_CLAIMED: f64 = 1e-6;
/// From here on the legacy `p` value means "none".
const MAX_P: i32 = 63;

/// Returns the priority that a number asks for: the nearest of those that the Agent understands.
pub(crate) fn priority_asked_for(number: f64) -> f64 {
    number.clamp(*PRIORITIES.start(), *PRIORITIES.end()).trunc()
}

/// Returns the priority of a span that asks for none: its caller's, as far as the Agent understands it.
pub(crate) fn priority_of(state: State<'_>) -> f64 {
    priority_asked_for(f64::from(state.priority()))
}

/// Returns the fraction of traces that was kept, from the `ot` member of the trace state.
pub(crate) fn kept_fraction(state: &TraceState) -> Option<f64> {
    let members = state.get(OTEL_MEMBER)?;
    let value = |key: &str| members.split(';').find_map(|member| member.strip_prefix(key));
    match value(THRESHOLD_ITEM) {
        Some(threshold) => kept_by_threshold(threshold),
        None => kept_by_power(value(POWER_ITEM)?),
    }
}

/// Returns the fraction of traces that a caller keeps of those like this one, by all that it says.
///
/// Datadog's tracers name the rate of a rule or of the Agent in a tag of the trace.
pub(crate) fn caller_fraction(caller: &SpanContext) -> Option<f64> {
    let of_tag = || State::of(caller).kept_rate()?.parse().ok();
    let claimed = kept_fraction(caller.trace_state()).or_else(of_tag);
    claimed.filter(|rate| (LEAST_CLAIMED..=1.0).contains(rate))
}

fn kept_by_threshold(threshold: &str) -> Option<f64> {
    if threshold.is_empty() || threshold.len() > THRESHOLD_DIGITS {
        return None;
    }
    let digits = u64::from_str_radix(threshold, 16).ok().filter(|_| !threshold.starts_with('+'))?;
    let padded = digits << (4 * (THRESHOLD_DIGITS - threshold.len()));
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no 56 bits")]
    Some(1.0 - padded as f64 / THRESHOLDS)
}

fn kept_by_power(power: &str) -> Option<f64> {
    let power: i32 = power.parse().ok()?;
    (0..MAX_P).contains(&power).then(|| 2f64.powi(-power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_thresholds_are_no_rate() {
        for text in ["th:", "th:xyz", "th:+8", "th:123456789012345", "p:63", "p:-1", "p:x", "rv:1"]
        {
            let state = TraceState::from_key_value([(OTEL_MEMBER, text)]).unwrap();
            assert_eq!(kept_fraction(&state), None, "{text}");
        }
    }

    #[test]
    fn thresholds_are_padded_on_the_right() {
        for (text, rate) in [("th:8", 0.5), ("th:c", 0.25), ("rv:1;th:0", 1.0), ("p:4", 0.0625)] {
            let state = TraceState::from_key_value([(OTEL_MEMBER, text)]).unwrap();
            assert_eq!(kept_fraction(&state), Some(rate), "{text}");
        }
    }
}
