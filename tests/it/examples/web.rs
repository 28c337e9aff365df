//! The web service: driven by a real client, read by its log lines, ended as Ctrl-C would.
#![cfg(all(unix, feature = "json-logs"))]

use serde_json::Value as Json;

use super::command;
use super::process::Running;
use super::{answer, assert_arrived, shown};
use crate::support::agent;

#[test]
fn a_web_service_continues_a_trace_logs_its_ids_and_ends_in_order() {
    let agent = agent();
    let mut service =
        Running::start(command("axum").arg("127.0.0.1:0").env("DD_TRACE_AGENT_URL", agent.url()));
    let first: Json = serde_json::from_str(&service.line_with("listening")).unwrap();
    let url = format!("http://{}/orders/7", first["address"].as_str().unwrap());

    let answer = post(&url);
    assert_eq!(answer, "order 7 placed, 3 left\n");
    let line = service.line_with("order placed");
    assert!(line.starts_with("{\"dd.service\":\"shop\",\"dd.trace_id\":\""), "{line}");
    let line: Json = serde_json::from_str(&line).unwrap();
    service.interrupt();
    assert!(service.wait().success());

    assert_arrived(&agent, &shown("axum")[0]);
    let spans = agent.spans();
    let root = spans.iter().find(|span| span.parent_id == 0x51).unwrap();
    assert_eq!(root.metrics.get("_sampling_priority_v1"), Some(&2.0));
    assert_eq!(line["dd.trace_id"], "0000000000000000000000000000004d");
    assert_eq!(line["dd.span_id"], format!("{:016x}", root.span_id));
    for span in &spans {
        assert_eq!(span.trace_id, 0x4d);
        assert_eq!(span.meta["http.status_code"], "200");
    }
}

/// Places an order within a trace of a Datadog tracer's.
fn post(url: &str) -> String {
    let request = reqwest::Client::new()
        .post(url)
        .header("x-datadog-trace-id", 0x4d)
        .header("x-datadog-parent-id", 0x51)
        .header("x-datadog-sampling-priority", 2);
    answer(request)
}
