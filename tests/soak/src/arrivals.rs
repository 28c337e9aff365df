//! The spans that an Agent took, and how often it took each.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use datadog_test_agent::TestAgent;

/// The time between two looks at the Agent.
const GLANCE: Duration = Duration::from_millis(20);
/// The most violations that are told.
const MAX_WRONG: usize = 5;

/// The spans that arrived, and the violations in their requests.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// Each span by its id: when it was first seen, whether that request got its answer, how often it came.
    pub(crate) spans: HashMap<u64, Arrival>,
    /// The violations that the Agent found in requests that it took.
    pub(crate) wrong: Vec<String>,
}

/// A span that arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) first: Instant,
    pub(crate) is_answered: bool,
    pub(crate) times: u32,
}

/// Takes out what arrives until it is over.
pub(crate) fn watch(agent: &TestAgent, is_over: &AtomicBool) -> Arrivals {
    let mut arrivals = Arrivals::default();
    loop {
        // Asked first: what came before the end is taken out after it.
        let is_last = is_over.load(Relaxed);
        for request in agent.take_requests() {
            if arrivals.wrong.len() < MAX_WRONG && !request.traces.is_empty() {
                arrivals.wrong.extend(request.violations());
            }
            let now = Instant::now();
            for span in request.traces.iter().flatten() {
                let arrival = arrivals.spans.entry(span.span_id).or_insert(Arrival {
                    first: now,
                    is_answered: request.status.is_some(),
                    times: 0,
                });
                arrival.times += 1;
            }
        }
        if is_last {
            return arrivals;
        }
        thread::sleep(GLANCE);
    }
}
