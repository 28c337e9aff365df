//! The worker's words with the receiver: one request at a time, and the form that both agree on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::{Event, Worker};
use crate::delivery::buffer::Flight;
use crate::delivery::client::{Answer, Client, Request, SendError, Sent};
use crate::delivery::shared::{Choice, Phase};
use crate::delivery::voice::describe;
use crate::protocol::{FormSet, INFO_PATH, Refusal};

/// How long a receiver may take to say what it takes: it must not hold spans up.
const ASK_TIMEOUT: Duration = Duration::from_secs(1);

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
    /// Asks the receiver what it takes, and chooses the form by it.
    pub(super) async fn ask(&mut self) -> Asked {
        let request =
            Request { method: "GET", path: INFO_PATH, headers: self.headers.clone(), body: None };
        let Some(answer) = self.exchange(request, self.timeout.min(ASK_TIMEOUT)).await else {
            return Asked::Over;
        };
        let now = Instant::now();
        if let Err(error) = &answer {
            if error.sent == Sent::Nothing {
                self.negotiation.lost(now);
                self.close_choice();
                return Asked::Unreachable(answer);
            }
        }
        self.was_reached |= answer.is_ok();
        self.negotiation.introduced(answer.as_ref().ok(), now);
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
        let body = Some(document.clone());
        let request = Request { method: "PUT", path: form.path(), headers, body };
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
        match self.ask().await {
            Asked::Over => return Turn::Over,
            Asked::Unreachable(error) => return Turn::Land(error),
            Asked::Answered => {}
        }
        if refusal == Refusal::WrongForm || !self.negotiation.is_introduced() {
            *refused |= form.bit();
        }
        let has_choice = self.negotiation.avoid(*refused);
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
    async fn exchange(&mut self, request: Request, limit: Duration) -> Option<Answer> {
        let client = Arc::clone(&self.client);
        let sending = tokio::spawn(send(client, request, limit));
        let events = self.shared.events();
        tokio::spawn(async move {
            let answer = sending.await;
            let answer =
                answer.unwrap_or_else(|_| Err(SendError::unanswered("the HTTP client panicked")));
            // Nobody listens once the worker gave up.
            let _ = events.send(Event::Answered(answer));
        });
        while !self.is_over(Instant::now()) {
            let until = self.release_in_time(Instant::now());
            if let Some(Event::Answered(answer)) = self.next_event(until).await {
                return Some(answer);
            }
        }
        None
    }

    /// Lets the export go that waits for the first choice of a form.
    fn close_choice(&self) {
        self.shared.lock().choice = Choice::Made;
    }

    /// Makes the form known that is spoken from now on.
    fn show_form(&mut self) {
        let form = self.negotiation.form();
        let mut state = self.shared.lock();
        state.speak(form);
        let wants_rates = state.wants_rates;
        drop(state);
        if self.negotiation.is_auto() {
            let lacks_rates = wants_rates && !form.has_rates;
            self.voice.protocol(form.protocol, &self.client.address(), lacks_rates);
            if self.negotiation.is_unstable() {
                self.voice.unstable(&self.client.address());
            }
        }
    }

    /// Whether the exporter has to end now.
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
            state.choice = Choice::Made;
        }
        let waiter = state.waiter.as_ref().map(|waiter| waiter.deadline);
        let choice = match &state.choice {
            Choice::Open(Some((deadline, _))) => Some(*deadline),
            _ => None,
        };
        state.or_end(waiter.into_iter().chain(choice).min())
    }
}

/// Sends a request within the time-out. Whether it was sent is unknown once the time is over.
async fn send(client: Arc<Client>, request: Request, limit: Duration) -> Answer {
    match timeout(limit, client.send(request)).await {
        Ok(answer) => answer,
        Err(_) => Err(SendError::timed_out(format!("no answer within {limit:?}"))),
    }
}
