//! Answers of the embedded Agent: routes, checks, limits, and the script of faults.
//!
//! The order of the checks is the Agent's: what its HTTP server does, then the route, then what is
//! decided by the headers, then the body.
use std::error::Error;
use std::fmt;
use std::future::pending;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::body::Incoming;
use hyper::http::request::Parts;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout_at};

use super::answer::{Answer, AnswerBody};
use super::body::{Arrived, InFlight, Unread, read};
use super::decode::{DecodeError, Format, decode};
use super::fault::Fault;
use super::head::{clean, seen, turned_down, unfit};
use super::page::{Page, tracer};
use super::receiver::{Habits, Receiver, STATS};
use super::request::TraceRequest;
use super::server::Connection;
use super::stats::ReceivedStats;
use super::store::Store;
use super::violations;

/// The paths of traces of any receiver. A request to one that this receiver lacks is recorded, too.
const TRACES: [&str; 8] = [
    "/v0.1/traces",
    "/v0.2/traces",
    "/v0.3/traces",
    "/v0.4/traces",
    "/v0.5/traces",
    "/v0.7/traces",
    "/v1.0/traces",
    "/v1/traces",
];

/// The version that the Agent says it has.
pub(super) const AGENT_VERSION: &str = "7.85.2";

/// The largest body that is decoded on the thread of the connections, in bytes: a larger one would hold others up.
const SMALL_BODY: usize = 64 << 10;

/// The number of large bodies that are decoded at the same time.
const DECODERS: usize = 2;

/// The memory of all large bodies on their way, in bytes, but at least that of a few bodies of the largest size.
const IN_FLIGHT_MAX: usize = 256 << 20;

/// The Agent's limits for one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) max_request_bytes: usize,
    pub(super) read_timeout: Duration,
    pub(super) idle_timeout: Duration,
}

/// Answers requests.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) store: Arc<Store>,
    pub(super) limits: Limits,
    /// The page, if there is one.
    page: Option<Page>,
    in_flight: InFlight,
    decoders: Semaphore,
}

/// The connection ends without an answer.
#[derive(Debug)]
pub(super) struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed without an answer")
    }
}

impl Error for Closed {}

type Response = hyper::Response<AnswerBody>;

impl Service {
    pub(super) fn new(store: Arc<Store>, limits: Limits, page: Option<Page>) -> Self {
        let in_flight =
            InFlight::new(IN_FLIGHT_MAX.max(limits.max_request_bytes.saturating_mul(4)));
        Self { store, limits, page, in_flight, decoders: Semaphore::new(DECODERS) }
    }

    /// Answers one request, or ends the connection.
    pub(super) async fn handle(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
        connection: Arc<Connection>,
    ) -> Result<Response, Closed> {
        let deadline = connection.begin();
        let (head, body) = request.into_parts();
        let answer = self.route(&head, body, deadline).await?;
        // A connection that goes on has no next request to wait for.
        if !answer.is_feed() {
            connection.end();
        }
        let receiver = self.store.receiver();
        let state = receiver.habits().names_itself.then(|| self.state(receiver));
        Ok(answer.into_response(state.as_deref().map(|state| (AGENT_VERSION, state))))
    }

    /// Returns a digest of what the receiver says of itself: clients compare it to see a change.
    fn state(&self, receiver: Receiver) -> String {
        let info = (receiver.info(self.limits), self.store.info_reply());
        let digest = |seed: u8| {
            let mut hasher = DefaultHasher::new();
            (seed, format!("{info:?}")).hash(&mut hasher);
            format!("{:016x}", hasher.finish())
        };
        (0..4).map(digest).collect()
    }

    /// Answers `GET /info`, as the script has it.
    async fn info(&self, receiver: Receiver) -> Result<Answer, Closed> {
        self.store.count_question();
        let own = || match receiver.info(self.limits) {
            Some(info) => Answer::new(200, info).with("content-type", "application/json"),
            None => Answer::not_found(),
        };
        match self.store.info_reply() {
            Fault::Status(status) => Ok(Answer::new(status, String::new())),
            Fault::StatusAndBody(status, body) => Ok(Answer::new(status, body)),
            Fault::Overloaded => Ok(Answer::new(429, String::new())),
            Fault::Slow(delay) => {
                sleep(delay).await;
                Ok(own())
            }
            Fault::Hang => pending().await,
            Fault::CloseMidResponse => Ok(own().cut()),
            Fault::Close | Fault::CloseAfterIngest => Err(Closed),
            Fault::Accept | Fault::EarlyPayloadTooLarge => Ok(own()),
        }
    }

    async fn route(
        self: &Arc<Self>,
        head: &Parts,
        body: Incoming,
        deadline: Instant,
    ) -> Result<Answer, Closed> {
        let path = head.uri.path();
        let receiver = self.store.receiver();
        let habits = receiver.habits();
        let is_traces = habits.traces.contains(&path);
        let is_stats = habits.stats.contains(&path);
        let is_endpoint = is_traces || is_stats || path == "/info";
        if let Some(answer) = turned_down(head, is_endpoint).or_else(|| unfit(head, habits)) {
            if is_traces {
                self.record(TraceRequest { status: Some(answer.status), ..seen(head) });
            }
            return Ok(answer);
        }
        if is_traces {
            return self.traces(head, body, deadline, habits).await;
        }
        if is_stats {
            return self.stats(head, body, deadline, habits).await;
        }
        if path == "/info" {
            return self.info(receiver).await;
        }
        if let Some(answer) = self.page.as_ref().and_then(|page| page.answer(head)) {
            return Ok(answer);
        }
        let clean = clean(path);
        if clean != path && habits.names_itself {
            return Ok(Answer::redirect(clean));
        }
        if TRACES.contains(&path) {
            self.record(TraceRequest { status: Some(404), ..seen(head) });
        }
        Ok(Answer::not_found())
    }

    /// Keeps a request, and shows it on the page.
    fn record(&self, mut request: TraceRequest) {
        let findings = std::mem::take(&mut request.findings);
        if let Some(page) = &self.page {
            page.board.add(&request, &findings);
        }
        self.store.record(request);
    }

    /// Takes statistics that a client has computed.
    async fn stats(
        self: &Arc<Self>,
        head: &Parts,
        body: Incoming,
        deadline: Instant,
        habits: &Habits,
    ) -> Result<Answer, Closed> {
        let mut share = self.in_flight.share();
        let read = read(body, self.limits.max_request_bytes, &mut share);
        let (status, why) = match timeout_at(deadline, read).await {
            Ok(Ok(Arrived { cut: true, .. })) => (413, String::new()),
            Ok(Ok(Arrived { bytes, .. })) => {
                match self.keep_stats_aside(bytes, seen(head).headers).await? {
                    Ok(()) => (200, String::new()),
                    Err(why) => (habits.unreadable, why),
                }
            }
            Ok(Err(Unread::Gone)) => return Err(Closed),
            Ok(Err(Unread::Crowded)) => (429, String::new()),
            Err(_late) => (408, String::new()),
        };
        if let Some(page) = &self.page {
            page.board.count(&tracer(&seen(head)), STATS, Some(status), &why);
        }
        let answer = match status {
            200 | 429 => Answer::traces(status, String::new()),
            _ if why.is_empty() => self.refusal(status, &seen(head)),
            _ => Answer::traces(status, format!("{why}\n")),
        };
        Ok(if matches!(status, 408 | 413 | 429) { answer.closing() } else { answer })
    }

    /// Decodes statistics and keeps them: large ones on a thread where they hold nobody up.
    async fn keep_stats_aside(
        self: &Arc<Self>,
        body: Vec<u8>,
        headers: Vec<(String, String)>,
    ) -> Result<Result<(), String>, Closed> {
        if body.len() <= SMALL_BODY {
            return Ok(self.keep_stats(&body, headers));
        }
        let _permit = self.decoders.acquire().await.map_err(|_closed| Closed)?;
        let service = self.clone();
        let decoding = spawn_blocking(move || service.keep_stats(&body, headers));
        decoding.await.map_err(|_panic| Closed)
    }

    /// Decodes statistics and keeps them.
    fn keep_stats(&self, body: &[u8], headers: Vec<(String, String)>) -> Result<(), String> {
        let stats = ReceivedStats::decode(body, headers)?;
        if let Some(page) = &self.page {
            page.board.add_stats(&stats);
        }
        self.store.record_stats(stats);
        Ok(())
    }

    async fn traces(
        self: &Arc<Self>,
        head: &Parts,
        body: Incoming,
        deadline: Instant,
        habits: &'static Habits,
    ) -> Result<Answer, Closed> {
        let mut request = TraceRequest { reads: habits.reads, ..seen(head) };
        let reply = self.store.next_reply();
        if reply == Fault::EarlyPayloadTooLarge || self.is_announced_too_large(&request) {
            request.status = Some(413);
            self.record(request);
            return Ok(self.refusal(413, &seen(head)).closing());
        }
        let mut share = self.in_flight.share();
        let read = read(body, self.limits.max_request_bytes, &mut share);
        let refused = match timeout_at(deadline, read).await {
            Ok(Ok(Arrived { bytes, cut })) => {
                request.body = bytes;
                return self.answer(request, cut, reply, habits).await;
            }
            Ok(Err(Unread::Gone)) => return Err(Closed),
            Ok(Err(Unread::Crowded)) => 429,
            Err(_late) => 408,
        };
        request.status = Some(refused);
        self.record(request);
        Ok(self.refusal(refused, &seen(head)).closing())
    }

    /// Answers a request whose body was read, as the script has it.
    async fn answer(
        self: &Arc<Self>,
        mut request: TraceRequest,
        cut: bool,
        reply: Fault,
        habits: &'static Habits,
    ) -> Result<Answer, Closed> {
        request.body_read = true;
        request.received = SystemTime::now();
        let mut answer = match &reply {
            Fault::Hang | Fault::Close => None,
            Fault::Status(status) => Some(self.refusal(*status, &request)),
            Fault::StatusAndBody(status, body) => Some(Answer::traces(*status, body.clone())),
            Fault::Overloaded => {
                let real = request.flag("datadog-send-real-http-status");
                Some(self.success(if real { 429 } else { 200 }, &request))
            }
            _ => {
                let answer;
                (request, answer) = self.ingest_aside(request, cut, habits).await?;
                Some(answer)
            }
        };
        request.status = answer.as_ref().map(|answer| answer.status);
        if matches!(reply, Fault::CloseAfterIngest | Fault::CloseMidResponse) {
            request.status = None;
        }
        self.record_aside(request).await?;
        match reply {
            Fault::Slow(delay) => sleep(delay).await,
            Fault::Hang => pending::<()>().await,
            Fault::CloseAfterIngest => answer = None,
            Fault::CloseMidResponse => answer = answer.map(Answer::cut),
            _ => {}
        }
        let answer = answer.ok_or(Closed)?;
        Ok(if cut { answer.closing() } else { answer })
    }

    /// Returns whether the Agent refuses the request by its `Content-Length`, as it does for
    /// MessagePack only.
    fn is_announced_too_large(&self, request: &TraceRequest) -> bool {
        let length = request.header("content-length").and_then(|length| length.parse::<u64>().ok());
        let limit = self.limits.max_request_bytes;
        request.format() != Format::Json && length.is_some_and(|length| length > limit as u64)
    }

    /// Keeps a request: a large one on a thread where it holds nobody up.
    async fn record_aside(self: &Arc<Self>, request: TraceRequest) -> Result<(), Closed> {
        if self.page.is_none() || request.body.len() <= SMALL_BODY {
            self.record(request);
            return Ok(());
        }
        let service = self.clone();
        spawn_blocking(move || service.record(request)).await.map_err(|_panic| Closed)
    }

    /// Decodes the body and keeps its spans: a large one on a thread where it holds nobody up.
    async fn ingest_aside(
        self: &Arc<Self>,
        mut request: TraceRequest,
        cut: bool,
        habits: &'static Habits,
    ) -> Result<(TraceRequest, Answer), Closed> {
        if request.body.len() <= SMALL_BODY {
            let answer = self.ingest(&mut request, cut, habits);
            return Ok((request, answer));
        }
        let _permit = self.decoders.acquire().await.map_err(|_closed| Closed)?;
        let service = self.clone();
        let decoding = spawn_blocking(move || {
            let answer = service.ingest(&mut request, cut, habits);
            (request, answer)
        });
        decoding.await.map_err(|_panic| Closed)
    }

    /// Decodes the body and keeps its spans.
    fn ingest(&self, request: &mut TraceRequest, cut: bool, habits: &Habits) -> Answer {
        let format = request.format();
        // The MessagePack reader needs one more read to see the end.
        let full = request.body.len() >= self.limits.max_request_bytes;
        if format != Format::Json && (cut || full) {
            return self.refusal(413, request);
        }
        let decoded = match decode(format, &request.body) {
            Ok(decoded) => decoded,
            Err(DecodeError::Incomplete) if cut => return self.refusal(413, request),
            Err(error) => {
                let message = error.message(format);
                let answer = Answer::traces(habits.unreadable, format!("{message}\n"));
                request.decode_error = Some(message);
                return answer;
            }
        };
        if self.page.is_some() {
            request.findings = violations::of_headers(request);
            request.findings.extend(violations::of_body(request, &decoded));
        }
        request.has_null_span = decoded.chunks.iter().any(|chunk| chunk.has_null);
        request.unkept = decoded.unkept;
        request.memory = decoded.memory;
        request.traces = decoded.chunks.into_iter().map(|chunk| chunk.spans).collect();
        if habits.drops_repeats {
            self.store.drop_repeats(&mut request.traces);
        }
        self.success(200, request)
    }

    /// Returns the answer that hands out the rates, or says `OK` to those who cannot read them.
    fn success(&self, status: u16, request: &TraceRequest) -> Answer {
        if request.path.starts_with("/v0.3/") {
            return Answer::traces(status, "OK\n".to_owned());
        }
        let rates = self.store.rates();
        let known =
            request.header("datadog-rates-payload-version").filter(|known| !known.is_empty());
        let body = if known == Some(&rates.version) {
            "{}".to_owned()
        } else {
            format!("{}\n", json!({ "rate_by_service": rates.by_service }))
        };
        let answer = Answer::traces(status, body).with("content-type", "application/json");
        match known {
            Some(_) => answer.with("datadog-rates-payload-version", &rates.version),
            None => answer,
        }
    }

    /// Returns the answer with the body that the Agent has for this status.
    fn refusal(&self, status: u16, request: &TraceRequest) -> Answer {
        let body = match status {
            200 | 429 => return self.success(status, request),
            404 => return Answer::not_found(),
            400 => "unexpected-eof",
            403 => "cross-site request rejected",
            408 => "timeout",
            413 => "payload-too-large",
            415 => "unsupported media type",
            417 => return Answer::expectation_failed(),
            other => hyper::StatusCode::from_u16(other)
                .ok()
                .and_then(|status| status.canonical_reason())
                .unwrap_or_default(),
        };
        Answer::traces(status, format!("{body}\n"))
    }
}

/// Returns a request as it is recorded once its body was read, without a socket.
#[cfg(fuzzing)]
pub fn record(headers: Vec<(String, String)>, body: Vec<u8>) -> TraceRequest {
    static SERVICE: std::sync::LazyLock<Service> =
        std::sync::LazyLock::new(|| Service::new(Arc::default(), Limits::default(), None));
    let (head, ()) =
        hyper::Request::put("/v0.3/traces").body(()).expect("a plain path is one").into_parts();
    let mut request = TraceRequest { headers, body, body_read: true, ..seen(&head) };
    request.status = Some(SERVICE.ingest(&mut request, false, Receiver::Agent.habits()).status);
    request
}
