//! Attributes of the instrumentation scope, which beat all tags of their names. Most scopes have none.

use super::{Content, Pass, name_hash};
use crate::encoding::Sink;
use crate::mapping::attributes::{Attribute, AttributeSet};
use crate::mapping::normalize::MAX_VALUE;
use crate::mapping::tags::push_clipped;
use crate::mapping::text::{self, fitting};

impl<S: Sink> Pass<'_, '_, S> {
    /// Writes the attributes of the scope, as far as the resource leaves room; of equal names the last.
    pub(in crate::mapping) fn scope_attributes(&mut self) {
        let Self { reader, writer, .. } = self;
        let scope = &reader.span.instrumentation_scope;
        let count = scope.attributes().count();
        reader.scope_keys.reset(count);
        if count == 0 {
            return;
        }
        // They may have the names of resource tags.
        self.clashes = true;
        let entries = || scope.attributes().enumerate();
        for (entry, attribute) in entries() {
            if let Some(name) = reader.scope_name(attribute) {
                reader.note_in_scope(name_hash(&name, writer.text), entry, &name);
            }
        }
        let mut room = reader.facts.room;
        for (entry, attribute) in entries() {
            let Some(name) = reader.scope_name(attribute) else { continue };
            let hash = name_hash(&name, writer.text);
            if reader.scope_entry(hash, &name) != Some(entry) {
                continue;
            }
            let text = text::of(&attribute.value, writer.text).len().min(MAX_VALUE);
            let Some(rest) = room.checked_sub(attribute.key.as_str().len() + text) else {
                self.left_out.get_or_insert_with(|| attribute.key.to_string());
                continue;
            };
            room = rest;
            match name.row() {
                Some((known, _)) => writer.put_value(known, &attribute.value),
                None => writer.put_foreign(&name, &attribute.value),
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
        let scope = &self.reader.span.instrumentation_scope;
        let version = scope.version().unwrap_or("");
        let texts = [scope.name(), scope.name(), version, version];
        let written = TAGS.iter().zip(texts).filter(|(_, text)| !text.is_empty());
        if self.late.meets(&SET) || self.writer.written.meets(&SET) {
            return written.for_each(|(known, text)| self.put_default(*known, Content::Raw(text)));
        }
        // Of a text that is cut, what is behind makes no difference.
        let name = fitting("", scope.name());
        let is_same = self.scope.name == name && self.scope.version == fitting("", version);
        if !is_same || self.scope.tags.is_none() {
            let mut clipped = [const { String::new() }; 4];
            for (text, out) in texts.iter().zip(&mut clipped) {
                push_clipped(out, self.writer.redactor.shown(text));
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
            self.writer.sink.prepared(tags);
        }
        written.for_each(|(known, _)| _ = self.writer.claim(*known));
    }
}
