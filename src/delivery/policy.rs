//! The policy: what happened to a request -> what becomes of its payload, and when the next try may be made.
//!
//! A table and a pure function, [`decide`]: no clock, no socket, no payload. [`Link`] remembers what the requests so
//! far say about the Agent. Not here: the form of requests ([`crate::protocol`]) and the buffer.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::stats::Reason;

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// An answer: its status, and its `Retry-After`.
    Answered(u16, Option<Duration>),
    /// An answer came, and its head is too long to be read.
    Unreadable,
    /// No byte can have reached the Agent: no connection, for example.
    NotSent,
    /// The connection broke, or the time was over, before the last byte of the request was handed over.
    Broken,
    /// All was handed over, and then the connection was closed without an answer.
    Closed,
    /// Nobody can say whether the Agent has it: no answer in time, or a foreign client gave an unknown error.
    Unanswered,
}

/// The facts beside the outcome.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Situation {
    /// Earlier tries of this payload that the Agent may have taken.
    pub(super) doubts: u8,
    /// Earlier tries of this payload whose connection broke.
    pub(super) breaks: u8,
    /// True if the payload has more than one span.
    pub(super) can_halve: bool,
    /// Bytes of the payload.
    pub(super) bytes: usize,
    /// True if the exporter is closing.
    pub(super) is_closing: bool,
    /// The requests so far, this one not included.
    pub(super) link: Link,
    /// Any number, for the random part of a wait.
    pub(super) random: u32,
}

/// The fate of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The Agent has it.
    Deliver,
    /// It is sent again.
    Keep,
    /// It is sent again in halves.
    Halve,
    /// It is dropped.
    Drop(Reason),
}

/// The answer of the policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Decision {
    pub(super) action: Action,
    /// The time until the next try.
    pub(super) wait: Duration,
    /// Tries of this payload that the Agent may have taken, this one included.
    pub(super) doubts: u8,
    /// Tries of this payload whose connection broke, this one included.
    pub(super) breaks: u8,
}

/// The meaning of an outcome for the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Taken,
    /// Certainly not taken.
    NotTaken,
    /// Taken or not: the Agent would store a second copy, so few tries are made.
    Doubtful,
    TooLarge,
    Refused,
}

use Meaning::{Doubtful, NotTaken, Refused, Taken, TooLarge};

/// Meanings by status; the first row that holds the status counts. Only the status decides: a 429 comes
/// with the body `OK`. Measured on the Agent's own code, 7.85.
#[rustfmt::skip]
const STATUSES: &[(RangeInclusive<u16>, Meaning)] = &[
    (200..=299, Taken),
    (408..=408, NotTaken),  // the body did not arrive in time
    (413..=413, TooLarge),
    (429..=429, NotTaken),  // overloaded
    (504..=504, Doubtful),  // a gateway lost the answer
    (500..=599, NotTaken),  // never by the Agent: something in between
    (0..=u16::MAX, Refused),
];

/// Tries of a payload beyond the first one while the Agent may have it already.
pub(super) const MAX_DOUBTFUL_RETRIES: u8 = 3;

/// Tries of a large payload beyond the first one whose connection broke; then its halves are tried.
pub(super) const MAX_BROKEN_RETRIES: u8 = 1;

/// The same while nothing shows that there is an Agent: mostly smaller payloads would not help.
pub(super) const MAX_BROKEN_RETRIES_IN_SILENCE: u8 = 4;

/// Least bytes of a large payload. Proxies refuse a megabyte and more; nobody closes a connection for less than this.
pub(super) const LARGE_BYTES: usize = 256 * 1024;

/// The first wait after a failure; each further one is twice as long.
pub(super) const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest wait: the Agent is back within seconds, and so are we. A longer `Retry-After` counts as this.
pub(super) const MAX_DELAY: Duration = Duration::from_secs(5);
/// The longest wait once the exporter is closing.
const CLOSING_DELAY: Duration = Duration::from_millis(250);

/// The state of the Agent, as the requests so far tell it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    /// Failures since the Agent took something.
    pub(super) failures: u32,
    /// An Agent was there after the last connection that was closed without an answer: it answered, or nobody
    /// listened meanwhile and somebody may listen now.
    is_alive: bool,
    /// An answer came at some time.
    pub(super) was_reached: bool,
}

impl Link {
    /// Takes a request that ended: one of a payload, or a question.
    pub(super) fn note(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Answered(..) | Outcome::Unreadable => {
                (self.is_alive, self.was_reached) = (true, true);
            }
            Outcome::NotSent => self.is_alive = true,
            Outcome::Broken | Outcome::Closed => self.is_alive = false,
            Outcome::Unanswered => {}
        }
    }

    /// Counts a request that did not deliver its payload. One that was too large says nothing about the Agent.
    pub(super) fn fail(&mut self, outcome: Outcome) {
        let is_failure = meaning(outcome, *self, 0) != TooLarge;
        self.failures = self.failures.saturating_add(is_failure.into());
    }

    /// Returns the wait after one more failure: exponential, with up to half of it random, so that the processes of
    /// a host do not come back all at once.
    fn backoff(self, outcome: Outcome, random: u32) -> Duration {
        // Mostly a first failure of this kind is a connection that the Agent had closed while it was idle.
        let may_be_stale =
            matches!(outcome, Outcome::Broken | Outcome::Closed | Outcome::Unanswered);
        if may_be_stale && self.failures == 0 {
            return Duration::ZERO;
        }
        let full = FIRST_DELAY.saturating_mul(1 << self.failures.min(16)).min(MAX_DELAY);
        full.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
    }
}

/// Decides what becomes of a payload.
pub(super) fn decide(outcome: Outcome, situation: &Situation) -> Decision {
    let Situation { doubts, breaks, can_halve, bytes, link, .. } = *situation;
    let meaning = meaning(outcome, link, doubts);
    let doubts = doubts.saturating_add((meaning == Doubtful).into());
    // A large body that is handed over may still be on its way when the connection is closed because of it.
    let is_break = matches!(outcome, Outcome::Broken | Outcome::Closed) && bytes >= LARGE_BYTES;
    let breaks = breaks.saturating_add(is_break.into());
    let max_breaks = if link.is_alive { MAX_BROKEN_RETRIES } else { MAX_BROKEN_RETRIES_IN_SILENCE };
    let action = match meaning {
        Taken => Action::Deliver,
        Refused => Action::Drop(Reason::Refused),
        TooLarge if !can_halve => Action::Drop(Reason::Refused),
        TooLarge => Action::Halve,
        Doubtful if doubts > MAX_DOUBTFUL_RETRIES => Action::Drop(Reason::Unacknowledged),
        // A single span that cannot be cut is kept: nothing says that it is too large.
        NotTaken | Doubtful if is_break && breaks > max_breaks && can_halve => Action::Halve,
        NotTaken | Doubtful => Action::Keep,
    };
    Decision { action, wait: wait(outcome, action, situation), doubts, breaks }
}

/// The fate of numbers that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatsFate {
    /// The Agent has them.
    Delivered,
    /// Certainly nobody has them: they are sent again after this time.
    Again(Duration),
    /// They are sent again in halves.
    Halves,
    /// They are given up: the Agent adds what it gets and compares nothing, so they are not sent twice.
    Lost,
}

/// Decides what becomes of numbers.
pub(super) fn decide_stats(outcome: Outcome, situation: &Situation) -> StatsFate {
    let is_large = situation.bytes >= LARGE_BYTES && situation.breaks >= MAX_BROKEN_RETRIES;
    match (outcome, meaning(outcome, situation.link, 0)) {
        // The Agent gives no such answer for numbers; whoever gives it may have handed them on before.
        (Outcome::Answered(500..=599, _), _) => StatsFate::Lost,
        (Outcome::Broken, _) if is_large && situation.can_halve => StatsFate::Halves,
        (_, Taken) => StatsFate::Delivered,
        (_, NotTaken) => {
            StatsFate::Again(wait(outcome, Action::Keep, situation).max(FIRST_DELAY / 2))
        }
        (_, TooLarge) if situation.can_halve => StatsFate::Halves,
        (_, TooLarge | Refused | Doubtful) => StatsFate::Lost,
    }
}

/// Returns the wait after a question that reached nobody.
pub(super) fn wait_unreached(situation: &Situation) -> Duration {
    wait(Outcome::NotSent, Action::Keep, situation)
}

/// Returns whether a closing exporter ends although spans wait: an Agent that was never there will not come now, so one
/// try is enough.
pub(super) fn ends_early(link: Link, tries_since_close: u32) -> bool {
    !link.was_reached && tries_since_close > 0
}

fn wait(outcome: Outcome, action: Action, situation: &Situation) -> Duration {
    let is_answer = matches!(outcome, Outcome::Answered(..) | Outcome::Unreadable);
    if action != Action::Keep && is_answer {
        return Duration::ZERO;
    }
    let asked = match outcome {
        Outcome::Answered(_, Some(retry_after)) => retry_after.min(MAX_DELAY),
        _ => Duration::ZERO,
    };
    let wait = situation.link.backoff(outcome, situation.random).max(asked);
    if situation.is_closing { wait.min(CLOSING_DELAY) } else { wait }
}

fn meaning(outcome: Outcome, link: Link, doubts: u8) -> Meaning {
    match outcome {
        Outcome::Answered(status, _) => {
            let row = STATUSES.iter().find(|(statuses, _)| statuses.contains(&status));
            row.map_or(Refused, |(_, meaning)| *meaning)
        }
        // The receiver read the request to its end, and said something; a repeat would be a second copy.
        Outcome::Unreadable => Taken,
        // Something in between accepts connections for an Agent that is away. The first time it may have been there.
        Outcome::Closed if !link.is_alive && doubts > 0 => NotTaken,
        Outcome::Closed | Outcome::Unanswered => Doubtful,
        Outcome::NotSent | Outcome::Broken => NotTaken,
    }
}

#[cfg(test)]
mod tests;
