//! Secrets in query strings, redacted by us and by Datadog's official tracers for Python and Node: equal, or stricter by
//! a row of [`STRICTER`].

use std::collections::HashSet;
use std::time::Duration;

use datadog_test_agent::TestAgent;
use futures_executor::block_on;
use opentelemetry::KeyValue;
use opentelemetry_datadog_agent::{DatadogExporter, SpanTypes};
use opentelemetry_sdk::trace::SpanExporter as _;

use crate::tracer::{Peer, answers};
use crate::traces::span;

/// The longest time that a flush may take.
const SOON: Duration = Duration::from_secs(10);

/// Queries that are compared.
const CASES: usize = 6_000;

/// A difference on purpose: its reason, the tracers, and a test of the query for the signs of it.
type Row = (&'static str, &'static [Peer], fn(&str) -> bool);

/// The secrets that we hide and the official tracers do not.
const STRICTER: [Row; 6] = [
    ("`sig`, a key that the semantic conventions name", &Peer::ALL, |query| has(query, &["sig"])),
    ("a fragment may hold what a query does", &[Peer::Python], |query| has(query, &["#"])),
    ("`+` is a blank in a query", &Peer::ALL, |query| has(query, &["+"])),
    ("an access token has all signs of RFC 6750", &Peer::ALL, |query| {
        has(query, &["bearer%20", "bearer "])
    }),
    ("a token is hidden whole, however long it is", &Peer::ALL, |query| {
        has(query, &["token:", "token%3a", "ghp_", "gho_", "ghu_", "ghs_"])
    }),
    ("a text in JSON or a key that has no end goes up to the end", &Peer::ALL, |query| {
        has(query, &["\"", "%22", "-----begin"])
    }),
];

fn rows(peer: Peer) -> impl Iterator<Item = &'static Row> {
    STRICTER.iter().filter(move |(_, peers, _)| peers.contains(&peer))
}

fn has(query: &str, signs: &[&str]) -> bool {
    let query = query.to_ascii_lowercase();
    signs.iter().any(|sign| query.contains(sign))
}

/// Pieces of queries. `§` is a letter or a digit.
#[rustfmt::skip]
const PIECES: &[&str] = &[
    "&", "&", "&", "&", "=", "=", "%3D", "%3d", "\"", "%22", ":", "%3A", " ", "%20", "\t", "_", "-", ".", "%", "%2", "é", "{", "}",
    "q", "page", "§", "§§§§", "1", "2", "x=1", "&a=§§", "%26", "+", "#", "?", "/", ";", "~",
    "token", "Token", "access_token=§§", "xtoken", "tokens", "pwd", "passwd", "pword", "PASSWORD", "old_password1", "newpwd2", "old-", "new",
    "pass", "pass_phrase", "passphrase", "secret", "secretkey", "api_key", "apikey", "api-key-id", "private_key", "public", "access",
    "key", "keyid", "_id", "app_key", "application-key", "applicationkeyid", "consumer_id", "consumer-key", "consumersecret",
    "sign", "signed", "signature", "Signature", "auth", "authentication", "authorization", "sig", "sig=§", "AWSAccessKeyId", "X-Goog-Signature",
    "\"token\":\"§§\"", "%22secret%22%3A%20%22§§%22", "\"auth\" : \"§%27§\"", "%22pwd%22:%22§", "\"sign\":\"\"",
    "bearer", "Bearer%20§§§", "bearer §.§-§", "BEARER+§§", "bearer%20§§/§§==",
    "token:§§§§§§§§§§§§§", "token%3A§§§§§§§§§§§§§§§", "token:§§§",
    "ghp_§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§", "gho_§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§", "ghx_§§", "ghu_§§",
    "eyJ§§§.eyJ§§§.§§_-§", "=eyJ§§%3D.eyI§§", "%20eyK§§.eyL§§==.§/§+%2B", "eyJ§", ".eyJ§§", "ey",
    "-----BEGIN%20PRIVATE%20KEY-----§§§-----END%20PRIVATE%20KEY-----", "-----BEGIN RSA PRIVATE KEY-----§§-----END RSA PRIVATE KEY-----\n",
    "-----BEGIN+PRIVATE+KEY-----§§-----END+PRIVATE+KEY-----", "-----BEGIN PUBLIC KEY-----§", "-----", "-----BEGIN%20EC%20PRIVATE%20KEY-----§",
    "ssh-rsa%20", "ssh-dss ", "ecdsa-sha2-nistp256 ", "ecdsa-§", "§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§§",
];

/// Returns a random query.
fn query(random: &mut fastrand::Rng) -> String {
    let length = random.usize(1..10);
    let pieces: String = (0..length).map(|_| PIECES[random.usize(..PIECES.len())]).collect();
    pieces.chars().map(|c| if c == '§' { random.alphanumeric() } else { c }).collect()
}

/// Returns what an official tracer makes of URLs and queries.
fn theirs(peer: Peer, queries: &[String]) -> Vec<[String; 2]> {
    let lines: String = queries
        .iter()
        .map(|query| serde_json::to_string(&[&url(query), query]).unwrap() + "\n")
        .collect();
    let text = answers(&mut peer.program("queries"), lines);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn url(query: &str) -> String {
    format!("https://host.example/path?{query}")
}

/// Returns what we make of URLs and queries.
fn ours(queries: &[String], types: SpanTypes) -> Vec<[String; 2]> {
    let agent = TestAgent::start().unwrap();
    let exporter = DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_span_types(types)
        .build()
        .unwrap();
    let batch = (1..).zip(queries).map(|(number, query)| {
        let mut span = span(1, number, 1);
        span.attributes.push(KeyValue::new("url.full", url(query)));
        span.attributes.push(KeyValue::new("url.query", query.clone()));
        span
    });
    block_on(exporter.export(batch.collect())).unwrap();
    exporter.handle().flush(SOON).unwrap();
    let mut spans = agent.spans();
    spans.sort_by_key(|span| span.span_id);
    assert_eq!(spans.len(), queries.len());
    spans
        .into_iter()
        .map(|mut span| {
            ["http.url", "url.query"].map(|key| span.meta.remove(key).unwrap_or_default())
        })
        .collect()
}

/// Returns true if all that one text shows is shown by the other.
fn shows_no_more(one: &str, other: &str) -> bool {
    let one = one.replace("<redacted>", "");
    let mut rest = other.chars();
    one.chars().all(|c| rest.any(|other| other == c))
}

#[test]
fn secrets_in_queries_are_those_of_the_official_tracers_and_a_few_more() {
    let mut random = fastrand::Rng::with_seed(19);
    let queries: Vec<_> = (0..CASES).map(|_| query(&mut random)).collect();
    let (documented, agents) =
        (ours(&queries, SpanTypes::Documented), ours(&queries, SpanTypes::Agent));
    assert_eq!(documented, agents, "the span types change nothing");
    for peer in Peer::ALL {
        let theirs = theirs(peer, &queries);
        let (mut hit, mut redacted, mut equal) = (HashSet::new(), 0, 0);
        for ((query, own), other) in queries.iter().zip(&documented).zip(&theirs) {
            redacted += usize::from(own[1].contains("<redacted>"));
            equal += usize::from(own == other);
            // Python's parser of URLs removes what no URL can hold.
            let is_url = peer != Peer::Python || !query.contains(['\n', '\t']);
            for (own, other) in own.iter().zip(other).skip(usize::from(!is_url)) {
                hit.extend(difference(peer, query, own, other));
            }
        }
        println!("{peer:?}: {CASES} queries, {redacted} with a secret, {equal} equal");
        assert!(redacted > CASES / 4 && equal > CASES / 2, "{redacted} {equal}");
        let unused: Vec<_> = rows(peer).filter(|(reason, ..)| !hit.contains(reason)).collect();
        assert!(unused.is_empty(), "{peer:?} {unused:?}");
    }
}

/// Returns the reason of a difference, if it is the only one and so certain; fails where there is none.
fn difference(peer: Peer, query: &str, own: &str, other: &str) -> Option<&'static str> {
    if own == other {
        return None;
    }
    let rows: Vec<_> = rows(peer).filter(|(.., fits)| fits(query)).collect();
    assert!(!rows.is_empty(), "no row\n{query}\nours   {own}\ntheirs {other}");
    assert!(shows_no_more(own, other), "{rows:?}\n{query}\nours   {own}\ntheirs {other}");
    match rows[..] {
        [(reason, ..)] => Some(reason),
        _ => None,
    }
}

#[test]
fn real_queries_without_a_secret_stay_byte_for_byte() {
    let text = include_str!("../queries.txt");
    let queries: Vec<_> = text.lines().map(str::to_owned).collect();
    assert_eq!(queries.len(), 2_000);
    for types in [SpanTypes::Documented, SpanTypes::Agent] {
        for (query, [own_url, own]) in queries.iter().zip(ours(&queries, types)) {
            assert_eq!((&own, own_url), (query, url(query)));
        }
    }
    for peer in Peer::ALL {
        for (query, [_, other]) in queries.iter().zip(theirs(peer, &queries)) {
            assert_eq!(*query, other, "{peer:?}");
        }
    }
}
