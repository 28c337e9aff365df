//! The order and the bounds of the buffer while parts of it are out of its hands: being compressed, or on their way.

use proptest::prelude::*;

use super::*;
use crate::encoding::{Fields, Json, Payloads, Sink as _};

/// The bound of the buffers here.
const LIMIT: usize = 1 << 20;
/// Beyond this much waiting text something is compressed.
const RAW_LIMIT: usize = LIMIT / RAW_SHARE;

/// A payload of so many spans and about so many bytes, which shrink well.
fn payload(spans: usize, bytes: usize) -> Payload {
    of_version("", spans, bytes)
}

fn of_version(version: &str, spans: usize, bytes: usize) -> Payload {
    let mut payloads = Payloads::new(16 * LIMIT);
    let text = "x".repeat(bytes / spans);
    payloads.start(None, false);
    payloads.trace::<Json, _>(&vec![(); spans], |(), _, mut writer, facts| {
        facts.say("", version, true);
        writer.tag("text", &text);
        writer.finish(&Fields { trace_id: 1, span_id: 1, ..Fields::default() });
    });
    let mut payload = payloads.finish().remove(0);
    payload.shrink(0);
    payload
}

/// A buffer before an Agent that is away.
fn away() -> Buffer {
    Buffer { is_failing: true, ..Buffer::new(LIMIT, LIMIT) }
}

/// Compresses all that should be.
fn pack(buffer: &mut Buffer) {
    while let Some(mut waiting) = buffer.take_excess() {
        waiting.pack();
        buffer.put_packed(Some(waiting));
    }
}

/// Takes out one request after the other, each alone: as an Agent that is away would see them.
fn spans_in_order(mut buffer: Buffer) -> Vec<u64> {
    buffer.is_failing = true;
    let mut spans = Vec::new();
    while let Some(mut flight) = buffer.take() {
        flight.prepare();
        assert_eq!(u64::from(flight.payload().span_count()), flight.spans());
        spans.push(flight.spans());
        buffer.delivered(flight, 0);
        buffer.is_failing = true;
    }
    spans
}

#[test]
fn background_compression_keeps_queue_order() {
    let mut buffer = away();
    let first = buffer.push(vec![payload(1, RAW_LIMIT + 1_000)]);
    let mut packing = buffer.take_excess().expect("it is more than may wait as it is");
    buffer.push(vec![payload(2, RAW_LIMIT / 4 * 3)]);
    buffer.push(vec![payload(3, RAW_LIMIT / 4 * 3)]);
    assert!(buffer.take_excess().is_none(), "one at a time");
    assert!(buffer.take().is_none(), "it must not overtake");
    assert!(!buffer.is_settled(first) && !buffer.is_idle());
    packing.pack();
    buffer.put_packed(Some(packing));
    pack(&mut buffer);
    assert_eq!(buffer.lanes.raw(), 0);
    assert_eq!(spans_in_order(buffer), [1, 5]);
}

#[test]
fn compression_of_one_origin_holds_no_other_up() {
    let mut buffer = away();
    buffer.push(vec![of_version("1", 1, RAW_LIMIT + 1_000)]);
    let packing = buffer.take_excess();
    buffer.push(vec![of_version("2", 2, 1_000)]);
    let flight = buffer.take().expect("another origin waits");
    assert_eq!(flight.spans(), 2);
    buffer.keep(flight);
    buffer.put_packed(packing);
    assert_eq!(spans_in_order(buffer), [1, 2]);
}

#[test]
fn a_payload_that_is_being_compressed_makes_room_before_newer_ones() {
    let mut buffer = away();
    buffer.push(vec![payload(1, RAW_LIMIT + 1_000)]);
    let mut packing = buffer.take_excess().expect("it is more than may wait as it is");
    buffer.push(vec![payload(2, 20 * 1024)]);
    buffer.limit = 64 * 1024;
    buffer.push(vec![payload(3, 1_000)]);
    packing.pack();
    buffer.put_packed(Some(packing));
    assert_eq!(buffer.stats.spans_dropped.buffer_full, 1);
    assert_eq!(spans_in_order(buffer), [5]);
}

#[test]
fn a_request_in_vain_goes_back_as_it_was() {
    let mut buffer = away();
    buffer.push(vec![payload(1, RAW_LIMIT + 1_000)]);
    pack(&mut buffer);
    let memory = buffer.total_memory();
    buffer.push(vec![payload(2, 1_000)]);
    for doubts in 0..3 {
        let mut flight = buffer.take().expect("it waits");
        flight.prepare();
        assert!(buffer.stats().bytes_buffered > (memory + RAW_LIMIT) as u64, "the copy counts");
        assert_eq!(flight.tries(), (doubts, 0));
        flight.set_tries(doubts + 1, 0);
        buffer.keep(flight);
    }
    assert!(buffer.total_memory() < memory + 4_000);
    assert_eq!(spans_in_order(buffer), [1, 2]);
}

#[test]
fn a_payload_that_is_being_compressed_is_given_up_with_all_the_rest() {
    let mut buffer = away();
    buffer.push(vec![payload(1, RAW_LIMIT + 1_000)]);
    let packing = buffer.take_excess();
    assert!(packing.is_some(), "it is more than may wait as it is");
    buffer.push(vec![payload(2, 1_000)]);
    assert_eq!((buffer.drop_all(), buffer.stats.payloads_dropped), (3, 2));
    buffer.put_packed(packing);
    assert!(buffer.is_idle() && buffer.take().is_none());
}

#[test]
fn before_an_agent_that_takes_what_it_gets_little_is_compressed() {
    let mut buffer = Buffer::new(LIMIT, LIMIT);
    buffer.push(vec![payload(1, RAW_LIMIT + 1_000)]);
    assert!(buffer.take_excess().is_none());
    buffer.push(vec![payload(1, LIMIT / 2)]);
    let half = "half of the buffer is not left to an Agent that is slow";
    assert!(buffer.take_excess().is_some(), "{half}");
}

#[test]
fn an_agent_that_takes_what_it_gets_gets_an_export_larger_than_the_bound() {
    let mut buffer = Buffer::new(LIMIT, LIMIT / 4);
    buffer.push((0..8).map(|_| payload(1, LIMIT / 4)).collect());
    assert_eq!(buffer.stats.spans_dropped.total(), 0);
    let flight = buffer.take().expect("it waits");
    // It fails: from now on the bound holds.
    buffer.keep(flight);
    assert!(buffer.total_memory() <= LIMIT);
    assert!(buffer.stats.spans_dropped.buffer_full >= 4);
}

#[test]
fn many_small_exports_of_many_origins_make_few_entries() {
    let mut buffer = away();
    for round in 0..50 {
        buffer.push((0..20).map(|n| of_version(&format!("{n}"), 1 + round % 2, 500)).collect());
    }
    assert_eq!(buffer.lanes.len(), 20);
    pack(&mut buffer);
    assert!(buffer.lanes.raw() <= RAW_LIMIT);
    assert_eq!(buffer.stats.spans_dropped.total(), 0);
}

#[test]
fn a_payload_that_the_agent_may_have_is_no_loss_of_a_full_buffer() {
    let mut buffer = away();
    buffer.push(vec![payload(3, 1_000)]);
    let mut flight = buffer.take().expect("it waits");
    flight.set_tries(1, 0);
    buffer.keep(flight);
    buffer.limit = 0;
    buffer.push(vec![payload(2, 1_000)]);
    let dropped = buffer.stats.spans_dropped;
    assert_eq!((dropped.unacknowledged, dropped.buffer_full), (3, 2));
}

/// Something that happens to a buffer.
#[derive(Clone, Debug)]
enum Step {
    /// An export: the version, the spans and the bytes of each payload.
    Push(Vec<(u8, usize, usize)>),
    Take,
    Deliver,
    Keep,
    Halve,
    Refuse,
    Fail,
    StartPacking,
    EndPacking,
}

fn step() -> impl Strategy<Value = Step> {
    let payload = (0_u8..4, 1_usize..6, 10_usize..200_000);
    prop_oneof![
        4 => prop::collection::vec(payload, 1..4).prop_map(Step::Push),
        3 => Just(Step::Take),
        2 => Just(Step::Deliver),
        2 => Just(Step::Keep),
        1 => Just(Step::Halve),
        1 => Just(Step::Refuse),
        1 => Just(Step::Fail),
        2 => Just(Step::StartPacking),
        2 => Just(Step::EndPacking),
    ]
}

/// Does a step, unless it makes no sense now.
fn apply(buffer: &mut Buffer, out: &mut (Option<Flight>, Option<Waiting>), step: Step) {
    let (flight, packing) = out;
    match step {
        Step::Push(payloads) => {
            let payloads = payloads.into_iter();
            let payloads =
                payloads.map(|(v, spans, bytes)| of_version(&v.to_string(), spans, bytes));
            buffer.push(payloads.collect());
        }
        Step::Take if flight.is_none() => {
            *flight = buffer.take();
            if let Some(flight) = flight {
                flight.prepare();
            }
        }
        Step::StartPacking if packing.is_none() => *packing = buffer.take_excess(),
        Step::EndPacking => {
            if let Some(mut waiting) = packing.take() {
                waiting.pack();
                buffer.put_packed(Some(waiting));
            }
        }
        Step::Fail => buffer.fail(),
        Step::Take | Step::StartPacking => {}
        step => {
            let Some(flight) = flight.take() else { return };
            match step {
                Step::Deliver => buffer.delivered(flight, 7),
                Step::Halve if buffer.halve(&flight) => {}
                Step::Refuse => buffer.drop_flight(&flight, Reason::Refused),
                _ => buffer.keep(flight),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_span_and_every_byte_is_accounted_for(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut buffer = Buffer::new(LIMIT, LIMIT / 4);
        let mut out = (None, None);
        for step in steps {
            let newest = matches!(step, Step::Push(_));
            apply(&mut buffer, &mut out, step);
            let stats = buffer.stats();
            let sum = stats.spans_delivered + stats.spans_dropped.total() + stats.spans_buffered;
            prop_assert_eq!(stats.spans_received, sum);
            prop_assert!(!buffer.is_failing || newest || buffer.lanes.memory() <= LIMIT);
        }
        // All that is left can be delivered.
        if let Some(flight) = out.0.take() {
            buffer.keep(flight);
        }
        buffer.put_packed(out.1.take());
        while let Some(mut flight) = buffer.take() {
            flight.prepare();
            prop_assert_eq!(u64::from(flight.payload().span_count()), flight.spans());
            buffer.delivered(flight, 7);
        }
        prop_assert!(buffer.is_idle());
        prop_assert_eq!((buffer.total_memory(), buffer.lanes.raw()), (0, 0));
        prop_assert_eq!(buffer.stats().spans_buffered, 0);
    }
}
