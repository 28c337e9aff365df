//! Callers by processors by faults by ends: in every cell all spans arrive, exactly once where that is promised,
//! the counters add up, and nobody is blocked for long.

use std::time::{Duration, Instant};

use datadog_test_agent::{Fault, TestAgent};
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::ExporterHandle;
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::{EXPORT_BOUND, assert_adds_up, assert_no_violations, builder, in_child};
use crate::support::{CALLERS, Caller, PROCESSORS, Processor, SOON, agent, in_parallel, within};

/// Cells at a time: most of their time they wait.
const THREADS: usize = 12;

/// Longer than any cell may take.
const HANG: Duration = Duration::from_secs(30);

/// The longest time of a request: more than a caller may be blocked, so that a caller who waits for a hanging
/// Agent is found out, and less than a shutdown has.
const TIMEOUT: Duration = Duration::from_millis(1_500);

/// Spans before the fault, under it, and after it.
const SPANS: [usize; 3] = [2, 3, 3];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    None,
    DownAtFirst,
    Restart,
    Unavailable,
    Overloaded,
    Slow,
    HangsOnce,
    CutAnswer,
    ResetConnection,
    ClosedConnection,
    SmallLimit,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Flush,
    Shutdown,
    Drop,
}

const ENDS: [End; 3] = [End::Flush, End::Shutdown, End::Drop];
const FAULTS: [Trouble; 11] = [
    Trouble::HangsOnce,
    Trouble::None,
    Trouble::DownAtFirst,
    Trouble::Restart,
    Trouble::Unavailable,
    Trouble::Overloaded,
    Trouble::Slow,
    Trouble::CutAnswer,
    Trouble::ResetConnection,
    Trouble::ClosedConnection,
    Trouble::SmallLimit,
];

type Cell = (Trouble, Caller, Processor, End);

fn cells(faults: &[Trouble]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for fault in faults {
        for caller in CALLERS {
            for processor in PROCESSORS {
                cells.extend(ENDS.map(|end| (*fault, caller, processor, end)));
            }
        }
    }
    cells
}

impl Trouble {
    fn agent(self) -> TestAgent {
        match self {
            // Two of our spans are more.
            Self::SmallLimit => TestAgent::builder().with_max_request_bytes(900).start().unwrap(),
            _ => agent(),
        }
    }

    fn begin(self, agent: &TestAgent) {
        let script = match self {
            Self::None | Self::SmallLimit => vec![],
            Self::DownAtFirst | Self::Restart => return agent.pause(),
            Self::ResetConnection => {
                agent.pause();
                return agent.resume().unwrap();
            }
            Self::Unavailable => vec![Fault::Status(503); 3],
            Self::Overloaded => vec![Fault::Overloaded; 3],
            Self::Slow => vec![Fault::Slow(Duration::from_millis(300)); 2],
            Self::HangsOnce => vec![Fault::Hang],
            Self::CutAnswer => vec![Fault::CloseMidResponse; 2],
            // The Agent closes the connection while a request comes in.
            Self::ClosedConnection => vec![Fault::Close],
        };
        agent.reply_with(script);
    }

    fn end(self, agent: &TestAgent) {
        if matches!(self, Self::DownAtFirst | Self::Restart) {
            agent.resume().unwrap();
        }
    }
}

/// A provider that makes numbered spans.
struct Application {
    provider: SdkTracerProvider,
    handle: ExporterHandle,
    made: usize,
}

impl Application {
    fn make_spans(&mut self, count: usize) {
        for _ in 0..count {
            let begin = Instant::now();
            let tracer = self.provider.tracer("matrix");
            tracer.in_span(format!("span {}", self.made), |_| ());
            let took = begin.elapsed();
            assert!(took < EXPORT_BOUND, "a span blocked its maker for {took:?}");
            self.made += 1;
        }
    }

    /// The processor's flush: a batch of it goes to the exporter, and takes no longer than an export.
    fn flush_processor(&self) {
        let begin = Instant::now();
        self.provider.force_flush().unwrap();
        let took = begin.elapsed();
        assert!(took < EXPORT_BOUND, "a flush of the processor took {took:?}");
    }

    fn end(self, end: End) {
        match end {
            End::Flush => {
                self.provider.force_flush().unwrap();
                self.handle.flush(SOON).unwrap();
            }
            End::Shutdown => self.provider.shutdown().unwrap(),
            End::Drop => drop(self.provider),
        }
    }
}

/// Lives through a cell and returns what is there right after its end.
fn live(cell: Cell, agent: &TestAgent) -> ExporterHandle {
    let (fault, _, processor, end) = cell;
    if fault == Trouble::DownAtFirst {
        fault.begin(agent);
    }
    let exporter = builder(agent).with_timeout(TIMEOUT).build().unwrap();
    let handle = exporter.handle();
    let provider = processor.provider(exporter);
    let mut application = Application { provider, handle: handle.clone(), made: 0 };

    let [before, under, after] = SPANS;
    application.make_spans(before);
    application.flush_processor();
    if fault != Trouble::DownAtFirst {
        handle.flush(SOON).unwrap();
        fault.begin(agent);
    }
    application.make_spans(under);
    application.flush_processor();
    fault.end(agent);
    application.make_spans(after);
    application.end(end);
    handle
}

fn check(cell: Cell) {
    let (fault, caller, ..) = cell;
    let case = format!("{cell:?}");
    let agent = fault.agent();
    let (agent, handle) = within(HANG, move || {
        caller.run(move || {
            let handle = live(cell, &agent);
            (agent, handle)
        })
    });
    let total: usize = SPANS.iter().sum();
    let mut resources: Vec<_> = agent.spans().into_iter().map(|span| span.resource).collect();
    resources.sort_unstable();
    let expected: Vec<_> = (0..total).map(|number| format!("span {number}")).collect();
    assert_eq!(resources, expected, "{case}");

    let stats = handle.stats();
    assert_adds_up(&stats, &case);
    assert_eq!(
        (stats.spans_delivered, stats.spans_received),
        (total as u64, total as u64),
        "{case}"
    );
    assert_no_violations(&agent, &case);
}

#[test]
fn in_every_cell_all_spans_arrive_once_and_nobody_is_blocked() {
    in_parallel(THREADS, cells(&FAULTS), check);
}

/// The faults did happen: without them the cells say nothing.
#[test]
fn every_fault_makes_the_exporter_try_again() {
    in_parallel(THREADS, FAULTS.to_vec(), |fault| {
        let agent = fault.agent();
        let handle = live((fault, Caller::Plain, Processor::Batch, End::Flush), &agent);
        let is_harmless = matches!(
            fault,
            Trouble::None | Trouble::Slow | Trouble::CutAnswer | Trouble::ResetConnection
        );
        assert!(is_harmless || handle.stats().retries > 0, "{fault:?}: {:?}", handle.stats());
    });
}

/// Traces stay with the Agent: whatever the environment says about proxies, none is used.
#[test]
fn proxies_of_the_environment_are_not_used() {
    // Nobody listens on the port of echo requests; and if so, it is no proxy.
    let dead = "http://127.0.0.1:7";
    let proxies =
        ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy"];
    let mut variables = proxies.map(|name| (name, dead)).to_vec();
    variables.extend([("NO_PROXY", ""), ("no_proxy", "")]);
    in_child("delivery::matrix::proxies_of_the_environment_are_not_used", &variables, || {
        in_parallel(THREADS, cells(&[Trouble::None]), check);
    });
}
