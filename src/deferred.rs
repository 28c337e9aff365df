//! [`Deferred`]: log lines that wait until a subscriber can hear them.
//!
//! `tracing-opentelemetry` needs a tracer before its subscriber exists, so everybody builds the exporter first.
//! Constructors therefore say nothing: settings and warnings are kept and said once, at the first use.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::guard;

/// Lines that are said once, later. Asking whether they were costs one load.
pub(crate) struct Deferred<T> {
    is_said: AtomicBool,
    lines: Mutex<Option<T>>,
}

impl<T> Deferred<T> {
    /// Keeps lines.
    pub(crate) fn new(lines: T) -> Self {
        Self { is_said: AtomicBool::new(false), lines: Mutex::new(Some(lines)) }
    }

    /// Returns the lines to the first caller. No lock is held while they are logged, since a subscriber may call
    /// back.
    pub(crate) fn take(&self) -> Option<T> {
        if self.is_said.load(Ordering::Relaxed) || self.is_said.swap(true, Ordering::AcqRel) {
            return None;
        }
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<T: Default> Default for Deferred<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl Deferred<Vec<String>> {
    /// Says each line if nobody did. A subscriber that panics costs its line and nothing else.
    pub(crate) fn say_each(&self, say: impl Fn(&str)) {
        for line in self.take().into_iter().flatten() {
            guard::catch(|| say(&line));
        }
    }
}

impl<T> fmt::Debug for Deferred<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deferred").field("is_said", &self.is_said).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_handed_out_once() {
        let kept = Deferred::new(7);
        assert_eq!((kept.take(), kept.take()), (Some(7), None));
    }

    #[test]
    fn a_line_whose_subscriber_panics_costs_no_other() {
        let kept = Deferred::new(vec!["a".to_owned(), "b".to_owned()]);
        let said = Mutex::new(Vec::new());
        for _ in 0..2 {
            kept.say_each(|line| {
                said.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
                assert_ne!(line, "a");
            });
        }
        assert_eq!(said.into_inner().unwrap_or_else(PoisonError::into_inner), ["a", "b"]);
    }
}
