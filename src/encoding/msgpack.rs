//! [`Wire`] for MessagePack: the same document as JSON, in some 14 % fewer bytes.
//!
//! Lists, maps and formatted texts get the 32-bit header form, whose count is patched in at the end: a
//! few bytes more, and no pass to count first. Source of the forms: the MessagePack specification; what
//! the Agent takes was measured on its own code, 7.85 (`tests/agent`).

use std::io::Write as _;

use serde_json::{Map, Value};

use super::{Text, Wire, WireKind};

/// The MessagePack wire.
#[derive(Debug)]
pub(crate) enum MessagePack {}

const ARRAY_32: u8 = 0xdd;
const MAP_32: u8 = 0xdf;
const STR_8: u8 = 0xd9;
const STR_16: u8 = 0xda;
const STR_32: u8 = 0xdb;
const FIX_STR: u8 = 0xa0;
/// Longest text whose length fits into its first byte.
const FIX_STR_MAX: usize = 31;
const FLOAT_64: u8 = 0xcb;
const UINT_8: u8 = 0xcc;
const UINT_16: u8 = 0xcd;
const UINT_32: u8 = 0xce;
const UINT_64: u8 = 0xcf;
const INT_64: u8 = 0xd3;

/// Bytes of a header in 32-bit form.
const HEADER: usize = 5;

impl Wire for MessagePack {
    const KIND: WireKind = WireKind::MessagePack;
    const BEFORE_CHUNK: &'static [u8] = b"";

    fn open_list(out: &mut Vec<u8>) -> usize {
        open(out, ARRAY_32)
    }

    fn close_list(out: &mut Vec<u8>, at: usize, len: u32) {
        patch(out, at, len);
    }

    fn open_map(out: &mut Vec<u8>) -> usize {
        open(out, MAP_32)
    }

    fn close_map(out: &mut Vec<u8>, at: usize, len: u32) {
        patch(out, at, len);
    }

    #[inline]
    fn item(_out: &mut Vec<u8>, _index: u32) {}

    #[inline]
    fn tag(out: &mut Vec<u8>, index: u32, key: &'static str, value: &str) {
        Self::entry(out, index, key, value);
    }

    #[inline]
    fn entry(out: &mut Vec<u8>, _index: u32, key: &str, value: &str) {
        out.reserve(key.len() + value.len() + 2 * HEADER);
        put_str(out, key);
        put_str(out, value);
    }

    #[inline]
    fn field(out: &mut Vec<u8>, key: &'static str, _json: &'static str) {
        push_str(out, key);
    }

    #[inline]
    fn key(out: &mut Vec<u8>, key: Text<'_>) {
        if let Text::Plain(key) = key {
            push_str(out, key);
        } else {
            Self::text(out, key);
        }
    }

    fn text(out: &mut Vec<u8>, value: Text<'_>) {
        match value {
            Text::Str(text) | Text::Plain(text) => push_str(out, text),
            Text::Hex(bytes) => {
                str_header(out, 2 * bytes.len());
                super::push_hex(out, bytes);
            }
            Text::Shown(shown) => {
                let at = open(out, STR_32);
                out.write_fmt(shown).expect("writing to a Vec cannot fail");
                let length = out.len() - at;
                patch(out, at, length_32(length));
            }
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each arm holds what it casts to")]
    fn uint(out: &mut Vec<u8>, value: u64) {
        match value {
            0..=0x7f => out.push(value as u8),
            0x80..=0xff => out.extend_from_slice(&[UINT_8, value as u8]),
            0x100..=0xffff => sized(out, UINT_16, (value as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => sized(out, UINT_32, (value as u32).to_be_bytes()),
            _ => sized(out, UINT_64, value.to_be_bytes()),
        }
    }

    #[inline]
    fn int(out: &mut Vec<u8>, value: i64) {
        match u64::try_from(value) {
            Ok(value) => Self::uint(out, value),
            Err(_) => sized(out, INT_64, value.to_be_bytes()),
        }
    }

    #[inline]
    fn float(out: &mut Vec<u8>, value: f64) {
        match super::whole(value) {
            Some(whole) => Self::int(out, whole),
            None => sized(out, FLOAT_64, value.to_be_bytes()),
        }
    }
}

/// Writes a header whose count is not known yet; returns where its content begins.
fn open(out: &mut Vec<u8>, kind: u8) -> usize {
    out.extend_from_slice(&[kind, 0, 0, 0, 0]);
    out.len()
}

/// Writes the count into the header before `at`.
fn patch(out: &mut [u8], at: usize, count: u32) {
    out[at - 4..at].copy_from_slice(&count.to_be_bytes());
}

#[inline]
fn push_str(out: &mut Vec<u8>, text: &str) {
    // Room for header and text at once: the body grows once, not twice.
    out.reserve(text.len() + HEADER);
    put_str(out, text);
}

/// Writes a text for which there is room.
#[inline]
fn put_str(out: &mut Vec<u8>, text: &str) {
    str_header(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "each arm holds what it casts to")]
fn str_header(out: &mut Vec<u8>, length: usize) {
    if length <= FIX_STR_MAX {
        return out.push(FIX_STR | length as u8);
    }
    long_str_header(out, length);
}

#[expect(clippy::cast_possible_truncation, reason = "each arm holds what it casts to")]
fn long_str_header(out: &mut Vec<u8>, length: usize) {
    match length {
        0..=0xff => out.extend_from_slice(&[STR_8, length as u8]),
        0x100..=0xffff => sized(out, STR_16, (length as u16).to_be_bytes()),
        _ => sized(out, STR_32, length_32(length).to_be_bytes()),
    }
}

/// Lengths stay below 4 GiB: every text is cut at the Agent's limits before.
fn length_32(length: usize) -> u32 {
    u32::try_from(length).expect("texts are cut at the Agent's limits")
}

fn sized<const N: usize>(out: &mut Vec<u8>, kind: u8, bytes: [u8; N]) {
    out.push(kind);
    out.extend_from_slice(&bytes);
}

/// Returns the header of a list whose length is known.
pub(crate) fn list_header(length: u32) -> [u8; HEADER] {
    let mut header = [ARRAY_32, 0, 0, 0, 0];
    patch(&mut header, HEADER, length);
    header
}

/// Reads one value that this file wrote; nothing if anything else stands there, or more.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    let mut rest = bytes;
    let value = read_value(&mut rest)?;
    rest.is_empty().then_some(value)
}

fn read_value(rest: &mut &[u8]) -> Option<Value> {
    let kind = take::<1>(rest)?[0];
    Some(match kind {
        0..=0x7f => kind.into(),
        UINT_8 => take::<1>(rest)?[0].into(),
        UINT_16 => u16::from_be_bytes(take(rest)?).into(),
        UINT_32 => u32::from_be_bytes(take(rest)?).into(),
        UINT_64 => u64::from_be_bytes(take(rest)?).into(),
        INT_64 => i64::from_be_bytes(take(rest)?).into(),
        FLOAT_64 => f64::from_be_bytes(take(rest)?).into(),
        ARRAY_32 => {
            (0..read_length(rest)?).map(|_| read_value(rest)).collect::<Option<Vec<_>>>()?.into()
        }
        MAP_32 => {
            let mut map = Map::new();
            for _ in 0..read_length(rest)? {
                let kind = take::<1>(rest)?[0];
                map.insert(read_str(kind, rest)?.to_owned(), read_value(rest)?);
            }
            map.into()
        }
        _ => read_str(kind, rest)?.into(),
    })
}

fn read_str<'b>(kind: u8, rest: &mut &'b [u8]) -> Option<&'b str> {
    let length = match kind {
        FIX_STR..=0xbf => u32::from(kind - FIX_STR),
        STR_8 => take::<1>(rest)?[0].into(),
        STR_16 => u16::from_be_bytes(take(rest)?).into(),
        STR_32 => read_length(rest)?,
        _ => return None,
    };
    let (text, after) = rest.split_at_checked(length as usize)?;
    *rest = after;
    std::str::from_utf8(text).ok()
}

fn read_length(rest: &mut &[u8]) -> Option<u32> {
    take(rest).map(u32::from_be_bytes)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        write(&mut out);
        out
    }

    #[test]
    fn numbers_take_the_shortest_form_at_every_border() {
        for (value, bytes) in [
            (0, &[0][..]),
            (0x7f, &[0x7f]),
            (0x80, &[0xcc, 0x80]),
            (0xff, &[0xcc, 0xff]),
            (0x100, &[0xcd, 1, 0]),
            (0xffff, &[0xcd, 0xff, 0xff]),
            (0x1_0000, &[0xce, 0, 1, 0, 0]),
            (0xffff_ffff, &[0xce, 0xff, 0xff, 0xff, 0xff]),
            (0x1_0000_0000, &[0xcf, 0, 0, 0, 1, 0, 0, 0, 0]),
            (u64::MAX, &[0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ] {
            assert_eq!(written(|out| MessagePack::uint(out, value)), bytes, "{value}");
        }
        assert_eq!(written(|out| MessagePack::int(out, -1))[..2], [0xd3, 0xff]);
        assert_eq!(written(|out| MessagePack::float(out, 2.0)), [2]);
        assert_eq!(written(|out| MessagePack::float(out, 0.5))[..3], [0xcb, 0x3f, 0xe0]);
    }

    #[test]
    fn texts_take_the_header_of_their_length() {
        for (length, header) in [
            (31, &[0xbf][..]),
            (32, &[0xd9, 32]),
            (255, &[0xd9, 255]),
            (256, &[0xda, 1, 0]),
            (0xffff, &[0xda, 0xff, 0xff]),
            (0x1_0000, &[0xdb, 0, 1, 0, 0]),
        ] {
            let text = "x".repeat(length);
            let bytes = written(|out| MessagePack::text(out, text.as_str().into()));
            assert_eq!(&bytes[..header.len()], header);
            assert_eq!(bytes.len(), header.len() + length);
        }
        let shown =
            written(|out| MessagePack::text(out, Text::Shown(format_args!("{}{}", "a", 1))));
        assert_eq!(shown, [0xdb, 0, 0, 0, 2, b'a', b'1']);
    }
}
