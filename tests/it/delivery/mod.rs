//! The contract of delivery: spans that arrive, how often they do, and the counters.

mod buffer;
mod foreign;
mod hostile;
#[cfg(feature = "internal-logs")]
mod kept;
mod lifecycle;
mod matrix;
mod outcomes;
mod proxy;
mod receivers;
mod requests;
mod scripts;
mod http_client;
#[cfg(all(feature = "rustls", target_os = "linux"))]
mod tls;
#[cfg(feature = "internal-logs")]
mod log_lines;

use std::collections::BTreeMap;
use std::env;
use std::ops::Range;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use datadog_test_agent::{TestAgent, TraceRequest};
use opentelemetry::{KeyValue, SpanId};
use opentelemetry_datadog_agent::{
    DatadogExporter, DatadogExporterBuilder, ExporterHandle, ExporterStats, Protocol,
};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::support::{SOON, block_on, context, span};

/// Nobody listens there. A port that was free a moment ago may be that of another test's Agent by now.
pub(crate) const NOBODY: &str = "http://127.0.0.1:1";

/// The longest time of a request that gets no answer: the shortest that a busy machine keeps.
const SHORT: Duration = Duration::from_millis(300);

/// The longest time that `export` may block its caller, whatever the Agent does: ten times the promise.
const EXPORT_BOUND: Duration = Duration::from_secs(1);

/// High half of all trace ids here, so that each chunk has to say it.
const TRACE_ID_HIGH: u128 = 0x00c0_ffee << 64;

/// Starts to build an exporter for an Agent.
fn builder(agent: &TestAgent) -> DatadogExporterBuilder {
    DatadogExporter::builder().with_agent_url(agent.url())
}

/// Spans with these ids, one after the other in so many traces; the first of a trace is its root.
fn batch(ids: Range<u64>, traces: u64) -> Vec<SpanData> {
    let first = ids.start;
    let of_id = |id: u64| {
        let root = first + (id - first) % traces;
        let parent = if id == root { SpanId::INVALID } else { SpanId::from(root) };
        SpanData {
            span_context: context(TRACE_ID_HIGH + (u128::from(root) << 20), id),
            parent_span_id: parent,
            ..span()
        }
    };
    ids.map(of_id).collect()
}

/// The same spans with a tag of so many bytes, each a different text that does not compress.
fn with_noise(mut spans: Vec<SpanData>, bytes: usize) -> Vec<SpanData> {
    const LETTERS: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
    for span in &mut spans {
        let mut state = u64::from_be_bytes(span.span_context.span_id().to_bytes()) | 1 << 63;
        let mut letter = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(LETTERS[usize::try_from(state >> 58).unwrap()])
        };
        let noise: String = (0..bytes).map(|_| letter()).collect();
        span.attributes.push(KeyValue::new("noise", noise));
    }
    spans
}

#[expect(clippy::panic_in_result_fn, reason = "the result is the exporter's")]
/// Exports as a processor does, and fails if that blocks for longer than it may.
fn export(exporter: &DatadogExporter, batch: Vec<SpanData>) -> OTelSdkResult {
    let begin = Instant::now();
    let outcome = block_on(exporter.export(batch));
    let took = begin.elapsed();
    assert!(took < EXPORT_BOUND, "export blocked for {took:?}");
    outcome
}

/// Says why spans were given up: the error of `export`, or if the answer came later than that, of the counters.
fn said(outcome: OTelSdkResult, handle: &ExporterHandle) -> String {
    match outcome {
        Err(error) => error.to_string(),
        Ok(()) => handle.stats().last_error.unwrap_or_default(),
    }
}

/// A builder with the documented form, which asks the receiver nothing.
fn explicit() -> DatadogExporterBuilder {
    DatadogExporter::builder().with_protocol(Protocol::V03Json)
}

/// Returns how often each span id was accepted.
fn arrivals(agent: &TestAgent) -> BTreeMap<u64, usize> {
    let mut arrivals = BTreeMap::new();
    for span in agent.spans() {
        *arrivals.entry(span.span_id).or_default() += 1;
    }
    arrivals
}

/// Each of these ids, so many times.
fn each(ids: Range<u64>, times: usize) -> BTreeMap<u64, usize> {
    ids.filter(|_| times > 0).map(|id| (id, times)).collect()
}

/// The span ids of a request, whether the Agent kept them or not.
fn ids_of(request: &TraceRequest) -> Vec<u64> {
    let traces = request.decode().unwrap();
    traces.iter().flatten().map(|span| span.span_id).collect()
}

/// Fails unless every span is accounted for exactly once.
fn assert_adds_up(stats: &ExporterStats, case: &str) {
    let sum = stats.spans_delivered + stats.spans_dropped.total() + stats.spans_buffered;
    assert_eq!(stats.spans_received, sum, "{case}: {stats:?}");
}

/// Fails if a request is one that the Agent takes at the cost of something. One that is too large the
/// Agent does not read to its end.
fn assert_no_violations(agent: &TestAgent, case: &str) {
    for request in agent.requests().iter().filter(|request| request.status != Some(413)) {
        assert_eq!(request.violations(), Vec::<String>::new(), "{case}");
    }
}

/// Polls until something is so. For counters only: everything else can be waited for.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < deadline, "not so within {SOON:?}: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Does the work in a process of its own, with these variables: this test binary once more, with only
/// the calling test, whose path below the crate is `test`.
pub(crate) fn in_child(test: &str, variables: &[(&str, &str)], work: impl FnOnce()) {
    const CHILD: &str = "TEST_IN_CHILD";
    if env::var(CHILD).is_ok_and(|name| name == test) {
        return work();
    }
    let outcome = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, test)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&outcome.stdout);
    let errors = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success(), "in the child:\n{said}\n{errors}");
    assert!(said.contains("1 passed"), "there is no test {test}:\n{said}");
}
