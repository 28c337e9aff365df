//! The worker: one thread that waits, asks the policy, and acts.
//!
//! One request is under way at a time; what comes meanwhile waits in the buffer and is joined to the next. The loop
//! decides under the lock and acts outside of it. It runs no foreign code: requests run on the HTTP thread, log lines
//! on a thread of their own. Not here: delays and verdicts ([`super::policy`]).

mod counting;
mod exchange;

use std::hash::{BuildHasher, RandomState};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkError;

use super::address::AgentInUse;
use super::buffer::Flight;
use super::client::Answer;
use super::policy::{self, Action, Decision, Link, Outcome, Situation};
use super::reporter::{LogReporter, News, describe};
use super::sender::{self, Jobs};
use super::shared::{Phase, Shared, State};
use super::stats::Reason;
use super::{DeliverySettings, identity};
use exchange::{Asked, Turn};

use crate::protocol::Negotiation;
use crate::stats::{Sender, StatsRequest};
use crate::{BuildError, guard};

/// The most times that a worker that panicked is started again: a fault that lasts must not go on for ever.
const MAX_RESTARTS: u32 = 16;

/// Runs the worker until the exporter is closed. `started` gets one message: whether the worker can start.
pub(super) fn run(
    settings: &DeliverySettings,
    shared: &Arc<Shared>,
    started: &SyncSender<Result<(), BuildError>>,
) {
    let _guard = Context::enter_telemetry_suppressed_scope();
    let agent = Arc::new(AgentInUse::new(settings.addresses.clone()));
    let (jobs, http) = match sender::start(settings, &agent) {
        Ok(parts) => parts,
        Err(error) => return drop(started.send(Err(error))),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = BuildError::start("the exporter's runtime", error);
            return drop(started.send(Err(error)));
        }
    };
    // The builder waits for the word.
    let _ = started.send(Ok(()));
    let mut reporter = LogReporter::new(Arc::clone(&agent));
    for restarts in 0.. {
        // The numbers of a worker that panicked are lost.
        let lost = shared.stats_lock().take_lent();
        shared.lock().buffer.stats_mut().stats_spans_dropped += lost;
        let mut worker = Worker::new(settings, shared, &jobs, &mut reporter);
        if guard::catch(|| runtime.block_on(worker.work())).is_some() {
            break;
        }
        let is_over = restarts == MAX_RESTARTS;
        let mut state = shared.lock();
        state.buffer.abandon();
        let counters = state.buffer.stats();
        drop(state);
        reporter.worker_panicked(is_over, &counters);
        if is_over {
            break;
        }
    }
    shared.end();
    drop(jobs);
    end(http);
    reporter.finish();
}

/// Waits for the end of the HTTP thread, unless a client blocks it.
fn end(http: JoinHandle<()>) {
    if sender::ends_soon(&http) {
        // A panic of its own is one of a foreign client's.
        let _ = http.join();
    }
}

struct Worker<'a> {
    shared: &'a Arc<Shared>,
    jobs: &'a Jobs,
    reporter: &'a mut LogReporter,
    /// Headers that say who sends.
    headers: Vec<(&'static str, String)>,
    negotiation: Negotiation,
    /// The receiver was asked since there was something to send.
    was_asked: bool,
    timeout: Duration,
    /// The sender of client statistics, if they are wanted.
    stats: Option<&'a Sender>,
    /// The last flush of statistics that was begun.
    stats_flush: u64,
    /// The moment from which numbers may be sent again: numbers that nobody takes hold no span up.
    stats_try: Instant,
    /// The failures of requests with numbers.
    stats_link: Link,
    /// Requests with large numbers whose connection broke, one after the other.
    stats_breaks: u8,
    /// The last request had numbers: a payload comes next.
    has_counted: bool,
    /// Numbers that were given up, to be said.
    lost_stats: Option<(String, u64)>,
    #[cfg(test)]
    began: (Instant, u64),
    link: Link,
    random: RandomState,
    /// The moment from which the next try may be made.
    next_try: Instant,
    /// Tries that ended since the exporter began to close; nothing while it is open.
    tries_since_close: Option<u32>,
}

/// The next step of the worker.
enum Step {
    Ask,
    Send(Flight),
    Count(StatsRequest),
    Wait(Option<Instant>),
    End,
}

/// Returns this moment, by the clock that a test can hold.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

impl<'a> Worker<'a> {
    fn new(
        settings: &'a DeliverySettings,
        shared: &'a Arc<Shared>,
        jobs: &'a Jobs,
        reporter: &'a mut LogReporter,
    ) -> Self {
        Self {
            shared,
            jobs,
            reporter,
            headers: identity::headers(settings.external_env.as_deref()),
            negotiation: Negotiation::new(
                settings.protocol,
                settings.stats.is_some(),
                Instant::now(),
            ),
            was_asked: false,
            timeout: settings.timeout,
            stats: settings.stats.as_ref(),
            stats_flush: 0,
            stats_try: Instant::now(),
            stats_link: Link::default(),
            stats_breaks: 0,
            has_counted: false,
            lost_stats: None,
            #[cfg(test)]
            began: (now(), super::shared::wall_time()),
            link: Link::default(),
            random: RandomState::new(),
            next_try: Instant::now(),
            tries_since_close: None,
        }
    }

    async fn work(&mut self) {
        let shared = self.shared;
        loop {
            let step = self.next_step(&mut shared.lock());
            if let Some((cause, spans)) = self.lost_stats.take() {
                self.reporter.lost_stats(cause, spans);
            }
            match step {
                Step::Ask => self.ask_first().await,
                Step::Send(flight) => self.send(flight).await,
                Step::Count(request) => self.send_stats(request).await,
                Step::Wait(until) => self.wait(until).await,
                Step::End => return,
            }
        }
    }

    fn next_step(&mut self, state: &mut State) -> Step {
        let now = now();
        #[cfg(all(test, unix))]
        super::tests::panic_if_asked(state);
        if state.has_ended() {
            return Step::End;
        }
        if let Phase::Closing(deadline) = state.phase {
            if self.tries_since_close.is_none() {
                // The first try comes at once.
                (self.next_try, self.stats_try) = (now, now);
            }
            let tries = *self.tries_since_close.get_or_insert(0);
            let is_done = state.buffer.is_idle() && !self.has_stats();
            if is_done || now >= deadline || policy::ends_early(self.link, tries) {
                return Step::End;
            }
        }
        self.negotiation.want_rates(state.wants_rates, now);
        self.speak(state);
        self.close_stats(state, now);
        if now >= self.next_try {
            let waits = !state.buffer.is_idle() || self.has_closed_stats();
            let has_reason = !self.was_asked || waits;
            if has_reason && self.negotiation.should_ask(now) {
                self.was_asked = true;
                return Step::Ask;
            }
            let next = |state: &mut State| state.buffer.take().map(Step::Send);
            let first = if std::mem::take(&mut self.has_counted) { next(state) } else { None };
            if let Some(step) = first {
                return step;
            }
            if now >= self.stats_try {
                if let Some(request) = self.take_stats(state) {
                    self.has_counted = true;
                    return Step::Count(request);
                }
            }
            let until = self.stats_due(now).into_iter().chain(self.stats_retry()).min();
            return next(state).unwrap_or_else(|| Step::Wait(state.or_end(until)));
        }
        // An export that waits for its answer need not wait for the next try.
        state.release_waiter();
        let waits = !state.buffer.is_idle() || self.has_closed_stats();
        let until = if waits { Some(self.next_try) } else { self.stats_due(now) };
        Step::Wait(state.or_end(until))
    }

    /// Sends one payload and deals with its outcome. A form that the receiver does not know is changed, and the
    /// payload sent again, until one is taken or none is left.
    async fn send(&mut self, mut flight: Flight) {
        flight.prepare();
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
        self.reporter.report(now(), news, &counters);
    }

    /// Deals with the outcome of a payload whose document had this many bytes.
    fn land(&mut self, flight: Flight, answer: &Answer, bytes: usize) {
        let now = now();
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
            // The shutdown has counted it.
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
        self.announce_form();
        self.reporter.report(now, news, &counters);
    }

    /// Does what the policy decides, and returns what there is to say.
    fn settle(
        &mut self,
        state: &mut State,
        mut flight: Flight,
        answer: &Answer,
        bytes: usize,
        now: Instant,
    ) -> News {
        state.buffer.stats_mut().is_reachable = Some(answer.is_ok());
        let outcome = outcome(answer);
        let (doubts, breaks) = flight.tries();
        let can_halve = flight.spans() > 1;
        let situation =
            Situation { doubts, breaks, can_halve, bytes, ..self.situation(state, now) };
        let decision = policy::decide(outcome, &situation);
        self.link.note(outcome);
        self.count_try(decision.wait);
        self.next_try = now + decision.wait;
        if decision.action == Action::Deliver {
            self.link.failures = 0;
            state.buffer.delivered(flight, bytes);
            return News::Delivered;
        }
        self.link.fail(outcome);
        let mut cause = describe(answer);
        if answer.as_ref().is_ok_and(|response| self.negotiation.lacks_choice(response)) {
            cause.push_str("; `Protocol::Auto` would look for another form");
        }
        state.buffer.stats_mut().last_error = Some(cause.clone());
        flight.set_tries(decision.doubts, decision.breaks);
        Self::act(state, flight, decision, cause)
    }

    /// Keeps, halves or drops a payload.
    fn act(state: &mut State, flight: Flight, decision: Decision, cause: String) -> News {
        let reason = match decision.action {
            Action::Keep | Action::Deliver => {
                state.buffer.keep(flight);
                if decision.wait.is_zero() {
                    return News::Nothing;
                }
                // The export that waits for it need not.
                state.release_waiter();
                return News::Lost(cause);
            }
            Action::Halve if state.buffer.halve(&flight) => return News::Nothing,
            // It cannot be read back; sent again it would be too large again.
            Action::Halve => Reason::Invalid,
            Action::Drop(reason) => reason,
        };
        state.buffer.drop_flight(&flight, reason);
        gave_up(state, cause)
    }

    /// Counts a try of a closing exporter; one that is repeated at once is not the last.
    fn count_try(&mut self, wait: Duration) {
        if let Some(tries) = self.tries_since_close.as_mut().filter(|_| !wait.is_zero()) {
            *tries += 1;
        }
    }

    fn situation(&self, state: &State, now: Instant) -> Situation {
        #[expect(clippy::cast_possible_truncation, reason = "any 32 bits are random enough")]
        let random = self.random.hash_one(now) as u32;
        let is_closing = matches!(state.phase, Phase::Closing(_));
        Situation { is_closing, link: self.link, random, ..Situation::default() }
    }

    /// Asks before anything is sent. If nobody is reached, that was the try.
    async fn ask_first(&mut self) {
        let Asked::Unreachable(answer) = self.ask(0).await else { return };
        let now = now();
        let mut state = self.shared.lock();
        state.buffer.stats_mut().is_reachable = Some(false);
        let is_idle = state.buffer.is_idle();
        if is_idle && !self.has_closed_stats() || state.has_ended() {
            // Nothing waits for it, so there is nothing to say.
            return;
        }
        let situation = self.situation(&state, now);
        let wait = policy::wait_unreached(&situation);
        self.link.fail(Outcome::NotSent);
        self.count_try(wait);
        self.next_try = now + wait;
        let cause = describe(&answer);
        state.buffer.stats_mut().last_error = Some(cause.clone());
        state.release_waiter();
        if !is_idle {
            state.buffer.fail();
        }
        let counters = state.buffer.stats();
        drop(state);
        if !situation.is_closing && !is_idle {
            self.reporter.report(now, News::Lost(cause), &counters);
        }
    }

    /// Has payloads that wait for longer compressed, on a thread of their own.
    fn pack(&self) {
        let Some(waiting) = self.shared.lock().buffer.take_excess() else { return };
        let shared = Arc::clone(self.shared);
        let slot = Arc::new(Mutex::new(Some(waiting)));
        let pack = {
            let slot = Arc::clone(&slot);
            move || {
                let taken = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
                let packed = taken.and_then(|mut waiting| {
                    guard::catch(|| {
                        waiting.pack();
                        waiting
                    })
                });
                shared.lock().buffer.put_packed(packed);
                // There may be more to compress.
                shared.poke.notify_one();
            }
        };
        if sender::spawn("datadog-exporter-pack", pack).is_err() {
            let waiting = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            self.shared.lock().buffer.put_packed(waiting);
        }
    }

    /// Makes the form known that is spoken from now on, once a payload has told whether it is taken.
    fn announce_form(&mut self) {
        if let Some(cause) = self.negotiation.lacks_counting() {
            self.reporter.no_stats(cause);
        }
        if !self.negotiation.is_auto() {
            return;
        }
        if self.negotiation.is_unstable() {
            self.reporter.unstable();
        } else {
            self.reporter.protocol(self.negotiation.form().protocol);
        }
        if self.negotiation.lacks_rates() {
            self.reporter.no_rates(self.negotiation.form().protocol);
        }
    }
}

/// Returns what the policy has to know of an answer.
fn outcome(answer: &Answer) -> Outcome {
    match answer {
        Ok(response) => Outcome::Answered(response.status().as_u16(), retry_after(answer)),
        Err(error) => error.outcome,
    }
}

/// Reads `Retry-After`. A date counts as the longest wait: the Agent sends seconds.
fn retry_after(answer: &Answer) -> Option<Duration> {
    let header = answer.as_ref().ok()?.headers().get("retry-after")?.to_str().ok()?.trim();
    Some(header.parse().map_or(policy::MAX_DELAY, Duration::from_secs))
}

/// Tells the export that waits, if one does.
fn gave_up(state: &mut State, cause: String) -> News {
    if let Some(waiter) = &mut state.waiter {
        waiter.result = Err(OTelSdkError::InternalFailure(format!("spans dropped: {cause}")));
    }
    News::Refused(cause)
}

#[cfg(test)]
mod histories;
