//! Concept lookup: one meaning, several keys, two places.
//!
//! Keys are tried in order, each on the span and then on the resource, so the order of keys beats the
//! place: a preferred key on the resource wins over a less preferred one on the span.
//!
//! Source: `DataDog/datadog-agent`, `pkg/trace/semantics` (registry v20260630).

use opentelemetry::Value;

use super::attributes::{Known, KnownSet};
use crate::encoding::whole;

/// The attributes that decide something, by [`Known`].
pub(crate) type Slots<T> = [Option<T>; Known::COUNT];

/// Keys of one meaning, in order of preference.
pub(crate) type Concept = &'static [Known];

/// What a span and its resource know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lookup<'s, 'a> {
    /// Attributes of the span.
    pub(crate) span: &'s Slots<&'a Value>,
    /// Attributes of the resource.
    pub(crate) resource: &'a Slots<Value>,
    /// Which of them either has, as a set: most tables ask for many that neither has.
    pub(crate) noted: KnownSet,
}

impl<'a> Lookup<'_, 'a> {
    /// Returns the first value of a concept that is a non-empty string.
    #[inline]
    pub(crate) fn text(&self, concept: Concept) -> Option<&'a str> {
        self.first(concept, string)
    }

    /// Returns the first value of a concept that is a whole number.
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
    pub(crate) fn span(&self, known: Known) -> Option<&'a Value> {
        self.span[known as usize]
    }

    /// Returns an attribute of the span that is a non-empty string.
    pub(crate) fn span_text(&self, known: Known) -> Option<&'a str> {
        self.span(known).and_then(string)
    }

    /// Returns an attribute of the span that is a finite number.
    pub(crate) fn span_number(&self, known: Known) -> Option<f64> {
        self.span(known).and_then(number)
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

/// Returns a whole number: an integer, a double without a fraction, or a string that reads as one.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::I64(number) => Some(*number),
        Value::F64(number) => whole(*number),
        Value::String(text) => {
            let text = text.as_str();
            text.parse().ok().or_else(|| text.parse().ok().and_then(whole))
        }
        _ => None,
    }
}

/// Returns a finite number.
#[inline]
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        #[expect(clippy::cast_precision_loss, reason = "metrics are doubles on the wire")]
        Value::I64(number) => Some(*number as f64),
        Value::F64(number) => Some(*number).filter(|number| number.is_finite()),
        _ => None,
    }
}

/// Reads a flag: a bool, or one of the texts that Go's `strconv.ParseBool` takes.
pub(crate) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Returns a text that is not empty.
#[inline]
pub(crate) fn nonempty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
