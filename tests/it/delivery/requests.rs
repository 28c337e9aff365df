//! Requests: their contents, the cutting and the joining of chunks, and their order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use datadog_test_agent::{Fault, TraceRequest};
use opentelemetry::KeyValue;
use opentelemetry_datadog_agent::Protocol;
use opentelemetry_sdk::trace::SpanData;

use super::{
    arrivals, assert_adds_up, assert_no_violations, batch, builder, each, export, in_child,
    with_noise,
};
use crate::support::{SOON, agent};

#[test]
fn traces_that_differ_in_env_or_version_travel_apart() {
    let agent = agent();
    let exporter = builder(&agent).with_env("here").with_version("1").build().unwrap();
    let mut spans = batch(1..41, 20);
    for (number, span) in spans.iter_mut().enumerate() {
        // The two spans of a trace are 20 apart.
        match number % 20 % 4 {
            1 => span.attributes.push(KeyValue::new("datadog.env", "there")),
            2 => span.attributes.push(KeyValue::new("service.version", "2")),
            3 => span.attributes.push(KeyValue::new("deployment.environment.name", "there")),
            _ => {}
        }
    }
    export(&exporter, spans).unwrap();
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..41, 1));
    assert_no_violations(&agent, "env and version");
    let mut seen = BTreeSet::new();
    for request in agent.requests() {
        let spans = request.traces.iter().flatten();
        let origins: BTreeSet<_> =
            spans.map(|span| ["env", "version"].map(|key| span.meta.get(key).cloned())).collect();
        assert_eq!(origins.len(), 1, "{origins:?}");
        assert!(seen.insert(origins.clone()), "two requests for {origins:?}");
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

/// An argument of `#[instrument]` may have any name and many values.
#[test]
fn plain_attributes_named_env_and_version_share_one_request() {
    let agent = agent();
    let exporter = builder(&agent).with_env("here").with_version("1").build().unwrap();
    let mut spans = batch(1..401, 200);
    for (number, span) in (1_i64..).zip(&mut spans) {
        span.attributes.push(KeyValue::new("env", format!("env {number}")));
        span.attributes.push(KeyValue::new("version", number));
    }
    export(&exporter, spans).unwrap();
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(agent.requests().len(), 1);
    let arrived = agent.spans();
    assert_eq!(arrived.len(), 400);
    for span in arrived {
        assert_eq!((span.meta["env"].as_str(), span.meta["version"].as_str()), ("here", "1"));
        let number = span.metrics["otel.version"];
        assert_eq!(span.meta["otel.env"], format!("env {number}"));
    }
}

/// Payloads that wait for the Agent are not mixed either.
#[test]
fn waiting_payloads_are_joined_only_with_their_like() {
    let agent = agent();
    agent.pause();
    let exporter = builder(&agent).build().unwrap();
    for n in 0..12 {
        let mut spans = batch(1 + n * 2..3 + n * 2, 1);
        let env = if n % 3 == 0 { "there" } else { "here" };
        for span in &mut spans {
            span.attributes.push(KeyValue::new("datadog.env", env));
        }
        export(&exporter, spans).unwrap();
    }
    agent.resume().unwrap();
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..25, 1));
    assert_no_violations(&agent, "joined");
    assert!(agent.requests().len() < 12, "nothing was joined");
}

/// Batches and how large their bodies may be.
fn large_batches() -> [(&'static str, Vec<SpanData>); 5] {
    let mut mixed = with_noise(batch(1..101, 10), 300);
    for number in [0, 37, 99] {
        // A tag is cut at 25,000 bytes: two of them are above the limit alone.
        let single = with_noise(vec![mixed[number].clone()], 20_000).remove(0);
        mixed[number] = single;
    }
    [
        ("many traces", with_noise(batch(1..201, 100), 300)),
        ("one huge trace", with_noise(batch(1..201, 1), 300)),
        ("traces about as large as the limit", with_noise(batch(1..61, 4), 1_000)),
        ("spans about as large as the limit", with_noise(batch(1..21, 5), 15_700)),
        ("some spans larger than the limit", mixed),
    ]
}

#[test]
fn no_body_is_above_the_limit_unless_it_is_one_span() {
    const LIMIT: usize = 16 * 1024;
    let protocols = [Protocol::V03Json, Protocol::V03MessagePack];
    let cells = large_batches().into_iter().flat_map(|row| protocols.map(|how| (how, row.clone())));
    for (protocol, (name, spans)) in cells {
        let agent = agent();
        let exporter =
            builder(&agent).with_protocol(protocol).with_max_payload_bytes(LIMIT).build().unwrap();
        let count = spans.len() as u64;
        export(&exporter, spans).unwrap();
        exporter.handle().flush(SOON).unwrap();
        assert_eq!(arrivals(&agent), each(1..1 + count, 1), "{name}, {protocol:?}");
        assert_no_violations(&agent, name);
        for request in agent.requests() {
            let (bytes, spans) = (request.body.len(), request.traces.iter().flatten().count());
            assert!(bytes <= LIMIT || spans == 1, "{name}: {bytes} bytes with {spans} spans");
            for chunk in &request.traces {
                assert_eq!(chunk[0].meta["_dd.p.tid"], "0000000000c0ffee", "{name}");
                assert!(chunk[0].metrics.contains_key("_sampling_priority_v1"), "{name}");
            }
        }
        let bytes: usize = agent.requests().iter().map(|request| request.body.len()).sum();
        assert!(agent.requests().len() < 2 + 3 * bytes / LIMIT, "{name}: cut too small");
    }
}

#[test]
fn exports_buffered_for_a_slow_agent_are_joined() {
    const EXPORTS: u64 = 80;
    let agent = agent();
    agent.set_default_reply(Fault::Slow(Duration::from_millis(250)));
    let exporter = builder(&agent).build().unwrap();
    let handle = exporter.handle();
    for n in 0..EXPORTS {
        export(&exporter, batch(1 + n * 5..6 + n * 5, 2)).unwrap();
    }
    handle.flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..1 + EXPORTS * 5, 1));
    assert_no_violations(&agent, "joined");
    let requests = agent.requests().len();
    assert!(requests <= 8, "{requests} requests for {EXPORTS} exports");
    let stats = handle.stats();
    assert_adds_up(&stats, "joined");
    assert_eq!(stats.payloads_sent, requests as u64);
    let bytes: usize = agent.requests().iter().map(|request| request.body.len()).sum();
    assert_eq!(stats.bytes_sent, bytes as u64);
}

#[test]
fn first_in_first_out_whatever_happens() {
    let agent = agent();
    let exporter = builder(&agent).build().unwrap();
    let mut next = 1;
    let mut one_more = || {
        export(&exporter, batch(next..next + 1, 1)).unwrap();
        next += 1;
    };
    let handle = exporter.handle();
    for script in [
        vec![Fault::Status(503), Fault::Status(503)],
        vec![Fault::Close],
        vec![Fault::Overloaded, Fault::Status(408), Fault::Close],
        vec![Fault::Slow(Duration::from_millis(150)), Fault::Status(500)],
    ] {
        agent.pause();
        (0..7).for_each(|_| one_more());
        agent.reply_with(script);
        agent.resume().unwrap();
        (0..7).for_each(|_| one_more());
        handle.flush(SOON).unwrap();
    }
    let ids: Vec<_> = agent.spans().iter().map(|span| span.span_id).collect();
    assert_eq!(ids, (1..57).collect::<Vec<_>>());
}

fn assert_well_formed(request: &TraceRequest) {
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", "/v0.3/traces"));
    for (name, value) in &request.headers {
        assert!(!value.is_empty(), "{name} is empty");
        assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{name}: {value:?}");
        let same = request.headers.iter().filter(|(other, _)| other == name).count();
        assert_eq!(same, 1, "{name} comes twice");
    }
    for (name, expected) in [
        ("content-type", "application/json"),
        ("datadog-meta-lang", "rust"),
        ("datadog-meta-tracer-version", env!("CARGO_PKG_VERSION")),
        ("datadog-send-real-http-status", "1"),
        ("datadog-client-computed-top-level", "1"),
    ] {
        assert_eq!(request.header(name), Some(expected), "{name}");
    }
    let length = request.body.len().to_string();
    assert_eq!(request.header("content-length"), Some(length.as_str()));
    let traces = request.traces.len().to_string();
    assert_eq!(request.header("x-datadog-trace-count"), Some(traces.as_str()));
    for absent in ["content-encoding", "transfer-encoding", "datadog-client-computed-stats"] {
        assert_eq!(request.header(absent), None, "{absent}");
    }
    if let Some(container) = request.header("datadog-container-id") {
        assert_eq!(request.header("datadog-entity-id"), Some(&*format!("ci-{container}")));
    }
}

#[test]
fn headers_are_those_that_the_agent_reads() {
    let agent = agent();
    let exporter = builder(&agent).with_protocol(Protocol::V03Json).build().unwrap();
    export(&exporter, batch(1..8, 3)).unwrap();
    exporter.handle().flush(SOON).unwrap();
    assert_well_formed(&agent.requests()[0]);
    assert_eq!(agent.requests()[0].header("datadog-external-env"), None);
}

#[test]
fn a_variable_cannot_break_a_header() {
    for (value, expected) in [
        ("it-false,cn-shop,pu-75a2", "it-false,cn-shop,pu-75a2"),
        ("cn-a\r\nX-Evil: 1\u{7f}\u{1b}", ""),
        ("\r\n", ""),
        (" ", ""),
    ] {
        let test = "delivery::requests::a_variable_cannot_break_a_header";
        in_child(test, &[("DD_EXTERNAL_ENV", value), ("EXPECTED", expected)], || {
            let agent = agent();
            let exporter = builder(&agent).with_protocol(Protocol::V03Json).build().unwrap();
            export(&exporter, batch(1..3, 1)).unwrap();
            exporter.handle().flush(SOON).unwrap();
            let request = &agent.requests()[0];
            assert_well_formed(request);
            assert_eq!(request.header("x-evil"), None);
            let expected = std::env::var("EXPECTED").unwrap();
            assert_eq!(request.header("datadog-external-env").unwrap_or_default(), expected);
        });
    }
}

#[test]
fn the_rates_of_as_many_services_as_the_agent_keeps_are_learnt() {
    let agent = agent();
    let (name, env) = ("s".repeat(96), "e".repeat(200));
    let rate = |at: u32| (format!("service:{name}{at:04},env:{env}"), f64::from(at) / 10_000.0);
    agent.set_rates((0..5_000).map(rate).collect());
    let exporter = builder(&agent).with_protocol(Protocol::V04).build().unwrap();
    for n in 1..=2 {
        export(&exporter, batch(n..n + 1, 1)).unwrap();
        exporter.handle().flush(SOON).unwrap();
    }
    let known = agent.requests()[1].header("datadog-rates-payload-version").unwrap().to_owned();
    assert_ne!(known, "0", "the second request knows the version of the first answer");
}

#[test]
fn an_agent_at_v04_says_its_rates_once() {
    let agent = agent();
    let rates = |rate| BTreeMap::from([("service:,env:".to_owned(), rate)]);
    agent.set_rates(rates(0.5));
    let exporter = builder(&agent).with_protocol(Protocol::V04).build().unwrap();
    let handle = exporter.handle();
    for n in 1..=4 {
        if n == 3 {
            agent.set_rates(rates(0.25));
        }
        export(&exporter, batch(n..n + 1, 1)).unwrap();
        handle.flush(SOON).unwrap();
    }
    let requests = agent.requests();
    let said: Vec<_> = requests
        .iter()
        .map(|request| request.header("datadog-rates-payload-version").unwrap())
        .collect();
    assert!(requests.iter().all(|request| request.path == "/v0.4/traces"));
    // It knows nothing at first, and repeats what it learnt until that changes.
    assert_eq!(said[0], "0");
    assert_ne!(said[1], "0");
    assert_eq!(said[1], said[2]);
    assert_ne!(said[2], said[3]);
    assert_no_violations(&agent, "v0.4");
}

#[test]
fn user_and_password_of_the_address_are_sent_as_basic_authorisation() {
    let agent = agent();
    let url = agent.url().replace("http://", "http://me:secret@");
    let exporter = builder(&agent).with_agent_url(url).build().unwrap();
    export(&exporter, batch(1..2, 1)).unwrap();
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(agent.requests()[0].header("authorization"), Some("Basic bWU6c2VjcmV0"));
}

/// On a system where the name leads to `::1` first, nobody listens there.
#[test]
fn localhost_leads_to_an_agent_that_listens_on_one_of_its_addresses() {
    let agent = agent();
    let url = agent.url().replace("127.0.0.1", "localhost");
    let exporter = builder(&agent).with_agent_url(url).build().unwrap();
    export(&exporter, batch(1..2, 1)).unwrap();
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..2, 1));
}
