//! Batch -> traces: bring the spans of each together, find the local root.
//!
//! A batch holds spans of many traces in the order in which they ended. The Agent wants one chunk for
//! each trace, keyed by the full 128-bit id, and reads the facts of a chunk from its first span. Traces
//! stay in the order of their first spans: that is nearly the order in memory, and costs 350
//! instructions a span less than sorting by id (callgrind). Not here: what goes into a span.

use opentelemetry::SpanId;
use opentelemetry_sdk::trace::SpanData;

use crate::datadog::ids::{is_root, is_sendable};
use crate::mapping::{KeySet, hash};

/// Room for so many spans is kept, whatever comes next: eight of the batch processor's batches.
const KEPT_SPANS: usize = 4_096;

/// Orders batches; keeps its memory for the next one.
#[derive(Debug, Default)]
pub(crate) struct Grouping {
    order: Vec<u32>,
    /// For each span of the batch the number of the first of its trace.
    firsts: Vec<usize>,
    trace_ids: KeySet,
    span_ids: Vec<SpanId>,
}

impl Grouping {
    /// Orders a batch and returns its traces.
    ///
    /// Spans that the Agent cannot take are in none: it would drop their whole trace.
    pub(crate) fn traces<'g>(
        &'g mut self,
        batch: &'g [SpanData],
    ) -> impl Iterator<Item = Trace<'g>> {
        let Self { order, firsts, trace_ids, span_ids } = self;
        let trace_id = |number: usize| batch[number].span_context.trace_id();
        trace_ids.reset(batch.len());
        firsts.clear();
        firsts.extend(batch.iter().enumerate().map(|(number, span)| {
            let id = span.span_context.trace_id();
            trace_ids.first(hash(&id.to_bytes()), number, |other| trace_id(other) == id)
        }));
        order.clear();
        order.extend(
            (0u32..).zip(batch).filter(|(_, span)| is_sendable(span)).map(|(number, _)| number),
        );
        let first = |number: &u32| firsts[*number as usize];
        order.sort_unstable_by_key(|number| (first(number), *number));
        order.chunk_by_mut(move |a, b| first(a) == first(b)).map(move |spans| {
            let (first, is_orphan) = local_root(batch, spans, span_ids);
            spans[..=first].rotate_right(1);
            let last_root = spans.iter().rposition(|number| is_root(&batch[*number as usize]));
            let agents_root =
                last_root.unwrap_or(if is_orphan { 0 } else { spans.len().saturating_sub(1) });
            Trace { spans, agents_root }
        })
    }

    /// Gives memory back that a burst left over, after each batch.
    pub(crate) fn shrink(&mut self) {
        if self.firsts.capacity() > KEPT_SPANS {
            *self = Self::default();
        }
    }
}

/// The spans of one trace in a batch.
#[derive(Debug)]
pub(crate) struct Trace<'g> {
    /// Their numbers in the batch, that of the local root first.
    pub(crate) spans: &'g [u32],
    /// The place of the one that the Agent will take for the root: the last without a parent, else
    /// one whose parent is elsewhere, else the last.
    pub(crate) agents_root: usize,
}

/// Returns the place of the span that stands for its chunk: the first without a parent, else one whose
/// parent is not here, a remote one before others, else the first. Says whether its parent is elsewhere.
fn local_root(batch: &[SpanData], spans: &[u32], span_ids: &mut Vec<SpanId>) -> (usize, bool) {
    let span = |number: &u32| &batch[*number as usize];
    let place =
        |wanted: &dyn Fn(&SpanData) -> bool| spans.iter().position(|number| wanted(span(number)));
    if let Some(root) = place(&is_root) {
        return (root, false);
    }
    span_ids.clear();
    span_ids.extend(spans.iter().map(|number| span(number).span_context.span_id()));
    span_ids.sort_unstable_by_key(|id| id.to_bytes());
    let is_here =
        |id: SpanId| span_ids.binary_search_by_key(&id.to_bytes(), |id| id.to_bytes()).is_ok();
    let orphan = place(&|span| span.parent_span_is_remote && !is_here(span.parent_span_id))
        .or_else(|| place(&|span| !is_here(span.parent_span_id)));
    (orphan.unwrap_or(0), orphan.is_some())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceFlags, TraceState};
    use opentelemetry::{InstrumentationScope, TraceId};

    use super::*;

    fn span(trace: u128, id: u64, parent: u64, remote: bool) -> SpanData {
        SpanData {
            span_context: SpanContext::new(
                TraceId::from(trace),
                SpanId::from(id),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: SpanId::from(parent),
            parent_span_is_remote: remote,
            span_kind: SpanKind::Internal,
            name: "".into(),
            start_time: UNIX_EPOCH,
            end_time: UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: opentelemetry_sdk::trace::SpanEvents::default(),
            links: opentelemetry_sdk::trace::SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        }
    }

    fn grouped(batch: &[SpanData]) -> Vec<Vec<u64>> {
        let mut grouping = Grouping::default();
        let id = |number: &u32| {
            u64::from_be_bytes(batch[*number as usize].span_context.span_id().to_bytes())
        };
        grouping.traces(batch).map(|trace| trace.spans.iter().map(id).collect()).collect()
    }

    fn agents_roots(batch: &[SpanData]) -> Vec<usize> {
        Grouping::default().traces(batch).map(|trace| trace.agents_root).collect()
    }

    #[test]
    fn spans_are_grouped_by_the_full_trace_id_with_the_local_root_first() {
        let high = 1 << 64;
        let batch = [
            span(7, 12, 11, false),
            span(high + 7, 21, 0, false),
            span(7, 13, 12, false),
            span(7, 11, 0, false),
        ];
        assert_eq!(grouped(&batch), [vec![11, 12, 13], vec![21]]);
    }

    #[test]
    fn a_remote_parent_or_an_absent_one_makes_a_local_root() {
        assert_eq!(grouped(&[span(7, 1, 9, false), span(7, 2, 8, true)]), [[2, 1]]);
        assert_eq!(grouped(&[span(7, 1, 2, false), span(7, 2, 8, false)]), [[2, 1]]);
        assert_eq!(grouped(&[span(7, 1, 2, false), span(7, 2, 1, false)]), [[1, 2]]);
    }

    #[test]
    fn a_remote_parent_that_is_here_makes_no_local_root() {
        // The service calls itself: the inner server span ends first.
        let batch = [span(7, 3, 2, true), span(7, 2, 1, false), span(7, 1, 9, true)];
        assert_eq!(grouped(&batch), [[1, 3, 2]]);
        assert_eq!(agents_roots(&batch), [0]);
    }

    #[test]
    fn the_agent_takes_the_last_root_of_several() {
        let batch = [span(7, 1, 0, false), span(7, 2, 1, false), span(7, 3, 3, false)];
        assert_eq!(grouped(&batch), [[1, 2, 3]]);
        assert_eq!(agents_roots(&batch), [2]);
        assert_eq!(agents_roots(&[span(7, 1, 2, false), span(7, 2, 1, false)]), [1]);
    }

    #[test]
    fn spans_with_zero_ids_are_in_no_trace() {
        let batch = [
            span(0, 1, 0, false),
            span(1 << 64, 2, 0, false),
            span(7, 0, 0, false),
            span(7, 3, 0, false),
        ];
        assert_eq!(grouped(&batch), [[3]]);
    }

    #[test]
    fn a_burst_leaves_no_memory_behind_and_a_usual_batch_keeps_it() {
        let mut grouping = Grouping::default();
        let batch: Vec<_> = (1..=5_000).map(|id| span(7, id, 0, false)).collect();
        for (count, is_kept) in [(512, true), (5_000, false), (512, true)] {
            drop(grouping.traces(&batch[..count]));
            assert!(grouping.firsts.capacity() >= count);
            grouping.shrink();
            assert_eq!(grouping.firsts.capacity() > 0, is_kept, "{count}");
        }
    }
}
