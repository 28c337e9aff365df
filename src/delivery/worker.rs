//! The worker: one thread that owns the HTTP client, a runtime and a telemetry suppression guard.
//!
//! All three are built, used and dropped there. One request is under way at a time; what comes
//! meanwhile waits in the buffer and is joined to the next. The loop decides under the lock and acts
//! outside of it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use bytes::Bytes;
use opentelemetry::Context;
use opentelemetry_sdk::error::OTelSdkError;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{timeout, timeout_at};

use super::buffer::{Flight, Waiting};
use super::http::HttpTransport;
use super::rates::VERSION_HEADER;
use super::retry::{Backoff, MAX_BROKEN_RETRIES, MAX_DOUBTFUL_RETRIES, Verdict, judge};
use super::shared::{Phase, Shared, State};
use super::stats::Reason;
use super::transport::{Answer, Transport, TransportError, TransportRequest};
use super::voice::{News, Voice, describe};
use super::{ApiVersion, DeliverySettings, identity};
use crate::BuildError;

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
    transport: Arc<dyn Transport>,
    headers: Vec<(&'static str, String)>,
    api_version: ApiVersion,
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
        let agent = settings.address.to_string();
        let headers = identity::headers(settings.external_env.as_deref());
        let transport = match settings.transport {
            Some(transport) => transport,
            None => HttpTransport::new(settings.address, settings.timeout)
                .map(|transport| Arc::new(transport) as Arc<dyn Transport>)
                .map_err(|error| BuildError::start("the HTTP client", error))?,
        };
        let worker = Self {
            shared,
            events,
            transport,
            headers,
            api_version: settings.api_version,
            timeout: settings.timeout,
            backoff: Backoff::default(),
            random: RandomState::new(),
            next_try: Instant::now(),
            was_reached: false,
            tried_to_close: false,
            voice: Voice::new(agent),
        };
        Ok((runtime, worker))
    }

    async fn work(&mut self) {
        let shared = self.shared;
        loop {
            let step = self.next_step(&mut shared.lock());
            match step {
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
        if now >= self.next_try {
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

    /// Sends one request and deals with its outcome.
    async fn send(&mut self, mut flight: Flight) {
        let body = Bytes::from(flight.payload().take_bytes());
        let request = self.request(
            flight.payload().format.content_type,
            flight.payload().chunk_count(),
            &body,
        );
        let sending = tokio::spawn(send(Arc::clone(&self.transport), request, self.timeout));
        let events = self.shared.events();
        tokio::spawn(async move {
            let answer = sending.await;
            let answer = answer
                .unwrap_or_else(|_| Err(TransportError::unanswered("the transport panicked")));
            // Nobody listens once the worker gave up.
            let _ = events.send(Event::Answered(answer));
        });
        while !self.is_over(Instant::now()) {
            let until = self.release_in_time(Instant::now());
            if let Some(Event::Answered(answer)) = self.next_event(until).await {
                // Mostly the last copy of the body is ours again, and this moves no bytes.
                flight.payload().put_bytes(body.into());
                return self.land(flight, &answer);
            }
        }
    }

    fn request(&self, content_type: &'static str, chunks: u32, body: &Bytes) -> TransportRequest {
        let mut headers = self.headers.clone();
        headers.push(("content-type", content_type.to_owned()));
        headers.push(("x-datadog-trace-count", chunks.to_string()));
        if self.api_version == ApiVersion::V04 {
            headers.push((VERSION_HEADER, self.shared.rates.version()));
        }
        TransportRequest {
            method: "PUT",
            path: self.api_version.path(),
            headers,
            body: body.clone(),
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

    /// Lets the waiting export go if its time is over, and returns when to look again.
    fn release_in_time(&self, now: Instant) -> Option<Instant> {
        let mut state = self.shared.lock();
        if state.waiter.as_ref().is_some_and(|waiter| waiter.deadline <= now) {
            state.release_waiter();
        }
        state.or_end(state.waiter.as_ref().map(|waiter| waiter.deadline))
    }

    /// Deals with what came of a request.
    fn land(&mut self, flight: Flight, answer: &Answer) {
        let now = Instant::now();
        self.was_reached |= answer.is_ok();
        if let (ApiVersion::V04, Ok(response)) = (self.api_version, answer) {
            // An overloaded Agent says them too.
            self.shared.rates.learn(&response.body, response.rates_version.as_deref());
        }
        let mut state = self.shared.lock();
        if state.has_ended() {
            // Whoever shut down has counted it.
            return;
        }
        let mut news = self.settle(&mut state, flight, answer, now);
        if matches!((&news, state.phase), (News::Lost(_), Phase::Closing(_))) {
            // Nothing waits for the Agent any more: the end of the shutdown says what is lost.
            news = News::Nothing;
        }
        self.shared.announce(&mut state);
        let counters = state.buffer.stats();
        drop(state);
        // Outside the lock: whoever listens may ask for the counters.
        self.voice.speak(now, &news, &counters);
    }

    /// Does what the table says, and returns what there is to say.
    fn settle(
        &mut self,
        state: &mut State,
        mut flight: Flight,
        answer: &Answer,
        now: Instant,
    ) -> News {
        self.tried_to_close |= matches!(state.phase, Phase::Closing(_));
        state.buffer.stats_mut().is_reachable = Some(answer.is_ok());
        let verdict = verdict(&mut flight, answer);
        if verdict == Verdict::Delivered {
            state.buffer.delivered(flight);
            self.backoff.reset();
            self.next_try = now;
            return News::Delivered;
        }
        let cause = describe(answer);
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

/// Sends a request within the time-out. Whether it was sent is unknown once the time is over.
async fn send(transport: Arc<dyn Transport>, request: TransportRequest, limit: Duration) -> Answer {
    match timeout(limit, transport.send(request)).await {
        Ok(answer) => answer,
        Err(_) => Err(TransportError::unanswered(format!("no answer within {limit:?}"))),
    }
}
