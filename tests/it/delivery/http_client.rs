//! An HTTP client of the user's own: the requests that it gets, and the meaning of its answers and errors.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_datadog_agent::{
    DatadogExporter, DatadogExporterBuilder, ExporterStats, Protocol,
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_sdk::trace::SpanExporter as _;

use super::{SHORT, assert_adds_up, batch, builder, explicit, export, until};
use crate::support::{SOON, agent, in_parallel};

/// The reaction of a client to a request.
#[derive(Clone, Copy, Debug)]
enum Does {
    Answer(u16),
    /// Answers 200 with sampling rates of this version.
    Rates(&'static str),
    NotSent,
    Unanswered,
    Panic,
    /// Never ends.
    Hang,
    /// Waits as the documentation says one may, then answers 200.
    Wait,
}

/// Follows a script, then answers 200; keeps what it gets.
#[derive(Clone, Debug, Default)]
struct Scripted(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    script: Mutex<VecDeque<Does>>,
    requests: Mutex<Vec<Request<Bytes>>>,
    under_way: AtomicUsize,
}

impl Scripted {
    fn new(script: &[Does]) -> Self {
        let client = Self::default();
        client.0.script.lock().unwrap().extend(script);
        client
    }

    fn requests(&self) -> Vec<Request<Bytes>> {
        self.0.requests.lock().unwrap().clone()
    }

    fn exporter(&self) -> DatadogExporter {
        self.builder().with_timeout(SHORT).build().unwrap()
    }

    fn builder(&self) -> DatadogExporterBuilder {
        explicit().with_http_client(self.clone())
    }
}

/// The header of rates and of requests that know them.
const RATES_VERSION: &str = "datadog-rates-payload-version";

fn answer(status: u16, body: &'static str) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from_static(body.as_bytes()));
    *answer.status_mut() = status.try_into().unwrap();
    answer
}

/// An error as clients give it when nobody listens.
fn refused(text: &str) -> HttpError {
    std::io::Error::new(std::io::ErrorKind::ConnectionRefused, text).into()
}

/// Counts the requests under way down, however they end.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl HttpClient for Scripted {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let earlier = self.0.under_way.fetch_add(1, Ordering::SeqCst);
        let _under_way = UnderWay(&self.0.under_way);
        self.0.requests.lock().unwrap().push(request);
        let does = self.0.script.lock().unwrap().pop_front().unwrap_or(Does::Answer(200));
        match does {
            _ if earlier > 0 => Ok(answer(400, "two at a time")),
            Does::Answer(status) => Ok(answer(status, "so it is\r\n\x1b[0m")),
            Does::Rates(version) => {
                let mut answer = answer(200, r#"{"rate_by_service":{"service:,env:":0.5}}"#);
                answer.headers_mut().insert(RATES_VERSION, version.parse().unwrap());
                Ok(answer)
            }
            Does::NotSent => Err(refused("nobody there")),
            Does::Unanswered => Err("no answer".into()),
            Does::Panic => panic!("a panic that belongs to the test"),
            Does::Hang => std::future::pending().await,
            Does::Wait => {
                tokio::time::sleep(SHORT / 10).await;
                tokio::task::yield_now().await;
                Ok(answer(200, ""))
            }
        }
    }
}

#[test]
fn rates_that_a_client_brings_are_named_in_the_next_request() {
    let client = Scripted::new(&[Does::Rates("a3"), Does::Answer(200), Does::Rates("b4")]);
    let exporter = client.builder().with_protocol(Protocol::V04).build().unwrap();
    for n in 1..=4 {
        export(&exporter, batch(n..n + 1, 1)).unwrap();
        exporter.handle().flush(SOON).unwrap();
    }
    let version =
        |request: &Request<Bytes>| request.headers()[RATES_VERSION].to_str().unwrap().to_owned();
    let said: Vec<_> = client.requests().iter().map(version).collect();
    // The second answer has no rates: those of the first still count.
    assert_eq!(said, ["0", "a3", "a3", "b4"]);
}

#[test]
fn a_client_gets_what_the_agent_would_get() {
    let agent = agent();
    let ours =
        builder(&agent).with_protocol(Protocol::V03Json).with_service("shop").build().unwrap();
    export(&ours, batch(1..8, 3)).unwrap();
    ours.handle().flush(SOON).unwrap();
    let client = Scripted::default();
    let exporter = client.builder().with_service("shop").build().unwrap();
    export(&exporter, batch(1..8, 3)).unwrap();
    exporter.handle().flush(SOON).unwrap();

    let (expected, request) = (&agent.requests()[0], &client.requests()[0]);
    assert_eq!(
        (request.method().as_str(), request.uri().path()),
        (&*expected.method, &*expected.path)
    );
    assert_eq!(request.body(), &expected.body);
    let of_the_client = ["accept", "content-length", "host", "user-agent"];
    let others = expected.headers.iter().filter(|(name, _)| !of_the_client.contains(&&**name));
    let others: Vec<_> = others.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let sent =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    assert_eq!(sent.collect::<Vec<_>>(), others);
}

/// A script, how many requests it makes, and spans exported, rejected, unacknowledged.
type Row = (&'static str, Vec<Does>, usize, [u64; 3]);

#[rustfmt::skip]
fn rows() -> Vec<Row> {
    use Does::{Answer, Hang, NotSent, Panic, Unanswered, Wait};
    vec![
        ("200",               vec![Answer(200)],              1, [4, 0, 0]),
        ("waits",             vec![Wait],                     1, [4, 0, 0]),
        ("503",               vec![Answer(503)],              2, [4, 0, 0]),
        ("400",               vec![Answer(400)],              1, [0, 4, 0]),
        // Two chunks of two spans; then nothing is left that could be cut.
        ("413 for all",       vec![Answer(413); 7],           7, [0, 4, 0]),
        ("not sent, often",   vec![NotSent; 6],               7, [4, 0, 0]),
        ("unanswered",        vec![Unanswered; 3],            4, [4, 0, 0]),
        ("unanswered, often", vec![Unanswered; 4],            4, [0, 0, 4]),
        ("hangs",             vec![Hang],                     2, [4, 0, 0]),
        ("hangs, often",      vec![Hang; 4],                  4, [0, 0, 4]),
        ("panics",            vec![Panic],                    2, [4, 0, 0]),
        ("panics, often",     vec![Panic; 4],                 4, [0, 0, 4]),
        ("all sorts",         vec![Panic, NotSent, Hang, Unanswered, Answer(500)], 6, [4, 0, 0]),
    ]
}

#[test]
fn the_result_of_a_client_decides_the_outcome_of_the_spans() {
    in_parallel(8, rows(), |(name, script, requests, [exported, rejected, unacknowledged])| {
        let client = Scripted::new(&script);
        let exporter = client.exporter();
        let handle = exporter.handle();
        let _ = export(&exporter, batch(1..5, 2));
        let flushed = handle.flush(SOON);
        let stats = handle.stats();
        assert_adds_up(&stats, name);
        assert_eq!(client.requests().len(), requests, "{name}: {flushed:?}");
        let dropped = &stats.spans_dropped;
        assert_eq!(
            [stats.spans_delivered, dropped.refused, dropped.unacknowledged],
            [exported, rejected, unacknowledged],
            "{name}"
        );
        assert_eq!(dropped.total(), 4 - exported, "{name}");
        let line = stats.last_error.unwrap_or_default();
        assert!(line.chars().all(|c| !c.is_control()) && line.len() < 400, "{name}: {line}");

        // The next batch is delivered in each case.
        export(&exporter, batch(5..8, 1)).unwrap();
        handle.flush(SOON).unwrap();
        assert_eq!(handle.stats().spans_delivered, exported + 3, "{name}");
        exporter.shutdown().unwrap();
        assert_adds_up(&handle.stats(), name);
    });
}

#[test]
fn a_repeated_request_is_the_same_to_the_byte() {
    let client = Scripted::new(&[Does::NotSent, Does::Answer(503), Does::Panic, Does::Hang]);
    let exporter = client.exporter();
    export(&exporter, batch(1..8, 2)).unwrap();
    exporter.handle().flush(SOON).unwrap();
    let requests = client.requests();
    assert_eq!(requests.len(), 5);
    for request in &requests[1..] {
        assert_eq!(request.body(), requests[0].body());
        assert_eq!(request.headers(), requests[0].headers());
    }
}

#[test]
fn a_client_that_hangs_or_panics_holds_no_shutdown_up() {
    for does in [Does::Hang, Does::Panic] {
        let client = Scripted::new(&[does; 50]);
        let exporter = client.exporter();
        let handle = exporter.handle();
        export(&exporter, batch(1..8, 2)).unwrap();
        let begin = std::time::Instant::now();
        exporter.shutdown_with_timeout(Duration::from_secs(8)).unwrap_err();
        assert!(begin.elapsed() < Duration::from_secs(4), "{does:?}: {:?}", begin.elapsed());
        let ExporterStats { spans_buffered, spans_dropped, .. } = handle.stats();
        assert_eq!((spans_buffered, spans_dropped.total()), (0, 7), "{does:?}");
    }
}

#[test]
fn a_client_without_an_address_gets_the_port_and_no_socket() {
    let test = "delivery::http_client::a_client_without_an_address_gets_the_port_and_no_socket";
    super::in_child(test, &[], || {
        let client = Scripted::default();
        let exporter = client.exporter();
        export(&exporter, batch(1..3, 1)).unwrap();
        exporter.handle().flush(SOON).unwrap();
        assert_eq!(client.requests()[0].uri(), "http://localhost:8126/v0.3/traces");
    });
}

#[test]
fn a_client_gets_the_address_that_somebody_configured() {
    for (address, uri) in [
        ("http://agent:1/base", "http://agent:1/base/v0.3/traces"),
        ("unix:///somewhere", "http://localhost/v0.3/traces"),
    ] {
        let client = Scripted::default();
        let exporter = client.builder().with_agent_url(address).build().unwrap();
        export(&exporter, batch(1..3, 1)).unwrap();
        exporter.handle().flush(SOON).unwrap();
        assert_eq!(client.requests()[0].uri(), uri);
    }
}

/// Blocks its thread, as the documentation says it must not, until it is told to go on.
#[derive(Debug)]
struct Blocking(Mutex<Receiver<()>>);

#[async_trait]
impl HttpClient for Blocking {
    async fn send_bytes(&self, _: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let _ = self.0.lock().unwrap().recv();
        Ok(answer(200, ""))
    }
}

#[test]
fn a_client_that_blocks_its_thread_holds_no_shutdown_up_and_no_span_is_unaccounted_for() {
    let (go_on, told) = channel();
    let client = Blocking(Mutex::new(told));
    let exporter = explicit().with_http_client(client).build().unwrap();
    let handle = exporter.handle();
    thread::scope(|scope| {
        let exporting = scope.spawn(|| export(&exporter, batch(1..8, 2)));
        until("the export waits", || handle.stats().spans_buffered == 7);
        let begin = std::time::Instant::now();
        let error = exporter.shutdown_with_timeout(SHORT).unwrap_err().to_string();
        assert!(begin.elapsed() < SOON / 2, "{:?}", begin.elapsed());
        assert!(error.contains("spans dropped at shutdown: 7; "), "{error}");
        // It waited for as long as an export may, and not for the client.
        exporting.join().unwrap().unwrap();
    });
    let stats = handle.stats();
    assert_adds_up(&stats, "blocked");
    assert_eq!((stats.spans_buffered, stats.spans_dropped.shutdown), (0, 7));
    // The outcome of the blocked request changes nothing any more.
    go_on.send(()).unwrap();
    drop(exporter);
    assert_eq!(handle.stats(), stats);
}

/// Fails with whatever it was told to say.
#[derive(Debug)]
struct Talkative(String);

#[async_trait]
impl HttpClient for Talkative {
    async fn send_bytes(&self, _: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        Err(refused(&self.0))
    }
}

#[test]
fn an_error_of_a_client_is_reported_as_one_short_line() {
    let said = format!("first\r\n\u{1b}[31msecond {}", "x".repeat(10_000));
    let exporter = explicit().with_http_client(Talkative(said)).build().unwrap();
    export(&exporter, batch(1..3, 1)).unwrap();
    let line = exporter.handle().stats().last_error.unwrap();
    assert!(line.contains("first") && line.contains("second"), "{line}");
    assert!(line.chars().all(|c| !c.is_control()) && line.len() < 400, "{line}");
}
