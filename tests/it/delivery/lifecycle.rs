//! From the first export to the end of the thread, with and without an Agent.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use datadog_test_agent::{Fault, TestAgent};
use opentelemetry_datadog_agent::{DatadogExporter, ExporterHandle, ExporterStats, Protocol};
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::SpanExporter as _;

use super::{
    NOBODY, SHORT, arrivals, assert_adds_up, assert_no_violations, batch, builder, each, explicit,
    export, until,
};
use crate::support::{SOON, agent, block_on, in_parallel, within};

/// The time-out of a shutdown that is not meant to use it up.
const PLENTY: Duration = Duration::from_secs(8);

/// An exporter for a port on which nobody listens.
fn exporter_for_nobody() -> DatadogExporter {
    DatadogExporter::builder().with_agent_url(NOBODY).build().unwrap()
}

#[test]
fn after_the_shutdown_everything_says_so_and_the_counters_stay() {
    let agent = agent();
    let exporter = builder(&agent).build().unwrap();
    let handle = exporter.handle();
    export(&exporter, batch(1..6, 2)).unwrap();
    exporter.shutdown().unwrap();
    let stats = handle.stats();
    assert_eq!((stats.spans_delivered, stats.spans_received), (5, 5));
    for _ in 0..2 {
        for outcome in [export(&exporter, batch(6..8, 1)), exporter.shutdown()] {
            assert!(matches!(outcome, Err(OTelSdkError::AlreadyShutdown)), "{outcome:?}");
        }
        assert_eq!(handle.stats(), stats);
    }
    drop(exporter);
    // Nothing waits, and nothing was lost.
    handle.flush(SOON).unwrap();
    assert_eq!(handle.stats(), stats);
    assert_eq!(arrivals(&agent), each(1..6, 1));
}

#[test]
fn an_agent_that_was_never_there_holds_no_shutdown_up() {
    let hanging = agent();
    hanging.set_default_reply(Fault::Hang);
    // One that asked what the Agent takes would have reached it.
    let hanging_exporter = builder(&hanging).with_protocol(Protocol::V03Json).with_timeout(SHORT);
    let hanging_exporter = hanging_exporter.build().unwrap();
    let exporters = [exporter_for_nobody(), hanging_exporter];
    for exporter in exporters {
        let handle = exporter.handle();
        export(&exporter, batch(1..8, 2)).unwrap();
        let begin = Instant::now();
        let error = exporter.shutdown_with_timeout(PLENTY).unwrap_err().to_string();
        assert!(begin.elapsed() < PLENTY / 2, "took {:?}", begin.elapsed());
        assert!(error.contains("spans dropped at shutdown: 7; "), "{error}");
        assert_lost(&handle.stats(), 7);
    }
    // One try before the shutdown, perhaps one more at once, and one under it.
    assert!(hanging.requests().len() <= 3, "{:?}", hanging.requests());
}

fn assert_lost(stats: &ExporterStats, spans: u64) {
    assert_adds_up(stats, "lost");
    assert_eq!((stats.spans_dropped.shutdown, stats.spans_buffered), (spans, 0), "{stats:?}");
    assert_eq!(stats.bytes_buffered, 0);
}

/// An Agent that took two spans and is gone, so that five more wait.
fn lost_agent() -> (TestAgent, DatadogExporter, ExporterHandle) {
    let agent = agent();
    let exporter = builder(&agent).build().unwrap();
    let handle = exporter.handle();
    export(&exporter, batch(1..3, 1)).unwrap();
    agent.pause();
    export(&exporter, batch(3..8, 2)).unwrap();
    (agent, exporter, handle)
}

#[test]
fn an_agent_that_was_there_is_waited_for_until_the_time_is_over() {
    let (_agent, exporter, handle) = lost_agent();
    let time = Duration::from_millis(900);
    let begin = Instant::now();
    let error = exporter.shutdown_with_timeout(time).unwrap_err().to_string();
    let took = begin.elapsed();
    assert!(took > time / 2 && took < time + SOON, "took {took:?}");
    assert!(error.contains("spans dropped at shutdown: 5; "), "{error}");
    assert_lost(&handle.stats(), 5);
    // It did try meanwhile.
    assert!(handle.stats().retries >= 3, "{:?}", handle.stats());
}

#[test]
fn an_agent_that_comes_back_during_a_shutdown_gets_everything() {
    let (agent, exporter, handle) = lost_agent();
    let retries = handle.stats().retries;
    thread::scope(|scope| {
        scope.spawn(|| {
            until("tries under the shutdown", || handle.stats().retries >= retries + 2);
            agent.resume().unwrap();
        });
        exporter.shutdown_with_timeout(PLENTY).unwrap();
    });
    assert_eq!(arrivals(&agent), each(1..8, 1));
    assert_adds_up(&handle.stats(), "back");
}

#[test]
fn an_export_waits_only_if_nothing_else_is_outstanding() {
    let agent = agent();
    agent.set_default_reply(Fault::Hang);
    let exporter = explicit().with_agent_url(agent.url()).with_timeout(SHORT).build().unwrap();
    let mut context = Context::from_waker(Waker::noop());
    let mut first = pin!(exporter.export(batch(1..3, 1)));
    assert!(first.as_mut().poll(&mut context).is_pending());
    let mut second = pin!(exporter.export(batch(3..5, 1)));
    assert!(matches!(second.as_mut().poll(&mut context), Poll::Ready(Ok(()))));
    assert_eq!(exporter.handle().stats().is_reachable, None);
    // Longer than its wait is no answer: the spans are buffered.
    block_on(first).unwrap();
    assert_eq!(exporter.handle().stats().spans_buffered, 4);
}

#[test]
fn a_flush_says_why_it_failed() {
    let (agent, exporter, handle) = lost_agent();
    let late = handle.flush(SHORT);
    assert!(matches!(late, Err(OTelSdkError::Timeout(time)) if time == SHORT), "{late:?}");

    agent.reply_with([Fault::Status(400)]);
    let retries = handle.stats().retries;
    thread::scope(|scope| {
        scope.spawn(|| {
            until("tries under the flush", || handle.stats().retries >= retries + 2);
            agent.resume().unwrap();
        });
        let refused = handle.flush(SOON);
        assert!(matches!(refused, Err(OTelSdkError::InternalFailure(_))), "{refused:?}");
    });

    agent.pause();
    export(&exporter, batch(8..10, 1)).unwrap();
    exporter.shutdown_with_timeout(SHORT).unwrap_err();
    let ended = handle.flush(SOON);
    assert!(matches!(ended, Err(OTelSdkError::AlreadyShutdown)), "{ended:?}");
    let said = handle.stats().last_error;
    assert!(said.is_some_and(|said| said.contains("cannot be reached")));
}

#[test]
fn any_time_for_a_shutdown_will_do() {
    for time in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(1), Duration::MAX] {
        let agent = agent();
        let exporter = builder(&agent).build().unwrap();
        let handle = exporter.handle();
        export(&exporter, batch(1..3, 1)).unwrap();
        agent.set_default_reply(Fault::Slow(SHORT));
        export(&exporter, batch(3..8, 2)).unwrap();
        let (outcome, exporter) =
            within(SOON, move || (exporter.shutdown_with_timeout(time), exporter));
        until("the thread ended", || handle.stats().spans_buffered == 0);
        let stats = handle.stats();
        assert_adds_up(&stats, &format!("{time:?}"));
        let lost = stats.spans_dropped.shutdown;
        assert_eq!(lost, if time == Duration::MAX { 0 } else { 5 }, "{time:?}: {outcome:?}");
        assert_eq!(outcome.is_ok(), lost == 0, "{time:?}: {outcome:?}");
        drop(exporter);
    }
}

#[test]
fn a_flush_that_waits_learns_of_the_shutdown() {
    let (_agent, exporter, handle) = lost_agent();
    thread::scope(|scope| {
        let flushing = scope.spawn(|| handle.flush(SOON * 2));
        let retries = handle.stats().retries;
        until("the flush asked for a try", || handle.stats().retries > retries);
        exporter.shutdown_with_timeout(SHORT).unwrap_err();
        let outcome = flushing.join().unwrap();
        assert!(matches!(outcome, Err(OTelSdkError::AlreadyShutdown)), "{outcome:?}");
    });
}

#[test]
fn a_flush_does_not_outlast_its_time_and_the_spans_arrive_later() {
    let agent = agent();
    agent.reply_with([Fault::Hang]);
    let exporter = builder(&agent).with_timeout(SHORT * 3).build().unwrap();
    let handle = exporter.handle();
    export(&exporter, batch(1..8, 2)).unwrap();
    let outcome = handle.flush(SHORT / 3);
    assert!(matches!(outcome, Err(OTelSdkError::Timeout(_))), "{outcome:?}");
    let stats = handle.stats();
    assert_adds_up(&stats, "hanging");
    assert_eq!(stats.spans_buffered, 7);
    handle.flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..8, 1));
}

#[test]
fn an_exporter_can_be_dropped_anywhere_while_the_agent_is_away() {
    let runtime = |threads: Option<usize>| match threads {
        None => tokio::runtime::Builder::new_current_thread(),
        Some(_) => tokio::runtime::Builder::new_multi_thread(),
    };
    let mut cells = Vec::new();
    for threads in [None, Some(2)] {
        cells.extend([true, false].map(|was_there| (threads, was_there)));
    }
    in_parallel(4, cells, |(threads, was_there)| {
        let runtime = runtime(threads).enable_all().build().unwrap();
        let agent = agent();
        let exporter = builder(&agent).build().unwrap();
        let handle = exporter.handle();
        if was_there {
            export(&exporter, batch(1..3, 1)).unwrap();
        }
        agent.pause();
        let received = handle.stats().spans_received;
        within(SOON, move || {
            let work = async move {
                exporter.export(batch(3..8, 1)).await.unwrap();
                drop(exporter);
            };
            runtime.block_on(async { tokio::spawn(work).await.unwrap() });
        });
        let stats = handle.stats();
        assert_eq!(stats.spans_received, received + 5);
        assert_lost(&stats, 5);
    });
}

#[test]
fn one_dead_agent_does_not_hold_up_the_others() {
    const EXPORTS: u64 = 20;
    let agents = [agent(), agent(), agent()];
    agents[1].pause();
    let exporters = agents.each_ref().map(|agent| builder(agent).build().unwrap());
    for n in 0..EXPORTS {
        for exporter in &exporters {
            export(exporter, batch(1 + n * 2..3 + n * 2, 1)).unwrap();
        }
    }
    for number in [0, 2] {
        exporters[number].handle().flush(SOON).unwrap();
    }
    agents[1].resume().unwrap();
    exporters[1].handle().flush(SOON).unwrap();
    for (agent, exporter) in agents.iter().zip(&exporters) {
        assert_eq!(arrivals(agent), each(1..1 + EXPORTS * 2, 1));
        assert_no_violations(agent, "side by side");
        assert_adds_up(&exporter.handle().stats(), "side by side");
    }
}

/// Threads of exporters in this process. The kernel keeps 15 letters of a name.
#[cfg(target_os = "linux")]
fn exporter_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("datadog-exporte")).count()
}

/// Threads of an exporter: the worker, and the one that runs the requests.
#[cfg(target_os = "linux")]
const THREADS: usize = 2;

#[cfg(target_os = "linux")]
#[test]
fn no_thread_is_left_behind() {
    super::in_child("delivery::lifecycle::no_thread_is_left_behind", &[], || {
        let (good, bad) = (agent(), agent());
        let make = || [&good, &bad].map(|agent| builder(agent).build().unwrap());
        for _ in 0..2 {
            let mut exporters = Vec::from(make());
            exporters.extend(make());
            exporters.push(exporter_for_nobody());
            assert_eq!(exporter_threads(), 5 * THREADS);
            for exporter in &exporters {
                let _ = export(exporter, batch(1..3, 1));
            }
            bad.set_default_reply(Fault::Status(503));
            for exporter in &exporters {
                let _ = export(exporter, batch(3..5, 1));
            }
            for exporter in &exporters[..2] {
                let _ = exporter.shutdown_with_timeout(SHORT);
            }
            // The system may list a thread for a moment after it has ended.
            until("two exporters have ended", || exporter_threads() == 3 * THREADS);
            drop(exporters);
            until("all threads have ended", || exporter_threads() == 0);
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_exporter_that_is_switched_off_sends_nothing_and_has_no_thread() {
    let test =
        "delivery::lifecycle::an_exporter_that_is_switched_off_sends_nothing_and_has_no_thread";
    super::in_child(test, &[("DD_TRACE_ENABLED", "false")], || {
        let agent = agent();
        let exporter = builder(&agent).build().unwrap();
        let handle = exporter.handle();
        assert_eq!(exporter_threads(), 0);
        export(&exporter, batch(1..3, 1)).unwrap();
        handle.flush(SOON).unwrap();
        exporter.force_flush().unwrap();
        assert_eq!(handle.stats(), ExporterStats::default());
        exporter.shutdown().unwrap();
        let outcome = export(&exporter, batch(3..5, 1));
        assert!(matches!(outcome, Err(OTelSdkError::AlreadyShutdown)), "{outcome:?}");
        drop(exporter);
        handle.flush(SOON).unwrap();
        assert_eq!((agent.connections(), exporter_threads()), (0, 0));
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_may_come_go_and_come_back() {
    let name = format!("exporter-lifecycle-{}.socket", std::process::id());
    let path = std::env::temp_dir().join(name);
    let start = || TestAgent::builder().with_unix_socket(&path).start().unwrap();
    let exporter = DatadogExporter::builder()
        .with_agent_url(format!("unix://{}", path.display()))
        .build()
        .unwrap();
    let handle = exporter.handle();
    let export_in_vain = |ids: std::ops::Range<u64>| {
        export(&exporter, batch(ids.clone(), 1)).unwrap();
        let stats = handle.stats();
        assert_adds_up(&stats, "no socket");
        assert_eq!((stats.spans_buffered, stats.is_reachable), (5, Some(false)), "{ids:?}");
        assert!(stats.last_error.unwrap().contains("cannot be reached"), "{ids:?}");
    };

    export_in_vain(1..6);
    let agent = start();
    handle.flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..6, 1));

    // The file stays behind, and nobody listens on it.
    agent.pause();
    assert!(path.exists());
    export_in_vain(6..11);
    agent.resume().unwrap();
    handle.flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..11, 1));

    // A new Agent in a new file.
    drop(agent);
    assert!(!path.exists());
    export_in_vain(11..16);
    let agent = start();
    exporter.shutdown().unwrap();
    assert_eq!(arrivals(&agent), each(11..16, 1));
    assert_adds_up(&handle.stats(), "socket");
}
