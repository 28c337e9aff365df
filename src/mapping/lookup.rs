//! Concept lookup: one meaning, several keys, two places.
//!
//! Keys are tried in order, each on the span and then on the resource, so the order of keys beats the
//! place: a preferred key on the resource wins over a less preferred one on the span.
//!
//! Source: `DataDog/datadog-agent`, `pkg/trace/semantics` (registry v20260630).

use opentelemetry::Value;

use super::attributes::{Attribute, AttributeSet};
use crate::encoding::{EXACT_INTEGER, whole};

/// Longest text that is read as a number, in bytes: no double needs as many digits.
const MAX_NUMBER: usize = 1_024;

/// The attributes that decide something, by [`Attribute`].
pub(crate) type Slots<T> = [Option<T>; Attribute::COUNT];

/// Keys of one meaning, in order of preference.
pub(crate) type Concept = &'static [Attribute];

/// The attributes of a span and its resource that decide something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lookup<'s, 'a> {
    /// Attributes of the span.
    pub(crate) span: &'s Slots<&'a Value>,
    /// Attributes of the resource.
    pub(crate) resource: &'a Slots<Value>,
    /// The attributes that either has, as a set: most tables ask for many that neither has.
    pub(crate) noted: AttributeSet,
}

impl<'a> Lookup<'_, 'a> {
    /// Returns the first value of a concept that is a non-empty string.
    #[inline]
    pub(crate) fn text(&self, concept: Concept) -> Option<&'a str> {
        self.first(concept, string)
    }

    /// Returns the first value of a concept that is a whole number or reads as one.
    pub(crate) fn integer(&self, concept: Concept) -> Option<i64> {
        self.first(concept, integer)
    }

    /// Returns the first value of a concept for which `read` finds something.
    #[inline]
    pub(crate) fn first<T>(
        &self,
        concept: Concept,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Option<T> {
        concept.iter().find_map(|&known| {
            let span = self.span(known).and_then(&read);
            span.or_else(|| self.resource[known as usize].as_ref().and_then(&read))
        })
    }

    /// Returns an attribute of the span.
    #[inline]
    pub(crate) fn span(&self, known: Attribute) -> Option<&'a Value> {
        self.span[known as usize]
    }

    /// Returns an attribute of the span that is a non-empty string.
    pub(crate) fn span_text(&self, known: Attribute) -> Option<&'a str> {
        self.span(known).and_then(string)
    }

    /// Returns an attribute of the span that is a number or reads as one.
    pub(crate) fn span_number(&self, known: Attribute) -> Option<f64> {
        self.span(known).and_then(decisive)
    }
}

/// Returns a non-empty string.
#[inline]
pub(crate) fn string(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => nonempty(text.as_str()),
        _ => None,
    }
}

/// Returns the number as which a value is written: a finite double, or an integer that a double holds exactly.
/// A larger integer is a text tag, as in Datadog's tracers: as a double it would be another number.
#[inline]
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "up to `EXACT_INTEGER` nothing is lost")]
        Value::I64(number) if is_exact(*number) => Some(*number as f64),
        Value::F64(number) => Some(*number).filter(|number| number.is_finite()),
        _ => None,
    }
}

/// Returns true if a double holds this integer and no neighbour of it.
#[inline]
pub(crate) fn is_exact(number: i64) -> bool {
    number.unsigned_abs() <= EXACT_INTEGER
}

/// Reads a number that decides something: a number, a flag (1 or 0), or a text that reads as either. Unsigned
/// fields of `tracing` and fields in its `%` form arrive as texts.
pub(crate) fn decisive(value: &Value) -> Option<f64> {
    let flag = |flag: bool| Some(if flag { 1.0 } else { 0.0 });
    match value {
        #[expect(clippy::cast_precision_loss, reason = "nothing is decided by the last digit")]
        Value::I64(number) => Some(*number as f64),
        Value::Bool(set) => flag(*set),
        Value::String(text) if text.as_str().len() > MAX_NUMBER => None,
        Value::String(text) => match text.as_str().trim() {
            // The texts of Go's `strconv.ParseBool`, but for the numbers.
            "t" | "T" | "TRUE" | "true" | "True" => flag(true),
            "f" | "F" | "FALSE" | "false" | "False" => flag(false),
            text => text.parse().ok().filter(|number: &f64| number.is_finite()),
        },
        other => number(other),
    }
}

/// As [`decisive`], for a whole number.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::I64(number) => Some(*number),
        other => decisive(other).and_then(whole),
    }
}

/// Returns true if a value that decides something says yes: a number other than 0. Nothing if it is no number.
pub(crate) fn is_set(value: &Value) -> Option<bool> {
    decisive(value).map(|number| number != 0.0)
}

/// Returns a text that is not empty.
#[inline]
pub(crate) fn nonempty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_decides_something_may_be_a_flag_or_a_text_of_either() {
        let rows: [(Value, Option<f64>); 18] = [
            (2.into(), Some(2.0)),
            ((-1).into(), Some(-1.0)),
            (0.25.into(), Some(0.25)),
            (true.into(), Some(1.0)),
            (false.into(), Some(0.0)),
            ("2".into(), Some(2.0)),
            (" 2 ".into(), Some(2.0)),
            ("-1".into(), Some(-1.0)),
            ("0.25".into(), Some(0.25)),
            ("1e-1".into(), Some(0.1)),
            ("true".into(), Some(1.0)),
            ("False".into(), Some(0.0)),
            ("".into(), None),
            ("yes".into(), None),
            (format!("{}7", "0".repeat(2_000)).into(), None),
            ("NaN".into(), None),
            ("inf".into(), None),
            (f64::NAN.into(), None),
        ];
        for (value, number) in rows {
            assert_eq!(decisive(&value), number, "{value:?}");
        }
    }

    #[test]
    fn an_integer_is_a_number_while_a_double_holds_it() {
        let limit = i64::try_from(EXACT_INTEGER).unwrap();
        for (value, is_number) in
            [(limit, true), (-limit, true), (limit + 1, false), (i64::MIN, false)]
        {
            assert_eq!(number(&value.into()).is_some(), is_number, "{value}");
        }
    }
}
