//! JSON documents -> the same documents with `?` for each value. Names stay.
//!
//! `serde_json` reads; what it does not read is not passed on. Source of the form:
//! `DataDog/datadog-agent`, `pkg/obfuscate/json.go`.

use std::fmt;

use serde_core::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::mapping::text::push_json_str;

/// What stands for a value.
const VALUE: &str = r#""?""#;

/// Appends the documents of a text, each on its own; false if it is not JSON to its end, or if there is
/// no object or list in it.
pub(super) fn push(out: &mut String, text: &str) -> bool {
    if !looks_like_json(text) {
        // Most names: without an error, which would cost an allocation.
        return false;
    }
    let mut rest = serde_json::Deserializer::from_str(text);
    loop {
        let before = out.len();
        let is_read = Document(out).deserialize(&mut rest).is_ok();
        if !is_read || !out[before..].starts_with(['{', '[']) {
            return false;
        }
        if rest.end().is_ok() {
            return true;
        }
        out.push(' ');
    }
}

/// Whether a text begins as an object or a list does.
pub(super) fn looks_like_json(text: &str) -> bool {
    text.trim_ascii_start().starts_with(['{', '['])
}

/// Writes what it reads.
struct Document<'o>(&'o mut String);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

/// Writes a name.
struct Name<'o>(&'o mut String);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<(), E> {
        push_json_str(self.0, name);
        Ok(())
    }
}

impl Document<'_> {
    fn value(self) {
        self.0.push_str(VALUE);
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.value();
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.value();
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.value();
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.value();
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.value();
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.value();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.push('[');
        let start = self.0.len();
        loop {
            let before = self.0.len();
            if before > start {
                self.0.push(',');
            }
            if items.next_element_seed(Document(self.0))?.is_none() {
                self.0.truncate(before);
                break;
            }
        }
        self.0.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.0.push('{');
        let start = self.0.len();
        loop {
            let before = self.0.len();
            if before > start {
                self.0.push(',');
            }
            if members.next_key_seed(Name(self.0))?.is_none() {
                self.0.truncate(before);
                break;
            }
            self.0.push(':');
            members.next_value_seed(Document(self.0))?;
        }
        self.0.push('}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_and_values_go() {
        for (text, left) in [
            (
                r#"{ "find" : "users", "filter": {"a": 1, "b": [true, null, "x"]} }"#,
                r#"{"find":"?","filter":{"a":"?","b":["?","?","?"]}}"#,
            ),
            (
                r#"{"index":{}}
{"q":"secret"}"#,
                r#"{"index":{}} {"q":"?"}"#,
            ),
            (r#"[{"$match":{"n\"":1.5}}]"#, r#"[{"$match":{"n\"":"?"}}]"#),
            ("[]", "[]"),
        ] {
            let mut out = String::new();
            assert!(push(&mut out, text), "{text}");
            assert_eq!(out, left);
        }
    }

    #[test]
    fn what_is_no_json_is_no_text() {
        for text in [
            "",
            "  ",
            "find users secret",
            r#"{"a":"secret"#,
            r#""secret""#,
            "7",
            "{'a':1}",
            "{} x",
        ] {
            assert!(!push(&mut String::new(), text), "{text}");
        }
    }
}
