//! The pass over the tags of one span.
//!
//! Names with a row are tracked in two sets (`written`: no second tag of that name; `late`:
//! to be written after the pass), all other names in a [`KeySet`]. Attributes are walked from the
//! last to the first, so the first of a name that is met is the one that wins.

mod decided;
mod reader;
mod sampled;
mod scope;
mod writer;

use opentelemetry::trace::SpanKind;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::attributes::{self, Attribute, AttributeSet, Rule};
use super::errors::{Found, is_no_stack};
use super::key_set::{KeySet, hash};
use super::lookup::{self, Lookup};
use super::obfuscate::Query;
use super::redact::Redactor;
use super::resource::ResourceFacts;
use super::tags::Name;
use super::{Obfuscation, Options, text};
use crate::encoding::{Fields, Sink};
use reader::Reader;
use writer::{Content, Writer};

/// Walks the attributes of one span, and writes what they and the span say.
pub(super) struct Pass<'p, 'a, S: Sink> {
    reader: Reader<'p, 'a, S::Prepared>,
    writer: Writer<'p, S>,
    /// Names with a row whose attribute is not written yet.
    late: AttributeSet,
    /// The names of the attributes of an event or a link.
    nested_keys: &'p mut KeySet,
    scope: &'p mut ScopeTags<S::Prepared>,
    left_out: &'p mut Option<String>,
    /// The texts of the error tags.
    error_text: &'p mut String,
    /// The places of the error tags in it.
    error: Found<'a>,
    /// True if an attribute may have the name of a resource tag.
    clashes: bool,
    /// True if the span has an attribute of the AI conventions.
    pub(super) gen_ai: bool,
}

/// Buffers that one span after the other uses.
#[derive(Debug, Default)]
pub(super) struct PassBuffers<P> {
    keys: KeySet,
    scope_keys: KeySet,
    nested_keys: KeySet,
    scope: ScopeTags<P>,
    /// The name of an attribute of a scope that had no room.
    pub(super) left_out: Option<String>,
    redactor: Redactor,
    text: String,
    error_text: String,
}

/// Keys for which room is kept, whatever comes next: the SDK's bound for a span, eight times.
const KEPT_KEYS: usize = 1_024;

impl<P: Default> PassBuffers<P> {
    /// Gives memory back that unusual spans left over.
    pub(super) fn shrink(&mut self) {
        let Self { keys, scope_keys, nested_keys, scope, left_out: _, redactor, text, error_text } =
            self;
        for keys in [keys, scope_keys, nested_keys] {
            keys.shrink(KEPT_KEYS);
        }
        if scope.name.len() + scope.version.len() > KEPT_KEYS {
            // Four tags of them, and names of scopes are short.
            *scope = ScopeTags::default();
        }
        redactor.shrink();
        text::shrink(text);
        text::shrink(error_text);
    }
}

/// The tags of the scope that was seen last: most spans in a row come from one.
#[derive(Debug, Default)]
struct ScopeTags<P> {
    name: String,
    version: String,
    tags: Option<P>,
}

impl<'p, 'a, S: Sink> Pass<'p, 'a, S> {
    pub(super) fn new(
        span: &'a SpanData,
        facts: &'a ResourceFacts<S::Prepared>,
        options: &Options,
        buffers: &'p mut PassBuffers<S::Prepared>,
        sink: S,
    ) -> Self {
        let PassBuffers {
            keys,
            scope_keys,
            nested_keys,
            scope,
            left_out,
            redactor,
            text,
            error_text,
        } = buffers;
        redactor.set(options.obfuscation, &options.query_secrets);
        keys.reset(span.attributes.len());
        let query = match span.span_kind {
            SpanKind::Client => options.client_query,
            _ => options.server_query,
        };
        Self {
            reader: Reader {
                span,
                facts,
                obfuscation: options.obfuscation,
                query,
                slots: [None; Attribute::COUNT],
                noted: facts.noted,
                keys,
                scope_keys,
            },
            writer: Writer { sink, redactor, written: AttributeSet::EMPTY, text, query },
            late: AttributeSet::EMPTY,
            nested_keys,
            scope,
            left_out,
            error_text,
            error: Found::default(),
            clashes: false,
            gen_ai: false,
        }
    }

    /// Returns the attributes of span and resource, once those of the span are walked.
    pub(super) fn lookup(&self) -> Lookup<'_, 'a> {
        self.reader.lookup()
    }

    /// Completes the span.
    pub(super) fn finish(self, fields: &Fields<'_>) {
        self.writer.sink.finish(fields);
    }

    /// Notes the attributes of the span that have a row, and writes those that need no decision.
    pub(super) fn span_attributes(&mut self) {
        for (entry, attribute) in self.reader.span.attributes.iter().enumerate().rev() {
            match attributes::find(attribute.key.as_str()) {
                Some((known, rule)) => self.known(known, rule, &attribute.value),
                None => self.foreign(entry, attribute),
            }
        }
    }

    fn known(&mut self, known: Attribute, rule: Rule, value: &'a Value) {
        let Reader { slots, noted, obfuscation, query, .. } = &mut self.reader;
        let slot = &mut slots[known as usize];
        if slot.is_some() {
            return;
        }
        *slot = Some(value);
        noted.insert(known);
        match rule {
            Rule::Tag => self.copy(known, value),
            Rule::Statement(_) | Rule::Driver if *obfuscation == Obfuscation::Agent => {
                self.copy(known, value);
            }
            Rule::Query if *query == Query::Kept => self.copy(known, value),
            Rule::Statement(_) | Rule::Driver | Rule::Late => _ = self.late.insert(known),
            Rule::Rename(target) => _ = self.late.insert(target),
            Rule::Note | Rule::Query => {}
        }
    }

    fn foreign(&mut self, entry: usize, attribute: &'a KeyValue) {
        let Self { reader, writer, .. } = self;
        let name = Name::of(attribute.key.as_str());
        if name.is_removed(reader.obfuscation) {
            return;
        }
        self.gen_ai |= name.is_gen_ai();
        let hash = name_hash(&name, writer.text);
        if !reader.note(hash, entry, &name) || says_nothing(attribute) {
            return;
        }
        let value = &attribute.value;
        // Some numbers decide something, whatever their type.
        let decisive = || if name.is_number() { lookup::decisive(value) } else { None };
        if let Some(number) = lookup::number(value).or_else(decisive) {
            writer.foreign_number(&name, number);
        } else if !reader.in_scope(hash, &name) {
            self.clashes |= reader.facts.has_tag(hash, &name);
            writer.put_foreign(&name, value);
        }
    }

    /// Copies an attribute under its own name: a number as a metric, anything else as a text tag.
    #[inline]
    fn copy(&mut self, known: Attribute, value: &'a Value) {
        match lookup::number(value) {
            Some(number) => self.writer.number(known, number),
            None if is_empty(value) || is_no_stack(known.key(), value) => {}
            None => self.writer.put_value(known, value),
        }
    }

    /// Writes what nobody else wrote: attributes kept for later, tags of the resource.
    pub(super) fn remaining_tags(&mut self) {
        while let Some(known) = self.late.pop() {
            if let Some(value) = self.reader.own(known) {
                self.copy(known, value);
            }
        }
        let Self { reader, writer, .. } = self;
        let facts = reader.facts;
        // One copy for all tags of the resource, where the span has none of their names.
        if !self.clashes && !writer.written.meets(&facts.known) {
            return writer.sink.prepared(&facts.block);
        }
        for tag in &facts.tags {
            let is_taken = match tag.known {
                Some(known) => writer.written.has(known),
                None => reader.is_taken(tag.hash, &tag.name),
            };
            if !is_taken {
                writer.sink.prepared(&tag.prepared);
            }
        }
    }

    /// Writes a text tag; an attribute of that name on the span gives way, unless it is a number.
    fn force(&mut self, known: Attribute, content: Content<'_>) {
        self.take_number(known);
        self.late.remove(known);
        self.writer.put(known, content);
    }

    /// Writes a text tag; an attribute of that name on the span comes first.
    fn put_default(&mut self, known: Attribute, content: Content<'_>) {
        let own = self.reader.own_text(known);
        if own.is_some() {
            self.late.remove(known);
        }
        self.writer.put(known, own.map_or(content, Content::Raw));
    }

    /// Writes a metric; an attribute of its name on the span that reads as a number comes first.
    fn number_or(&mut self, known: Attribute, number: Option<f64>) {
        let own = self.lookup().span_number(known);
        if own.is_some() {
            self.late.remove(known);
        }
        if let Some(number) = own.or(number) {
            self.writer.number(known, number);
        }
    }

    /// Writes an attribute that is a number as a metric of its name.
    #[inline]
    fn take_number(&mut self, known: Attribute) {
        if let Some(number) = self.reader.own(known).and_then(lookup::number) {
            self.late.remove(known);
            self.writer.number(known, number);
        }
    }
}

/// Returns the hash of a name as it is written.
#[inline]
fn name_hash(name: &Name<'_>, buffer: &mut String) -> u64 {
    use std::fmt::Write as _;

    if let Some(plain) = name.plain() {
        return hash(plain.as_bytes());
    }
    buffer.clear();
    write!(buffer, "{name}").expect("writing to a String cannot fail");
    hash(buffer.as_bytes())
}

/// Returns true if an attribute is no tag.
#[inline]
fn says_nothing(attribute: &KeyValue) -> bool {
    is_empty(&attribute.value) || is_no_stack(attribute.key.as_str(), &attribute.value)
}

#[inline]
fn is_empty(value: &Value) -> bool {
    matches!(value, Value::String(text) if text.as_str().is_empty())
}
