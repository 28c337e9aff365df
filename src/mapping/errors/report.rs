//! The text of an error -> its message, and the rest: causes, location, backtrace.
//!
//! `anyhow`, `eyre`, `color-eyre`, `error-stack`, `snafu` and `std` write a report for `Debug`: the message
//! first, then sections. [`SECTIONS`] lists how their first lines begin. Colours and the quotes of `Debug`
//! are taken off before.

use std::ops::Range;

use crate::mapping::normalize::{MAX_VALUE, cut};

/// Longest text that is read, in bytes. Message and rest are cut at the limit of a tag later, so each gets as
/// much as it can hold.
const MAX_TEXT: usize = 2 * MAX_VALUE;

/// Longest text with colours that is read, in bytes: colours may be the larger part of it.
const MAX_COLOURED: usize = 3 * MAX_TEXT;

/// The beginnings of lines that are no message any more, in any case. One that ends with a colon is the line.
#[rustfmt::skip]
const SECTIONS: &[&str] = &[
    "Caused by", "Location:", "Stack backtrace:", "Backtrace:", "Backtrace omitted",
    // The sections of `color-eyre` and the tree of `error-stack`, in both of its character sets.
    "━", "├", "╰", "│", "|-",
];

/// The parts of a text.
pub(super) struct Parts {
    pub(super) message: Range<usize>,
    /// Empty if there is no more than a message.
    pub(super) rest: Range<usize>,
}

/// Splits a text. A text that begins with a section is a message as a whole.
pub(super) fn split(text: &str) -> Parts {
    if !text.contains('\n') {
        let start = text.len() - text.trim_start().len();
        return Parts { message: start..start + text.trim().len(), rest: 0..0 };
    }
    let mut lines = lines(text).skip_while(|(_, line)| line.trim().is_empty());
    let Some((start, first)) = lines.next() else { return Parts { message: 0..0, rest: 0..0 } };
    // `color-eyre` numbers the message, too.
    let (numbered, begin) = match number(first) {
        Some((0, length)) => (true, start + length),
        _ => (false, start + first.len() - first.trim_start().len()),
    };
    let behind = (!is_section(first, true))
        .then(|| lines.find(|(_, line)| is_section(line, numbered)))
        .flatten();
    let end = behind.map_or(text.len(), |(at, _)| at);
    let rest = text[end..].trim_end();
    let blank = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
    Parts {
        message: begin..begin + text[begin..end].trim_end().len(),
        rest: end + blank..end + rest.len(),
    }
}

/// Returns false if the message of a text, as [`split`] finds it, is not this one.
pub(super) fn may_begin_with(text: &str, message: &str) -> bool {
    let [first, wanted] =
        [text.trim_start(), message].map(|text| text.lines().next().unwrap_or(""));
    wanted.is_empty() || first.contains(wanted)
}

/// Returns the lines of a text, each with the place where it begins.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |at, line| {
        let start = *at;
        *at += line.len();
        Some((start, line))
    })
}

/// Returns true if a line begins something else than a message: in a numbered list the next item, or the text behind
/// the list; else a frame of a backtrace, the first of which is number 0.
fn is_section(line: &str, numbered: bool) -> bool {
    let text = line.trim();
    let is_begun = |section: &&str| {
        let begin = if section.ends_with(':') { Some(text) } else { text.get(..section.len()) };
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(section))
    };
    let is_other = match number(line) {
        Some((number, _)) => numbered == (number > 0),
        None => numbered && text.is_empty(),
    };
    let first = text.as_bytes().first().map(u8::to_ascii_uppercase);
    let may_begin = |section: &&&str| section.as_bytes().first().copied() == first;
    is_other || SECTIONS.iter().filter(may_begin).any(is_begun)
}

/// Returns the number that an indented line begins with, as in `   0: text`, and where the text begins.
fn number(line: &str) -> Option<(u32, usize)> {
    let indented = line.trim_start_matches([' ', '\t']);
    // Few lines begin with a digit, and to look for the colon costs more than to look at one byte.
    indented.as_bytes().first().filter(|byte| byte.is_ascii_digit())?;
    let (digits, text) = indented.split_once(": ")?;
    let number = digits.parse().ok().filter(|_| indented.len() < line.len())?;
    Some((number, line.len() - text.len()))
}

/// Appends a text without colours, and without the quotes and escapes that `Debug` gives a text.
pub(super) fn push_clean(out: &mut String, text: &str) {
    let inner = quoted(text);
    let text = cut(inner.unwrap_or(text).trim_end(), MAX_COLOURED);
    if inner.is_some() && text.contains('\\') {
        push_visible(out, Unescaped(text.chars()));
    } else if text.as_bytes().contains(&ESCAPE) {
        push_visible(out, text.chars());
    } else {
        out.push_str(cut(text, MAX_TEXT));
    }
}

/// Returns what stands in the quotes of a text that is quoted as a whole.
fn quoted(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut is_escaped = false;
    let ends_before = cut(inner, MAX_COLOURED).bytes().any(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    (!ends_before && !is_escaped).then_some(inner)
}

/// The characters of a text that `Debug` escaped.
struct Unescaped<'a>(std::str::Chars<'a>);

impl Iterator for Unescaped<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let character = self.0.next()?;
        let rest = self.0.as_str();
        let escaped = (character == '\\').then(|| unescaped(rest)).flatten();
        let Some((meant, length)) = escaped else { return Some(character) };
        self.0 = rest[length..].chars();
        Some(meant)
    }
}

/// Returns the character that an escape stands for, and how long the escape is behind its backslash.
fn unescaped(rest: &str) -> Option<(char, usize)> {
    let meant = match rest.as_bytes().first()? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'0' => '\0',
        b'\\' => '\\',
        b'"' => '"',
        b'\'' => '\'',
        b'u' => {
            let (code, _) = rest.strip_prefix("u{")?.split_once('}')?;
            let meant = u32::from_str_radix(code, 16).ok().and_then(char::from_u32)?;
            return Some((meant, code.len() + "u{}".len()));
        }
        _ => return None,
    };
    Some((meant, 1))
}

/// The byte that begins an escape sequence of a terminal.
const ESCAPE: u8 = 0x1b;

/// Appends characters without the escape sequences of terminals: `ESC [ .. letter` and `ESC ] .. BEL`.
fn push_visible(out: &mut String, mut characters: impl Iterator<Item = char>) {
    let end = out.len() + MAX_TEXT;
    while let Some(character) = characters.next() {
        if character == char::from(ESCAPE) {
            match characters.next() {
                Some('[') => _ = characters.find(|c| !(' '..='?').contains(c)),
                Some(']') => _ = characters.find(|c| matches!(c, '\x07' | '\\')),
                _ => {}
            }
        } else {
            out.push(character);
        }
        if out.len() >= end {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns message and rest of a text, cleaned.
    fn parts(text: &str) -> [String; 2] {
        let mut out = String::new();
        push_clean(&mut out, text);
        let parts = split(&out);
        [out[parts.message].to_owned(), out[parts.rest].to_owned()]
    }

    #[test]
    fn reports_are_split_behind_the_message() {
        for (text, message, rest) in [
            ("work failed", "work failed", ""),
            ("work failed\nbadly\n", "work failed\nbadly", ""),
            (
                "work failed\n\nCaused by:\n    disk full",
                "work failed",
                "Caused by:\n    disk full",
            ),
            (
                "work failed\r\n\r\nCaused by:\r\n  disk full",
                "work failed",
                "Caused by:\r\n  disk full",
            ),
            ("a\nb\n\nCaused by:\n    0: c\n    1: d", "a\nb", "Caused by:\n    0: c\n    1: d"),
            ("a\n\nCaused by this error:\n  1: b\n", "a", "Caused by this error:\n  1: b"),
            ("a\n\nLocation:\n    src/main.rs:7:5", "a", "Location:\n    src/main.rs:7:5"),
            ("a\n\nStack backtrace:\n   0: main\n", "a", "Stack backtrace:\n   0: main"),
            ("a\nstack backtrace:\n   0: main", "a", "stack backtrace:\n   0: main"),
            (
                "a\n   0: main\n             at main.rs:7",
                "a",
                "   0: main\n             at main.rs:7",
            ),
            (
                "\n   0: a\n      b\n   1: c\n\nLocation:\n   d",
                "a\n      b",
                "   1: c\n\nLocation:\n   d",
            ),
            ("\n   0: a\n\nNote: b", "a", "Note: b"),
            ("\n   0: a", "a", ""),
            ("a\n├╴at main.rs:7\n╰─▶ b", "a", "├╴at main.rs:7\n╰─▶ b"),
            ("a\n|-at main.rs:7", "a", "|-at main.rs:7"),
            // Texts that only look like a report.
            ("Caused by:\n  disk full", "Caused by:\n  disk full", ""),
            ("a\nLocation: Berlin\n3: b\n  2: c", "a\nLocation: Berlin\n3: b\n  2: c", ""),
            ("failed, caused by: b", "failed, caused by: b", ""),
            ("  a  ", "a", ""),
            ("", "", ""),
            (" \n ", "", ""),
        ] {
            assert_eq!(parts(text), [message, rest], "{text:?}");
            assert!(may_begin_with(text, message), "{text:?}");
        }
    }

    #[test]
    fn a_stack_is_split_only_if_its_first_line_holds_the_first_of_the_message() {
        for (text, message, may) in [
            ("\n   at main.rs:7\nwork failed\n", "work failed", false),
            ("Error: work failed\n   at main.rs:7", "work failed", true),
            ("\r\n   0: work failed\r\nbadly\r\n", "work failed\r\nbadly", true),
            ("   at main.rs:7", "", true),
        ] {
            assert_eq!(may_begin_with(text, message), may, "{text:?}");
        }
    }

    #[test]
    fn colours_quotes_and_escapes_are_taken_off() {
        for (text, message) in [
            ("\u{1b}[91mwork failed\u{1b}[0m", "work failed"),
            ("\u{1b}[1;38;5;9mwork\u{1b}[m failed\u{1b}", "work failed"),
            ("\u{1b}]8;;http://a/\u{7}work\u{1b}]8;;\u{1b}\\ failed", "work failed"),
            (r#""work failed""#, "work failed"),
            (r#""work \"a\" failed\n\tat \u{e9}\\""#, "work \"a\" failed\n\tat \u{e9}\\"),
            (r#""\u{1b}[91mwork failed\u{1b}[0m""#, "work failed"),
            (r#""C:\users\u{zz}""#, r"C:\users\u{zz}"),
            (r#""work" failed"#, r#""work" failed"#),
            (r#""work" and "play""#, r#""work" and "play""#),
            (r#""work\""#, r#""work\""#),
            ("\"", "\""),
            ("\"\"", ""),
        ] {
            assert_eq!(parts(text)[0], message, "{text:?}");
        }
    }

    #[test]
    fn a_cleaned_report_has_a_limit() {
        for piece in [
            "x",
            "\u{1b}[91mé\u{1b}[0m",
            "\u{1b}[",
            "\u{1b}]x",
            "   0: x\n",
            "\nCaused by",
            "\\\"",
            "\\u{1b}",
        ] {
            for quote in ["", "\""] {
                let text = format!("{quote}{}{quote}", piece.repeat(1_000_000));
                let mut out = String::new();
                push_clean(&mut out, &text);
                assert!(out.len() <= MAX_TEXT + 4, "{piece:?}: {}", out.len());
                assert!(split(&out).rest.end <= out.len());
            }
        }
    }
}
