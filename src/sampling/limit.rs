//! The most traces a second that the user's own rates may keep.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The length of a window.
const WINDOW: Duration = Duration::from_secs(1);

/// Token bucket; also reports the fraction that passed.
#[derive(Debug)]
pub(super) struct Limit {
    per_second: f64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
    window: Window,
    last: Window,
}

/// The answer of a limit about one trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) passes: bool,
    /// The part of all traces that passed in this second and the last.
    pub(super) part: f64,
    /// The traces that could pass at once, this one included.
    pub(super) tokens: f64,
}

/// The traces of one second.
#[derive(Clone, Copy, Debug)]
struct Window {
    since: Instant,
    seen: u32,
    passed: u32,
}

impl Window {
    fn new(since: Instant) -> Self {
        Self { since, seen: 0, passed: 0 }
    }
}

impl Limit {
    pub(super) fn new(per_second: f64, now: Instant) -> Self {
        let window = Window::new(now);
        let bucket = Bucket { tokens: per_second, filled: now, window, last: window };
        Self { per_second, bucket: Mutex::new(bucket) }
    }

    /// Asks for one more trace.
    pub(super) fn ask(&self, now: Instant) -> Asked {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        // Less than one a second: a trace may pass once there is a whole token.
        let most = self.per_second.max(f64::from(u8::from(self.per_second > 0.0)));
        bucket.tokens = (bucket.tokens + elapsed * self.per_second).min(most);
        bucket.filled = bucket.filled.max(now);
        let age = now.saturating_duration_since(bucket.window.since);
        if age >= WINDOW {
            let window = Window::new(now);
            bucket.last = if age < 2 * WINDOW { bucket.window } else { window };
            bucket.window = window;
        }
        let tokens = bucket.tokens;
        let passes = tokens >= 1.0;
        bucket.window.seen += 1;
        if passes {
            bucket.tokens -= 1.0;
            bucket.window.passed += 1;
        }
        let Bucket { window, last, .. } = &*bucket;
        let part = f64::from(window.passed + last.passed) / f64::from(window.seen + last.seen);
        Asked { passes, part, tokens }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_pass_each_second_and_the_part_is_known() {
        let start = Instant::now();
        let limit = Limit::new(10.0, start);
        let mut passed = 0;
        let mut part = 1.0;
        for step in 0..1_000_u32 {
            // 100 traces a second, for ten seconds.
            let asked = limit.ask(start + WINDOW * step / 100);
            passed += u32::from(asked.passes);
            part = asked.part;
        }
        assert!((109..=111).contains(&passed), "{passed}");
        assert!((part - 0.1).abs() < 0.02, "{part}");
    }

    #[test]
    fn no_trace_passes_a_limit_of_zero_and_few_one_below_one() {
        let start = Instant::now();
        let none = Limit::new(0.0, start);
        assert!((0..10).all(|second| !none.ask(start + WINDOW * second).passes));
        let few = Limit::new(0.5, start);
        let passed = (0..20).filter(|second| few.ask(start + WINDOW * *second).passes).count();
        assert!((9..=11).contains(&passed), "{passed}");
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_breaks_nothing() {
        let start = Instant::now() + WINDOW;
        let earlier = Instant::now();
        let limit = Limit::new(2.0, start);
        let passed = (0..10).filter(|_| limit.ask(earlier).passes).count();
        assert_eq!(passed, 2);
    }
}
