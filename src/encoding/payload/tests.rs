//! Any spans: joined, halved, cut and translated, they read the same.

use proptest::prelude::*;

use super::super::reader::{ReadSpan, read_chunk};
use super::super::{Fields, Json, MessagePack, Sink as _, Text, Wire, WireKind};
use super::{Payload, Payloads};

/// A span of a test: text tags, numbers, and a number for its fields.
type Span = (Vec<(String, String)>, Vec<(String, f64)>, u64);

fn spans() -> impl Strategy<Value = Vec<Span>> {
    let key = "[a-z_.]{1,12}";
    let text = prop_oneof![any::<String>(), "[ -~\\n\u{e9}\u{1F600}]{0,300}"];
    let number = prop_oneof![
        prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        any::<i64>().prop_map(
            #[expect(clippy::cast_precision_loss, reason = "any number will do")]
            |whole| whole as f64
        ),
    ];
    // Keys come once, as the mapping gives them.
    let texts = prop::collection::btree_map(key, text, 0..6);
    let numbers = prop::collection::btree_map(key, number, 0..6);
    let span = (texts, numbers, any::<u64>()).prop_map(|(texts, numbers, id)| {
        (texts.into_iter().collect(), numbers.into_iter().collect(), id)
    });
    prop::collection::vec(span, 1..12)
}

/// Writes the spans of one trace; the first carries the facts of a head span.
fn write<W: Wire>(spans: &[Span], limit: usize) -> Vec<Payload> {
    let mut payloads = Payloads::new(limit);
    let numbers: Vec<usize> = (0..spans.len()).collect();
    payloads.trace::<W, _>(&numbers, |number, is_head, mut writer, facts| {
        let (texts, metrics, id) = &spans[*number];
        if is_head {
            writer.tag("_dd.p.tid", "0000000000000017");
            writer.tag("_dd.p.dm", "-3");
            writer.tag("language", "rust");
            writer.metric(Text::Plain("_sampling_priority_v1"), 2.0);
            writer.metric(Text::Plain("process_id"), 7.0);
        }
        for (key, value) in texts {
            writer.text(key, value);
        }
        for (key, value) in metrics {
            writer.metric(key.as_str().into(), *value);
        }
        facts.say("prod", "", false);
        writer.finish(&Fields {
            service: "shop",
            name: "\u{0}\"",
            resource: "",
            span_type: "web",
            trace_id: *id,
            span_id: u64::MAX - id,
            parent_id: 0,
            start: i64::MAX,
            duration: i64::try_from(id / 2).unwrap(),
            error: 1,
        });
    });
    payloads.finish()
}

fn read(payload: &Payload) -> Vec<Vec<ReadSpan>> {
    (0..payload.chunks.len())
        .map(|at| read_chunk(payload.wire, payload.list(at)).unwrap())
        .collect()
}

fn facts(span: &ReadSpan) -> [bool; 5] {
    let tags = ["_dd.p.tid", "_dd.p.dm", "language"].map(|key| span.has_tag(key));
    let numbers = ["_sampling_priority_v1", "process_id"].map(|key| span.has_number(key));
    [tags[0], tags[1], tags[2], numbers[0], numbers[1]]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn spans_read_the_same_from_both_wires_translated_or_not(spans in spans()) {
        let json = write::<Json>(&spans, usize::MAX).remove(0);
        let message_pack = write::<MessagePack>(&spans, usize::MAX).remove(0);
        let expected = read(&json);
        prop_assert_eq!(&read(&message_pack), &expected);
        let there = json.translate(WireKind::MessagePack).unwrap();
        prop_assert_eq!(&read(&there), &expected);
        let back = there.translate(WireKind::Json).unwrap();
        prop_assert_eq!(&read(&back), &expected);
        // A second translation gives the same bytes.
        let again = back.translate(WireKind::MessagePack).unwrap();
        prop_assert_eq!(&again.bytes, &there.bytes);
        prop_assert_eq!((again.spans, again.chunk_count()), (json.spans, json.chunk_count()));
    }

    #[test]
    fn a_chunk_that_is_cut_loses_no_span_and_each_part_has_the_facts_of_its_head(
        spans in spans(),
        limit in 300_usize..4_000,
    ) {
        for payloads in [write::<Json>(&spans, limit), write::<MessagePack>(&spans, limit)] {
            let mut ids = Vec::new();
            for payload in payloads {
                prop_assert!(payload.len() <= limit || payload.spans == 1, "{} bytes", payload.len());
                for chunk in read(&payload) {
                    prop_assert_eq!(facts(&chunk[0]), [true; 5]);
                    ids.extend(chunk.iter().map(|span| span.id("trace_id")));
                }
            }
            let mut expected: Vec<u64> = spans.iter().map(|(.., id)| *id).collect();
            // A part may fit into an earlier payload.
            ids.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(ids, expected);
        }
    }

    #[test]
    fn halves_have_all_spans_in_order_and_a_head_each(spans in spans()) {
        for payload in [
            write::<Json>(&spans, usize::MAX).remove(0),
            write::<MessagePack>(&spans, usize::MAX).remove(0),
        ] {
            let Some((first, second)) = payload.halve() else {
                prop_assert_eq!(spans.len(), 1);
                continue;
            };
            prop_assert!(first.spans > 0 && second.spans > 0);
            prop_assert_eq!(facts(&read(&second)[0][0]), [true; 5]);
            let mut joined = first;
            joined.append(&second);
            let ids: Vec<_> = read(&joined).concat().iter().map(|span| span.id("span_id")).collect();
            let expected: Vec<_> = spans.iter().map(|(.., id)| u64::MAX - id).collect();
            prop_assert_eq!(ids, expected);
        }
    }
}
