//! The order of the buffer while parts of it are out of its hands: being compressed, or on their way.

use super::*;
use crate::encoding::{Fields, Json, Payloads, Sink as _};

/// The bound of the buffers here.
const LIMIT: usize = 64 * 1024;
/// Beyond this much waiting text the oldest is compressed.
const RAW_LIMIT: usize = LIMIT / 4;

/// A payload of so many spans and about so many bytes, which shrink well.
fn payload(spans: usize, bytes: usize) -> Vec<Payload> {
    let mut payloads = Payloads::new(16 * LIMIT);
    let text = "x".repeat(bytes / spans);
    payloads.trace::<Json, _>(&vec![(); spans], |(), _, mut writer, _| {
        writer.tag("text", &text);
        writer.finish(&Fields {
            service: "",
            name: "",
            resource: "",
            span_type: "",
            trace_id: 1,
            span_id: 1,
            parent_id: 0,
            start: 0,
            duration: 0,
            error: 0,
        });
    });
    let mut payloads = payloads.finish();
    for payload in &mut payloads {
        payload.shrink(0);
    }
    payloads
}

/// A buffer before an Agent that is away.
fn away() -> Buffer {
    Buffer { is_failing: true, ..Buffer::new(LIMIT, LIMIT) }
}

/// Takes out one request after the other, each in vain: as an Agent that is away sees them.
fn spans_in_order(mut buffer: Buffer) -> Vec<u64> {
    buffer.is_failing = true;
    let mut spans = Vec::new();
    while let Some(flight) = buffer.take() {
        spans.push(flight.spans());
        buffer.delivered(flight, 0);
        buffer.is_failing = true;
    }
    spans
}

#[test]
fn what_was_compressed_goes_before_what_was_compressed_meanwhile() {
    let mut buffer = away();
    let first = buffer.push(payload(1, RAW_LIMIT + 1_000));
    let mut packing = buffer.take_excess().expect("it is more than may wait as it is");
    buffer.push(payload(2, 40 * 1024));
    // Too much now: these two are compressed at once.
    buffer.push(payload(3, 20 * 1024));
    assert!(buffer.total_memory() < LIMIT && buffer.raw == 0, "{buffer:?}");
    packing.pack();
    buffer.put_packed(packing);
    assert!(!buffer.is_settled(first));
    assert_eq!(spans_in_order(buffer), [1, 5]);
}

#[test]
fn what_is_being_compressed_makes_room_before_all_that_is_newer() {
    let mut buffer = away();
    buffer.push(payload(1, RAW_LIMIT + 1_000));
    let mut packing = buffer.take_excess().expect("it is more than may wait as it is");
    buffer.push(payload(2, 20 * 1024));
    buffer.limit = RAW_LIMIT / 2;
    buffer.push(payload(3, 1_000));
    packing.pack();
    buffer.put_packed(packing);
    assert_eq!(buffer.stats.spans_dropped.buffer_full, 1);
    assert_eq!(spans_in_order(buffer), [5]);
}

#[test]
fn a_request_in_vain_is_not_joined_with_what_others_are_behind() {
    let mut buffer = away();
    buffer.push(payload(1, 1_000));
    let flight = buffer.take().expect("it was just pushed");
    buffer.push(payload(2, RAW_LIMIT + 1_000));
    let mut packing = buffer.take_excess().expect("it is more than may wait as it is");
    packing.pack();
    buffer.put_packed(packing);
    buffer.push(payload(3, RAW_LIMIT));
    buffer.keep(flight);
    while let Some(mut packing) = buffer.take_excess() {
        packing.pack();
        buffer.put_packed(packing);
    }
    assert_eq!(spans_in_order(buffer), [1, 2, 3]);
}

#[test]
fn what_is_being_compressed_is_given_up_with_all_the_rest() {
    let mut buffer = away();
    buffer.push(payload(1, RAW_LIMIT + 1_000));
    assert!(buffer.take_excess().is_some(), "it is more than may wait as it is");
    buffer.push(payload(2, 1_000));
    assert_eq!((buffer.drop_all(), buffer.stats.payloads_dropped), (3, 2));
}

#[test]
fn a_buffer_that_compresses_is_not_idle() {
    let mut buffer = away();
    buffer.push(payload(1, RAW_LIMIT + 1_000));
    assert!(buffer.take_excess().is_some());
    assert!(!buffer.is_idle());
}

#[test]
fn before_an_agent_that_takes_what_it_gets_little_is_compressed() {
    let mut buffer = Buffer::new(LIMIT, LIMIT);
    buffer.push(payload(1, RAW_LIMIT + 1_000));
    assert!(buffer.take_excess().is_none());
    buffer.push(payload(1, LIMIT / 2));
    assert!(
        buffer.take_excess().is_some(),
        "half of the buffer is not left to an Agent that is slow"
    );
}
