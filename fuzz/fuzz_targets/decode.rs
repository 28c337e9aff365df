//! Any body of a request to the embedded Agent: decoding it, judging it, storing it and drawing it never panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use datadog_test_agent::{record, stored_of};
use datadog_test_agent::{TraceRequest, ReceivedSpan, Waterfall};
use serde_core::Deserialize as _;
use serde_core::de::IgnoredAny;

/// Content types that a client may name for its body.
const CONTENT_TYPES: [&str; 4] =
    ["application/json", "application/msgpack", "application/msgpack; charset=utf-8", "text/plain"];

/// The longest line of a picture, in characters.
const MAX_LINE: usize = 120;

fuzz_target!(|input: (u8, &[u8])| {
    let (which, body) = input;
    let content_type = CONTENT_TYPES[usize::from(which) % CONTENT_TYPES.len()];
    let request = recorded(content_type, body);
    drop(request.violations());
    assert_eq!(request.decode_error.is_none(), request.status == Some(200));
    assert!(request.decode_error.is_none() || request.traces.is_empty());
    if request.decode_error.is_none() && !content_type.contains("msgpack") {
        let mut reader = serde_json::Deserializer::from_slice(body);
        let syntax = IgnoredAny::deserialize(&mut reader);
        assert!(syntax.is_ok(), "accepted, though it is not JSON: {syntax:?}");
    }
    assert!(stored_of(&request).len() <= request.traces.len());
    request.traces.iter().flatten().filter(|span| is_plain(span)).for_each(survives);
    for colors in [false, true] {
        let picture = Waterfall::new(request.traces.clone()).with_colors(colors).to_string();
        let too_long = picture.lines().find(|line| !colors && line.chars().count() > MAX_LINE);
        assert_eq!(too_long, None);
    }
});

fn recorded(content_type: &str, body: &[u8]) -> TraceRequest {
    record(vec![("content-type".to_owned(), content_type.to_owned())], body.to_vec())
}

/// Returns whether JSON can say all that a span has.
fn is_plain(span: &ReceivedSpan) -> bool {
    span.meta_struct.is_empty()
        && span.span_events.is_empty()
        && span.metrics.values().all(|number| number.is_finite())
}

/// Checks that a span that is written as JSON is read as the same span.
fn survives(span: &ReceivedSpan) {
    let body = format!("[[{}]]", span.to_json());
    let request = recorded("application/json", body.as_bytes());
    assert_eq!(request.decode_error, None, "{body}");
    assert_eq!(request.traces, [[span.clone()]], "{body}");
}
