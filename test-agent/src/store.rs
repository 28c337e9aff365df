//! Arrived requests, the script of answers, and the means to wait for more.
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
use super::stats::ReceivedStats;

/// The state that the server thread and the callers share.
#[derive(Debug)]
pub(super) struct Store {
    state: Mutex<State>,
    arrived: Condvar,
    /// The most memory that requests may take, in bytes.
    memory_max: usize,
}

impl Default for Store {
    fn default() -> Self {
        Self::new(MEMORY_MAX)
    }
}

/// The most memory that requests may take unless set otherwise, in bytes: some 100,000 spans with many tags.
pub(super) const MEMORY_MAX: usize = 512 << 20;

/// The number of spans that a receiver remembers in order to drop repeats.
const SEEN_MAX: usize = 100_000;

/// The requests and spans that were forgotten so that memory stays bounded.
///
/// The oldest requests go first. Spans that did not fit into the memory of a single request count too.
///
/// # Examples
///
/// ```
/// use datadog_test_agent::TestAgent;
///
/// let agent = TestAgent::builder().with_memory_limit(64 << 20).start()?;
/// assert_eq!((agent.forgotten().requests, agent.forgotten().spans), (0, 0));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Forgotten {
    /// Requests that were forgotten.
    pub requests: usize,
    /// Spans that were forgotten.
    pub spans: usize,
}

/// The last spans that came, by trace id and span id.
#[derive(Debug, Default)]
struct Seen {
    known: HashSet<(u64, u64)>,
    order: VecDeque<(u64, u64)>,
}

impl Seen {
    /// Remembers a span, and returns whether it is new.
    fn insert(&mut self, id: (u64, u64)) -> bool {
        let is_new = self.known.insert(id);
        if is_new {
            self.order.push_back(id);
        }
        if self.order.len() > SEEN_MAX {
            self.order.pop_front().map(|oldest| self.known.remove(&oldest));
        }
        is_new
    }
}

#[derive(Debug, Default)]
struct State {
    requests: VecDeque<TraceRequest>,
    /// The memory of the requests, in bytes.
    memory: usize,
    /// The spans of the requests.
    spans: usize,
    forgotten: Forgotten,
    stats: VecDeque<ReceivedStats>,
    /// The memory of the statistics, in bytes.
    stats_memory: usize,
    script: VecDeque<Fault>,
    default_reply: Fault,
    info_reply: Fault,
    /// Requests for `/info` so far.
    questions: usize,
    receiver: Receiver,
    /// Trace id and span id of the spans that a receiver keeps from being stored twice.
    seen: Seen,
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
    pub(super) fn new(memory_max: usize) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), memory_max }
    }

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

    pub(super) fn count_question(&self) {
        self.state().questions += 1;
    }

    pub(super) fn questions(&self) -> usize {
        self.state().questions
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

    /// Keeps a request, in place of the oldest ones where memory runs out.
    pub(super) fn record(&self, request: TraceRequest) {
        let mut state = self.state();
        state.forgotten.spans += request.unkept.spans;
        state.memory += request.memory();
        state.spans += request.span_count();
        state.requests.push_back(request);
        while state.memory > self.memory_max && state.requests.len() > 1 {
            state.forget_oldest();
        }
        drop(state);
        self.arrived.notify_all();
    }

    /// Keeps statistics, in place of the oldest ones where memory runs out.
    pub(super) fn record_stats(&self, received: ReceivedStats) {
        let mut state = self.state();
        state.stats_memory += received.memory;
        state.stats.push_back(received);
        while state.stats_memory > self.memory_max && state.stats.len() > 1 {
            let memory = state.stats.pop_front().map_or(0, |oldest| oldest.memory);
            state.stats_memory -= memory;
        }
        drop(state);
        self.arrived.notify_all();
    }

    pub(super) fn stats(&self) -> Vec<ReceivedStats> {
        self.state().stats.iter().cloned().collect()
    }

    pub(super) fn forgotten(&self) -> Forgotten {
        self.state().forgotten
    }

    pub(super) fn requests(&self) -> Vec<TraceRequest> {
        self.state().requests.iter().cloned().collect()
    }

    pub(super) fn take_requests(&self) -> Vec<TraceRequest> {
        self.state().take_requests().into()
    }

    pub(super) fn chunks(&self) -> Vec<Vec<ReceivedSpan>> {
        self.state().requests.iter().flat_map(|request| request.traces.iter().cloned()).collect()
    }

    pub(super) fn clear(&self) {
        let mut state = self.state();
        drop(state.take_requests());
        state.forgotten = Forgotten::default();
        state.stats.clear();
        state.stats_memory = 0;
        state.script.clear();
        state.seen = Seen::default();
    }

    pub(super) fn wait_for_requests(
        &self,
        wanted: usize,
        limit: Duration,
    ) -> Result<Vec<TraceRequest>, WaitError> {
        let state = self.wait("requests", wanted, limit, |state| state.requests.len())?;
        Ok(state.requests.iter().cloned().collect())
    }

    pub(super) fn wait_for_spans(
        &self,
        wanted: usize,
        limit: Duration,
    ) -> Result<Vec<ReceivedSpan>, WaitError> {
        let state = self.wait("spans", wanted, limit, |state| state.spans)?;
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
            let forgotten = state.forgotten;
            return Err(WaitError { what, wanted, seen, waited: begin.elapsed(), forgotten });
        }
        Ok(state)
    }
}

impl State {
    fn take_requests(&mut self) -> VecDeque<TraceRequest> {
        (self.memory, self.spans) = (0, 0);
        std::mem::take(&mut self.requests)
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.requests.pop_front() else { return };
        let spans = oldest.span_count();
        self.memory -= oldest.memory();
        self.spans -= spans;
        self.forgotten.requests += 1;
        self.forgotten.spans += spans;
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
    forgotten: Forgotten,
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
        let Self { what, wanted, seen, waited, forgotten } = self;
        write!(f, "waited {waited:.1?} for {wanted} {what}, saw {seen}")?;
        let Forgotten { requests, spans } = forgotten;
        if *forgotten == Forgotten::default() {
            return Ok(());
        }
        write!(
            f,
            "; {requests} requests and {spans} spans were forgotten: the memory limit is too low"
        )
    }
}

impl Error for WaitError {}
