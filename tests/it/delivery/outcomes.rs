//! The outcome of spans by the Agent's answer: the table, row by row, and the cases that fit no row.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use datadog_test_agent::{Fault, TestAgent};
use opentelemetry_datadog_agent::{DroppedSpans, ExporterStats, Protocol};

use super::{
    SHORT, arrivals, assert_adds_up, assert_no_violations, batch, builder, each, explicit, export,
    ids_of, said, with_noise,
};
use crate::support::{SOON, agent, in_parallel, within};

/// Spans in the batch of a row, and their traces.
const SPANS: u64 = 4;
const TRACES: u64 = 2;

/// A script, and the outcome of one batch under it.
struct Row {
    name: &'static str,
    script: Vec<Fault>,
    /// Requests that the Agent sees.
    requests: usize,
    /// The number of times that it keeps each span.
    arrives: usize,
    /// The text in the error of `export`; `None` for `Ok`.
    error: Option<&'static str>,
    end: End,
}

/// The counter that the spans end up in.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Exported,
    Rejected,
    Unacknowledged,
}

use End::{Exported, Rejected, Unacknowledged};

fn status(status: u16) -> Vec<Fault> {
    vec![Fault::Status(status)]
}

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let row = |name, script, requests, arrives, error, end| Row { name, script, requests, arrives, error, end };
    vec![
        row("200",                 vec![Fault::Accept],                  1, 1, None, Exported),
        row("200 slowly",          vec![Fault::Slow(SHORT / 2)],         1, 1, None, Exported),
        row("202",                 status(202),                          1, 0, None, Exported),
        row("204",                 status(204),                          1, 0, None, Exported),
        row("200, cut",            vec![Fault::CloseMidResponse],        1, 1, None, Exported),
        // Not ingested for sure: kept until it is.
        row("408",                 status(408),                          2, 1, None, Exported),
        row("429 with the body OK", vec![Fault::StatusAndBody(429, "OK\n".to_owned())], 2, 1, None, Exported),
        row("overload",            vec![Fault::Overloaded],              2, 1, None, Exported),
        row("500",                 status(500),                          2, 1, None, Exported),
        row("502",                 status(502),                          2, 1, None, Exported),
        row("503",                 status(503),                          2, 1, None, Exported),
        row("503, six times",      vec![Fault::Status(503); 6],          7, 1, None, Exported),
        // Refused for good.
        row("301",                 status(301),                          1, 0, Some("301"), Rejected),
        row("307",                 status(307),                          1, 0, Some("307"), Rejected),
        row("400",                 status(400),                          1, 0, Some("400"), Rejected),
        row("403",                 status(403),                          1, 0, Some("403"), Rejected),
        // Another form is looked for, until none is left.
        row("404",                 status(404),                          2, 1, None, Exported),
        row("405",                 status(405),                          2, 1, None, Exported),
        row("404 for each form",   vec![Fault::Status(404); 3],          3, 0, Some("404 page not found"), Rejected),
        row("415",                 status(415),                          1, 0, Some("415"), Rejected),
        row("417",                 status(417),                          1, 0, Some("417"), Rejected),
        row("431",                 status(431),                          1, 0, Some("431"), Rejected),
        row("503, then 400",       [status(503), status(400)].concat(),  2, 0, None, Rejected),
        // Ambiguous: three tries more, since the Agent would keep a second copy.
        row("504",                 status(504),                          2, 1, None, Exported),
        row("closed",              vec![Fault::Close],                   2, 1, None, Exported),
        row("no answer in time",   vec![Fault::Hang],                    2, 1, None, Exported),
        row("closed, but kept",    vec![Fault::CloseAfterIngest],        2, 2, None, Exported),
        row("closed 3 times",      vec![Fault::Close; 3],                4, 1, None, Exported),
        row("closed 4 times",      vec![Fault::Close; 4],                4, 0, None, Unacknowledged),
        row("kept 4 times",        vec![Fault::CloseAfterIngest; 4],     4, 4, None, Unacknowledged),
        row("504, 4 times",        vec![Fault::Status(504); 4],          4, 0, None, Unacknowledged),
        row("hangs 4 times",       vec![Fault::Hang; 4],                 4, 0, None, Unacknowledged),
        row("503s do not count", [vec![Fault::Close; 3], vec![Fault::Status(503); 2]].concat(), 6, 1, None, Exported),
    ]
}

#[test]
fn the_answer_decides_what_becomes_of_the_spans() {
    in_parallel(8, rows(), |row| {
        let name = row.name;
        let agent = agent();
        agent.reply_with(row.script);
        let exporter = builder(&agent).with_timeout(SHORT * 2).build().unwrap();
        let handle = exporter.handle();

        let outcome = export(&exporter, batch(1..1 + SPANS, TRACES));
        // Spans that are given up during the flush are its error; earlier ones are not. On a machine that is busy the
        // answer may come after the export.
        let flushed = handle.flush(SOON);
        let is_late = row.error.is_some() && outcome.is_ok();
        match row.error {
            None => assert!(outcome.is_ok(), "{name}: {outcome:?}"),
            Some(part) => {
                let error = said(outcome, &handle);
                assert!(error.contains(part), "{name}: {error}");
            }
        }
        let given_up_later = row.end != Exported && row.error.is_none();
        assert!(is_late || flushed.is_err() == given_up_later, "{name}: {flushed:?}");

        assert_eq!(agent.requests().len(), row.requests, "{name}");
        assert_eq!(arrivals(&agent), each(1..1 + SPANS, row.arrives), "{name}");
        assert_no_violations(&agent, name);
        let stats = handle.stats();
        assert_adds_up(&stats, name);
        assert_eq!((stats.spans_received, stats.spans_buffered), (SPANS, 0), "{name}");
        assert_eq!(stats.bytes_buffered, 0, "{name}");
        assert_eq!(by_end(&stats), end(row.end), "{name}: {stats:?}");
        let sent = u64::from(row.end == Exported);
        assert_eq!((stats.payloads_sent, stats.payloads_dropped), (sent, 1 - sent), "{name}");
        assert_eq!(stats.retries, row.requests as u64 - 1, "{name}");
        assert_eq!(stats.last_error.is_some(), row.requests > 1 || sent == 0, "{name}: {stats:?}");
    });
}

/// Spans delivered, refused, unacknowledged, and dropped in all.
fn by_end(stats: &ExporterStats) -> [u64; 4] {
    let DroppedSpans { refused, unacknowledged, .. } = stats.spans_dropped;
    [stats.spans_delivered, refused, unacknowledged, stats.spans_dropped.total()]
}

fn end(end: End) -> [u64; 4] {
    match end {
        Exported => [SPANS, 0, 0, 0],
        Rejected => [0, SPANS, 0, SPANS],
        Unacknowledged => [0, 0, SPANS, SPANS],
    }
}

#[test]
fn an_agent_that_nobody_reaches_gets_the_spans_when_it_is_there() {
    let agent = agent();
    agent.pause();
    let exporter = builder(&agent).build().unwrap();
    let handle = exporter.handle();
    for n in 0..3 {
        export(&exporter, batch(1 + n * 10..11 + n * 10, 2)).unwrap();
    }
    let stats = handle.stats();
    assert_adds_up(&stats, "down");
    assert_eq!((stats.spans_buffered, stats.is_reachable), (30, Some(false)));
    assert!(stats.bytes_buffered > 0);
    let error = stats.last_error.unwrap();
    assert!(error.contains("cannot be reached"), "{error}");
    agent.resume().unwrap();
    handle.flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..31, 1));
    let stats = handle.stats();
    assert_eq!((stats.spans_delivered, stats.is_reachable), (30, Some(true)));
    assert_adds_up(&stats, "up");
}

/// The one batch is cut by chunks first, then by spans, until what passes has passed.
#[test]
fn a_413_is_cut_until_it_fits_and_a_single_span_that_does_not_is_dropped() {
    for protocol in [Protocol::V03Json, Protocol::V03MessagePack] {
        check_413(protocol);
    }
}

fn check_413(protocol: Protocol) {
    // Each span is somewhat above 2 KB, the one that no cut can help above 8 KB.
    let limit = 8_000;
    let agent = TestAgent::builder().with_max_request_bytes(limit).start().unwrap();
    let exporter = builder(&agent).with_protocol(protocol).build().unwrap();
    let handle = exporter.handle();
    let mut spans = with_noise(batch(1..21, 4), 2_000);
    spans[13] = with_noise(vec![spans[13].clone()], 10_000).remove(0);
    let _ = export(&exporter, spans);
    let flushed = handle.flush(SOON);

    let mut expected = each(1..21, 1);
    expected.remove(&14);
    assert_eq!(arrivals(&agent), expected, "{flushed:?}");
    let stats = handle.stats();
    assert_adds_up(&stats, "413");
    assert_eq!(by_end(&stats), [19, 1, 0, 1]);
    assert!(stats.last_error.unwrap().contains("413"));

    let accepted = agent.requests().into_iter().filter(|request| request.status == Some(200));
    let mut chunks_of_traces = BTreeMap::new();
    for request in accepted {
        assert_eq!(request.violations(), Vec::<String>::new());
        for chunk in &request.traces {
            *chunks_of_traces.entry(chunk[0].trace_id).or_insert(0) += 1;
            assert_eq!(chunk[0].meta["_dd.p.tid"], "0000000000c0ffee", "{:?}", chunk[0]);
            assert!(chunk[0].metrics.contains_key("_sampling_priority_v1"), "{:?}", chunk[0]);
        }
    }
    assert_eq!(chunks_of_traces.len(), 4);
    assert!(chunks_of_traces.values().any(|chunks| *chunks > 1), "no chunk was cut");
}

#[test]
fn halves_are_made_between_chunks_as_long_as_there_are_several() {
    let agent = agent();
    agent.reply_with([Fault::Status(413), Fault::Status(413)]);
    let exporter = builder(&agent).build().unwrap();
    export(&exporter, batch(1..9, 4)).unwrap();
    exporter.handle().flush(SOON).unwrap();
    let requests = agent.requests();
    let sizes: Vec<_> = requests.iter().map(|request| ids_of(request).len()).collect();
    assert_eq!(sizes[..3], [8, 4, 2]);
    assert_eq!(arrivals(&agent), each(1..9, 1));
    for request in &requests[2..] {
        // No trace came in pieces.
        assert!(request.traces.iter().all(|chunk| chunk.len() == 2), "{request:?}");
    }
}

/// The Agent answers while the body is still being written, and resets the connection.
#[test]
fn a_413_that_comes_before_the_body_was_written_costs_nothing() {
    const SIZE: u64 = 300;
    let agent = agent();
    agent.reply_with([Fault::EarlyPayloadTooLarge]);
    let exporter = builder(&agent).with_max_payload_bytes(16 << 20).build().unwrap();
    let handle = exporter.handle();
    // About 7 MB.
    let spans = with_noise(batch(1..1 + SIZE, 10), 24_000);
    export(&exporter, spans).unwrap();
    handle.flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..1 + SIZE, 1));
    // A client that still writes at the reset does not see the answer: then all of it is tried once more.
    let requests = agent.requests().len();
    assert!((2..=3).contains(&requests), "{requests} requests");
    let stats = handle.stats();
    assert_adds_up(&stats, "early 413");
    assert_eq!(by_end(&stats), [SIZE, 0, 0, 0]);
    assert_eq!(stats.last_error.unwrap().contains("413"), requests == 3);
}

/// A connection that is idle for longer than the Agent allows is closed just when the next request is
/// about to use it: sooner or later at every moment of a request.
#[test]
fn a_connection_that_the_agent_closes_costs_nothing() {
    const BATCHES: u64 = 60;
    let idle = Duration::from_millis(15);
    let agent = TestAgent::builder().with_idle_timeout(idle).start().unwrap();
    let exporter = builder(&agent).build().unwrap();
    for n in 0..BATCHES {
        export(&exporter, batch(1 + n * 2..3 + n * 2, 1)).unwrap();
        // Not a wait for something: the pace is the case. Around the time when the Agent closes.
        thread::sleep(idle * u32::try_from(80 + n % 10 * 4).unwrap() / 100);
    }
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..1 + BATCHES * 2, 1));
    assert_adds_up(&exporter.handle().stats(), "idle");
    assert!(agent.connections() > 1, "no connection was closed");
}

#[test]
fn a_connection_that_was_reset_between_two_exports_costs_nothing() {
    let agent = agent();
    let exporter = builder(&agent).build().unwrap();
    for n in 0..20 {
        export(&exporter, batch(1 + n * 2..3 + n * 2, 1)).unwrap();
        agent.pause();
        agent.resume().unwrap();
    }
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..41, 1));
    assert_adds_up(&exporter.handle().stats(), "reset");
}

/// Listens for one request and answers it by hand. Returns the address, and what `answer` says.
fn by_hand<T: Send + 'static>(
    answer: impl FnOnce(&mut TcpStream) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 16 * 1024]).unwrap();
        answer(&mut stream)
    });
    (url, answering)
}

/// The Agent decides how long its answer is; the exporter decides how much of it is read.
#[test]
fn of_an_answer_without_an_end_only_the_start_is_read() {
    /// The 2 MiB that are read and the buffers of both sockets are far below.
    const MOST: usize = 64 * 1024 * 1024;
    for part in [&[b' '; 16 * 1024][..], b""] {
        let (url, answering) = by_hand(move |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n").unwrap();
            let mut written = 0;
            while !part.is_empty() && written < MOST && stream.write_all(part).is_ok() {
                written += part.len();
            }
            // Ends when the exporter has closed its side.
            let _ = stream.read(&mut [0; 16]);
            written
        });
        let exporter = explicit().with_agent_url(url).build().unwrap();
        export(&exporter, batch(1..3, 1)).unwrap();
        exporter.handle().flush(SOON).unwrap();
        assert_eq!(by_end(&exporter.handle().stats()), [2, 0, 0, 0]);
        let written = within(SOON, || answering.join().unwrap());
        assert!(written < MOST, "all of {written} bytes were taken");
    }
}

/// A redirect means a wrong address: the spans must not go to the server that it names.
#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = agent();
    let target = format!("{}/v0.3/traces", elsewhere.url());
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} Elsewhere\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let (url, redirecting) =
            by_hand(move |stream| stream.write_all(answer.as_bytes()).unwrap());
        let exporter = explicit().with_agent_url(url).build().unwrap();
        let outcome = export(&exporter, batch(1..3, 1));
        let _ = exporter.handle().flush(SOON);
        let error = said(outcome, &exporter.handle());
        assert!(error.contains(&status.to_string()), "{error}");
        within(SOON, || redirecting.join().unwrap());
        let stats = exporter.handle().stats();
        assert_eq!(stats.spans_dropped.refused, 2, "{status}");
        assert_adds_up(&stats, "redirect");
    }
    assert_eq!(elsewhere.connections(), 0);
}

/// An Agent that refuses by the announced length resets each connection that still writes.
#[test]
fn an_agent_that_refuses_every_large_body_early_gets_it_in_parts() {
    const SIZE: u64 = 300;
    for _ in 0..5 {
        let agent = TestAgent::builder().with_max_request_bytes(1 << 20).start().unwrap();
        let exporter = builder(&agent)
            .with_protocol(Protocol::V03MessagePack)
            .with_max_payload_bytes(16 << 20)
            .build()
            .unwrap();
        let handle = exporter.handle();
        let _ = export(&exporter, with_noise(batch(1..1 + SIZE, 10), 24_000));
        handle.flush(SOON * 3).unwrap();
        assert_eq!(arrivals(&agent), each(1..1 + SIZE, 1), "{:?}", handle.stats());
        assert_adds_up(&handle.stats(), "early 413");
    }
}
