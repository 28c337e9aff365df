//! [`SpanWriter`]: a [`Sink`] that writes one span object in any [`Wire`].
//!
//! `meta` goes straight into the body. `metrics` go, already encoded, into a second buffer that every
//! span reuses; [`Sink::finish`] appends it. The order of fields in the object is free, so what
//! depends on the attributes (name, resource, type) comes last and one pass over them is enough.

use std::marker::PhantomData;

use super::{Fields, Sink, Text, Wire};

/// Fields of a span object: those of [`Fields`], `meta` and `metrics`.
const FIELD_COUNT: u32 = 12;

/// What the spans of an exporter reuse.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    metrics: Vec<u8>,
    metrics_at: usize,
}

impl Buffers {
    /// Where the first metric of the span written last is in the body.
    pub(crate) fn metrics_at(&self) -> usize {
        self.metrics_at
    }
}

/// Encoded entries, with separators between them.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    bytes: Vec<u8>,
    len: u32,
}

/// Writes one span at the end of a body.
#[derive(Debug)]
pub(crate) struct SpanWriter<'b, W> {
    body: &'b mut Vec<u8>,
    metrics: &'b mut Vec<u8>,
    first_metric: &'b mut usize,
    span_at: usize,
    meta_at: usize,
    meta_len: u32,
    metrics_len: u32,
    wire: PhantomData<W>,
}

impl<'b, W: Wire> SpanWriter<'b, W> {
    /// Starts a span object at the end of `body`.
    pub(crate) fn new(body: &'b mut Vec<u8>, buffers: &'b mut Buffers) -> Self {
        let Buffers { metrics, metrics_at: first_metric } = buffers;
        metrics.clear();
        let start = body.len();
        let span_at = W::open_map(body);
        W::item(body, 0);
        W::key(body, Text::Plain("meta"));
        let meta_at = W::open_map(body);
        debug_assert_eq!(body.len() - start, W::META_AT, "delivery adds entries here");
        Self {
            body,
            metrics,
            first_metric,
            span_at,
            meta_at,
            meta_len: 0,
            metrics_len: 0,
            wire: PhantomData,
        }
    }

    #[inline]
    fn field(&mut self, key: &'static str) -> &mut Vec<u8> {
        W::item(self.body, 1);
        W::key(self.body, Text::Plain(key));
        self.body
    }
}

impl<W: Wire> Sink for SpanWriter<'_, W> {
    type Prepared = Prepared;

    fn prepare(tags: &[(&str, &str)]) -> Prepared {
        let mut prepared = Prepared::default();
        for (key, value) in tags {
            W::entry(&mut prepared.bytes, prepared.len, key, value);
            prepared.len += 1;
        }
        prepared
    }

    #[inline]
    fn tag(&mut self, key: &'static str, value: &str) {
        W::tag(self.body, self.meta_len, key, value);
        self.meta_len += 1;
    }

    #[inline]
    fn text(&mut self, key: &str, value: &str) {
        W::entry(self.body, self.meta_len, key, value);
        self.meta_len += 1;
    }

    fn meta(&mut self, key: Text<'_>, value: Text<'_>) {
        W::item(self.body, self.meta_len);
        W::key(self.body, key);
        W::text(self.body, value);
        self.meta_len += 1;
    }

    fn prepared(&mut self, tags: &Prepared) {
        if tags.len > 0 {
            W::item(self.body, self.meta_len);
            self.body.extend_from_slice(&tags.bytes);
            self.meta_len += tags.len;
        }
    }

    #[inline]
    fn metric(&mut self, key: Text<'_>, value: f64) {
        W::item(self.metrics, self.metrics_len);
        W::key(self.metrics, key);
        W::float(self.metrics, value);
        self.metrics_len += 1;
    }

    fn finish(mut self, fields: &Fields<'_>) {
        W::close_map(self.body, self.meta_at, self.meta_len);
        let metrics_at = W::open_map(self.field("metrics"));
        *self.first_metric = self.body.len();
        self.body.extend_from_slice(self.metrics);
        W::close_map(self.body, metrics_at, self.metrics_len);

        for (key, value) in [
            ("service", fields.service),
            ("name", fields.name),
            ("resource", fields.resource),
            ("type", fields.span_type),
        ] {
            W::tag(self.body, 1, key, value);
        }
        W::uint(self.field("trace_id"), fields.trace_id);
        W::uint(self.field("span_id"), fields.span_id);
        W::uint(self.field("parent_id"), fields.parent_id);
        W::int(self.field("start"), fields.start);
        W::int(self.field("duration"), fields.duration);
        W::int(self.field("error"), fields.error.into());
        W::close_map(self.body, self.span_at, FIELD_COUNT);
    }
}
