//! The names that tags get, and the limits of names and values.

use std::fmt;

use super::Obfuscation;
use super::attributes::{self, Attribute, Rule};
use super::normalize::{CUT_MARK, MAX_KEY, MAX_VALUE, cut};
use super::obfuscate::Query;

/// Keys with this prefix are overrides; those without a row mean nothing here and are removed.
const OVERRIDE_PREFIX: &str = "datadog.";
/// Keys with these prefixes are values of a statement.
const PARAMETER_PREFIXES: [&str; 2] = ["db.query.parameter.", "db.operation.parameter."];
/// Keys with this prefix are request headers ...
const HEADER_PREFIX: &str = "http.request.header.";
/// ... and this is what Datadog calls them.
const HEADER_NAME: &str = "http.request.headers.";
/// Keys with this prefix say why a span of a rejected trace is kept: the Agent reads numbers.
const SPAN_SAMPLING_PREFIX: &str = "_dd.span_sampling.";
/// Keys with this prefix make a span an AI span.
const GEN_AI_PREFIX: &str = "gen_ai.";

/// The name of a tag in pieces, so that renaming and cutting build no text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    key: &'a str,
    prefix: &'static str,
    rest: &'a str,
    mark: &'static str,
}

impl<'a> Name<'a> {
    /// Returns the name that an attribute gets, unless the table has a row for it.
    #[inline]
    pub(crate) fn of(key: &'a str) -> Self {
        let (prefix, rest) = match key.strip_prefix(HEADER_PREFIX) {
            Some(header) => (HEADER_NAME, header),
            None => ("", key),
        };
        if prefix.len() + rest.len() <= MAX_KEY {
            Self { key, prefix, rest, mark: "" }
        } else {
            Self { key, prefix, rest: cut(rest, MAX_KEY - prefix.len()), mark: CUT_MARK }
        }
    }

    /// Returns the name under which an attribute of the resource or the scope is a text tag, if it is one.
    pub(crate) fn of_tag(key: &'a str, obfuscation: Obfuscation, query: Query) -> Option<Self> {
        let name = Self::of(key);
        match name.row() {
            Some((_, Rule::Note)) => None,
            Some((_, Rule::Query)) if query == Query::Removed => None,
            _ if name.is_removed(obfuscation) || name.is_secret(obfuscation) => None,
            Some((known, _)) => Some(Self::of(known.tag().key())),
            None => Some(name),
        }
    }

    /// Returns the row of the key.
    pub(crate) fn row(&self) -> Option<(Attribute, Rule)> {
        attributes::find(self.key)
    }

    /// Returns the name if it is the key itself, as nearly always.
    #[inline]
    pub(crate) fn plain(&self) -> Option<&'a str> {
        (self.prefix.is_empty() && self.mark.is_empty()).then_some(self.rest)
    }

    /// Returns true if an attribute of this key becomes no tag.
    #[inline]
    pub(crate) fn is_removed(&self, obfuscation: Obfuscation) -> bool {
        self.key.starts_with(OVERRIDE_PREFIX)
            || (obfuscation == Obfuscation::Exporter && self.is_parameter())
    }

    /// Returns true if an attribute of this key holds a literal that only the Agent would hide.
    pub(crate) fn is_secret(&self, obfuscation: Obfuscation) -> bool {
        obfuscation == Obfuscation::Exporter && (self.is_parameter() || self.is_statement())
    }

    /// Returns true if an attribute of this key is a statement.
    pub(crate) fn is_statement(&self) -> bool {
        matches!(self.row(), Some((_, Rule::Statement(_))))
    }

    /// Returns true if an attribute of this key is a value of a statement.
    pub(crate) fn is_parameter(&self) -> bool {
        PARAMETER_PREFIXES.iter().any(|prefix| self.key.starts_with(prefix))
    }

    /// Returns true if an attribute of this key decides something by its number.
    pub(crate) fn is_number(&self) -> bool {
        self.key.starts_with(SPAN_SAMPLING_PREFIX)
    }

    /// Returns true if an attribute of this key makes a span an AI span.
    pub(crate) fn is_gen_ai(&self) -> bool {
        self.key.starts_with(GEN_AI_PREFIX)
    }

    /// Returns true if both read the same.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        match (self.plain(), other.plain()) {
            (Some(one), Some(two)) => one == two,
            _ => self.bytes().eq(other.bytes()),
        }
    }

    fn bytes(&self) -> impl Iterator<Item = u8> {
        self.prefix.bytes().chain(self.rest.bytes()).chain(self.mark.bytes())
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.prefix, self.rest, self.mark)
    }
}

/// Returns a tag value within the limit, and the mark that follows it if it was cut.
#[inline]
pub(crate) fn clipped(value: &str) -> (&str, &'static str) {
    if value.len() <= MAX_VALUE { (value, "") } else { (cut(value, MAX_VALUE), CUT_MARK) }
}

/// Appends a tag value within the limit.
pub(crate) fn push_clipped(out: &mut String, value: &str) {
    let (value, mark) = clipped(value);
    out.push_str(value);
    out.push_str(mark);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_renamed_and_cut_within_the_limit() {
        assert_eq!(Name::of("http.request.header.x-id").to_string(), "http.request.headers.x-id");
        let long = "k".repeat(201);
        assert_eq!(Name::of(&long).to_string(), format!("{}...", &long[..200]));
        let header = format!("http.request.header.{long}");
        assert_eq!(Name::of(&header).to_string().len(), 203);
    }

    #[test]
    fn names_are_the_same_if_they_read_the_same() {
        let old = Name::of("http.request.headers.x");
        assert!(Name::of("http.request.header.x").same_as(&old));
        assert!(!Name::of("http.request.header.y").same_as(&old));
        let (one, two) = ("k".repeat(200) + "a", "k".repeat(200) + "b");
        assert!(Name::of(&one).same_as(&Name::of(&two)));
    }
}
