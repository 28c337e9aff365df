//! Trace metrics: what the Agent counts does not depend on how a trace was cut, and the fraction that was
//! kept weighs it. This is where exporters go wrong.

use opentelemetry::trace::TraceState;
use opentelemetry_datadog_agent::Protocol;
use opentelemetry_sdk::trace::SpanData;

use crate::real_agent::{Counted, MODELS, Model, RealAgent};
use crate::send::{PROTOCOLS, builder, through_us};
use crate::traces::{request, service};

/// Traces in a run.
const TRACES: u64 = 20;

/// Returns what an Agent counts of these batches.
fn counted(model: Model, protocol: Protocol, batches: Vec<Vec<SpanData>>) -> Vec<Counted> {
    let agent = RealAgent::start(model);
    let exporter =
        builder(agent.url(), protocol).with_env("prod").with_version("1.2").build().unwrap();
    through_us(exporter, &service("shop"), batches);
    agent.stop();
    agent.counted()
}

/// Sums of what was counted.
fn sums(counted: &[Counted]) -> (u64, u64, u64) {
    let sum = |of: fn(&Counted) -> u64| counted.iter().map(of).sum();
    (sum(|row| row.hits), sum(|row| row.errors), sum(|row| row.top_level_hits))
}

#[test]
fn a_trace_counts_the_same_in_one_batch_and_in_many() {
    let spans: Vec<_> = (1..=TRACES).flat_map(|trace| request(trace, &TraceState::NONE)).collect();
    for (model, protocol) in MODELS.into_iter().zip(PROTOCOLS) {
        let whole = counted(model, protocol, vec![spans.clone()]);
        let single =
            counted(model, protocol, spans.iter().map(|span| vec![span.clone()]).collect());
        let some = counted(model, protocol, spans.chunks(3).map(<[SpanData]>::to_vec).collect());
        assert_eq!(whole, single, "{model:?}: span by span");
        assert_eq!(whole, some, "{model:?}: in threes");
        // The two internal spans of eight are in no metric; both requests and the cache are entries.
        assert_eq!(sums(&whole), (6 * TRACES, TRACES, 3 * TRACES), "{model:?}");
        assert!(whole.iter().all(|row| row.env == "prod" && row.version == "1.2"), "{whole:?}");
    }
}

#[test]
fn the_fraction_that_was_kept_weighs_what_is_counted() {
    // Half of all traces were kept, so each stands for two; however it is cut.
    let half: TraceState = "ot=th:8".parse().unwrap();
    let spans: Vec<_> = (1..=TRACES).flat_map(|trace| request(trace, &half)).collect();
    for (model, protocol) in MODELS.into_iter().zip(PROTOCOLS) {
        for size in [spans.len(), 3, 1] {
            let batches = spans.chunks(size).map(<[SpanData]>::to_vec).collect();
            let counted = counted(model, protocol, batches);
            let expected = (12 * TRACES, 2 * TRACES, 6 * TRACES);
            assert_eq!(sums(&counted), expected, "{model:?}, batches of {size}");
        }
    }
}
