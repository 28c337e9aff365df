//! Table: answer or error -> what becomes of the payload; and how long to wait before the next try.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::client::{Answer, Sent};

/// What becomes of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The Agent has it.
    Delivered,
    /// The Agent does not have it and may take it later.
    Keep,
    /// The Agent may have it or not; it would store a second copy, so few tries are made.
    Doubtful,
    /// The connection broke before the Agent had all. Mostly it was stale, or the Agent had gone; but one that
    /// refuses a body as too large may close it before the answer can be read.
    Broken,
    /// The Agent will never take it.
    Refused,
    /// It is too large: halves may pass.
    Halve,
}

use Verdict::{Broken, Delivered, Doubtful, Halve, Keep, Refused};

/// Verdicts by status; the first row that holds the status counts. Only the status decides: a 429 comes
/// with the body `OK`. Measured on the Agent's own code, 7.80.
#[rustfmt::skip]
const STATUSES: &[(RangeInclusive<u16>, Verdict)] = &[
    (200..=299, Delivered),
    (408..=408, Keep),      // the body did not arrive in time
    (413..=413, Halve),
    (429..=429, Keep),      // overloaded
    (504..=504, Doubtful),  // a gateway lost the answer
    (500..=599, Keep),      // never by the Agent: something in between
    (0..=u16::MAX, Refused),
];

/// Tries of a doubtful payload beyond the first one.
pub(super) const MAX_DOUBTFUL_RETRIES: u8 = 3;

/// Tries of a payload beyond the first one whose connection broke; then its halves are tried.
pub(super) const MAX_BROKEN_RETRIES: u8 = 2;

/// The first wait after a failure; each further one is twice as long.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest wait: the Agent is back within seconds, and so are we.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// Judges what came of a request.
pub(super) fn judge(answer: &Answer) -> Verdict {
    match answer {
        Ok(response) => of_status(response.status().as_u16()),
        Err(error) => match error.sent {
            Sent::Nothing => Keep,
            Sent::Part => Broken,
            Sent::Perhaps => Doubtful,
        },
    }
}

fn of_status(status: u16) -> Verdict {
    let row = STATUSES.iter().find(|(statuses, _)| statuses.contains(&status));
    row.map_or(Refused, |(_, verdict)| *verdict)
}

/// The waits between tries.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// Returns the wait after one more failure in a row: exponential, with up to half of it random, so
    /// that the processes of a host do not come back all at once. `random` is any number.
    ///
    /// A first failure without an answer gets no wait: mostly it is a connection that the Agent had closed.
    pub(super) fn after_failure(&mut self, verdict: Verdict, random: u64) -> Duration {
        let earlier = self.failures;
        self.failures = earlier.saturating_add(1);
        if matches!(verdict, Doubtful | Broken) && earlier == 0 {
            return Duration::ZERO;
        }
        let full = FIRST_DELAY.saturating_mul(1 << earlier.min(16)).min(MAX_DELAY);
        #[expect(clippy::cast_possible_truncation, reason = "any 32 bits are random enough")]
        let fraction = f64::from(random as u32) / f64::from(u32::MAX);
        full.mul_f64(0.5 + 0.5 * fraction)
    }

    /// Starts anew after a success.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use opentelemetry_http::Response;

    use super::super::client::SendError;
    use super::*;

    #[test]
    fn the_status_alone_decides() {
        for (statuses, verdict) in [
            (&[200, 202, 204][..], Delivered),
            (&[408, 429, 500, 502, 503], Keep),
            (&[413], Halve),
            (&[504], Doubtful),
            (&[100, 301, 307, 400, 403, 404, 415, 417, 431, 600], Refused),
        ] {
            for status in statuses {
                let mut answer = Response::new(Bytes::from_static(b"OK\n"));
                *answer.status_mut() = (*status).try_into().unwrap();
                let answer = Ok(answer);
                assert_eq!(judge(&answer), verdict, "{status}");
            }
        }
        assert_eq!(judge(&Err(SendError::not_sent("refused"))), Keep);
        assert_eq!(judge(&Err(SendError::broken("broken pipe"))), Broken);
        assert_eq!(judge(&Err(SendError::unanswered("reset"))), Doubtful);
    }

    #[test]
    fn waits_grow_to_a_limit_and_half_of_them_is_random() {
        let mut backoff = Backoff::default();
        let mut full = FIRST_DELAY;
        for _ in 0..40 {
            let wait = backoff.after_failure(Keep, u64::MAX);
            assert_eq!(wait, full);
            full = (full * 2).min(MAX_DELAY);
        }
        backoff.reset();
        assert_eq!(backoff.after_failure(Keep, 0), FIRST_DELAY / 2);
    }

    #[test]
    fn a_stale_connection_is_retried_at_once_and_only_once() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.after_failure(Doubtful, 0), Duration::ZERO);
        assert!(backoff.after_failure(Doubtful, 0) >= FIRST_DELAY / 2);
    }

    #[test]
    fn the_troubleshooting_page_tells_what_becomes_of_each_answer() {
        let page = include_str!("../docs/troubleshooting.md");
        let (_, table) = page.split_once("| answer |").unwrap();
        let cells = |answer: &str| {
            let line = table.lines().find(|line| line.starts_with(&format!("| {answer}"))).unwrap();
            line.split('|').nth(2).unwrap().trim()
        };
        let kept =
            format!("kept and sent again, with growing pauses up to {} s", MAX_DELAY.as_secs());
        let doubtful = format!("sent again at most {MAX_DOUBTFUL_RETRIES} times");
        let broken = format!("sent again, and after {MAX_BROKEN_RETRIES} more tries in halves");
        for (answer, statuses, verdict, told) in [
            ("2xx", &[200, 299][..], Delivered, "delivered"),
            ("413", &[413], Halve, "the request is halved and sent again"),
            ("429", &[429], Keep, &*kept),
            ("408, 5xx but 504", &[408, 500, 503, 505, 599], Keep, "likewise"),
            ("504, or no answer", &[504], Doubtful, &*doubtful),
            ("the connection breaks", &[], Broken, &*broken),
            ("any other", &[302, 400, 401, 404, 415], Refused, "given up"),
        ] {
            assert!(cells(answer).starts_with(told), "{answer}: {}", cells(answer));
            for status in statuses {
                assert_eq!(of_status(*status), verdict, "{status}");
            }
        }
    }
}
