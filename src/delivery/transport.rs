//! [`Transport`]: bytes and headers in, status out.

use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

/// Brings one request to the Agent. Implement it to use an HTTP client of your own.
///
/// The exporter calls it on a thread of its own, inside a current-thread tokio runtime with time and
/// I/O enabled, one request at a time, and gives up on a request after the exporter's time-out. `send`
/// must not block the thread: wait asynchronously. (While it blocks, the `export` that waits for its
/// answer is blocked as well, and no time-out counts but that of a shutdown.) Retries, buffering and
/// cutting are the exporter's.
///
/// A transport should use no proxy from the environment, follow no redirect, and either close idle
/// connections in under 5 s or be ready for the Agent to close them.
///
/// # Examples
///
/// ```
/// use async_trait::async_trait;
/// use opentelemetry_datadog_agent::{
///     DatadogExporter, Transport, TransportError, TransportRequest, TransportResponse,
/// };
///
/// /// Takes everything and keeps nothing.
/// #[derive(Debug)]
/// struct Nowhere;
///
/// #[async_trait]
/// impl Transport for Nowhere {
///     async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError> {
///         assert_eq!((request.method, request.path), ("PUT", "/v0.3/traces"));
///         Ok(TransportResponse::new(200))
///     }
/// }
///
/// let exporter = DatadogExporter::builder().with_transport(Nowhere).build()?;
/// # Ok::<(), opentelemetry_datadog_agent::BuildError>(())
/// ```
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends one request and returns what the Agent answered, whatever the status is.
    ///
    /// # Errors
    ///
    /// Fails if there is no answer. [`TransportError::not_sent`] is for sure: the request is repeated for
    /// as long as the buffer holds it. After [`TransportError::unanswered`] it is repeated only a few
    /// times, since the Agent would store a payload that it got twice.
    async fn send(&self, request: TransportRequest) -> Result<TransportResponse, TransportError>;
}

/// One request to the Agent.
#[derive(Clone)]
#[non_exhaustive]
pub struct TransportRequest {
    /// The method, `PUT`.
    pub method: &'static str,
    /// The path on the Agent, such as `/v0.3/traces`.
    pub path: &'static str,
    /// Names in lower case, and values. `Content-Length` and `Host` are the transport's.
    pub headers: Vec<(&'static str, String)>,
    /// The body. It must be sent as it is, not compressed.
    pub body: Bytes,
}

/// Shows the length of the body, since it holds every tag.
impl fmt::Debug for TransportRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &self.headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// What the Agent answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TransportResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body, or as much of it as is worth knowing.
    pub body: Bytes,
    /// The header `Datadog-Rates-Payload-Version`, if the answer has it.
    pub rates_version: Option<String>,
}

impl TransportResponse {
    /// An answer without a body.
    pub fn new(status: u16) -> Self {
        Self { status, body: Bytes::new(), rates_version: None }
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the header `Datadog-Rates-Payload-Version`, which saves the Agent from saying the same
    /// sampling rates again.
    #[must_use]
    pub fn with_rates_version(mut self, version: impl Into<String>) -> Self {
        self.rates_version = Some(version.into());
        self
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub struct TransportError {
    sent: Sent,
    cause: Box<dyn Error + Send + Sync>,
}

/// What came of a request.
pub(super) type Answer = Result<TransportResponse, TransportError>;

/// What of a request the Agent can have got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Nothing,
    /// Not all of it: nothing that it could keep.
    Part,
    Perhaps,
}

impl TransportError {
    /// Nothing of the request can have reached the Agent: no connection, for example.
    pub fn not_sent(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { sent: Sent::Nothing, cause: cause.into() }
    }

    /// The Agent may have got the request, but its answer is lost.
    pub fn unanswered(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { sent: Sent::Perhaps, cause: cause.into() }
    }

    /// The connection broke while the request was being written.
    pub(super) fn broken(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { sent: Sent::Part, cause: cause.into() }
    }

    /// What the Agent can have got.
    pub(super) fn sent(&self) -> Sent {
        self.sent
    }
}

/// Shows the whole chain of causes.
impl fmt::Display for TransportError {
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

impl Error for TransportError {}
