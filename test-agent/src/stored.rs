//! Traces as the Agent would keep them: normalised, judged and weighed.
//!
//! Computed from the recorded requests whenever it is asked for. Not here: obfuscation, the
//! samplers for traces without a priority, and filters, which are settings of an installation.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::UNIX_EPOCH;

use super::normalize::{cut, cut_with_mark, operation_name, tag_value};
use super::request::TraceRequest;
use super::span::{ReceivedSpan, TRACE_ID_HIGH};

/// The number tag with the sampling priority.
pub(super) const PRIORITY: &str = "_sampling_priority_v1";

/// The longest name, service and type, in bytes.
pub(super) const NAME_MAX: usize = 100;
/// The longest resource, in bytes.
pub(super) const RESOURCE_MAX: usize = 5_000;
/// The longest key of a tag before it is cut and marked, in bytes.
pub(super) const KEY_MAX: usize = 200;
/// The longest text tag before it is cut and marked, in bytes.
pub(super) const VALUE_MAX: usize = 25_000;
/// The length of the mark of a cut, in bytes.
pub(super) const MARK: usize = "...".len();

/// The start of the year 2000: earlier starts are taken for a mistake. In nanoseconds since 1970.
const YEAR_2000: i64 = 946_684_800_000_000_000;
/// The name of a span without a usable one.
const UNNAMED: &str = "unnamed_operation";
/// The priority that stands for none.
const NO_PRIORITY: i8 = -128;

/// One list of spans as the Agent would store it.
///
/// A trace that arrives in several lists or requests is several of these: the Agent looks at each
/// on its own. Lists that it refuses (ids of 0, mixed trace ids, no spans) do not get this far.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredTrace {
    /// The spans, normalised and cut to the Agent's limits, in the order in which they came.
    pub spans: Vec<StoredSpan>,
    /// The index of the span that the Agent takes for the root.
    pub root: usize,
    /// The sampling priority, from the root or else the first span that has one.
    pub priority: Option<i8>,
    /// The origin of the trace: the tag `_dd.origin` of the root.
    pub origin: Option<String>,
    /// The decision maker of sampling: the first tag `_dd.p.dm`.
    pub decision_maker: Option<String>,
    /// The decision of the Agent about the trace.
    pub decision: Decision,
    /// The number of spans that each span counts for in statistics.
    pub weight: f64,
    /// The environment that the Agent files the whole request under.
    pub env: Option<String>,
    /// The version that the Agent files the whole request under.
    pub version: Option<String>,
    /// The host name that the Agent files the whole request under.
    pub hostname: Option<String>,
}

/// A span as the Agent would store it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StoredSpan {
    /// The span, normalised.
    pub span: ReceivedSpan,
    /// True if it is the entry of its service.
    pub is_top_level: bool,
    /// True if it counts in statistics. Spans of rejected traces count too.
    pub has_stats: bool,
}

/// A decision of the Agent about a trace, in its default settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// Keeps it: the priority is 1 or 2.
    Keep,
    /// Drops it: the priority is negative, or is another than 1 or 2 and no span failed.
    Drop,
    /// Drops it but for the spans with `_dd.span_sampling.mechanism`.
    KeepSampledSpans,
    /// Leaves it to a sampler that keeps about ten traces a second: there is no priority, or a
    /// span failed in a trace that is to be dropped with priority 0.
    LeaveToSampler,
}

impl StoredTrace {
    /// Returns the span that the Agent takes for the root.
    pub fn root_span(&self) -> &ReceivedSpan {
        &self.spans[self.root].span
    }
}

/// As [`of_request`], for the fuzz targets.
#[cfg(fuzzing)]
pub fn stored_of(request: &TraceRequest) -> Vec<StoredTrace> {
    of_request(request)
}

/// Returns what the Agent stores of one request.
pub(super) fn of_request(request: &TraceRequest) -> Vec<StoredTrace> {
    let mut stored: Vec<_> =
        request.traces.iter().filter_map(|spans| of_chunk(spans, request)).collect();
    let env = payload_tag(&stored, "env", true);
    let version = payload_tag(&stored, "version", true);
    let hostname = payload_tag(&stored, "_dd.hostname", false);
    for trace in &mut stored {
        trace.env.clone_from(&env);
        trace.version.clone_from(&version);
        trace.hostname.clone_from(&hostname);
    }
    stored
}

/// Returns what the first trace that has the tag gives to the whole request.
fn payload_tag(traces: &[StoredTrace], key: &str, anywhere: bool) -> Option<String> {
    traces.iter().find_map(|trace| {
        let spans: Vec<_> = trace.spans.iter().map(|stored| &stored.span).collect();
        chunk_tag(&spans, trace.root, key, anywhere).map(str::to_owned)
    })
}

/// Returns a tag that the Agent takes from the root, or else `anywhere`.
pub(super) fn chunk_tag<'a>(
    spans: &[&'a ReceivedSpan],
    root: usize,
    key: &str,
    anywhere: bool,
) -> Option<&'a str> {
    let value = |span: &&'a ReceivedSpan| {
        span.meta.get(key).map(String::as_str).filter(|value| !value.is_empty())
    };
    let of_root = value(&spans[root]);
    if anywhere { of_root.or_else(|| spans.iter().find_map(value)) } else { of_root }
}

fn of_chunk(spans: &[ReceivedSpan], request: &TraceRequest) -> Option<StoredTrace> {
    if is_refused(spans) {
        return None;
    }
    let lang = request.header("datadog-meta-lang").unwrap_or_default();
    let now = request.received.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let mut spans = spans.to_vec();
    for span in &mut spans {
        normalize(span, lang, now);
    }
    let views: Vec<&ReceivedSpan> = spans.iter().collect();
    let root = root(&views)?;
    let priority = priority(&views, root);
    let top_level: Vec<bool> = if request.flag("datadog-client-computed-top-level") {
        spans.iter().map(|span| is_one(span, "_dd.top_level")).collect()
    } else {
        top_level(&views)
    };
    let computed_stats = request.flag("datadog-client-computed-stats");
    let trace = StoredTrace {
        root,
        priority,
        origin: spans[root].meta.get("_dd.origin").cloned(),
        decision_maker: spans.iter().find_map(|span| span.meta.get("_dd.p.dm")).cloned(),
        decision: decision(priority, &views),
        weight: weight(&spans[root]),
        env: None,
        version: None,
        hostname: None,
        spans: Vec::new(),
    };
    let stored = spans.into_iter().zip(top_level).map(|(mut span, is_top_level)| {
        let has_stats = !computed_stats && counts(&span, is_top_level);
        truncate(&mut span);
        StoredSpan { span, is_top_level, has_stats }
    });
    Some(StoredTrace { spans: stored.collect(), ..trace })
}

/// Returns whether the Agent refuses the whole list.
fn is_refused(spans: &[ReceivedSpan]) -> bool {
    let Some(first) = spans.first() else { return true };
    let mut high = spans.iter().filter_map(|span| span.meta.get(TRACE_ID_HIGH));
    let first_high = high.next();
    spans
        .iter()
        .any(|span| span.trace_id == 0 || span.span_id == 0 || span.trace_id != first.trace_id)
        || high.any(|other| Some(other) != first_high)
}

/// Repairs the fields of a span as the Agent does.
fn normalize(span: &mut ReceivedSpan, lang: &str, now: i64) {
    let service = tag_value(cut(&span.service, NAME_MAX));
    span.service = match (service.is_empty(), lang) {
        (false, _) => service,
        (true, "") => "unnamed-service".to_owned(),
        (true, lang) => format!("unnamed-{lang}-service"),
    };
    for key in ["peer.service", "_dd.base_service", "env"] {
        if let Some(value) = span.meta.get_mut(key) {
            let limit = if key == "env" { value.len() } else { NAME_MAX };
            *value = tag_value(cut(value, limit));
        }
    }
    span.name = operation_name(cut(&span.name, NAME_MAX)).unwrap_or_else(|| UNNAMED.to_owned());
    if span.resource.is_empty() {
        span.resource.clone_from(&span.name);
    }
    if span.parent_id == span.trace_id && span.parent_id == span.span_id {
        span.parent_id = 0;
    }
    if span.duration < 0 || span.start.checked_add(span.duration).is_none() {
        span.duration = 0;
    }
    if span.start < YEAR_2000 {
        span.start = now.saturating_sub(span.duration);
    }
    span.span_type = cut(&span.span_type, NAME_MAX).to_owned();
    let status = span.meta.get("http.status_code").map(|status| status.parse::<u16>());
    if status.is_some_and(|status| !status.is_ok_and(|status| (100..600).contains(&status))) {
        span.meta.remove("http.status_code");
    }
}

/// Cuts the fields of a span at the Agent's limits.
fn truncate(span: &mut ReceivedSpan) {
    span.resource = cut(&span.resource, RESOURCE_MAX).to_owned();
    let meta = std::mem::take(&mut span.meta).into_iter();
    span.meta = meta
        .map(|(key, value)| {
            if exempt(&key) {
                (key, value)
            } else {
                (cut_with_mark(&key, KEY_MAX), cut_with_mark(&value, VALUE_MAX))
            }
        })
        .collect();
    let metrics = std::mem::take(&mut span.metrics).into_iter();
    span.metrics = metrics
        .map(|(key, value)| (cut_with_mark(&key, KEY_MAX), value))
        .collect::<BTreeMap<_, _>>();
}

/// Returns whether a text tag is exempt from the limits of keys and values.
pub(super) fn exempt(key: &str) -> bool {
    key.starts_with("_dd.")
        && [".json", ".msgpack", ".protobuf"].iter().any(|end| key.ends_with(end))
}

/// Returns the position of the root of a chunk, as the Agent finds it: the last span without a
/// parent, else a span whose parent is elsewhere, else the last.
///
/// Of several spans whose parents are elsewhere the Agent takes any; this is the first.
pub(super) fn root(spans: &[&ReceivedSpan]) -> Option<usize> {
    if let Some(root) = spans.iter().rposition(|span| span.parent_id == 0) {
        return Some(root);
    }
    let ids: HashSet<u64> = spans.iter().map(|span| span.span_id).collect();
    let orphan = spans.iter().position(|span| !ids.contains(&span.parent_id));
    orphan.or_else(|| spans.len().checked_sub(1))
}

/// Returns the priority as the Agent reads it: cut to an integer, of which eight bits count.
#[expect(clippy::cast_possible_truncation, reason = "as the Agent does")]
fn priority(spans: &[&ReceivedSpan], root: usize) -> Option<i8> {
    let of = |span: &&ReceivedSpan| span.metrics.get(PRIORITY).copied();
    let value = of(&spans[root]).or_else(|| spans.iter().find_map(of))?;
    Some(value as i32 as i8).filter(|priority| *priority != NO_PRIORITY)
}

fn decision(priority: Option<i8>, spans: &[&ReceivedSpan]) -> Decision {
    let failed = spans.iter().any(|span| span.error != 0);
    let sampled = spans.iter().any(|span| span.metrics.contains_key("_dd.span_sampling.mechanism"));
    match priority {
        Some(1 | 2) => Decision::Keep,
        None => Decision::LeaveToSampler,
        Some(0..) if failed => Decision::LeaveToSampler,
        _ if sampled => Decision::KeepSampledSpans,
        _ => Decision::Drop,
    }
}

fn is_one(span: &ReceivedSpan, key: &str) -> bool {
    span.metrics.get(key).is_some_and(|value| (value - 1.0).abs() < f64::EPSILON)
}

/// Returns which spans have no parent here, or one of another service.
fn top_level(spans: &[&ReceivedSpan]) -> Vec<bool> {
    let services: HashMap<u64, &str> =
        spans.iter().map(|span| (span.span_id, span.service.as_str())).collect();
    let entry = |span: &&ReceivedSpan| {
        span.parent_id == 0 || services.get(&span.parent_id) != Some(&span.service.as_str())
    };
    spans.iter().map(entry).collect()
}

/// Returns whether a span counts in statistics.
fn counts(span: &ReceivedSpan, is_top_level: bool) -> bool {
    let kind = span.meta.get("span.kind").map(|kind| kind.to_ascii_lowercase());
    let by_kind = matches!(kind.as_deref(), Some("server" | "client" | "producer" | "consumer"));
    let partial = span.metrics.get("_dd.partial_version").is_some_and(|version| *version >= 0.0);
    let marked =
        is_one(span, "_top_level") || is_one(span, "_dd.top_level") || is_one(span, "_dd.measured");
    !partial && (is_top_level || marked || by_kind)
}

/// Returns how many spans each span of the trace stands for.
fn weight(root: &ReceivedSpan) -> f64 {
    match root.metrics.get("_sample_rate") {
        Some(rate) if *rate > 0.0 && *rate <= 1.0 => 1.0 / rate,
        _ => 1.0,
    }
}
