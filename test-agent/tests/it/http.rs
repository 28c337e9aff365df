//! Paths, headers, limits and clocks.
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use datadog_test_agent::TestAgent;

use super::client::{ONE_SPAN, SOON, connect, put_json, put_msgpack, read_answer, request, send};

/// The path, the status, and whether the answer names the Agent.
const PATHS: &[(&str, u16, bool)] = &[
    ("/v0.3/traces", 200, true),
    ("/v0.4/traces", 200, true),
    ("/v0.3/traces?x=1", 200, true),
    ("/v0.3/traces/", 404, false),
    ("/v0.5/traces", 400, true),
    ("/v0.7/traces", 404, false),
    ("/telemetry/proxy/api/v2/apmtelemetry", 404, false),
    ("/v0.7/config", 404, false),
    ("/", 404, false),
    ("//v0.3/traces", 307, false),
    ("/x/../v0.3/traces", 307, false),
];

#[test]
fn requests_that_are_taken_out_are_forgotten() {
    let agent = TestAgent::start().unwrap();
    put_json(&agent, ONE_SPAN.as_bytes());
    put_json(&agent, b"not json");
    let statuses: Vec<_> = agent.take_requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(200), Some(400)]);
    assert!(agent.take_requests().is_empty() && agent.spans().is_empty());
    put_json(&agent, ONE_SPAN.as_bytes());
    assert_eq!(agent.take_requests().len(), 1);
}

#[test]
fn only_the_exact_paths_take_traces() {
    let agent = TestAgent::start().unwrap();
    for (path, status, named) in PATHS {
        let answer = send(&agent, &request(path, &[], b"[]"));
        assert_eq!(answer.status, Some(*status), "{path}: {answer:?}");
        assert_eq!(answer.header("datadog-agent-version").is_some(), *named, "{path}");
        assert_eq!(
            answer.header("datadog-agent-state").is_some_and(|state| state.len() == 64),
            *named,
            "{path}"
        );
    }
    // Those for traces, whether they are read or not.
    assert_eq!(agent.requests().len(), 5);
    assert_eq!(send(&agent, &request("/nowhere", &[], b"")).text(), "404 page not found\n");
    let redirect = send(&agent, &request("//v0.3/traces", &[], b""));
    assert_eq!((redirect.header("location"), redirect.text()), (Some("/v0.3/traces"), ""));
}

#[test]
fn any_method_and_version_will_do() {
    let agent = TestAgent::start().unwrap();
    for start in ["PUT", "POST", "PATCH", "GET"] {
        let bytes = String::from_utf8(request("/v0.3/traces", &[], b"[]"))
            .unwrap()
            .replacen("PUT", start, 1);
        assert_eq!(send(&agent, bytes.as_bytes()).status, Some(200), "{start}");
    }
    let old = "PUT /v0.3/traces HTTP/1.0\r\nContent-Length: 2\r\n\r\n[]";
    assert_eq!(send(&agent, old.as_bytes()).status, Some(200));
    let chunked = "PUT /v0.3/traces HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n";
    assert_eq!(send(&agent, chunked.as_bytes()).status, Some(200));
    let methods: Vec<_> = agent.requests().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["PUT", "POST", "PATCH", "GET", "PUT", "PUT"]);
}

/// The content type, and the statuses of a JSON and of a MessagePack body.
const CONTENT_TYPES: &[(&str, u16, u16)] = &[
    ("Content-Type: application/json", 200, 400),
    ("Content-Type: text/json", 200, 400),
    ("Content-Type: application/msgpack", 400, 200),
    ("Content-Type: Application/MsgPack; v=1", 400, 200),
    ("Content-Type: application/msgpack; =", 200, 400),
    ("X-None: of these", 200, 400),
    ("Content-Type: text/plain", 200, 400),
    ("Content-Type: application/octet-stream", 200, 400),
    ("Content-Type: application/x-msgpack", 200, 400),
];

#[test]
fn the_content_type_decides_the_format() {
    let agent = TestAgent::start().unwrap();
    for (header, json, msgpack) in CONTENT_TYPES {
        let status = |body: &[u8]| send(&agent, &request("/v0.3/traces", &[header], body)).status;
        assert_eq!(status(b"[[]]"), Some(*json), "{header}, JSON");
        assert_eq!(status(b"\x91\x90"), Some(*msgpack), "{header}, MessagePack");
    }
}

#[test]
fn a_content_encoding_is_ignored() {
    let agent = TestAgent::start().unwrap();
    let gzip = ["Content-Encoding: gzip"];
    assert_eq!(send(&agent, &request("/v0.3/traces", &gzip, b"[]")).status, Some(200));
    assert_eq!(send(&agent, &request("/v0.3/traces", &gzip, b"\x1f\x8b\x08\0")).status, Some(400));
}

#[test]
fn heads_are_refused_as_the_agent_does() {
    let agent = TestAgent::start().unwrap();
    let cross = send(&agent, &request("/v0.3/traces", &["Sec-Fetch-Site: cross-site"], b"[]"));
    assert_eq!((cross.status, cross.text()), (Some(403), "cross-site request rejected\n"));
    assert!(cross.header("datadog-agent-version").is_some());
    let same = send(&agent, &request("/v0.3/traces", &["Sec-Fetch-Site: same-origin"], b"[]"));
    assert_eq!(same.status, Some(200));
    let expect = send(&agent, &request("/v0.3/traces", &["Expect: a miracle"], b"[]"));
    assert_eq!((expect.status, expect.text()), (Some(417), ""));
    let hostless = send(&agent, b"PUT /v0.3/traces HTTP/1.1\r\nContent-Length: 2\r\n\r\n[]");
    assert_eq!(hostless.status, Some(400));
    let statuses: Vec<_> = agent.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [Some(403), Some(200), Some(417), Some(400)]);
}

#[test]
fn a_client_that_expects_100_continue_gets_it() {
    let agent = TestAgent::start().unwrap();
    let mut stream = connect(&agent);
    stream
        .write_all(b"PUT /v0.3/traces HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        .unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"[]").unwrap();
    assert_eq!(read_answer(stream).status, Some(200));
}

#[test]
fn v03_says_ok_and_v04_hands_out_the_rates() {
    let agent = TestAgent::start().unwrap();
    let answer = put_json(&agent, b"[]");
    assert_eq!(
        (answer.text(), answer.header("content-type")),
        ("OK\n", Some("text/plain; charset=utf-8"))
    );
    let v04 = |headers: &[&str]| send(&agent, &request("/v0.4/traces", headers, b"[]"));
    let answer = v04(&[]);
    assert_eq!(answer.text(), "{\"rate_by_service\":{}}\n");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("datadog-rates-payload-version"), None);
    let answer = v04(&["Datadog-Rates-Payload-Version: 0"]);
    assert_eq!(answer.header("datadog-rates-payload-version"), Some(""));

    agent.set_rates(BTreeMap::from([("service:,env:".to_owned(), 0.5)]));
    let answer = v04(&["Datadog-Rates-Payload-Version: 0"]);
    assert_eq!(answer.text(), "{\"rate_by_service\":{\"service:,env:\":0.5}}\n");
    let version = answer.header("datadog-rates-payload-version").unwrap().to_owned();
    let again = v04(&[&format!("Datadog-Rates-Payload-Version: {version}")]);
    assert_eq!(
        (again.text(), again.header("datadog-rates-payload-version")),
        ("{}", Some(version.as_str()))
    );
}

#[test]
fn info_tells_the_limit() {
    let agent = TestAgent::builder().with_max_request_bytes(12_345).start().unwrap();
    let answer = send(&agent, &request("/info", &[], b""));
    let info: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(info["config"]["max_request_bytes"], 12_345);
    assert_eq!(info["client_drop_p0s"], false);
    assert_eq!(info["endpoints"][0], "/v0.3/traces");
    assert!(agent.requests().is_empty());
}

/// Returns a JSON document of exactly this length.
fn json_of(bytes: usize) -> Vec<u8> {
    let mut body = br#"[[{"trace_id":1,"x":""#.to_vec();
    body.resize(bytes - 4, b'a');
    body.extend_from_slice(br#""}]]"#);
    body
}

/// Returns a MessagePack document of exactly this length.
fn msgpack_of(bytes: usize) -> Vec<u8> {
    let text = u32::try_from(bytes - 10).unwrap();
    let mut body = b"\x91\x91\x81\xa1x\xdb".to_vec();
    body.extend_from_slice(&text.to_be_bytes());
    body.resize(bytes, b'a');
    body
}

#[test]
fn the_size_limit_has_the_edges_of_the_agent() {
    const LIMIT: usize = 1_000;
    let agent = TestAgent::builder().with_max_request_bytes(LIMIT).start().unwrap();
    assert_eq!(put_json(&agent, &json_of(LIMIT)).status, Some(200));
    let padded = [json_of(LIMIT), b"     ".to_vec()].concat();
    assert_eq!(put_json(&agent, &padded).status, Some(200));
    let answer = put_json(&agent, &json_of(LIMIT + 1));
    assert_eq!((answer.status, answer.text()), (Some(413), "payload-too-large\n"));
    assert_eq!(put_msgpack(&agent, &msgpack_of(LIMIT - 1)).status, Some(200));
    assert_eq!(put_msgpack(&agent, &msgpack_of(LIMIT)).status, Some(413));
    assert_eq!(put_msgpack(&agent, &msgpack_of(LIMIT + 1)).status, Some(413));
    assert_eq!(agent.spans().len(), 3);
}

#[test]
fn the_default_limit_is_25_mebibytes() {
    let agent = TestAgent::start().unwrap();
    assert_eq!(put_json(&agent, &json_of(26_214_400)).status, Some(200));
    assert_eq!(put_json(&agent, &json_of(26_214_401)).status, Some(413));
}

#[test]
fn a_late_body_is_answered_with_408_and_a_late_head_not_at_all() {
    let agent = TestAgent::builder().with_read_timeout(Duration::from_millis(100)).start().unwrap();
    let mut late = connect(&agent);
    late.write_all(b"PUT /v0.3/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n[").unwrap();
    let answer = read_answer(late);
    assert_eq!((answer.status, answer.text()), (Some(408), "timeout\n"));
    assert_eq!(answer.header("connection"), Some("close"));
    let mut late = connect(&agent);
    late.write_all(b"PUT /v0.3/traces HTTP/1.1\r\nHost").unwrap();
    assert_eq!(read_answer(late).status, None);
    assert_eq!(agent.requests().len(), 1);
}

#[test]
fn connections_are_kept_and_closed_when_idle() {
    let agent = TestAgent::builder().with_idle_timeout(Duration::from_millis(500)).start().unwrap();
    let mut stream = connect(&agent);
    let begin = Instant::now();
    for _ in 0..3 {
        stream
            .write_all(b"PUT /v0.3/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n[]")
            .unwrap();
        agent.wait_for_requests(1, SOON).unwrap();
        agent.clear();
    }
    let answers = read_answer(stream);
    assert!(begin.elapsed() >= Duration::from_millis(500));
    assert_eq!(answers.text().matches("OK\n").count() + 1, 4, "{answers:?}");
    assert_eq!(agent.connections(), 1);
}

#[test]
fn spans_are_merged_by_their_whole_trace_id() {
    let agent = TestAgent::start().unwrap();
    let chunk = |trace: u64, span: u64, high: &str| {
        format!(r#"[{{"trace_id":{trace},"span_id":{span},"meta":{{"_dd.p.tid":"{high}"}}}}]"#)
    };
    let first =
        format!("[{},{}]", chunk(1, 1, "000000000000000a"), chunk(1, 2, "000000000000000b"));
    let second = format!("[{}]", chunk(1, 3, "000000000000000a"));
    put_json(&agent, first.as_bytes());
    put_json(&agent, second.as_bytes());
    let ids = |trace: &[datadog_test_agent::ReceivedSpan]| -> Vec<u64> {
        trace.iter().map(|span| span.span_id).collect()
    };
    assert_eq!(
        agent.traces().iter().map(|trace| ids(trace)).collect::<Vec<_>>(),
        [vec![1, 3], vec![2]]
    );
    assert_eq!(ids(&agent.spans()), [1, 2, 3]);
}

#[test]
fn headers_are_found_in_any_letter_case() {
    let agent = TestAgent::start().unwrap();
    send(&agent, &request("/v0.3/traces", &["Datadog-Meta-Lang: rust"], ONE_SPAN.as_bytes()));
    let requests = agent.requests();
    assert_eq!(requests[0].header("DATADOG-meta-lang"), Some("rust"));
    assert_eq!(requests[0].header("datadog-meta-lang-version"), None);
    assert_eq!(requests[0].body, ONE_SPAN.as_bytes());
    assert!(format!("{:?}", requests[0]).contains("bytes"));
}

#[cfg(unix)]
#[test]
fn only_a_socket_is_replaced_by_a_socket() {
    let path = std::env::temp_dir().join(format!("no-socket-{}", std::process::id()));
    std::fs::write(&path, "precious").unwrap();
    let error = TestAgent::builder().with_unix_socket(&path).start().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();
    // A socket that was left behind is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    drop(TestAgent::builder().with_unix_socket(&path).start().unwrap());
    assert!(!path.exists());
}
