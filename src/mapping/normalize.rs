//! The Agent's rules for services and tag values, and cutting at its limits.
//!
//! Only what the mapping itself derives is normalised here; a value that a user configured travels as
//! written, and the Agent normalises it on receipt. The operation name is never rewritten here.
//!
//! Source: `DataDog/datadog-agent`, `pkg/trace/traceutil/normalize/normalize.go` and
//! `pkg/trace/agent/truncator.go`.

/// Longest service, operation name and type, in bytes; the Agent cuts what is longer.
pub(crate) const MAX_NAME: usize = 100;
/// Longest resource, in bytes; the Agent cuts what is longer.
pub(crate) const MAX_RESOURCE: usize = 5_000;
/// Longest tag key, in bytes; a longer one is cut and gets [`CUT_MARK`].
pub(crate) const MAX_KEY: usize = 200;
/// Longest tag value, in bytes; a longer one is cut and gets [`CUT_MARK`].
pub(crate) const MAX_VALUE: usize = 25_000;
/// The most bytes of a text that is built for a tag: at least one more than is shown, so that it counts as cut.
pub(crate) const ROOM: usize = MAX_VALUE + char::MAX.len_utf8();
/// The mark at the end of a tag key or value that was cut.
pub(crate) const CUT_MARK: &str = "...";

/// The Agent's name for a service of which nothing is left.
const UNNAMED_SERVICE: &str = "unnamed-service";

/// Longest normalised tag value, in characters.
const MAX_TAG_CHARACTERS: usize = 200;
/// The most bytes that are read for a tag value.
const MAX_TAG_INPUT: usize = 2 * MAX_TAG_CHARACTERS;

/// Returns the longest start of `text` that has at most `limit` bytes and ends between characters.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Appends a service name: at most [`MAX_NAME`] bytes of a tag value, and never nothing.
pub(crate) fn push_service(out: &mut String, service: &str) {
    let start = out.len();
    push_tag_value(out, cut(service, MAX_NAME));
    if out.len() == start {
        out.push_str(UNNAMED_SERVICE);
    }
}

/// Returns a service name as the Agent stores it, written into `out` unless it is that already.
pub(crate) fn service<'t>(service: &'t str, out: &'t mut String) -> &'t str {
    if service.len() <= MAX_NAME && is_normal(service) {
        return service;
    }
    out.clear();
    push_service(out, service);
    out
}

/// Appends a tag value in the Agent's form: lower case, letters, digits and `: . / -`, and one `_` for
/// each run of anything else, except at the end.
pub(crate) fn push_tag_value(out: &mut String, value: &str) {
    if is_normal(value) {
        out.push_str(value);
        return;
    }
    let mut illegal = false;
    for (characters, (at, character)) in value.char_indices().enumerate() {
        if characters == MAX_TAG_CHARACTERS || at >= MAX_TAG_INPUT {
            break;
        }
        let character = lower(character);
        if is_legal(character) {
            if illegal {
                out.push('_');
                illegal = false;
            }
            out.push(character);
        } else {
            illegal = true;
        }
    }
}

/// Returns a tag value in the Agent's form, written into `out` unless it is in that form already.
pub(crate) fn tag_value<'t>(value: &'t str, out: &'t mut String) -> &'t str {
    if is_normal(value) {
        return value;
    }
    out.clear();
    push_tag_value(out, value);
    out
}

/// Returns true if a tag value would stay as it is, as nearly every real one does.
fn is_normal(value: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b":./-".contains(&byte);
    value.len() <= MAX_TAG_CHARACTERS && value.bytes().all(plain)
}

/// Returns true if a tag value may hold this character. Rust knows "alphabetic" where the Agent asks for a letter: a
/// few marks stay here and become `_` there.
fn is_legal(character: char) -> bool {
    character.is_alphabetic()
        || matches!(character, ':' | '.' | '/' | '-')
        || (character.is_numeric() && (character.is_ascii_digit() || is_decimal(character)))
}

/// Returns true if a numeric character counts as a decimal digit (fractions and Roman numerals do not).
fn is_decimal(character: char) -> bool {
    !matches!(u32::from(character), 0xb2 | 0xb3 | 0xb9 | 0xbc..=0xbe | 0x2070..=0x218f | 0x2460..=0x24ff | 0x2776..=0x2793 | 0x3007..=0x33ff)
}

/// Lower-cases a character if that keeps its length in UTF-8.
fn lower(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    let mut lowered = character.to_lowercase();
    match (lowered.next(), lowered.next()) {
        (Some(small), None)
            if character.is_uppercase() && small.len_utf8() == character.len_utf8() =>
        {
            small
        }
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts_with_letter(vector: &serde_json::Value) -> bool {
        vector["input"].as_str().unwrap().starts_with(char::is_alphabetic)
    }

    #[test]
    fn the_vectors_hold() {
        let text = include_str!("../../tests/vectors/normalize.json");
        let file: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut checked = 0;
        for vector in file["vectors"].as_array().unwrap() {
            let push = match vector["fn"].as_str().unwrap() {
                "tag_value" => push_tag_value,
                "service" => push_service,
                // A tag is a tag value but for what stands before its first letter.
                "tag" if starts_with_letter(vector) => push_tag_value,
                _ => continue,
            };
            let mut out = String::new();
            push(&mut out, vector["input"].as_str().unwrap());
            assert_eq!(out, vector["output"].as_str().unwrap(), "{}", vector["id"]);
            checked += 1;
        }
        assert!(checked >= 15, "only {checked} vectors fit");
    }

    #[test]
    fn a_cut_ends_between_characters() {
        assert_eq!(cut("aüb", 2), "a");
        assert_eq!(cut("aüb", 3), "aü");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("日本", 2), "");
    }
}
