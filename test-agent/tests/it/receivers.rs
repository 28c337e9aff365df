//! Each kind of receiver takes what its original takes, and refuses the rest in the same way.

use datadog_test_agent::{Fault, Receiver, TestAgent};

use super::client::{ONE_SPAN, request, send};

/// One span in MessagePack: trace 9, span 1.
const MESSAGE_PACK: &[u8] =
    b"\x91\x91\x84\xa7service\xa1a\xa4name\xa1b\xa8trace_id\x09\xa7span_id\x01";

const JSON: &str = "Content-Type: application/json";
const MSGPACK: &str = "Content-Type: application/msgpack";

/// Statuses for JSON at v0.3, MessagePack at v0.3, JSON at v0.4, MessagePack at v0.4, MessagePack at v0.4 that says
/// JSON, and `/info`.
const ROWS: [(Receiver, [u16; 6]); 5] = [
    (Receiver::Agent, [200, 200, 200, 200, 400, 200]),
    (Receiver::OldAgent, [200, 200, 200, 200, 400, 404]),
    (Receiver::LambdaExtension, [404, 404, 500, 200, 200, 200]),
    (Receiver::MiniAgent, [404, 404, 500, 200, 200, 200]),
    (Receiver::DocumentedApi, [200, 400, 404, 404, 404, 404]),
];

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").into_bytes()
}

#[test]
fn each_receiver_reads_what_its_original_reads() {
    for (receiver, expected) in ROWS {
        let agent = TestAgent::builder().with_receiver(receiver).start().unwrap();
        let requests = [
            request("/v0.3/traces", &[JSON], ONE_SPAN.as_bytes()),
            request("/v0.3/traces", &[MSGPACK], MESSAGE_PACK),
            request("/v0.4/traces", &[JSON], ONE_SPAN.as_bytes()),
            request("/v0.4/traces", &[MSGPACK], MESSAGE_PACK),
            request("/v0.4/traces", &[JSON], MESSAGE_PACK),
            get("/info"),
        ];
        let statuses = requests.map(|request| send(&agent, &request).status.unwrap());
        assert_eq!(statuses, expected, "{receiver:?}");
    }
}

#[test]
fn only_the_agent_of_today_names_itself() {
    for (receiver, _) in ROWS {
        let agent = TestAgent::builder().with_receiver(receiver).start().unwrap();
        let answer = send(&agent, &request("/v0.4/traces", &[MSGPACK], MESSAGE_PACK));
        let is_named = answer.header("datadog-agent-state").is_some();
        assert_eq!(is_named, receiver == Receiver::Agent, "{receiver:?}");
    }
}

#[test]
fn the_lambda_extension_stores_a_repeated_span_once() {
    let agent = TestAgent::builder().with_receiver(Receiver::LambdaExtension).start().unwrap();
    for _ in 0..2 {
        send(&agent, &request("/v0.4/traces", &[MSGPACK], MESSAGE_PACK));
    }
    assert_eq!(agent.spans().len(), 1);
    agent.set_receiver(Receiver::MiniAgent);
    send(&agent, &request("/v0.4/traces", &[MSGPACK], MESSAGE_PACK));
    assert_eq!(agent.spans().len(), 2);
}

#[test]
fn serverless_agents_refuse_other_methods_and_a_body_without_length() {
    let agent = TestAgent::builder().with_receiver(Receiver::MiniAgent).start().unwrap();
    assert_eq!(send(&agent, &get("/v0.4/traces")).status, Some(405));
    let chunked = "PUT /v0.4/traces HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                   Transfer-Encoding: chunked\r\n\r\n1\r\n\u{10}\r\n0\r\n\r\n";
    assert_eq!(send(&agent, chunked.as_bytes()).status, Some(411));
}

#[test]
fn a_new_introduction_is_a_new_state() {
    let agent = TestAgent::start().unwrap();
    let state = || {
        let answer = send(&agent, &request("/v0.4/traces", &[MSGPACK], MESSAGE_PACK));
        answer.header("datadog-agent-state").unwrap().to_owned()
    };
    let first = state();
    assert_eq!(state(), first);
    agent.set_info_reply(Fault::StatusAndBody(200, r#"{"endpoints":[]}"#.to_owned()));
    assert_ne!(state(), first);
    assert_eq!(send(&agent, &get("/info")).text(), r#"{"endpoints":[]}"#);
}
