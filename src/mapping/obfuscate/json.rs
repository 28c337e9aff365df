//! JSON documents -> the same documents with `?` for each value. Names stay.
//!
//! A walk over the bytes, without a stack of its own and without an error on its way. Source of the form:
//! `DataDog/datadog-agent`, `pkg/obfuscate/json.go`.

use super::{Length, MAX_WRITTEN, steps};

/// The text that stands for a value.
const VALUE: &str = r#""?""#;

/// The deepest nesting that is read: a bit of a number for each level, as deep as `serde_json` goes.
const MAX_DEPTH: u32 = 127;

/// Appends the documents of a text, each on its own; false if it is not JSON to its end, or if there is
/// no object or list in it. Of a longer text the beginning must be.
pub(super) fn push(out: &mut String, text: &str, length: Length) -> bool {
    let (start, mut reader) = (out.len(), Reader { text, at: 0 });
    loop {
        reader.skip_space();
        if reader.is_at_end() {
            return out.len() > start;
        }
        if !matches!(reader.peek(), b'{' | b'[') {
            return false;
        }
        if out.len() > start {
            out.push(' ');
        }
        let is_read = reader.document(out, start);
        if !is_read {
            return length == Length::Cut && out.len() > start && reader.is_at_end();
        }
        if out.len() - start > MAX_WRITTEN {
            return true;
        }
    }
}

/// Returns whether a text begins as an object or a list does.
pub(super) fn looks_like_json(text: &str) -> bool {
    text.trim_ascii_start().starts_with(['{', '['])
}

/// Reads JSON from a place on.
struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn peek(&self) -> u8 {
        self.bytes().get(self.at).copied().unwrap_or(0)
    }

    fn is_at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    fn take_while(&mut self, fits: impl Fn(u8) -> bool) -> usize {
        let start = self.at;
        while !self.is_at_end() && fits(self.peek()) {
            self.at += 1;
        }
        steps::count(self.at - start);
        self.at - start
    }

    fn skip_space(&mut self) {
        self.take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_it = self.peek() == byte && !self.is_at_end();
        self.at += usize::from(is_it);
        is_it
    }

    /// Appends an object or a list; false if it is none, or too deep. Stops where enough is written.
    fn document(&mut self, out: &mut String, start: usize) -> bool {
        // The kinds of what is open, the innermost lowest: a bit is set for an object.
        let (mut objects, mut depth) = (0_u128, 0_u32);
        loop {
            self.skip_space();
            let is_object = self.peek() == b'{';
            if is_object || self.peek() == b'[' {
                if depth == MAX_DEPTH {
                    return false;
                }
                self.at += 1;
                out.push(if is_object { '{' } else { '[' });
                (objects, depth) = (objects << 1 | u128::from(is_object), depth + 1);
                self.skip_space();
                if !self.is_close(objects) {
                    if is_object && !self.name(out) {
                        return false;
                    }
                    continue;
                }
            } else if self.scalar() {
                out.push_str(VALUE);
            } else {
                return false;
            }
            // Behind a value: ends, then a comma.
            self.skip_space();
            while depth > 0 && self.is_close(objects) {
                out.push(char::from(self.peek()));
                self.at += 1;
                (objects, depth) = (objects >> 1, depth - 1);
                self.skip_space();
            }
            if depth == 0 || out.len() - start > MAX_WRITTEN {
                return true;
            }
            if !self.take(b',') {
                return false;
            }
            out.push(',');
            if objects & 1 == 1 && !self.name(out) {
                return false;
            }
        }
    }

    /// Returns whether the innermost object or list ends here.
    fn is_close(&self, objects: u128) -> bool {
        self.peek() == if objects & 1 == 1 { b'}' } else { b']' }
    }

    /// Appends a name as it is written, and a colon.
    fn name(&mut self, out: &mut String) -> bool {
        self.skip_space();
        let start = self.at;
        if !self.string() {
            return false;
        }
        let end = self.at;
        self.skip_space();
        if !self.take(b':') {
            return false;
        }
        out.push_str(&self.text[start..end]);
        out.push(':');
        true
    }

    /// Takes a text, a number, `true`, `false` or `null`.
    fn scalar(&mut self) -> bool {
        match self.peek() {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            _ => {
                let word = ["true", "false", "null"];
                let word = word.iter().find(|word| self.text[self.at..].starts_with(**word));
                self.at += word.map_or(0, |word| word.len());
                word.is_some() || self.is_cut_word()
            }
        }
    }

    /// Takes the beginning of a word at the end of the text; it is none.
    fn is_cut_word(&mut self) -> bool {
        let rest = &self.text[self.at..];
        if ["true", "false", "null"].iter().any(|word| word.starts_with(rest)) {
            self.at = self.text.len();
        }
        false
    }

    fn string(&mut self) -> bool {
        if !self.take(b'"') {
            return false;
        }
        loop {
            self.take_while(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
            if self.take(b'"') {
                return true;
            }
            if !self.take(b'\\') || !self.escape() {
                return false;
            }
        }
    }

    fn escape(&mut self) -> bool {
        let is_known = b"\"\\/bfnrt".contains(&self.peek());
        let is_code = self.peek() == b'u';
        self.at += usize::from(is_known || is_code);
        if !is_code {
            return is_known;
        }
        (0..4).all(|_| {
            let is_digit = self.peek().is_ascii_hexdigit();
            self.at += usize::from(is_digit);
            is_digit
        })
    }

    fn number(&mut self) -> bool {
        let is_digit = |byte: u8| byte.is_ascii_digit();
        self.take(b'-');
        if !self.take(b'0') && self.take_while(is_digit) == 0 {
            return false;
        }
        if self.take(b'.') && self.take_while(is_digit) == 0 {
            return false;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            return self.take_while(is_digit) > 0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, length: Length) -> Option<String> {
        let mut out = String::new();
        push(&mut out, text, length).then_some(out)
    }

    #[test]
    fn names_stay_and_values_go() {
        for (text, left) in [
            (
                r#"{ "find" : "users", "filter": {"a": 1, "b": [true, null, "x"]} }"#,
                r#"{"find":"?","filter":{"a":"?","b":["?","?","?"]}}"#,
            ),
            ("{\"index\":{}}\n{\"q\":\"secret\"}\n", r#"{"index":{}} {"q":"?"}"#),
            (r#"[{"$match":{"n\"":-1.5e+3}}]"#, r#"[{"$match":{"n\"":"?"}}]"#),
            (r#"{"a":{"b":[[],[{}]]},"c\u00e9":0}{}"#, r#"{"a":{"b":[[],[{}]]},"c\u00e9":"?"} {}"#),
            ("[]", "[]"),
        ] {
            assert_eq!(shown(text, Length::Whole).as_deref(), Some(left), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_not_json_is_no_text() {
        for text in [
            "",
            "  ",
            "find users secret",
            r#"{"a":"secret"#,
            r#"{"a":"sec\set"}"#,
            "{\"a\":\"sec\nret\"}",
            r#""secret""#,
            "7",
            "{'a':1}",
            "{} x",
            "{} 7",
            "[1,]",
            "[,1]",
            r#"{"a":1,}"#,
            r#"{"a" 1}"#,
            r#"{"a":}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":tru}"#,
            "[}",
            "{]",
            "[1 2]",
            &"[".repeat(200),
            &format!("{}{}", "[".repeat(128), "]".repeat(128)),
        ] {
            assert_eq!(shown(text, Length::Whole), None, "{text}");
        }
    }

    #[test]
    fn all_text_that_is_taken_is_json_for_serde_too() {
        let pieces = [
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"a\"",
            "\"\\u0041\"",
            "\"\\",
            "1",
            "-0.5",
            "null",
            " ",
        ];
        // A generator of numbers (Knuth's), the same in every run.
        let mut state = 7_u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(state >> 40).unwrap() % below
        };
        let mut taken = 0;
        for _ in 0..200_000 {
            let text: String = (0..next(8) + 2).map(|_| pieces[next(pieces.len())]).collect();
            let documents = serde_json::Deserializer::from_str(&text);
            let mut documents = documents.into_iter::<serde_json::Value>().peekable();
            let is_json = documents.peek().is_some()
                && documents.all(|one| one.is_ok_and(|one| one.is_object() || one.is_array()));
            assert_eq!(shown(&text, Length::Whole).is_some(), is_json, "{text}");
            taken += usize::from(is_json);
        }
        assert!(taken > 300, "{taken}");
    }

    #[test]
    fn of_a_cut_text_the_beginning_is_shown() {
        let text = r#"{"index":{}} {"a":[true,"secret",-1.5e3,{"b\u0041":null}]}"#;
        let whole = shown(text, Length::Whole).unwrap();
        for end in 1..text.len() {
            let left =
                shown(&text[..end], Length::Cut).unwrap_or_else(|| panic!("{}", &text[..end]));
            assert!(whole.starts_with(&left), "{left}");
        }
        assert_eq!(shown("{\"a\": x", Length::Cut), None);
    }
}
