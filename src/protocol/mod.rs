//! The endpoints of a receiver: a payload in, one HTTP request out, and the lesson of its answer.
//!
//! A file for each endpoint ([`v03`], [`v04`]): path, content type, wire, headers of its own, statuses that mean
//! "not this form". [`info`] reads what a receiver says of itself, [`choice`] is the table from there to the
//! form that is spoken, [`negotiation`] knows when to ask and when to change. Not here: sockets, time-outs and
//! retries ([`crate::delivery`]), and spans.

mod choice;
mod document;
mod info;
mod negotiation;
mod rates;
mod v03;
mod v04;

use std::str::FromStr;

use opentelemetry_http::Response;

use crate::BuildError;
use crate::encoding::{Payload, WireKind};

pub(crate) use document::Document;
pub(crate) use negotiation::{Negotiation, Refusal};
pub(crate) use rates::AgentRates;

/// One checked choice of endpoint and encoding. The Agent stores the same spans from all of them.
///
/// Sources: Datadog's documentation of the v0.3 API; `pkg/trace/api` of `DataDog/datadog-agent`, 7.85, for the
/// others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "ApiVersion")]
#[doc(alias = "Encoding")]
pub enum Protocol {
    /// Asks the receiver (`GET /info`) and speaks the form that costs it least: MessagePack at `/v0.3/traces`, or
    /// at `/v0.4/traces` where v0.3 is missing (Datadog's serverless agents) or a
    /// [`DatadogSampler`](crate::DatadogSampler) follows the Agent's rates. A receiver that does not introduce
    /// itself gets [`V03Json`](Self::V03Json), the documented form.
    #[default]
    Auto,
    /// JSON at `/v0.3/traces`: the form of Datadog's documentation, readable in a proxy or a test. It costs the
    /// Agent twice what MessagePack does.
    V03Json,
    /// MessagePack at `/v0.3/traces`.
    V03MessagePack,
    /// MessagePack at `/v0.4/traces`. Answers hold the sampling rates that the Agent wants.
    V04,
}

/// The values of `DD_TRACE_API_VERSION`, for messages.
pub(crate) const PROTOCOL_FORM: &str = "auto, v0.3 or v0.4";

/// Reads a value of `DD_TRACE_API_VERSION`, in any case. In every official tracer `v0.4` means MessagePack.
///
/// # Errors
///
/// Fails for any text but `auto`, `v0.3` and `v0.4`.
impl FromStr for Protocol {
    type Err = BuildError;

    fn from_str(text: &str) -> Result<Self, BuildError> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Auto),
            "v0.3" => Ok(Self::V03Json),
            "v0.4" => Ok(Self::V04),
            _ => Err(BuildError::setting("Protocol", text, PROTOCOL_FORM)),
        }
    }
}

/// One form of requests: an endpoint and an encoding.
#[derive(Debug)]
pub(crate) struct Form {
    /// The choice that always speaks this form.
    pub(crate) protocol: Protocol,
    /// The exact path: a slash more or less is a 404 or a redirect.
    path: &'static str,
    content_type: &'static str,
    pub(crate) wire: WireKind,
    /// True if answers hold the Agent's rates.
    pub(crate) has_rates: bool,
}

/// Every form, the documented one first.
static FORMS: [&Form; 3] = [&v03::JSON, &v03::MESSAGE_PACK, &v04::MESSAGE_PACK];

impl Form {
    /// The path of requests.
    pub(crate) fn path(&self) -> &'static str {
        self.path
    }

    /// Returns the headers that are this form's own.
    pub(crate) fn headers(&self, chunks: u32, rates: &AgentRates) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("content-type", self.content_type.to_owned()),
            ("x-datadog-trace-count", chunks.to_string()),
        ];
        headers.extend(self.has_rates.then(|| v04::rates_header(rates)));
        headers
    }

    /// Takes the bytes of a payload into the document of a request. The payload must be in the wire of this form.
    pub(crate) fn document(&self, payload: &mut Payload) -> Document {
        debug_assert_eq!(self.wire, payload.wire(), "delivery translates before it sends");
        Document::of(payload)
    }

    /// Learns from an answer: an overloaded Agent says its rates, too.
    pub(crate) fn learn(&self, answer: &Response<bytes::Bytes>, rates: &AgentRates) {
        if self.has_rates {
            v04::learn(answer, rates);
        }
    }

    /// Returns the content type, the number of chunks and the body of a payload's request.
    #[cfg(fuzzing)]
    pub(crate) fn body(&self, mut payload: Payload) -> (&'static str, u32, Vec<u8>) {
        let chunks = payload.chunk_count();
        (self.content_type, chunks, self.document(&mut payload).to_bytes().into())
    }

    /// This form as a bit of a [`FormSet`].
    pub(crate) fn bit(&self) -> FormSet {
        FORMS.iter().position(|form| std::ptr::eq(*form, self)).map_or(0, |at| 1 << at)
    }
}

/// Forms as a set of bits.
pub(crate) type FormSet = u8;

/// The header in which the Agent gives a digest of what it says of itself.
pub(crate) const STATE_HEADER: &str = "datadog-agent-state";

/// The path of statistics that a client has computed.
pub(crate) const STATS_PATH: &str = "/v0.6/stats";

/// The encoding of these.
pub(crate) const STATS_CONTENT_TYPE: &str = "application/msgpack";

/// The path at which a receiver introduces itself.
pub(crate) const INFO_PATH: &str = "/info";
