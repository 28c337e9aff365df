//! One trace request as it was seen, with the verdict on it.
use std::fmt;
use std::time::SystemTime;

use super::decode::{Format, Unkept, decode};
use super::span::ReceivedSpan;
use super::violations::{self, Finding};

/// The memory of a header beside its texts, in bytes.
const HEADER: usize = 2 * size_of::<(String, String)>();

/// A request to one of the trace endpoints, refused or not.
///
/// A request whose client went away before the body was complete is not recorded.
#[derive(Clone)]
#[non_exhaustive]
pub struct TraceRequest {
    /// The method, such as `PUT`.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The headers in order; the names are in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as sent, as far as it was read: up to the size limit.
    pub body: Vec<u8>,
    /// The decoded spans, one list per trace; empty if the Agent did not keep them.
    pub traces: Vec<Vec<ReceivedSpan>>,
    /// The status of the answer. `None` if there was none: the connection was closed, or cut
    /// before the end of the answer, or left hanging.
    pub status: Option<u16>,
    /// Why the body could not be decoded; `None` if it could, or if nobody tried.
    pub decode_error: Option<String>,
    /// True if the body held a null span. The newest Agents step over it, older ones end.
    pub has_null_span: bool,
    /// True if the body was read.
    pub(super) body_read: bool,
    /// The format that the receiver reads, whatever the content type says.
    pub(super) reads: Option<Format>,
    /// The findings for the page, until it has them.
    pub(super) findings: Vec<Finding>,
    /// The estimated memory of the decoded spans, in bytes, without their texts.
    pub(super) memory: usize,
    /// The parts that did not fit into the memory of one request.
    pub(super) unkept: Unkept,
    /// The time at which the request was complete.
    pub(super) received: SystemTime,
}

impl TraceRequest {
    /// Returns the value of a header, its name in any letter case. Of several, the first.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Returns why the request was not taken; `None` if it was.
    ///
    /// # Examples
    ///
    /// ```
    /// use datadog_test_agent::TestAgent;
    ///
    /// let agent = TestAgent::start()?;
    /// assert!(agent.requests().iter().all(|request| request.refusal().is_none()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn refusal(&self) -> Option<String> {
        let reason = match (self.status, &self.decode_error) {
            (Some(200), _) => return None,
            (_, Some(error)) => error,
            (None, None) => "there was no answer",
            (Some(403), None) => "a page of another site sent it",
            (Some(404), None) => "this version is not read here; v0.3, v0.4 and v0.5 are",
            (Some(408), None) => "its body took too long",
            (Some(413), None) => "its body is too large",
            (Some(429), None) => "too much arrives at the same time",
            (Some(_), None) => "look at its headers",
        };
        Some(reason.to_owned())
    }

    /// Returns the spans of the body, one list per trace, whether the Agent kept them or not.
    ///
    /// # Errors
    ///
    /// If the body cannot be decoded: the text says why.
    pub fn decode(&self) -> Result<Vec<Vec<ReceivedSpan>>, String> {
        let decoded = decode(self.format(), &self.body);
        let decoded = decoded.map_err(|error| error.message(self.format()))?;
        Ok(decoded.chunks.into_iter().map(|chunk| chunk.spans).collect())
    }

    /// Returns what is wrong with the request although the Agent may take it: what loses data,
    /// names or statistics without an error. Empty for a correct client.
    ///
    /// One sentence per finding. The body is looked at even if the script refused the request.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use datadog_test_agent::TestAgent;
    ///
    /// let agent = TestAgent::start()?;
    /// // ... send spans to `agent.url()` ...
    /// for request in agent.requests() {
    ///     assert_eq!(request.violations(), Vec::<String>::new());
    /// }
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn violations(&self) -> Vec<String> {
        let own = |findings: Vec<Finding>| findings.into_iter().map(|finding| finding.to_string());
        let mut found: Vec<_> = own(violations::of_headers(self)).collect();
        if !self.body_read {
            return found;
        }
        match decode(self.format(), &self.body) {
            Ok(decoded) => found.extend(own(violations::of_body(self, &decoded))),
            Err(error) => {
                found.push(format!("the body cannot be decoded: {}", error.message(self.format())));
            }
        }
        found
    }

    /// Returns the memory that the request takes, in bytes: an estimate on the high side.
    pub(super) fn memory(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.len() + value.len() + HEADER).sum();
        // The texts of the spans are those of the body, once more.
        let texts = if self.traces.is_empty() { 0 } else { self.body.len() };
        size_of::<Self>() + self.path.len() + headers + self.body.capacity() + texts + self.memory
    }

    /// Returns the number of decoded spans.
    pub(super) fn span_count(&self) -> usize {
        self.traces.iter().map(Vec::len).sum()
    }

    /// Returns the format that the receiver tries first.
    pub(super) fn format(&self) -> Format {
        if self.path.starts_with("/v0.5/") {
            return Format::Dictionary;
        }
        self.reads.unwrap_or_else(|| Format::of(self.header("content-type")))
    }

    /// Returns whether a header has a value that the Agent takes for true: anything but a handful
    /// of spellings of false.
    pub(super) fn flag(&self, name: &str) -> bool {
        !matches!(
            self.header(name),
            None | Some("" | "0" | "f" | "F" | "FALSE" | "False" | "false")
        )
    }
}

impl fmt::Debug for TraceRequest {
    /// Shows everything but the content of the body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceRequest")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &self.headers)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("traces", &self.traces)
            .field("status", &self.status)
            .field("decode_error", &self.decode_error)
            .field("has_null_span", &self.has_null_span)
            .finish_non_exhaustive()
    }
}
