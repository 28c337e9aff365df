//! One answer of the embedded Agent, and the body that can break off.
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc;

/// The number of bytes that a cut answer announces beyond those it sends.
const MISSING_BYTES: usize = 16;

/// An answer before it is sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    body: String,
    headers: Vec<(HeaderName, String)>,
    /// True if it comes from a trace endpoint: those name the Agent.
    from_endpoint: bool,
    cut: bool,
    /// The pieces of a body without an end, in place of the body.
    feed: Option<mpsc::Receiver<Bytes>>,
}

impl Answer {
    pub(super) fn new(status: u16, body: String) -> Self {
        let mut headers = vec![(CONTENT_TYPE, "text/plain; charset=utf-8".to_owned())];
        if status >= 400 && status != 429 {
            headers.push((X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()));
        }
        Self { status, body, headers, from_endpoint: false, cut: false, feed: None }
    }

    /// Returns an answer of a trace endpoint.
    pub(super) fn traces(status: u16, body: String) -> Self {
        Self { from_endpoint: true, ..Self::new(status, body) }
    }

    /// Returns an answer that goes on as long as there are pieces.
    pub(super) fn feed(pieces: mpsc::Receiver<Bytes>) -> Self {
        Self { feed: Some(pieces), ..Self::new(200, String::new()) }
    }

    /// Returns whether the answer has no end of its own.
    pub(super) fn is_feed(&self) -> bool {
        self.feed.is_some()
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "404 page not found\n".to_owned())
    }

    pub(super) fn expectation_failed() -> Self {
        let mut answer = Self::new(417, String::new()).closing();
        answer.headers.retain(|(name, _)| name == CONNECTION);
        answer
    }

    pub(super) fn redirect(path: String) -> Self {
        let mut answer = Self::new(307, String::new());
        answer.headers = vec![(LOCATION, path)];
        answer
    }

    /// Sets a header, in place of an earlier one.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        let name = HeaderName::from_static(name);
        self.headers.retain(|(earlier, _)| *earlier != name);
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Ends the connection after the answer.
    pub(super) fn closing(mut self) -> Self {
        self.headers.push((CONNECTION, "close".to_owned()));
        self
    }

    /// Breaks the answer off before its end.
    pub(super) fn cut(mut self) -> Self {
        self.cut = true;
        self
    }

    /// Returns the answer with the version and the state of an Agent that names itself.
    pub(super) fn into_response(self, agent: Option<(&str, &str)>) -> Response<AnswerBody> {
        let length = self.body.len();
        let data = Some(Bytes::from(self.body));
        let body = AnswerBody { data, cut: self.cut, flushed: false, feed: self.feed };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.append(name, value);
            }
        }
        if self.cut {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length + MISSING_BYTES));
        }
        if let (true, Some((version, state))) = (self.from_endpoint, agent) {
            for (name, value) in
                [("datadog-agent-version", version), ("datadog-agent-state", state)]
            {
                if let Ok(value) = HeaderValue::from_str(value) {
                    headers.insert(name, value);
                }
            }
        }
        response
    }
}

/// The body of an answer: all of it, or a beginning and then a failure.
#[derive(Debug)]
pub(super) struct AnswerBody {
    data: Option<Bytes>,
    cut: bool,
    flushed: bool,
    feed: Option<mpsc::Receiver<Bytes>>,
}

/// The body breaks off here.
#[derive(Debug)]
pub(super) struct BreaksOff;

impl fmt::Display for BreaksOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer breaks off here")
    }
}

impl Error for BreaksOff {}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BreaksOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BreaksOff>>> {
        if let Some(feed) = &mut self.feed {
            return feed.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))));
        }
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if !self.cut {
            return Poll::Ready(None);
        }
        // The HTTP library sends the data so far only when the body has nothing more to give for now.
        if !std::mem::replace(&mut self.flushed, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(BreaksOff)))
    }

    fn is_end_stream(&self) -> bool {
        !self.cut && self.feed.is_none() && self.data.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.data {
            Some(data) if !self.cut && self.feed.is_none() => {
                SizeHint::with_exact(data.len() as u64)
            }
            _ => SizeHint::default(),
        }
    }
}
