//! `/v0.3/traces`, the endpoint that Datadog documents. The Agent takes both encodings there and answers `OK`.

use super::{Form, Protocol};
use crate::encoding::WireKind;

/// See [`Form::path`](super::Form::path).
const PATH: &str = "/v0.3/traces";

/// The documented form.
pub(super) static JSON: Form = Form {
    protocol: Protocol::V03Json,
    path: PATH,
    content_type: "application/json",
    wire: WireKind::Json,
    has_rates: false,
};

/// The same spans in the encoding that costs the Agent half.
pub(super) static MESSAGE_PACK: Form = Form {
    protocol: Protocol::V03MessagePack,
    path: PATH,
    content_type: "application/msgpack",
    wire: WireKind::MessagePack,
    has_rates: false,
};
