//! The traces that the page shows: the newest, within a number and a size, each with a line for the list.
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::rates::Rates;
use super::trace::Trace;
use super::view;
use crate::request::TraceRequest;
use crate::span::trace_id_high;
use crate::stats::ReceivedStats;
use crate::violations::Finding;

/// The most traces that are kept: a list in a browser stays quick with as many.
const TRACES_MAX: usize = 10_000;

/// The most memory of all traces, in bytes.
const BYTES_MAX: usize = 128 << 20;

/// The most memory of one trace, in bytes. Further spans are counted and left out.
const TRACE_BYTES_MAX: usize = 32 << 20;

/// The most spans of one trace.
const TRACE_SPANS_MAX: usize = 10_000;

/// The most lines of the list in one message.
const MESSAGE_TRACES: usize = 500;

/// The length after which a message takes no further lines, in bytes: browsers that do not read hold some of them.
const MESSAGE_BYTES: usize = 1 << 20;

/// The number of requests that were not taken and are remembered.
const REFUSALS_MAX: usize = 100;

/// The most tracers that are told apart.
const TRACERS_MAX: usize = 200;

/// The longest text about a request, in characters.
const TEXT_MAX: usize = 300;

/// Everything that the page shows.
#[derive(Debug)]
pub(crate) struct Board {
    state: Mutex<State>,
    /// Changes whenever something else would be shown.
    pub(super) changed: watch::Sender<u64>,
    /// Tells one start of the program from another.
    pub(super) run: String,
}

#[derive(Debug, Default)]
struct State {
    /// The traces in the order of their first arrival.
    traces: BTreeMap<u64, Trace>,
    places: HashMap<(u64, u64), u64>,
    /// The place of each trace by its last change.
    changes: BTreeMap<u64, u64>,
    edition: u64,
    next: u64,
    bytes: usize,
    totals: Totals,
    rates: Rates,
    client: Rates,
    /// Requests and refused requests by tracer.
    tracers: BTreeMap<String, [usize; 2]>,
    refusals: VecDeque<Value>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    traces: usize,
    spans: usize,
    errors: usize,
    refused: usize,
    forgotten: usize,
}

/// Findings by the list of spans and the span that they are about.
type Places<'a> = HashMap<(Option<usize>, Option<usize>), Vec<&'a str>>;

/// One message to a page that follows.
pub(super) struct Message {
    pub(super) text: String,
    /// The last change that it tells of.
    pub(super) edition: u64,
    /// More changes follow.
    pub(super) has_more: bool,
}

impl Board {
    pub(super) fn new(run: String) -> Self {
        Self { state: Mutex::default(), changed: watch::channel(0).0, run }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changed.send_modify(|change| *change += 1);
    }

    /// Takes in a request to a trace endpoint, with what the Agent would complain about.
    pub(crate) fn add(&self, request: &TraceRequest, findings: &[Finding]) {
        let tracer: Arc<str> = tracer(request).into();
        let mut by_place = Places::new();
        for finding in findings {
            by_place.entry((finding.trace, finding.span)).or_default().push(&finding.what);
        }
        let mut state = self.state();
        for (n, spans) in request.traces.iter().enumerate() {
            if let Some(first) = spans.first() {
                let id = (trace_id_high(spans).unwrap_or(0), first.trace_id);
                state.add_trace(id, spans, &by_place, n, &tracer);
            }
        }
        let reason = request.refusal().unwrap_or_default();
        state.count(&tracer, &request.path, request.status, &reason);
        drop(state);
        self.tell();
    }

    /// Takes in statistics of a client.
    pub(crate) fn add_stats(&self, received: &ReceivedStats) {
        let mut state = self.state();
        for group in received.buckets.iter().flat_map(|bucket| &bucket.groups) {
            let mut durations = group.ok_summary.clone();
            durations.merge(&group.error_summary);
            let key = [&group.service, &group.name, &group.resource];
            state.client.add_group(key, group.hits, group.errors, &durations);
        }
        drop(state);
        self.tell();
    }

    /// Counts a request that holds no traces.
    pub(crate) fn count(&self, tracer: &str, path: &str, status: Option<u16>, reason: &str) {
        self.state().count(tracer, path, status, reason);
        self.tell();
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        let (edition, next) = (state.edition, state.next);
        *state = State { edition, next, ..State::default() };
        drop(state);
        self.tell();
    }

    /// Returns the changes since an edition, the oldest first.
    pub(super) fn message(&self, from: u64) -> Message {
        let state = self.state();
        let mut changes = state.changes.range(from + 1..);
        let (mut traces, mut edition) = (String::new(), from);
        for (change, place) in changes.by_ref().take(MESSAGE_TRACES) {
            edition = *change;
            if let Some(trace) = state.traces.get(place) {
                let comma = if traces.is_empty() { "" } else { "," };
                let _ = write!(traces, "{comma}{}", trace.line(*place));
            }
            if traces.len() >= MESSAGE_BYTES {
                break;
            }
        }
        let has_more = changes.next().is_some();
        let oldest = state.traces.keys().next().copied().unwrap_or(state.next);
        let Totals { traces: all, spans, errors, refused, forgotten } = state.totals;
        let totals = json!({
            "traces": all, "spans": spans, "errors": errors, "refused": refused, "forgotten_traces": forgotten,
        });
        let run = json!(self.run);
        let text =
            format!(r#"{{"run":{run},"oldest":{oldest},"totals":{totals},"traces":[{traces}]}}"#);
        Message { text, edition, has_more }
    }

    /// Returns a trace with all its spans. The id is written in decimal or hexadecimal digits.
    pub(super) fn trace(&self, id: &str) -> Option<String> {
        let state = self.state();
        let place = ids(id).find_map(|(high, low)| match high {
            Some(high) => state.places.get(&(high, low)).copied(),
            // Log lines of many tracers have the lower half alone.
            None => {
                state.places.iter().filter(|(id, _)| id.1 == low).map(|(_, place)| *place).max()
            }
        })?;
        state.traces.get(&place).map(Trace::json)
    }

    /// Returns the numbers by service and resource, and by tracer.
    pub(super) fn statistics(&self) -> String {
        let state = self.state();
        let tracers =
            state.tracers.iter().map(|(name, [all, refused])| json!([name, all, refused]));
        json!({
            "spans": state.rates.rows(),
            "client": state.client.rows(),
            "tracers": tracers.collect::<Vec<_>>(),
            "refusals": state.refusals,
        })
        .to_string()
    }
}

impl State {
    fn add_trace(
        &mut self,
        id: (u64, u64),
        spans: &[crate::ReceivedSpan],
        findings: &Places<'_>,
        n: usize,
        tracer: &Arc<str>,
    ) {
        let place = *self.places.entry(id).or_insert(self.next);
        if place == self.next {
            self.next += 1;
            self.totals.traces += 1;
        }
        let trace = self.traces.entry(place).or_insert_with(|| Trace::new(id));
        self.changes.remove(&trace.edition);
        self.edition += 1;
        trace.edition = self.edition;
        let before = trace.bytes();
        let of = |span| findings.get(&(Some(n), span)).map_or(&[][..], Vec::as_slice);
        trace.note(findings.get(&(None, None)).into_iter().flatten().chain(of(None)));
        for (m, span) in spans.iter().enumerate() {
            self.rates.add(span);
            self.totals.spans += 1;
            self.totals.errors += usize::from(span.error != 0);
            if trace.spans() >= TRACE_SPANS_MAX || trace.bytes() >= TRACE_BYTES_MAX {
                trace.leave_out(span);
                continue;
            }
            let own = of(Some(m));
            trace.add(span, view::span(span, own, tracer), own.len());
        }
        self.bytes = self.bytes + trace.bytes() - before;
        self.changes.insert(self.edition, place);
        while self.traces.len() > TRACES_MAX || (self.bytes > BYTES_MAX && self.traces.len() > 1) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, oldest)) = self.traces.pop_first() else { return };
        self.places.remove(&oldest.id);
        self.changes.remove(&oldest.edition);
        self.bytes -= oldest.bytes();
        self.totals.forgotten += 1;
    }

    fn count(&mut self, tracer: &str, path: &str, status: Option<u16>, reason: &str) {
        let is_refused = status != Some(200);
        let name: String = format!("{tracer} {path}").chars().take(TEXT_MAX).collect();
        let is_full = self.tracers.len() >= TRACERS_MAX && !self.tracers.contains_key(&name);
        let key = if is_full { "(others)".to_owned() } else { name.clone() };
        let [all, refused] = self.tracers.entry(key).or_default();
        (*all, *refused) = (*all + 1, *refused + usize::from(is_refused));
        if !is_refused {
            return;
        }
        self.totals.refused += 1;
        let status = status.map_or("no answer".to_owned(), |status| status.to_string());
        let reason: String = reason.chars().take(TEXT_MAX).collect();
        self.refusals.push_front(json!([name, status, reason]));
        self.refusals.truncate(REFUSALS_MAX);
    }
}

/// Returns the language and the version of the tracer that sent a request.
pub(crate) fn tracer(request: &TraceRequest) -> String {
    let part = |name| request.header(name).unwrap_or("?");
    format!("{} {}", part("datadog-meta-lang"), part("datadog-meta-tracer-version"))
}

/// Returns the readings of a trace id: upper half, if it has one, and lower half.
fn ids(text: &str) -> impl Iterator<Item = (Option<u64>, u64)> {
    let decimal = text.parse::<u64>().ok().map(|low| (None, low));
    let hex = u128::from_str_radix(text, 16).ok().map(|id| {
        let [high, low] = [id >> 64, id & u128::from(u64::MAX)]
            .map(|half| u64::try_from(half).unwrap_or_default());
        ((text.len() > 16).then_some(high), low)
    });
    let half = hex.filter(|(high, _)| *high == Some(0)).map(|(_, low)| (None, low));
    [hex.filter(|_| text.len() == 32), decimal, hex, half].into_iter().flatten()
}
