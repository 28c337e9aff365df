//! The exporter on every thread an application may have: no runtime, each flavour of tokio, both
//! processors, with a shutdown and without one, with an Agent and without one.

use std::time::Duration;

use datadog_test_agent::{Fault, TestAgent};
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter as _};

use crate::delivery::NOBODY;
use crate::support::{
    CALLERS, Caller, PROCESSORS, Processor, SOON, agent, block_on, context, in_parallel, span,
    within,
};

/// Longer than anything here may take: the exporter's own limits end all of it much earlier.
const HANG: Duration = Duration::from_secs(20);

/// The way in which the provider ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Shutdown,
    Drop,
}

fn exporter(agent: &TestAgent) -> DatadogExporter {
    DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap()
}

/// Makes root spans named after their number.
fn make_spans(provider: &SdkTracerProvider, count: usize) {
    let tracer = provider.tracer("runtimes");
    for number in 0..count {
        tracer.in_span(format!("span {number}"), |_| ());
    }
}

/// Fails unless exactly `count` spans of [`make_spans`] arrived, without a complaint.
fn assert_all_arrived(agent: &TestAgent, count: usize, case: &str) {
    let spans = agent.wait_for_spans(count, SOON).unwrap_or_else(|error| panic!("{case}: {error}"));
    let mut resources: Vec<_> = spans.into_iter().map(|span| span.resource).collect();
    let mut expected: Vec<_> = (0..count).map(|number| format!("span {number}")).collect();
    resources.sort_unstable();
    expected.sort_unstable();
    assert_eq!(resources, expected, "{case}");
    for request in agent.requests() {
        assert_eq!(request.violations(), Vec::<String>::new(), "{case}");
    }
}

#[test]
fn spans_arrive_from_every_runtime_through_every_processor_with_every_end() {
    const SPANS: usize = 20;
    for caller in CALLERS {
        for processor in PROCESSORS {
            for end in [End::Shutdown, End::Drop] {
                let case = format!("{caller:?}, {processor:?}, {end:?}");
                let agent = agent();
                let work = move || {
                    let provider = processor.provider(exporter(&agent));
                    make_spans(&provider, SPANS / 2);
                    provider.force_flush().unwrap();
                    agent.wait_for_spans(SPANS / 2, SOON).unwrap();
                    for number in SPANS / 2..SPANS {
                        let tracer = provider.tracer("runtimes");
                        tracer.in_span(format!("span {number}"), |_| ());
                    }
                    match end {
                        End::Shutdown => provider.shutdown().unwrap(),
                        End::Drop => drop(provider),
                    }
                    agent
                };
                let agent = within(HANG, move || caller.run(work));
                assert_all_arrived(&agent, SPANS, &case);
            }
        }
    }
}

#[test]
fn an_exporter_of_its_own_can_be_dropped_in_every_runtime() {
    for caller in CALLERS {
        let agent = agent();
        let work = move || {
            let exporter = exporter(&agent);
            block_on(exporter.export(vec![span()])).unwrap();
            drop(exporter);
            agent
        };
        let agent = within(HANG, move || caller.run(work));
        assert_eq!(agent.spans().len(), 1, "{caller:?}");
    }
}

/// A wait on a tokio primitive would use up the task's budget of 128 and never wake again.
#[test]
fn a_simple_processor_in_one_task_does_not_hang_after_many_spans() {
    const SPANS: usize = 300;
    for caller in [Caller::CurrentThread, Caller::MultiThread] {
        let agent = agent();
        let work = move || {
            let provider = Processor::Simple.provider(exporter(&agent));
            make_spans(&provider, SPANS);
            provider.shutdown().unwrap();
            agent
        };
        let agent = within(HANG, move || caller.run(work));
        assert_all_arrived(&agent, SPANS, &format!("{caller:?}"));
    }
}

#[test]
fn an_export_awaited_in_a_task_ends() {
    for caller in [Caller::CurrentThread, Caller::MultiThread] {
        let agent = agent();
        let agent = within(HANG, move || {
            let mut builder = match caller {
                Caller::MultiThread => tokio::runtime::Builder::new_multi_thread(),
                _ => tokio::runtime::Builder::new_current_thread(),
            };
            let runtime = builder.enable_all().build().unwrap();
            runtime.block_on(async move {
                let exporter = exporter(&agent);
                for _ in 0..3 {
                    exporter.export(vec![span()]).await.unwrap();
                }
                exporter.shutdown().unwrap();
                agent
            })
        });
        assert_eq!(agent.spans().len(), 3, "{caller:?}");
    }
}

#[test]
fn a_runtime_that_ends_does_not_take_the_exporter_with_it() {
    let agent = agent();
    let agent = within(HANG, move || {
        let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let first = runtime();
        let provider = first.block_on(async { Processor::Batch.provider(exporter(&agent)) });
        first.block_on(async { make_spans(&provider, 1) });
        drop(first);
        let second = runtime();
        second.block_on(async move {
            let tracer = provider.tracer("runtimes");
            tracer.in_span("span 1", |_| ());
            drop((tracer, provider));
        });
        drop(second);
        agent
    });
    assert_all_arrived(&agent, 2, "two runtimes");
}

#[test]
fn exporters_side_by_side_keep_their_spans_apart() {
    let agents = [agent(), agent()];
    let providers = agents.each_ref().map(|agent| Processor::Batch.provider(exporter(agent)));
    for round in 0..5 {
        for (number, provider) in providers.iter().enumerate() {
            let tracer = provider.tracer("runtimes");
            tracer.in_span(format!("exporter {number}, round {round}"), |_| ());
        }
    }
    let [first, second] = &providers;
    first.shutdown().unwrap();
    second.tracer("runtimes").in_span("exporter 1, alone", |_| ());
    second.shutdown().unwrap();
    for (number, agent) in agents.iter().enumerate() {
        let spans = agent.wait_for_spans(5 + number, SOON).unwrap();
        assert_eq!(spans.len(), 5 + number);
        let prefix = format!("exporter {number}");
        assert!(spans.iter().all(|span| span.resource.starts_with(&prefix)), "{spans:?}");
    }
}

#[cfg(unix)]
#[test]
fn spans_arrive_over_a_unix_socket_from_every_runtime() {
    for caller in CALLERS {
        let name = format!("exporter-{}-{caller:?}.socket", std::process::id());
        let path = std::env::temp_dir().join(name);
        let agent = TestAgent::builder().with_unix_socket(&path).start().unwrap();
        assert!(agent.url().starts_with("unix://"));
        let work = move || {
            let provider = Processor::Batch.provider(exporter(&agent));
            make_spans(&provider, 10);
            provider.shutdown().unwrap();
            agent
        };
        let agent = within(HANG, move || caller.run(work));
        assert_all_arrived(&agent, 10, &format!("{caller:?}"));
    }
}

/// The states of an Agent that takes nothing.
#[derive(Clone, Copy, Debug)]
enum Outage {
    NobodyListens,
    Paused,
    Hangs,
    Closes,
    Overloaded,
}

/// While the Agent is away, `export` returns in bounded time, with or without an error.
#[test]
fn without_an_agent_every_caller_gets_its_thread_back() {
    let outages =
        [Outage::NobodyListens, Outage::Paused, Outage::Hangs, Outage::Closes, Outage::Overloaded];
    let mut cells = Vec::new();
    for outage in outages {
        for caller in CALLERS {
            cells.extend(PROCESSORS.map(|processor| (outage, caller, processor)));
        }
    }
    in_parallel(cells.len(), cells, |(outage, caller, processor)| {
        let agent = agent();
        let url = match outage {
            Outage::NobodyListens => NOBODY.to_owned(),
            _ => agent.url().to_owned(),
        };
        match outage {
            Outage::NobodyListens => {}
            Outage::Paused => agent.pause(),
            Outage::Hangs => agent.set_default_reply(Fault::Hang),
            Outage::Closes => agent.set_default_reply(Fault::Close),
            Outage::Overloaded => agent.set_default_reply(Fault::Overloaded),
        }
        let work = move || {
            let exporter = DatadogExporter::builder()
                .with_agent_url(url)
                .with_timeout(Duration::from_millis(200))
                .build()
                .unwrap();
            let provider = processor.provider(exporter);
            make_spans(&provider, 3);
            // Lost spans may be reported here or there: only that it ends is promised.
            let _ = provider.force_flush();
            let _ = provider.shutdown();
            agent
        };
        let agent = within(HANG, move || caller.run(work));
        assert_eq!(agent.spans(), [], "{outage:?}, {caller:?}, {processor:?}");
    });
}

#[test]
fn spans_made_after_an_outage_arrive() {
    let agent = agent();
    let agent = within(HANG, move || {
        let exporter = exporter(&agent);
        agent.pause();
        let _ = block_on(exporter.export(vec![span()]));
        agent.resume().unwrap();
        let mut later = span();
        later.span_context = context(0x77, 0x78);
        block_on(exporter.export(vec![later])).unwrap();
        exporter.shutdown().unwrap();
        agent
    });
    let spans = agent.wait_for_spans(1, SOON).unwrap();
    assert!(spans.iter().any(|span| span.span_id == 0x78), "{spans:?}");
}

#[test]
fn an_export_after_the_shutdown_is_refused_and_sends_nothing() {
    let agent = agent();
    let exporter = exporter(&agent);
    block_on(exporter.export(vec![span()])).unwrap();
    exporter.shutdown().unwrap();
    for _ in 0..2 {
        let outcome = block_on(exporter.export(vec![span()]));
        assert!(matches!(outcome, Err(OTelSdkError::AlreadyShutdown)), "{outcome:?}");
        let outcome = exporter.shutdown();
        assert!(matches!(outcome, Err(OTelSdkError::AlreadyShutdown)), "{outcome:?}");
    }
    drop(exporter);
    assert_eq!(agent.requests().len(), 1);
}

#[test]
fn a_shutdown_without_any_span_sends_nothing() {
    let agent = agent();
    for processor in PROCESSORS {
        let provider = processor.provider(exporter(&agent));
        provider.force_flush().unwrap();
        provider.shutdown().unwrap();
    }
    assert_eq!(agent.requests().len(), 0);
}
