//! Agents that are away, come back, come and go; and flushes by the hundred meanwhile.

use std::fmt::Debug;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use datadog_test_agent::{Fault, TestAgent};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::Registry;

use super::proxy::{Gate, Proxy};
use super::scene::{
    EXPORT_BOUND, account, assert_arrived, at_once, deliver, export, exporter, load, nobody, spans,
    until, watched,
};

/// The most times that a span may come: once, and three tries more while the Agent may have it.
const MAX_TIMES: u32 = 4;

/// The proxy accepts and closes for 5 and 15 s, in three ways, at 100 and 5,000 spans a second; then it lets through.
pub(super) fn away_behind_a_proxy() -> String {
    let mut cells = Vec::new();
    for gate in [Gate::Closes, Gate::Resets, Gate::ReadsAndCloses] {
        for per_second in [100, 5_000] {
            cells.extend([5, 15].map(|seconds| (gate, per_second, Duration::from_secs(seconds))));
        }
    }
    let outcomes = at_once(cells, |(gate, per_second, time)| away(gate, per_second, time));
    let spans: u64 = outcomes.iter().map(|(spans, _)| spans).sum();
    let twice: usize = outcomes.iter().map(|(_, twice)| twice).sum();
    format!(
        "FIN, RST and close after reading, 5 and 15 s, 100/s and 5,000/s: {spans} spans, 0 lost, {twice} came again"
    )
}

/// Returns how many spans were delivered, and how many of them came more than once.
fn away(gate: Gate, per_second: u64, time: Duration) -> (u64, usize) {
    let agent = TestAgent::start().expect("an Agent");
    let proxy = Proxy::new(&agent, gate);
    let exporter = exporter(&proxy.url);
    let (next, arrivals) = watched(&agent, || {
        let (next, _) = load(&exporter, 1, per_second, time);
        let stats = account(&exporter.handle(), next - 1);
        assert_eq!(stats.spans_dropped.total(), 0, "{gate:?}, {per_second}/s: {stats:?}");
        proxy.set(Gate::Open);
        deliver(&exporter.handle(), next - 1);
        next
    });
    (next - 1, assert_arrived(&arrivals, 1..next, MAX_TIMES))
}

/// The Agent is killed and comes back every few hundred milliseconds.
pub(super) fn endless_restarts() -> String {
    let agent = TestAgent::start().expect("an Agent");
    let exporter = exporter(agent.url());
    let mut restarts = 0;
    let (next, arrivals) = watched(&agent, || {
        thread::scope(|scope| {
            let loading = scope.spawn(|| load(&exporter, 1, 2_000, Duration::from_secs(10)).0);
            let mut random = fastrand::Rng::with_seed(7);
            while !loading.is_finished() {
                thread::sleep(Duration::from_millis(random.u64(20..300)));
                agent.pause();
                thread::sleep(Duration::from_millis(random.u64(20..300)));
                agent.resume().expect("the address is still ours");
                restarts += 1;
            }
            let next = loading.join().expect("a load");
            deliver(&exporter.handle(), next - 1);
            next
        })
    });
    let twice = assert_arrived(&arrivals, 1..next, MAX_TIMES);
    format!(
        "{restarts} restarts in 10 s at 2,000/s: {} spans, 0 lost, {twice} came again",
        next - 1
    )
}

/// Flushes of a caller that does not wait: behind a proxy that closes, without an Agent, and at one that is overloaded.
pub(super) fn flush_storms() -> String {
    let behind = flushes_behind_a_proxy();
    let dead = flushes_in_vain(&nobody());
    let busy = TestAgent::start().expect("an Agent");
    busy.set_default_reply(Fault::Status(429));
    let overloaded = flushes_in_vain(busy.url());
    format!(
        "3 s each: {behind} connections through a proxy that closes, no span lost; {dead} tries without an Agent, \
         {overloaded} at one that answers 429"
    )
}

/// Returns the connections that were made.
fn flushes_behind_a_proxy() -> usize {
    let agent = TestAgent::start().expect("an Agent");
    let proxy = Proxy::new(&agent, Gate::Closes);
    let exporter = exporter(&proxy.url);
    let handle = exporter.handle();
    let (begin, mut next) = (Instant::now(), 1);
    while begin.elapsed() < Duration::from_secs(3) {
        export(&exporter, spans(next..next + 10));
        next += 10;
        // It times out.
        let _ = handle.flush(Duration::from_millis(5));
    }
    let connections = proxy.connections.load(SeqCst);
    // A question and a payload for each try: at 0, 0.1, 0.3, 0.7, 1.5 and 3.1 s, or some sooner.
    assert!(connections < 40, "{connections} connections");
    proxy.set(Gate::Open);
    deliver(&handle, next - 1);
    connections
}

/// Returns the tries that were made for a batch, while it was flushed all the time.
fn flushes_in_vain(url: &str) -> u64 {
    let exporter = exporter(url);
    let handle = exporter.handle();
    export(&exporter, spans(1..11));
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(3) {
        handle.flush(Duration::from_millis(1)).expect_err("nothing is delivered");
    }
    let stats = account(&handle, 10);
    assert_eq!(stats.spans_buffered, 10, "{stats:?}");
    assert!(stats.retries < 10, "{} tries", stats.retries);
    stats.retries
}

/// Keeps the names and fields of the exporter's lines about outages.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(&'static str, String)>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{field}={value:?} ");
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let name = event.metadata().name();
        if name.starts_with("DatadogExporter.Agent") {
            let mut text = Text(String::new());
            event.record(&mut text);
            self.0.lock().expect("no panic").push((name, text.0));
        }
    }
}

/// Three outages of 2 s, each 12 s after the one before.
pub(super) fn three_outages() -> String {
    let lines = Lines::default();
    let subscriber = Registry::default().with(lines.clone());
    tracing::subscriber::set_global_default(subscriber).expect("the first one");
    let agent = TestAgent::start().expect("an Agent");
    let exporter = exporter(agent.url());
    let (mut next, mut longest) = (1, Duration::ZERO);
    for outage in 1..=3 {
        for seconds in [10, 2] {
            let (after, took) = load(&exporter, next, 500, Duration::from_secs(seconds));
            (next, longest) = (after, longest.max(took));
            if seconds == 10 {
                agent.pause();
            }
        }
        agent.resume().expect("the address is still ours");
        deliver(&exporter.handle(), next - 1);
        until("the end of the outage is said", || {
            lines.0.lock().expect("no panic").len() == outage * 2
        });
    }
    let lines = lines.0.lock().expect("no panic");
    for (number, (name, text)) in lines.iter().enumerate() {
        let (expected, part) = [
            ("DatadogExporter.AgentLost", "spans_dropped=0"),
            ("DatadogExporter.AgentBack", "spans_dropped=0"),
        ][number % 2];
        assert!(*name == expected && text.contains(part), "line {number}: {name} {text}");
    }
    assert!(longest < EXPORT_BOUND, "an export took {longest:?}");
    format!(
        "outages of 2 s, 12 s apart: {} lines in pairs, {} spans, 0 lost",
        lines.len(),
        next - 1
    )
}
