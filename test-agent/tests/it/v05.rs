//! Version 0.5: spans whose texts stand in a table, as tracers for Python send them.
use datadog_test_agent::{Receiver, TestAgent};

use super::client::{Answer, request, send};

/// The texts of a table, the first one empty.
const TABLE: &[u8] = b"\x98\xa0\xa4shop\xabweb.request\xa5GET /\xa3web\xa3env\xa4prod\xa3num";

/// The fields of a span behind its list header: service, name, resource, three ids, start, duration, error, one tag,
/// one number, type.
const SPAN: &[u8] =
    b"\x01\x02\x03\x07\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x00\xcf\x17\x97\x9c\xfe\x36\x2a\x00\x00\
    \xce\x00\x0f\x42\x40\x01\x81\x05\x06\x81\x07\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00\x04";

/// Returns a body of one trace with one span, whose list header is this.
fn body(header: u8, table: &[u8], span: &[u8]) -> Vec<u8> {
    [b"\x92", table, b"\x91\x91", &[header], span].concat()
}

fn put(agent: &TestAgent, body: &[u8]) -> Answer {
    send(agent, &request("/v0.5/traces", &["Content-Type: application/msgpack"], body))
}

#[test]
fn spans_of_v05_are_those_of_v04() {
    let agent = TestAgent::start().unwrap();
    let answer = put(&agent, &body(0x9c, TABLE, SPAN));
    assert_eq!((answer.status, answer.text()), (Some(200), "{\"rate_by_service\":{}}\n"));
    let span = &agent.spans()[0];
    let texts = [&span.service, &span.name, &span.resource, &span.span_type];
    assert_eq!(texts, ["shop", "web.request", "GET /", "web"]);
    assert_eq!((span.trace_id, span.span_id, span.parent_id), (7, u64::MAX, 0));
    assert_eq!((span.start, span.duration, span.error), (1_700_000_000_000_000_000, 1_000_000, 1));
    assert_eq!((span.meta["env"].as_str(), span.metrics["num"]), ("prod", 0.5));
    assert_eq!(agent.requests()[0].decode().unwrap()[0][0], *span);
}

#[test]
fn the_content_type_does_not_matter_to_v05_and_null_numbers_are_zero() {
    let agent = TestAgent::builder().with_receiver(Receiver::LambdaExtension).start().unwrap();
    let span = b"\x01\x02\x03\xc0\xc0\xc0\xc0\xc0\xc0\x80\x80\x00";
    let body = body(0x9c, TABLE, span);
    assert_eq!(send(&agent, &request("/v0.5/traces", &[], &body)).status, Some(200));
    assert_eq!((agent.spans()[0].trace_id, agent.spans()[0].span_type.as_str()), (0, ""));
}

#[test]
fn malformed_bodies_of_v05_are_refused() {
    let agent = TestAgent::start().unwrap();
    for (title, body) in [
        ("a list of spans as in v0.4", b"\x91\x91\x81\xa8trace_id\x01".to_vec()),
        ("eleven fields", body(0x9b, TABLE, SPAN)),
        ("an index out of range", body(0x9c, b"\x91\xa0", SPAN)),
        ("a text in place of an index", body(0x9c, TABLE, b"\xa0")),
        ("a truncated span", body(0x9c, TABLE, &SPAN[..20])),
        ("JSON", b"[[],[]]".to_vec()),
        ("nothing", Vec::new()),
    ] {
        assert_eq!(put(&agent, &body).status, Some(400), "{title}");
    }
    assert!(agent.requests().iter().all(|request| request.refusal().is_some()));
}

#[test]
fn a_text_that_is_used_often_takes_no_more_than_its_share_of_memory() {
    let agent = TestAgent::start().unwrap();
    let long = [b"\x91\xc6\x00\x10\x00\x00".as_slice(), &vec![b'x'; 1 << 20]].concat();
    let span = b"\x9c\x00\x00\x00\x01\x01\x00\x00\x00\x00\x80\x80\x00";
    let spans = [b"\x91\xdc\x27\x10".as_slice(), &span.repeat(10_000)].concat();
    assert_eq!(put(&agent, &[b"\x92".as_slice(), &long, &spans].concat()).status, Some(200));
    let kept: usize = agent.spans().iter().map(|span| span.service.len() + span.name.len()).sum();
    assert!(kept < 20 << 20, "{kept}");
    let told = agent.requests()[0].violations();
    assert!(told.iter().any(|what| what.contains("were read and not kept")), "{told:?}");
}
