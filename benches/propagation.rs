//! The cost of reading and writing headers: `cargo bench --bench propagation`.
//!
//! Ours in each style and in both, against the W3C propagator of the SDK, on the same carrier: a caller with
//! 128-bit ids, priority, origin, two tags and another vendor. Allocations stand below the times, those of
//! the carrier included.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says where")]

#[path = "support/caller.rs"]
mod caller;

use std::collections::HashMap;

use divan::{AllocProfiler, Bencher};
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry_datadog_agent::DatadogPropagator;
use opentelemetry_datadog_agent::PropagationStyle::{self, Datadog, TraceContext};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use caller::CALLER;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// The propagators that are compared.
const WHICH: [&str; 4] = ["sdk w3c", "ours w3c", "ours datadog", "ours both"];

fn main() {
    divan::main();
}

fn ours(styles: &[PropagationStyle]) -> Box<dyn TextMapPropagator + Send + Sync> {
    let builder = DatadogPropagator::builder().with_extract_styles(styles.to_vec());
    Box::new(builder.with_inject_styles(styles.to_vec()).build())
}

fn propagator(which: &str) -> Box<dyn TextMapPropagator + Send + Sync> {
    match which {
        "ours w3c" => ours(&[TraceContext]),
        "ours datadog" => ours(&[Datadog]),
        "ours both" => ours(&[Datadog, TraceContext]),
        _ => Box::new(TraceContextPropagator::new()),
    }
}

fn carrier() -> HashMap<String, String> {
    CALLER.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[divan::bench(args = WHICH)]
fn extract(bencher: Bencher<'_, '_>, which: &str) {
    let (propagator, carrier, root) = (propagator(which), carrier(), Context::new());
    bencher.bench(|| propagator.extract_with_context(&root, &carrier));
}

#[divan::bench(args = WHICH)]
fn inject(bencher: Bencher<'_, '_>, which: &str) {
    let propagator = propagator(which);
    let cx = propagator.extract_with_context(&Context::new(), &carrier());
    bencher.with_inputs(HashMap::new).bench_refs(|carrier: &mut HashMap<String, String>| {
        propagator.inject_context(&cx, carrier);
    });
}
