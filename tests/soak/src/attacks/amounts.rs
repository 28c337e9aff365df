//! Many versions, many environments, many exports, large spans, and bodies that are made to take memory.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use datadog_test_agent::TestAgent;
use opentelemetry::KeyValue;
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::trace::SpanData;

use super::scene::{
    EXPORT_BOUND, account, assert_arrived, at_once, deliver, export, exporter, nobody, peak_mib,
    spans, watched, with_noise,
};

/// A minute at 5,000 spans a second.
const MINUTE: u64 = 300_000;
/// The minute goes by ten times as fast.
const TIME: Duration = Duration::from_secs(6);
/// Spans in an export: the SDK's batch.
const BATCH: u64 = 512;
/// Versions of a service at a time.
const VERSIONS: u64 = 200;
/// The factor by which a buffer may hold more with many sets in place of one: compression works on less.
const MORE_BYTES: f64 = 1.5;
/// The factor by which it may take more time from its callers: twice is what noise can be on two busy cores.
const MORE_TIME: f64 = 2.0;

/// The cost of a minute of spans without an Agent.
struct Minute {
    bytes: u64,
    /// The time of all exports.
    total: Duration,
    longest: Duration,
}

impl Minute {
    /// Exports a minute of spans; `mark` changes a batch by its number.
    fn new(mark: impl Fn(u64, &mut [SpanData])) -> Self {
        let exporter = exporter(&nobody());
        let mut minute = Self { bytes: 0, total: Duration::ZERO, longest: Duration::ZERO };
        let begin = Instant::now();
        for number in 0..MINUTE / BATCH {
            let due = begin + TIME.mul_f64((number * BATCH) as f64 / MINUTE as f64);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let first = 1 + number * BATCH;
            let mut spans = spans(first..first + BATCH);
            mark(number, &mut spans);
            let took = export(&exporter, spans);
            minute.total += took;
            minute.longest = minute.longest.max(took);
        }
        let stats = account(&exporter.handle(), MINUTE / BATCH * BATCH);
        assert_eq!(stats.spans_dropped.total(), 0, "a minute of spans does not fit: {stats:?}");
        minute.bytes = stats.bytes_buffered;
        minute
    }

    /// Fails if this minute cost much more than that one; returns what both cost.
    fn compare(&self, other: &Self) -> String {
        let told = format!(
            "{} MiB against {} MiB, {:?} against {:?} in exports, the longest {:?} against {:?}",
            self.bytes >> 20,
            other.bytes >> 20,
            self.total,
            other.total,
            self.longest,
            other.longest,
        );
        let bytes = self.bytes as f64 / other.bytes as f64;
        let time = self.total.as_secs_f64() / other.total.as_secs_f64();
        assert!(bytes < MORE_BYTES && time < MORE_TIME && self.longest < EXPORT_BOUND, "{told}");
        told
    }
}

/// 200 versions in every batch.
pub(super) fn many_versions() -> String {
    let mark = |versions: u64| {
        move |_: u64, spans: &mut [SpanData]| {
            for (number, span) in (0..).zip(spans) {
                let version = format!("1.{}", number % versions);
                span.attributes.push(KeyValue::new("datadog.version", version));
            }
        }
    };
    let minutes = at_once(vec![1, VERSIONS], |versions| Minute::new(mark(versions)));
    format!(
        "{MINUTE} spans without an Agent, {VERSIONS} versions against one: {}",
        minutes[1].compare(&minutes[0])
    )
}

/// An environment of its own for each batch.
pub(super) fn many_environments() -> String {
    let mark = |is_own: bool| {
        move |number: u64, spans: &mut [SpanData]| {
            let env = format!("env-{}", if is_own { number } else { 0 });
            for span in spans {
                span.attributes.push(KeyValue::new("datadog.env", env.clone()));
            }
        }
    };
    let minutes = at_once(vec![false, true], |is_own| Minute::new(mark(is_own)));
    format!(
        "{MINUTE} spans without an Agent, an env for each batch against one: {}",
        minutes[1].compare(&minutes[0])
    )
}

/// Two spans in each export: the last quarter must not cost more than the first.
pub(super) fn small_exports() -> String {
    const QUARTER: u64 = MINUTE / 8;
    let exporter = exporter(&nobody());
    let quarters: Vec<Duration> = (0..4)
        .map(|quarter| {
            let firsts = (quarter * QUARTER..(quarter + 1) * QUARTER).map(|number| 1 + number * 2);
            firsts.map(|first| export(&exporter, spans(first..first + 2))).sum()
        })
        .collect();
    let stats = account(&exporter.handle(), MINUTE);
    assert_eq!(stats.spans_dropped.total(), 0, "{stats:?}");
    let told =
        format!("{} exports of 2 spans without an Agent, by quarters: {quarters:?}", MINUTE / 2);
    // An export that costs in proportion to what waits would take seven times as long.
    assert!(quarters[3].as_secs_f64() < 2.0 * MORE_TIME * quarters[0].as_secs_f64(), "{told}");
    told
}

/// 512 spans with eight tags of 20,000 bytes.
fn large_spans() -> Vec<SpanData> {
    with_noise(spans(1..1 + BATCH), 8)
}

/// Returns how long such a batch takes to be mapped: by an exporter whose buffer is in no hurry. On two busy cores the
/// next one may take twice as long.
fn mapping(batch: Vec<SpanData>) -> Duration {
    let exporter = DatadogExporter::builder()
        .with_agent_url(nobody())
        .with_max_buffer_bytes(1 << 30)
        .build()
        .expect("an exporter");
    export(&exporter, batch)
}

/// One such batch at an Agent that takes it. The best of three times counts: others wake the caller, and wait for a
/// core.
pub(super) fn large_batch() -> String {
    let batch = large_spans();
    let alone = mapping(batch.clone());
    let took = (0..3).map(|_| take_in(batch.clone())).min().expect("three");
    let told = format!(
        "512 spans of 160 KB: an export of {took:?}, {alone:?} of it for mapping; all arrived"
    );
    assert!(took < alone * 2 + EXPORT_BOUND, "{told}");
    told
}

/// Returns how long the export of a batch took whose spans all arrived.
fn take_in(batch: Vec<SpanData>) -> Duration {
    let agent = TestAgent::start().expect("an Agent");
    let exporter = exporter(agent.url());
    let (took, arrivals) = watched(&agent, || {
        let took = export(&exporter, batch);
        deliver(&exporter.handle(), BATCH);
        took
    });
    assert_arrived(&arrivals, 1..1 + BATCH, 1);
    took
}

/// Three such batches without an Agent: more than the buffer holds is dropped and counted.
pub(super) fn large_batch_away() -> String {
    let exporter = exporter(&nobody());
    let batch = large_spans();
    let alone = mapping(batch.clone());
    let longest = (0..3).map(|_| export(&exporter, batch.clone())).max().expect("three");
    let stats = account(&exporter.handle(), BATCH * 3);
    assert!(stats.bytes_buffered <= 80 << 20, "{stats:?}");
    let told = format!(
        "3 batches of 512 spans of 160 KB: {longest:?} at most, {alone:?} of it for mapping; {} buffered, {} dropped",
        stats.spans_buffered, stats.spans_dropped.buffer_full,
    );
    assert!(longest < alone * 2 + EXPORT_BOUND, "{told}");
    told
}

/// Bodies of 20 MB that are small things by the million.
pub(super) fn hostile_bodies() -> String {
    const BODY: usize = 20 << 20;
    /// The most memory for one body, in MiB: the body, what is kept of it, and the process.
    const MOST: u64 = 300;
    let list = |item: &str| {
        let items = format!("{item},").repeat(BODY / (item.len() + 1));
        format!("[[{}]]", items.trim_end_matches(','))
    };
    let agent = TestAgent::start().expect("an Agent");
    let mut told = Vec::new();
    for (name, item) in
        [("nulls", "null"), ("empty spans", "{}"), ("empty lists", "[]"), ("numbers", "7")]
    {
        let status = put(&agent, list(item).as_bytes());
        told.push(format!("{name} {status}, then {} MiB", peak_mib()));
    }
    let status = put(&agent, "[".repeat(BODY).as_bytes());
    told.push(format!("brackets {status}, then {} MiB", peak_mib()));
    let told = format!("bodies of 20 MB: {}", told.join("; "));
    assert!(peak_mib() < MOST, "{told}");
    told
}

/// Sends a body as JSON; returns the status.
fn put(agent: &TestAgent, body: &[u8]) -> String {
    let address = agent.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head = format!(
        "PUT /v0.3/traces HTTP/1.1\r\nHost: attack\r\nContent-Type: application/json\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let mut answer = String::new();
    stream.write_all(head.as_bytes()).expect("a head");
    // It may answer before the end of the body.
    let _ = stream.write_all(body);
    let _ = stream.read_to_string(&mut answer);
    answer.split(' ').nth(1).unwrap_or("no answer").to_owned()
}
