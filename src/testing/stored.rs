//! What the Agent would keep of what it received.
use super::span::Span;

/// The number tag with the sampling priority.
pub(super) const PRIORITY: &str = "_sampling_priority_v1";

/// Returns whether a text tag is exempt from the limits of keys and values.
pub(super) fn exempt(key: &str) -> bool {
    key.starts_with("_dd.")
        && [".json", ".msgpack", ".protobuf"].iter().any(|end| key.ends_with(end))
}

/// Returns the position of the root of a chunk, as the Agent finds it: the last span without a
/// parent, else a span whose parent is elsewhere, else the last.
///
/// Of several spans whose parents are elsewhere the Agent takes any; this is the first.
pub(super) fn root(spans: &[&Span]) -> Option<usize> {
    if let Some(root) = spans.iter().rposition(|span| span.parent_id == 0) {
        return Some(root);
    }
    let ids: std::collections::HashSet<u64> = spans.iter().map(|span| span.span_id).collect();
    let orphan = spans.iter().position(|span| !ids.contains(&span.parent_id));
    orphan.or_else(|| spans.len().checked_sub(1))
}
