//! Input that is dropped or odd is counted, each span of it, and logged once.

use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::support::{SOON, agent, block_on, context, span};

fn of(trace: u128, id: u64) -> SpanData {
    SpanData { span_context: context(trace, id), ..span() }
}

#[test]
fn spans_that_cannot_be_sent_are_counted() {
    let agent = agent();
    let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
    for _ in 0..2 {
        block_on(exporter.export(vec![of(0, 1), of(7, 1), of(7, 0), of(1 << 64, 1)])).unwrap();
    }
    exporter.handle().flush(SOON).unwrap();
    let stats = exporter.handle().stats();
    assert_eq!((stats.spans_dropped.invalid, stats.spans_dropped.total()), (6, 6));
    assert_eq!((stats.spans_received, stats.spans_delivered), (8, 2));
    assert_eq!(agent.spans().len(), 2);
}

#[cfg(feature = "internal-logs")]
pub(crate) mod said {
    use std::sync::{Arc, Mutex};

    use tracing::{Event, Level, Subscriber};
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
    use tracing_subscriber::registry::Registry;

    use super::*;
    use crate::delivery::in_child;

    /// Keeps the names of our warnings.
    #[derive(Clone, Default)]
    pub(crate) struct Names(pub(crate) Arc<Mutex<Vec<&'static str>>>);

    impl<S: Subscriber> Layer<S> for Names {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let metadata = event.metadata();
            if metadata.target() == "opentelemetry-datadog-agent"
                && *metadata.level() == Level::WARN
            {
                self.0.lock().unwrap().push(metadata.name());
            }
        }
    }

    #[test]
    fn each_oddity_is_said_once_however_often_it_comes() {
        // Alone in its process: a warning that a thread without a subscriber gives first may be lost.
        let test = "hostile::notices::said::each_oddity_is_said_once_however_often_it_comes";
        in_child(test, &[], || {
            let names = Names::default();
            let subscriber = Registry::default().with(names.clone());
            // The batch is looked through on the thread that exports.
            tracing::subscriber::with_default(subscriber, || {
                let agent = agent();
                let builder = DatadogExporter::builder().with_agent_url(agent.url());
                let exporter =
                    builder.with_names(|span, _| assert!(span.name != "bad")).build().unwrap();
                let bad = SpanData { name: "bad".into(), ..of(7, 1) };
                for _ in 0..3 {
                    block_on(exporter.export(vec![of(0, 1), of(5, 5), bad.clone()])).unwrap();
                }
            });
            let mut said = names.0.lock().unwrap().clone();
            said.sort_unstable();
            let expected = ["EqualIds", "NamesHookPanicked", "SpansSkipped"];
            assert_eq!(said, expected.map(|name| format!("DatadogExporter.{name}")));
        });
    }
}
