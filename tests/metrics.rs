//! The exporter's counters on the global meter (feature `metrics`). A process of its own, since the meter
//! provider is global.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;
use std::time::Duration;

use datadog_test_agent::{Fault, TestAgent};
use opentelemetry::global;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ScopeMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;

/// Sums by metric and `error.type`, in the last collection.
fn sums(
    metrics: &SdkMeterProvider,
    memory: &InMemoryMetricExporter,
) -> BTreeMap<(String, String), i64> {
    metrics.force_flush().unwrap();
    let collected = memory.get_finished_metrics().unwrap();
    let mut sums = BTreeMap::new();
    for metric in collected.last().unwrap().scope_metrics().flat_map(ScopeMetrics::metrics) {
        let mut add = |attributes: Vec<opentelemetry::KeyValue>, value: i64| {
            let text = |key: &str| {
                let found = attributes.iter().find(|attribute| attribute.key.as_str() == key);
                found.map(|attribute| attribute.value.to_string()).unwrap_or_default()
            };
            assert_eq!(text("otel.component.type"), "opentelemetry_datadog_agent::DatadogExporter");
            assert!(text("otel.component.name").starts_with("datadog_exporter/"));
            sums.insert((metric.name().to_owned(), text("error.type")), value);
        };
        match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                for point in sum.data_points() {
                    add(point.attributes().cloned().collect(), point.value().try_into().unwrap());
                }
            }
            AggregatedMetrics::I64(MetricData::Sum(sum)) => {
                for point in sum.data_points() {
                    add(point.attributes().cloned().collect(), point.value());
                }
            }
            other => panic!("{} is {other:?}", metric.name()),
        }
    }
    sums
}

#[test]
fn delivered_refused_and_waiting_spans_are_on_the_global_meter() {
    let memory = InMemoryMetricExporter::default();
    let metrics = SdkMeterProvider::builder()
        .with_reader(PeriodicReader::builder(memory.clone()).build())
        .build();
    global::set_meter_provider(metrics.clone());

    let agent = TestAgent::start().unwrap();
    let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
    let handle = exporter.handle();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter).build();
    let tracer = provider.tracer("metrics");
    agent.reply_with([Fault::Status(400)]);
    for name in ["refused", "taken", "taken too"] {
        tracer.in_span(name, |_| ());
    }
    let ended = |error: &str| ("otel.sdk.exporter.span.exported".to_owned(), error.to_owned());
    let in_flight = ("otel.sdk.exporter.span.inflight".to_owned(), String::new());
    let found = sums(&metrics, &memory);
    assert_eq!((found[&ended("")], found[&ended("refused")], found[&in_flight]), (2, 1, 0));

    agent.set_default_reply(Fault::Status(503));
    tracer.in_span("waits", |_| ());
    assert_eq!(sums(&metrics, &memory)[&in_flight], 1);
    agent.set_default_reply(Fault::Accept);
    handle.flush(Duration::from_secs(10)).unwrap();
    let found = sums(&metrics, &memory);
    assert_eq!((found[&ended("")], found[&in_flight]), (3, 0));
}
