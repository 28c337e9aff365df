//! The examples that do their work and end.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use datadog_test_agent::{Receiver, TestAgent};

use super::pictures::{QUICKSTART, lines};
use super::{assert_arrived, plain, shown};
use super::{command, output};
use crate::support::agent;

/// Runs an example and returns what it printed.
fn run(name: &str, agent: &TestAgent) -> String {
    output(command(name).env("DD_TRACE_AGENT_URL", agent.url()))
}

/// Fails unless an example prints its first text, and the Agent gets its second.
fn assert_documented(name: &str) -> TestAgent {
    let agent = agent();
    let printed = run(name, &agent);
    let [output, picture] = &shown(name)[..] else { panic!("{name} shows other than two texts") };
    assert_eq!(printed.trim_end(), output);
    assert_arrived(&agent, picture);
    agent
}

#[test]
fn the_quickstart_draws_its_picture_and_sends_its_trace() {
    let mut picture = lines(QUICKSTART);
    let note = picture.pop().unwrap();
    let agent = agent();
    let printed = run("quickstart", &agent);
    assert_arrived(&agent, &picture.join("\n"));
    assert!(plain(&printed).starts_with(&picture), "{printed}");
    assert!(printed.contains("Your Agent has it too"), "{printed}");

    agent.pause();
    let printed = plain(&run("quickstart", &agent));
    picture.push(note);
    assert_eq!(printed, picture);
}

#[cfg(feature = "json-logs")]
#[test]
fn the_complete_set_up_delivers_its_span_and_ties_its_log_line_to_it() {
    let agent = agent();
    let printed = run("complete", &agent);
    let [output, picture] = &shown("complete")[..] else { panic!("it shows two texts") };
    let (line, rest) = printed.split_once('\n').unwrap();
    assert_eq!(rest.trim_end(), output);
    assert_arrived(&agent, picture);
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    let span = &agent.spans()[0];
    assert_eq!(line["dd.span_id"], format!("{:016x}", span.span_id));
    assert_eq!(line["dd.trace_id"], span.meta["otel.trace_id"]);
    assert_eq!((&line["dd.env"], &line["dd.version"]), (&"prod".into(), &"1.4.2".into()));
}

#[test]
fn instrumented_functions_arrive_as_documented() {
    let agent = assert_documented("tracing");
    let spans = agent.spans();
    let failed = spans.iter().find(|span| span.error == 1).unwrap();
    assert_eq!(failed.meta["error.message"], "card declined");
    assert!(spans.iter().any(|span| span.metrics.contains_key("cents")), "{spans:?}");
}

#[test]
fn a_grpc_call_is_one_trace_across_client_and_server() {
    let agent = assert_documented("tonic");
    for (trace, code) in agent.traces().iter().zip(["0", "5"]) {
        for span in trace {
            assert_eq!(span.meta["rpc.grpc.status_code"], code, "{span:?}");
            assert_eq!(span.meta["rpc.service"], "grpc.health.v1.Health");
        }
    }
}

#[test]
fn each_invocation_of_a_function_is_delivered_before_it_answers() {
    let agent = TestAgent::builder().with_receiver(Receiver::LambdaExtension).start().unwrap();
    let printed = run("lambda_flush", &agent);
    let [output, picture] = &shown("lambda_flush")[..] else { panic!("it shows two texts") };
    assert_eq!(printed.trim_end(), output);
    assert_arrived(&agent, &[picture.as_str(); 3].join("\n"));
    let taken = agent.requests().into_iter().filter(|request| request.status == Some(200));
    assert!(taken.clone().all(|request| request.path == "/v0.4/traces"));
    assert_eq!(taken.count(), 3);
    let roots: Vec<_> = agent.traces().into_iter().map(|mut trace| trace.remove(0)).collect();
    for (number, root) in (1..).zip(&roots) {
        assert_eq!(root.meta["request_id"], format!("request-{number}"));
        assert_eq!(root.meta["cold_start"], (number == 1).to_string());
        assert!(root.meta["function_arn"].ends_with(":function:orders"));
    }
}

#[cfg(unix)]
#[test]
fn spans_arrive_through_the_socket_that_is_named() {
    let path = std::env::temp_dir().join(format!("example-{}.socket", std::process::id()));
    let agent = TestAgent::builder().with_unix_socket(&path).start().unwrap();
    let printed = output(command("unix_socket").arg(&path));
    let [output, picture] = &shown("unix_socket")[..] else { panic!("it shows two texts") };
    assert_eq!(printed.trim_end(), output);
    assert_arrived(&agent, picture);
}

#[test]
fn both_exporters_get_the_same_trace() {
    let (agent, collector) = (agent(), TcpListener::bind("127.0.0.1:0").unwrap());
    let endpoint = format!("http://{}", collector.local_addr().unwrap());
    let received = thread::spawn(move || one_request(&collector));
    let printed = output(
        command("two_exporters")
            .env("DD_TRACE_AGENT_URL", agent.url())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
    );
    let [output, picture] = &shown("two_exporters")[..] else { panic!("it shows two texts") };
    let (trace, rest) = printed.split_once('\n').unwrap();
    assert_eq!(rest.trim_end(), output);
    assert_arrived(&agent, picture);

    let id = trace.strip_prefix("trace ").unwrap();
    assert!(agent.spans().iter().all(|span| span.meta["otel.trace_id"] == id));
    let request = received.join().unwrap();
    assert!(request.starts_with(b"POST /v1/traces "));
    let id = u128::from_str_radix(id, 16).unwrap().to_be_bytes();
    for part in [&id[..], b"place-order", b"charge", b"shop"] {
        assert!(request.windows(part.len()).any(|window| window == part), "{part:?}");
    }
}

/// Takes one request as a collector would, and returns its bytes.
fn one_request(listener: &TcpListener) -> Vec<u8> {
    const HEAD_END: &[u8] = b"\r\n\r\n";
    let (mut stream, _) = listener.accept().unwrap();
    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "the request is cut off");
        request.extend_from_slice(&piece[..read]);
        let end = request.windows(4).position(|window| window == HEAD_END);
        let Some(body) = end.map(|end| end + HEAD_END.len()) else { continue };
        let head = String::from_utf8_lossy(&request[..body]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if request.len() - body >= length.and_then(|text| text.parse().ok()).unwrap() {
            break;
        }
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
    request
}
