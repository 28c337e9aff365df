//! The outage buffer: bounded in memory, the oldest goes first, and what shrinks takes little room.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use datadog_test_agent::Fault;
use opentelemetry::KeyValue;
use opentelemetry_datadog_agent::ExporterHandle;
use opentelemetry_sdk::trace::SpanExporter as _;

use super::{
    arrivals, assert_adds_up, assert_no_violations, batch, builder, each, export, until, with_noise,
};
use crate::support::{PROTOCOLS, SOON, agent, block_on};

const MIB: u64 = 1024 * 1024;

/// The limit, and what a request under way takes above what it took compressed.
const MOST: u64 = MIB + MIB / 4;

/// Does the work, and returns the most bytes that were buffered at any time of it.
fn most_buffered(handle: &ExporterHandle, work: impl FnOnce()) -> u64 {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Acquire) {
                let stats = handle.stats();
                assert_adds_up(&stats, "at any moment");
                most = most.max(stats.bytes_buffered);
                thread::yield_now();
            }
            most
        });
        work();
        done.store(true, Ordering::Release);
        watch.join().unwrap()
    })
}

/// Fails unless the spans that arrived are the newest, each once: all of the last ids, and before them
/// at most one request's worth, which was under way while the next oldest made room.
fn assert_newest(arrived: &BTreeMap<u64, usize>, last: u64, request: u64) {
    assert!(arrived.values().all(|times| *times == 1), "{arrived:?}");
    let newest = (1..=last).rev().take_while(|id| arrived.contains_key(id)).count() as u64;
    let older: Vec<u64> = arrived.range(..=last - newest).map(|(id, _)| *id).collect();
    assert!(newest > 0 && older.len() as u64 <= request, "{newest} newest, {older:?} before");
    assert!(older.windows(2).all(|pair| pair[1] == pair[0] + 1), "not one request: {older:?}");
}

/// The request under way cannot be taken back: then those that follow it make room.
#[test]
fn a_full_buffer_loses_the_oldest_and_counts_them() {
    const EXPORTS: u64 = 150;
    const SIZE: u64 = 10;
    /// Spans of a request while the Agent is away: seven exports are compressed together.
    const REQUEST: u64 = 7 * SIZE;
    let agent = agent();
    agent.pause();
    let exporter = builder(&agent).with_max_buffer_bytes(1 << 20).build().unwrap();
    let handle = exporter.handle();
    let most = most_buffered(&handle, || {
        for n in 0..EXPORTS {
            // About 35 KB, compressed: 5 MB in all.
            let spans = with_noise(batch(1 + n * SIZE..1 + (n + 1) * SIZE, 3), 4_000);
            export(&exporter, spans).unwrap();
            assert_adds_up(&handle.stats(), "filling");
        }
        let retries = handle.stats().retries;
        until("tries with a full buffer", || handle.stats().retries >= retries + 2);
    });
    assert!(most <= MOST, "{most} bytes were buffered");
    let stats = handle.stats();
    assert_adds_up(&stats, "full");
    assert_eq!(stats.spans_received, EXPORTS * SIZE);
    assert_eq!(stats.spans_dropped.total(), stats.spans_dropped.buffer_full);
    assert!(stats.payloads_dropped > 0, "{stats:?}");
    // It is used well, too.
    assert!(stats.bytes_buffered > MIB / 2, "{stats:?}");

    agent.resume().unwrap();
    handle.flush(SOON).unwrap();
    let stats = handle.stats();
    assert_adds_up(&stats, "back");
    let arrived = arrivals(&agent);
    assert_eq!(arrived.len() as u64, EXPORTS * SIZE - stats.spans_dropped.buffer_full);
    assert_newest(&arrived, EXPORTS * SIZE, REQUEST);
    assert_no_violations(&agent, "back");
}

#[test]
fn ordinary_spans_shrink_so_far_that_many_times_the_buffer_survives() {
    const EXPORTS: u64 = 40;
    const SIZE: u64 = 300;
    let agent = agent();
    agent.pause();
    let exporter = builder(&agent).with_max_buffer_bytes(1 << 20).build().unwrap();
    let handle = exporter.handle();
    let most = most_buffered(&handle, || {
        for n in 0..EXPORTS {
            export(&exporter, batch(1 + n * SIZE..1 + (n + 1) * SIZE, 50)).unwrap();
            // On a busy machine compression falls behind.
            until("room", || handle.stats().bytes_buffered < MIB / 2);
        }
        let retries = handle.stats().retries;
        until("tries with much in the buffer", || handle.stats().retries >= retries + 2);
    });
    assert!(most <= MOST, "{most} bytes were buffered");
    assert_eq!(handle.stats().spans_buffered, EXPORTS * SIZE, "{:?}", handle.stats());
    agent.resume().unwrap();
    handle.flush(SOON).unwrap();
    let stats = handle.stats();
    assert_adds_up(&stats, "back");
    assert!(stats.bytes_sent > 3 * MIB, "that was not much: {stats:?}");
    assert_eq!(arrivals(&agent), each(1..1 + EXPORTS * SIZE, 1));
    assert_no_violations(&agent, "back");
}

#[path = "../../../benches/support/spans.rs"]
#[allow(dead_code, reason = "the benches use the rest")]
mod spans;

#[test]
fn typical_spans_shrink_to_a_fifth() {
    const SPANS: usize = 8 * 1_024;
    const BUFFER: u64 = 4 * MIB;
    /// The part of the buffer that a request under way takes, which is not compressed.
    const REQUEST: u64 = BUFFER / 4;
    for protocol in PROTOCOLS {
        let agent = agent();
        let start = || {
            let builder = builder(&agent).with_protocol(protocol);
            let mut exporter = builder.with_max_buffer_bytes(4 << 20).build().unwrap();
            exporter.set_resource(&spans::resource());
            let handle = exporter.handle();
            for batch in spans::batch(spans::Shape::Typical, SPANS).chunks(512) {
                export(&exporter, batch.to_vec()).unwrap();
                until("room", || handle.stats().bytes_buffered < BUFFER / 4 * 3);
            }
            (exporter, handle)
        };
        let (exporter, handle) = start();
        handle.flush(SOON).unwrap();
        drop(exporter);
        let raw = handle.stats().bytes_sent;
        assert!(raw > 2 * BUFFER, "{raw} bytes say nothing");
        agent.pause();
        let (_exporter, handle) = start();
        until("a fifth", || handle.stats().bytes_buffered <= raw / 5 + REQUEST);
        assert_eq!(handle.stats().spans_buffered, SPANS as u64, "{:?}", handle.stats());
    }
}

/// Each try takes the oldest out, and puts it back as it was.
#[test]
fn tries_in_vain_cost_a_full_buffer_nothing() {
    const SIZE: u64 = 500;
    let agent = agent();
    agent.pause();
    let exporter = builder(&agent).with_max_buffer_bytes(1 << 20).build().unwrap();
    let handle = exporter.handle();
    let mut next = 1;
    while handle.stats().spans_dropped.buffer_full == 0 {
        // A few batches fill the buffer, so that the waits between tries are short still.
        export(&exporter, with_noise(batch(next..next + SIZE, 50), 1_000)).unwrap();
        next += SIZE;
    }
    let before = handle.stats();
    for tries in 1..3 {
        until("a try in vain", || handle.stats().retries >= before.retries + tries);
    }
    let stats = handle.stats();
    assert_adds_up(&stats, "tries");
    assert_eq!(stats.spans_dropped, before.spans_dropped);
    assert_eq!(stats.spans_buffered, before.spans_buffered);
}

/// The part of a batch that exceeds the whole buffer is dropped, and the next batches are not.
#[test]
fn a_batch_larger_than_the_buffer_does_not_hold_up_the_next() {
    let agent = agent();
    agent.pause();
    let exporter = builder(&agent).with_max_buffer_bytes(1 << 20).build().unwrap();
    let handle = exporter.handle();
    for n in 0..4 {
        export(&exporter, batch(1 + n..2 + n, 1)).unwrap();
    }
    // The waits between tries are long by now.
    until("some tries in vain", || handle.stats().retries >= 5);
    export(&exporter, with_noise(batch(5..205, 1), 20_000)).unwrap();
    for n in 205..210 {
        export(&exporter, batch(n..n + 1, 1)).unwrap();
    }
    assert!(handle.stats().bytes_buffered <= MIB);
    assert_adds_up(&handle.stats(), "down");
    agent.resume().unwrap();
    handle.flush(SOON).unwrap();
    let arrived = arrivals(&agent);
    assert_eq!(arrived.range(205..).count(), 5, "{arrived:?}");
    assert_adds_up(&handle.stats(), "back");
}

#[test]
fn a_batch_larger_than_the_buffer_reaches_an_agent_that_takes_it() {
    let agent = agent();
    let exporter = builder(&agent).with_max_buffer_bytes(1 << 20).build().unwrap();
    let handle = exporter.handle();
    for first in [1, 201] {
        export(&exporter, with_noise(batch(first..first + 200, 1), 20_000)).unwrap();
        handle.flush(SOON).unwrap();
    }
    assert_eq!(agent.spans().len(), 400, "{:?}", handle.stats());
    assert_adds_up(&handle.stats(), "after");
}

/// 512 spans of 160 KB, more than the default buffer holds: the export only hands them over.
#[test]
fn a_batch_of_very_large_spans_holds_no_export_up_and_reaches_the_agent() {
    let agent = agent();
    let exporter = builder(&agent).build().unwrap();
    let handle = exporter.handle();
    let spans: Vec<_> = batch(1..513, 16)
        .into_iter()
        .map(|mut span| {
            let text = format!("{:>24000}", span.span_context.span_id());
            span.attributes =
                (0..7).map(|n| KeyValue::new(format!("k{n}"), text.clone())).collect();
            span
        })
        .collect();
    // The mapping of 86 MB takes its time in a build for tests, so only the hand-over is bounded.
    block_on(exporter.export(spans)).unwrap();
    handle.flush(SOON * 3).unwrap();
    let stats = handle.stats();
    assert_eq!((stats.spans_delivered, stats.spans_dropped.total()), (512, 0), "{stats:?}");
}

/// Exports of many versions in turn: as many spans wait as with one version.
#[test]
fn many_versions_cost_the_buffer_no_more_than_one() {
    let wait = |versions: u64| {
        let agent = agent();
        agent.pause();
        let exporter = builder(&agent).with_max_buffer_bytes(8 << 20).build().unwrap();
        let handle = exporter.handle();
        for n in 0..80 {
            let mut spans = batch(1 + n * 400..401 + n * 400, 400);
            for (number, span) in (0..).zip(&mut spans) {
                let version = format!("1.{}", number % versions);
                span.attributes.push(KeyValue::new("service.version", version));
            }
            export(&exporter, spans).unwrap();
            // Compression runs beside; on a busy machine it may be late.
            until("all but a part is compressed", || handle.stats().bytes_buffered < 5 << 20);
        }
        let stats = handle.stats();
        assert_adds_up(&stats, "versions");
        let _ = exporter.shutdown_with_timeout(Duration::ZERO);
        stats
    };
    let (one, many) = (wait(1), wait(100));
    assert_eq!((one.spans_buffered, one.spans_dropped.total()), (32_000, 0), "{one:?}");
    assert_eq!((many.spans_buffered, many.spans_dropped.total()), (32_000, 0), "{many:?}");
}

#[test]
fn a_small_buffer_keeps_no_memory_that_the_next_batch_would_be_charged_for() {
    let agent = agent();
    let exporter = builder(&agent).with_max_buffer_bytes(1 << 20).build().unwrap();
    for n in 0..20 {
        // Large and small in turn: memory that a large one leaves behind must not push out a small one.
        let noise = if n % 2 == 0 { 40_000 } else { 10 };
        export(&exporter, with_noise(batch(1 + n * 20..21 + n * 20, 2), noise)).unwrap();
    }
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(agent.spans().len(), 400);
    assert_adds_up(&exporter.handle().stats(), "delivered");
}

#[test]
fn payloads_of_two_origins_in_turn_are_joined_by_origin() {
    let agent = agent();
    agent.set_default_reply(Fault::Status(503));
    let exporter = builder(&agent).build().unwrap();
    for n in 0..20 {
        let mut spans = batch(1 + n * 4..5 + n * 4, 4);
        for span in spans.iter_mut().take(2) {
            span.attributes.push(KeyValue::new("service.version", "2"));
        }
        export(&exporter, spans).unwrap();
    }
    agent.set_default_reply(Fault::Accept);
    let tried = agent.requests().len();
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(agent.spans().len(), 80);
    let requests = agent.requests().len() - tried;
    assert!(requests <= 8, "{requests} requests for two origins");
}

/// A request takes its place uncompressed: it must leave room for exports while it is under way.
#[test]
fn a_large_request_under_way_does_not_push_out_what_comes_meanwhile() {
    let agent = agent();
    agent.reply_with([Fault::Slow(Duration::from_millis(500))]);
    let exporter = builder(&agent).with_max_buffer_bytes(1 << 20).build().unwrap();
    // Some 3 MB of text that shrinks to a tenth.
    export(&exporter, batch(1..4_001, 50)).unwrap();
    for n in 4_001..4_011 {
        export(&exporter, batch(n..n + 1, 1)).unwrap();
    }
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..4_011, 1), "{:?}", exporter.handle().stats());
}
