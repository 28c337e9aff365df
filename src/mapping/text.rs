//! Attribute values as text: what a value looks like in `meta`, and inside a tag that holds JSON.
//!
//! Everything is written into a `String` that all spans reuse, and writing stops where no tag shows more
//! ([`ROOM`]). Escapes are those of [`crate::encoding`].
//!
//! Source of the forms: `DataDog/datadog-agent`, `pkg/trace/transform` (Go's JSON number format).

use std::fmt::{self, Write as _};
use std::io;

use opentelemetry::{Array, StringValue, Value};

use super::normalize::{MAX_VALUE, ROOM, cut};
use crate::encoding::escape;

/// Doubles below this or from [`LARGE`] on are written with an exponent.
const SMALL: f64 = 1e-6;
/// See [`SMALL`].
const LARGE: f64 = 1e21;

/// Returns the text that a value has as a tag, written into `out` unless it is a text already.
#[inline]
pub(crate) fn of<'a>(value: &'a Value, out: &'a mut String) -> &'a str {
    match value {
        Value::String(text) => text.as_str(),
        other => written(other, out),
    }
}

fn written<'a>(value: &'a Value, out: &'a mut String) -> &'a str {
    out.clear();
    match value {
        Value::String(text) => return text.as_str(),
        Value::Bool(flag) => return if *flag { "true" } else { "false" },
        Value::I64(number) => push_int(out, *number),
        Value::F64(number) => push_float(out, *number),
        Value::Array(array) => push_array(out, array),
        _ => push_display(out, value),
    }
    out
}

/// Appends a list of texts, each as `show` returns it.
pub(crate) fn push_texts(
    out: &mut String,
    items: &[StringValue],
    mut show: impl FnMut(&mut String, &str),
) {
    push_items(out, items, |out, item| show(out, item.as_str()));
}

/// Appends a value as JSON that keeps its type.
pub(crate) fn push_json(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => push_json_str(out, text.as_str()),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::I64(number) => push_int(out, *number),
        Value::F64(number) => push_json_float(out, *number),
        Value::Array(array) => push_array(out, array),
        _ => push_json_str(out, &value.to_string()),
    }
}

/// Appends a value as a JSON string of its tag text.
pub(crate) fn push_json_text(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => push_json_str(out, text.as_str()),
        Value::I64(number) => push_json_shown(out, format_args!("{number}")),
        Value::Bool(flag) => push_json_shown(out, format_args!("{flag}")),
        // Rare enough for a temporary: doubles and lists on a link.
        other => push_json_str(out, of(other, &mut String::new())),
    }
}

/// Appends a JSON string that is formatted straight into place.
pub(crate) fn push_json_shown(out: &mut String, shown: fmt::Arguments<'_>) {
    serde_json::to_writer(Utf8(out), &shown).expect("writing to a String cannot fail");
}

/// Appends a JSON string.
pub(crate) fn push_json_str(out: &mut String, text: &str) {
    out.push('"');
    escape(fitting(out, text), |piece| out.push_str(piece));
    out.push('"');
}

/// Appends as much of a text as is worth it.
pub(crate) fn push(out: &mut String, text: &str) {
    out.push_str(fitting(out, text));
}

/// Returns true if nothing more is worth writing.
pub(crate) fn is_full(out: &str) -> bool {
    out.len() > MAX_VALUE
}

/// Gives the memory of a text back if it is more than texts usually take.
pub(crate) fn shrink(text: &mut String) {
    /// Twice a tag value, which is how a text grows that gets as long as one.
    const KEPT: usize = 2 * ROOM;

    if text.capacity() > KEPT {
        *text = String::new();
    }
}

/// Returns the start of a text that is worth writing behind `out`. Escapes make it longer, never shorter.
pub(crate) fn fitting<'t>(out: &str, text: &'t str) -> &'t str {
    cut(text, ROOM.saturating_sub(out.len()))
}

/// Appends an integer.
pub(crate) fn push_int(out: &mut String, number: i64) {
    write!(out, "{number}").expect("writing to a String cannot fail");
}

/// Appends a double: shortest form that reads back the same, no exponent between 1e-6 and 1e21.
fn push_float(out: &mut String, number: f64) {
    if !number.is_finite() {
        out.push_str(non_finite(number));
        return;
    }
    let size = number.abs();
    if size == 0.0 || (SMALL..LARGE).contains(&size) {
        return write!(out, "{number}").expect("writing to a String cannot fail");
    }
    let start = out.len();
    write!(out, "{number:e}").expect("writing to a String cannot fail");
    if size >= LARGE {
        let exponent = out[start..].find('e').map_or(out.len(), |at| start + at + 1);
        out.insert(exponent, '+');
    }
}

/// Returns the name of a number that JSON cannot hold.
fn non_finite(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

fn push_json_float(out: &mut String, number: f64) {
    if number.is_finite() {
        push_float(out, number);
    } else {
        push_json_str(out, non_finite(number));
    }
}

fn push_display(out: &mut String, value: &Value) {
    write!(out, "{value}").expect("writing to a String cannot fail");
}

fn push_array(out: &mut String, array: &Array) {
    match array {
        Array::Bool(items) => {
            push_items(out, items, |out, flag| out.push_str(if *flag { "true" } else { "false" }));
        }
        Array::I64(items) => push_items(out, items, |out, number| push_int(out, *number)),
        Array::F64(items) => push_items(out, items, |out, number| push_json_float(out, *number)),
        Array::String(items) => {
            push_items(out, items, |out, text: &StringValue| push_json_str(out, text.as_str()));
        }
        other => push_json_str(out, &other.to_string()),
    }
}

fn push_items<T>(out: &mut String, items: &[T], mut push: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if is_full(out) {
            break;
        }
        if i > 0 {
            out.push(',');
        }
        push(out, item);
    }
    out.push(']');
}

/// Lets `serde_json`, which writes bytes, write into a `String`. It writes whole characters.
struct Utf8<'a>(&'a mut String);

impl io::Write for Utf8<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.push_str(text);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_the_agent_writes_them() {
        let texts: Vec<StringValue> = vec!["a".into(), "b\"".into()];
        let cases: [(Value, &str); 10] = [
            (2.0.into(), "2"),
            (1.5.into(), "1.5"),
            (0.000_001.into(), "0.000001"),
            (1e-7.into(), "1e-7"),
            (1e20.into(), "100000000000000000000"),
            ((-1.25e21).into(), "-1.25e+21"),
            (f64::NAN.into(), "NaN"),
            (f64::NEG_INFINITY.into(), "-Infinity"),
            (Value::Array(texts.into()), r#"["a","b\""]"#),
            (Value::Array(vec![0.5, f64::INFINITY].into()), r#"[0.5,"Infinity"]"#),
        ];
        let mut out = String::new();
        for (value, text) in cases {
            assert_eq!(of(&value, &mut out), text);
        }
    }

    #[test]
    fn json_keeps_the_type_and_stays_json() {
        let cases: [(Value, &str); 5] = [
            ("a\n".into(), r#""a\n""#),
            (true.into(), "true"),
            (7.into(), "7"),
            (f64::NAN.into(), r#""NaN""#),
            (Value::Array(vec![1, 2].into()), "[1,2]"),
        ];
        for (value, text) in cases {
            let mut out = String::new();
            push_json(&mut out, &value);
            assert_eq!(out, text);
        }
    }
}
