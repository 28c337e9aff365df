//! Foreign code in the exporter's process: subscribers, HTTP clients and their errors; and the words for losses.

use std::error::Error;
use std::fmt;
use std::io::pipe;
use std::os::fd::AsRawFd as _;
use std::panic::{catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use datadog_test_agent::{Fault, TestAgent};
use opentelemetry_datadog_agent::{DatadogExporter, ExporterHandle};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_sdk::trace::SpanExporter as _;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::Registry;

use super::scene::{
    SOON, account, assert_arrived, assert_well, export, exporter, nobody, peak_mib, spans, until,
    watched,
};

/// Makes the exporter say lines of every kind, then exports 1,000 spans; all must arrive.
fn speak() {
    let agent = TestAgent::start().expect("an Agent");
    let ((), arrivals) = watched(&agent, || {
        let exporter = exporter(agent.url());
        let handle = exporter.handle();
        export(&exporter, spans(1..11));
        handle.flush(SOON).expect("delivered");
        agent.pause();
        export(&exporter, spans(11..21));
        until("the Agent is lost", || handle.stats().is_reachable == Some(false));
        agent.resume().expect("the address is still ours");
        handle.flush(SOON).expect("delivered");
        agent.set_default_reply(Fault::Status(400));
        // It says that spans were refused, or they are refused later.
        drop(futures_executor::block_on(exporter.export(spans(21..31))));
        until("spans are refused", || handle.stats().spans_dropped.refused == 10);
        agent.set_default_reply(Fault::Accept);
        let stats = account(&handle, 30);
        assert_eq!(stats.spans_delivered, 20, "{stats:?}");
        for number in 0..20 {
            export(&exporter, spans(1_001 + number * 50..1_051 + number * 50));
        }
        handle.flush(SOON).expect("delivered");
        exporter.shutdown().expect("nothing is lost");
        account(&handle, 1_030);
    });
    assert_arrived(&arrivals, 1..21, 1);
    assert_arrived(&arrivals, 1_001..2_001, 1);
}

/// The real `fmt` subscriber writes to a pipe without a reader, and so does every panic.
pub(super) fn broken_output() -> String {
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).finish();
    tracing::subscriber::set_global_default(subscriber).expect("the first one");
    let (reader, writer) = pipe().expect("a pipe");
    drop(reader);
    // SAFETY: the numbers are those of open files, and nothing else in this process uses or closes the copies.
    let saved = unsafe {
        let saved = [libc::dup(1), libc::dup(2)];
        libc::dup2(writer.as_raw_fd(), 1);
        libc::dup2(writer.as_raw_fd(), 2);
        saved
    };
    let outcome = catch_unwind(speak);
    for (number, copy) in (1..).zip(saved) {
        // SAFETY: as above.
        unsafe { libc::dup2(copy, number) };
    }
    outcome.unwrap_or_else(|cause| resume_unwind(cause));
    "`tracing_subscriber::fmt` on a pipe without a reader, stderr too: 1,000 spans arrived"
        .to_owned()
}

/// A subscriber that panics at each line.
pub(super) fn bad_subscriber() -> String {
    struct Panics;
    impl<S: Subscriber> Layer<S> for Panics {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            panic!("expected: a panic at {}", event.metadata().name());
        }
    }
    tracing::subscriber::set_global_default(Registry::default().with(Panics)).expect("the first");
    speak();
    "a subscriber that panics at each line of any crate: 1,000 spans arrived".to_owned()
}

/// The behaviour of an error when it is shown.
type Shows = fn(&mut fmt::Formatter<'_>, &ExporterHandle) -> fmt::Result;

/// Errors by their behaviour when they are shown.
const ERRORS: [(&str, Shows); 6] = [
    ("panics", |_, _| panic!("expected: a text that panics")),
    ("takes 2 s", |f, _| {
        thread::sleep(Duration::from_secs(2));
        f.write_str("slow")
    }),
    ("asks for the counters", |f, handle| write!(f, "{:?}", handle.stats())),
    ("has 500 MB", |f, _| {
        let part = "x".repeat(1 << 20);
        // It does not stop when nobody listens.
        for _ in 0..500 {
            let _ = f.write_str(&part);
        }
        Ok(())
    }),
    (CIRCLE, |f, _| f.write_str("circle")),
    (BOMB, |f, _| f.write_str("bomb")),
];
/// The error that is its own cause.
const CIRCLE: &str = "is its own cause";
/// The error that panics when it is dropped.
const BOMB: &str = "panics when it is dropped";

struct Bad((&'static str, Shows), ExporterHandle);

impl fmt::Debug for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.1(f, &self.1)
    }
}

impl Error for Bad {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        (self.0.0 == CIRCLE).then_some(self)
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        assert!(self.0.0 != BOMB, "expected: a drop that panics");
    }
}

/// A client whose first request fails with such an error.
#[derive(Clone, Default)]
struct Client {
    kind: usize,
    requests: Arc<AtomicUsize>,
    handle: Arc<Mutex<Option<ExporterHandle>>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, _: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // The first question about what the receiver takes may come before the handle.
        let handle = self.handle.lock().expect("no panic").clone();
        match handle {
            Some(handle) if self.requests.fetch_add(1, SeqCst) == 0 => {
                Err(Box::new(Bad(ERRORS[self.kind], handle)))
            }
            _ => Ok(Response::new(Bytes::new())),
        }
    }
}

/// Every error of [`ERRORS`]; the memory of the process tells of texts that are kept.
pub(super) fn bad_errors() -> String {
    let before = peak_mib();
    for (kind, (name, _)) in ERRORS.iter().enumerate() {
        let client = Client { kind, ..Client::default() };
        let exporter = DatadogExporter::builder()
            .with_http_client(client.clone())
            .build()
            .expect("an exporter");
        *client.handle.lock().expect("no panic") = Some(exporter.handle());
        let took = export(&exporter, spans(1..11));
        assert!(took < Duration::from_millis(300), "an error that {name}: an export took {took:?}");
        assert_well(&exporter, 10);
        assert!(client.requests.load(SeqCst) > 1, "an error that {name} was not shown");
        let said = exporter.handle().stats().last_error.unwrap_or_default();
        assert!(said.len() < 300, "an error that {name}: {said}");
        *client.handle.lock().expect("no panic") = None;
    }
    let grown = peak_mib() - before;
    assert!(grown < 64, "the process grew by {grown} MiB");
    let names: Vec<_> = ERRORS.iter().map(|(name, _)| *name).collect();
    format!(
        "errors whose text {}: 1,000 spans delivered after each, {grown} MiB more",
        names.join(", ")
    )
}

/// A client that panics at each request.
pub(super) fn bad_client() -> String {
    #[derive(Debug)]
    struct Panics;
    #[async_trait]
    impl HttpClient for Panics {
        async fn send_bytes(&self, _: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
            panic!("expected: a client that panics")
        }
    }
    let exporter =
        DatadogExporter::builder().with_http_client(Panics).build().expect("an exporter");
    let handle = exporter.handle();
    let mut longest = Duration::ZERO;
    for number in 0..100 {
        longest = longest.max(export(&exporter, spans(1 + number * 10..11 + number * 10)));
        thread::sleep(Duration::from_millis(20));
    }
    account(&handle, 1_000);
    let begin = Instant::now();
    drop(exporter.shutdown_with_timeout(Duration::from_secs(1)));
    assert!(begin.elapsed() < Duration::from_secs(2), "the shutdown took {:?}", begin.elapsed());
    let stats = account(&handle, 1_000);
    assert_eq!(stats.spans_buffered, 0, "{stats:?}");
    assert!(longest < Duration::from_millis(300), "an export took {longest:?}");
    format!("100 exports, the longest {longest:?}; at the end {:?}", stats.spans_dropped)
}

/// A shutdown without an Agent, and a socket path that is too long.
pub(super) fn wording() -> String {
    let exporter = exporter(&nobody());
    export(&exporter, spans(1..11));
    let lost = exporter.shutdown().expect_err("spans are lost").to_string();
    assert!(lost.contains("spans dropped at shutdown: 10; ") && lost.contains("refused"), "{lost}");
    account(&exporter.handle(), 10);
    let url = format!("unix:///tmp/{}.socket", "x".repeat(120));
    let build = DatadogExporter::builder().with_agent_url(url).build();
    let path = build.expect_err("no system takes that path").to_string();
    assert!(path.contains("xxx.socket"), "{path}");
    format!("`{lost}`; `build` names a socket path of 130 bytes")
}
