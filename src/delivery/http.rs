//! [`OwnClient`]: HTTP/1.1 by `reqwest`, over TCP, a unix socket or a Windows named pipe.
//!
//! It never uses a proxy from the environment and never follows a redirect: traces stay with the Agent
//! they are meant for. A request's body is handed over in small pieces, so that it is known whether the last of them
//! was taken.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use opentelemetry_http::Response;
use reqwest::redirect::Policy;
use reqwest::{Client, Method};

use super::address::{AgentAddress, AgentInUse};
use super::client::{Answer, Chain, Progress, Request, SendError, causes};
use super::policy::Outcome;
use super::resolver::Resolver;
use crate::protocol::Document;

/// Older Agents close a connection that was idle for 5 s: ours is closed before.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// The limit of those Agents, in seconds.
const AGENTS_IDLE_SECONDS: u64 = 5;
const _: () = assert!(IDLE_TIMEOUT.as_secs() < AGENTS_IDLE_SECONDS);

/// Part of a request's time in which a connection must be there, so that a time-out while connecting is
/// known as such: nothing was sent then.
const CONNECT_SHARE: f64 = 0.8;

/// The longest time for the rest of an answer once its status is known.
const BODY_TIMEOUT: Duration = Duration::from_millis(250);

/// The most bytes of an answer that are read. They hold the rates of as many services as the Agent keeps, 5,000, with
/// the longest names of services (100) and environments (200).
const MAX_ANSWER: usize = 2 * 1024 * 1024;

/// Bytes of a request that are handed over at once. The HTTP library holds some 16 such pieces before it waits for the
/// socket, so a request of more than 256 KiB that breaks off early is known to be incomplete.
const PIECE_BYTES: usize = 16 * 1024;

/// Sends requests to one Agent.
#[derive(Debug)]
pub(super) struct OwnClient {
    /// A client for each address.
    clients: Vec<Client>,
    agent: Arc<AgentInUse>,
}

impl OwnClient {
    pub(super) fn new(agent: Arc<AgentInUse>, timeout: Duration) -> Result<Self, reqwest::Error> {
        let clients = agent.candidates().iter().map(|address| client(address, timeout));
        Ok(Self { clients: clients.collect::<Result<_, _>>()?, agent })
    }

    /// Sends a request to the address that answered last, else to the next one that can be reached.
    pub(super) async fn send(&self, request: Request) -> Answer {
        let first = self.agent.current().unwrap_or(0);
        let mut causes = Vec::new();
        for offset in 0..self.clients.len() {
            let number = (first + offset) % self.clients.len();
            let address = &self.agent.candidates()[number];
            match send_to(address, &self.clients[number], &request).await {
                Err(error) if error.outcome == Outcome::NotSent => {
                    causes.push(format!("{address}: {}", error.cause));
                }
                answer => {
                    self.agent.use_from_now_on(number);
                    return answer;
                }
            }
        }
        // Each cause is short by itself.
        Err(SendError { outcome: Outcome::NotSent, is_timeout: false, cause: causes.join("; ") })
    }
}

fn client(address: &AgentAddress, timeout: Duration) -> Result<Client, reqwest::Error> {
    let builder = Client::builder()
        .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .redirect(Policy::none())
        .http1_only()
        .tcp_nodelay(true)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .dns_resolver(Arc::new(Resolver::default()))
        .connect_timeout(timeout.mul_f64(CONNECT_SHARE));
    let builder = match address {
        #[cfg(unix)]
        AgentAddress::Unix(path) => builder.unix_socket(path.clone()),
        #[cfg(windows)]
        AgentAddress::Pipe(name) => builder.windows_named_pipe(name.clone()),
        _ => builder,
    };
    // TLS loads the system's certificates, and fails where there are none. Plain HTTP needs neither.
    #[cfg(feature = "rustls")]
    let builder = if address.is_https() { builder } else { builder.tls_certs_only([]) };
    builder.build()
}

async fn send_to(address: &AgentAddress, client: &Client, request: &Request) -> Answer {
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|error| SendError::new(Outcome::NotSent, error))?;
    let headers = request.headers.iter();
    let message = headers
        .fold(client.request(method, address.url(request.path)), |message, (name, value)| {
            message.header(*name, value)
        });
    let message = if let Some(document) = &request.body {
        let pieces = Pieces::of(document, Arc::clone(&request.progress));
        message.body(reqwest::Body::wrap(pieces))
    } else {
        request.progress.hand_over();
        message
    };
    let sent = message.send().await;
    let mut response = sent.map_err(|error| failed(error, &request.progress))?;
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = response.status();
    std::mem::swap(answer.headers_mut(), response.headers_mut());
    // Read to the end, so that the connection can be used again. The status decides: an answer that
    // breaks off or does not end is an answer.
    let mut body = BytesMut::new();
    let read = async {
        while let Ok(Some(part)) = response.chunk().await {
            body.extend_from_slice(&part);
            if body.len() > MAX_ANSWER {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(BODY_TIMEOUT, read).await;
    *answer.body_mut() = body.freeze();
    Ok(answer)
}

/// A document as a body of known length.
#[derive(Debug)]
struct Pieces {
    /// The last piece first.
    left: Vec<Bytes>,
    progress: Arc<Progress>,
}

impl Pieces {
    fn of(document: &Document, progress: Arc<Progress>) -> Self {
        let mut left: Vec<_> = document.pieces().collect();
        left.reverse();
        Self { left, progress }
    }

    fn next(&mut self) -> Option<Bytes> {
        let piece = self.left.last_mut()?;
        let taken = piece.split_to(PIECE_BYTES.min(piece.len()));
        if piece.is_empty() {
            self.left.pop();
        }
        Some(taken)
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.progress.begin();
        let piece = self.next();
        if self.left.is_empty() {
            self.progress.hand_over();
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.iter().map(|piece| piece.len() as u64).sum())
    }
}

/// The text of an HTTP error that says that the head of the answer has too many fields or bytes. The library tells it
/// by no other means; a test on a true answer holds it.
const TOO_LARGE: &str = "message head is too large";

/// Likewise, that the connection was closed before an answer.
const CLOSED: &str = "connection closed";

fn failed(error: reqwest::Error, progress: &Progress) -> SendError {
    let is_never_sent = error.is_connect() || error.is_builder();
    let error = error.without_url();
    let says = |text| causes(&error).any(|cause| cause.to_string().starts_with(text));
    let kinds =
        || causes(&error).filter_map(|cause| Some(cause.downcast_ref::<io::Error>()?.kind()));
    let outcome = match progress.outcome() {
        _ if is_never_sent => Outcome::NotSent,
        Outcome::Unanswered if says(TOO_LARGE) => Outcome::Unreadable,
        // There was more to write when the Agent had closed the connection.
        Outcome::Unanswered if kinds().any(|kind| kind == io::ErrorKind::BrokenPipe) => {
            Outcome::Broken
        }
        Outcome::Unanswered if says(CLOSED) || kinds().next().is_some() => Outcome::Closed,
        sent => sent,
    };
    SendError::new(outcome, Chain(&error))
}
