//! The traces of the last minutes, with what is known of them: spans come from several services, at several times.

use std::collections::VecDeque;

use datadog_test_agent::ReceivedSpan;

/// The most traces that are kept to be drawn again when more of their spans arrive.
const TRACES_MAX: usize = 100;

/// The most spans of one trace that are kept: a picture of more is unreadable.
const SPANS_MAX: usize = 1_000;

/// The most memory of all traces together, in bytes. The one that changed last stays in any case.
const BYTES_MAX: usize = 64 << 20;

/// The memory of a span or a tag beside its texts, in bytes: an estimate.
const OVERHEAD: usize = 256;

/// The text tag with the upper half of a trace id.
const UPPER_HALF: &str = "_dd.p.tid";

/// Recent traces, the one that changed last at the end.
#[derive(Default)]
pub(crate) struct Recent {
    traces: VecDeque<Trace>,
    bytes: usize,
}

struct Trace {
    id: (String, u64),
    spans: Vec<ReceivedSpan>,
    bytes: usize,
    is_changed: bool,
}

impl Recent {
    /// Takes in spans of one trace, and tells whether it is a new one.
    pub(crate) fn add(&mut self, spans: &[ReceivedSpan]) -> bool {
        let Some(first) = spans.first() else { return false };
        let upper = spans.iter().find_map(|span| span.meta.get(UPPER_HALF));
        let id = (upper.cloned().unwrap_or_default(), first.trace_id);
        let place = self.traces.iter().position(|trace| trace.id == id);
        let known = place.and_then(|place| self.traces.remove(place));
        let is_new = known.is_none();
        let mut trace =
            known.unwrap_or(Trace { id, spans: Vec::new(), bytes: 0, is_changed: true });
        self.bytes -= trace.bytes;
        let room = SPANS_MAX - trace.spans.len();
        trace.spans.extend(spans.iter().take(room).cloned());
        trace.bytes += spans.iter().take(room).map(bytes).sum::<usize>();
        trace.is_changed = true;
        self.bytes += trace.bytes;
        self.traces.push_back(trace);
        self.make_room();
        is_new
    }

    /// Forgets the traces that changed longest ago, until the others fit.
    fn make_room(&mut self) {
        let is_full = |recent: &Self| {
            recent.traces.len() > TRACES_MAX
                || (recent.bytes > BYTES_MAX && recent.traces.len() > 1)
        };
        while is_full(self) {
            self.bytes -= self.traces.pop_front().map_or(0, |oldest| oldest.bytes);
        }
    }

    /// Returns the traces that have changed since the last call.
    pub(crate) fn changed(&mut self) -> Vec<Vec<ReceivedSpan>> {
        let mut changed = Vec::new();
        for trace in self.traces.iter_mut().filter(|trace| trace.is_changed) {
            trace.is_changed = false;
            changed.push(trace.spans.clone());
        }
        changed
    }
}

/// Returns the memory of a span, in bytes.
fn bytes(span: &ReceivedSpan) -> usize {
    let fields = [&span.service, &span.name, &span.resource, &span.span_type];
    let texts: usize = fields.into_iter().map(String::len).sum();
    let tags = span.meta.iter().map(|(key, value)| key.len() + value.len() + OVERHEAD);
    let numbers = span.metrics.keys().map(|key| key.len() + OVERHEAD);
    let documents = span.meta_struct.iter().map(|(key, value)| key.len() + value.len() + OVERHEAD);
    let lists = span.span_links.iter().chain(&span.span_events).map(|item| item.to_string().len());
    OVERHEAD
        + texts
        + tags.chain(numbers).chain(documents).sum::<usize>()
        + 2 * lists.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_traces_push_out_old_ones() {
        let mut recent = Recent::default();
        for trace_id in 0..10 {
            let resource = "x".repeat(BYTES_MAX / 4);
            assert!(recent.add(&[ReceivedSpan { trace_id, resource, ..ReceivedSpan::default() }]));
        }
        assert_eq!(recent.traces.len(), 3);
        let resource = "x".repeat(2 * BYTES_MAX);
        recent.add(&[ReceivedSpan { trace_id: 11, resource, ..ReceivedSpan::default() }]);
        assert_eq!(recent.traces.len(), 1);
    }
}
