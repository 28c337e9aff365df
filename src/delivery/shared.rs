//! The state that the exporter, its handles and the worker share: the buffer behind one lock.
//!
//! No foreign code runs under the lock: an export that waits is woken by [`Locked`] after the lock is free.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_channel::oneshot;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use tokio::sync::Notify;

use super::buffer::Buffer;
use super::stats::ExporterStats;
use super::{Identity, deadline_in};
use crate::encoding::Payload;
use crate::guard;
use crate::protocol::{AgentRates, Form, Negotiation, Protocol};
use crate::stats::{Concentrator, Rules};

/// The shared part of delivery.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Told whenever something is settled, and at the end.
    settled: Condvar,
    /// Wakes the worker.
    pub(super) poke: Notify,
    /// The sampling rates of the Agent.
    pub(super) rates: AgentRates,
    /// Counts spans. Its lock is the inner one where both are held.
    pub(super) concentrator: Mutex<Concentrator>,
    /// The setting, which says whether the form may change.
    protocol: Protocol,
    /// The process in which the worker lives. A fork takes no thread along.
    process: u32,
}

/// Everything that changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) buffer: Buffer,
    /// The export that waits for its answer: there can be only one.
    pub(super) waiter: Option<Waiter>,
    /// The form that the receiver is spoken to in.
    pub(super) form: &'static Form,
    /// True if somebody follows the Agent's rates.
    pub(super) wants_rates: bool,
    /// The rules by which the client counts spans; nothing if it does not.
    pub(super) counting: Option<Arc<Rules>>,
    /// Flushes of all statistics that were asked for, and those that are done.
    pub(super) stats_flushes: (u64, u64),
    /// The first export, which waits until the form is chosen.
    pub(super) choice: Choice,
    pub(super) phase: Phase,
    pub(super) identity: Identity,
    /// Exports to wake once the lock is free.
    to_wake: Vec<Wake>,
    /// Times that the worker is to panic: no input is known that makes it.
    #[cfg(all(test, unix))]
    pub(super) panics: u32,
}

/// An export to wake.
#[derive(Debug)]
enum Wake {
    /// It waited for an answer.
    Answer(oneshot::Sender<OTelSdkResult>, OTelSdkResult),
    /// It waited for the choice of a form.
    Choice(oneshot::Sender<()>),
}

/// The state under its lock.
#[derive(Debug)]
pub(super) struct Locked<'a>(Option<MutexGuard<'a, State>>);

impl Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        self.0.as_ref().expect("only `drop` and a wait take it")
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        self.0.as_mut().expect("only `drop` and a wait take it")
    }
}

/// Frees the lock, then wakes exports. A waker is foreign code.
impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let Some(mut state) = self.0.take() else { return };
        let to_wake = std::mem::take(&mut state.to_wake);
        drop(state);
        for wake in to_wake {
            guard::catch(|| match wake {
                // The export may have stopped waiting.
                Wake::Answer(sender, result) => drop(sender.send(result)),
                Wake::Choice(sender) => drop(sender),
            });
        }
    }
}

/// The first choice of a form.
#[derive(Debug)]
pub(super) enum Choice {
    /// The receiver was not asked yet. An export may wait for it until then.
    Open(Option<(Instant, oneshot::Sender<()>)>),
    /// It is made, or nobody waits for it any more.
    Made,
}

/// The life of delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Takes payloads.
    Open,
    /// Delivers what is left, until then.
    Closing(Instant),
    /// It is over, and so many spans were dropped.
    Ended(u64),
}

/// An export that waits.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) ticket: u64,
    pub(super) deadline: Instant,
    answer: oneshot::Sender<OTelSdkResult>,
    /// The result so far.
    pub(super) result: OTelSdkResult,
}

impl Shared {
    pub(super) fn new(
        buffer_bytes: usize,
        payload_bytes: usize,
        protocol: Protocol,
        wants_stats: bool,
    ) -> Self {
        let negotiation = Negotiation::new(protocol, wants_stats, Instant::now());
        let state = State {
            buffer: Buffer::new(buffer_bytes, payload_bytes),
            waiter: None,
            form: negotiation.form(),
            wants_rates: false,
            counting: None,
            stats_flushes: (0, 0),
            choice: if negotiation.asks() { Choice::Open(None) } else { Choice::Made },
            phase: Phase::Open,
            identity: Identity::default(),
            to_wake: Vec::new(),
            #[cfg(all(test, unix))]
            panics: 0,
        };
        Self {
            state: Mutex::new(state),
            settled: Condvar::new(),
            poke: Notify::new(),
            rates: AgentRates::default(),
            concentrator: Mutex::new(Concentrator::new(wall_time())),
            protocol,
            process: std::process::id(),
        }
    }

    /// Fails in a child of the process in which the worker lives: nobody would ever answer there. It
    /// takes no lock, since the worker may have held it at the fork.
    pub(super) fn check_process(&self) -> OTelSdkResult {
        if self.process == std::process::id() {
            return Ok(());
        }
        Err(OTelSdkError::InternalFailure(
            "the process was forked after the exporter was built: build it after the fork"
                .to_owned(),
        ))
    }

    pub(super) fn lock(&self) -> Locked<'_> {
        Locked(Some(self.state.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Returns the counters. In a forked child there are none: the lock may be held for ever there.
    pub(super) fn stats(&self) -> ExporterStats {
        match self.check_process() {
            Ok(()) => self.lock().buffer.stats(),
            Err(error) => {
                ExporterStats { last_error: Some(error.to_string()), ..ExporterStats::default() }
            }
        }
    }

    /// The statistics under their lock.
    pub(super) fn stats_lock(&self) -> MutexGuard<'_, Concentrator> {
        self.concentrator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a channel that ends when the first form is chosen, or after this time; nothing if it is.
    pub(super) fn first_choice(&self, wait: Duration) -> Option<oneshot::Receiver<()>> {
        let mut state = self.lock();
        if state.phase != Phase::Open || !matches!(state.choice, Choice::Open(_)) {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        // A second export at the same time takes the first one's place, and lets it go.
        state.set_choice(Choice::Open(Some((Instant::now() + wait, sender))));
        self.poke.notify_one();
        Some(receiver)
    }

    /// Asks for the Agent's rates; false if the protocol has none.
    pub(super) fn want_rates(&self) -> bool {
        if self.check_process().is_err() {
            return false;
        }
        let mut state = self.lock();
        state.wants_rates = true;
        self.poke.notify_one();
        self.protocol == Protocol::Auto || state.form.has_rates
    }

    /// Takes payloads in. The result tells of the answer, if it is worth waiting for.
    pub(super) fn push(
        &self,
        payloads: Vec<Payload>,
        deadline: Instant,
    ) -> Result<Option<oneshot::Receiver<OTelSdkResult>>, OTelSdkError> {
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        if payloads.is_empty() {
            return Ok(None);
        }
        let was_idle = state.buffer.is_idle();
        let before = state.buffer.given_up();
        let ticket = state.buffer.push(payloads);
        // If nothing else is there, all that had to make room is its own.
        let is_too_large = was_idle && state.buffer.given_up() > before;
        let result = if is_too_large { Err(too_large()) } else { Ok(()) };
        if was_idle && state.buffer.is_settled(ticket) {
            return result.map(|()| None);
        }
        // Wakes callers whose payloads were evicted.
        self.announce(&mut state);
        let receiver = was_idle.then(|| {
            let (answer, receiver) = oneshot::channel();
            state.waiter = Some(Waiter { ticket, deadline, answer, result });
            receiver
        });
        self.poke.notify_one();
        Ok(receiver)
    }

    /// Lets nothing more in, and returns how many spans were dropped so far; nothing if it was closed already.
    pub(super) fn close(&self, deadline: Instant) -> Option<u64> {
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return None;
        }
        state.phase = Phase::Closing(deadline);
        self.poke.notify_one();
        Some(state.buffer.given_up())
    }

    /// Waits until the worker has ended; false if it has not when the time is over.
    pub(super) fn wait_for_end(&self, deadline: Instant) -> bool {
        let mut state = self.lock();
        while !state.has_ended() {
            match self.wait(state, deadline) {
                Some(again) => state = again,
                None => return false,
            }
        }
        true
    }

    /// Waits until all that was pushed so far is settled. It hurries no try: an Agent that is overloaded or away is
    /// not asked more often because somebody waits.
    pub(super) fn flush(&self, timeout: Duration) -> OTelSdkResult {
        self.check_process()?;
        let deadline = deadline_in(timeout);
        let mut state = self.lock();
        let ticket = state.buffer.last_ticket();
        if ticket.is_none() && self.stats_lock().is_empty() {
            return Ok(());
        }
        if matches!(state.phase, Phase::Ended(lost) if lost > 0) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        let dropped = |state: &State| state.buffer.given_up();
        let before = dropped(&state);
        while ticket.is_some_and(|ticket| !state.buffer.is_settled(ticket)) {
            state = self.wait(state, deadline).ok_or(OTelSdkError::Timeout(timeout))?;
        }
        if !state.has_ended() && !self.stats_lock().is_empty() {
            state.stats_flushes.0 += 1;
            let flush = state.stats_flushes.0;
            self.poke.notify_one();
            while state.stats_flushes.1 < flush && !state.has_ended() {
                state = self.wait(state, deadline).ok_or(OTelSdkError::Timeout(timeout))?;
            }
        }
        match (dropped(&state) - before, state.phase) {
            (0, _) => Ok(()),
            (_, Phase::Ended(_)) => Err(OTelSdkError::AlreadyShutdown),
            (spans, _) => {
                let cause = state.buffer.stats().last_error.unwrap_or_default();
                Err(OTelSdkError::InternalFailure(format!("spans dropped: {spans}; {cause}")))
            }
        }
    }

    /// Tells everyone who waits that something was settled.
    pub(super) fn announce(&self, state: &mut State) {
        if state.waiter.as_ref().is_some_and(|waiter| state.buffer.is_settled(waiter.ticket)) {
            state.release_waiter();
        }
        self.settled.notify_all();
    }

    /// Delivery ends: what is left is lost. The worker says so at its end.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        if state.has_ended() {
            return;
        }
        let lost = state.buffer.drop_all();
        state.buffer.stats_mut().stats_spans_dropped += self.stats_lock().give_up(true);
        if let Some(waiter) = state.waiter.as_mut().filter(|_| lost > 0) {
            waiter.result = Err(OTelSdkError::AlreadyShutdown);
        }
        state.counting = None;
        state.phase = Phase::Ended(lost);
        state.set_choice(Choice::Made);
        self.announce(&mut state);
    }

    fn wait<'s>(&self, mut locked: Locked<'s>, deadline: Instant) -> Option<Locked<'s>> {
        let left = deadline.checked_duration_since(Instant::now())?;
        let state = locked.0.take()?;
        let (state, _) =
            self.settled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        Some(Locked(Some(state)))
    }
}

fn too_large() -> OTelSdkError {
    OTelSdkError::InternalFailure("the batch is larger than the buffer".to_owned())
}

/// Returns this moment in nanoseconds since 1970.
pub(crate) fn wall_time() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

impl State {
    /// Returns true if delivery has ended and every span is accounted for.
    pub(super) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended(_))
    }

    /// Returns this moment, or that at which the exporter has to end, whichever is first.
    pub(super) fn or_end(&self, moment: Option<Instant>) -> Option<Instant> {
        match self.phase {
            Phase::Closing(deadline) => {
                Some(moment.map_or(deadline, |moment| moment.min(deadline)))
            }
            _ => moment,
        }
    }

    /// Uses a form from now on.
    pub(super) fn speak(&mut self, form: &'static Form) {
        self.form = form;
        self.show_protocol();
    }

    /// Tells the form in the counters.
    pub(super) fn show_protocol(&mut self) {
        self.buffer.stats_mut().protocol = self.form.protocol;
    }

    /// Lets the waiting export go, with what is known by now.
    pub(super) fn release_waiter(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.to_wake.push(Wake::Answer(waiter.answer, waiter.result));
        }
    }

    /// Changes the first choice of a form, and lets the export go that waited for it.
    pub(super) fn set_choice(&mut self, choice: Choice) {
        if let Choice::Open(Some((_, sender))) = std::mem::replace(&mut self.choice, choice) {
            self.to_wake.push(Wake::Choice(sender));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_fork_nothing_waits_for_the_worker_that_was_left_behind() {
        let mut shared = Shared::new(1 << 20, 1 << 20, Protocol::V03Json, false);
        assert!(shared.check_process().is_ok());
        shared.process += 1;
        // The worker held the lock at the fork.
        let _held = shared.lock();
        for outcome in [shared.check_process(), shared.flush(Duration::from_secs(60))] {
            assert!(outcome.unwrap_err().to_string().contains("after the fork"));
        }
        assert!(shared.stats().last_error.unwrap().contains("after the fork"));
        assert!(!shared.want_rates());
    }
}
