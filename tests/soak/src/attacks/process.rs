//! Acts of a process against the exporter in it: fork, limits on threads and files, signals.
#![expect(
    unsafe_code,
    reason = "the calls of the system have no safe form in the standard library"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use datadog_test_agent::{Fault, TestAgent};
use opentelemetry::trace::SpanKind;
use opentelemetry::{TraceId, global};
use opentelemetry_datadog_agent::{DatadogExporter, DatadogSampler, Protocol};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality,
};
use opentelemetry_sdk::trace::{ShouldSample as _, SpanExporter as _};

use super::scene::{SOON, account, deliver, export, exporter, nobody, spans, until};

/// Children of the attack by `fork`.
const CHILDREN: usize = 40;
/// The longest time of each call in a child: it should fail at once, on a machine with more to run than cores.
const AT_ONCE: Duration = Duration::from_secs(2);
/// The longest time of a child before it counts as hung.
const CHILD: Duration = Duration::from_secs(20);
/// Children that fail before the attack ends early.
const ENOUGH: usize = 3;

/// Forks; the child does the work and ends with its result as its status.
fn fork_off(work: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child calls the code under test, as the children of real programs do; it ends by `_exit`.
    unsafe {
        match libc::fork() {
            0 => {
                // It ends with the process that waits for it.
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                libc::_exit(catch_unwind(AssertUnwindSafe(work)).unwrap_or(PANICKED))
            }
            child => child,
        }
    }
}

/// The status of a child that panicked.
const PANICKED: i32 = 99;

/// Waits for a child; returns its status, or nothing if it hung and was killed.
fn wait_for(child: i32) -> Option<i32> {
    let deadline = Instant::now() + CHILD;
    loop {
        let mut status = 0;
        // SAFETY: the child is ours, and `status` outlives the call.
        if unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == child {
            return Some(status);
        }
        if Instant::now() > deadline {
            // SAFETY: the child is ours, and nobody has waited for it yet.
            unsafe {
                libc::kill(child, libc::SIGKILL);
                libc::waitpid(child, &raw mut status, 0);
            }
            return None;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// A reader that is asked on the caller's thread.
#[derive(Clone, Debug)]
struct Reader(Arc<ManualReader>);

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

/// A call in a child: its name, and whether it did as it should.
type Call<'a> = (&'static str, Box<dyn Fn() -> bool + 'a>);

/// Everything that can be done with an exporter and its handle.
fn calls<'a>(
    exporter: &'a DatadogExporter,
    sampler: &'a DatadogSampler,
    reader: &'a Reader,
    url: &'a str,
) -> Vec<Call<'a>> {
    let handle = exporter.handle();
    let (debugged, flushed, sampled) = (handle.clone(), handle.clone(), handle.clone());
    let says_why = |text: &str| text.contains("after the fork");
    vec![
        ("stats", Box::new(move || says_why(&handle.stats().last_error.unwrap_or_default()))),
        ("Debug", Box::new(move || says_why(&format!("{exporter:?} {debugged:?}")))),
        ("flush", Box::new(move || flushed.flush(SOON).is_err())),
        ("force_flush", Box::new(move || exporter.force_flush().is_err())),
        (
            "export",
            Box::new(move || futures_executor::block_on(exporter.export(spans(1..11))).is_err()),
        ),
        (
            "sampler",
            Box::new(move || {
                let kind = SpanKind::Server;
                let _ = sampler.should_sample(None, TraceId::from(7), "x", &kind, &[], &[]);
                sampled.sampler().is_ok()
            }),
        ),
        ("metrics", Box::new(move || reader.collect(&mut ResourceMetrics::default()).is_ok())),
        ("shutdown", Box::new(move || exporter.shutdown_with_timeout(SOON).is_err())),
        (
            "an exporter of its own",
            Box::new(move || {
                let own = DatadogExporter::builder().with_agent_url(url).build();
                let own = own.expect("an exporter");
                export(&own, spans(1..11));
                own.handle().flush(SOON).is_ok()
            }),
        ),
    ]
}

/// 40 children are forked off while the worker is busy and its lock is in use.
pub(super) fn fork() -> String {
    let agent = TestAgent::start().expect("an Agent");
    let reader = Reader(Arc::new(ManualReader::builder().build()));
    global::set_meter_provider(SdkMeterProvider::builder().with_reader(reader.clone()).build());
    let exporter = exporter(agent.url());
    let handle = exporter.handle();
    let sampler = DatadogSampler::builder().with_agent_rates(&handle).build().expect("a sampler");
    let calls = calls(&exporter, &sampler, &reader, agent.url());
    let (is_over, mut failures) = (AtomicBool::new(false), Vec::new());
    let next = thread::scope(|scope| {
        let loading = scope.spawn(|| {
            let mut next = 1;
            while !is_over.load(Relaxed) {
                export(&exporter, spans(next..next + 50));
                next += 50;
            }
            next
        });
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                let _ = handle.stats();
            }
        });
        for _ in 0..CHILDREN {
            // The status is the number of the first call that fails, from 1 on.
            let child = fork_off(|| {
                let wrong = (1..).zip(&calls).find(|(_, (_, call))| {
                    let begin = Instant::now();
                    !call() || begin.elapsed() > AT_ONCE
                });
                wrong.map_or(0, |(number, _)| number)
            });
            match wait_for(child) {
                Some(0) => {}
                Some(status) => {
                    let call = (1..).zip(&calls).find(|(number, _)| number << 8 == status);
                    failures.push(match call {
                        Some((_, (name, _))) => format!("{name} did not do as it should at once"),
                        None => format!("a child ended with the status {status:#x}"),
                    });
                }
                None => failures.push("a child hung".to_owned()),
            }
            if failures.len() == ENOUGH {
                break;
            }
            agent.take_requests();
        }
        is_over.store(true, Relaxed);
        loading.join().expect("a load")
    });
    assert!(failures.is_empty(), "children of {CHILDREN}: {failures:?}");
    deliver(&handle, next - 1);
    let names: Vec<_> = calls.iter().map(|(name, _)| *name).collect();
    format!(
        "{CHILDREN} children, each {}: no call hung; the parent delivered {} spans",
        names.join(", "),
        next - 1
    )
}

/// Sets how much of something this process may have from now on; returns what it might have before.
fn limit(resource: libc::__rlimit_resource_t, to: libc::rlim_t) -> libc::rlim_t {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure outlives both calls.
    unsafe {
        assert_eq!(libc::getrlimit(resource, &raw mut limit), 0);
        let before = std::mem::replace(&mut limit.rlim_cur, to);
        assert_eq!(libc::setrlimit(resource, &raw const limit), 0);
        before
    }
}

/// Returns an exporter that knows its Agent and has no connection to it: the next request needs a new one.
fn unconnected(agent: &TestAgent, url: &str) -> DatadogExporter {
    let exporter = exporter(url);
    let handle = exporter.handle();
    until("the Agent has introduced itself", || {
        handle.stats().protocol == Protocol::V03MessagePack
    });
    agent.pause();
    agent.resume().expect("the same address");
    exporter
}

/// No thread can be started, and the URL has a host name that wants to be looked up on one.
pub(super) fn no_threads() -> String {
    let agent = TestAgent::start().expect("an Agent");
    let exporter = unconnected(&agent, &agent.url().replace("127.0.0.1", "localhost"));
    // SAFETY: no pointers. The limit does not hold for the superuser; nobody else has this number.
    unsafe {
        if libc::geteuid() == 0 {
            assert_eq!(libc::setuid(100_000 + process::id()), 0);
        }
    }
    let before = limit(libc::RLIMIT_NPROC, 1);
    assert!(thread::Builder::new().spawn(|| ()).is_err(), "a thread could be started");
    keep_and_deliver(&exporter, &nobody(), || limit(libc::RLIMIT_NPROC, before))
}

/// No file can be opened.
pub(super) fn no_files() -> String {
    let agent = TestAgent::start().expect("an Agent");
    let exporter = unconnected(&agent, agent.url());
    let before = limit(libc::RLIMIT_NOFILE, 3);
    keep_and_deliver(&exporter, "http://127.0.0.1:1", || limit(libc::RLIMIT_NOFILE, before))
}

/// Exports while the process is short of something, so that no exporter can be built for the other address. All is
/// kept, and delivered once `lift` has ended that.
fn keep_and_deliver(exporter: &DatadogExporter, other: &str, lift: impl FnOnce() -> u64) -> String {
    let handle = exporter.handle();
    for number in 0..20 {
        export(exporter, spans(1 + number * 10..11 + number * 10));
        thread::sleep(Duration::from_millis(150));
    }
    let stats = account(&handle, 200);
    assert_eq!(stats.spans_buffered, 200, "{stats:?}");
    let (tries, cause) = (stats.retries, stats.last_error.unwrap_or_default());
    let built = DatadogExporter::builder().with_agent_url(other).build();
    let built = built.expect_err("an exporter needs threads and files");
    lift();
    deliver(&handle, 200);
    format!("200 spans kept for 3 s ({tries} tries: {cause}), then delivered; `build`: {built}")
}

/// A host program in C: SIGPIPE has its default action, or is ignored as the docs say. The Agent behind a unix socket
/// closes in requests.
pub(super) fn sigpipe() -> String {
    let folder = env::temp_dir().join(format!("attack-{}", process::id()));
    fs::create_dir(&folder).expect("a folder");
    let outcomes = [libc::SIG_DFL, libc::SIG_IGN].map(|action| {
        let path = folder.join(format!("{action}.socket"));
        let child = fork_off(|| {
            // SAFETY: both are actions that the system knows.
            unsafe { libc::signal(libc::SIGPIPE, action) };
            send_to_one_that_closes(&path);
            0
        });
        wait_for(child).expect("a child that ends")
    });
    fs::remove_dir_all(&folder).expect("our folder");
    let [by_default, ignored] = outcomes;
    assert_eq!(ignored, 0, "with SIGPIPE ignored the status is {ignored:#x}");
    let killed = if by_default == libc::SIGPIPE { "ends the process" } else { "ends nothing" };
    format!(
        "a unix socket whose Agent closes in 50 requests: the default action {killed}; ignored, all is delivered"
    )
}

/// Exports to an Agent that resets large requests after their head and closes on small ones, then takes all.
fn send_to_one_that_closes(path: &std::path::Path) {
    let agent = TestAgent::builder().with_unix_socket(path).start().expect("an Agent");
    let exporter = exporter(agent.url());
    let handle = exporter.handle();
    for round in 0..50_u64 {
        agent.reply_with([Fault::EarlyPayloadTooLarge]);
        let first = 1 + round * 100;
        export(&exporter, super::scene::with_noise(spans(first..first + 100), 1));
    }
    handle.flush(SOON).expect("delivered");
    account(&handle, 5_000);
    assert_eq!(handle.stats().spans_dropped.total(), 0, "{:?}", handle.stats());
}
