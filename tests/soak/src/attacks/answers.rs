//! Peers that break connections, or answer oddly or without end.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use datadog_test_agent::TestAgent;
use opentelemetry_datadog_agent::{DatadogExporter, Protocol};
use opentelemetry_sdk::trace::SpanExporter as _;

use super::proxy::{Gate, Proxy};
use super::scene::{
    EXPORT_BOUND, account, assert_arrived, at_once, deliver, export, exporter_cpu,
    has_exporter_threads, spans, until, watched, with_noise,
};

/// A span's noise has this many bytes; see [`with_noise`].
const NOISE: usize = 20_000;

/// Requests of 1, 4 and 16 MB are reset after their head, or answered 503 early and closed.
pub(super) fn large_requests_break() -> String {
    let mut cells = Vec::new();
    for gate in [Gate::ResetsLarge, Gate::AnswersLargeEarly] {
        cells.extend([1.2, 4.0, 16.0].map(|megabytes| (gate, megabytes)));
    }
    let retries = at_once(cells, |(gate, megabytes)| breaks(gate, megabytes));
    format!(
        "reset after the head or 503 early, 1, 4 and 16 MB: all spans arrived once; retries {retries:?}"
    )
}

/// Returns how often something was sent again.
fn breaks(gate: Gate, megabytes: f64) -> u64 {
    let agent = TestAgent::start().expect("an Agent");
    let proxy = Proxy::new(&agent, gate);
    let exporter = DatadogExporter::builder()
        .with_agent_url(&*proxy.url)
        .with_max_payload_bytes(24 << 20)
        .with_max_buffer_bytes(128 << 20)
        .build()
        .expect("an exporter");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred")]
    let count = (megabytes * 1e6) as u64 / NOISE as u64;
    let (stats, arrivals) = watched(&agent, || {
        export(&exporter, with_noise(spans(1..1 + count), 1));
        if gate == Gate::AnswersLargeEarly {
            // A 503 that is read says nothing about the size: the payload is kept until the gate opens.
            thread::sleep(Duration::from_secs(3));
            account(&exporter.handle(), count);
            proxy.set(Gate::Open);
        }
        deliver(&exporter.handle(), count)
    });
    assert_arrived(&arrivals, 1..1 + count, 1);
    assert!(stats.retries > 0, "{gate:?}, {megabytes} MB: the gate was closed");
    stats.retries
}

/// Answers each connection with these bytes, without end if `again` says so. Returns the URL, and what counts requests.
fn answering(answer: String, again: bool) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            // The whole request of a few spans.
            let _ = stream.read(&mut [0; 64 * 1024]);
            count.fetch_add(1, SeqCst);
            while stream.write_all(answer.as_bytes()).is_ok() && again {}
        }
    });
    (url, requests)
}

/// Returns an exporter that asks the receiver nothing.
fn explicit(url: String) -> DatadogExporter {
    let builder = DatadogExporter::builder().with_protocol(Protocol::V03Json);
    builder.with_agent_url(url).build().expect("an exporter")
}

/// A 200 with 101, 1,000 and 100,000 fields, and with one of 4 MB.
pub(super) fn many_fields() -> String {
    let fields = |count: usize| "X-Field: 7\r\n".repeat(count);
    let long = format!("X-Long: {}\r\n", "x".repeat(4 << 20));
    for fields in [fields(101), fields(1_000), fields(100_000), long] {
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nOK");
        let bytes = answer.len();
        let (url, requests) = answering(answer, false);
        let exporter = explicit(url);
        export(&exporter, spans(1..11));
        deliver(&exporter.handle(), 10);
        assert_eq!(requests.load(SeqCst), 1, "a head of {bytes} bytes");
    }
    "a 200 with 101, 1,000 and 100,000 fields, and with one of 4 MB: delivered by 1 request each"
        .to_owned()
}

/// 1xx answers as fast as they are read, for two time-outs.
pub(super) fn interim_answers() -> String {
    let (url, requests) = answering("HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000), true);
    let exporter = explicit(url);
    let handle = exporter.handle();
    let (begin, before, mut longest, mut next) =
        (Instant::now(), exporter_cpu(), Duration::ZERO, 1);
    until("two requests have ended", || {
        longest = longest.max(export(&exporter, spans(next..next + 10)));
        next += 10;
        handle.stats().retries >= 2
    });
    let (took, cpu) = (begin.elapsed(), exporter_cpu() - before);
    let stats = account(&handle, next - 1);
    assert_eq!(stats.spans_dropped.total(), 0, "{stats:?}");
    assert!(longest < EXPORT_BOUND, "an export took {longest:?}");
    let share = cpu.as_secs_f64() / took.as_secs_f64();
    // One core at most, whatever the peer sends, and none after the end.
    assert!(share < 1.1, "{share:.2} cores");
    let begin = Instant::now();
    drop(exporter.shutdown_with_timeout(Duration::from_millis(500)));
    assert!(begin.elapsed() < Duration::from_secs(1), "the shutdown took {:?}", begin.elapsed());
    until("the threads have ended", || !has_exporter_threads());
    account(&handle, next - 1);
    format!(
        "{} requests in {:.1} s: the longest of {} exports took {longest:?}, the exporter {share:.2} of a core",
        requests.load(SeqCst),
        took.as_secs_f64(),
        (next - 1) / 10,
    )
}
