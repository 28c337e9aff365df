//! Batch -> traces: order by trace id, find the local root.
//!
//! A batch holds spans of many traces in the order in which they ended. The Agent wants one chunk for
//! each trace, keyed by the full 128-bit id, and reads the facts of a chunk from its first span. Not
//! here: what goes into a span.

use opentelemetry::SpanId;
use opentelemetry_sdk::trace::SpanData;

use crate::mapping::{equal_ids, sendable};

/// Orders batches; keeps its memory for the next one.
#[derive(Debug, Default)]
pub(crate) struct Grouping {
    order: Vec<u32>,
    span_ids: Vec<SpanId>,
}

impl Grouping {
    /// Orders a batch and returns one list of span numbers for each trace, its local root first.
    ///
    /// Spans that the Agent cannot take are in none: it would drop their whole trace.
    pub(crate) fn traces<'g>(
        &'g mut self,
        batch: &'g [SpanData],
    ) -> impl Iterator<Item = &'g [u32]> {
        let trace = |number: &u32| batch[*number as usize].span_context.trace_id().to_bytes();
        self.order.clear();
        self.order.extend(
            (0u32..).zip(batch).filter(|(_, span)| is_sendable(span)).map(|(number, _)| number),
        );
        self.order.sort_unstable_by_key(|number| (trace(number), *number));
        let span_ids = &mut self.span_ids;
        self.order.chunk_by_mut(move |a, b| trace(a) == trace(b)).map(move |spans| {
            let root = local_root(batch, spans, span_ids);
            spans[..=root].rotate_right(1);
            &*spans
        })
    }
}

/// Whether the Agent can take a span.
pub(crate) fn is_sendable(span: &SpanData) -> bool {
    sendable(span.span_context.trace_id(), span.span_context.span_id())
}

/// Whether a span's id equals the id that Datadog will know its trace by.
pub(crate) fn has_equal_ids(span: &SpanData) -> bool {
    equal_ids(span.span_context.trace_id(), span.span_context.span_id())
}

/// Returns the place of the span that stands for its chunk: one without a parent, else one whose
/// parent is remote, else the first whose parent is not here, else the first.
fn local_root(batch: &[SpanData], spans: &[u32], span_ids: &mut Vec<SpanId>) -> usize {
    let span = |number: &u32| &batch[*number as usize];
    let place =
        |wanted: &dyn Fn(&SpanData) -> bool| spans.iter().position(|number| wanted(span(number)));
    if let Some(root) = place(&|span| span.parent_span_id == SpanId::INVALID) {
        return root;
    }
    if let Some(root) = place(&|span| span.parent_span_is_remote) {
        return root;
    }
    span_ids.clear();
    span_ids.extend(spans.iter().map(|number| span(number).span_context.span_id()));
    span_ids.sort_unstable_by_key(|id| id.to_bytes());
    let is_here =
        |id: SpanId| span_ids.binary_search_by_key(&id.to_bytes(), |id| id.to_bytes()).is_ok();
    place(&|span| !is_here(span.parent_span_id)).unwrap_or(0)
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
        grouping.traces(batch).map(|spans| spans.iter().map(id).collect()).collect()
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
    fn spans_with_zero_ids_are_in_no_trace() {
        let batch = [
            span(0, 1, 0, false),
            span(1 << 64, 2, 0, false),
            span(7, 0, 0, false),
            span(7, 3, 0, false),
        ];
        assert_eq!(grouped(&batch), [[3]]);
    }
}
