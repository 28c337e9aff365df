//! The strict mode: one row per finding.
use datadog_test_agent::{Fault, TestAgent};

use super::client::{request, send};

const HEADERS: [&str; 3] =
    ["X-Datadog-Trace-Count: 1", "Datadog-Meta-Lang: rust", "Datadog-Meta-Tracer-Version: 1"];

/// Returns the members of a flawless span, with some replaced or added.
fn span(changes: &str) -> String {
    let mut span: serde_json::Map<String, serde_json::Value> = serde_json::from_str(
        r#"{"service":"shop","name":"web.request","resource":"GET /","type":"web","trace_id":1,"span_id":2,
        "parent_id":0,"start":1700000000000000000,"duration":5,"metrics":{"_sampling_priority_v1":1}}"#,
    )
    .unwrap();
    let changes: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&format!("{{{changes}}}")).unwrap();
    span.extend(changes);
    serde_json::Value::from(span).to_string()
}

fn violations(headers: &[&str], body: &str) -> Vec<String> {
    let agent = TestAgent::start().unwrap();
    send(&agent, &request("/v0.3/traces", headers, body.as_bytes()));
    agent.requests()[0].violations()
}

fn violations_of(chunks: &str) -> Vec<String> {
    let headers = ["Datadog-Meta-Lang: rust", "Datadog-Meta-Tracer-Version: 1"];
    let found = violations(&headers, chunks);
    found.into_iter().filter(|what| !what.contains("Trace-Count")).collect()
}

#[test]
fn a_correct_request_has_none() {
    assert_eq!(violations(&HEADERS, &format!("[[{}]]", span(""))), Vec::<String>::new());
}

#[test]
fn headers_that_are_missing_or_wrong_are_found() {
    let body = format!("[[{}]]", span(""));
    for missing in 0..HEADERS.len() {
        let mut headers = HEADERS.to_vec();
        let name = headers.remove(missing).split(':').next().unwrap();
        assert_eq!(violations(&headers, &body), [format!("the header {name} is missing")]);
    }
    let found = violations(&["X-Datadog-Trace-Count: 2", HEADERS[1], HEADERS[2]], &body);
    assert_eq!(found, ["X-Datadog-Trace-Count is 2, the body has 1 traces"]);
    let found = violations(&[HEADERS[0], HEADERS[1], HEADERS[2], "Content-Encoding: gzip"], &body);
    assert_eq!(found, ["Content-Encoding is gzip, which the Agent ignores"]);
}

#[test]
fn spans_that_lose_something_are_found() {
    let long = "x".repeat(5_001);
    let rows = [
        (r#""service":"""#.to_owned(), "the service is empty"),
        (r#""name":"""#.to_owned(), "the name is empty"),
        (r#""resource":"""#.to_owned(), "the resource is empty"),
        (format!(r#""resource":"{long}""#), "the resource has 5001 bytes, more than 5000"),
        (format!(r#""name":"{}""#, &long[..101]), "the name has 101 bytes, more than 100"),
        (format!(r#""type":"{}""#, &long[..101]), "the type has 101 bytes, more than 100"),
        (r#""span_id":0"#.to_owned(), "the span id is 0"),
        (r#""trace_id":0"#.to_owned(), "the trace id is 0"),
        (r#""parent_id":2"#.to_owned(), "it is its own parent"),
        (r#""duration":-1"#.to_owned(), "the duration -1 is negative"),
        (r#""duration":9223372036854775807"#.to_owned(), "its end is beyond the largest time"),
        (format!(r#""meta":{{"{}":""}}"#, &long[..204]), "a key has 204 bytes, more than 203"),
        (
            format!(r#""meta":{{"a":"{}"}}"#, "x".repeat(25_004)),
            "the value of a has 25004 bytes, more than 25003",
        ),
    ];
    for (changes, expected) in rows {
        let found = violations_of(&format!("[[{}]]", span(&changes)));
        assert_eq!(found.len(), 1, "{expected}: {found:?}");
        assert!(found[0].starts_with(&format!("trace 0, span 0: {expected}")), "{found:?}");
    }
    let exempt = format!(r#""meta":{{"_dd.x.json":"{}"}}"#, "x".repeat(30_000));
    assert_eq!(violations_of(&format!("[[{}]]", span(&exempt))), Vec::<String>::new());
}

#[test]
fn traces_that_lose_something_are_found() {
    let one = span("");
    let other = |changes: &str| span(&format!(r#""span_id":3,"parent_id":2,{changes}"#));
    let rows = [
        ("[]".to_owned(), "the request has no traces"),
        ("[[]]".to_owned(), "trace 0: it has no spans"),
        (format!("[[{one},{one}]]"), "trace 0: the span id 2 comes twice"),
        (format!("[[{one},{}]]", other(r#""trace_id":9"#)), "trace 0: it mixes trace ids"),
        (format!("[[{one},null]]"), "trace 0: it has a null span, which ends older Agents"),
        (
            format!(
                "[[{},{}]]",
                span(r#""meta":{"_dd.p.tid":"a"}"#),
                other(r#""meta":{"_dd.p.tid":"b"}"#)
            ),
            "trace 0: it mixes _dd.p.tid: {\"a\", \"b\"}",
        ),
        (
            format!("[[{}]]", span(r#""metrics":{}"#)),
            "trace 0: the first span has no _sampling_priority_v1",
        ),
        (
            format!("[[{}]]", span(r#""metrics":{"_sampling_priority_v1":3}"#)),
            "trace 0: the priority 3 is none of -1, 0, 1, 2",
        ),
        (
            format!("[[{}],[{}]]", span(r#""meta":{"env":"a"}"#), span(r#""meta":{"env":"b"}"#)),
            "the traces of one request differ in env: {\"a\", \"b\"}",
        ),
        (
            format!("[[{}],[{one}]]", span(r#""meta":{"_dd.hostname":"a"}"#)),
            "the traces of one request differ in _dd.hostname: {\"\", \"a\"}",
        ),
        (r#"[[{"trace_id":"x"}]]"#.to_owned(), "the body cannot be decoded: "),
    ];
    for (chunks, expected) in rows {
        let found = violations_of(&chunks);
        assert_eq!(found.len(), 1, "{expected}: {found:?}");
        assert!(found[0].starts_with(expected), "{found:?}");
    }
}

#[test]
fn repeated_keys_are_found_at_every_level() {
    let rows = [
        (r#""meta":{"a":"1","a":"2"}"#, "the key `a` comes twice in meta"),
        (
            r#""metrics":{"_sampling_priority_v1":1,"_sampling_priority_v1":2}"#,
            "the key `_sampling_priority_v1` comes twice in metrics",
        ),
        (r#""error":0,"error":0"#, "the key `error` comes twice"),
        (r#""error":0,"ERROR":0"#, "the key `ERROR` comes twice"),
    ];
    for (members, expected) in rows {
        let mut body = span("");
        if members.contains("metrics") {
            body = body.replace(r#""metrics":{"_sampling_priority_v1":1},"#, "");
        }
        let found = violations_of(&format!(
            "[[{},{members}}}]]",
            body.trim_end_matches('}').to_owned() + closing(&body)
        ));
        assert_eq!(found, [format!("trace 0, span 0: {expected}")]);
    }
}

/// Returns what cutting all closing braces took too many.
fn closing(span: &str) -> &'static str {
    if span.ends_with("}}") { "}" } else { "" }
}

#[test]
fn a_refused_request_is_looked_at_too() {
    let agent = TestAgent::start().unwrap();
    agent.reply_with([Fault::Status(503)]);
    send(&agent, &request("/v0.3/traces", &HEADERS, b"[[]]"));
    assert_eq!(agent.requests()[0].violations(), ["trace 0: it has no spans"]);
}
