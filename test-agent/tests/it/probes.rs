//! Bodies and the statuses that the Agent has for them: the embedded one and the real one are asked the
//! same.

/// One request, and what becomes of it.
pub(crate) struct Probe {
    pub(crate) title: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) status: u16,
}

/// Every probe: JSON first, then MessagePack.
pub(crate) fn probes() -> impl Iterator<Item = Probe> {
    let json = |title, body: String, status| Probe {
        title,
        content_type: "application/json",
        body: body.into_bytes(),
        status,
    };
    let msgpack =
        |title, body, status| Probe { title, content_type: "application/msgpack", body, status };
    let documents =
        DOCUMENTS.iter().map(move |(title, body, status)| json(title, (*body).to_owned(), *status));
    let members = MEMBERS
        .iter()
        .map(move |(title, members, status)| json(title, format!("[[{{{members}}}]]"), *status));
    let binary = MSGPACK_DOCUMENTS
        .iter()
        .map(move |(title, body, status)| msgpack(title, body.to_vec(), *status));
    let pairs =
        PAIRS.iter().map(move |(title, pairs, status)| msgpack(title, one_span(pairs), *status));
    documents.chain(members).chain(binary).chain(pairs)
}

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
    ("a null span at the very beginning", "[[null]]", 200),
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

/// Whole MessagePack documents, likewise.
#[rustfmt::skip]
const MSGPACK_DOCUMENTS: &[(&str, &[u8], u16)] = &[
    ("an empty list", b"\x90", 200),
    ("an empty trace", b"\x91\x90", 200),
    ("wide list headers", b"\xdc\0\x01\xdd\0\0\0\x01\x80", 200),
    ("nil at the root", b"\xc0", 400),
    ("a nil trace", b"\x91\xc0", 400),
    ("a nil span", b"\x91\x91\xc0", 200),
    ("bytes after the document", b"\x90garbage", 200),
    ("a truncated list", b"\x91\x91", 400),
    ("too many traces", b"\xdd\0\x07\xa1\x21", 400),
    ("too many spans", b"\x91\xdd\x7f\xff\xff\xff", 400),
];

/// Writes MessagePack by hand: a list of one list of one map with these pairs.
pub(crate) fn one_span(pairs: &[&[u8]]) -> Vec<u8> {
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
