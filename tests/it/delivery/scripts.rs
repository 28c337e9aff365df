//! Any script of faults, any batches: the counters tell the truth about every span.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use datadog_test_agent::{Fault, TestAgent};
use opentelemetry_datadog_agent::{ExporterHandle, ExporterStats};
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::SpanExporter as _;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{arrivals, assert_adds_up, batch, builder, export, ids_of};
use crate::support::{SOON, agent, in_parallel};

/// Runs side by side, since most of their time they wait.
const RUNNERS: u32 = 8;
const CASES_OF_EACH: u32 = 12;

/// Tries of a payload whose answers are lost.
const DOUBTFUL_TRIES: usize = 4;

#[derive(Clone, Debug)]
struct Case {
    script: Vec<Fault>,
    /// Spans and traces of each.
    batches: Vec<(u64, u64)>,
    ends_with_shutdown: bool,
}

fn replies() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::Accept),
        2 => Just(Fault::Status(503)),
        1 => Just(Fault::Status(429)),
        1 => Just(Fault::Overloaded),
        1 => Just(Fault::Slow(Duration::from_millis(5))),
        2 => Just(Fault::Close),
        2 => Just(Fault::CloseAfterIngest),
        1 => Just(Fault::CloseMidResponse),
        1 => Just(Fault::Status(400)),
        2 => Just(Fault::Status(413)),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    let script = prop::collection::vec(replies(), 0..8);
    let batches = prop::collection::vec((1_u64..40, 1_u64..=5), 1..6);
    (script, batches, any::<bool>()).prop_map(|(script, batches, ends_with_shutdown)| Case {
        script,
        batches,
        ends_with_shutdown,
    })
}

#[test]
fn under_any_script_the_counters_tell_what_became_of_every_span() {
    in_parallel(RUNNERS as usize, (0..RUNNERS).collect(), |_| {
        let config = ProptestConfig {
            cases: CASES_OF_EACH,
            failure_persistence: None,
            max_shrink_iters: 100,
            ..ProptestConfig::default()
        };
        let outcome = TestRunner::new(config).run(&cases(), |case| {
            check(&case);
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{error}");
        }
    });
}

fn check(case: &Case) {
    let agent = agent();
    agent.reply_with(case.script.clone());
    let exporter = builder(&agent).build().unwrap();
    let handle = exporter.handle();
    let mut spans = 0;
    for (size, traces) in &case.batches {
        // The counters say the same for `Ok` and for an error.
        let _ = export(&exporter, batch(1 + spans..1 + spans + size, *traces));
        spans += size;
    }
    if case.ends_with_shutdown {
        let _ = exporter.shutdown_with_timeout(SOON);
    } else {
        flush(&handle);
    }

    let stats = handle.stats();
    assert_adds_up(&stats, "after the end");
    assert_eq!((stats.spans_received, stats.spans_buffered), (spans, 0), "{stats:?}");
    compare(case, &agent, spans, &stats);
}

/// Flushes; waits between tries add up.
fn flush(handle: &ExporterHandle) {
    let flushed = handle.flush(SOON * 3);
    assert!(!matches!(flushed, Err(OTelSdkError::Timeout(_))), "{:?}", handle.stats());
}

/// Compares the counters with what the Agent saw.
fn compare(case: &Case, agent: &TestAgent, spans: u64, stats: &ExporterStats) {
    let mut exported = BTreeMap::new();
    let mut doubts = BTreeMap::new();
    let mut kept_in_doubt = BTreeSet::new();
    let mut rejected = 0;
    let mut was_reached = false;
    for (number, request) in agent.requests().iter().enumerate() {
        let ids = ids_of(request);
        let reply = case.script.get(number).unwrap_or(&Fault::Accept);
        was_reached |= !matches!(reply, Fault::Close | Fault::CloseAfterIngest);
        match reply {
            Fault::Close | Fault::CloseAfterIngest => {
                for id in &ids {
                    *doubts.entry(*id).or_insert(0) += 1;
                }
                if *reply == Fault::CloseAfterIngest {
                    kept_in_doubt.extend(ids);
                }
            }
            Fault::Status(400) => rejected += ids.len(),
            Fault::Status(413) => rejected += usize::from(ids.len() == 1),
            Fault::Status(_) | Fault::Overloaded => {}
            _ => ids.into_iter().for_each(|id| *exported.entry(id).or_insert(0) += 1),
        }
    }

    assert!(exported.values().all(|times| *times == 1), "answered with 200 twice: {exported:?}");
    assert_eq!(stats.spans_delivered, exported.len() as u64, "{stats:?}");
    let arrivals = arrivals(agent);
    for (id, times) in &arrivals {
        assert!((1..=spans).contains(id), "{id} was never exported");
        assert!(*times == 1 || kept_in_doubt.contains(id), "{id} came {times} times");
    }
    assert!(exported.keys().all(|id| arrivals.contains_key(id)));

    let dropped = &stats.spans_dropped;
    assert_eq!(dropped.refused, rejected as u64, "{stats:?}");
    let given_up = doubts
        .iter()
        .filter(|(id, times)| **times >= DOUBTFUL_TRIES && !exported.contains_key(id))
        .count();
    // One that was tried so often may have been refused by its last answer.
    assert!(dropped.unacknowledged <= given_up as u64, "{given_up}: {stats:?}");
    assert!(doubts.values().all(|times| *times <= DOUBTFUL_TRIES), "{doubts:?}");
    assert_eq!((dropped.buffer_full, dropped.invalid), (0, 0));
    // Only an Agent that never answered is not waited for.
    assert!(dropped.shutdown == 0 || (case.ends_with_shutdown && !was_reached), "{stats:?}");
}
