//! [`OwnClient`]: HTTP/1.1 by `reqwest`, over TCP, a unix socket or a Windows named pipe.
//!
//! It never uses a proxy from the environment and never follows a redirect: traces stay with the Agent
//! they are meant for. The client is built, used and dropped on the worker's thread.

use std::convert::Infallible;
use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use opentelemetry_http::Response;
use reqwest::redirect::Policy;
use reqwest::{Client, Method};

use super::address::{Addresses, AgentAddress};
use super::client::{Answer, Request, SendError, Sent};
use crate::protocol::Document;

/// Older Agents close a connection that was idle for 5 s: ours is closed before.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// The limit of those Agents, in seconds.
const AGENTS_IDLE_SECONDS: u64 = 5;
const _: () = assert!(IDLE_TIMEOUT.as_secs() < AGENTS_IDLE_SECONDS);

/// Part of a request's time in which a connection must be there, so that a time-out while connecting is
/// known as such: nothing was sent then.
const CONNECT_SHARE: f64 = 0.8;

/// How long the rest of an answer may take once its status is known.
const BODY_TIMEOUT: Duration = Duration::from_millis(250);

/// Most of an answer that is read, in bytes: the rates of as many services as the Agent keeps, 5,000, with the
/// longest names of services (100) and environments (200) fit in.
const MAX_ANSWER: usize = 2 * 1024 * 1024;

/// Sends requests to one Agent.
#[derive(Debug)]
pub(super) struct OwnClient {
    /// Addresses that may be the Agent's, each with its client.
    candidates: Vec<(AgentAddress, Client)>,
    /// The candidate that answered last.
    current: AtomicUsize,
    is_default: bool,
}

impl OwnClient {
    pub(super) fn new(addresses: Addresses, timeout: Duration) -> Result<Self, reqwest::Error> {
        let Addresses { candidates, is_default } = addresses;
        let candidates =
            candidates.into_iter().map(|address| Ok((address.clone(), client(&address, timeout)?)));
        Ok(Self {
            candidates: candidates.collect::<Result<_, reqwest::Error>>()?,
            current: AtomicUsize::new(0),
            is_default,
        })
    }

    /// Shows the address that is in use, and who chose it.
    pub(super) fn address(&self) -> String {
        let (address, _) = &self.candidates[self.current.load(Ordering::Relaxed)];
        if self.is_default {
            format!("{address} (found by itself; DD_TRACE_AGENT_URL decides)")
        } else {
            address.to_string()
        }
    }

    /// Sends a request to the candidate that answered last, else to the next one that can be reached.
    pub(super) async fn send(&self, request: Request) -> Answer {
        let first = self.current.load(Ordering::Relaxed);
        let mut causes = Vec::new();
        for offset in 0..self.candidates.len() {
            let number = (first + offset) % self.candidates.len();
            let (address, client) = &self.candidates[number];
            match send_to(address, client, &request).await {
                Err(error) if error.sent == Sent::Nothing => {
                    causes.push(format!("{address}: {error}"));
                }
                answer => {
                    self.current.store(number, Ordering::Relaxed);
                    return answer;
                }
            }
        }
        Err(SendError::not_sent(causes.join("; ")))
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
        .connect_timeout(timeout.mul_f64(CONNECT_SHARE));
    let builder = match address {
        #[cfg(unix)]
        AgentAddress::Unix(path) => builder.unix_socket(path.clone()),
        #[cfg(windows)]
        AgentAddress::Pipe(name) => builder.windows_named_pipe(name.clone()),
        _ => builder,
    };
    builder.build()
}

async fn send_to(address: &AgentAddress, client: &Client, request: &Request) -> Answer {
    let method = Method::from_bytes(request.method.as_bytes()).map_err(SendError::not_sent)?;
    let headers = request.headers.iter();
    let message = headers
        .fold(client.request(method, address.url(request.path)), |message, (name, value)| {
            message.header(*name, value)
        });
    let message = match &request.body {
        Some(document) => message.body(reqwest::Body::wrap(Pieces::of(document))),
        None => message,
    };
    let mut response = message.send().await.map_err(failed)?;
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
}

impl Pieces {
    fn of(document: &Document) -> Self {
        let mut left: Vec<_> = document.pieces().collect();
        left.reverse();
        Self { left }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.left.pop().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.iter().map(|piece| piece.len() as u64).sum())
    }
}

fn failed(error: reqwest::Error) -> SendError {
    let of_kind = if error.is_connect() || error.is_builder() {
        SendError::not_sent
    } else if is_broken_pipe(&error) {
        SendError::broken
    } else {
        SendError::unanswered
    };
    of_kind(error.without_url())
}

/// Whether there was more to write when the Agent had closed the connection.
fn is_broken_pipe(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if kind == Some(io::ErrorKind::BrokenPipe) {
            return true;
        }
        cause = error.source();
    }
    false
}
