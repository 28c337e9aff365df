//! [`Wire`] for JSON. `serde_json` escapes, formats numbers and writes into the body.

use std::sync::LazyLock;

use super::wire::{Format, add_head, rebuild_chunk};
use super::{Text, Wire};

/// Writes one scalar as JSON, through `serde_json`.
macro_rules! write_json {
    ($out:expr, $value:expr) => {
        serde_json::to_writer($out, $value).expect("writing to a Vec cannot fail")
    };
}

/// The JSON wire.
#[derive(Debug)]
pub(crate) enum Json {}

impl Wire for Json {
    const FORMAT: &'static Format = &Format {
        content_type: "application/json",
        header: 1,
        footer: 1,
        separator: b",",
        close: |out, _| out.push(b']'),
        rebuild_chunk: rebuild_chunk::<Self>,
        add_head: add_head::<Self>,
    };

    const META_AT: usize = r#"{"meta":{"#.len();

    fn open_list(out: &mut Vec<u8>) -> usize {
        out.push(b'[');
        out.len()
    }

    fn close_list(out: &mut Vec<u8>, _at: usize, _len: u32) {
        out.push(b']');
    }

    fn open_map(out: &mut Vec<u8>) -> usize {
        out.push(b'{');
        out.len()
    }

    fn close_map(out: &mut Vec<u8>, _at: usize, _len: u32) {
        out.push(b'}');
    }

    fn grow_map(_out: &mut [u8]) {}

    fn is_map_end(rest: &[u8]) -> bool {
        rest.starts_with(b"}")
    }

    #[inline]
    fn item(out: &mut Vec<u8>, index: u32) {
        if index > 0 {
            out.push(b',');
        }
    }

    #[inline]
    fn tag(out: &mut Vec<u8>, index: u32, key: &'static str, value: &str) {
        out.reserve(key.len() + value.len() + r#","":"""#.len());
        Self::item(out, index);
        out.push(b'"');
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":\"");
        escaped(out, value);
        out.push(b'"');
    }

    #[inline]
    fn key(out: &mut Vec<u8>, key: Text<'_>) {
        Self::text(out, key);
        out.push(b':');
    }

    #[inline]
    fn text(out: &mut Vec<u8>, value: Text<'_>) {
        match value {
            Text::Str(text) => push_str(out, text),
            Text::Plain(text) => quoted(out, text),
            Text::Hex(bytes) => {
                out.push(b'"');
                super::push_hex(out, bytes);
                out.push(b'"');
            }
            Text::Shown(shown) => write_json!(out, &shown),
        }
    }

    #[inline]
    fn uint(out: &mut Vec<u8>, value: u64) {
        write_json!(out, &value);
    }

    #[inline]
    fn int(out: &mut Vec<u8>, value: i64) {
        write_json!(out, &value);
    }

    #[inline]
    fn float(out: &mut Vec<u8>, value: f64) {
        debug_assert!(value.is_finite(), "the mapping keeps NaN and infinities out of metrics");
        match super::whole(value) {
            Some(whole) => write_json!(out, &whole),
            None => write_json!(out, &value),
        }
    }
}

/// Writes a JSON string.
fn push_str(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    escaped(out, text);
    out.push(b'"');
}

/// Writes a text of our own as a JSON string.
#[inline]
fn quoted(out: &mut Vec<u8>, text: &'static str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

/// Writes the inside of a JSON string.
#[inline]
fn escaped(out: &mut Vec<u8>, text: &str) {
    escape(text, |piece| out.extend_from_slice(piece.as_bytes()));
}

/// Hands over the inside of a JSON string, piece by piece. What JSON takes as it is goes over as it is,
/// and nearly all text is so; `serde_json` says how the rest is escaped. Its own writer looks at each
/// byte, some seven instructions for each (callgrind), where this looks at eight at once.
#[inline]
pub(crate) fn escape(text: &str, mut push: impl FnMut(&str)) {
    let (plain, rest) = text.split_at(plain_length(text.as_bytes()));
    push(plain);
    if !rest.is_empty() {
        escape_rest(rest, push);
    }
}

#[cold]
fn escape_rest(mut rest: &str, mut push: impl FnMut(&str)) {
    while let Some(special) = rest.bytes().next() {
        push(escape_of(special));
        let (plain, after) = rest[1..].split_at(plain_length(&rest.as_bytes()[1..]));
        push(plain);
        rest = after;
    }
}

/// Returns how `serde_json` escapes an ASCII character that JSON does not take as it is.
fn escape_of(special: u8) -> &'static str {
    static ESCAPES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let quoted = (0..128u8).map(|byte| serde_json::to_string(&char::from(byte)));
        let quoted = quoted.map(|text| text.expect("a character is JSON"));
        quoted.map(|text| text[1..text.len() - 1].to_owned()).collect()
    });
    &ESCAPES[usize::from(special)]
}

/// Whether JSON takes a byte of a text as it is: no control character, quote or backslash.
fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && !matches!(byte, b'"' | b'\\')
}

/// Returns how many bytes at the start JSON takes as they are. They end between characters, since all
/// special ones are ASCII.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    let Some(last) = bytes.len().checked_sub(8) else {
        return bytes.iter().position(|byte| !is_plain(*byte)).unwrap_or(bytes.len());
    };
    let mut at = 0;
    loop {
        // The last eight bytes may overlap those before, which are plain.
        let from = at.min(last);
        let word = bytes[from..from + 8].try_into().expect("eight bytes");
        let word = u64::from_le_bytes(word);
        let special = (below(word, 0x20) | equal(word, b'"') | equal(word, b'\\')) & HIGH_BITS;
        if special != 0 {
            return from + special.trailing_zeros() as usize / 8;
        }
        if from == last {
            return bytes.len();
        }
        at += 8;
    }
}

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Sets the high bit of each byte that is below `limit` (and maybe of others behind one of these).
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(LOW_BITS * u64::from(limit)) & !word
}

/// Sets the high bit of each byte that is `byte` (and maybe of others behind one of these).
fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (LOW_BITS * u64::from(byte)), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(value: f64) -> String {
        let mut out = Vec::new();
        Json::float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn whole_numbers_have_no_fraction_and_others_round_trip() {
        for (value, text) in [(2.0, "2"), (-3.0, "-3"), (0.0, "0"), (-0.0, "0"), (1.2, "1.2")] {
            assert_eq!(float(value), text);
        }
        for value in [1e300, -1e-300, 0.1 + 0.2, f64::MAX, f64::MIN_POSITIVE, 1e21] {
            assert_eq!(float(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }

    #[test]
    fn every_text_reads_back_the_same_whatever_its_bytes_and_length() {
        for character in ('\0'..='\u{ff}').chain(['\u{2028}', '\u{10ffff}']) {
            for length in 0..20 {
                for at in 0..=length {
                    let mut text = "x".repeat(length);
                    text.insert(at, character);
                    let mut out = Vec::new();
                    Json::text(&mut out, text.as_str().into());
                    assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
                }
            }
        }
    }

    #[test]
    fn texts_are_escaped_in_both_forms() {
        let mut out = Vec::new();
        Json::text(&mut out, "a\"\\\n\u{0}ü".into());
        Json::text(&mut out, Text::Shown(format_args!("{}{}", "x\t", 7)));
        assert_eq!(String::from_utf8(out).unwrap(), r#""a\"\\\n\u0000ü""x\t7""#);
    }
}
