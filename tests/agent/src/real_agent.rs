//! [`RealAgent`]: the Go program beside this package, and what arrived at its intake.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;

/// The span model that the Agent works with inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    /// That of the newest Agents: every trace is turned into it on receipt.
    Indexed,
    /// That of the wire, as in older Agents, and behind the OTLP receiver of the newest.
    Classic,
}

/// Both.
pub(crate) const MODELS: [Model; 2] = [Model::Indexed, Model::Classic];

/// Datadog's trace-agent, alone with its intake. It ends with this value.
#[derive(Debug)]
pub(crate) struct RealAgent {
    process: Child,
    addresses: Addresses,
}

#[derive(Debug, Deserialize)]
struct Addresses {
    url: String,
    socket: String,
    otlp: String,
    control: String,
}

/// The Agent's report on the spans of one request.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Payload {
    pub(crate) container_id: String,
    pub(crate) language: String,
    pub(crate) tracer_version: String,
    pub(crate) env: String,
    pub(crate) hostname: String,
    pub(crate) app_version: String,
    pub(crate) tags: Option<BTreeMap<String, String>>,
    chunks: Option<Vec<Chunk>>,
}

/// The Agent's report on the spans of one trace in one request.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Chunk {
    pub(crate) priority: i32,
    pub(crate) trace_id_high: u64,
    pub(crate) spans: Vec<Span>,
}

/// A span as it would go to Datadog.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Span {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) resource: String,
    #[serde(rename = "type")]
    pub(crate) span_type: String,
    pub(crate) trace_id: u64,
    pub(crate) span_id: u64,
    pub(crate) parent_id: u64,
    pub(crate) start: i64,
    pub(crate) duration: i64,
    pub(crate) error: i32,
    #[serde(default)]
    pub(crate) meta: Option<BTreeMap<String, String>>,
    pub(crate) metrics: BTreeMap<String, f64>,
    #[serde(default)]
    pub(crate) not_finite: Vec<String>,
    pub(crate) links: usize,
    pub(crate) events: usize,
}

/// One group of spans that the Agent counted.
#[derive(Clone, Debug, Deserialize, PartialEq, PartialOrd)]
pub(crate) struct Counted {
    pub(crate) env: String,
    pub(crate) version: String,
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) resource: String,
    #[serde(rename = "type")]
    pub(crate) span_type: String,
    pub(crate) span_kind: String,
    pub(crate) http_status: u32,
    pub(crate) is_trace_root: bool,
    pub(crate) hits: u64,
    pub(crate) errors: u64,
    pub(crate) top_level_hits: u64,
    pub(crate) duration: u64,
    #[serde(default)]
    pub(crate) peer_tags: Option<Vec<String>>,
    pub(crate) grpc_status: String,
    pub(crate) synthetics: bool,
    pub(crate) source: String,
    /// The durations by bin.
    pub(crate) ok: BTreeMap<i32, f64>,
    pub(crate) failed: BTreeMap<i32, f64>,
}

impl Span {
    /// Returns a text tag, or nothing.
    pub(crate) fn tag(&self, key: &str) -> &str {
        self.meta.as_ref().and_then(|meta| meta.get(key)).map_or("", String::as_str)
    }
}

impl Payload {
    /// Returns the traces.
    pub(crate) fn chunks(&self) -> &[Chunk] {
        self.chunks.as_deref().unwrap_or(&[])
    }
}

impl RealAgent {
    /// Starts an Agent and waits until it answers.
    pub(crate) fn start(model: Model) -> Self {
        let program = env::var("REAL_AGENT").expect("run `bash tests/agent/run.sh`");
        let mut command = Command::new(program);
        if model == Model::Classic {
            command.arg("-classic");
        }
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it says its addresses");
        let addresses = serde_json::from_str(&line).expect("it says its addresses");
        Self { process, addresses }
    }

    /// Returns where it takes traces.
    pub(crate) fn url(&self) -> &str {
        &self.addresses.url
    }

    /// Returns its unix socket, as an exporter wants it.
    pub(crate) fn socket(&self) -> String {
        format!("unix://{}", self.addresses.socket)
    }

    /// Returns where it takes OTLP over gRPC.
    pub(crate) fn otlp(&self) -> &str {
        &self.addresses.otlp
    }

    /// Ends the Agent as an operator does: it hands on what it has, statistics too.
    pub(crate) fn stop(&self) {
        self.control("stop");
    }

    /// Starts the Agent again, at the same addresses.
    pub(crate) fn start_again(&self) {
        self.control("start");
    }

    /// Returns what arrived at the intake.
    pub(crate) fn payloads(&self) -> Vec<Payload> {
        self.read("payloads")
    }

    /// Returns the spans that arrived at the intake.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let payloads = self.payloads();
        let chunks = payloads.iter().flat_map(Payload::chunks);
        chunks.flat_map(|chunk| chunk.spans.clone()).collect()
    }

    /// Returns what the Agent counted, sorted. It tells at its end.
    pub(crate) fn counted(&self) -> Vec<Counted> {
        let mut counted: Vec<Counted> = self.read("stats");
        counted.sort_by(|a, b| a.partial_cmp(b).expect("counts are numbers"));
        counted
    }

    fn control(&self, act: &str) {
        let url = format!("{}/{act}", self.addresses.control);
        ureq::post(&url).send_empty().unwrap_or_else(|error| panic!("{act}: {error}"));
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, what: &str) -> Vec<T> {
        let url = format!("{}/{what}", self.addresses.control);
        let mut answer = ureq::get(&url).call().unwrap();
        let body = answer.body_mut().with_config().limit(u64::MAX).read_to_vec().unwrap();
        serde_json::from_slice(&body).unwrap()
    }
}

impl Drop for RealAgent {
    fn drop(&mut self) {
        // The program ends when nobody holds its standard input.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}
