//! Nothing is said before somebody can hear it, and nothing is lost in silence.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::{
    DatadogExporter, DatadogPropagator, DatadogSampler, LogCorrelation, SqlComment,
};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter as _};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt as _};

use super::log_lines::{Line, Lines};
use super::{NOBODY, batch, export, in_child};
use crate::support::{agent, block_on};

fn named<'l>(lines: &'l [Line], name: &str) -> Vec<&'l Line> {
    lines.iter().filter(|line| line.name == name).collect()
}

#[test]
fn settings_and_warnings_wait_for_the_subscriber() {
    let test = "delivery::kept::settings_and_warnings_wait_for_the_subscriber";
    let variables = [
        ("DD_TRACE_AGENT_PORT", "99999"),
        ("DD_TAGS", ":a"),
        ("DD_TRACE_AGENT_TIMEOUT_SECONDS", "abc"),
        ("DD_TRACE_DEBUG", "true"),
    ];
    in_child(test, &variables, || {
        let agent = agent();
        let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
        let lines = Lines::of_this_process();
        for n in 1..4 {
            export(&exporter, batch(n..n + 1, 1)).unwrap();
        }
        let said = lines.all();
        // The port is not read where code names the Agent.
        let bad = named(&said, "DatadogExporter.BadVariable");
        assert_eq!(bad.len(), 2, "{said:#?}");
        assert!(bad.iter().any(|line| line.text.contains("DD_TAGS")));
        assert!(bad.iter().any(|line| line.text.contains("DD_TRACE_AGENT_TIMEOUT_SECONDS")));
        assert_eq!(named(&said, "DatadogExporter.Built").len(), 1);
        let [not_followed] = named(&said, "DatadogExporter.NotFollowed")[..] else {
            panic!("{said:#?}")
        };
        assert!(
            not_followed.text.contains("DD_TRACE_DEBUG") && !not_followed.text.contains("true")
        );
    });
}

#[test]
fn a_flush_or_a_shutdown_says_the_settings_too() {
    let test = "delivery::kept::a_flush_or_a_shutdown_says_the_settings_too";
    in_child(test, &[("DD_TRACE_AGENT_PORT", "99999")], || {
        let [first, second] = [(); 2].map(|()| DatadogExporter::builder().build().unwrap());
        let lines = Lines::of_this_process();
        let _ = first.handle().flush(Duration::ZERO);
        assert_eq!(named(&lines.all(), "DatadogExporter.BadVariable").len(), 1);
        second.shutdown().unwrap();
        assert_eq!(named(&lines.all(), "DatadogExporter.BadVariable").len(), 2, "each its own");
        drop(first);
        assert_eq!(named(&lines.all(), "DatadogExporter.Built").len(), 2);
    });
}

#[test]
fn propagator_sampler_and_sql_comment_warn_at_their_first_use() {
    let test = "delivery::kept::propagator_sampler_and_sql_comment_warn_at_their_first_use";
    let variables = [
        ("OTEL_PROPAGATORS", "b3,baggage"),
        ("DD_TRACE_SAMPLE_RATE", "7"),
        ("DD_DBM_PROPAGATION_MODE", "all"),
    ];
    in_child(test, &variables, || {
        let propagator = DatadogPropagator::builder().build();
        let sampler = DatadogSampler::builder().build().unwrap();
        let comment = SqlComment::from_env();
        let lines = Lines::of_this_process();
        assert!(lines.all().is_empty());
        let provider = SdkTracerProvider::builder().with_sampler(sampler).build();
        for _ in 0..3 {
            provider.tracer("test").in_span("work", |_| ());
            let carrier = std::collections::HashMap::<String, String>::new();
            propagator.extract_with_context(&Context::new(), &carrier);
            assert_eq!(comment.before("SELECT 1"), "SELECT 1");
        }
        let said = lines.all();
        let [unknown, default] = named(&said, "DatadogPropagator.BadVariable")[..] else {
            panic!("{said:#?}")
        };
        assert!(unknown.text.contains("b3") && default.text.contains("the next source counts"));
        assert_eq!(named(&said, "DatadogSampler.BadVariable").len(), 1, "{said:#?}");
        assert_eq!(named(&said, "DatadogExporter.BadVariable").len(), 1, "{said:#?}");
    });
}

/// A formatter that makes its fields anew for each line.
struct Formatter;

impl<S: Subscriber> Layer<S> for Formatter {
    fn on_event(&self, _: &Event<'_>, _: LayerContext<'_, S>) {
        let correlation = LogCorrelation::from_env();
        assert_eq!(correlation.current().iter().count(), 0);
    }
}

#[test]
fn a_log_formatter_may_make_its_correlation_for_each_line() {
    let test = "delivery::kept::a_log_formatter_may_make_its_correlation_for_each_line";
    in_child(test, &[("DD_TAGS", ":a")], || {
        let agent = agent();
        let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry().with(Formatter).with(lines.clone());
        tracing::subscriber::set_global_default(subscriber).unwrap();
        tracing::info!("the first line");
        export(&exporter, batch(1..2, 1)).unwrap();
        tracing::info!("the last line");
        assert_eq!(named(&lines.all(), "DatadogExporter.BadVariable").len(), 1);
    });
}

#[test]
fn spans_that_a_shutdown_loses_are_worth_one_line_under_any_processor() {
    let test = "delivery::kept::spans_that_a_shutdown_loses_are_worth_one_line_under_any_processor";
    in_child(test, &[], || {
        let lines = Lines::of_this_process();
        let exporter = || DatadogExporter::builder().with_agent_url(NOBODY).build().unwrap();
        let batch = SdkTracerProvider::builder().with_batch_exporter(exporter()).build();
        let simple = SdkTracerProvider::builder().with_simple_exporter(exporter()).build();
        let dropped = SdkTracerProvider::builder().with_batch_exporter(exporter()).build();
        for (number, provider) in [batch, simple, dropped].into_iter().enumerate() {
            for _ in 0..100 {
                provider.tracer("test").in_span("work", |_| ());
            }
            if number < 2 {
                let _ = provider.shutdown();
            }
            drop(provider);
            let said = lines.all();
            let losses = named(&said, "DatadogExporter.SpansLost");
            assert_eq!(losses.len(), number + 1, "{said:#?}");
            assert!(
                losses[number].text.contains("spans dropped at shutdown: 100; "),
                "{}",
                losses[number].text
            );
            assert_eq!(losses[number].level, Level::WARN);
            // The last word is not that they wait.
            let last = said.iter().rfind(|line| line.level <= Level::INFO).unwrap();
            assert_eq!(last.name, "DatadogExporter.SpansLost", "{said:#?}");
        }
    });
}

#[test]
fn spans_after_the_shutdown_and_an_exporter_that_is_off_are_said_once() {
    let test = "delivery::kept::spans_after_the_shutdown_and_an_exporter_that_is_off_are_said_once";
    in_child(test, &[("DD_TRACE_ENABLED", "false")], || {
        let exporter = DatadogExporter::builder().build().unwrap();
        let lines = Lines::of_this_process();
        for n in 1..4 {
            export(&exporter, batch(n..n + 1, 1)).unwrap();
        }
        exporter.shutdown().unwrap();
        for n in 4..7 {
            block_on(exporter.export(batch(n..n + 1, 1))).unwrap_err();
        }
        let said = lines.all();
        assert_eq!(named(&said, "DatadogExporter.Disabled").len(), 1, "{said:#?}");
        assert_eq!(named(&said, "DatadogExporter.AfterShutdown").len(), 1, "{said:#?}");
    });
}
