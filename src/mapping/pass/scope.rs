//! Attributes of the instrumentation scope, which beat all tags of their names. Most scopes have none.

use opentelemetry::KeyValue;

use super::{Pass, is_empty, name_hash};
use crate::encoding::Sink;
use crate::mapping::attributes::{Attribute, AttributeSet};
use crate::mapping::normalize::MAX_VALUE;
use crate::mapping::tags::{Name, push_clipped};
use crate::mapping::text::{self, fitting};

impl<'a, S: Sink> Pass<'_, 'a, S> {
    /// Writes the attributes of the scope, as far as the resource leaves room; of equal names the last.
    pub(in crate::mapping) fn scope_attributes(&mut self) {
        let span = self.span;
        let scope = &span.instrumentation_scope;
        let count = scope.attributes().count();
        self.scope_keys.reset(count);
        if count == 0 {
            return;
        }
        // They may have the names of resource tags.
        self.clashes = true;
        let entries = || scope.attributes().enumerate();
        for (entry, attribute) in entries() {
            if let Some(name) = self.scope_name(attribute) {
                let hash = name_hash(&name, self.text);
                let mut keys = std::mem::take(self.scope_keys);
                keys.put(hash, entry, |other| self.is_scope_name(other, &name));
                *self.scope_keys = keys;
            }
        }
        let mut room = self.facts.room;
        for (entry, attribute) in entries() {
            let Some(name) = self.scope_name(attribute) else { continue };
            let hash = name_hash(&name, self.text);
            if self.scope_entry(hash, &name) != Some(entry) {
                continue;
            }
            let text = text::of(&attribute.value, self.text).len().min(MAX_VALUE);
            let Some(rest) = room.checked_sub(attribute.key.as_str().len() + text) else {
                self.left_out.get_or_insert_with(|| attribute.key.to_string());
                continue;
            };
            room = rest;
            match name.row() {
                Some((known, _)) => self.put_value(known, &attribute.value),
                None => self.write_value(&name, &attribute.value),
            }
        }
    }

    /// Writes name and version of the scope, each under its name of today and the one before.
    pub(super) fn scope_name_and_version(&mut self) {
        const TAGS: [Attribute; 4] = [
            Attribute::ScopeName,
            Attribute::LibraryName,
            Attribute::ScopeVersion,
            Attribute::LibraryVersion,
        ];
        const SET: AttributeSet = AttributeSet::of(&TAGS);
        let span = self.span;
        let scope = &span.instrumentation_scope;
        let version = scope.version().unwrap_or("");
        let texts = [scope.name(), scope.name(), version, version];
        let written = TAGS.iter().zip(texts).filter(|(_, text)| !text.is_empty());
        if self.late.meets(&SET) || self.written.meets(&SET) {
            return written.for_each(|(known, text)| self.put_default(*known, text));
        }
        // Of a text that is cut, what is behind makes no difference.
        let name = fitting("", scope.name());
        let is_same = self.scope.name == name && self.scope.version == fitting("", version);
        if !is_same || self.scope.tags.is_none() {
            let mut clipped = [const { String::new() }; 4];
            for (text, out) in texts.iter().zip(&mut clipped) {
                push_clipped(out, self.redactor.shown(text));
            }
            let tags: Vec<_> = TAGS
                .iter()
                .zip(&clipped)
                .filter(|(_, text)| !text.is_empty())
                .map(|(known, text)| (known.key(), text.as_str()))
                .collect();
            name.clone_into(&mut self.scope.name);
            fitting("", version).clone_into(&mut self.scope.version);
            self.scope.tags = Some(S::prepare(&tags));
        }
        if let Some(tags) = &self.scope.tags {
            self.sink.prepared(tags);
        }
        written.for_each(|(known, _)| _ = self.written.insert(*known));
    }

    /// Whether the scope has written a tag of this name.
    pub(super) fn in_scope(&self, hash: u64, name: &Name<'_>) -> bool {
        self.scope_entry(hash, name).is_some()
    }

    fn scope_entry(&self, hash: u64, name: &Name<'_>) -> Option<usize> {
        self.scope_keys.get(hash, |entry| self.is_scope_name(entry, name))
    }

    fn is_scope_name(&self, entry: usize, name: &Name<'_>) -> bool {
        let attribute = self.span.instrumentation_scope.attributes().nth(entry);
        attribute
            .and_then(|attribute| self.scope_name(attribute))
            .is_some_and(|own| own.same_as(name))
    }

    /// Returns the name under which an attribute of the scope is a tag, if it is one.
    fn scope_name(&self, attribute: &'a KeyValue) -> Option<Name<'a>> {
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
