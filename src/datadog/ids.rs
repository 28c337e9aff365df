//! 128-bit ids to Datadog ids, and system time to nanoseconds.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::{SpanId, TraceId};
use opentelemetry_sdk::trace::SpanData;

use super::state::{NO_PARENT, State};

/// Returns the half of a trace id that Datadog calls the trace id.
pub(crate) fn low_half(id: TraceId) -> u64 {
    let bytes = id.to_bytes();
    u64::from_be_bytes(bytes[8..].try_into().expect("half of 16 bytes"))
}

/// Returns the half of a trace id that travels as `_dd.p.tid`.
pub(crate) fn high_half(id: TraceId) -> u64 {
    let bytes = id.to_bytes();
    u64::from_be_bytes(bytes[..8].try_into().expect("half of 16 bytes"))
}

/// Returns a span id as a number.
pub(crate) fn span_id(id: SpanId) -> u64 {
    u64::from_be_bytes(id.to_bytes())
}

/// Returns true if the Agent takes a span with these ids: for a zero it drops the whole trace.
pub(crate) fn is_sendable(span: &SpanData) -> bool {
    let ids = &span.span_context;
    low_half(ids.trace_id()) != 0 && ids.span_id() != SpanId::INVALID
}

/// Returns true if a span has no parent. A span that is its own parent counts as one without a parent, and so does a
/// span whose parent is a stand-in.
pub(crate) fn is_root(span: &SpanData) -> bool {
    let own = span.span_context.span_id();
    span.parent_span_id == SpanId::INVALID || span.parent_span_id == own || has_stand_in(span)
}

/// Returns the parent that stands in for none: since 0.33.1 the SDK drops the trace of a caller that has no span,
/// such as a Synthetics test. The propagator sets this parent, and the exporter removes it.
pub(crate) fn stand_in(trace: TraceId) -> SpanId {
    SpanId::from(low_half(trace))
}

/// Returns true if the parent of a span is a stand-in.
fn has_stand_in(span: &SpanData) -> bool {
    let context = &span.span_context;
    span.parent_span_is_remote
        && span.parent_span_id == stand_in(context.trace_id())
        && State::of(context).last_parent() == Some(NO_PARENT)
}

/// Returns true if a span has no parent in this process.
pub(crate) fn is_local_root(span: &SpanData) -> bool {
    is_root(span) || span.parent_span_is_remote
}

/// Returns true if a span's id equals the low half of its trace id, which Datadog calls the trace id.
pub(crate) fn has_equal_ids(span: &SpanData) -> bool {
    let ids = &span.span_context;
    low_half(ids.trace_id()) == span_id(ids.span_id())
}

/// Returns start and duration in nanoseconds.
///
/// Times before 1970 count as 1970, an end before the start as no duration, and start + duration
/// stays within an `i64`, since the Agent sets a duration that overflows to 0.
pub(crate) fn start_and_duration(start: SystemTime, end: SystemTime) -> (i64, i64) {
    let begin = nanoseconds(start);
    let duration = end.duration_since(start).map_or(0, |elapsed| clamp(elapsed.as_nanos()));
    (begin, duration.min(i64::MAX - begin))
}

/// Returns nanoseconds since 1970, 0 for anything before.
pub(crate) fn nanoseconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| clamp(since.as_nanos()))
}

fn clamp(nanoseconds: u128) -> i64 {
    i64::try_from(nanoseconds).unwrap_or(i64::MAX)
}

/// Hexadecimal digits on the stack.
#[derive(Debug)]
pub(crate) struct Hex<const DIGITS: usize>([u8; DIGITS]);

impl<const DIGITS: usize> Hex<DIGITS> {
    /// Formats bytes as lower-case digits, two for each byte.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        const LOWER: &[u8; 16] = b"0123456789abcdef";
        debug_assert_eq!(bytes.len() * 2, DIGITS);
        let mut digits = [b'0'; DIGITS];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            pair[0] = LOWER[usize::from(byte >> 4)];
            pair[1] = LOWER[usize::from(byte & 15)];
        }
        Self(digits)
    }

    /// Returns the digits as text.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits are ASCII")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn odd_clocks_are_clamped() {
        let second = Duration::from_secs(1);
        let before = UNIX_EPOCH - second;
        assert_eq!(start_and_duration(before, UNIX_EPOCH + second), (0, 2_000_000_000));
        assert_eq!(start_and_duration(UNIX_EPOCH + second, UNIX_EPOCH), (1_000_000_000, 0));
        let far = UNIX_EPOCH + Duration::from_secs(u64::from(u32::MAX) * 16);
        assert_eq!(start_and_duration(far, far + second), (i64::MAX, 0));
        let (start, duration) = start_and_duration(UNIX_EPOCH + second, far);
        assert_eq!(start.checked_add(duration), Some(i64::MAX));
    }

    #[test]
    fn ids_are_big_endian_halves() {
        let id = TraceId::from(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10_u128);
        assert_eq!(high_half(id), 0x0102_0304_0506_0708);
        assert_eq!(low_half(id), 0x090a_0b0c_0d0e_0f10);
        assert_eq!(Hex::<16>::new(&high_half(id).to_be_bytes()).as_str(), "0102030405060708");
    }
}
