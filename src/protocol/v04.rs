//! `/v0.4/traces`: the endpoint of Datadog's tracers, and the only one of its serverless agents beside v0.5.
//!
//! The Agent answers with the sampling rates that it wants. Serverless agents read MessagePack whatever the
//! content type says, so JSON is never sent here.

use bytes::Bytes;
use opentelemetry_http::Response;

use super::{AgentRates, Form, Protocol};
use crate::encoding::WireKind;

/// The header of requests and answers that tells which rates are known.
const RATES_VERSION: &str = "datadog-rates-payload-version";

/// MessagePack at `/v0.4/traces`.
pub(super) static MESSAGE_PACK: Form = Form {
    protocol: Protocol::V04,
    path: "/v0.4/traces",
    content_type: "application/msgpack",
    wire: WireKind::MessagePack,
    has_rates: true,
};

/// Returns the header that says which rates are known.
pub(super) fn rates_header(rates: &AgentRates) -> (&'static str, String) {
    (RATES_VERSION, rates.version())
}

/// Takes the rates of an answer.
pub(super) fn learn(answer: &Response<Bytes>, rates: &AgentRates) {
    let version = answer.headers().get(RATES_VERSION).and_then(|version| version.to_str().ok());
    rates.learn(answer.body(), version);
}
