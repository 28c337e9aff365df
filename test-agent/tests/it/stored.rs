//! Traces as the Agent would keep them.
use datadog_test_agent::{Decision, ReceivedSpan, StoredTrace, TestAgent};

use super::client::{put_json, request, send};

/// Returns what is stored of these chunks, which are JSON without the ids.
fn stored(chunks: &str) -> Vec<StoredTrace> {
    let agent = TestAgent::start().unwrap();
    assert_eq!(put_json(&agent, chunks.as_bytes()).status, Some(200));
    agent.stored()
}

/// Returns the one span with these members that is stored.
fn stored_span(members: &str) -> ReceivedSpan {
    let traces = stored(&format!(
        r#"[[{{"trace_id":1,"span_id":2,"start":1700000000000000000,{members}}}]]"#
    ));
    traces[0].root_span().clone()
}

#[test]
fn texts_are_normalised() {
    let span = stored_span(
        r#""service":"My Service!@# x","name":"123abc def-ghi..x__y_","meta":{"env":"Prod ENV"}"#,
    );
    assert_eq!((span.service.as_str(), span.name.as_str()), ("my_service_x", "abc_def_ghi..x_y"));
    assert_eq!(
        (span.resource.as_str(), span.meta["env"].as_str()),
        ("abc_def_ghi..x_y", "prod_env")
    );
    let span = stored_span(r#""name":"日本""#);
    assert_eq!(
        (span.service.as_str(), span.name.as_str()),
        ("unnamed-service", "unnamed_operation")
    );
}

#[test]
fn texts_are_normalised_as_in_the_tests_of_the_agent() {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/vectors/normalize.json")).unwrap();
    let mut checked = 0;
    for vector in file["vectors"].as_array().unwrap() {
        let input = &vector["input"];
        let read: fn(&ReceivedSpan) -> &str = match vector["fn"].as_str().unwrap() {
            "service" => |span| &span.service,
            "name" => |span| &span.name,
            "tag_value" => |span| &span.meta["env"],
            // Tags are normalised by a rule that no field of a span goes by.
            _ => continue,
        };
        let span =
            stored_span(&format!(r#""service":{input},"name":{input},"meta":{{"env":{input}}}"#));
        assert_eq!(read(&span), vector["output"].as_str().unwrap(), "{}", vector["id"]);
        checked += 1;
    }
    assert!(checked >= 15, "only {checked} vectors fit");
}

#[test]
fn a_missing_service_is_named_after_the_language() {
    let agent = TestAgent::start().unwrap();
    let body = br#"[[{"trace_id":1,"span_id":2}]]"#;
    send(&agent, &request("/v0.3/traces", &["Datadog-Meta-Lang: rust"], body));
    assert_eq!(agent.stored()[0].root_span().service, "unnamed-rust-service");
    assert_eq!(agent.spans()[0].service, "");
}

#[test]
fn numbers_are_repaired() {
    let span = stored_span(r#""duration":-1"#);
    assert_eq!((span.start, span.duration), (1_700_000_000_000_000_000, 0));
    assert_eq!(stored_span(r#""duration":9223372036854775807"#).duration, 0);
    let early = stored_span(r#""start":0,"duration":5"#);
    assert!(early.start > 1_700_000_000_000_000_000);
    let valid = stored_span(r#""meta":{"http.status_code":"200"}"#);
    assert_eq!(valid.meta["http.status_code"], "200");
    for status in ["99", "600", "OK", ""] {
        let span = stored_span(&format!(r#""meta":{{"http.status_code":"{status}"}}"#));
        assert!(span.meta.is_empty(), "{status}");
    }
}

#[test]
fn long_texts_are_cut() {
    let e = "é".repeat(3_000);
    assert_eq!(stored_span(&format!(r#""resource":"{e}""#)).resource.len(), 5_000);
    let long = "x".repeat(30_000);
    let span = stored_span(&format!(
        r#""meta":{{"a":"{long}","{0}":"","_dd.a.json":"{long}"}},"metrics":{{"{0}":1}}"#,
        &long[..300]
    ));
    assert_eq!((span.meta["a"].len(), span.meta["_dd.a.json"].len()), (25_003, 30_000));
    let marked = format!("{}...", &long[..200]);
    assert!(span.meta.contains_key(&marked) && span.metrics.contains_key(&marked));
}

#[test]
fn lists_that_the_agent_refuses_are_not_stored() {
    for chunk in [
        r#"{"trace_id":0,"span_id":1}"#,
        r#"{"trace_id":1,"span_id":0}"#,
        r#"{"trace_id":1,"span_id":1},{"trace_id":2,"span_id":2}"#,
        r#"{"trace_id":1,"span_id":1,"meta":{"_dd.p.tid":"a"}},{"trace_id":1,"span_id":2,"meta":{"_dd.p.tid":"b"}}"#,
        "",
    ] {
        let traces = stored(&format!(r#"[[{chunk}],[{{"trace_id":9,"span_id":9}}]]"#));
        assert_eq!(traces.len(), 1, "{chunk}");
        assert_eq!(traces[0].root_span().trace_id, 9);
    }
}

/// The priority, whether the span failed, and the decision.
const DECISIONS: &[(&str, bool, Decision)] = &[
    ("2", false, Decision::Keep),
    ("1", false, Decision::Keep),
    ("1.9", false, Decision::Keep),
    ("257", false, Decision::Keep),
    ("0", false, Decision::Drop),
    ("0.5", false, Decision::Drop),
    ("-0.5", false, Decision::Drop),
    ("0", true, Decision::LeaveToSampler),
    ("3", false, Decision::Drop),
    ("3", true, Decision::LeaveToSampler),
    ("-1", false, Decision::Drop),
    ("-1", true, Decision::Drop),
    ("-128", false, Decision::LeaveToSampler),
];

#[test]
fn the_priority_decides() {
    for (priority, failed, expected) in DECISIONS {
        let error = u8::from(*failed);
        let traces = stored(&format!(
            r#"[[{{"trace_id":1,"span_id":1,"error":{error},"metrics":{{"_sampling_priority_v1":{priority}}}}}]]"#
        ));
        assert_eq!(traces[0].decision, *expected, "{priority}, failed: {failed}");
    }
    let none = stored(r#"[[{"trace_id":1,"span_id":1,"meta":{"_sampling_priority_v1":"1"}}]]"#);
    assert_eq!((none[0].priority, none[0].decision), (None, Decision::LeaveToSampler));
    let sampled = r#"{"_sampling_priority_v1":-1,"_dd.span_sampling.mechanism":8}"#;
    let sampled = stored(&format!(r#"[[{{"trace_id":1,"span_id":1,"metrics":{sampled}}}]]"#));
    assert_eq!(sampled[0].decision, Decision::KeepSampledSpans);
}

#[test]
fn the_root_gives_the_trace_its_properties() {
    let traces = stored(
        r#"[[
        {"trace_id":1,"span_id":2,"parent_id":1,"service":"a","meta":{"_dd.p.dm":"-1","_dd.origin":"x"},"metrics":{"_sampling_priority_v1":2}},
        {"trace_id":1,"span_id":1,"service":"a","meta":{"_dd.origin":"lambda"},"metrics":{"_sampling_priority_v1":1,"_sample_rate":0.1}},
        {"trace_id":1,"span_id":3,"parent_id":1,"service":"b"},
        {"trace_id":1,"span_id":4,"parent_id":3,"service":"b","meta":{"span.kind":"Client"}},
        {"trace_id":1,"span_id":5,"parent_id":3,"service":"b","metrics":{"_dd.measured":1}},
        {"trace_id":1,"span_id":6,"parent_id":99,"service":"b","metrics":{"_dd.partial_version":0}}
        ]]"#,
    );
    let trace = &traces[0];
    assert_eq!((trace.root, trace.priority, trace.weight), (1, Some(1), 10.0));
    assert_eq!(
        (trace.origin.as_deref(), trace.decision_maker.as_deref()),
        (Some("lambda"), Some("-1"))
    );
    let top_level: Vec<_> = trace.spans.iter().map(|stored| stored.is_top_level).collect();
    assert_eq!(top_level, [false, true, true, false, false, true]);
    let stats: Vec<_> = trace.spans.iter().map(|stored| stored.has_stats).collect();
    assert_eq!(stats, [false, true, true, true, true, false]);
}

#[test]
fn the_client_can_say_what_is_top_level_and_compute_statistics() {
    let agent = TestAgent::start().unwrap();
    let body = br#"[[{"trace_id":1,"span_id":1},{"trace_id":1,"span_id":2,"parent_id":1,"metrics":{"_dd.top_level":1}}]]"#;
    send(&agent, &request("/v0.3/traces", &["Datadog-Client-Computed-Top-Level: yes"], body));
    send(&agent, &request("/v0.3/traces", &["Datadog-Client-Computed-Stats: yes"], body));
    let traces = agent.stored();
    let spans: Vec<_> = traces.iter().flat_map(|trace| &trace.spans).collect();
    assert_eq!(
        spans.iter().map(|stored| stored.is_top_level).collect::<Vec<_>>(),
        [false, true, true, false]
    );
    assert_eq!(
        spans.iter().map(|stored| stored.has_stats).collect::<Vec<_>>(),
        [false, true, false, false]
    );
}

#[test]
fn the_first_trace_gives_the_request_its_environment() {
    let traces = stored(
        r#"[[{"trace_id":1,"span_id":1,"meta":{"env":"e1"}}],
        [{"trace_id":2,"span_id":1,"meta":{"env":"e2","version":"v2","_dd.hostname":"h2"}}]]"#,
    );
    for trace in traces {
        assert_eq!(trace.env.as_deref(), Some("e1"));
        assert_eq!(trace.version.as_deref(), Some("v2"));
        assert_eq!(trace.hostname.as_deref(), Some("h2"));
    }
}
