//! The worker: one thread that owns the HTTP client, a runtime and a telemetry suppression guard.
//!
//! All three are built, used and dropped there. One request is under way at a time; what comes
//! meanwhile waits in the buffer and is joined to the next. The loop decides under the lock and acts
//! outside of it.

mod exchange;

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkError;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout_at;

use super::buffer::{Flight, Waiting};
use super::client::{Answer, Client};
use super::http::OwnClient;
use super::retry::{Backoff, MAX_BROKEN_RETRIES, MAX_DOUBTFUL_RETRIES, Verdict, judge};
use super::shared::{Phase, Shared, State};
use super::stats::Reason;
use super::voice::{News, Voice, describe};
use super::{DeliverySettings, identity};
use exchange::{Asked, Turn};

use crate::BuildError;
use crate::protocol::Negotiation;

/// The longest wait between two tries once the exporter is closing.
const CLOSING_DELAY: Duration = Duration::from_millis(250);

/// What wakes the worker.
#[derive(Debug)]
pub(super) enum Event {
    /// The shared state changed.
    Poked,
    /// The request under way has ended.
    Answered(Answer),
}

/// Runs the worker until the exporter is closed. `started` is told once whether it can start.
pub(super) fn run(
    settings: DeliverySettings,
    shared: &Arc<Shared>,
    events: UnboundedReceiver<Event>,
    started: &SyncSender<Result<(), BuildError>>,
) {
    let _guard = Context::enter_telemetry_suppressed_scope();
    let _end = EndOnDrop(shared);
    match Worker::build(settings, shared, events) {
        Ok((runtime, mut worker)) => {
            // Whoever started this thread waits for the word.
            let _ = started.send(Ok(()));
            runtime.block_on(worker.work());
            drop(worker);
            // A name lookup that hangs must not hold the thread.
            runtime.shutdown_background();
        }
        Err(error) => drop(started.send(Err(error))),
    }
}

/// Says that the worker ended, whatever the reason.
struct EndOnDrop<'a>(&'a Arc<Shared>);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

struct Worker<'a> {
    shared: &'a Shared,
    events: UnboundedReceiver<Event>,
    client: Arc<Client>,
    /// Headers that say who sends.
    headers: Vec<(&'static str, String)>,
    negotiation: Negotiation,
    /// Whether the receiver was asked since there was something to send.
    was_asked: bool,
    timeout: Duration,
    backoff: Backoff,
    random: RandomState,
    /// When the next try may be made.
    next_try: Instant,
    /// Whether the Agent ever answered.
    was_reached: bool,
    /// Whether a try has ended since the exporter began to close.
    tried_to_close: bool,
    voice: Voice,
}

/// What to do next.
enum Step {
    Ask,
    Send(Flight),
    Wait(Option<Instant>),
    End,
}

impl<'a> Worker<'a> {
    fn build(
        settings: DeliverySettings,
        shared: &'a Shared,
        events: UnboundedReceiver<Event>,
    ) -> Result<(Runtime, Self), BuildError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| BuildError::start("the exporter's runtime", error))?;
        let headers = identity::headers(settings.external_env.as_deref());
        let client = match settings.http_client {
            Some(client) => Client::Users(client, settings.addresses.first().clone()),
            None => OwnClient::new(settings.addresses, settings.timeout)
                .map(Client::Own)
                .map_err(|error| BuildError::start("the HTTP client", error))?,
        };
        let worker = Self {
            shared,
            events,
            client: Arc::new(client),
            headers,
            negotiation: Negotiation::new(settings.protocol, Instant::now()),
            was_asked: false,
            timeout: settings.timeout,
            backoff: Backoff::default(),
            random: RandomState::new(),
            next_try: Instant::now(),
            was_reached: false,
            tried_to_close: false,
            voice: Voice::default(),
        };
        Ok((runtime, worker))
    }

    async fn work(&mut self) {
        let shared = self.shared;
        loop {
            let step = self.next_step(&mut shared.lock());
            match step {
                Step::Ask => self.ask_first().await,
                Step::Send(flight) => self.send(flight).await,
                Step::Wait(until) => self.wait(until).await,
                Step::End => return,
            }
        }
    }

    fn next_step(&mut self, state: &mut State) -> Step {
        let now = Instant::now();
        if state.has_ended() {
            return Step::End;
        }
        if let Phase::Closing(deadline) = state.phase {
            // An Agent that was never there will not come now: one try is enough.
            let never_there = !self.was_reached && self.tried_to_close;
            if state.buffer.is_idle() || now >= deadline || never_there {
                return Step::End;
            }
            self.next_try = self.next_try.min(now + CLOSING_DELAY);
        }
        if std::mem::take(&mut state.is_urgent) {
            self.next_try = now;
        }
        self.negotiation.want_rates(state.wants_rates);
        state.speak(self.negotiation.form());
        if now >= self.next_try {
            let has_reason = !self.was_asked || !state.buffer.is_idle();
            if has_reason && self.negotiation.should_ask(now) {
                self.was_asked = true;
                return Step::Ask;
            }
            if let Some(flight) = state.buffer.take() {
                return Step::Send(flight);
            }
            return Step::Wait(None);
        }
        // What came while there was nothing else need not wait for the next try.
        state.release_waiter();
        let until = if state.buffer.is_idle() { None } else { Some(self.next_try) };
        Step::Wait(state.or_end(until))
    }

    /// Sends one payload and deals with its outcome. A form that the receiver does not know is changed, and the
    /// payload sent again, until one is taken or none is left.
    async fn send(&mut self, mut flight: Flight) {
        let mut refused = 0;
        loop {
            let Some(is_translated) = flight.translate(self.negotiation.form().wire) else {
                return self.give_up(&flight);
            };
            if is_translated {
                self.shared.lock().buffer.stats_mut().payloads_translated += 1;
            }
            let Some((answer, bytes)) = self.try_once(&mut flight).await else { return };
            match self.next_form(answer, &mut refused).await {
                Turn::Again => {}
                Turn::Land(answer) => return self.land(flight, &answer, bytes),
                Turn::Over => return,
            }
        }
    }

    /// Drops a payload that cannot be translated. It was written by this crate, so that would be a fault of ours.
    fn give_up(&mut self, flight: &Flight) {
        let cause = "the chunks of a payload cannot be read back".to_owned();
        let mut state = self.shared.lock();
        state.buffer.drop_flight(flight, Reason::Invalid);
        let news = gave_up(&mut state, cause);
        self.shared.announce(&mut state);
        let counters = state.buffer.stats();
        drop(state);
        self.voice.speak(Instant::now(), &news, &self.client.address(), &counters);
    }

    /// Deals with the outcome of a payload whose document had this many bytes.
    fn land(&mut self, flight: Flight, answer: &Answer, bytes: usize) {
        let now = Instant::now();
        self.was_reached |= answer.is_ok();
        match answer {
            Ok(response) => {
                self.negotiation.form().learn(response, &self.shared.rates);
                self.negotiation.answered(response);
            }
            Err(error) if error.is_timeout => self.negotiation.timed_out(now),
            Err(_) => self.negotiation.lost(now),
        }
        let mut state = self.shared.lock();
        if state.has_ended() {
            // Whoever shut down has counted it.
            return;
        }
        let mut news = self.settle(&mut state, flight, answer, bytes, now);
        if matches!((&news, state.phase), (News::Lost(_), Phase::Closing(_))) {
            // Nothing waits for the Agent any more: the end of the shutdown says what is lost.
            news = News::Nothing;
        }
        self.shared.announce(&mut state);
        let counters = state.buffer.stats();
        drop(state);
        // Outside the lock: whoever listens may ask for the counters.
        self.voice.speak(now, &news, &self.client.address(), &counters);
    }

    /// Does what the table says, and returns what there is to say.
    fn settle(
        &mut self,
        state: &mut State,
        mut flight: Flight,
        answer: &Answer,
        bytes: usize,
        now: Instant,
    ) -> News {
        self.tried_to_close |= matches!(state.phase, Phase::Closing(_));
        state.buffer.stats_mut().is_reachable = Some(answer.is_ok());
        let verdict = verdict(&mut flight, answer);
        if verdict == Verdict::Delivered {
            state.buffer.delivered(flight, bytes);
            self.backoff.reset();
            self.next_try = now;
            return News::Delivered;
        }
        let mut cause = describe(answer);
        if answer.as_ref().is_ok_and(|response| self.negotiation.lacks_choice(response)) {
            cause.push_str("; `Protocol::Auto` would look for another form");
        }
        state.buffer.stats_mut().last_error = Some(cause.clone());
        let reason = match verdict {
            Verdict::Halve if state.buffer.halve(&flight) => return News::Nothing,
            Verdict::Doubtful if flight.doubt() > MAX_DOUBTFUL_RETRIES => Reason::Unacknowledged,
            Verdict::Halve | Verdict::Refused => Reason::Rejected,
            _ => return self.keep(state, flight, verdict, cause, now),
        };
        state.buffer.drop_flight(&flight, reason);
        gave_up(state, cause)
    }

    /// Asks before anything is sent. If nobody is reached, that was the try.
    async fn ask_first(&mut self) {
        let Asked::Unreachable(answer) = self.ask().await else { return };
        let now = Instant::now();
        let mut state = self.shared.lock();
        state.buffer.stats_mut().is_reachable = Some(false);
        if state.buffer.is_idle() || state.has_ended() {
            // Nothing waits for it, so there is nothing to say.
            return;
        }
        self.tried_to_close |= matches!(state.phase, Phase::Closing(_));
        let cause = describe(&answer);
        state.buffer.stats_mut().last_error = Some(cause.clone());
        let delay = self.backoff.after_failure(Verdict::Keep, self.random.hash_one(now));
        self.next_try = now + delay;
        state.release_waiter();
        state.buffer.fail();
        let counters = state.buffer.stats();
        let is_closing = matches!(state.phase, Phase::Closing(_));
        drop(state);
        if !is_closing {
            self.voice.speak(now, &News::Lost(cause), &self.client.address(), &counters);
        }
    }

    /// Puts a payload back for another try, after the wait that its failure asks for.
    fn keep(
        &mut self,
        state: &mut State,
        flight: Flight,
        verdict: Verdict,
        cause: String,
        now: Instant,
    ) -> News {
        let delay = self.backoff.after_failure(verdict, self.random.hash_one(now));
        self.next_try = now + delay;
        state.buffer.keep(flight);
        if delay.is_zero() {
            // The try that counts is the one that follows at once.
            self.tried_to_close = false;
            return News::Nothing;
        }
        // The export that waits for it need not.
        state.release_waiter();
        News::Lost(cause)
    }

    /// Compresses what waits for longer, without holding anybody up.
    fn pack(&self) {
        while let Some(mut waiting) = self.take_excess() {
            waiting.pack();
            self.shared.lock().buffer.put_packed(waiting);
        }
    }

    fn take_excess(&self) -> Option<Waiting> {
        self.shared.lock().buffer.take_excess()
    }

    /// Waits for a change, until then at the latest.
    async fn wait(&mut self, until: Option<Instant>) {
        // Nothing is on its way, so it is a poke or the time: the caller looks at the state anew.
        let _ = self.next_event(until).await;
    }

    async fn next_event(&mut self, until: Option<Instant>) -> Option<Event> {
        let event = match until {
            Some(until) => timeout_at(until.into(), self.events.recv()).await.ok()?,
            None => self.events.recv().await,
        };
        if matches!(event, Some(Event::Poked)) {
            self.shared.poke_was_read();
            self.pack();
        }
        event
    }
}

/// Returns what the table says of an answer, unless the payload has had too many of its kind.
fn verdict(flight: &mut Flight, answer: &Answer) -> Verdict {
    let verdict = judge(answer);
    // A single span that cannot be cut is kept: nothing says that it is too large.
    if verdict == Verdict::Broken && flight.broke() > MAX_BROKEN_RETRIES && flight.spans() > 1 {
        return Verdict::Halve;
    }
    verdict
}

/// Tells the export that waits, if one does.
fn gave_up(state: &mut State, cause: String) -> News {
    if let Some(waiter) = &mut state.waiter {
        waiter.result = Err(OTelSdkError::InternalFailure(format!("spans given up: {cause}")));
    }
    News::Refused(cause)
}
