//! An Agent for development: shows the traces of any language's Datadog tracer as they arrive, in the terminal and on
//! a page in the browser.
//!
//! `cargo run -p datadog-test-agent`, then `http://localhost:8126/`. No account, and nothing leaves the machine. Tracers
//! that speak v0.3, v0.4 or v0.5 find it. A trace across services is drawn again with each of them:
//! `docs/local_agent.svg`. Ctrl-C ends it with a summary:
//!
//! ```text
//! service     spans    errors
//! shop            3         1
//!
//! tracer                  requests   refused
//! go 2.4.1 /v0.4/traces          2         0
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program shows its result")]

mod arguments;
mod recent;
mod table;
mod totals;

use std::process::ExitCode;
use std::{env::args, error::Error, io, pin::pin, time::Duration};

use datadog_test_agent::{TestAgent, Waterfall};
use tokio::{signal::ctrl_c, time::timeout};

use self::arguments::{Arguments, HELP, Wish};
use self::{recent::Recent, totals::Totals};

/// The most memory of requests that were not drawn yet, in bytes.
const MEMORY_MAX: usize = 128 << 20;

/// The pause between two drawings of arrivals: long enough for the spans of several services to come together.
const PAUSE: Duration = Duration::from_millis(250);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = match Arguments::read(args().skip(1)) {
        Ok(Wish::Run(arguments)) => arguments,
        Ok(Wish::Help) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("{problem}\n\n{HELP}");
            return ExitCode::FAILURE;
        }
    };
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the Agent; the error says what to do.
fn start(Arguments { address, hosts }: Arguments) -> Result<TestAgent, String> {
    let builder = TestAgent::builder().with_address(address).with_page(hosts);
    builder.with_memory_limit(MEMORY_MAX).start().map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            let (port, next) = (address.port(), address.port().wrapping_add(1).max(1024));
            format!(
                "port {port} is taken, most likely by a Datadog Agent or another datadog-test-agent.\n\
                 Stop it, or use another port here and in the programs that send traces:\n\n  \
                 datadog-test-agent {next}\n  DD_TRACE_AGENT_PORT={next} your-program"
            )
        }
        _ => format!("cannot listen on {address}: {error}"),
    })
}

/// Returns the address at which a browser on this machine finds the page.
fn page(url: &str) -> String {
    ["127.0.0.1", "0.0.0.0", "[::]"]
        .iter()
        .fold(url.to_owned(), |url, own| url.replace(own, "localhost"))
}

/// Draws what arrives until Ctrl-C.
async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let address = arguments.address;
    let agent = start(arguments)?;
    println!("listening on {}, Ctrl-C ends", agent.url());
    println!("the page: {}/", page(agent.url()));
    if !address.ip().is_loopback() {
        println!("everybody who reaches {address} can send traces");
    }

    let (mut recent, mut totals) = (Recent::default(), Totals::new());
    let (mut end, mut is_end) = (pin!(ctrl_c()), false);
    while !is_end {
        is_end = timeout(PAUSE, &mut end).await.is_ok();
        for request in agent.take_requests() {
            totals.traces += request.traces.iter().filter(|trace| recent.add(trace)).count();
            if let Some(refusal) = totals.add(&request) {
                println!("\n{refusal}");
            }
        }
        let changed = recent.changed();
        if !changed.is_empty() {
            println!("\n{}\n\n{}", Waterfall::for_stdout(changed), totals.line(agent.forgotten()));
        }
    }
    println!("\n{totals}");
    Ok(())
}
