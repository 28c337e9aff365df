//! The receivers of traces that users meet, a row each: what they read, and what they answer.
use serde_json::{Value, json};

use super::decode::Format;
use super::service::{AGENT_VERSION, Limits};

/// The kind of receiver that an embedded Agent plays.
///
/// Sources: `pkg/trace/api` of `DataDog/datadog-agent`, 7.85; `bottlecap/src/traces/trace_agent.rs` of
/// `DataDog/datadog-lambda-extension`; `crates/datadog-trace-agent` of `DataDog/serverless-components`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Receiver {
    /// The Agent of today: v0.3 and v0.4, JSON or MessagePack by the content type, v0.5, client statistics, `/info`.
    #[default]
    Agent,
    /// An Agent from before `/info`: v0.3 and v0.4, and it does not name itself.
    OldAgent,
    /// Datadog's Lambda extension: v0.4 and v0.5, MessagePack whatever the content type says, a 500 for a
    /// body that it cannot read. Repeated spans are dropped.
    LambdaExtension,
    /// The serverless mini agent of Azure Functions and Google functions: as the extension, but it keeps repeated
    /// spans and wants `Content-Length` (411).
    MiniAgent,
    /// Something that implements the documented API and no more: `PUT /v0.3/traces` with JSON.
    DocumentedApi,
}

/// The path of statistics that clients have computed.
pub(super) const STATS: &str = "/v0.6/stats";

/// The habits of a receiver.
#[derive(Debug)]
pub(super) struct Habits {
    /// Paths of traces.
    pub(super) traces: &'static [&'static str],
    /// Methods of trace requests; empty if it does not look.
    pub(super) methods: &'static [&'static str],
    /// The encoding of bodies; `None` if the content type decides.
    pub(super) reads: Option<Format>,
    /// The status for a body that cannot be read.
    pub(super) unreadable: u16,
    /// True if answers of trace endpoints carry version and state of the Agent.
    pub(super) names_itself: bool,
    /// True if it refuses a request without `Content-Length`.
    pub(super) needs_length: bool,
    /// True if it drops a span that came before.
    pub(super) drops_repeats: bool,
    /// Paths of statistics that clients have computed.
    pub(super) stats: &'static [&'static str],
}

#[rustfmt::skip]
static AGENT: Habits = Habits {
    traces: &["/v0.3/traces", "/v0.4/traces", "/v0.5/traces"], methods: &[], reads: None, unreadable: 400,
    names_itself: true, needs_length: false, drops_repeats: false, stats: &[STATS],
};
#[rustfmt::skip]
static OLD_AGENT: Habits = Habits {
    traces: &["/v0.3/traces", "/v0.4/traces"], methods: &[], reads: None, unreadable: 400,
    names_itself: false, needs_length: false, drops_repeats: false, stats: &[],
};
#[rustfmt::skip]
static LAMBDA_EXTENSION: Habits = Habits {
    traces: &["/v0.4/traces", "/v0.5/traces"], methods: &["PUT", "POST"], reads: Some(Format::Msgpack), unreadable: 500,
    names_itself: false, needs_length: false, drops_repeats: true, stats: &[STATS],
};
#[rustfmt::skip]
static MINI_AGENT: Habits = Habits {
    traces: &["/v0.4/traces"], methods: &["PUT", "POST"], reads: Some(Format::Msgpack), unreadable: 500,
    names_itself: false, needs_length: true, drops_repeats: false, stats: &[STATS],
};
#[rustfmt::skip]
static DOCUMENTED_API: Habits = Habits {
    traces: &["/v0.3/traces"], methods: &["PUT"], reads: Some(Format::Json), unreadable: 400,
    names_itself: false, needs_length: false, drops_repeats: false, stats: &[],
};

impl Receiver {
    /// The row of this kind.
    pub(super) fn habits(self) -> &'static Habits {
        match self {
            Self::Agent => &AGENT,
            Self::OldAgent => &OLD_AGENT,
            Self::LambdaExtension => &LAMBDA_EXTENSION,
            Self::MiniAgent => &MINI_AGENT,
            Self::DocumentedApi => &DOCUMENTED_API,
        }
    }

    /// The answer to `GET /info`; nothing if this kind has none.
    pub(super) fn info(self, limits: Limits) -> Option<String> {
        let info = match self {
            Self::Agent => agent(limits),
            Self::LambdaExtension => json!({
                "endpoints": ["/v0.4/traces", "/v0.5/traces", "/v0.6/stats", "/info"],
                "client_drop_p0s": false,
            }),
            Self::MiniAgent => json!({
                "endpoints": ["/v0.4/traces", "/v0.6/stats", "/info"],
                "client_drop_p0s": false,
                "span_kinds_stats_computed": ["server", "consumer", "client", "producer"],
                "peer_tags": [],
                "config": { "receiver_port": 8126, "statsd_port": 8125, "receiver_socket": "" },
            }),
            Self::OldAgent | Self::DocumentedApi => return None,
        };
        Some(format!("{info:#}\n"))
    }
}

/// The introduction of the Agent.
fn agent(limits: Limits) -> Value {
    let endpoints = [AGENT.traces, AGENT.stats].concat();
    json!({
        "version": AGENT_VERSION,
        "git_commit": "",
        "endpoints": endpoints,
        "client_drop_p0s": false,
        "span_meta_structs": true,
        "long_running_spans": true,
        "span_events": true,
        "config": {
            "default_env": "none",
            "target_tps": 10,
            "receiver_timeout": limits.read_timeout.as_secs(),
            "max_request_bytes": limits.max_request_bytes,
        },
        "peer_tags": [],
        "span_kinds_stats_computed": ["server", "consumer", "client", "producer"],
        "obfuscation_version": 1,
    })
}
