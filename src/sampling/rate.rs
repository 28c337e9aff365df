//! The fraction of traces that is kept, and which ones: the same in every service of a trace.
//!
//! A trace is kept if its id, multiplied by Knuth's factor, is within the fraction of all 64-bit numbers.
//! Every official tracer computes the same. Source: `DataDog/dd-trace-go`, `ddtrace/tracer/sampler.go`.

use std::fmt::{self, Write as _};

use crate::BuildError;
use crate::datadog::sampling::{THRESHOLD_DIGITS, THRESHOLDS};

/// Spreads ids that are not random.
const FACTOR: u64 = 1_111_111_111_111_111_111;

/// The largest number that a product can be, as a double: 2^64.
const PRODUCTS: f64 = 18_446_744_073_709_551_616.0;

/// The least that is kept, of 2^56: the difference between 1 and the double below it.
const LEAST: f64 = 8.0;

/// The most digits behind the point of a rate on the wire.
const DECIMALS: usize = 6;

/// A fraction of traces, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Rate(f64);

impl Rate {
    /// Everything is kept.
    pub(crate) const ALL: Self = Self(1.0);
    /// Nothing is kept.
    pub(crate) const NONE: Self = Self(0.0);

    /// Returns a rate, if a number is one.
    pub(crate) fn new(rate: f64) -> Option<Self> {
        (0.0..=1.0).contains(&rate).then_some(Self(rate))
    }

    /// Returns a rate; the error names the setting.
    pub(super) fn checked(setting: &'static str, rate: f64) -> Result<Self, BuildError> {
        Self::new(rate)
            .ok_or_else(|| BuildError::setting(setting, rate.to_string(), "a rate from 0 to 1"))
    }

    /// Returns the number.
    pub(crate) fn get(self) -> f64 {
        self.0
    }

    /// Returns the rate that gives a kept trace this weight.
    pub(super) fn of_weight(weight: f64) -> Self {
        Self(1.0 / weight.max(1.0))
    }

    /// Returns the number of traces that a kept one stands for.
    pub(super) fn weight(self) -> f64 {
        1.0 / self.0
    }

    /// Returns true if a trace is kept, by the low half of its id.
    pub(crate) fn keeps(self, trace_id: u64) -> bool {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate below 1 of 2^64 is below 2^64, and saturates if not"
        )]
        let most = (self.0 * PRODUCTS) as u64;
        self.0 >= 1.0 || trace_id.wrapping_mul(FACTOR) < most
    }

    /// Returns the threshold that says this rate to OpenTelemetry: what is rejected, of 2^56.
    pub(crate) fn threshold(self) -> Threshold {
        // Next to nothing is written as the least there is: a threshold of all would say something else.
        let rejected = ((1.0 - self.0) * THRESHOLDS).min(THRESHOLDS - LEAST);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a fraction of 2^56"
        )]
        Threshold(rejected as u64)
    }
}

/// Shows a rate as tracers send it: without zeros at its end.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = Digits::default();
        write!(digits, "{:.DECIMALS$}", self.0)?;
        f.write_str(digits.text().trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A rate in digits: one before the point, [`DECIMALS`] behind it.
#[derive(Debug, Default)]
struct Digits {
    bytes: [u8; DECIMALS + 2],
    length: usize,
}

impl Digits {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or("")
    }
}

impl fmt::Write for Digits {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// The rejected fraction, in hexadecimal digits without zeros at their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Threshold(u64);

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zeros = usize::try_from(self.0.trailing_zeros() / 4).unwrap_or(0);
        let zeros = zeros.min(THRESHOLD_DIGITS - 1);
        write!(f, "{:0width$x}", self.0 >> (4 * zeros), width = THRESHOLD_DIGITS - zeros)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TraceState;

    use super::*;
    use crate::datadog::sampling::kept_fraction;

    /// Decisions that the test suite of all official tracers expects, and ids at the borders.
    #[test]
    fn the_same_traces_are_kept_as_by_every_tracer() {
        let half = Rate::new(0.5).unwrap();
        let kept = |id: u64| half.keeps(id);
        for (id, is_kept) in [
            (1, true),
            (10, false),
            (100, true),
            (1_000, true),
            (18_444_899_399_302_180_861, false),
            (18_444_899_399_302_180_862, true),
        ] {
            assert_eq!(kept(id), is_kept, "{id}");
        }
        assert!(Rate::ALL.keeps(u64::MAX));
        assert!(!Rate::new(0.0).unwrap().keeps(0));
    }

    #[test]
    fn a_rate_keeps_its_part_of_all_traces() {
        for rate in [0.01, 0.1, 0.5, 0.9] {
            let kept = (1..=100_000_u64).filter(|id| Rate::new(rate).unwrap().keeps(*id)).count();
            #[expect(clippy::cast_precision_loss, reason = "small numbers")]
            let part = kept as f64 / 100_000.0;
            assert!((part - rate).abs() < 0.005, "{rate}: {part}");
        }
    }

    #[test]
    fn a_weight_survives_the_trace_state() {
        for weight in [1.0, 1.5, 9.993, 100.0, 12_345.678, 1e6, 123_456_789.0, 1e12] {
            let threshold = Rate::of_weight(weight).threshold();
            let state = TraceState::from_key_value([("ot", format!("th:{threshold}"))]).unwrap();
            let read = 1.0 / kept_fraction(&state).unwrap();
            assert!((read / weight - 1.0).abs() < 1e-3, "{weight}: {read}");
            assert!(weight > 1e9 || (read / weight - 1.0).abs() < 1e-7, "{weight}: {read}");
        }
        assert_eq!(Rate::of_weight(0.5), Rate::ALL);
    }

    #[test]
    fn rates_are_shown_short() {
        for (rate, shown, threshold) in [
            (1.0, "1", "0"),
            (0.5, "0.5", "8"),
            (0.25, "0.25", "c"),
            (0.1, "0.1", "e6666666666668"),
            (0.123_456_789, "0.123457", "e06522c8c69ca"),
            // As a peer rounds: by the number that the double is.
            (5e-7, "0", "fffff79c842fa8"),
            (1e-18, "0", "fffffffffffff8"),
            (0.0, "0", "fffffffffffff8"),
        ] {
            let rate = Rate::new(rate).unwrap();
            assert_eq!(rate.to_string(), shown);
            assert_eq!(rate.threshold().to_string(), threshold, "{shown}");
        }
        assert_eq!((Rate::new(1.1), Rate::new(f64::NAN), Rate::new(-0.1)), (None, None, None));
    }
}
