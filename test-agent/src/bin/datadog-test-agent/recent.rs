//! The traces of the last minutes, with what is known of them: spans come from several services, at several times.

use std::collections::VecDeque;

use datadog_test_agent::ReceivedSpan;

/// Most traces that are kept to be drawn again when more of their spans arrive.
const TRACES_MAX: usize = 100;

/// Most spans of one trace that are kept: more are no picture.
const SPANS_MAX: usize = 1_000;

/// The text tag with the upper half of a trace id.
const UPPER_HALF: &str = "_dd.p.tid";

/// Recent traces, the one that changed last at the end.
#[derive(Default)]
pub(crate) struct Recent(VecDeque<Trace>);

struct Trace {
    id: (String, u64),
    spans: Vec<ReceivedSpan>,
    is_changed: bool,
}

impl Recent {
    /// Takes in spans of one trace, and tells whether it is a new one.
    pub(crate) fn add(&mut self, spans: &[ReceivedSpan]) -> bool {
        let Some(first) = spans.first() else { return false };
        let upper = spans.iter().find_map(|span| span.meta.get(UPPER_HALF));
        let id = (upper.cloned().unwrap_or_default(), first.trace_id);
        let place = self.0.iter().position(|trace| trace.id == id);
        let known = place.and_then(|place| self.0.remove(place));
        let is_new = known.is_none();
        let mut trace = known.unwrap_or(Trace { id, spans: Vec::new(), is_changed: true });
        let room = SPANS_MAX - trace.spans.len();
        trace.spans.extend(spans.iter().take(room).cloned());
        trace.is_changed = true;
        self.0.push_back(trace);
        if self.0.len() > TRACES_MAX {
            self.0.pop_front();
        }
        is_new
    }

    /// Returns the traces that have changed since the last call.
    pub(crate) fn changed(&mut self) -> Vec<Vec<ReceivedSpan>> {
        let mut changed = Vec::new();
        for trace in self.0.iter_mut().filter(|trace| trace.is_changed) {
            trace.is_changed = false;
            changed.push(trace.spans.clone());
        }
        changed
    }
}
