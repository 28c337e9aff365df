//! The embedded agent as a tool: what it draws of requests in each version and form, and its summary.
#![cfg(unix)]

use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::{ApiVersion, DatadogExporter, Encoding};
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::process::{Running, command};
use super::{answer, plain_line};

/// A request of two spans, as a tracer for Go sends it.
const OF_GO: &str = r#"[[
    {"service":"shop","name":"http.request","resource":"GET /","type":"web","trace_id":7,"span_id":1,
     "start":1700000000000000000,"duration":5000000},
    {"service":"bank","name":"bank.charge","resource":"charge","type":"custom","trace_id":7,"span_id":2,
     "parent_id":1,"start":1700000000001000000,"duration":2000000,"error":1,"meta":{"error.message":"declined"}}]]"#;

/// One more span of the same trace, as another service sends it later.
const OF_PYTHON: &str = r#"[[{"service":"mails\u001b[31m","name":"mail.send","resource":"send","type":"custom",
    "trace_id":7,"span_id":3,"parent_id":1,"start":1700000000002000000,"duration":1000000}]]"#;

/// Sends a JSON body as the tracer of a language does.
fn send(url: &str, language: &str, body: &'static str) {
    let request = reqwest::Client::new()
        .put(format!("{url}/v0.3/traces"))
        .header("Content-Type", "application/json")
        .header("Datadog-Meta-Lang", language)
        .header("Datadog-Meta-Tracer-Version", "1.2.3")
        .body(body);
    answer(request);
}

/// Sends one span by the exporter: v0.4, in MessagePack.
fn export(url: &str) {
    let exporter = DatadogExporter::builder()
        .with_agent_url(url)
        .with_service("jobs")
        .with_api_version(ApiVersion::V04)
        .with_encoding(Encoding::MessagePack);
    let exporter = exporter.build().unwrap();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    provider.tracer("test").in_span("work", |_| ());
    provider.shutdown().unwrap();
}

#[test]
fn the_local_agent_draws_every_trace_and_sums_up_at_the_end() {
    let mut tool = Running::start(command("local_agent").arg("0"));
    let listening = tool.line_with("listening on http://");
    let url = listening.split([' ', ',']).nth(2).unwrap();

    send(url, "go", OF_GO);
    assert!(tool.line_with("trace 0").contains("2 spans · shop, bank"));
    assert_eq!(plain_line(&tool.line_with("http.request")), "http.request GET / shop web");
    let failed = "└─ bank.charge charge bank custom ERROR declined";
    assert_eq!(plain_line(&tool.line_with("bank.charge")), failed);
    tool.line_with("traces 1 · spans 2 · errors 1 · requests 1 · refused 0");

    send(url, "python", OF_PYTHON);
    assert!(tool.line_with("trace 0").contains("3 spans"));
    tool.line_with("└─ mail.send");
    tool.line_with("traces 1 · spans 3 · errors 1 · requests 2 · refused 0");

    export(url);
    assert_eq!(plain_line(&tool.line_with("Internal")), "Internal work jobs custom");
    send(url, "c", "[[");
    tool.line_with("refused, of c 1.2.3 /v0.3/traces: ");

    tool.interrupt();
    let summary = tool.rest();
    assert!(tool.wait().success());
    let summary: Vec<_> = summary.lines().map(plain_line).collect();
    for row in ["bank 1 1", "jobs 1 0", "mails\\u{1b}[31m 1 0", "shop 1 0", "service spans errors"]
    {
        assert!(summary.iter().any(|line| line == row), "{row}: {summary:?}");
    }
    let rust = concat!("rust ", env!("CARGO_PKG_VERSION"), " /v0.4/traces 1 0");
    for row in ["c 1.2.3 /v0.3/traces 1 1", "go 1.2.3 /v0.3/traces 1 0", rust] {
        assert!(summary.iter().any(|line| line == row), "{row}: {summary:?}");
    }
}
