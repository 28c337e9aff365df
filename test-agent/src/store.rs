//! What arrived, what is to be answered, and the means to wait for more.
//!
//! One mutex and one condition variable: the server thread writes, any thread reads.
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::error::Error;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::fault::Fault;
use super::receiver::Receiver;
use super::request::TraceRequest;
use super::span::ReceivedSpan;

/// What the server thread and the callers share.
#[derive(Debug, Default)]
pub(super) struct Store {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<TraceRequest>,
    script: VecDeque<Fault>,
    default_reply: Fault,
    info_reply: Fault,
    receiver: Receiver,
    /// Trace id and span id of the spans that a receiver keeps from being stored twice.
    seen: HashSet<(u64, u64)>,
    rates: Rates,
    connections: usize,
}

/// The sampling rates that the Agent hands out, and which edition they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    pub(super) by_service: BTreeMap<String, f64>,
    /// Empty before there were any rates.
    pub(super) version: String,
    edition: u64,
}

impl Store {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn next_reply(&self) -> Fault {
        let mut state = self.state();
        state.script.pop_front().unwrap_or_else(|| state.default_reply.clone())
    }

    pub(super) fn extend_script(&self, replies: impl IntoIterator<Item = Fault>) {
        // Collected first: the iterator is the caller's code, and must not run under the lock.
        let replies: Vec<_> = replies.into_iter().collect();
        self.state().script.extend(replies);
    }

    pub(super) fn set_default_reply(&self, reply: Fault) {
        self.state().default_reply = reply;
    }

    pub(super) fn receiver(&self) -> Receiver {
        self.state().receiver
    }

    pub(super) fn set_receiver(&self, receiver: Receiver) {
        self.state().receiver = receiver;
    }

    pub(super) fn info_reply(&self) -> Fault {
        self.state().info_reply.clone()
    }

    pub(super) fn set_info_reply(&self, reply: Fault) {
        self.state().info_reply = reply;
    }

    /// Takes out the spans that came before.
    pub(super) fn drop_repeats(&self, traces: &mut [Vec<ReceivedSpan>]) {
        let seen = &mut self.state().seen;
        for trace in traces {
            trace.retain(|span| seen.insert((span.trace_id, span.span_id)));
        }
    }

    pub(super) fn rates(&self) -> Rates {
        self.state().rates.clone()
    }

    pub(super) fn set_rates(&self, by_service: BTreeMap<String, f64>) {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let rates = &mut self.state().rates;
        rates.edition += 1;
        rates.version = format!("{seconds:x}-{:x}", rates.edition);
        rates.by_service = by_service;
    }

    pub(super) fn connected(&self) {
        self.state().connections += 1;
    }

    pub(super) fn connections(&self) -> usize {
        self.state().connections
    }

    pub(super) fn record(&self, request: TraceRequest) {
        self.state().requests.push(request);
        self.arrived.notify_all();
    }

    pub(super) fn requests(&self) -> Vec<TraceRequest> {
        self.state().requests.clone()
    }

    pub(super) fn take_requests(&self) -> Vec<TraceRequest> {
        std::mem::take(&mut self.state().requests)
    }

    pub(super) fn chunks(&self) -> Vec<Vec<ReceivedSpan>> {
        self.state().requests.iter().flat_map(|request| request.traces.iter().cloned()).collect()
    }

    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.requests.clear();
        state.script.clear();
        state.seen.clear();
    }

    pub(super) fn wait_for_requests(
        &self,
        wanted: usize,
        limit: Duration,
    ) -> Result<Vec<TraceRequest>, WaitError> {
        let state = self.wait("requests", wanted, limit, |state| state.requests.len())?;
        Ok(state.requests.clone())
    }

    pub(super) fn wait_for_spans(
        &self,
        wanted: usize,
        limit: Duration,
    ) -> Result<Vec<ReceivedSpan>, WaitError> {
        let state = self.wait("spans", wanted, limit, State::span_count)?;
        let traces = state.requests.iter().flat_map(|request| &request.traces);
        Ok(traces.flatten().cloned().collect())
    }

    fn wait(
        &self,
        what: &'static str,
        wanted: usize,
        limit: Duration,
        count: fn(&State) -> usize,
    ) -> Result<MutexGuard<'_, State>, WaitError> {
        let begin = Instant::now();
        let (state, _) = self
            .arrived
            .wait_timeout_while(self.state(), limit, |state| count(state) < wanted)
            .unwrap_or_else(PoisonError::into_inner);
        let seen = count(&state);
        if seen < wanted {
            return Err(WaitError { what, wanted, seen, waited: begin.elapsed() });
        }
        Ok(state)
    }
}

impl State {
    fn span_count(&self) -> usize {
        self.requests.iter().flat_map(|request| &request.traces).map(Vec::len).sum()
    }
}

/// The time was up before everything had arrived.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use datadog_test_agent::TestAgent;
///
/// let agent = TestAgent::start()?;
/// let error = agent.wait_for_spans(1, Duration::ZERO).unwrap_err();
/// assert_eq!((error.wanted(), error.seen()), (1, 0));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct WaitError {
    what: &'static str,
    wanted: usize,
    seen: usize,
    waited: Duration,
}

impl WaitError {
    /// Returns how many were waited for.
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    /// Returns how many were there in the end.
    pub fn seen(&self) -> usize {
        self.seen
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, wanted, seen, waited } = self;
        write!(f, "waited {waited:.1?} for {wanted} {what}, saw {seen}")
    }
}

impl Error for WaitError {}
