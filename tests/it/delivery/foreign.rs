//! Foreign code within the exporter: it panics, blocks, talks without end, or comes back; then 1,000 spans arrive.
//!
//! The call sites: a subscriber (lines of the worker and of the exporter), the HTTP client (its call, its future, the
//! drop of that future), the client's error (its text, its causes, its drop), the waker of an export, and the hook of
//! `with_names` (tests of its own).

use std::error::Error;
use std::fmt;
use std::future::Future as _;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use datadog_test_agent::Fault;
use opentelemetry_datadog_agent::{DatadogExporter, ExporterHandle};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_sdk::trace::SpanExporter as _;

use super::{SHORT, arrivals, assert_adds_up, batch, builder, explicit, export, until};
use crate::support::{SOON, agent, in_parallel};

/// Exports spans by the thousand after whatever happened, and fails unless all arrive.
fn assert_well(exporter: &DatadogExporter, before: u64, case: &str) {
    let handle = exporter.handle();
    for n in 0..20 {
        export(exporter, batch(10_001 + n * 50..10_051 + n * 50, 5)).unwrap();
    }
    handle.flush(SOON * 2).unwrap_or_else(|error| panic!("{case}: {error}"));
    let stats = handle.stats();
    assert_adds_up(&stats, case);
    assert_eq!(stats.spans_delivered, before + 1_000, "{case}: {stats:?}");
}

/// The behaviour of an error's text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Text {
    Panics,
    /// Takes two seconds.
    Takes,
    /// Asks the exporter for its counters.
    Asks,
    /// Has 500 MB.
    Endless,
    /// Is its own cause.
    Circle,
    PanicsInDrop,
}

/// An error of a client that behaves badly.
#[derive(Debug)]
struct Bad(Text, Arc<Mutex<Option<ExporterHandle>>>);

#[expect(clippy::panic_in_result_fn, reason = "that is the case")]
impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Text::Panics => panic!("expected: a text that panics"),
            Text::Takes => thread::sleep(Duration::from_secs(2)),
            Text::Asks => {
                let handle = self.1.lock().unwrap();
                write!(f, "{:?}", handle.as_ref().map(ExporterHandle::stats))?;
            }
            Text::Endless => {
                for _ in 0..500 {
                    // It does not stop when nobody listens.
                    let _ = f.write_str(&"x".repeat(1 << 20));
                }
            }
            Text::Circle | Text::PanicsInDrop => {}
        }
        f.write_str("bad")
    }
}

impl Error for Bad {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        (self.0 == Text::Circle).then_some(self)
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        assert!(self.0 != Text::PanicsInDrop, "expected: a drop that panics");
    }
}

/// The behaviour of a client at its first request.
#[derive(Clone, Copy, Debug)]
enum Does {
    Fails(Text),
    PanicsAtOnce,
    PanicsLater,
    /// Blocks its thread for longer than a request may take.
    Blocks,
    /// Never ends, and panics when it is dropped.
    PanicsInDrop,
}

#[derive(Debug)]
struct Client {
    does: Does,
    requests: AtomicUsize,
    handle: Arc<Mutex<Option<ExporterHandle>>>,
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(thread::panicking(), "expected: a future that panics when it is dropped");
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, _: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        if self.requests.fetch_add(1, Ordering::SeqCst) > 0 {
            return Ok(Response::new(Bytes::new()));
        }
        match self.does {
            Does::Fails(text) => Err(Box::new(Bad(text, Arc::clone(&self.handle)))),
            Does::PanicsAtOnce => panic!("expected: a client that panics"),
            Does::PanicsLater => {
                tokio::task::yield_now().await;
                panic!("expected: a client that panics later")
            }
            Does::Blocks => {
                thread::sleep(SHORT * 3);
                Ok(Response::new(Bytes::new()))
            }
            Does::PanicsInDrop => {
                let _bomb = Bomb;
                std::future::pending().await
            }
        }
    }
}

#[test]
fn a_client_or_its_error_may_do_anything() {
    let cases = vec![
        Does::Fails(Text::Panics),
        Does::Fails(Text::Takes),
        Does::Fails(Text::Asks),
        Does::Fails(Text::Endless),
        Does::Fails(Text::Circle),
        Does::Fails(Text::PanicsInDrop),
        Does::PanicsAtOnce,
        Does::PanicsLater,
        Does::Blocks,
        Does::PanicsInDrop,
    ];
    in_parallel(4, cases, |does| {
        let handle = Arc::default();
        let client = Client { does, requests: AtomicUsize::new(0), handle: Arc::clone(&handle) };
        let exporter = explicit().with_http_client(client).with_timeout(SHORT).build().unwrap();
        *handle.lock().unwrap() = Some(exporter.handle());
        export(&exporter, batch(1..5, 2)).unwrap();
        exporter.handle().flush(SOON).unwrap_or_else(|error| panic!("{does:?}: {error}"));
        assert_well(&exporter, 4, &format!("{does:?}"));
        let said = exporter.handle().stats().last_error.unwrap_or_default();
        assert!(said.len() < 300, "{said}");
        // The handle must not keep itself alive.
        *handle.lock().unwrap() = None;
    });
}

/// A waker that panics.
struct BadWaker(AtomicUsize);

impl Wake for BadWaker {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("expected: a waker that panics");
    }
}

#[test]
fn the_waker_of_an_export_may_panic() {
    let agent = agent();
    let exporter = builder(&agent).build().unwrap();
    export(&exporter, batch(1..5, 2)).unwrap();
    exporter.handle().flush(SOON).unwrap();
    agent.reply_with([Fault::Slow(SHORT / 10)]);
    let bad = Arc::new(BadWaker(AtomicUsize::new(0)));
    {
        let mut exporting = pin!(exporter.export(batch(5..9, 2)));
        let waker = Waker::from(Arc::clone(&bad));
        assert!(exporting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        until("it is woken", || bad.0.load(Ordering::SeqCst) > 0);
    }
    exporter.handle().flush(SOON).unwrap();
    assert_well(&exporter, 8, "waker");
    assert_eq!(arrivals(&agent).len(), 1_008);
}

#[cfg(feature = "internal-logs")]
mod subscribers {
    use std::time::Instant;

    use tracing::{Event, Subscriber};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
    use tracing_subscriber::registry::Registry;

    use super::super::{each, in_child};
    use super::*;

    /// The behaviour of a subscriber at each line.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Does {
        /// Panics at lines of every crate, those of the HTTP library too.
        Panics,
        /// Takes a second for a line of ours.
        Takes,
    }

    impl<S: Subscriber> Layer<S> for Does {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            assert!(*self != Self::Panics, "expected: a subscriber that panics");
            if event.metadata().target() == "opentelemetry-datadog-agent" {
                thread::sleep(Duration::from_secs(1));
            }
        }
    }

    /// Lines of every kind are due while the Agent goes and comes; all spans arrive, and no export is held up.
    fn under(does: Does) {
        tracing::subscriber::set_global_default(Registry::default().with(does)).unwrap();
        let agent = agent();
        let exporter = builder(&agent).build().unwrap();
        let handle = exporter.handle();
        // The first export says the settings, on the thread of the caller.
        let _ = super::super::block_on(exporter.export(batch(1..5, 2)));
        handle.flush(SOON).unwrap();
        agent.pause();
        export(&exporter, batch(5..9, 2)).unwrap();
        until("the Agent is lost", || handle.stats().is_reachable == Some(false));
        agent.resume().unwrap();
        handle.flush(SOON).unwrap();
        agent.reply_with([Fault::Status(400)]);
        let _ = export(&exporter, batch(9..13, 2));
        until("spans are refused", || handle.stats().spans_dropped.refused == 4);
        assert_well(&exporter, 8, &format!("{does:?}"));
        let mut expected = each(1..9, 1);
        expected.extend(each(10_001..11_001, 1));
        assert_eq!(arrivals(&agent), expected);
        let begin = Instant::now();
        exporter.shutdown().unwrap();
        assert!(begin.elapsed() < SOON);
    }

    #[test]
    fn a_subscriber_may_panic_at_each_line() {
        let test = "delivery::foreign::subscribers::a_subscriber_may_panic_at_each_line";
        in_child(test, &[], || under(Does::Panics));
    }

    #[test]
    fn a_subscriber_may_take_a_second_for_each_line() {
        let test = "delivery::foreign::subscribers::a_subscriber_may_take_a_second_for_each_line";
        in_child(test, &[], || under(Does::Takes));
    }
}
