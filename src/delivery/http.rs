//! The HTTP form of [`Transport`], by `reqwest`: TCP, unix socket, Windows named pipe.
//!
//! It never uses a proxy from the environment and never follows a redirect: traces stay with the Agent
//! they are meant for. The client is built, used and dropped on the worker's thread.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};

use super::AgentAddress;
use super::rates::VERSION_HEADER;
use super::transport::{Transport, TransportError, TransportRequest, TransportResponse};

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
pub(super) struct HttpTransport {
    client: Client,
    address: AgentAddress,
}

impl HttpTransport {
    pub(super) fn new(address: AgentAddress, timeout: Duration) -> Result<Self, reqwest::Error> {
        let builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            .redirect(Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .connect_timeout(timeout.mul_f64(CONNECT_SHARE));
        let builder = match &address {
            #[cfg(unix)]
            AgentAddress::Unix(path) => builder.unix_socket(path.clone()),
            #[cfg(windows)]
            AgentAddress::Pipe(name) => builder.windows_named_pipe(name.clone()),
            _ => builder,
        };
        Ok(Self { client: builder.build()?, address })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
        let method =
            Method::from_bytes(request.method.as_bytes()).map_err(TransportError::not_sent)?;
        let url = self.address.url(request.path);
        let headers = request.headers.iter();
        let message = headers
            .fold(self.client.request(method, url), |message, (name, value)| {
                message.header(*name, value)
            })
            .body(request.body);
        let mut response = message.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let version = response.headers().get(VERSION_HEADER).and_then(|value| value.to_str().ok());
        let mut answer = TransportResponse::new(status);
        answer.rates_version = version.map(str::to_owned);
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
        Ok(answer.with_body(Bytes::from(body)))
    }
}

fn failed(error: reqwest::Error) -> TransportError {
    let of_kind = if error.is_connect() || error.is_builder() {
        TransportError::not_sent
    } else if is_broken_pipe(&error) {
        TransportError::broken
    } else {
        TransportError::unanswered
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
