//! Client statistics on their way to the receiver.
//!
//! Numbers are sent once. They are put back only if certainly nobody has them, and wait as one bucket then. A receiver
//! that takes none costs them, which is counted and said once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Worker, now, outcome};
use crate::delivery::client::{Progress, Request};
use crate::delivery::policy::{self, Outcome, StatsFate};
use crate::delivery::reporter::describe;
use crate::delivery::shared::{Phase, State};
use crate::protocol::{Document, STATS_CONTENT_TYPE, STATS_PATH};
use crate::stats::{BUCKET, OmittedP0s, StatsRequest};

/// Returns the headers of a payload whose spans are counted here.
pub(super) fn counted_headers(omitted: OmittedP0s) -> [(&'static str, String); 3] {
    [
        ("datadog-client-computed-stats", "yes".to_owned()),
        ("datadog-client-dropped-p0-traces", omitted.chunks.to_string()),
        ("datadog-client-dropped-p0-spans", omitted.spans.to_string()),
    ]
}

impl Worker<'_> {
    /// Lets exports write in the form that is spoken, and count as the receiver allows.
    pub(super) fn speak(&self, state: &mut State) {
        state.speak(self.negotiation.form());
        state.counting = self.negotiation.counting().cloned();
    }

    /// Returns true if some numbers were not sent.
    pub(super) fn has_stats(&self) -> bool {
        self.stats.is_some() && !self.shared.stats_lock().is_empty()
    }

    /// Returns true if some numbers are complete.
    pub(super) fn has_closed_stats(&self) -> bool {
        self.stats.is_some() && self.shared.stats_lock().has_closed()
    }

    /// Returns the moment at which complete numbers may be sent again.
    pub(super) fn stats_retry(&self) -> Option<Instant> {
        self.has_closed_stats().then_some(self.stats_try)
    }

    /// Returns the moment at which numbers may be complete.
    pub(super) fn stats_due(&self, now: Instant) -> Option<Instant> {
        self.stats?;
        let close_at = self.shared.stats_lock().close_at()?;
        Some(now + Duration::from_nanos(close_at.saturating_sub(self.wall(now))))
    }

    /// Closes what is complete; everything if somebody flushes, or at the end.
    pub(super) fn close_stats(&mut self, state: &mut State, now: Instant) {
        if self.stats.is_none() {
            return;
        }
        let is_closing = matches!(state.phase, Phase::Closing(_));
        let is_flushed = state.stats_flushes.0 > self.stats_flush;
        self.stats_flush = state.stats_flushes.0;
        let wall = self.wall(now);
        let mut numbers = self.shared.stats_lock();
        // A clock that was set back leaves a moment that is far ahead.
        let is_due = numbers.close_at().is_some_and(|at| at <= wall || at > wall + BUCKET);
        if is_closing || is_flushed || is_due {
            numbers.close(wall, is_closing || is_flushed);
        }
    }

    /// Takes numbers to send; gives them up where nobody takes them.
    pub(super) fn take_stats(&mut self, state: &mut State) -> Option<StatsRequest> {
        self.stats?;
        let mut numbers = self.shared.stats_lock();
        let request = match self.negotiation.takes_stats() {
            Some(true) => numbers.take(),
            Some(false) => {
                let spans = numbers.give_up(false);
                if spans > 0 {
                    state.buffer.stats_mut().stats_spans_dropped += spans;
                    let cause = format!("the receiver takes nothing at {STATS_PATH}");
                    self.lost_stats = Some((cause, spans));
                }
                None
            }
            None => None,
        };
        let is_drained = request.is_none() && !numbers.has_closed();
        drop(numbers);
        if is_drained && state.stats_flushes.1 < self.stats_flush {
            state.stats_flushes.1 = self.stats_flush;
            self.shared.announce(state);
        }
        request
    }

    /// Sends numbers and deals with the outcome.
    pub(super) async fn send_stats(&mut self, request: StatsRequest) {
        let Some(sender) = self.stats else { return };
        let service = self.shared.lock().identity.service.clone();
        let body = request.body(&crate::stats::Sender { service, ..sender.clone() });
        let bytes = body.len();
        let mut headers = self.headers.clone();
        headers.push(("content-type", STATS_CONTENT_TYPE.to_owned()));
        let message = Request {
            method: "PUT",
            path: STATS_PATH,
            headers,
            body: Some(Document::of_bytes(body)),
            progress: Arc::new(Progress::default()),
        };
        let Some(answer) = self.exchange(message, self.timeout).await else {
            // The time is over, and the end counts what is left.
            return self.shared.stats_lock().put_back(request, false);
        };
        let now = now();
        match &answer {
            Ok(response) => self.negotiation.answered(response),
            Err(error) if error.is_timeout => self.negotiation.timed_out(now),
            Err(_) => self.negotiation.lost(now),
        }
        let outcome = outcome(&answer);
        let mut state = self.shared.lock();
        let situation = policy::Situation {
            can_halve: request.group_count() > 1,
            link: self.stats_link,
            breaks: self.stats_breaks,
            bytes,
            ..self.situation(&state, now)
        };
        let fate = policy::decide_stats(outcome, &situation);
        self.link.note(outcome);
        self.stats_link.note(outcome);
        self.stats_breaks = if outcome == Outcome::Broken { self.stats_breaks + 1 } else { 0 };
        let counters = state.buffer.stats_mut();
        counters.is_reachable = Some(answer.is_ok());
        if fate != StatsFate::Delivered {
            counters.last_error = Some(describe(&answer));
        }
        match fate {
            StatsFate::Delivered => {
                counters.stats_payloads_sent += 1;
                self.stats_link.failures = 0;
                self.shared.stats_lock().sent();
            }
            StatsFate::Again(wait) => {
                self.stats_link.fail(outcome);
                self.count_try(wait);
                self.stats_try = now + wait;
                self.shared.stats_lock().put_back(request, false);
                if outcome != Outcome::NotSent {
                    counters.retries += 1;
                }
                state.release_waiter();
            }
            StatsFate::Halves => self.shared.stats_lock().put_back(request, true),
            StatsFate::Lost => {
                let spans = self.shared.stats_lock().take_lent();
                counters.stats_spans_dropped += spans;
                if matches!(outcome, Outcome::Answered(403..=405, _)) {
                    self.negotiation.refuse_stats();
                }
                drop(state);
                self.reporter.lost_stats(describe(&answer), spans);
            }
        }
    }

    /// Returns a moment in nanoseconds since 1970. In tests it follows the clock that they hold.
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "tests hold the clock"))]
    fn wall(&self, now: Instant) -> u64 {
        #[cfg(test)]
        {
            let (began, wall) = self.began;
            let elapsed = now.saturating_duration_since(began).as_nanos();
            wall + u64::try_from(elapsed).unwrap_or(u64::MAX)
        }
        #[cfg(not(test))]
        {
            let _ = now;
            crate::delivery::shared::wall_time()
        }
    }
}
