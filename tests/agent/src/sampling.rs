//! Priorities: what the Agent keeps and drops of what we say, and that it counts all of it.

use std::collections::BTreeSet;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;

use crate::real_agent::{MODELS, RealAgent};
use crate::send::{PROTOCOLS, builder, through_us};
use crate::traces::{service, span};

/// A priority, whether the span failed, and whether the Agent keeps it.
const DECISIONS: [(i64, bool, bool); 8] = [
    (-1, false, false),
    (-1, true, false),
    (0, false, false),
    // The Agent's own sampler of errors keeps some traces for each second.
    (0, true, true),
    (1, false, true),
    (1, true, true),
    (2, false, true),
    (2, true, true),
];

#[test]
fn the_priority_decides_what_is_kept_and_nothing_about_what_is_counted() {
    for (model, protocol) in MODELS.into_iter().zip(PROTOCOLS) {
        let agent = RealAgent::start(model);
        let spans = (1..).zip(DECISIONS).map(|(id, (priority, failed, _))| SpanData {
            span_kind: SpanKind::Server,
            attributes: vec![KeyValue::new("sampling.priority", priority)],
            status: if failed { Status::error("failed") } else { Status::Unset },
            ..span(id, id, 0)
        });
        let spans = spans.collect();
        through_us(builder(agent.url(), protocol).build().unwrap(), &service("shop"), [spans]);
        agent.stop();
        let kept: BTreeSet<_> = agent.spans().iter().map(|span| span.span_id).collect();
        let expected = (1..).zip(DECISIONS).filter(|(_, (.., kept))| *kept).map(|(id, _)| id);
        assert_eq!(kept, expected.collect(), "{model:?}");
        let hits: u64 = agent.counted().iter().map(|row| row.hits).sum();
        assert_eq!(hits, DECISIONS.len() as u64, "{model:?}");
    }
}

#[test]
fn the_whole_trace_id_survives() {
    for (model, protocol) in MODELS.into_iter().zip(PROTOCOLS) {
        let agent = RealAgent::start(model);
        let exporter = builder(agent.url(), protocol).build().unwrap();
        through_us(exporter, &service("shop"), [vec![span(7, 70, 0), span(7, 71, 70)]]);
        agent.stop();
        let payloads = agent.payloads();
        let chunk = &payloads[0].chunks()[0];
        let high = "0000000000c0ffee";
        assert_eq!(chunk.priority, 1);
        assert_eq!(chunk.spans.iter().map(|span| span.trace_id).collect::<Vec<_>>(), [7, 7]);
        assert!(chunk.spans.iter().any(|span| span.tag("_dd.p.tid") == high), "{chunk:?}");
        if !chunk.spans[0].tag("_dd.convertedv1").is_empty() {
            assert_eq!(chunk.trace_id_high, 0x00c0_ffee);
        }
    }
}
