//! Bytes: one span description, any wire.
//!
//! The mapping calls a [`Sink`] in whatever order is natural to it; [`span::SpanWriter`] turns the
//! calls into one span object in a [`wire::Wire`]. Writing into a `Vec<u8>` cannot fail, so nothing
//! here returns a `Result`. A [`Payload`] is a list of chunks in one wire; [`crate::protocol`] makes a document of
//! it. Not here: what a span means. This folder does not know OpenTelemetry.

mod json;
mod msgpack;
mod payload;
mod reader;
mod span;
mod wire;

use std::fmt;

pub(crate) use json::{Json, escape};
pub(crate) use msgpack::{MessagePack, list_header};
pub(crate) use payload::{ChunkFacts, ChunkWriter, Fate, Origin, Payload, Payloads};
pub(crate) use span::{Buffers, Prepared, SpanWriter};
pub(crate) use wire::{Wire, WireKind};

/// Doubles up to here hold every integer exactly: 2^53.
pub(crate) const EXACT_INTEGER: u64 = 1 << f64::MANTISSA_DIGITS;

/// Returns a number as an integer if it is one: shorter on every wire.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "compared with what it was")]
#[expect(clippy::cast_precision_loss, reason = "within 2^53")]
#[expect(clippy::float_cmp, reason = "the question is whether nothing was cut off")]
pub(crate) fn whole(number: f64) -> Option<i64> {
    // `fract` would be a library call: the usual x86-64 build knows no instruction for it.
    let integer = number as i64;
    (number.abs() <= EXACT_INTEGER as f64 && integer as f64 == number).then_some(integer)
}

/// The hexadecimal digits of every byte. Both digits of a byte in one step cost a trace id 200
/// instructions less than one after the other (callgrind).
static HEX: [[u8; 2]; 256] = {
    const LOWER: &[u8; 16] = b"0123456789abcdef";
    let mut digits = [[0; 2]; 256];
    let mut byte = 0;
    while byte < digits.len() {
        digits[byte] = [LOWER[byte >> 4], LOWER[byte & 15]];
        byte += 1;
    }
    digits
};

/// Digits of the longest id.
const MAX_HEX: usize = 32;

/// Appends two lower-case hexadecimal digits for each byte.
fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut digits = [0; MAX_HEX];
    let digits = &mut digits[..2 * bytes.len()];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&HEX[usize::from(*byte)]);
    }
    out.extend_from_slice(digits);
}

/// Receives one Datadog span, piece by piece.
///
/// Each key may be given once per map: the mapping decides duplicates, the encoding does not look.
pub(crate) trait Sink {
    /// Text tags in the form that is cheapest to write again.
    type Prepared;

    /// Prepares text tags that go to many spans.
    fn prepare(tags: &[(&str, &str)]) -> Self::Prepared;

    /// Adds a text tag of our own naming: the usual one.
    fn tag(&mut self, key: &'static str, value: &str);

    /// Adds a text tag of any naming.
    fn text(&mut self, key: &str, value: &str);

    /// Adds a text tag that is formatted straight into the body.
    fn meta(&mut self, key: Text<'_>, value: Text<'_>);

    /// Adds text tags that were prepared before.
    fn prepared(&mut self, tags: &Self::Prepared);

    /// Adds a number, which must be finite.
    fn metric(&mut self, key: Text<'_>, value: f64);

    /// Completes the span. By value: nothing can follow.
    fn finish(self, fields: &Fields<'_>);
}

/// A text that is written without being built first.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Text<'a> {
    /// The text itself.
    Str(&'a str),
    /// A text of our own: printable ASCII without quotes and backslashes.
    Plain(&'static str),
    /// Bytes of an id, 16 at most, as lower-case hexadecimal digits.
    Hex(&'a [u8]),
    /// Pieces and numbers, formatted straight into the body.
    Shown(fmt::Arguments<'a>),
}

impl<'a> Text<'a> {
    /// Returns the text, built in a buffer where it is not one already.
    pub(crate) fn as_str(self, buffer: &'a mut String) -> &'a str {
        use fmt::Write as _;

        match self {
            Self::Str(text) | Self::Plain(text) => return text,
            Self::Hex(bytes) => {
                buffer.clear();
                let digits = bytes.iter().flat_map(|byte| HEX[usize::from(*byte)]);
                buffer.extend(digits.map(char::from));
            }
            Self::Shown(shown) => {
                buffer.clear();
                buffer.write_fmt(shown).expect("writing to a String cannot fail");
            }
        }
        buffer
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::Str(text)
    }
}

/// The fields of a span that are not tags.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Fields<'a> {
    /// The service that did the work.
    pub(crate) service: &'a str,
    /// The operation name: few values, it names the trace metrics.
    pub(crate) name: &'a str,
    /// The object of the work: the text that a person reads.
    pub(crate) resource: &'a str,
    /// `web`, `db`, `cache`, `custom` and others.
    pub(crate) span_type: &'a str,
    /// Low 64 bits of the trace id.
    pub(crate) trace_id: u64,
    /// The span id.
    pub(crate) span_id: u64,
    /// The parent's span id, 0 without one.
    pub(crate) parent_id: u64,
    /// Nanoseconds since 1970.
    pub(crate) start: i64,
    /// Nanoseconds, never negative.
    pub(crate) duration: i64,
    /// 1 for an error, else 0.
    pub(crate) error: i32,
}
