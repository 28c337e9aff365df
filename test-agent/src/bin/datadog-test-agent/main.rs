//! An Agent for development: draws the traces of any language's Datadog tracer as they arrive.
//!
//! `cargo run -p datadog-test-agent`; behind `--` a port or an address, if not 127.0.0.1:8126. No account, and
//! nothing leaves the machine. Tracers that speak v0.3 or v0.4 find it (Python's with `DD_TRACE_API_VERSION=v0.4`).
//! A trace across services is drawn again with each of them: `docs/local_agent.svg`. Ctrl-C ends it with a summary:
//!
//! ```text
//! service     spans    errors
//! shop            3         1
//!
//! tracer                  requests   refused
//! go 2.4.1 /v0.4/traces          2         0
//! ```
#![expect(clippy::print_stdout, reason = "a program shows its result")]

mod recent;
mod table;
mod totals;

use std::net::{Ipv4Addr, SocketAddr};
use std::{env::args, error::Error, pin::pin, time::Duration};

use datadog_test_agent::{TestAgent, Waterfall};
use tokio::{signal::ctrl_c, time::timeout};

use self::{recent::Recent, totals::Totals};

/// Where tracers look for the Agent.
const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 8126);

/// The most memory of requests that were not drawn yet, in bytes.
const MEMORY_MAX: usize = 128 << 20;

/// How often arrivals are drawn: long enough for the spans of several services to come together.
const PAUSE: Duration = Duration::from_millis(250);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = args().nth(1).map_or(Ok(ADDRESS.into()), |text| {
        text.parse().map(|port| SocketAddr::from((ADDRESS.0, port))).or_else(|_| text.parse())
    })?;
    let agent = TestAgent::builder().with_address(address).with_memory_limit(MEMORY_MAX).start()?;
    println!("listening on {}, Ctrl-C ends", agent.url());

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
