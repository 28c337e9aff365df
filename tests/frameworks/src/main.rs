//! Published frameworks, middlewares and drivers at work, and the spans of it that arrive at the Agent.
//!
//! `README.md` says how to run it and what is checked.
#![allow(clippy::print_stdout, reason = "a test program says what it found")]

mod arrived;
mod calls;
mod frameworks;
mod golden;
mod promises;
mod servers;
mod setup;
mod shop;
mod sql_comment;

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use datadog_test_agent::{TestAgent, TraceRequest};
use opentelemetry_datadog_agent::{DatadogExporter, ExporterHandle};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use arrived::Traces;
use frameworks::Framework;

/// The end of a framework's work.
type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// The longest time that a framework may work.
const WORK: Duration = Duration::from_secs(60);
/// The longest wait for the spans of a server, which end after its answer.
const ARRIVAL: Duration = Duration::from_secs(5);
/// Wait for more spans than the golden list has.
const SETTLING: Duration = Duration::from_millis(200);
/// Spans and events of these levels are sent: with the drivers' events, since these hold statements.
const FILTER: &str =
    "info,otel::tracing=trace,sqlx::query=debug,mongodb=off,mongodb::command=debug";

fn main() -> ExitCode {
    let is_update = env::args().nth(1).as_deref() == Some("update");
    let agent = TestAgent::start().expect("an Agent on loopback");
    let exporter = DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_service("shop")
        .build()
        .expect("an exporter");
    let handle = exporter.handle();
    let provider = setup::start(exporter, FILTER).expect("the setup");
    let bench = Bench { agent, provider, handle, runtime: Runtime::new().expect("a runtime") };

    let mut failed = 0;
    for framework in frameworks::ALL {
        let (size, faults) = bench.try_out(framework, is_update);
        println!(
            "{} {}: {size}",
            if faults.is_empty() { "ok     " } else { "FAILED " },
            framework.name
        );
        faults.iter().for_each(|fault| println!("        {fault}"));
        failed += usize::from(!faults.is_empty());
    }
    let faults = bench.try_sql_comments();
    println!(
        "{} comments before statements",
        if faults.is_empty() { "ok     " } else { "FAILED " }
    );
    faults.iter().for_each(|fault| println!("        {fault}"));
    failed += usize::from(!faults.is_empty());
    println!("{} passed, {failed} failed", frameworks::ALL.len() + 1 - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The Agent, the provider and the runtime that all frameworks share.
struct Bench {
    agent: TestAgent,
    provider: SdkTracerProvider,
    handle: ExporterHandle,
    runtime: Runtime,
}

impl Bench {
    /// Lets a framework work and returns how much arrived and what is wrong with it.
    fn try_out(&self, framework: &Framework, is_update: bool) -> (String, Vec<String>) {
        self.agent.clear();
        let work = self.runtime.block_on(async { timeout(WORK, (framework.run)()).await });
        match work {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                return ("nothing".to_owned(), vec![format!("it did not work: {error}")]);
            }
            Err(_) => {
                return ("nothing".to_owned(), vec![format!("it did not end within {WORK:?}")]);
            }
        }
        let wanted = golden::span_count(framework.name);
        let requests = self.arrived(wanted);
        let traces = Traces::of(&requests);
        let mut faults = promises::broken(&requests, &traces);
        faults.extend(golden::compare(framework.name, &traces, is_update));
        let bytes: usize = requests.iter().map(|request| request.body.len()).sum();
        (
            format!("{} traces, {} spans, {bytes} bytes", traces.0.len(), traces.spans().count()),
            faults,
        )
    }

    /// Runs statements with comments and returns what is wrong.
    fn try_sql_comments(&self) -> Vec<String> {
        self.agent.clear();
        if let Err(error) = self.runtime.block_on(sql_comment::run()) {
            return vec![format!("it did not work: {error}")];
        }
        let requests = self.arrived(6);
        let traces = requests.into_iter().flat_map(|request| request.traces);
        sql_comment::faults(&traces.flatten().collect::<Vec<_>>())
    }

    /// Waits for so many spans, and for those too many, and returns the requests that brought them.
    fn arrived(&self, wanted: usize) -> Vec<TraceRequest> {
        let deadline = Instant::now() + ARRIVAL;
        loop {
            let _ = self.provider.force_flush();
            self.handle.flush(ARRIVAL).expect("the Agent is there");
            if self.agent.spans().len() >= wanted || Instant::now() > deadline {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(SETTLING);
        let _ = self.provider.force_flush();
        self.handle.flush(ARRIVAL).expect("the Agent is there");
        self.agent.take_requests()
    }
}
