//! The feature `json-logs`, and the example `log_correlation`: log lines with the ids that the Agent gets.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../examples/log_correlation.rs"]
#[expect(dead_code, reason = "the example's own `main`")]
mod example;

use std::sync::{Arc, Mutex};

use opentelemetry_datadog_agent::{DatadogExporter, LogCorrelation};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::Value as Json;

use datadog_test_agent::TestAgent;

/// The log output of a test.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn ids_stand_at_the_top_level_of_a_line_and_are_those_of_the_span() {
    let agent = TestAgent::start().unwrap();
    let lines = Lines::default();
    let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let logs = LogCorrelation::new().with_service("a \"shop\"").with_env("prod").with_version("1");
    for logs in [logs.clone(), logs.with_decimal_ids(true)] {
        let out = lines.clone();
        let subscriber = example::subscriber(&provider, logs, move || out.clone());
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("outside");
            tracing::info_span!("order").in_scope(|| tracing::info!(articles = 3, "placed"));
        });
    }
    provider.shutdown().unwrap();

    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4, "{text}");
    for outside in [&lines[0], &lines[2]] {
        assert_eq!((&outside["dd.trace_id"], &outside["dd.span_id"]), (&Json::Null, &Json::Null));
    }
    for line in &lines {
        assert_eq!(line["dd.service"], "a \"shop\"");
        assert_eq!((&line["dd.env"], &line["dd.version"]), (&"prod".into(), &"1".into()));
    }
    let mut spans = agent.spans();
    spans.sort_by_key(|span| span.start);
    let (hexadecimal, decimal) = (&spans[0], &spans[1]);
    assert_eq!(lines[1]["dd.trace_id"], hexadecimal.meta["otel.trace_id"]);
    assert_eq!(lines[1]["dd.span_id"], format!("{:016x}", hexadecimal.span_id));
    assert_eq!((&lines[1]["message"], &lines[1]["articles"]), (&"placed".into(), &3.into()));
    assert_eq!(lines[3]["dd.trace_id"], decimal.trace_id.to_string());
    assert_eq!(lines[3]["dd.span_id"], decimal.span_id.to_string());
}

#[test]
fn the_handle_knows_service_env_and_version_of_the_exporter() {
    let agent = TestAgent::start().unwrap();
    let builder = DatadogExporter::builder().with_agent_url(agent.url()).with_env("prod");
    let exporter = builder.build().unwrap();
    let handle = exporter.handle();
    let attributes = [("service.name", "Shop"), ("service.version", "2")];
    let attributes = attributes.map(|(key, text)| opentelemetry::KeyValue::new(key, text));
    let resource = Resource::builder_empty().with_attributes(attributes).build();
    let provider =
        SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter);
    let _provider = provider.build();
    // The batch processor hands the resource over on its own thread.
    let known = || {
        let logs = handle.log_correlation();
        let fields = logs.current();
        let fields: Vec<_> = fields.iter().map(|(key, value)| format!("{key}={value}")).collect();
        fields.join(" ")
    };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while known() != "dd.service=Shop dd.env=prod dd.version=2" {
        assert!(std::time::Instant::now() < deadline, "{}", known());
        std::thread::yield_now();
    }
}
