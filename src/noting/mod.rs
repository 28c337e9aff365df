//! [`Noting`]: a [`Sink`] that notes, beside another one, what statistics and span rules have to know of a span.
//!
//! So a span is mapped once, and the notes see exactly what is sent. They stand in memory that is reused; once a chunk
//! is complete [`Notes::end`] books them and decides whether the chunk is sent. Not here: bytes, and OpenTelemetry.

mod keys;
mod span;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::encoding::{Fate, Fields, Origin, Prepared, Sink, Text};
use crate::sampling::{KeptSpan, SpanRules};
use crate::stats::{Concentrator, Counted, Key, OmittedP0s, Parts, Rules};
use keys::{Keys, MECHANISM};
use span::{Finished, Span};

/// Memory of texts that is kept, whatever comes next, in bytes: of a few thousand usual spans.
const KEPT_BYTES: usize = 1024 * 1024;

/// Takes the literals out of a resource of a type, as the Agent would; nothing if it stays as it is.
pub(crate) trait Quantise {
    /// Appends the resource by which a span of this type is counted, or returns false.
    fn quantise(&mut self, span_type: &str, resource: &str, out: &mut String) -> bool;
}

/// The spans that were mapped and not yet decided about, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    keys: Option<Keys>,
    span: Span,
    /// The texts of the keys of spans.
    texts: String,
    mapped: Vec<Note>,
    /// Of each span of the chunk that ended last: true if it is sent alone.
    alone: Vec<bool>,
    /// The priority of the chunk, as far as it is known.
    priority: Option<f64>,
    omitted: Omitted,
}

/// Spans that are not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Omitted {
    pub(crate) spans: u64,
    /// Those of priority 0.
    pub(crate) p0s: OmittedP0s,
}

/// A span that was mapped.
#[derive(Clone, Copy, Debug)]
struct Note {
    /// First byte of its key among the texts, and first byte behind it. Nothing if it does not count.
    text: Option<(u32, u32)>,
    parts: Parts,
    http_status: u32,
    /// True if the Agent takes it for the root of its chunk.
    is_root: bool,
    finished: Finished,
}

impl Notes {
    /// Looks for what these rules ask for, from now on. No span may be open.
    pub(crate) fn follow(
        &mut self,
        rules: Option<&Arc<Rules>>,
        span_rules: Option<&Arc<SpanRules>>,
    ) {
        let is_same = |keys: &Keys| match (&keys.rules, rules) {
            (Some(known), Some(new)) => Arc::ptr_eq(known, new),
            (None, None) => true,
            _ => false,
        };
        if !self.keys.as_ref().is_some_and(is_same) {
            self.keys = Some(Keys::new(rules.cloned(), span_rules.cloned()));
        }
        // A panic may have left something behind.
        self.mapped.clear();
        self.texts.clear();
        self.omitted = Omitted::default();
    }

    /// Returns the spans of the batch that are not sent.
    pub(crate) fn omitted(&self) -> Omitted {
        self.omitted
    }

    /// Gives memory back that unusual spans left over.
    pub(crate) fn shrink(&mut self) {
        self.texts.shrink_to(KEPT_BYTES);
        self.mapped.shrink_to(KEPT_BYTES / size_of::<Note>());
        self.alone.shrink_to(KEPT_BYTES);
        self.span.shrink(KEPT_BYTES);
    }

    /// Ends a chunk of the oldest spans: books it and decides about it.
    pub(crate) fn end(
        &mut self,
        spans: u32,
        origin: &Origin,
        stats: &Mutex<Concentrator>,
        now: impl FnOnce() -> u64,
    ) -> Fate<'_> {
        let Self { keys, texts, mapped, alone, omitted, priority: of_head, .. } = self;
        let Some(rules) = keys.as_ref().and_then(|keys| keys.rules.as_ref()) else {
            forget(mapped, texts, spans);
            return Fate::Keep;
        };
        let chunk = &mapped[..mapped.len().min(spans as usize)];
        let Some(head) = chunk.first() else { return Fate::Keep };
        let root = chunk.iter().find(|note| note.is_root).unwrap_or(head).finished;
        let is_filtered = root.is_rejected || root.required != rules.all_required();
        if !is_filtered {
            let counted = chunk.iter().filter_map(|note| note.counted(texts, root.is_synthetic));
            let mut stats = stats.lock().unwrap_or_else(PoisonError::into_inner);
            stats.book((&origin.env, &origin.version), root.weight(), counted, now());
        }
        let said = chunk.iter().find_map(|note| note.finished.priority);
        // Of a trace that is cut only the first chunk has a span that says it.
        let priority = root.priority.or(said).or(*of_head);
        let has_error = chunk.iter().any(|note| note.finished.is_error);
        let is_rejected = priority.is_some_and(|p| p < 0.0 || p < 1.0 && !has_error);
        alone.clear();
        alone.extend(chunk.iter().map(|note| note.finished.is_alone));
        let kept = alone.iter().filter(|alone| **alone).count() as u64;
        forget(mapped, texts, spans);
        if is_filtered {
            omitted.spans += u64::from(spans);
            return Fate::Omit;
        }
        if !is_rejected {
            return Fate::Keep;
        }
        omitted.spans += u64::from(spans) - kept;
        if priority.is_some_and(|priority| priority >= 0.0) {
            omitted
                .p0s
                .add(OmittedP0s { chunks: u64::from(kept == 0), spans: u64::from(spans) - kept });
        }
        match kept {
            0 => Fate::Omit,
            _ if kept == u64::from(spans) => Fate::Keep,
            _ => Fate::Thin(alone),
        }
    }
}

/// Forgets the oldest spans.
fn forget(mapped: &mut Vec<Note>, texts: &mut String, spans: u32) {
    mapped.drain(..mapped.len().min(spans as usize));
    if mapped.is_empty() {
        texts.clear();
    }
}

impl Note {
    /// Returns what is counted of the span; nothing if it does not count.
    fn counted<'t>(&self, texts: &'t str, synthetics: bool) -> Option<Counted<'t>> {
        let (from, to) = self.text?;
        let Finished { end, duration, is_error, is_top_level, has_parent, .. } = self.finished;
        let text = &texts[from as usize..to as usize];
        let root = if has_parent { 2 } else { 1 };
        let key = Key { text, parts: self.parts, http_status: self.http_status, root, synthetics };
        Some(Counted { key, end, duration, is_error, is_top_level })
    }
}

/// Notes a span while it is written.
#[derive(Debug)]
pub(crate) struct Noting<'n, S, Q> {
    sink: S,
    notes: &'n mut Notes,
    quantise: Option<&'n mut Q>,
    is_root: bool,
}

impl<'n, S, Q> Noting<'n, S, Q> {
    /// Starts a span. `is_head`: it begins a chunk; `is_root`: the Agent takes it for the root of the chunk.
    pub(crate) fn new(
        sink: S,
        notes: &'n mut Notes,
        (is_head, is_root): (bool, bool),
        quantise: Option<&'n mut Q>,
    ) -> Self {
        notes.span.start(notes.keys.as_ref().map_or(0, |keys| keys.rule_tags.len()));
        if is_head {
            notes.priority = None;
        }
        Self { sink, notes, quantise, is_root }
    }
}

impl Notes {
    /// Notes a tag; returns false if nobody looks for it.
    fn text(&mut self, key: &str, value: &str) -> bool {
        let Self { keys: Some(keys), span, .. } = self else { return false };
        let roles = keys.find(key);
        if let Some(roles) = roles {
            span.text(roles, key, value, keys.rules.as_deref());
        }
        roles.is_some()
    }

    fn number(&mut self, key: &str, value: f64) {
        let Self { keys: Some(keys), span, .. } = self else { return };
        if let Some(roles) = keys.find(key) {
            span.number(roles, key, value, keys.rules.as_deref());
        }
    }

    /// Notes a tag whose name or value has to be formatted.
    fn shown(&mut self, key: Text<'_>, value: Text<'_>) {
        let Self { keys: Some(keys), span, .. } = self else { return };
        let mut buffers = span.take_buffers();
        let (name, text) = &mut buffers;
        let key = key.as_str(name);
        if let Some(roles) = keys.find(key) {
            span.text(roles, key, value.as_str(text), keys.rules.as_deref());
        }
        span.put_buffers(buffers);
    }

    /// Asks the span rules about a span that is finished but for their numbers.
    fn keep(&self, fields: &Fields<'_>) -> Option<KeptSpan> {
        let keys = self.keys.as_ref()?;
        let rules = keys.span_rules.as_ref()?;
        let is_rejected = self.priority.is_some_and(|priority| priority < 1.0);
        if !is_rejected || self.span.is_alone() {
            return None;
        }
        let named = self.span.named(fields, &keys.rule_tags);
        rules.keep(&named, (fields.span_id, fields.error != 0), Instant::now)
    }

    fn finish(
        &mut self,
        fields: &Fields<'_>,
        is_root: bool,
        mut quantise: Option<&mut impl Quantise>,
    ) {
        let Self { keys: Some(keys), span, texts, mapped, .. } = self else { return };
        let finished = span.finish(fields);
        let rules = keys.rules.as_deref().filter(|rules| span.counts(rules));
        let from = u32::try_from(texts.len()).unwrap_or(u32::MAX);
        let mut parts = Parts::default();
        if let Some(rules) = rules {
            let start = texts.len();
            for (at, part) in parts.iter_mut().enumerate() {
                let mut quantise = quantise.as_deref_mut().filter(|_| at == span::RESOURCE);
                let is_written = quantise.as_mut().is_some_and(|quantise| {
                    quantise.quantise(fields.span_type, fields.resource, texts)
                });
                if !is_written {
                    span.push_part(at, fields, rules, texts);
                }
                *part = u32::try_from(texts.len() - start).unwrap_or(u32::MAX);
            }
        }
        let to = u32::try_from(texts.len()).unwrap_or(u32::MAX);
        mapped.push(Note {
            text: rules.map(|_| (from, to)),
            parts,
            http_status: span.http_status(),
            is_root,
            finished,
        });
    }
}

impl<S: Sink<Prepared = Prepared>, Q: Quantise> Sink for Noting<'_, S, Q> {
    type Prepared = Prepared;

    fn prepare(tags: &[(&str, &str)]) -> Prepared {
        S::prepare(tags)
    }

    fn tag(&mut self, key: &'static str, value: &str) {
        self.notes.text(key, value);
        self.sink.tag(key, value);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.notes.text(key, value);
        self.sink.text(key, value);
    }

    fn meta(&mut self, key: Text<'_>, value: Text<'_>) {
        self.notes.shown(key, value);
        self.sink.meta(key, value);
    }

    fn prepared(&mut self, tags: &Prepared) {
        if let Some(Keys { question, .. }) = self.notes.keys {
            let mut is_answer = false;
            let texts = tags.texts(question);
            for (key, value) in texts {
                is_answer |= self.notes.text(key, value);
            }
            if !is_answer && !texts.is_empty() {
                tags.answers_nothing(question);
            }
        }
        self.sink.prepared(tags);
    }

    fn metric(&mut self, key: Text<'_>, value: f64) {
        match key {
            Text::Str(key) => self.notes.number(key, value),
            shown => {
                let mut buffers = self.notes.span.take_buffers();
                self.notes.number(shown.as_str(&mut buffers.0), value);
                self.notes.span.put_buffers(buffers);
            }
        }
        self.sink.metric(key, value);
    }

    fn finish(mut self, fields: &Fields<'_>) {
        self.notes.priority = self.notes.priority.or(self.notes.span.priority());
        if let Some(KeptSpan { rate, max_per_second }) = self.notes.keep(fields) {
            /// The number of single-span sampling among Datadog's mechanisms.
            const SINGLE_SPAN: f64 = 8.0;

            self.metric(Text::Plain(MECHANISM), SINGLE_SPAN);
            self.sink.metric(Text::Plain("_dd.span_sampling.rule_rate"), rate);
            if let Some(most) = max_per_second {
                self.sink.metric(Text::Plain("_dd.span_sampling.max_per_second"), most);
            }
        }
        let Self { sink, notes, quantise, is_root } = self;
        notes.finish(fields, is_root, quantise);
        sink.finish(fields);
    }
}

#[cfg(test)]
mod tests;
