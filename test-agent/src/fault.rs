//! The script of faults: reactions of the embedded Agent to a trace request.
use std::time::Duration;

/// The reaction of the embedded Agent to one trace request.
///
/// Only requests to the trace endpoints use up entries of a script. A request that the Agent turns
/// down before it looks at the script (a missing `Host`, a cross-site request, an `Expect` it does
/// not know) does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Does what the Agent does: decodes the body, keeps the spans and answers 200, or refuses it.
    #[default]
    Accept,
    /// Reads the request, keeps nothing, and answers with this status and the body that the Agent
    /// has for it. That body is misleading for 429: `OK`. From 200 on; what is no status is sent
    /// as 500.
    Status(u16),
    /// Reads the request, keeps nothing, and answers with this status and body.
    StatusAndBody(u16, String),
    /// Keeps the spans as [`Fault::Accept`] does, but answers only after this time.
    Slow(Duration),
    /// Reads the request, keeps nothing, and never answers. It ends when the client goes away, or
    /// when the Agent is paused or dropped.
    Hang,
    /// Reads the request, keeps nothing, and closes the connection without an answer.
    Close,
    /// Keeps the spans, and closes the connection without an answer. A client cannot tell this
    /// from [`Fault::Close`].
    CloseAfterIngest,
    /// Keeps the spans, begins the answer, and closes the connection before its end.
    CloseMidResponse,
    /// Answers 413 and closes the connection without reading the body: a client that is still
    /// writing sees a reset.
    EarlyPayloadTooLarge,
    /// Keeps nothing, as an Agent without a free decoder: answers 429 if the request has
    /// `Datadog-Send-Real-Http-Status`, and a false 200 if not. The body is that of a success.
    Overloaded,
}
