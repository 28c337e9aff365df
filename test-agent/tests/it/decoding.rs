//! Bodies that the Agent accepts or refuses, as rows.
use datadog_test_agent::{ReceivedSpan, TestAgent};

use super::client::{put_json, put_msgpack, request, send};
use super::probes::{one_span, probes};

/// A check of the one span that a body holds.
type Check = fn(&ReceivedSpan) -> bool;

/// Members of the one span of a document, and what becomes of them.
#[rustfmt::skip]
const ACCEPTED: &[(&str, &str, Check)] = &[
    ("unknown fields are ignored", r#""x":{"y":[1,{"z":null},true,"\u0041"]},"name":"n""#, |s| s.name == "n"),
    ("a field name matches in any case", r#""Meta":{"a":"b"},"TRACE_ID":7"#, |s| s.meta["a"] == "b" && s.trace_id == 7),
    ("of field names in several cases the later wins", r#""name":"a","NAME":"b""#, |s| s.name == "b"),
    ("of two scalars the last wins", r#""trace_id":1,"trace_id":2"#, |s| s.trace_id == 2),
    ("two metas are merged", r#""meta":{"a":"1","b":"1"},"meta":{"b":"2","c":"2"}"#, |s| s.meta.values().eq(["1", "2", "2"])),
    ("two metrics are merged", r#""metrics":{"a":1},"metrics":{"b":2}"#, |s| s.metrics.len() == 2),
    ("null leaves a scalar alone", r#""name":"a","name":null,"trace_id":null"#, |s| s.name == "a" && s.trace_id == 0),
    ("null is an empty map", r#""meta":null,"metrics":null"#, |s| s.meta.is_empty() && s.metrics.is_empty()),
    ("null in meta is an empty text", r#""meta":{"a":null}"#, |s| s.meta["a"].is_empty()),
    ("null in metrics is 0", r#""metrics":{"a":null}"#, |s| s.metrics["a"] == 0.0),
    ("the largest id", r#""trace_id":18446744073709551615,"span_id":9223372036854775808"#, |s| s.trace_id == u64::MAX && s.span_id == 1 << 63),
    ("the times at their ends", r#""start":-9223372036854775808,"duration":9223372036854775807"#, |s| s.start == i64::MIN && s.duration == i64::MAX),
    ("any error that fits", r#""error":5"#, |s| s.error == 5),
    ("a negative error", r#""error":-1"#, |s| s.error == -1),
    ("a large metric is rounded", r#""metrics":{"a":18446744073709551615}"#, |s| s.metrics["a"] == 18_446_744_073_709_551_615.0),
    ("a lone surrogate is replaced", r#""name":"a\ud800b""#, |s| s.name == "a\u{fffd}b"),
    ("two high surrogates are replaced one by one", r#""name":"\ud800\ud83d\ude00""#, |s| s.name == "\u{fffd}\u{1f600}"),
    ("a pair of surrogates is one character", r#""name":"\ud83d\ude00""#, |s| s.name == "\u{1f600}"),
    ("control characters may be escaped", r#""name":"\u0000\t\n\/""#, |s| s.name == "\0\t\n/"),
    ("an empty key", r#""meta":{"":"a"}"#, |s| s.meta[""] == "a"),
    ("structured tags are decoded", r#""meta_struct":{"a":"gaFhAQ=="}"#, |s| s.meta_struct["a"] == [0x81, 0xa1, b'a', 1]),
    ("links are kept", r#""span_links":[{"flags":1}]"#, |s| s.span_links[0]["flags"] == 1),
];

fn assert_status(agent: &TestAgent, title: &str, status: Option<u16>, expected: u16) {
    assert_eq!(status.unwrap_or(0), expected, "{title}");
    let requests = agent.requests();
    let request = requests.last().unwrap();
    assert_eq!(request.status.unwrap_or(0), expected, "{title}, as recorded");
    assert_eq!(
        request.decode_error.is_some(),
        expected == 400,
        "{title}: {:?}",
        request.decode_error
    );
}

#[test]
fn bodies_are_accepted_and_refused_as_the_agent_does() {
    let agent = TestAgent::start().unwrap();
    for probe in probes() {
        let content_type = format!("Content-Type: {}", probe.content_type);
        let answer = send(&agent, &request("/v0.3/traces", &[&content_type], &probe.body));
        assert_status(&agent, probe.title, answer.status, probe.status);
        let null = agent.requests().last().unwrap().has_null_span;
        let expected = probe.title.contains("null span") || probe.title.contains("nil span");
        assert_eq!(null, expected, "{}", probe.title);
    }
}

#[test]
fn json_that_is_accepted_becomes_the_spans_that_the_agent_sees() {
    let agent = TestAgent::start().unwrap();
    for (title, members, check) in ACCEPTED {
        agent.clear();
        let status = put_json(&agent, format!("[[{{{members}}}]]").as_bytes()).status;
        assert_status(&agent, title, status, 200);
        let spans = agent.spans();
        assert!(check(&spans[0]), "{title}: {:?}", spans[0]);
    }
}

#[test]
fn each_byte_that_is_not_utf8_becomes_one_replacement_character() {
    let agent = TestAgent::start().unwrap();
    let json = b"[[{\"name\":\"a\xff\xe2\x82b\",\"meta\":{\"\xc0\":\"\"}}]]";
    assert_eq!(put_json(&agent, json).status, Some(200));
    // A list of one list of one map of one pair.
    let msgpack = b"\x91\x91\x81\xa4name\xa5a\xff\xe2\x82b";
    assert_eq!(put_msgpack(&agent, msgpack).status, Some(200));
    for span in agent.spans() {
        assert_eq!(span.name, "a\u{fffd}\u{fffd}\u{fffd}b");
    }
    assert!(agent.spans()[0].meta.contains_key("\u{fffd}"));
}

#[test]
fn unknown_fields_may_nest_ten_thousand_levels_and_no_more() {
    let agent = TestAgent::start().unwrap();
    // Two lists and the span are three levels of their own.
    for (levels, expected) in [(9_990, 200), (9_997, 200), (9_998, 400), (1_000_000, 400)] {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let nested = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            let body = format!(r#"[[{{"x":{nested}}}]]"#);
            assert_eq!(
                put_json(&agent, body.as_bytes()).status,
                Some(expected),
                "{levels} of {open}"
            );
        }
    }
    let msgpack = [b"\x91\x91\x81\xa1x".as_slice(), &[0x91].repeat(1_000_000), b"\x01"].concat();
    assert_eq!(put_msgpack(&agent, &msgpack).status, Some(200));
}

#[test]
fn incomplete_bodies_are_answered_in_the_words_of_the_agent() {
    let agent = TestAgent::start().unwrap();
    assert_eq!(put_json(&agent, b"").text(), "unexpected-eof\n");
    assert_eq!(put_json(&agent, b"[[{\"trace_id\":\"x\"}").text(), "unexpected-eof\n");
    assert_eq!(put_msgpack(&agent, b"").text(), "msgp: too few bytes left to read object\n");
    assert_eq!(put_msgpack(&agent, b"\x91").text(), "msgp: too few bytes left to read object\n");
}

#[test]
fn null_spans_are_stepped_over_and_reported() {
    let agent = TestAgent::start().unwrap();
    put_json(&agent, b"[[null]]");
    put_json(&agent, b"[[{\"trace_id\":1},null]]");
    put_msgpack(&agent, b"\x91\x91\xc0");
    put_json(&agent, b"[[{\"trace_id\":1}]]");
    let null: Vec<_> = agent.requests().iter().map(|request| request.has_null_span).collect();
    assert_eq!(null, [true, true, true, false]);
    assert_eq!(agent.spans().len(), 2);
}

/// Pairs of the one span, and what becomes of them.
#[rustfmt::skip]
const READ: &[(&str, &[&[u8]], Check)] = &[
    ("texts of any width", &[b"\xd9\x04name\xda\0\x01a", b"\xc4\x07service\xc5\0\x01b", b"\xdb\0\0\0\x04type\xc6\0\0\0\x01c"], |s| s.name == "a" && s.service == "b" && s.span_type == "c"),
    ("integers of any width", &[b"\xa8trace_id\xcc\xff", b"\xa7span_id\xd3\0\0\0\0\0\0\0\x05", b"\xa5start\xd1\xff\xfe", b"\xa8duration\xcd\x01\0"], |s| (s.trace_id, s.span_id, s.start, s.duration) == (255, 5, -2, 256)),
    ("a negative id is taken bit by bit", &[b"\xa8trace_id\xff"], |s| s.trace_id == u64::MAX),
    ("nil clears a scalar", &[b"\xa4name\xa1a", b"\xa4name\xc0"], |s| s.name.is_empty()),
    ("nil is an absent map", &[b"\xa4meta\xc0"], |s| s.meta.is_empty()),
    ("nil in meta is an empty text", &[b"\xa4meta\x81\xa1a\xc0"], |s| s.meta["a"].is_empty()),
    ("nil in metrics is 0", &[b"\xa7metrics\x81\xa1a\xc0"], |s| s.metrics["a"] == 0.0),
    ("integers are metrics", &[b"\xa7metrics\xde\0\x02\xa1a\x05\xa1b\xff"], |s| s.metrics["a"] == 5.0 && s.metrics["b"] == -1.0),
    ("NaN is a metric", &[b"\xa7metrics\x81\xa1a\xcb\x7f\xf8\0\0\0\0\0\0"], |s| s.metrics["a"].is_nan()),
    ("field names match in one case only", &[b"\xa8TRACE_ID\x01"], |s| s.trace_id == 0),
    ("of two metas the last replaces the first", &[b"\xa4meta\x81\xa1a\xa11", b"\xa4meta\x81\xa1b\xa12"], |s| s.meta.keys().eq(["b"])),
];

#[test]
fn msgpack_that_is_accepted_becomes_the_spans_that_the_agent_sees() {
    let agent = TestAgent::start().unwrap();
    for (title, pairs, check) in READ {
        agent.clear();
        let status = put_msgpack(&agent, &one_span(pairs)).status;
        assert_status(&agent, title, status, 200);
        assert!(check(&agent.spans()[0]), "{title}: {:?}", agent.spans()[0]);
    }
}
