//! The HTTP form of a request: path, headers, TCP and unix socket.
//!
//! The client never uses a proxy from the environment and never follows a redirect: traces stay with
//! the Agent they are meant for. It is built, used and dropped on the worker's thread.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};

use super::{AgentAddress, Parcel, SendError};

/// The documented path; a slash more or less is a 404 or a redirect.
const PATH: &str = "v0.3/traces";

/// Older Agents close a connection that was idle for 5 s: ours is closed before.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Most of an answer that is read, in bytes. The Agent's own answers are below 100.
const MAX_ANSWER: usize = 64 * 1024;
/// Most of an answer that is reported, in bytes.
const MAX_EXCERPT: usize = 200;

/// Headers of every request. The language version is a lower bound: the compiler leaves no trace.
const HEADERS: &[(&str, &str)] = &[
    ("datadog-meta-lang", "rust"),
    ("datadog-meta-lang-version", concat!(env!("CARGO_PKG_RUST_VERSION"), "+")),
    ("datadog-meta-tracer-version", env!("CARGO_PKG_VERSION")),
    // Without this the Agent answers 200 for a payload that it had no time for.
    ("datadog-send-real-http-status", "1"),
    // The mapping marks entry spans itself, since batches cut traces.
    ("datadog-client-computed-top-level", "1"),
];

/// The number of traces in the body; for the Agent's own statistics.
const TRACE_COUNT: &str = "x-datadog-trace-count";

/// Sends parcels to one Agent.
#[derive(Debug)]
pub(super) struct HttpTransport {
    client: Client,
    url: Url,
    timeout: Duration,
}

impl HttpTransport {
    pub(super) fn new(address: &AgentAddress, timeout: Duration) -> Result<Self, reqwest::Error> {
        let mut builder = Client::builder()
            .user_agent(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")))
            .default_headers(HEADERS.iter().map(header).collect::<HeaderMap>())
            .no_proxy()
            .redirect(Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .timeout(timeout);
        #[cfg(unix)]
        if let AgentAddress::Unix(path) = address {
            builder = builder.unix_socket(path.clone());
        }
        Ok(Self { client: builder.build()?, url: address.url(PATH), timeout })
    }

    /// Sends one request. Any status of 200 to 299 is a success, whatever the body says.
    pub(super) async fn send(&self, parcel: Parcel) -> Result<(), SendError> {
        let request = self
            .client
            .put(self.url.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static(parcel.content_type))
            .header(TRACE_COUNT, parcel.chunks)
            .body(parcel.body);
        let failed = |error: reqwest::Error| {
            if error.is_timeout() {
                SendError::TimedOut(self.timeout)
            } else {
                SendError::Unreachable(error.without_url().into())
            }
        };
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        // Read to the end, so that the connection can be used again.
        let mut answer = Vec::new();
        while let Some(part) = response.chunk().await.map_err(failed)? {
            answer.extend_from_slice(&part);
            if answer.len() > MAX_ANSWER {
                break;
            }
        }
        if status.is_success() {
            return Ok(());
        }
        Err(SendError::Rejected { status: status.as_u16(), excerpt: excerpt(&answer) })
    }
}

fn header(row: &(&'static str, &'static str)) -> (reqwest::header::HeaderName, HeaderValue) {
    (reqwest::header::HeaderName::from_static(row.0), HeaderValue::from_static(row.1))
}

/// Returns the start of an answer as one printable line.
fn excerpt(answer: &[u8]) -> String {
    let start = &answer[..answer.len().min(MAX_EXCERPT)];
    let text = String::from_utf8_lossy(start);
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt(b"bad\r\n\x1b[31m\xff\n"), "bad   [31m\u{fffd}");
        assert_eq!(excerpt(&[b'x'; 1_000]).len(), MAX_EXCERPT);
    }
}
