//! The embedded Agent as a program: what it draws of requests in each version and form, and its summary.
#![cfg(unix)]

use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;

use datadog_test_agent::TestAgent;

use crate::client::{SOON, read_answer};
use crate::picture::plain_line;
use crate::process::Running;

/// A request of two spans, as a tracer for Go sends it.
const OF_GO: &str = r#"[[
    {"service":"shop","name":"http.request","resource":"GET /","type":"web","trace_id":7,"span_id":1,
     "start":1700000000000000000,"duration":5000000},
    {"service":"bank","name":"bank.charge","resource":"charge","type":"custom","trace_id":7,"span_id":2,
     "parent_id":1,"start":1700000000001000000,"duration":2000000,"error":1,"meta":{"error.message":"declined"}}]]"#;

/// One more span of the same trace, as another service sends it later.
const OF_PYTHON: &str = r#"[[{"service":"mails\u001b[31m","name":"mail.send","resource":"send","type":"custom",
    "trace_id":7,"span_id":3,"parent_id":1,"start":1700000000002000000,"duration":1000000}]]"#;

/// One span in MessagePack, as a tracer sends it to v0.4.
const OF_RUST: &[u8] = b"\x91\x91\x88\xa7service\xa4jobs\xa4name\xa8Internal\xa8resource\xa4work\xa4type\xa6custom\
    \xa8trace_id\x09\xa7span_id\x01\xa5start\xcf\x17\x97\x9c\xfe\x36\x2a\x00\x00\xa8duration\xce\x00\x0f\x42\x40";

/// Sends a body as the tracer of a language does.
pub(crate) fn send(url: &str, (language, path, content_type): (&str, &str, &str), body: &[u8]) {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         Datadog-Meta-Lang: {language}\r\nDatadog-Meta-Tracer-Version: 1.2.3\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    read_answer(stream);
}

fn send_json(url: &str, language: &str, body: &str) {
    send(url, (language, "/v0.3/traces", "application/json"), body.as_bytes());
}

/// Returns the command that runs the program.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_datadog-test-agent"));
    command.env_remove("CLICOLOR_FORCE").env("NO_COLOR", "1");
    command
}

#[test]
fn the_program_draws_every_trace_and_sums_up_at_the_end() {
    let mut tool = Running::start(program().arg("0"));
    let listening = tool.line_with("listening on http://");
    let url = listening.split([' ', ',']).nth(2).unwrap();

    send_json(url, "go", OF_GO);
    assert!(tool.line_with("trace 0").contains("2 spans · shop, bank"));
    assert_eq!(plain_line(&tool.line_with("http.request")), "http.request GET / shop web");
    let failed = "└─ bank.charge charge bank custom ERROR declined";
    assert_eq!(plain_line(&tool.line_with("bank.charge")), failed);
    tool.line_with("traces 1 · spans 2 · errors 1 · requests 1 · refused 0");

    send_json(url, "python", OF_PYTHON);
    assert!(tool.line_with("trace 0").contains("3 spans"));
    tool.line_with("└─ mail.send");
    tool.line_with("traces 1 · spans 3 · errors 1 · requests 2 · refused 0");

    send(url, ("rust", "/v0.4/traces", "application/msgpack"), OF_RUST);
    assert_eq!(plain_line(&tool.line_with("Internal")), "Internal work jobs custom");
    send_json(url, "c", "[[");
    tool.line_with("refused, of c 1.2.3 /v0.3/traces: ");

    tool.interrupt();
    let summary = tool.rest();
    assert!(tool.wait().success());
    let summary: Vec<_> = summary.lines().map(plain_line).collect();
    for row in ["bank 1 1", "jobs 1 0", "mails\\u{1b}[31m 1 0", "shop 1 0", "service spans errors"]
    {
        assert!(summary.iter().any(|line| line == row), "{row}: {summary:?}");
    }
    let rust = "rust 1.2.3 /v0.4/traces 1 0";
    for row in ["c 1.2.3 /v0.3/traces 1 1", "go 1.2.3 /v0.3/traces 1 0", rust] {
        assert!(summary.iter().any(|line| line == row), "{row}: {summary:?}");
    }
}

#[test]
fn a_taken_port_is_said_with_what_to_do() {
    let agent = TestAgent::start().unwrap();
    let port = agent.url().rsplit(':').next().unwrap();
    let output = program().arg(port).output().unwrap();
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    let next = port.parse::<u16>().unwrap() + 1;
    for part in [format!("port {port} is taken"), format!("DD_TRACE_AGENT_PORT={next}")] {
        assert!(error.contains(&part), "{error}");
    }
    let output = program().arg("--nonsense").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("Usage: datadog-test-agent"));
    assert!(program().arg("--help").output().unwrap().status.success());
}

#[test]
fn versions_that_are_not_read_are_said_and_telemetry_is_not() {
    let tool = Running::start(program().arg("0"));
    let listening = tool.line_with("listening on http://");
    let url = listening.split([' ', ',']).nth(2).unwrap();
    assert!(tool.line_with("the page: http://localhost:").ends_with('/'));
    for path in ["/telemetry/proxy/api/v2/apmtelemetry", "/v0.7/config", "/v0.7/traces"] {
        send(url, ("php", path, "application/msgpack"), b"");
    }
    let refused = tool.line_with("refused");
    assert!(
        refused.starts_with("refused, of php 1.2.3 /v0.7/traces: this version is not read"),
        "{refused}"
    );
    tool.interrupt();
    let summary = tool.rest();
    assert!(!summary.contains("telemetry") && !summary.contains("config"), "{summary}");
}

#[test]
fn colours_are_forced_by_every_value_but_zero() {
    for (value, is_colored) in [("0", false), ("", false), ("1", true)] {
        let mut command = program();
        let tool = Running::start(command.arg("0").env("CLICOLOR_FORCE", value));
        let listening = tool.line_with("listening on http://");
        send_json(listening.split([' ', ',']).nth(2).unwrap(), "go", OF_GO);
        assert_eq!(tool.line_with("bank.charge").contains('\u{1b}'), is_colored, "{value:?}");
    }
}
