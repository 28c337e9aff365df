//! The ends of texts, names and comments, each in one reading.
//!
//! Each function gets the place where something begins, and returns the place behind its end, or `None` if
//! the statement ends inside of it. Not here: the readings that a dialect allows ([`super::tokens`]).

use super::steps;

/// The longest mark behind `/*` that makes code of a comment: `/*M!`, `/*T!`.
const MAX_CODE_MARK: usize = 2;

/// Returns the end of a text or a name between two equal quotes, which stand doubled in it.
pub(super) fn quoted(bytes: &[u8], start: usize, escapes: bool) -> Option<usize> {
    let quote = bytes[start];
    let mut at = start + 1;
    loop {
        at = find_byte(bytes, at, |byte| byte == quote || byte == b'\\')?;
        at += match (bytes[at], bytes.get(at + 1)) {
            (b'\\', _) if escapes => 2,
            (b'\\', _) => 1,
            (_, Some(next)) if *next == quote => 2,
            _ => return Some(at + 1),
        };
    }
}

/// Returns whether a backslash stands before a quote in a text.
pub(super) fn has_escape(text: &[u8]) -> bool {
    let quote = text[0];
    steps::count(text.len());
    text.contains(&b'\\') && text.windows(2).any(|pair| pair == [b'\\', quote])
}

/// Returns the end of a text between three quotes and three quotes, with escapes.
pub(super) fn triple(bytes: &[u8], start: usize) -> Option<usize> {
    let quote = bytes[start];
    let mut at = start + 3;
    loop {
        at = find_byte(bytes, at, |byte| byte == quote || byte == b'\\')?;
        at += match &bytes[at..] {
            [b'\\', ..] => 2,
            [_, second, third, ..] if [*second, *third] == [quote; 2] => return Some(at + 3),
            _ => 1,
        };
    }
}

/// Returns whether three quotes stand here.
pub(super) fn is_triple(bytes: &[u8], start: usize) -> bool {
    matches!(&bytes[start..], [first, second, third, ..] if first == second && first == third)
}

/// Returns the end of Oracle's `q'[..]'` from its quote on: the bracket that belongs to the first one, and a
/// quote.
pub(super) fn bracket_text(text: &str, start: usize) -> Option<usize> {
    let open = text[start + 1..].chars().next()?;
    let close = match open {
        '[' => ']',
        '{' => '}',
        '(' => ')',
        '<' => '>',
        other => other,
    };
    let mut end = [0; 5];
    let length = close.encode_utf8(&mut end).len();
    end[length] = b'\'';
    find(text.as_bytes(), start + 1 + open.len_utf8(), &end[..=length])
}

/// Returns the end of a comment between `/*` and `*/`.
pub(super) fn comment(bytes: &[u8], start: usize, nested: bool) -> Option<usize> {
    let (mut at, mut depth) = (start + 2, 1_usize);
    loop {
        at = find_byte(bytes, at, |byte| byte == b'*' || byte == b'/')?;
        at += match bytes[at..] {
            [b'*', b'/', ..] if depth == 1 => return Some(at + 2),
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            [b'/', b'*', ..] if nested => {
                depth += 1;
                2
            }
            _ => 1,
        };
    }
}

/// Returns whether a comment holds code: `/*! .. */`, `/*M! .. */`, `/*T! .. */`.
pub(super) fn is_code(comment: &str) -> bool {
    comment[2..].bytes().take(MAX_CODE_MARK).any(|byte| byte == b'!')
}

/// Returns whether a piece may begin a literal, a name in quotes or a comment in any dialect.
pub(super) fn opens_something(piece: &[u8]) -> bool {
    steps::count(piece.len());
    piece.iter().any(|byte| b"'\"`$[{\\#".contains(byte))
        || piece.windows(2).any(|pair| [b"--", b"/*", b"//"].contains(&&[pair[0], pair[1]]))
}

/// Returns the end of the first `wanted` from `at` on.
pub(super) fn find(bytes: &[u8], at: usize, wanted: &[u8]) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let found = rest.windows(wanted.len()).position(|piece| piece == wanted);
    steps::count(found.unwrap_or(rest.len()));
    found.map(|found| at + found + wanted.len())
}

/// Returns the place of the first byte from `at` on for which `fits` is true.
pub(super) fn find_byte(bytes: &[u8], at: usize, fits: impl Fn(u8) -> bool) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let found = rest.iter().position(|byte| fits(*byte));
    steps::count(found.unwrap_or(rest.len()));
    found.map(|found| at + found)
}
