//! [`Client`]: one request in, one answer out, by our own HTTP client or by the user's.
//!
//! All of it runs on the HTTP thread ([`super::sender`]): a client of the user's may panic, block its thread, or
//! give an error that does either when it is shown. The worker gets an answer or one short line.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError, Response};

use super::address::AgentAddress;
use super::http::OwnClient;
use super::policy::Outcome;
use crate::guard;
use crate::protocol::Document;

/// The most bytes of an error's text that are kept.
pub(super) const MAX_TEXT: usize = 200;

/// The most causes of an error that are looked at: a chain may be a circle.
const MAX_CAUSES: usize = 16;

/// A request to the receiver. `Content-Length` and `Host` are the client's.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// Names in lower case, and values.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<Document>,
    pub(super) progress: Arc<Progress>,
}

/// The progress of a request.
#[derive(Debug, Default)]
pub(super) struct Progress(AtomicU8);

impl Progress {
    const BEGUN: u8 = 1;
    const HANDED_OVER: u8 = 2;

    /// The client has the request.
    pub(super) fn begin(&self) {
        self.0.fetch_max(Self::BEGUN, Ordering::Relaxed);
    }

    /// The client has the last byte of the request.
    pub(super) fn hand_over(&self) {
        self.0.store(Self::HANDED_OVER, Ordering::Relaxed);
    }

    /// Returns the outcome of a request that ended without an answer, or whose time is over.
    pub(super) fn outcome(&self) -> Outcome {
        match self.0.load(Ordering::Relaxed) {
            Self::HANDED_OVER => Outcome::Unanswered,
            Self::BEGUN => Outcome::Broken,
            _ => Outcome::NotSent,
        }
    }
}

/// The outcome of a request.
pub(super) type Answer = Result<Response<Bytes>, SendError>;

/// The reason for which there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SendError {
    pub(super) outcome: Outcome,
    /// The time was over; the connection may be well.
    pub(super) is_timeout: bool,
    /// One printable line.
    pub(super) cause: String,
}

impl SendError {
    pub(super) fn new(outcome: Outcome, cause: impl fmt::Display) -> Self {
        Self { outcome, is_timeout: false, cause: line_of(&cause) }
    }

    /// The time of the request was over.
    pub(super) fn timed_out(progress: &Progress, limit: Duration) -> Self {
        let cause = format!("no answer within {limit:?}");
        Self { is_timeout: true, ..Self::new(progress.outcome(), cause) }
    }
}

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
                let message = message.body(body);
                let message = message.map_err(|error| SendError::new(Outcome::NotSent, error))?;
                // From here on nobody but the client knows.
                request.progress.hand_over();
                client.send_bytes(message).await.map_err(judge)
            }
        }
    }
}

/// Judges an error of the user's client: a connection that was refused, or a `reqwest::Error` that says so, had
/// nothing to send on.
fn judge(error: HttpError) -> SendError {
    let judged = guard::catch(|| {
        let is_refused = causes(&*error).any(|error| {
            let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
            kind == Some(io::ErrorKind::ConnectionRefused)
                || error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect)
        });
        let outcome = if is_refused { Outcome::NotSent } else { Outcome::Unanswered };
        SendError::new(outcome, Chain(&*error))
    });
    guard::catch(|| drop(error));
    judged.unwrap_or_else(|| SendError::new(Outcome::Unanswered, "an error whose text panics"))
}

/// Returns an error and its causes, not endlessly.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
    .take(MAX_CAUSES)
}

/// Shows the whole chain of causes.
pub(super) struct Chain<'a>(pub(super) &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, cause) in causes(self.0).enumerate() {
            let separator = if number == 0 { "" } else { ": " };
            write!(f, "{separator}{cause}")?;
        }
        Ok(())
    }
}

/// The start of a text as one printable line. Writing ends at the limit, so that a text of any length costs little.
struct Line(String);

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.0.len() + c.len_utf8() > MAX_TEXT {
                return Err(fmt::Error);
            }
            self.0.push(if c.is_control() { ' ' } else { c });
        }
        Ok(())
    }
}

/// Returns the start of a text as one printable line.
pub(super) fn line_of(text: &dyn fmt::Display) -> String {
    let mut line = Line(String::new());
    // An error is the end of the room.
    let _ = write!(line, "{text}");
    line.0.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    /// An error with a cause; a circle if it is its own.
    #[derive(Debug)]
    struct Outer(Option<io::Error>);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("outer")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            match &self.0 {
                Some(error) => Some(error),
                None => Some(self),
            }
        }
    }

    #[test]
    fn only_a_refused_connection_proves_that_nothing_was_sent() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = judge(Box::new(Outer(Some(refused()))));
        assert_eq!((error.outcome, &*error.cause), (Outcome::NotSent, "outer: connection refused"));
        assert_eq!(judge(Box::new(refused())).outcome, Outcome::NotSent);
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(judge(Box::new(Outer(Some(reset)))).outcome, Outcome::Unanswered);
        assert_eq!(judge("no idea".into()).outcome, Outcome::Unanswered);
    }

    #[test]
    fn a_circle_of_causes_ends() {
        assert!(judge(Box::new(Outer(None))).cause.starts_with("outer: outer: outer"));
    }

    #[test]
    fn a_text_becomes_one_short_printable_line() {
        assert_eq!(line_of(&"bad\r\n\x1b[31m\u{fffd}\n"), "bad   [31m\u{fffd}");
        assert_eq!(line_of(&"ä".repeat(1_000)).len(), MAX_TEXT);
    }

    #[test]
    fn a_request_that_ended_early_was_sent_as_far_as_it_was_handed_over() {
        let progress = Progress::default();
        assert_eq!(progress.outcome(), Outcome::NotSent);
        progress.begin();
        assert_eq!(progress.outcome(), Outcome::Broken);
        progress.hand_over();
        progress.begin();
        assert_eq!(progress.outcome(), Outcome::Unanswered);
    }
}
