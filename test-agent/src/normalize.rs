//! The Agent's rules for texts: what it makes of names, and where it cuts.
//!
//! Written on its own, not shared with the exporter's mapping: a mistake there would be invisible
//! if both sides made it. The Agent goes by the Unicode classes of letters and decimal digits; the
//! standard library knows slightly wider ones, so a vowel sign or a fraction may be kept here.

/// The most characters of a tag value that the Agent reads.
const TAG_CHARS_MAX: usize = 200;
/// The most bytes of a tag value that the Agent reads.
const TAG_BYTES_MAX: usize = 2 * TAG_CHARS_MAX;

/// Returns the text cut to a number of bytes, between two characters.
pub(super) fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Returns the text as it is, or cut with the Agent's mark.
pub(super) fn cut_with_mark(text: &str, bytes: usize) -> String {
    if text.len() <= bytes { text.to_owned() } else { format!("{}...", cut(text, bytes)) }
}

/// Returns a tag value, such as a service: lower case, one `_` for each run of what is not allowed,
/// and none at the end.
pub(super) fn tag_value(text: &str) -> String {
    let mut value = String::new();
    for (n, (at, c)) in text.char_indices().enumerate() {
        if n == TAG_CHARS_MAX || at >= TAG_BYTES_MAX {
            break;
        }
        let c = lower(c);
        if c.is_alphabetic() || c.is_numeric() || matches!(c, ':' | '.' | '/' | '-') {
            value.push(c);
        } else if !value.ends_with('_') {
            value.push('_');
        }
    }
    if value.ends_with('_') {
        value.pop();
    }
    value
}

/// Returns the lower case of a character, unless it takes another number of bytes.
fn lower(c: char) -> char {
    let mut lowered = c.to_lowercase();
    match (lowered.next(), lowered.next()) {
        (Some(lower), None) if lower.len_utf8() == c.len_utf8() => lower,
        _ => c,
    }
}

/// Returns an operation name by the rules for metric names: ASCII letters, digits, `.` and `_`,
/// with a letter first. `None` if there is no letter.
pub(super) fn operation_name(text: &str) -> Option<String> {
    let start = text.bytes().position(|byte| byte.is_ascii_alphabetic())?;
    let mut name = String::new();
    for byte in text.bytes().skip(start) {
        let last = name.as_bytes().last();
        match (byte, last) {
            (b'.', Some(b'_')) => {
                name.pop();
                name.push('.');
            }
            (b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z', _) => name.push(char::from(byte)),
            (_, Some(b'.' | b'_')) => {}
            _ => name.push('_'),
        }
    }
    if name.ends_with('_') {
        name.pop();
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::super::stored::NAME_MAX;
    use super::*;

    #[test]
    fn tag_values_are_those_of_the_agent() {
        let rows = [
            ("My Service!@# x", "my_service_x"),
            ("Ünï-côde 日本 !", "ünï-côde_日本"),
            ("Prod ENV", "prod_env"),
            ("1love", "1love"),
            (":testing", ":testing"),
            ("  VALUE  ", "_value"),
            ("--foo__bar_", "--foo_bar"),
            ("fun:k####y_ta@#g/1_@@#", "fun:k_y_ta_g/1"),
            ("#?", ""),
            ("İx", "İx"),
        ];
        for (text, expected) in rows {
            assert_eq!(tag_value(text), expected, "{text}");
        }
        assert_eq!(tag_value(&"é".repeat(300)).chars().count(), 200);
    }

    #[test]
    fn operation_names_are_those_of_the_agent() {
        let rows = [
            ("123abc def-ghi..x__y_", Some("abc_def_ghi..x_y")),
            ("a_.b._c", Some("a.b.c")),
            ("GET /Users", Some("GET_Users")),
            ("123", None),
            ("日本", None),
            ("é.a", Some("a")),
        ];
        for (text, expected) in rows {
            assert_eq!(operation_name(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_vectors_hold() {
        let text = include_str!("../../tests/vectors/normalize.json");
        let file: serde_json::Value = serde_json::from_str(text).unwrap();
        let mut checked = 0;
        for vector in file["vectors"].as_array().unwrap() {
            let input = vector["input"].as_str().unwrap();
            let output = match vector["fn"].as_str().unwrap() {
                "name" => operation_name(cut(input, NAME_MAX))
                    .unwrap_or_else(|| "unnamed_operation".to_owned()),
                "tag_value" => tag_value(input),
                _ => continue,
            };
            assert_eq!(output, vector["output"].as_str().unwrap(), "{}", vector["id"]);
            checked += 1;
        }
        assert!(checked >= 12, "only {checked} vectors fit");
    }

    #[test]
    fn cuts_fall_between_characters() {
        assert_eq!(cut("aéb", 2), "a");
        assert_eq!(cut_with_mark("aéb", 3), "aé...");
        assert_eq!(cut_with_mark("aéb", 4), "aéb");
    }
}
