//! [`Wire`] for JSON. `serde_json` formats numbers, and says how characters are escaped; finding those that are
//! is done here, since its own writer takes seven times as long for it (see [`escape`]).

use std::sync::LazyLock;

use super::{Text, Wire, WireKind};

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
    const KIND: WireKind = WireKind::Json;
    const BEFORE_CHUNK: &'static [u8] = b",";

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
    fn entry(out: &mut Vec<u8>, index: u32, key: &str, value: &str) {
        out.reserve(key.len() + value.len() + r#","":"""#.len());
        Self::item(out, index);
        out.push(b'"');
        escaped(out, key);
        out.extend_from_slice(b"\":\"");
        escaped(out, value);
        out.push(b'"');
    }

    #[inline]
    fn field(out: &mut Vec<u8>, _key: &'static str, json: &'static str) {
        out.extend_from_slice(json.as_bytes());
    }

    #[inline]
    fn key(out: &mut Vec<u8>, key: Text<'_>) {
        if let Text::Plain(key) = key {
            quoted(out, key);
        } else {
            Self::text(out, key);
        }
        out.push(b':');
    }

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

/// Hands over the inside of a JSON string, piece by piece. Text that JSON takes as it is goes over as it is, and
/// nearly all text is so. `serde_json`, whose own writer looks at each byte (some seven instructions
/// for each by callgrind, where this takes one), says how the rest is escaped.
#[inline]
pub(crate) fn escape(text: &str, mut push: impl FnMut(&str)) {
    if is_plain(text.as_bytes()) {
        push(text);
    } else {
        escape_pieces(text, push);
    }
}

#[inline(never)]
fn escape_pieces(text: &str, mut push: impl FnMut(&str)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let end = at + plain_length(&bytes[at..]);
        push(&text[at..end]);
        let Some(special) = bytes.get(end) else { return };
        match special {
            // Those of stacks and of JSON within JSON: as constants they need no call to be copied.
            b'\n' => push(r"\n"),
            b'"' => push(r#"\""#),
            b'\\' => push(r"\\"),
            rare => push(escape_of(*rare)),
        }
        at = end + 1;
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

/// Returns true if JSON takes a text as it is. Its last bytes may overlap those before.
#[inline]
fn is_plain(bytes: &[u8]) -> bool {
    let (first, last) = match bytes.len() {
        0..4 => return bytes.iter().all(|byte| specials(u64::from(*byte) | ABOVE_ONE_BYTE) == 0),
        4..8 => (half_word(bytes, 0) | half_word(bytes, bytes.len() - 4) << 32, PLAIN),
        8..16 => (word(bytes, 0), word(bytes, bytes.len() - 8)),
        _ => return is_long_plain(bytes),
    };
    specials(first) | specials(last) == 0
}

/// As [`is_plain`], for sixteen bytes and more: the compiler makes a dozen instructions of sixteen.
fn is_long_plain(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk() {
        if !is_plain_block(block) {
            return false;
        }
        rest = after;
    }
    bytes.last_chunk().is_none_or(is_plain_block)
}

/// Returns true if JSON takes all bytes of a block as they are. The flipped bit: see [`specials`].
#[inline]
#[expect(clippy::needless_bitwise_bool, reason = "without branches all bytes are compared at once")]
fn is_plain_block(block: &[u8; 16]) -> bool {
    block.iter().fold(true, |plain, byte| plain & (byte ^ 0x02 > 0x20) & (*byte != b'\\'))
}

/// Returns how many bytes at the start JSON takes as they are. They end between characters, since all
/// special ones are ASCII.
fn plain_length(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk() {
        if !is_plain_block(block) {
            break;
        }
        rest = after;
    }
    while let Some((eight, after)) = rest.split_first_chunk() {
        let specials = specials(u64::from_le_bytes(*eight));
        if specials != 0 {
            return bytes.len() - rest.len() + specials.trailing_zeros() as usize / 8;
        }
        rest = after;
    }
    let is_special = |byte: &u8| specials(u64::from(*byte) | ABOVE_ONE_BYTE) != 0;
    bytes.len() - rest.len() + rest.iter().position(is_special).unwrap_or(rest.len())
}

/// Sets the high bit of each byte that JSON escapes (and maybe of others behind one of these): control
/// characters, quote and backslash. Eight bytes in nine instructions.
#[inline]
fn specials(word: u64) -> u64 {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH_BITS: u64 = EACH * 0x80;
    // With one bit flipped, the quote stands where the blank was, next to the control characters.
    let flipped = word ^ (EACH * 0x02);
    let below = flipped.wrapping_sub(EACH * 0x21);
    let backslash = (word ^ (EACH * 0x5c)).wrapping_sub(EACH);
    (below | backslash) & !word & HIGH_BITS
}

/// Text that JSON takes as it is, to fill words up ...
const PLAIN: u64 = u64::from_le_bytes(*b"--------");
/// ... and the same above one byte.
const ABOVE_ONE_BYTE: u64 = PLAIN << 8;

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn half_word(bytes: &[u8], at: usize) -> u64 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")).into()
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
