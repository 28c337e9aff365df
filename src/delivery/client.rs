//! [`Client`]: one request in, one answer out, by our own HTTP client or by the user's.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_http::{HttpClient, Response};

use super::address::AgentAddress;
use super::http::OwnClient;
use crate::protocol::Document;

/// A request to the receiver. `Content-Length` and `Host` are the client's.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// Names in lower case, and values.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Document>,
}

/// The outcome of a request.
pub(super) type Answer = Result<Response<Bytes>, SendError>;

/// The part of a request that the receiver can have got when no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Nothing,
    /// Not all of it: nothing that it could keep.
    Part,
    Perhaps,
}

/// The reason for which there is no answer.
#[derive(Debug)]
pub(super) struct SendError {
    pub(super) sent: Sent,
    /// The time was over; the connection may be well.
    pub(super) is_timeout: bool,
    cause: Box<dyn Error + Send + Sync>,
}

impl SendError {
    /// Nothing of the request can have reached the receiver: no connection, for example.
    pub(super) fn not_sent(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { sent: Sent::Nothing, is_timeout: false, cause: cause.into() }
    }

    /// The receiver may have got the request, but its answer is lost.
    pub(super) fn unanswered(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { sent: Sent::Perhaps, is_timeout: false, cause: cause.into() }
    }

    /// The connection broke while the request was being written.
    pub(super) fn broken(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { sent: Sent::Part, is_timeout: false, cause: cause.into() }
    }

    /// The time of the request was over: the receiver may have got it.
    pub(super) fn timed_out(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { is_timeout: true, ..Self::unanswered(cause) }
    }
}

/// Shows the whole chain of causes.
impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause)?;
        let mut source = self.cause.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl Error for SendError {}

/// The means to reach the receiver.
#[derive(Debug)]
pub(super) enum Client {
    /// Ours.
    Own(OwnClient),
    /// One of the user's, and the address that its requests name.
    Users(Arc<dyn HttpClient>, AgentAddress),
}

impl Client {
    /// Sends a request.
    pub(super) async fn send(&self, request: Request) -> Answer {
        match self {
            Self::Own(client) => client.send(request).await,
            Self::Users(client, address) => {
                let url = address.url(request.path);
                let headers = request.headers.iter();
                let message = headers.fold(
                    opentelemetry_http::Request::builder().method(request.method).uri(url.as_str()),
                    |message, (name, value)| message.header(*name, value),
                );
                let body = request.body.as_ref().map(Document::to_bytes).unwrap_or_default();
                let message = message.body(body).map_err(SendError::not_sent)?;
                client.send_bytes(message).await.map_err(failed)
            }
        }
    }

    /// Shows the address that is in use.
    pub(super) fn address(&self) -> String {
        match self {
            Self::Own(client) => client.address(),
            Self::Users(_, address) => address.to_string(),
        }
    }
}

/// Judges an error of the user's client: a connection that was refused, or a `reqwest::Error` that says so, had
/// nothing to send on.
fn failed(error: Box<dyn Error + Send + Sync>) -> SendError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&*error);
    let mut is_connect = false;
    while let Some(error) = cause {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        is_connect |= kind == Some(io::ErrorKind::ConnectionRefused)
            || error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect);
        cause = error.source();
    }
    if is_connect { SendError::not_sent(error) } else { SendError::unanswered(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refused_connection_proves_that_nothing_was_sent() {
        #[derive(Debug)]
        struct Outer(io::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("outer")
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = failed(Box::new(Outer(refused())));
        assert_eq!(error.sent, Sent::Nothing);
        assert_eq!(error.to_string(), "outer: connection refused");
        assert_eq!(failed(Box::new(refused())).sent, Sent::Nothing);
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(failed(Box::new(Outer(reset))).sent, Sent::Perhaps);
        assert_eq!(failed("no idea".into()).sent, Sent::Perhaps);
    }
}
