//! The page and its data: their contents, and the clients that get them.
use std::io::{Read, Write};
use std::net::TcpStream;

use datadog_test_agent::TestAgent;
use serde_json::{Value, json};

use super::client::{Answer, ONE_SPAN, connect, put_json, put_msgpack, request, send};

fn agent() -> TestAgent {
    TestAgent::builder().with_page(["dev.example"]).start().unwrap()
}

fn ask(agent: &TestAgent, method: &str, path: &str, headers: &[&str]) -> Answer {
    let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    send(agent, format!("{head}\r\n").as_bytes())
}

fn get(agent: &TestAgent, path: &str) -> Answer {
    ask(agent, "GET", path, &["Host: localhost:8126"])
}

fn json_of(agent: &TestAgent, path: &str) -> Value {
    let answer = get(agent, path);
    assert_eq!(answer.status, Some(200), "{path}: {answer:?}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// A page that follows.
struct Follower {
    stream: TcpStream,
    read: String,
}

impl Follower {
    fn new(agent: &TestAgent, headers: &str) -> Self {
        let mut stream = connect(agent);
        let head = format!("GET /page/events HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        Self { stream, read: String::new() }
    }

    /// Returns the id and the data of the next message.
    fn next(&mut self) -> (String, Value) {
        loop {
            let begin = self.read.find("id: ").unwrap_or(self.read.len());
            if let Some((event, _)) = self.read[begin..].split_once("\n\n") {
                let (id, data) = event[4..].split_once("\ndata: ").unwrap();
                let data = data.replace("\r\n", "");
                let message = (id.to_owned(), serde_json::from_str(&data).unwrap());
                self.read.drain(..begin + event.len() + 2);
                return message;
            }
            let mut piece = [0; 4_096];
            let length = self.stream.read(&mut piece).unwrap();
            assert!(length > 0, "the stream has ended: {}", self.read);
            self.read.push_str(&String::from_utf8_lossy(&piece[..length]));
        }
    }

    fn next_with_traces(&mut self) -> (String, Value) {
        loop {
            let (id, message) = self.next();
            if message["traces"] != json!([]) {
                return (id, message);
            }
        }
    }
}

#[test]
fn without_a_page_there_is_none() {
    let agent = TestAgent::start().unwrap();
    for path in ["/", "/trace/1", "/page/events", "/page/statistics"] {
        assert_eq!(get(&agent, path).status, Some(404), "{path}");
    }
}

#[test]
fn the_page_loads_nothing_from_elsewhere_and_runs_only_its_own_script() {
    let agent = agent();
    for path in ["/", "/trace/68a1b2c3000000000000000000000001", "/?x=1"] {
        let answer = get(&agent, path);
        assert_eq!(answer.status, Some(200), "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let (_, nonce) = policy.split_once("script-src 'nonce-").unwrap();
        let nonce = nonce.split('\'').next().unwrap();
        assert_eq!(answer.text().matches(&format!("nonce=\"{nonce}\"")).count(), 2);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let text = answer.text();
        for outside in
            ["http://", "https://", "innerHTML", "insertAdjacentHTML", "eval(", " style=", " src="]
        {
            assert!(!text.contains(outside), "{outside}");
        }
    }
    assert_ne!(
        get(&agent, "/").header("content-security-policy"),
        get(&agent, "/").header("content-security-policy")
    );
    assert_eq!(ask(&agent, "HEAD", "/", &["Host: localhost"]).body, b"");
    assert_eq!(ask(&agent, "POST", "/", &["Host: localhost"]).status, Some(405));
    assert_eq!(get(&agent, "/trace/").status, Some(404));
    assert_eq!(get(&agent, "/page/nowhere").status, Some(404));
}

/// The headers of a request, and the statuses of the page and of its data.
#[rustfmt::skip]
const VISITORS: &[(&[&str], u16, u16)] = &[
    (&["Host: localhost:8126"], 200, 200),
    (&["Host: LOCALHOST"], 200, 200),
    (&["Host: 127.0.0.1:1"], 200, 200),
    (&["Host: [::1]:8126"], 200, 200),
    (&["Host: dev.example:8126"], 200, 200),
    (&["Host: Dev.Example"], 200, 200),
    (&["Host: evil.example"], 403, 403),
    (&["Host: localhost.evil.example"], 403, 403),
    (&["Host: 10.0.0.1:8126"], 403, 403),
    (&["Host: agent:8126"], 403, 403),
    (&["Host: "], 403, 403),
    (&["Host: localhost:8126", "Origin: http://localhost:8126"], 200, 200),
    (&["Host: localhost:8126", "Origin: http://localhost:3000"], 403, 403),
    (&["Host: localhost:8126", "Origin: https://localhost:8126"], 403, 403),
    (&["Host: localhost:8126", "Origin: http://evil.example"], 403, 403),
    (&["Host: localhost:8126", "Origin: null"], 403, 403),
    (&["Host: localhost", "Sec-Fetch-Site: same-origin"], 200, 200),
    (&["Host: localhost", "Sec-Fetch-Site: none", "Sec-Fetch-Dest: document"], 200, 200),
    (&["Host: localhost", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: document"], 200, 403),
    (&["Host: localhost", "Sec-Fetch-Site: same-site", "Sec-Fetch-Dest: empty"], 403, 403),
    (&["Host: localhost", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: iframe"], 403, 403),
    (&["Host: localhost", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: script"], 403, 403),
];

#[test]
fn pages_of_other_sites_get_neither_the_page_nor_its_data() {
    let agent = agent();
    for (headers, page, data) in VISITORS {
        assert_eq!(ask(&agent, "GET", "/", headers).status, Some(*page), "{headers:?}");
        let answer = ask(&agent, "GET", "/page/statistics", headers);
        assert_eq!(answer.status, Some(*data), "{headers:?}");
        let answer = ask(&agent, "POST", "/page/clear", headers);
        assert_eq!(answer.status, Some(if *data == 200 { 204 } else { 403 }), "{headers:?}");
    }
}

#[test]
fn tracers_may_call_the_agent_by_any_name() {
    let agent = agent();
    for path in ["/v0.4/traces", "/v0.6/stats", "/info"] {
        let status = |header: &str| {
            let head = format!("PUT {path} HTTP/1.1\r\nHost: agent:8126\r\nConnection: close\r\n");
            let head = format!(
                "{head}Content-Type: application/msgpack\r\nContent-Length: 1\r\n{header}\r\n"
            );
            let body = if path == "/v0.6/stats" { b"\x80" } else { b"\x90" };
            send(&agent, &[head.as_bytes(), body].concat()).status
        };
        assert_eq!(status(""), Some(200), "{path}");
        assert_eq!(status("Origin: http://elsewhere\r\n"), Some(200), "{path}");
        assert_eq!(status("Sec-Fetch-Site: cross-site\r\n"), Some(403), "{path}");
    }
}

#[test]
fn a_follower_hears_of_each_trace_once_and_of_changes() {
    let agent = agent();
    put_json(&agent, ONE_SPAN.as_bytes());
    let mut follower = Follower::new(&agent, "");
    let (first, message) = follower.next();
    let trace = &message["traces"][0];
    assert_eq!(trace["id"], "00000000000000000000000000000001");
    assert_eq!((&trace["service"], &trace["resource"]), (&json!("shop"), &json!("GET /")));
    assert_eq!(
        (&trace["duration"], &trace["spans"], &trace["errors"]),
        (&json!(5_000_000), &json!(1), &json!(0))
    );
    assert!(trace["text"].as_str().unwrap().contains("get /"));
    let child = r#"[[{"service":"bank","name":"charge","resource":"charge","trace_id":1,"span_id":3,"parent_id":2,
        "start":1700000000004000000,"duration":9000000,"error":1,"meta":{"Card":"Declined"}}]]"#;
    put_json(&agent, child.as_bytes());
    let (second, message) = follower.next_with_traces();
    let trace = &message["traces"][0];
    assert_eq!((&trace["seq"], &trace["resource"]), (&json!(0), &json!("GET /")));
    assert_eq!(
        (&trace["duration"], &trace["spans"], &trace["errors"]),
        (&json!(13_000_000), &json!(2), &json!(1))
    );
    assert_eq!(trace["services"], json!(["shop", "bank"]));
    assert!(trace["text"].as_str().unwrap().contains("card:declined"));
    assert_eq!(message["totals"]["spans"], 2);
    // A connection that broke goes on where it was.
    let mut again = Follower::new(&agent, &format!("Last-Event-ID: {first}\r\n"));
    assert_eq!(again.next().1["traces"].as_array().unwrap().len(), 1);
    let mut up_to_date = Follower::new(&agent, &format!("Last-Event-ID: {second}\r\n"));
    assert_eq!(up_to_date.next().1["traces"], json!([]));
    let mut of_another_run = Follower::new(&agent, "Last-Event-ID: x-9\r\n");
    assert_eq!(of_another_run.next().1["traces"].as_array().unwrap().len(), 1);
    assert_eq!(ask(&agent, "POST", "/page/clear", &["Host: localhost"]).status, Some(204));
    let (_, message) = follower.next();
    assert_eq!((&message["oldest"], &message["totals"]["traces"]), (&json!(1), &json!(0)));
}

#[test]
fn a_trace_is_found_by_every_form_of_its_id() {
    let agent = agent();
    let body = r#"[[{"service":"a","name":"b","resource":"c","trace_id":11529215046068469760,"span_id":18446744073709551615,
        "start":1700000000000000001,"duration":1,"meta":{"_dd.p.tid":"68a1b2c300000000","x":"</script>"}}]]"#;
    put_json(&agent, body.as_bytes());
    for id in [
        "68a1b2c300000000a000000000000000",
        "11529215046068469760",
        "a000000000000000",
        "A000000000000000",
    ] {
        let trace = json_of(&agent, &format!("/page/trace/{id}"));
        assert_eq!(trace["id"], "68a1b2c300000000a000000000000000", "{id}");
        let span = &trace["spans"][0];
        assert_eq!(span["span_id"], "18446744073709551615");
        assert_eq!(span["start"], "1700000000000000001");
        assert_eq!(span["meta"]["x"], "</script>");
    }
    for id in [
        "1",
        "68a1b2c300000001a000000000000000",
        "x",
        "%00",
        "-1",
        "a0000000000000000000000000000000000",
    ] {
        assert_eq!(get(&agent, &format!("/page/trace/{id}")).status, Some(404), "{id}");
    }
}

#[test]
fn the_complaints_of_the_agent_stand_beside_the_span() {
    let agent = agent();
    let body = r#"[[{"service":"a","name":"","resource":"c","trace_id":1,"span_id":5}]]"#;
    send(
        &agent,
        &request(
            "/v0.3/traces",
            &["Datadog-Meta-Lang: go", "X-Datadog-Trace-Count: 3"],
            body.as_bytes(),
        ),
    );
    let trace = json_of(&agent, "/page/trace/1");
    assert_eq!(trace["spans"][0]["findings"], json!(["the name is empty"]));
    assert_eq!(trace["spans"][0]["tracer"], "go ?");
    let of_trace = trace["findings"].to_string();
    for part in ["X-Datadog-Trace-Count is 3", "Tracer-Version is missing", "_sampling_priority_v1"]
    {
        assert!(of_trace.contains(part), "{part}: {of_trace}");
    }
}

#[test]
fn statistics_are_by_service_and_resource_and_tell_what_was_not_taken() {
    let agent = agent();
    for n in 1..=100 {
        let body = format!(
            r#"[[{{"service":"shop","name":"web","resource":"GET /","trace_id":{n},"span_id":1,"duration":{n}000000,"error":{}}}]]"#,
            n % 2
        );
        put_json(&agent, body.as_bytes());
    }
    put_json(&agent, b"[[");
    put_msgpack(&agent, b"\x90");
    send(&agent, &request("/v0.7/traces", &["Datadog-Meta-Lang: ruby"], b""));
    send(&agent, &request("/telemetry/proxy/api/v2/apmtelemetry", &[], b""));
    let data = json_of(&agent, "/page/statistics");
    let row = &data["spans"][0];
    assert_eq!(
        (&row["service"], &row["resource"], &row["hits"], &row["errors"]),
        (&json!("shop"), &json!("GET /"), &json!(100), &json!(50))
    );
    for (percentile, expected) in [("p50", 50e6), ("p95", 95e6), ("p99", 99e6)] {
        let value = row[percentile].as_f64().unwrap();
        assert!((value / expected - 1.0).abs() < 0.02, "{percentile}: {value}");
    }
    assert_eq!(data["refusals"].as_array().unwrap().len(), 2, "{}", data["refusals"]);
    assert!(
        data["refusals"][0].to_string().contains("ruby ? /v0.7/traces"),
        "{}",
        data["refusals"]
    );
    assert!(
        data["tracers"].to_string().contains(r#"["? ? /v0.3/traces",102,1]"#),
        "{}",
        data["tracers"]
    );
}

#[test]
fn followers_that_do_not_read_hold_nobody_up() {
    let agent = agent();
    let mut idle: Vec<_> = (0..40).map(|_| Follower::new(&agent, "")).collect();
    let mut refused = 0;
    for follower in &mut idle {
        let mut start = [0; 12];
        follower.stream.read_exact(&mut start).unwrap();
        refused += usize::from(&start == b"HTTP/1.1 503");
    }
    assert_eq!(refused, 8);
    let value = "x".repeat(10_000);
    for n in 1..300 {
        let body = format!(
            r#"[[{{"service":"{value}{n}","trace_id":{n},"span_id":1,"meta":{{"a":"{value}"}}}}]]"#
        );
        assert_eq!(put_json(&agent, body.as_bytes()).status, Some(200));
    }
    drop(idle);
    assert_eq!(json_of(&agent, "/page/statistics")["tracers"][0][1], 299);
}
