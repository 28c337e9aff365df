//! What the Agent accepts and refuses, as rows.
use opentelemetry_datadog_agent::testing::{Span, TestAgent};

use super::client::{put_json, put_msgpack};

/// A check of the one span that a body holds.
type Check = fn(&Span) -> bool;

/// Whole documents: the title, the body, the status (0: the connection ends without an answer).
#[rustfmt::skip]
const DOCUMENTS: &[(&str, &str, u16)] = &[
    ("an empty list", "[]", 200),
    ("null", "null", 200),
    ("a null trace", "[null]", 200),
    ("an empty trace", "[[]]", 200),
    ("good traces among empty ones", r#"[[],null,[{"trace_id":1}],[]]"#, 200),
    ("an object at the root", "{}", 400),
    ("a string at the root", r#""x""#, 400),
    ("a number at the root", "5", 400),
    ("a trace that is an object", "[{}]", 400),
    ("a span that is a number", "[[5]]", 400),
    ("a null span at the very beginning", "[[null]]", 0),
    ("a null span elsewhere", r#"[[{"trace_id":1},null]]"#, 200),
    ("a null span in a later trace", r#"[[{"trace_id":1}],[null]]"#, 200),
    ("nothing", "", 400),
    ("white space", " \n ", 400),
    ("a truncated document", r#"[[{"trace_id":1}]"#, 400),
    ("a truncated string", r#"[[{"na"#, 400),
    ("a truncated word", "[nul", 400),
    ("garbage after the document", "[] garbage", 200),
    ("a second document", r#"[] [[{"trace_id":"x"}]]"#, 200),
    ("a byte order mark", "\u{feff}[]", 400),
    ("a comma at the end of a list", "[[],]", 400),
    ("a comma at the end of an object", r#"[[{"trace_id":1,}]]"#, 400),
    ("no comma", "[[] []]", 400),
    ("a key without quotes", "[[{trace_id:1}]]", 400),
];

/// Members of the one span of a document, and the status.
#[rustfmt::skip]
const MEMBERS: &[(&str, &str, u16)] = &[
    ("an id that is a string", r#""trace_id":"1""#, 400),
    ("a number in meta", r#""meta":{"a":1}"#, 400),
    ("a string in metrics", r#""metrics":{"a":"1"}"#, 400),
    ("an error that is a boolean", r#""error":true"#, 400),
    ("a meta that is a list", r#""meta":[]"#, 400),
    ("a name that is a number", r#""name":1"#, 400),
    ("an integer written as 1.0", r#""start":1.0"#, 400),
    ("an integer written as 1e3", r#""duration":1e3"#, 400),
    ("an id written as 1.7e18", r#""span_id":1.7e18"#, 400),
    ("an id with a fraction", r#""span_id":1.5"#, 400),
    ("an id above 64 bits", r#""trace_id":18446744073709551616"#, 400),
    ("a negative id", r#""trace_id":-1"#, 400),
    ("an id written as -0", r#""trace_id":-0"#, 400),
    ("a duration above 63 bits", r#""duration":9223372036854775808"#, 400),
    ("an error above 31 bits", r#""error":2147483648"#, 400),
    ("NaN", r#""metrics":{"a":NaN}"#, 400),
    ("Infinity", r#""metrics":{"a":Infinity}"#, 400),
    ("a number beyond the floats", r#""metrics":{"a":1e400}"#, 400),
    ("a raw tab in a string", "\"name\":\"a\tb\"", 400),
    ("a raw tab in an unknown field", "\"x\":\"a\tb\"", 400),
    ("an unknown escape", r#""name":"\x41""#, 400),
    ("a number with a leading zero", r#""start":01"#, 400),
    ("a number with a plus", r#""start":+1"#, 400),
    ("a number without digits", r#""start":-"#, 400),
    ("a link", r#""span_links":[{"trace_id":1,"trace_id_high":2,"span_id":3,"attributes":{"a":"b"},"tracestate":"c","flags":2147483649}]"#, 200),
    ("a null link", r#""span_links":[null]"#, 200),
    ("no links", r#""span_links":null,"span_events":null"#, 200),
    ("a link with a string id", r#""span_links":[{"trace_id":"1"}]"#, 400),
    ("a link with a number as attribute", r#""span_links":[{"attributes":{"a":1}}]"#, 400),
    ("a link with flags above 32 bits", r#""span_links":[{"flags":4294967296}]"#, 400),
    ("an event", r#""span_events":[{"time_unix_nano":1,"name":"e","attributes":{"s":{"type":0,"string_value":"x"},"b":{"type":1,"bool_value":true},"i":{"type":2,"int_value":-1},"d":{"type":3,"double_value":0.5},"a":{"type":4,"array_value":{"values":[{"type":2,"int_value":1}]}}}}]"#, 200),
    ("an event with a bare value", r#""span_events":[{"attributes":{"s":"x"}}]"#, 400),
    ("an event with a type by name", r#""span_events":[{"attributes":{"s":{"type":"string"}}}]"#, 400),
    ("an event with a type out of range", r#""span_events":[{"attributes":{"s":{"type":9}}}]"#, 200),
    ("structured tags in base64", r#""meta_struct":{"a":"gaFhAQ=="}"#, 200),
    ("structured tags in broken base64", r#""meta_struct":{"a":"gaFhAQ="}"#, 400),
];

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
fn json_is_accepted_and_refused_as_the_agent_does() {
    let agent = TestAgent::start().unwrap();
    for (title, body, expected) in DOCUMENTS {
        let status = put_json(&agent, body.as_bytes()).status;
        assert_status(&agent, title, status, *expected);
    }
    for (title, members, expected) in MEMBERS {
        let status = put_json(&agent, format!("[[{{{members}}}]]").as_bytes()).status;
        assert_status(&agent, title, status, *expected);
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
fn a_null_span_is_reported_as_the_end_of_the_agent() {
    let agent = TestAgent::start().unwrap();
    put_json(&agent, b"[[null]]");
    put_json(&agent, b"[[{\"trace_id\":1},null]]");
    put_msgpack(&agent, b"\x91\x91\xc0");
    put_json(&agent, b"[[{\"trace_id\":1}]]");
    let crashed: Vec<_> = agent.requests().iter().map(|request| request.crashed_agent).collect();
    assert_eq!(crashed, [true, true, true, false]);
    assert_eq!(agent.spans().len(), 2);
}

/// Writes MessagePack by hand: a list of one list of one map with these pairs.
fn one_span(pairs: &[&[u8]]) -> Vec<u8> {
    let mut body = vec![0x91, 0x91, 0x80 | u8::try_from(pairs.len()).unwrap()];
    body.extend(pairs.concat());
    body
}

/// Pairs of the one span, and the status.
#[rustfmt::skip]
const PAIRS: &[(&str, &[&[u8]], u16)] = &[
    ("an integer as key", &[b"\x01\x01"], 400),
    ("an id that is a string", &[b"\xa8trace_id\xa11"], 400),
    ("an id that is a float", &[b"\xa8trace_id\xcb\x3f\xf0\0\0\0\0\0\0"], 400),
    ("a boolean error", &[b"\xa5error\xc3"], 400),
    ("a start above 63 bits", &[b"\xa5start\xcf\x80\0\0\0\0\0\0\0"], 400),
    ("an error above 31 bits", &[b"\xa5error\xce\x80\0\0\0"], 400),
    ("a metric in single precision", &[b"\xa7metrics\x81\xa1a\xca\x3f\x80\0\0"], 400),
    ("a number in meta", &[b"\xa4meta\x81\xa1a\x01"], 400),
    ("nil links", &[b"\xaaspan_links\xc0"], 400),
    ("nil events", &[b"\xabspan_events\xc0"], 400),
    ("nil structured tags", &[b"\xabmeta_struct\xc0"], 400),
    ("structured tags as text", &[b"\xabmeta_struct\x81\xa1a\xa1b"], 400),
    ("structured tags as binary data", &[b"\xabmeta_struct\x81\xa1a\xc4\x01b"], 200),
    ("an unknown field of every type", &[b"\xa1x\x9b\xc0\xc2\xca\0\0\0\0\xc7\x01\x05\0\xd4\x05\0\xc4\x01\0\xd9\x01a\xd0\xff\xdc\0\x01\x01\xde\0\x01\x01\x01\xe0"], 200),
];

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
fn msgpack_is_accepted_and_refused_as_the_agent_does() {
    let agent = TestAgent::start().unwrap();
    let documents: [(&str, &[u8], u16); 10] = [
        ("an empty list", b"\x90", 200),
        ("an empty trace", b"\x91\x90", 200),
        ("wide list headers", b"\xdc\0\x01\xdd\0\0\0\x01\x80", 200),
        ("nil at the root", b"\xc0", 400),
        ("a nil trace", b"\x91\xc0", 400),
        ("a nil span", b"\x91\x91\xc0", 0),
        ("bytes after the document", b"\x90garbage", 200),
        ("a truncated list", b"\x91\x91", 400),
        ("too many traces", b"\xdd\0\x07\xa1\x21", 400),
        ("too many spans", b"\x91\xdd\x7f\xff\xff\xff", 400),
    ];
    for (title, body, expected) in documents {
        let status = put_msgpack(&agent, body).status;
        assert_status(&agent, title, status, expected);
    }
    for (title, pairs, expected) in PAIRS {
        let status = put_msgpack(&agent, &one_span(pairs)).status;
        assert_status(&agent, title, status, *expected);
    }
}

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
