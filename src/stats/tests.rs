//! Right values, limits and memory of client statistics, without spans.

use super::bucket::Bucket;
use super::group::{BLOCKED, Group, PARTS, Part};
use super::*;

/// 2025-01-01, at the start of a bucket.
const START: u64 = 1_735_689_600_000_000_000;
const SECOND: u64 = 1_000_000_000;

/// Returns a key of these parts, all others empty.
fn key<'t>(text: &'t mut String, service: &str, resource: &str, peers: &str) -> Key<'t> {
    text.clear();
    let mut parts = Parts::default();
    for (at, part) in [service, "op", resource, "web", "server", "", "", peers].iter().enumerate() {
        text.push_str(part);
        parts[at] = u32::try_from(text.len()).unwrap();
    }
    assert_eq!(parts.len(), PARTS);
    Key { text, parts, http_status: 200, root: 1, synthetics: false }
}

fn counted(key: Key<'_>, end: u64, duration: u64) -> Counted<'_> {
    Counted { key, end, duration, is_error: false, is_top_level: true }
}

fn book(stats: &mut Concentrator, resource: &str, end: u64, now: u64) {
    let mut text = String::new();
    let span = counted(key(&mut text, "shop", resource, ""), end, 1_000);
    stats.book(("prod", "1"), 1.0, [span].into_iter(), now);
}

/// Takes everything that is complete: start, resource and hits of each group.
fn drain(stats: &mut Concentrator) -> Vec<(u64, String, u64)> {
    let mut found = Vec::new();
    while let Some(request) = stats.take() {
        for (start, groups) in &request.buckets {
            let of = |group: &Group| {
                let resource = group.key().part(Part::Resource).to_owned();
                (*start, resource, group.values.spans())
            };
            found.extend(groups.iter().map(of));
        }
        stats.sent();
    }
    found.sort();
    found
}

#[test]
fn a_span_counts_where_it_ends_unless_that_is_sent_or_to_come() {
    let mut stats = Concentrator::new(START + 5 * SECOND);
    // At the start, a tenth of a second before the end of the bucket, and in the next one.
    book(&mut stats, "a", START, START + 15 * SECOND);
    book(&mut stats, "b", START + BUCKET - 1, START + 15 * SECOND);
    book(&mut stats, "c", START + BUCKET, START + 15 * SECOND);
    // Too late, and from a clock that is ahead.
    book(&mut stats, "late", START - BUCKET, START + 15 * SECOND);
    book(&mut stats, "early", START + 100 * SECOND, START + 15 * SECOND);
    stats.close(START + 15 * SECOND, false);
    assert!(drain(&mut stats).is_empty(), "all are younger than 20 s");
    stats.close(START + 20 * SECOND, false);
    let at = |start: u64, resource: &str| (start, resource.to_owned(), 1);
    let first = [at(START, "a"), at(START, "b"), at(START, "late")];
    assert_eq!(drain(&mut stats), first);
    // The oldest one that is open begins ten seconds ago.
    book(&mut stats, "later", START, START + 21 * SECOND);
    stats.close(START + 22 * SECOND, true);
    let rest = ["c", "early", "later"].map(|resource| at(START + BUCKET, resource));
    assert_eq!(drain(&mut stats), rest);
    assert!(stats.is_empty());
}

#[test]
fn values_are_weighed_and_durations_are_not() {
    let mut text = String::new();
    let mut stats = Concentrator::new(START);
    let key = key(&mut text, "shop", "GET /", "");
    let spans = [
        counted(key, START, 100),
        Counted { is_error: true, ..counted(key, START, 50) },
        Counted { is_top_level: false, ..counted(key, START, 7) },
    ];
    stats.book(("", ""), 2.5, spans.into_iter(), START);
    stats.book(("", ""), 1.0, spans.into_iter(), START);
    stats.close(START, true);
    let request = stats.take().unwrap();
    let group = &request.buckets[0].1[0];
    let values = &group.values;
    let sums = [values.hits, values.errors, values.top_level, values.duration];
    for (sum, expected) in sums.into_iter().zip([10.5, 3.5, 7.0, 157.0 * 3.5]) {
        assert!((sum - expected).abs() < 1e-9, "{sum} {expected}");
    }
    assert_eq!((values.ok.count(), values.failed.count()), (4, 2));
}

#[test]
fn environments_travel_apart_and_large_buckets_in_parts() {
    let mut stats = Concentrator::new(START);
    let mut text = String::new();
    for number in 0..5_000 {
        // Services have no limit of their own.
        let span = counted(key(&mut text, &number.to_string(), "r", ""), START, 1);
        let env = if number < 4_500 { "prod" } else { "qa" };
        stats.book((env, ""), 1.0, [span].into_iter(), START);
    }
    stats.close(START, true);
    let mut found = Vec::new();
    while let Some(request) = stats.take() {
        found.push((request.sequence, request.env.clone(), request.group_count()));
        stats.sent();
    }
    let of = |sequence, env: &str, groups| (sequence, env.to_owned(), groups);
    assert_eq!(found, [of(1, "prod", 4_000), of(2, "prod", 500), of(3, "qa", 500)]);
}

#[test]
fn beyond_a_limit_one_value_stands_for_all() {
    let mut stats = Concentrator::new(START);
    let mut text = String::new();
    for number in 0..2_000 {
        let (resource, peers) = (format!("r{number}"), format!("peer.service:{}\0", number % 600));
        let span = counted(key(&mut text, "shop", &resource, &peers), START, 1);
        stats.book(("", ""), 1.0, [span].into_iter(), START);
    }
    stats.close(START, true);
    let request = stats.take().unwrap();
    let groups: Vec<&Group> = request.buckets.iter().flat_map(|(_, groups)| groups).collect();
    let distinct = |part| {
        let texts = groups.iter().map(|group| group.key().part(part).to_owned());
        texts.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(distinct(Part::Resource).len(), 1_024 + 1);
    assert_eq!(distinct(Part::Peers).len(), 512 + 1);
    assert!(distinct(Part::Peers).contains("tracer_blocked_value\0"));
    assert_eq!(request.spans(), 2_000);
    assert!(groups.iter().all(|group| group.key().http_status == 200));
}

#[test]
fn beyond_the_limit_of_keys_nothing_is_told_apart() {
    let mut stats = Concentrator::new(START);
    let mut text = String::new();
    for number in 0..10_000 {
        let span = counted(key(&mut text, &number.to_string(), "r", "p:1\0"), START, 1);
        stats.book(("prod", ""), 1.0, [span].into_iter(), START);
    }
    stats.close(START, true);
    let (mut groups, mut blocked) = (0, 0);
    while let Some(request) = stats.take() {
        for group in request.buckets.iter().flat_map(|(_, groups)| groups) {
            groups += 1;
            let key = group.key();
            if key.part(Part::Service) == BLOCKED {
                blocked += group.values.spans();
                let texts = [Part::Name, Part::Resource, Part::Type, Part::Kind, Part::Source];
                assert!(texts.iter().all(|part| key.part(*part) == BLOCKED));
                assert_eq!((key.http_status, key.root, key.part(Part::Grpc)), (0, 0, ""));
                assert_eq!(key.part(Part::Peers), "tracer_blocked_value\0");
            }
        }
        stats.sent();
    }
    assert_eq!((groups, blocked), (7_001, 3_000));
}

#[test]
fn a_million_spans_of_a_hundred_thousand_resources_take_bounded_memory() {
    let mut stats = Concentrator::new(START);
    let mut text = String::new();
    let mut most = 0;
    for number in 0..1_000_000_u64 {
        // Ten seconds for each 100,000 of them, and nobody takes what is complete.
        let now = START + number * BUCKET / 100_000;
        let resource = format!("GET /users/{}/orders", number * 7_919 % 100_000);
        let span = counted(key(&mut text, "shop", &resource, ""), now, number * 31 % 1_000_000_007);
        stats.book(("prod", "1"), 1.0, [span].into_iter(), now);
        if number % 100_000 == 0 {
            stats.close(now, false);
            most = most.max(stats.memory());
        }
    }
    stats.close(START + 100 * BUCKET, true);
    most = most.max(stats.memory());
    assert!(most < 12 << 20, "{most} bytes");
    let spans: u64 = drain(&mut stats).iter().map(|(_, _, spans)| spans).sum();
    assert_eq!(spans, 1_000_000);
}

#[test]
fn what_waits_is_one_bucket_of_eight_mebibytes_at_most() {
    let mut stats = Concentrator::new(START);
    let mut text = String::new();
    let mut booked = 0;
    // An hour in which nobody takes anything, with names as long as they may be.
    for minute in 0..60 {
        let now = START + minute * 60 * SECOND;
        for number in 0..300_u64 {
            let resource = format!("{minute}/{number}/").repeat(4_900 / 9);
            let span = counted(key(&mut text, "shop", &resource, ""), now, number * number);
            stats.book(("prod", "1"), 1.0, [span].into_iter(), now);
            booked += 1;
        }
        stats.close(now + 30 * SECOND, false);
        if let Some(request) = stats.take() {
            stats.put_back(request, false);
        }
        let waiting: usize = stats.memory();
        assert!(waiting <= 8 << 20, "{waiting} bytes");
    }
    let found = drain(&mut stats);
    assert!(found.iter().all(|(start, ..)| *start == START), "one bucket, at the oldest time");
    assert_eq!(found.iter().map(|(_, _, spans)| spans).sum::<u64>(), booked);
    assert!(found.iter().any(|(_, resource, _)| resource == BLOCKED));
}

#[test]
fn what_was_too_large_goes_out_in_halves() {
    let mut stats = Concentrator::new(START);
    for number in 0..100 {
        book(&mut stats, &number.to_string(), START, START);
    }
    stats.close(START, true);
    let request = stats.take().unwrap();
    assert_eq!(request.group_count(), 100);
    stats.put_back(request, true);
    let request = stats.take().unwrap();
    assert_eq!(request.group_count(), 50);
    stats.put_back(request, false);
    assert_eq!(drain(&mut stats).len(), 100);
    assert!(stats.is_empty());
}

#[test]
fn a_request_has_a_bound_in_bytes_and_grows_again_after_a_refusal() {
    let mut stats = Concentrator::new(START);
    for number in 0..1_000 {
        book(&mut stats, &format!("{number:05}").repeat(1_000), START, START);
    }
    stats.close(START, true);
    let first = stats.take().unwrap().group_count();
    assert!((500..900).contains(&first), "{first}");
    stats.sent();
    let request = stats.take().unwrap();
    let half = request.group_count() / 2;
    stats.put_back(request, true);
    assert_eq!(stats.take().unwrap().group_count(), half);
    for _ in 0..64 {
        stats.sent();
    }
    for number in 0..2 * half {
        book(&mut stats, &number.to_string(), START, START);
    }
    stats.close(START, true);
    assert!(stats.take().unwrap().group_count() > half);
}

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let mut stats = Concentrator::new(START + 3_600 * SECOND);
    book(&mut stats, "before", START + 3_600 * SECOND, START + 3_600 * SECOND);
    book(&mut stats, "after", START, START);
    stats.close(START + 20 * SECOND, false);
    let found = drain(&mut stats);
    let of_after = (START, "after".to_owned(), 1);
    assert!(found.len() == 2 && found.contains(&of_after), "{found:?}");
}

#[test]
fn pairs_of_environment_and_version_give_their_places_back() {
    let mut stats = Concentrator::new(START);
    let mut text = String::new();
    for number in 0..200_u64 {
        let now = START + number * BUCKET;
        let span = counted(key(&mut text, "shop", "a", ""), now, 1);
        stats.book(("prod", &number.to_string()), 1.0, [span].into_iter(), now);
        stats.close(now, false);
        while let Some(request) = stats.take() {
            assert_ne!(request.version, BLOCKED, "{number}");
            stats.sent();
        }
    }
}

#[test]
fn a_request_that_was_given_up_is_not_put_back() {
    let mut stats = Concentrator::new(START);
    book(&mut stats, "a", START, START);
    stats.close(START, true);
    let request = stats.take().unwrap();
    assert_eq!(stats.give_up(true), 1);
    stats.put_back(request, false);
    assert!(stats.is_empty());
}

#[test]
fn what_is_given_up_is_counted() {
    let mut stats = Concentrator::new(START);
    book(&mut stats, "a", START, START);
    stats.close(START, true);
    book(&mut stats, "b", START + BUCKET, START + BUCKET);
    assert_eq!(stats.give_up(false), 1);
    assert_eq!(stats.give_up(true), 1);
    assert!(stats.is_empty());
}

#[test]
fn keys_with_one_hash_stay_apart() {
    let (mut one, mut other) = (String::new(), String::new());
    let mut bucket = Bucket::new(START);
    let mut tools = bucket::Tools::default();
    // The same text with another border.
    let spans = [
        counted(key(&mut one, "ab", "c", ""), START, 1),
        counted(key(&mut other, "a", "bc", ""), START, 1),
    ];
    for span in &spans {
        bucket.add(0, span, 1.0, &mut tools);
        bucket.add(0, span, 1.0, &mut tools);
    }
    assert_eq!(bucket.groups().len(), 2);
}
