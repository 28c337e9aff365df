//! The pass over the tags of one span.
//!
//! Names with a row are tracked in two sets (`written`: no second tag of that name; `late`:
//! to be written after the pass), all other names in a [`KeySet`]. Attributes are walked from the
//! last to the first, so the first of a name that is met is the one that wins.

mod decided;
mod sampled;
mod scope;

use opentelemetry::trace::SpanKind;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::attributes::{self, Attribute, AttributeSet, Rule};
use super::errors::{Found, is_no_stack};
use super::key_set::{KeySet, hash};
use super::lookup::{self, Lookup, Slots, string};
use super::obfuscate::Query;
use super::redact::Redactor;
use super::resource::ResourceFacts;
use super::tags::{Name, clipped};
use super::{Obfuscation, Options, text};
use crate::encoding::{Sink, Text};

/// What was derived from the attributes of the span, and where it goes.
pub(super) struct Pass<'p, 'a, S: Sink> {
    span: &'a SpanData,
    facts: &'a ResourceFacts<S::Prepared>,
    obfuscation: Obfuscation,
    /// What becomes of the query string of a URL.
    query: Query,
    slots: Slots<&'a Value>,
    /// Names with a row that span or resource have.
    noted: AttributeSet,
    /// Names with a row whose text tag is written.
    written: AttributeSet,
    /// Names with a row whose attribute is not written yet.
    late: AttributeSet,
    keys: &'p mut KeySet,
    scope_keys: &'p mut KeySet,
    /// For the attributes of events and links.
    nested_keys: &'p mut KeySet,
    scope: &'p mut ScopeTags<S::Prepared>,
    left_out: &'p mut Option<String>,
    redactor: &'p mut Redactor,
    text: &'p mut String,
    /// The texts of the error tags.
    error_text: &'p mut String,
    /// How they stand there.
    error: Found<'a>,
    /// Whether an attribute may have the name of a resource tag.
    clashes: bool,
    /// Whether the span has an attribute of the AI conventions.
    pub(super) gen_ai: bool,
    pub(super) sink: S,
}

/// What one span after the other uses.
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
        Self {
            span,
            facts,
            obfuscation: options.obfuscation,
            query: match span.span_kind {
                SpanKind::Client => options.client_query,
                _ => options.server_query,
            },
            slots: [None; Attribute::COUNT],
            noted: facts.noted,
            written: AttributeSet::EMPTY,
            late: AttributeSet::EMPTY,
            keys,
            scope_keys,
            nested_keys,
            scope,
            left_out,
            redactor,
            text,
            error_text,
            error: Found::default(),
            clashes: false,
            gen_ai: false,
            sink,
        }
    }

    /// What the span and its resource know, once the attributes are walked.
    pub(super) fn lookup(&self) -> Lookup<'_, 'a> {
        Lookup { span: &self.slots, resource: &self.facts.slots, noted: self.noted }
    }

    /// Notes the attributes of the span that have a row, and writes those that need no decision.
    pub(super) fn span_attributes(&mut self) {
        for (entry, attribute) in self.span.attributes.iter().enumerate().rev() {
            match attributes::find(attribute.key.as_str()) {
                Some((known, rule)) => self.known(known, rule, &attribute.value),
                None => self.foreign(entry, attribute),
            }
        }
    }

    fn known(&mut self, known: Attribute, rule: Rule, value: &'a Value) {
        let slot = &mut self.slots[known as usize];
        if slot.is_some() {
            return;
        }
        *slot = Some(value);
        self.noted.insert(known);
        match rule {
            Rule::Tag => self.plain(known, value),
            Rule::Statement(_) | Rule::Driver if self.obfuscation == Obfuscation::Agent => {
                self.plain(known, value);
            }
            Rule::Query if self.query == Query::Kept => self.plain(known, value),
            Rule::Statement(_) | Rule::Driver | Rule::Late => _ = self.late.insert(known),
            Rule::Rename(target) => _ = self.late.insert(target),
            Rule::Note | Rule::Query => {}
        }
    }

    fn foreign(&mut self, entry: usize, attribute: &'a KeyValue) {
        let name = Name::of(attribute.key.as_str());
        if name.is_removed(self.obfuscation) {
            return;
        }
        self.gen_ai |= name.is_gen_ai();
        let hash = name_hash(&name, self.text);
        let list = &self.span.attributes;
        let same = |other: usize| Name::of(list[other].key.as_str()).same_as(&name);
        if !self.keys.insert(hash, entry, same) {
            return;
        }
        match &attribute.value {
            _ if says_nothing(attribute) => {}
            value => match lookup::number(value) {
                Some(number) => match name.plain() {
                    Some(plain) => self.sink.metric(plain.into(), number),
                    None => self.sink.metric(Text::Shown(format_args!("{name}")), number),
                },
                None if name.is_number() && self.write_number(&name, value) => {}
                None if self.in_scope(hash, &name) => {}
                None => {
                    self.clashes |= self.facts.has_tag(hash, &name);
                    self.write_value(&name, value);
                }
            },
        }
    }

    /// Writes a number that decides something, whatever its type; says whether it is one.
    fn write_number(&mut self, name: &Name<'_>, value: &Value) -> bool {
        let number = lookup::decisive(value);
        if let Some(number) = number {
            self.sink.metric(Text::Shown(format_args!("{name}")), number);
        }
        number.is_some()
    }

    /// Writes an attribute under its own name: a number as a metric, anything else as a text tag.
    #[inline]
    fn plain(&mut self, known: Attribute, value: &'a Value) {
        match lookup::number(value) {
            Some(number) => self.sink.metric(Text::Plain(known.key()), number),
            None if is_empty(value) || is_no_stack(known.key(), value) => {}
            None => self.put_value(known, value),
        }
    }

    /// Writes what nobody else wrote: attributes kept for later, tags of the resource.
    pub(super) fn remaining_tags(&mut self) {
        while let Some(known) = self.late.pop() {
            if let Some(value) = self.slots[known as usize] {
                self.plain(known, value);
            }
        }
        let facts = self.facts;
        // One copy for all tags of the resource, where the span has none of their names.
        let block = if !self.clashes && !self.written.meets(&facts.known) {
            Some(&facts.block)
        } else {
            None
        };
        if let Some(block) = block {
            self.sink.prepared(block);
        }
        for tag in facts.tags.iter().filter(|_| block.is_none()) {
            let taken = match tag.known {
                Some(known) => self.written.has(known),
                None => self.is_taken(tag.hash, &tag.name),
            };
            if !taken {
                self.sink.prepared(&tag.prepared);
            }
        }
    }

    /// Returns which attribute of the span, of those without a row, has this name.
    fn entry(&self, hash: u64, name: &Name<'_>) -> Option<usize> {
        let list = &self.span.attributes;
        self.keys.get(hash, |entry| Name::of(list[entry].key.as_str()).same_as(name))
    }

    /// Whether a tag of this name is written already.
    fn is_taken(&self, hash: u64, name: &str) -> bool {
        let name = Name::of(name);
        let is_tag = |attribute: &KeyValue| {
            lookup::number(&attribute.value).is_none() && !says_nothing(attribute)
        };
        let by_span = self.entry(hash, &name).is_some_and(|at| is_tag(&self.span.attributes[at]));
        by_span || self.in_scope(hash, &name)
    }

    /// Whether span, scope or resource have a text tag of this name, which has no row.
    fn is_named(&self, name: &str) -> bool {
        let hash = hash(name);
        self.is_taken(hash, name) || self.facts.has_tag(hash, &Name::of(name))
    }

    /// Writes a text tag; an attribute of that name on the span gives way, unless it is a number.
    fn force(&mut self, known: Attribute, text: &str) {
        self.take_number(known);
        self.late.remove(known);
        self.put(known, text);
    }

    /// Writes a text tag; an attribute of that name on the span comes first.
    fn put_default(&mut self, known: Attribute, text: &str) {
        let attribute = self.slots[known as usize].and_then(string);
        if attribute.is_some() {
            self.late.remove(known);
        }
        self.put(known, attribute.unwrap_or(text));
    }

    /// As [`Self::put_default`], for a text that is redacted already.
    fn put_default_redacted(&mut self, known: Attribute, text: &str) {
        match self.slots[known as usize].and_then(string) {
            Some(own) => self.put_default(known, own),
            None => self.put_redacted(known, text),
        }
    }

    /// As [`Self::put_default`], for a text that is not a plain one.
    fn put_default_text(&mut self, known: Attribute, text: Text<'_>) {
        match self.slots[known as usize].and_then(string) {
            Some(own) => self.put_default(known, own),
            None => self.put_text(known, text),
        }
    }

    /// Writes a text tag unless one of that name is written.
    #[inline]
    fn put(&mut self, known: Attribute, text: &str) {
        if self.claim(known) {
            write_tag(&mut self.sink, known, self.redactor.shown(text));
        }
    }

    /// As [`Self::put`], for a text that is redacted already.
    #[inline]
    fn put_redacted(&mut self, known: Attribute, text: &str) {
        if self.claim(known) {
            write_tag(&mut self.sink, known, text);
        }
    }

    /// Takes the name of a text tag; false if it is taken.
    #[inline]
    fn claim(&mut self, known: Attribute) -> bool {
        self.written.insert(known)
    }

    fn put_value(&mut self, known: Attribute, value: &Value) {
        let shown = self.redactor.tag(Some(known), value, self.query, self.text);
        // Of some texts nothing may be shown.
        if (!shown.is_empty() || is_empty(value)) && self.written.insert(known) {
            write_tag(&mut self.sink, known, shown);
        }
    }

    #[inline]
    fn put_text(&mut self, known: Attribute, text: Text<'_>) {
        if self.claim(known) {
            self.sink.meta(Text::Plain(known.key()), text);
        }
    }

    /// Writes a text tag that has no row.
    #[inline]
    fn write_value(&mut self, name: &Name<'_>, value: &Value) {
        let (value, mark) = clipped(self.redactor.tag(None, value, self.query, self.text));
        match (name.plain(), mark) {
            (Some(plain), "") => self.sink.text(plain, value),
            _ => self.sink.meta(
                Text::Shown(format_args!("{name}")),
                Text::Shown(format_args!("{value}{mark}")),
            ),
        }
    }

    /// Writes a metric; an attribute of its name on the span that reads as a number comes first.
    fn number_or(&mut self, known: Attribute, number: Option<f64>) {
        let own = self.lookup().span_number(known);
        if own.is_some() {
            self.late.remove(known);
        }
        if let Some(number) = own.or(number) {
            self.sink.metric(Text::Plain(known.key()), number);
        }
    }

    /// Writes an attribute that is a number as a metric of its name; says whether it was one.
    #[inline]
    fn take_number(&mut self, known: Attribute) -> bool {
        let number = self.slots[known as usize].and_then(lookup::number);
        if let Some(number) = number {
            self.late.remove(known);
            self.sink.metric(Text::Plain(known.key()), number);
        }
        number.is_some()
    }
}

/// Returns the hash of a name as it is written.
#[inline]
fn name_hash(name: &Name<'_>, buffer: &mut String) -> u64 {
    use std::fmt::Write as _;

    if let Some(plain) = name.plain() {
        return hash(plain);
    }
    buffer.clear();
    write!(buffer, "{name}").expect("writing to a String cannot fail");
    hash(buffer)
}

/// Whether an attribute is no tag.
#[inline]
fn says_nothing(attribute: &KeyValue) -> bool {
    is_empty(&attribute.value) || is_no_stack(attribute.key.as_str(), &attribute.value)
}

/// Writes a text tag that has a row.
#[inline]
fn write_tag(sink: &mut impl Sink, known: Attribute, text: &str) {
    match clipped(text) {
        (text, "") => sink.tag(known.key(), text),
        (text, mark) => {
            sink.meta(Text::Plain(known.key()), Text::Shown(format_args!("{text}{mark}")));
        }
    }
}

#[inline]
fn is_empty(value: &Value) -> bool {
    matches!(value, Value::String(text) if text.as_str().is_empty())
}
