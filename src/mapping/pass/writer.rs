//! [`Writer`]: the tags of one span, each name once.

use opentelemetry::Value;

use super::is_empty;
use crate::encoding::{Sink, Text};
use crate::mapping::attributes::{Attribute, AttributeSet};
use crate::mapping::obfuscate::Query;
use crate::mapping::redact::Redactor;
use crate::mapping::tags::{Name, clipped};

/// The text of a tag, by its origin.
#[derive(Clone, Copy)]
pub(super) enum Content<'t> {
    /// A text from outside: secrets are taken out.
    Raw(&'t str),
    /// A text of ours, or one without its secrets.
    Safe(&'t str),
    /// A text of ours in pieces.
    Pieces(Text<'t>),
}

/// Writes the tags of one span.
pub(super) struct Writer<'p, S> {
    pub(super) sink: S,
    pub(super) redactor: &'p mut Redactor,
    /// Names with a row whose text tag is written.
    pub(super) written: AttributeSet,
    /// Room for one text.
    pub(super) text: &'p mut String,
    /// The rule for the query string of a URL.
    pub(super) query: Query,
}

impl<S: Sink> Writer<'_, S> {
    /// Takes the name of a text tag; returns false if it is taken.
    pub(super) fn claim(&mut self, known: Attribute) -> bool {
        self.written.insert(known)
    }

    /// Writes a text tag, unless one of that name is written.
    pub(super) fn put(&mut self, known: Attribute, content: Content<'_>) {
        if !self.claim(known) {
            return;
        }
        match content {
            Content::Raw(text) => write_tag(&mut self.sink, known, self.redactor.shown(text)),
            Content::Safe(text) => write_tag(&mut self.sink, known, text),
            Content::Pieces(text) => self.sink.meta(Text::Plain(known.key()), text),
        }
    }

    /// Writes the text that `redact` returns as a tag, unless one of that name is written.
    pub(super) fn put_redacted<'t>(
        &'t mut self,
        known: Attribute,
        redact: impl FnOnce(&'t mut Redactor) -> Option<&'t str>,
    ) {
        let Some(text) = redact(self.redactor) else { return };
        if self.written.insert(known) {
            write_tag(&mut self.sink, known, text);
        }
    }

    /// Writes a value as a text tag, unless one of that name is written.
    pub(super) fn put_value(&mut self, known: Attribute, value: &Value) {
        let shown = self.redactor.tag(Some(known), value, self.query, self.text);
        // Of some texts nothing may be shown.
        if (!shown.is_empty() || is_empty(value)) && self.written.insert(known) {
            write_tag(&mut self.sink, known, shown);
        }
    }

    /// Writes a value as a text tag without a row.
    pub(super) fn put_foreign(&mut self, name: &Name<'_>, value: &Value) {
        let (value, mark) = clipped(self.redactor.tag(None, value, self.query, self.text));
        match (name.plain(), mark) {
            (Some(plain), "") => self.sink.text(plain, value),
            _ => self.sink.meta(
                Text::Shown(format_args!("{name}")),
                Text::Shown(format_args!("{value}{mark}")),
            ),
        }
    }

    /// Writes a metric.
    pub(super) fn number(&mut self, known: Attribute, number: f64) {
        self.sink.metric(Text::Plain(known.key()), number);
    }

    /// Writes a metric without a row.
    pub(super) fn foreign_number(&mut self, name: &Name<'_>, number: f64) {
        match name.plain() {
            Some(plain) => self.sink.metric(plain.into(), number),
            None => self.sink.metric(Text::Shown(format_args!("{name}")), number),
        }
    }
}

/// Writes a text tag that has a row.
fn write_tag(sink: &mut impl Sink, known: Attribute, text: &str) {
    match clipped(text) {
        (text, "") => sink.tag(known.key(), text),
        (text, mark) => {
            sink.meta(Text::Plain(known.key()), Text::Shown(format_args!("{text}{mark}")));
        }
    }
}
