//! [`LogQueue`]: log lines in order, on a thread that comes with the first line and goes with the last.
//!
//! A subscriber is foreign code: it may block, panic, or come back to the exporter. None of that holds the worker up.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::sender::spawn;
use crate::guard;

/// The most lines that wait for a subscriber; further ones are left out, as the next line that is said tells.
const MAX_WAITING: usize = 16;

/// A line, ready to be logged. Its argument is the number of lines that were left out before it.
type Line = Box<dyn FnOnce(u64) + Send>;

/// Says lines for one exporter.
#[derive(Clone, Default)]
pub(super) struct LogQueue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    lines: Mutex<Lines>,
    is_done: Condvar,
}

#[derive(Default)]
struct Lines {
    waiting: VecDeque<Line>,
    /// A thread says them.
    is_speaking: bool,
    left_out: u64,
}

impl LogQueue {
    /// Says a line soon.
    pub(super) fn say(&self, line: impl FnOnce(u64) + Send + 'static) {
        let mut lines = self.0.lock();
        if lines.waiting.len() == MAX_WAITING {
            lines.left_out += 1;
            return;
        }
        lines.waiting.push_back(Box::new(line));
        if std::mem::replace(&mut lines.is_speaking, true) {
            return;
        }
        drop(lines);
        let shared = Arc::clone(&self.0);
        if spawn("datadog-exporter-log", move || shared.speak()).is_err() {
            // Without a thread the next line, or the end, tries again.
            self.0.lock().is_speaking = false;
        }
    }

    /// Waits until every line is said, but not for long.
    pub(super) fn finish(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut lines = self.0.lock();
        if !lines.is_speaking && !lines.waiting.is_empty() {
            // The thread could not be started.
            lines.is_speaking = true;
            drop(lines);
            self.0.speak();
            return;
        }
        while lines.is_speaking {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.0.is_done.wait_timeout(lines, left);
            (lines, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn speak(&self) {
        loop {
            let mut lines = self.lock();
            let Some(line) = lines.waiting.pop_front() else {
                lines.is_speaking = false;
                self.is_done.notify_all();
                return;
            };
            let left_out = std::mem::take(&mut lines.left_out);
            drop(lines);
            guard::say(|| line(left_out));
        }
    }
}

impl std::fmt::Debug for LogQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogQueue")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[test]
    fn lines_come_in_order_although_one_panics() {
        let (said, hear) = channel();
        let queue = LogQueue::default();
        for number in 0..10 {
            let said = said.clone();
            queue.say(move |_| {
                assert_ne!(number, 4, "expected: a subscriber panics");
                said.send(number).unwrap();
            });
        }
        queue.finish(SOON);
        let heard: Vec<i32> = hear.try_iter().collect();
        assert_eq!(heard, [0, 1, 2, 3, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn a_subscriber_that_blocks_holds_nothing_up_and_costs_lines_beyond_a_limit() {
        let (go_on, wait) = channel::<()>();
        let (said, hear) = channel();
        let queue = LogQueue::default();
        queue.say(move |_| {
            let _ = wait.recv();
        });
        // The first line is taken at once, or waits for the thread.
        while !queue.0.lock().waiting.is_empty() {
            std::thread::yield_now();
        }
        for _ in 0..MAX_WAITING + 3 {
            let said = said.clone();
            queue.say(move |left_out| said.send(left_out).unwrap());
        }
        queue.finish(Duration::ZERO);
        go_on.send(()).unwrap();
        queue.finish(SOON);
        let heard: Vec<u64> = hear.try_iter().collect();
        assert_eq!((heard.len(), heard[0]), (MAX_WAITING, 3));
    }
}
