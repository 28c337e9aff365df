//! Peers that break connections, answer oddly, or answer without end; and flushes by the hundred.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_datadog_agent::{DatadogExporter, Protocol};
use opentelemetry_sdk::trace::SpanExporter as _;

use super::proxy::{Gate, Proxy};
use super::{
    NOBODY, SHORT, arrivals, assert_adds_up, batch, each, explicit, export, until, with_noise,
};
use crate::support::{SOON, agent, block_on, in_parallel};

/// Runs a case for each protocol that behaves differently: one asks the receiver, one does not.
fn protocols() -> [Protocol; 2] {
    [Protocol::Auto, Protocol::V03Json]
}

#[test]
fn an_agent_that_is_away_behind_a_proxy_costs_no_span() {
    let gates = [Gate::Closes, Gate::Resets, Gate::ReadsAndCloses];
    let cells = gates.into_iter().flat_map(|gate| protocols().map(|protocol| (gate, protocol)));
    in_parallel(6, cells.collect(), |(gate, protocol)| {
        let agent = agent();
        let proxy = Proxy::new(&agent, gate);
        let exporter =
            explicit().with_protocol(protocol).with_agent_url(&*proxy.url).build().unwrap();
        let handle = exporter.handle();
        for round in 0..2 {
            proxy.set(gate);
            let begin = Instant::now();
            let mut next = 1 + round * 10_000;
            while begin.elapsed() < Duration::from_secs(2) {
                export(&exporter, batch(next..next + 10, 2)).unwrap();
                next += 10;
                // The storm of a caller that does not wait.
                let _ = handle.flush(Duration::from_millis(5));
            }
            proxy.set(Gate::Open);
            handle.flush(SOON).unwrap();
            let stats = handle.stats();
            assert_adds_up(&stats, "away");
            assert_eq!(stats.spans_dropped.total(), 0, "{gate:?} {protocol:?}: {stats:?}");
            let arrived = arrivals(&agent);
            let missing = (1 + round * 10_000..next).find(|id| !arrived.contains_key(id));
            assert_eq!(missing, None, "{gate:?} {protocol:?}");
        }
        let stats = handle.stats();
        assert_eq!(arrivals(&agent).len() as u64, stats.spans_delivered, "{gate:?} {protocol:?}");
        // Two requests for each try at most, a question and a payload: the flushes hurried none.
        let connections = proxy.connections.load(Ordering::SeqCst);
        assert!(connections < 80, "{gate:?} {protocol:?}: {connections} connections");
    });
}

#[test]
fn a_flush_hurries_no_try_against_an_agent_that_refuses_or_is_overloaded() {
    let busy = agent();
    busy.set_default_reply(datadog_test_agent::Fault::Status(429));
    for url in [NOBODY, busy.url()] {
        let exporter = explicit().with_agent_url(url).build().unwrap();
        let handle = exporter.handle();
        export(&exporter, batch(1..5, 2)).unwrap();
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(2) {
            handle.flush(Duration::from_millis(2)).unwrap_err();
        }
        // Waits of 50, 100, 200, 400 and 800 ms at least.
        let retries = handle.stats().retries;
        assert!((2..=6).contains(&retries), "{url}: {retries} tries");
        let _ = exporter.shutdown_with_timeout(Duration::ZERO);
    }
}

#[test]
fn retry_after_is_followed() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let times = Arc::clone(&asked);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = thread::spawn(move || {
        for answer in [
            "HTTP/1.1 429 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ] {
            let (mut stream, _) = listener.accept().unwrap();
            times.lock().unwrap().push(Instant::now());
            let _ = stream.read(&mut [0; 16 * 1024]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let exporter = explicit().with_agent_url(url).build().unwrap();
    export(&exporter, batch(1..3, 1)).unwrap();
    exporter.handle().flush(SOON).unwrap();
    answering.join().unwrap();
    let times = asked.lock().unwrap();
    assert!(times[1] - times[0] >= Duration::from_secs(1), "{:?}", times[1] - times[0]);
}

/// 300 spans of 24 KB, in requests of up to 16 MiB.
fn large(exporter: &DatadogExporter) -> u64 {
    // Mapping so much takes its time in a build for tests.
    block_on(exporter.export(with_noise(batch(1..301, 10), 24_000))).unwrap();
    300
}

#[test]
fn large_requests_that_break_while_they_are_sent_arrive_in_parts() {
    let cells = [Gate::ResetsLarge, Gate::AnswersLargeEarly]
        .into_iter()
        .flat_map(|gate| protocols().map(|protocol| (gate, protocol)));
    in_parallel(4, cells.collect(), |(gate, protocol)| {
        let agent = agent();
        let proxy = Proxy::new(&agent, gate);
        let exporter = explicit()
            .with_protocol(protocol)
            .with_agent_url(&*proxy.url)
            .with_max_payload_bytes(16 << 20)
            .build()
            .unwrap();
        let spans = large(&exporter);
        if gate == Gate::AnswersLargeEarly {
            // Nothing says that the size is the reason, where the answer is read; the gate opens in the end.
            thread::sleep(Duration::from_secs(2));
            proxy.set(Gate::Open);
        }
        exporter.handle().flush(SOON * 2).unwrap();
        let stats = exporter.handle().stats();
        assert_eq!(stats.spans_dropped.total(), 0, "{gate:?} {protocol:?}: {stats:?}");
        assert_eq!(arrivals(&agent), each(1..1 + spans, 1), "{gate:?} {protocol:?}");
    });
}

/// Answers each connection with these bytes, as often as `again` says so.
fn answering(answer: String, again: bool) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&requests);
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 16 * 1024]);
            count.fetch_add(1, Ordering::SeqCst);
            while stream.write_all(answer.as_bytes()).is_ok() && again {}
        }
    });
    (url, requests)
}

#[test]
fn an_answer_with_very_many_fields_is_an_answer() {
    let fields = "X-Field: 7\r\n".repeat(150);
    let answer = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nOK");
    let (url, requests) = answering(answer, false);
    let exporter = explicit().with_agent_url(url).build().unwrap();
    export(&exporter, batch(1..5, 2)).unwrap();
    exporter.handle().flush(SOON).unwrap();
    let stats = exporter.handle().stats();
    assert_eq!((requests.load(Ordering::SeqCst), stats.spans_delivered), (1, 4), "{stats:?}");
}

#[test]
fn interim_answers_without_an_end_hold_no_export_up() {
    let (url, _) = answering("HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000), true);
    let exporter = explicit().with_agent_url(url).with_timeout(SHORT * 3).build().unwrap();
    let begin = Instant::now();
    export(&exporter, batch(1..5, 2)).unwrap();
    assert!(begin.elapsed() < SHORT, "{:?}", begin.elapsed());
    let handle = exporter.handle();
    until("its time is over", || handle.stats().retries > 0);
    assert_adds_up(&handle.stats(), "interim");
    let _ = exporter.shutdown_with_timeout(SHORT);
}

#[test]
fn bytes_that_are_no_http_are_no_answer() {
    let (url, requests) = answering("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), false);
    let exporter = explicit().with_agent_url(url).build().unwrap();
    export(&exporter, batch(1..5, 2)).unwrap();
    exporter.handle().flush(SOON).unwrap_err();
    let stats = exporter.handle().stats();
    assert_eq!((requests.load(Ordering::SeqCst), stats.spans_dropped.unacknowledged), (4, 4));
}

#[cfg(unix)]
#[test]
fn a_socket_path_that_no_system_takes_is_an_error_of_build() {
    let path = format!("unix:///tmp/{}.socket", "x".repeat(120));
    let error = DatadogExporter::builder().with_agent_url(path).build().unwrap_err().to_string();
    assert!(error.contains("xxx.socket"), "{error}");
}
