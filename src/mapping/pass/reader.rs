//! [`Reader`]: the attributes of one span, with those of its scope and its resource.

use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::{is_empty, says_nothing};
use crate::mapping::Obfuscation;
use crate::mapping::attributes::{Attribute, AttributeSet};
use crate::mapping::key_set::{KeySet, hash};
use crate::mapping::lookup::{self, Lookup, Slots, string};
use crate::mapping::obfuscate::Query;
use crate::mapping::resource::ResourceFacts;
use crate::mapping::tags::Name;

/// Reads the attributes of one span.
pub(super) struct Reader<'p, 'a, P> {
    pub(super) span: &'a SpanData,
    pub(super) facts: &'a ResourceFacts<P>,
    pub(super) obfuscation: Obfuscation,
    /// The rule for the query string of a URL.
    pub(super) query: Query,
    /// Attributes of the span that have a row.
    pub(super) slots: Slots<&'a Value>,
    /// Names with a row that span or resource have.
    pub(super) noted: AttributeSet,
    /// Attributes of the span without a row.
    pub(super) keys: &'p mut KeySet,
    /// Attributes of the scope.
    pub(super) scope_keys: &'p mut KeySet,
}

impl<'a, P> Reader<'_, 'a, P> {
    /// Returns the attributes of span and resource, once those of the span are noted.
    pub(super) fn lookup(&self) -> Lookup<'_, 'a> {
        Lookup { span: &self.slots, resource: &self.facts.slots, noted: self.noted }
    }

    /// Returns an attribute of the span.
    pub(super) fn own(&self, known: Attribute) -> Option<&'a Value> {
        self.slots[known as usize]
    }

    /// Returns an attribute of the span that is a text.
    pub(super) fn own_text(&self, known: Attribute) -> Option<&'a str> {
        self.own(known).and_then(string)
    }

    /// Notes an attribute of the span that has no row; returns false if a later one has its name.
    pub(super) fn note(&mut self, hash: u64, entry: usize, name: &Name<'_>) -> bool {
        let list = &self.span.attributes;
        self.keys.insert(hash, entry, |other| Name::of(list[other].key.as_str()).same_as(name))
    }

    /// Returns true if span or scope have a text tag of this name, which has no row.
    pub(super) fn is_taken(&self, hash: u64, name: &str) -> bool {
        let name = Name::of(name);
        let is_tag = |attribute: &KeyValue| {
            lookup::number(&attribute.value).is_none() && !says_nothing(attribute)
        };
        let list = &self.span.attributes;
        let same = |entry: usize| Name::of(list[entry].key.as_str()).same_as(&name);
        self.keys.get(hash, same).is_some_and(|at| is_tag(&list[at])) || self.in_scope(hash, &name)
    }

    /// Returns true if span, scope or resource have a text tag of this name, which has no row.
    pub(super) fn is_named(&self, name: &str) -> bool {
        let hash = hash(name.as_bytes());
        self.is_taken(hash, name) || self.facts.has_tag(hash, &Name::of(name))
    }

    /// Notes an attribute of the scope; of equal names the last counts.
    pub(super) fn note_in_scope(&mut self, hash: u64, entry: usize, name: &Name<'_>) {
        let mut keys = std::mem::take(self.scope_keys);
        keys.put(hash, entry, |other| self.is_scope_name(other, name));
        *self.scope_keys = keys;
    }

    /// Returns true if the scope has a tag of this name.
    pub(super) fn in_scope(&self, hash: u64, name: &Name<'_>) -> bool {
        self.scope_entry(hash, name).is_some()
    }

    /// Returns the place of the attribute of the scope that has this name.
    pub(super) fn scope_entry(&self, hash: u64, name: &Name<'_>) -> Option<usize> {
        self.scope_keys.get(hash, |entry| self.is_scope_name(entry, name))
    }

    fn is_scope_name(&self, entry: usize, name: &Name<'_>) -> bool {
        let attribute = self.span.instrumentation_scope.attributes().nth(entry);
        attribute
            .and_then(|attribute| self.scope_name(attribute))
            .is_some_and(|own| own.same_as(name))
    }

    /// Returns the name under which an attribute of the scope is a tag, if it is one.
    pub(super) fn scope_name(&self, attribute: &'a KeyValue) -> Option<Name<'a>> {
        if is_empty(&attribute.value) {
            return None;
        }
        let name = Name::of_tag(attribute.key.as_str(), self.obfuscation, self.query)?;
        // The kind is the span's, and a status code has a rule of its own.
        let is_ruled =
            |(known, _)| matches!(known, Attribute::SpanKind | Attribute::HttpStatusCode);
        if name.row().is_some_and(is_ruled) { None } else { Some(name) }
    }
}
