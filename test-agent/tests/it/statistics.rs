//! Statistics that clients compute: `/v0.6/stats`.
use datadog_test_agent::{Receiver, TestAgent};

use super::client::{Answer, request, send};

/// Returns a text in MessagePack.
fn text(text: &str) -> Vec<u8> {
    [&[0xd9, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

/// Returns a map in MessagePack, of keys and encoded values.
fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0xde, 0, u8::try_from(pairs.len()).unwrap()];
    for (key, value) in pairs {
        bytes.extend([text(key), value.clone()].concat());
    }
    bytes
}

/// Returns a list in MessagePack.
fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [&[0x90 | u8::try_from(items.len()).unwrap()], items.concat().as_slice()].concat()
}

/// Returns a sketch in which bin 750 counts this many, as binary data.
fn sketch(count: f64) -> Vec<u8> {
    let gamma = (1.01_f64 / 0.99).to_le_bytes();
    let mapping = [b"\x0a\x09\x09".as_slice(), &gamma].concat();
    let bins = [b"\x12\x0d\x12\x08".as_slice(), &count.to_le_bytes(), b"\x18\xdc\x0b"].concat();
    let message = [mapping, bins].concat();
    [&[0xc4, u8::try_from(message.len()).unwrap()], message.as_slice()].concat()
}

/// Returns a body with one group.
fn body(ok_summary: Vec<u8>) -> Vec<u8> {
    let group = map(&[
        ("Service", text("shop")),
        ("Name", text("http.server.request")),
        ("Resource", text("GET /")),
        ("Type", text("web")),
        ("HTTPStatusCode", vec![0xcc, 200]),
        ("Hits", vec![5]),
        ("Errors", vec![1]),
        ("TopLevelHits", vec![5]),
        ("Duration", vec![0xce, 0, 0x4c, 0x4b, 0x40]),
        ("OkSummary", ok_summary),
        ("ErrorSummary", sketch(1.0)),
        ("Synthetics", vec![0xc2]),
        ("SpanKind", text("server")),
        ("PeerTags", list(&[text("peer.service:bank")])),
        ("IsTraceRoot", vec![1]),
        ("GRPCStatusCode", text("")),
        ("srv_src", text("")),
        ("of tomorrow", list(&[vec![1]])),
    ]);
    let bucket = map(&[
        ("Start", vec![0xcf, 0x17, 0x97, 0x9c, 0xfe, 0x36, 0x2a, 0, 0]),
        ("Duration", vec![0xcf, 0, 0, 0, 2, 0x54, 0x0b, 0xe4, 0]),
        ("Stats", list(&[group])),
    ]);
    map(&[
        ("Env", text("prod")),
        ("Version", text("1.2")),
        ("Lang", text("rust")),
        ("RuntimeID", text("x")),
        ("Sequence", vec![3]),
        ("Service", text("shop")),
        ("Tags", vec![0xc0]),
        ("Stats", list(&[bucket])),
    ])
}

fn put(agent: &TestAgent, body: &[u8]) -> Answer {
    send(agent, &request("/v0.6/stats", &["Content-Type: application/msgpack"], body))
}

#[test]
fn statistics_of_clients_are_typed() {
    let agent = TestAgent::start().unwrap();
    assert_eq!(put(&agent, &body(sketch(4.0))).status, Some(200));
    let stats = &agent.stats()[0];
    let texts = [&stats.env, &stats.version, &stats.lang, &stats.service];
    assert_eq!(
        (texts, stats.sequence),
        (["prod", "1.2", "rust", "shop"].map(str::to_owned).each_ref(), 3)
    );
    assert!(stats.headers.contains(&("host".to_owned(), "localhost".to_owned())));
    let bucket = &stats.buckets[0];
    assert_eq!((bucket.start, bucket.duration), (1_700_000_000_000_000_000, 10_000_000_000));
    let group = &bucket.groups[0];
    assert_eq!((group.service.as_str(), group.resource.as_str()), ("shop", "GET /"));
    assert_eq!((group.hits, group.errors, group.top_level_hits), (5, 1, 5));
    assert_eq!((group.http_status_code, group.duration, group.is_trace_root), (200, 5_000_000, 1));
    assert_eq!(
        (group.span_kind.as_str(), &group.peer_tags[0]),
        ("server", &"peer.service:bank".to_owned())
    );
    assert_eq!((group.ok_summary.count(), group.error_summary.count()), (4.0, 1.0));
    // The middle of bin 750: 1.0202 to the power of 750, and half a bin.
    let median = group.ok_summary.quantile(0.5).unwrap();
    assert!((median / 3_305_000.0 - 1.0).abs() < 0.01, "{median}");
    agent.clear();
    assert!(agent.stats().is_empty() && agent.requests().is_empty());
}

#[test]
fn bodies_that_are_no_statistics_are_refused() {
    let agent = TestAgent::start().unwrap();
    for wrong in [b"\x91\x01".to_vec(), b"{}".to_vec(), Vec::new(), body(vec![0xc4, 1, 0xff])] {
        let answer = put(&agent, &wrong);
        assert_eq!(answer.status, Some(400), "{answer:?}");
    }
    let answer = put(&agent, &body(vec![0xc4, 1, 0xff]));
    assert!(answer.text().contains("OkSummary is no sketch"), "{}", answer.text());
    let cross = ["Sec-Fetch-Site: cross-site"];
    assert_eq!(send(&agent, &request("/v0.6/stats", &cross, &body(sketch(1.0)))).status, Some(403));
    assert!(agent.stats().is_empty());
    agent.set_receiver(Receiver::OldAgent);
    assert_eq!(put(&agent, &body(sketch(1.0))).status, Some(404));
}

#[test]
fn the_newest_statistics_are_kept() {
    let agent = TestAgent::builder().with_memory_limit(20_000).start().unwrap();
    for _ in 0..50 {
        assert_eq!(put(&agent, &body(sketch(1.0))).status, Some(200));
    }
    let kept = agent.stats().len();
    assert!((2..20).contains(&kept), "{kept}");
}
