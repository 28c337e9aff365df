//! Hooks and subscribers that come back to the exporter that called them: nothing waits for itself, nothing
//! goes on for ever.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use datadog_test_agent::TestAgent;
use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::{DatadogExporter, SpanNames};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter as _};

use crate::delivery::in_child;
use crate::support::{PROCESSORS, SOON, agent, block_on, context, span, within};

/// Builds an exporter whose hook renames the span and then does this.
fn with_hook(
    agent: &TestAgent,
    then: impl Fn(&SpanData) + Send + Sync + 'static,
) -> DatadogExporter {
    let hook = move |span: &SpanData, names: &mut SpanNames<'_>| {
        names.resource = "renamed".into();
        then(span);
    };
    DatadogExporter::builder().with_agent_url(agent.url()).with_names(hook).build().unwrap()
}

fn of(id: u64) -> SpanData {
    SpanData { span_context: context(0x11, id), ..span() }
}

/// Returns the ids of what arrived, each with its resource.
fn resources(agent: &TestAgent) -> Vec<(u64, String)> {
    let mut found: Vec<_> =
        agent.spans().into_iter().map(|span| (span.span_id, span.resource)).collect();
    found.sort_unstable();
    found
}

#[test]
fn a_span_that_begins_and_ends_in_the_hook_blocks_no_processor() {
    for processor in PROCESSORS {
        let agent = agent();
        let provider: Arc<OnceLock<SdkTracerProvider>> = Arc::default();
        let in_hook = Arc::clone(&provider);
        let exporter = with_hook(&agent, move |_| {
            let tracer = in_hook.get().unwrap().tracer("hook");
            tracer.in_span("inner", |_| tracer.start("innermost").end());
        });
        let provider = provider.get_or_init(|| processor.provider(exporter)).clone();
        within(SOON, move || {
            provider.tracer("app").start("outer").end();
            provider.shutdown().unwrap();
        });
        let arrived = resources(&agent);
        assert_eq!(arrived.len(), 1, "{processor:?}: {arrived:?}");
        assert_eq!(arrived[0].1, "renamed", "{processor:?}");
    }
}

/// Exports one span and waits, in a hook: the executor of the SDK's processors takes no second one on its thread.
fn export_within(exporter: &DatadogExporter, span: SpanData) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(exporter.export(vec![span])).unwrap();
}

/// An exporter that its own hook knows.
type Known = Arc<OnceLock<DatadogExporter>>;

/// Exports one span through an exporter whose hook does this, and returns what arrived.
fn exported_with(
    agent: &TestAgent,
    then: impl Fn(&DatadogExporter, &SpanData) + Send + Sync + 'static,
) -> Vec<(u64, String)> {
    let exporter = Known::default();
    let in_hook = Arc::clone(&exporter);
    let new = with_hook(agent, move |span| then(in_hook.get().unwrap(), span));
    exporter.get_or_init(|| new);
    within(SOON, move || {
        let exporter = exporter.get().unwrap();
        block_on(exporter.export(vec![of(1)])).unwrap();
        exporter.handle().flush(SOON).unwrap();
    });
    resources(agent)
}

#[test]
fn spans_that_a_hook_exports_through_its_own_exporter_arrive_and_run_no_hook() {
    let arrived = exported_with(&agent(), |exporter, _| export_within(exporter, of(2)));
    assert_eq!(arrived, [(1, "renamed".to_owned()), (2, "work".to_owned())]);
}

#[test]
fn hooks_that_export_through_each_other_end() {
    let (agent, pair) = (agent(), [Known::default(), Known::default()]);
    for (number, known) in (0..2).zip(&pair) {
        let other = Arc::clone(&pair[1 - number]);
        let new = with_hook(&agent, move |_| export_within(other.get().unwrap(), of(2)));
        known.get_or_init(|| new);
    }
    within(SOON, move || {
        let [first, second] = pair.each_ref().map(|known| known.get().unwrap());
        block_on(first.export(vec![of(1)])).unwrap();
        first.handle().flush(SOON).unwrap();
        second.handle().flush(SOON).unwrap();
    });
    assert_eq!(resources(&agent), [(1, "renamed".to_owned()), (2, "work".to_owned())]);
}

#[test]
fn a_hook_that_exports_on_another_thread_and_waits_ends() {
    // Alone in its process: it uses all hooks up that may run at once.
    let test = "hostile::reentrant::a_hook_that_exports_on_another_thread_and_waits_ends";
    in_child(test, &[], || {
        let arrived = exported_with(&agent(), |exporter, span| {
            let id = u64::from_be_bytes(span.span_context.span_id().to_bytes());
            thread::scope(|scope| {
                scope.spawn(|| export_within(exporter, of(id + 1)));
            });
        });
        assert!((2..1_000).contains(&arrived.len()), "{}", arrived.len());
        assert_eq!(arrived[0].1, "renamed");
        assert_eq!(arrived[arrived.len() - 1].1, "work");
    });
}

#[test]
fn a_hook_may_flush_ask_for_counters_and_make_exporters() {
    let arrived = exported_with(&agent(), move |exporter, _| {
        exporter.handle().flush(Duration::from_millis(10)).unwrap();
        assert_eq!(exporter.handle().stats().spans_received, 0, "expected in this test: none yet");
        assert!(!format!("{exporter:?}").is_empty());
        drop(DatadogExporter::builder().with_agent_url("http://127.0.0.1:1").build().unwrap());
    });
    assert_eq!(arrived, [(1, "renamed".to_owned())]);
}

#[test]
fn a_hook_that_blocks_holds_no_other_thread_up() {
    let agent = agent();
    let (started, start): (Sender<()>, Receiver<()>) = mpsc::channel();
    let (go_on, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let exporter = Arc::new(with_hook(&agent, move |span| {
        if span.name == "slow" {
            started.send(()).unwrap();
            wait.lock().unwrap().recv().unwrap();
        }
    }));
    let slow = Arc::clone(&exporter);
    let slow = thread::spawn(move || {
        block_on(slow.export(vec![SpanData { name: "slow".into(), ..of(1) }])).unwrap();
    });
    start.recv_timeout(SOON).unwrap();
    let other = Arc::clone(&exporter);
    within(SOON, move || {
        block_on(other.export(vec![of(2)])).unwrap();
        other.handle().flush(SOON).unwrap();
    });
    assert_eq!(resources(&agent), [(2, "renamed".to_owned())]);
    go_on.send(()).unwrap();
    slow.join().unwrap();
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(resources(&agent).len(), 2);
}

#[cfg(feature = "internal-logs")]
mod subscribers {
    use opentelemetry_sdk::trace::SdkTracer;
    use tracing::{Event, Subscriber};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
    use tracing_subscriber::registry::Registry;

    use super::*;
    use crate::support::Processor;

    /// The reaction of a subscriber to a warning of ours.
    #[derive(Clone, Copy)]
    enum Reaction {
        MakesASpan,
        Panics,
    }

    struct Reacts {
        tracer: SdkTracer,
        reaction: Reaction,
    }

    impl<S: Subscriber> Layer<S> for Reacts {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            if !event.metadata().name().starts_with("DatadogExporter.") {
                return;
            }
            match self.reaction {
                Reaction::MakesASpan => self.tracer.start("of the line").end(),
                Reaction::Panics => panic!("expected: the subscriber of this test panics"),
            }
        }
    }

    #[test]
    fn a_subscriber_that_makes_spans_or_panics_costs_no_span() {
        // Alone in its process: a warning that a thread without a subscriber gives first may be lost.
        let test = "hostile::reentrant::subscribers::a_subscriber_that_makes_spans_or_panics_costs_no_span";
        in_child(test, &[], || {
            for reaction in [Reaction::MakesASpan, Reaction::Panics] {
                let agent = agent();
                let exporter =
                    with_hook(&agent, |_| panic!("expected: the hook of this test panics"));
                let provider = Processor::Simple.provider(exporter);
                within(SOON, move || {
                    let layer = Reacts { tracer: provider.tracer("lines"), reaction };
                    let subscriber = Registry::default().with(layer);
                    tracing::subscriber::with_default(subscriber, || {
                        let tracer = provider.tracer("app");
                        (0..3).for_each(|_| tracer.start("work").end());
                        provider.shutdown().unwrap();
                    });
                });
                assert_eq!(agent.spans().len(), 3);
            }
        });
    }
}
