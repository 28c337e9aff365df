//! Hostile `DD_*` texts: one warning each, then the next source, and a sampler that works.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use opentelemetry_datadog_agent::{DatadogSampler, RejectedTraces};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::Registry;

use super::{arrived, provider, traces};
use crate::delivery::in_child;
use crate::support::agent;

/// Keeps the text of every warning.
#[derive(Clone, Debug, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        write!(self.0, "{value:?} ").unwrap();
    }
}

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        if *event.metadata().level() == Level::WARN {
            self.0.lock().unwrap().push(text.0);
        }
    }
}

#[test]
fn a_hostile_variable_is_one_warning_and_the_next_source_counts() {
    let test = "sampling::hostile::a_hostile_variable_is_one_warning_and_the_next_source_counts";
    let deep = "[".repeat(100_000);
    for (variable, text) in [
        ("DD_TRACE_SAMPLING_RULES", "[{\"sample_rate\":0}"),
        ("DD_TRACE_SAMPLING_RULES", "[{\"sample_rate\":0},{\"sample_rate\":1e999}]"),
        ("DD_TRACE_SAMPLING_RULES", "[{\"sample_rate\":0,\"service\":[\"x\"]}]"),
        ("DD_TRACE_SAMPLING_RULES", &deep),
        ("DD_TRACE_SAMPLING_RULES", "\u{202e}\u{7f}\u{1b}[31m"),
        ("DD_TRACE_SAMPLE_RATE", "NaN"),
        ("DD_TRACE_SAMPLE_RATE", "-0.1"),
        ("DD_TRACE_SAMPLE_RATE", "0,5"),
        ("DD_TRACE_SAMPLE_RATE", "1e309"),
        ("DD_TRACE_RATE_LIMIT", "inf"),
        ("DD_TRACE_RATE_LIMIT", "-1"),
    ] {
        in_child(test, &[(variable, text), ("BAD", variable)], || {
            let warnings = Warnings::default();
            let subscriber = Registry::default().with(warnings.clone());
            let agent = agent();
            tracing::subscriber::with_default(subscriber, || {
                let sampler = DatadogSampler::builder();
                let provider = provider(&agent, sampler, RejectedTraces::Dropped, 1);
                traces(&provider, 20, &[]);
                provider.shutdown().unwrap();
            });
            // Nothing else is set: every trace is kept.
            assert_eq!(arrived(&agent).len(), 20);
            let bad = std::env::var("BAD").unwrap();
            let said = warnings.0.lock().unwrap();
            let of_it: Vec<_> = said.iter().filter(|text| text.contains(&bad)).collect();
            assert_eq!(of_it.len(), 1, "{said:?}");
            assert!(of_it[0].len() < 1_000, "a warning of {} bytes", of_it[0].len());
            assert!(!of_it[0].contains('\u{1b}'), "{said:?}");
        });
    }
}
