//! The common ground of the attacks: spans, an exporter, the account of its spans, and what the process takes.

use std::fs;
use std::net::TcpListener;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant, UNIX_EPOCH};

use datadog_test_agent::TestAgent;
use futures_executor::block_on;
use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue, SpanId, TraceId};
use opentelemetry_datadog_agent::{DatadogExporter, ExporterHandle, ExporterStats};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};

use crate::arrivals::{self, Arrivals};

/// The longest wait for what should come at once.
pub(super) const SOON: Duration = Duration::from_secs(20);
/// The longest time of an export: the 100 ms that are promised, and as much again for the noise of two busy cores.
pub(super) const EXPORT_BOUND: Duration = Duration::from_millis(200);
/// Spans to a trace.
const TRACE: u64 = 5;
/// Ticks of the system's clock for processes, each second. Linux shows users this number on every machine.
const TICKS: u64 = 100;

/// Returns an exporter for this URL.
pub(super) fn exporter(url: &str) -> DatadogExporter {
    DatadogExporter::builder().with_agent_url(url).build().expect("an exporter")
}

/// Returns spans with these ids, as a web service makes them.
pub(super) fn spans(ids: Range<u64>) -> Vec<SpanData> {
    ids.map(span).collect()
}

fn span(id: u64) -> SpanData {
    let root = id - (id - 1) % TRACE;
    let trace = TraceId::from(u128::from(root) << 64 | u128::from(root) << 20);
    let start = UNIX_EPOCH + Duration::from_secs(1_750_000_000) + Duration::from_micros(id);
    SpanData {
        span_context: SpanContext::new(
            trace,
            SpanId::from(id),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: if id == root { SpanId::INVALID } else { SpanId::from(root) },
        parent_span_is_remote: false,
        span_kind: SpanKind::Server,
        name: "GET /orders/{id}".into(),
        start_time: start,
        end_time: start + Duration::from_millis(25),
        attributes: vec![
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("http.route", "/orders/{id}"),
            KeyValue::new("url.path", format!("/orders/{id}")),
        ],
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

/// Adds tags of 20,000 bytes to each span, so many, of letters that do not compress.
pub(super) fn with_noise(mut spans: Vec<SpanData>, tags: usize) -> Vec<SpanData> {
    let mut random = fastrand::Rng::with_seed(7);
    for span in &mut spans {
        for tag in 0..tags {
            let noise: String = (0..20_000).map(|_| random.alphanumeric()).collect();
            span.attributes.push(KeyValue::new(format!("noise.{tag}"), noise));
        }
    }
    spans
}

/// Exports as a processor does, and returns how long that took, without the time in which no core was free for it.
pub(super) fn export(exporter: &DatadogExporter, spans: Vec<SpanData>) -> Duration {
    let (begin, delayed) = (Instant::now(), delay());
    block_on(exporter.export(spans)).expect("an export");
    begin.elapsed().saturating_sub(delay() - delayed)
}

/// Returns how long this thread has waited for a free core so far; nothing if the system does not tell.
fn delay() -> Duration {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split(' ').nth(1).and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// Exports spans at a pace for a while, ten times a second; returns the id after the last, and the longest export.
pub(super) fn load(
    exporter: &DatadogExporter,
    first: u64,
    per_second: u64,
    time: Duration,
) -> (u64, Duration) {
    let (begin, mut next, mut longest) = (Instant::now(), first, Duration::ZERO);
    let turn = Duration::from_millis(100);
    for number in 0.. {
        if turn * number >= time {
            break;
        }
        thread::sleep((begin + turn * number).saturating_duration_since(Instant::now()));
        longest = longest.max(export(exporter, spans(next..next + per_second / 10)));
        next += per_second / 10;
    }
    (next, longest)
}

/// Fails unless every span that was handed over is accounted for exactly once; returns the counters.
pub(super) fn account(handle: &ExporterHandle, handed_over: u64) -> ExporterStats {
    let stats = handle.stats();
    let known = stats.spans_delivered + stats.spans_dropped.total() + stats.spans_buffered;
    assert!(
        stats.spans_received == handed_over && known == handed_over,
        "{handed_over} spans are handed over and not accounted for: {stats:?}"
    );
    stats
}

/// Fails unless these spans are delivered, all of them, and none dropped.
pub(super) fn deliver(handle: &ExporterHandle, handed_over: u64) -> ExporterStats {
    if let Err(error) = handle.flush(SOON) {
        panic!("not delivered: {error}: {:?}", handle.stats());
    }
    let stats = account(handle, handed_over);
    assert_eq!(stats.spans_delivered, handed_over, "not all is delivered: {stats:?}");
    stats
}

/// Exports 1,000 spans as after an attack, and fails unless all are delivered. `before` were delivered already.
pub(super) fn assert_well(exporter: &DatadogExporter, before: u64) {
    for number in 0..20 {
        let first = 1_000_001 + number * 50;
        export(exporter, spans(first..first + 50));
    }
    deliver(&exporter.handle(), before + 1_000);
}

/// Does the work, and collects the Agent's requests meanwhile.
pub(super) fn watched<R>(agent: &TestAgent, work: impl FnOnce() -> R) -> (R, Arrivals) {
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watching = scope.spawn(|| arrivals::watch(agent, &is_over));
        let result = {
            let _over = Over(&is_over);
            work()
        };
        (result, watching.join().expect("arrivals"))
    })
}

/// Does the work for all cells at once; fails as the first of them that fails does.
pub(super) fn at_once<T: Send, R: Send>(cells: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let work = &work;
    thread::scope(|scope| {
        let running: Vec<_> =
            cells.into_iter().map(|cell| scope.spawn(move || work(cell))).collect();
        let join = |cell: ScopedJoinHandle<'_, R>| {
            cell.join().unwrap_or_else(|cause| resume_unwind(cause))
        };
        running.into_iter().map(join).collect()
    })
}

/// Fails unless each of these spans arrived, and none more often than this; returns how many came more than once.
pub(super) fn assert_arrived(arrivals: &Arrivals, ids: Range<u64>, most: u32) -> usize {
    let missing = ids.clone().filter(|id| !arrivals.spans.contains_key(id)).count();
    let times = arrivals.spans.values().map(|arrival| arrival.times);
    let too_often = times.clone().filter(|times| *times > most).count();
    assert!(
        missing == 0 && too_often == 0 && arrivals.wrong.is_empty(),
        "of {ids:?} {missing} are missing, {too_often} came more than {most} times: {:?}",
        arrivals.wrong
    );
    times.filter(|times| *times > 1).count()
}

/// Waits until something is so.
pub(super) fn until(claim: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < deadline, "not so within {SOON:?}: {claim}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Returns a URL at which nobody listens.
pub(super) fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// Returns the processor time that the exporter's threads took so far.
pub(super) fn exporter_cpu() -> Duration {
    let ticks = exporter_threads().into_iter().map(|stat| {
        let fields: Vec<&str> = stat.split(' ').collect();
        let ticks = |field: usize| fields[field].parse::<u64>().expect("a number");
        // User and system time are the 14th and 15th field of the line; the first two are not here.
        ticks(11) + ticks(12)
    });
    Duration::from_millis(ticks.sum::<u64>() * 1_000 / TICKS)
}

/// Returns whether a thread of an exporter lives in this process.
pub(super) fn has_exporter_threads() -> bool {
    !exporter_threads().is_empty()
}

/// Returns what the system says about each thread of an exporter, behind its name, of which it keeps 15 letters.
fn exporter_threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux");
    let stats = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let of_exporter = |stat: String| {
        let (_, rest) = stat.split_once("(datadog-exporte")?;
        Some(rest.rsplit_once(") ")?.1.to_owned())
    };
    stats.filter_map(of_exporter).collect()
}

/// Returns the most memory that this process ever had, in MiB.
pub(super) fn peak_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.split_whitespace().next().expect("a number").parse::<u64>().expect("KiB") / 1_024
}
