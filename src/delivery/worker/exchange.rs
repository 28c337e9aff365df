//! The worker's words with the receiver: one request at a time, and the form that both agree on.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::counting::counted_headers;
use super::{Worker, now, outcome};
use crate::delivery::buffer::Flight;
use crate::delivery::client::{Answer, Progress, Request, SendError};
use crate::delivery::policy::Outcome;
use crate::delivery::reporter::describe;
use crate::delivery::sender::Job;
use crate::delivery::shared::{Choice, Phase};
use crate::protocol::{FormSet, INFO_PATH, Refusal};

/// The longest time for asking a receiver what it takes: the question must not delay spans.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest delay of the HTTP thread's own time-out before the thread counts as blocked.
const GRACE: Duration = Duration::from_millis(100);

/// The outcome of asking the receiver what it takes.
pub(super) enum Asked {
    /// It was there, whatever it said.
    Answered,
    /// Nobody was reached.
    Unreachable(Answer),
    /// The exporter has to end.
    Over,
}

/// The way on after an answer to a payload.
pub(super) enum Turn {
    /// Another form was found: send it again.
    Again,
    /// This is the outcome.
    Land(Answer),
    /// The exporter has to end.
    Over,
}

impl Worker<'_> {
    /// Asks the receiver what it takes, and chooses a form by it that was not refused.
    pub(super) async fn ask(&mut self, refused: FormSet) -> Asked {
        let progress = Arc::new(Progress::default());
        let headers = self.headers.clone();
        let request = Request { method: "GET", path: INFO_PATH, headers, body: None, progress };
        let Some(answer) = self.exchange(request, self.timeout.min(ASK_TIMEOUT)).await else {
            return Asked::Over;
        };
        let now = now();
        self.link.note(outcome(&answer));
        if outcome(&answer) == Outcome::NotSent {
            self.negotiation.lost(now);
            self.close_choice();
            return Asked::Unreachable(answer);
        }
        self.negotiation.introduced(answer.as_ref().ok(), refused, now);
        self.show_form();
        self.close_choice();
        Asked::Answered
    }

    /// Sends a payload in the form in use; returns the answer, and the bytes of the document.
    pub(super) async fn try_once(&mut self, flight: &mut Flight) -> Option<(Answer, usize)> {
        let form = self.negotiation.form();
        let document = form.document(flight.payload());
        let mut headers = self.headers.clone();
        headers.extend(form.headers(flight.payload().chunk_count(), &self.shared.rates));
        if flight.payload().origin().is_counted {
            headers.extend(counted_headers(flight.omitted()));
        }
        let body = Some(document.clone());
        let progress = Arc::new(Progress::default());
        let request = Request { method: "PUT", path: form.path(), headers, body, progress };
        let answer = self.exchange(request, self.timeout).await?;
        let bytes = document.len();
        // Mostly the last copy of the body is ours again, and this moves no bytes.
        flight.payload().put_bytes(document.into_payload_bytes());
        Some((answer, bytes))
    }

    /// Looks for another form if the answer says that this one is wrong.
    pub(super) async fn next_form(&mut self, answer: Answer, refused: &mut FormSet) -> Turn {
        let form = self.negotiation.form();
        let status = answer.as_ref().map_or(0, |response| response.status().as_u16());
        let refusal = self.negotiation.refusal(status);
        if refusal == Refusal::None {
            return Turn::Land(answer);
        }
        if refusal == Refusal::WrongForm {
            *refused |= form.bit();
        }
        if self.negotiation.may_ask_about_refusal(now()) {
            match self.ask(*refused).await {
                Asked::Over => return Turn::Over,
                Asked::Unreachable(error) => return Turn::Land(error),
                Asked::Answered => {}
            }
        }
        if !self.negotiation.is_introduced() || self.negotiation.is_unstable() {
            *refused |= form.bit();
        }
        let has_choice = self.negotiation.avoid(*refused, now());
        self.show_form();
        if !has_choice || std::ptr::eq(form, self.negotiation.form()) {
            return Turn::Land(answer);
        }
        *refused |= form.bit();
        let mut state = self.shared.lock();
        let counters = state.buffer.stats_mut();
        counters.retries += 1;
        counters.last_error = Some(describe(&answer));
        Turn::Again
    }

    /// Sends a request within the time-out and waits for its answer; nothing if the exporter has to end before.
    pub(super) async fn exchange(&mut self, request: Request, limit: Duration) -> Option<Answer> {
        let progress = Arc::clone(&request.progress);
        let (answer, mut receiver) = oneshot::channel();
        if self.jobs.send(Job { request, limit, answer }).is_err() {
            return Some(Err(SendError::new(Outcome::NotSent, "the HTTP thread has ended")));
        }
        let give_up_at = now() + limit + GRACE;
        loop {
            let now = now();
            if self.is_over(now) {
                return None;
            }
            if now >= give_up_at {
                return Some(Err(SendError::timed_out(&progress, limit)));
            }
            let until = self.release_in_time(now).map_or(give_up_at, |until| until.min(give_up_at));
            match timeout_at(until.into(), self.answer_or_poke(&mut receiver)).await {
                Ok(Some(Ok(answer))) => return Some(answer),
                // The task of the request is gone without a word.
                Ok(Some(Err(_))) => {
                    return Some(Err(SendError::new(
                        progress.outcome(),
                        "the HTTP client panicked",
                    )));
                }
                // More came in while the answer is awaited: it may be worth compressing.
                Ok(None) => self.pack(),
                Err(_) => {}
            }
        }
    }

    /// Waits for an answer or a change of the shared state.
    async fn answer_or_poke<T>(&self, receiver: &mut oneshot::Receiver<T>) -> Option<Received<T>> {
        let mut poked = pin!(self.shared.poke.notified());
        poll_fn(|context| {
            if let Poll::Ready(answer) = pin!(&mut *receiver).poll(context) {
                return Poll::Ready(Some(answer));
            }
            poked.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    /// Waits for a change of the shared state, until then at the latest.
    pub(super) async fn wait(&mut self, until: Option<Instant>) {
        let poked = self.shared.poke.notified();
        match until {
            Some(until) => drop(timeout_at(until.into(), poked).await),
            None => poked.await,
        }
        self.pack();
    }

    /// Lets the export go that waits for the first choice of a form.
    fn close_choice(&self) {
        self.shared.lock().set_choice(Choice::Made);
    }

    /// Lets exports write in the form that is spoken from now on.
    fn show_form(&mut self) {
        self.speak(&mut self.shared.lock());
    }

    /// Returns true if the exporter has to end now.
    fn is_over(&self, now: Instant) -> bool {
        match self.shared.lock().phase {
            Phase::Open => false,
            Phase::Closing(deadline) => deadline <= now,
            Phase::Ended(_) => true,
        }
    }

    /// Lets the waiting exports go whose time is over, and returns when to look again.
    fn release_in_time(&self, now: Instant) -> Option<Instant> {
        let mut state = self.shared.lock();
        if state.waiter.as_ref().is_some_and(|waiter| waiter.deadline <= now) {
            state.release_waiter();
        }
        if matches!(&state.choice, Choice::Open(Some((deadline, _))) if *deadline <= now) {
            state.set_choice(Choice::Made);
        }
        let waiter = state.waiter.as_ref().map(|waiter| waiter.deadline);
        let choice = match &state.choice {
            Choice::Open(Some((deadline, _))) => Some(*deadline),
            _ => None,
        };
        state.or_end(waiter.into_iter().chain(choice).min())
    }
}

/// The result of a channel.
type Received<T> = Result<T, oneshot::error::RecvError>;
