//! The spans of a batch -> payloads, in which each chunk has its place.
//!
//! The Agent takes env and version of a request from its chunks, for all of them: so chunks that
//! differ in either go to different payloads. (The host name is the same for the whole process.) A
//! chunk is written at the end of the payload that was used last and moved if it turns out to belong
//! elsewhere, which is rare. A chunk that reaches the limit ends before the span that crosses it, and that
//! span becomes the head of the next chunk. Once a chunk is complete its writer decides its fate: it stays, it is
//! thinned to some of its spans, or its bytes are cut off before anything else sees them.

use std::collections::HashMap;

use super::{BRACKETS, Origin, Payload, count, reader};
use crate::encoding::{Buffers, SpanWriter, Wire};

/// Facts that the mapping tells about the chunk that it writes.
#[derive(Debug, Default)]
pub(crate) struct ChunkFacts {
    origin: Origin,
    /// The same of the span written last, and whether it is the root of its trace.
    said: (Origin, bool),
}

impl ChunkFacts {
    /// Takes what a span says.
    pub(crate) fn say(&mut self, env: &str, version: &str, is_root: bool) {
        let (said, was_root) = &mut self.said;
        for (known, text) in [(&mut said.env, env), (&mut said.version, version)] {
            known.clear();
            known.push_str(text);
        }
        *was_root = is_root;
    }

    /// The last span belongs to this chunk. The root's word counts, else the first that is said: as in the
    /// Agent.
    fn join(&mut self) {
        let Self { origin, said: (said, is_root) } = self;
        for (known, said) in [(&mut origin.env, &said.env), (&mut origin.version, &said.version)] {
            if known.is_empty() || (*is_root && !said.is_empty()) {
                known.clone_from(said);
            }
        }
    }

    fn clear(&mut self) {
        self.origin.env.clear();
        self.origin.version.clear();
    }
}

/// The fate of a chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate<'k> {
    /// It is sent.
    Keep,
    /// Of each span: true if it is sent. At least one is.
    Thin(&'k [bool]),
    /// Nothing of it is sent.
    Omit,
}

/// Writes the spans of chunks.
pub(crate) trait ChunkWriter<W: Wire, T> {
    /// Maps one item into the writer that it is given, once. It is told whether the item is the head span, and tells
    /// the facts of the chunk.
    fn write(&mut self, item: &T, is_head: bool, writer: SpanWriter<'_, W>, facts: &mut ChunkFacts);

    /// Decides about the oldest spans that it wrote and did not decide about: so many are a complete chunk.
    fn end(&mut self, spans: u32, origin: &Origin) -> Fate<'_>;
}

/// Sends every chunk.
struct SendsAll<F>(F);

impl<W: Wire, T, F> ChunkWriter<W, T> for SendsAll<F>
where
    F: FnMut(&T, bool, SpanWriter<'_, W>, &mut ChunkFacts),
{
    fn write(
        &mut self,
        item: &T,
        is_head: bool,
        writer: SpanWriter<'_, W>,
        facts: &mut ChunkFacts,
    ) {
        (self.0)(item, is_head, writer, facts);
    }

    fn end(&mut self, _: u32, _: &Origin) -> Fate<'_> {
        Fate::Keep
    }
}

/// The payloads of one batch.
#[derive(Debug)]
pub(crate) struct Payloads {
    open: Vec<Payload>,
    /// The one that was used last.
    last: usize,
    /// The newest of each origin, once there are several origins: a batch may have any number of them.
    newest: HashMap<Origin, usize>,
    /// The memory of one that is done, for the first of this batch.
    spare: Option<Payload>,
    /// The most bytes of a document; only a single span may be larger.
    limit: usize,
    facts: ChunkFacts,
    buffers: Buffers,
    /// First byte of each span of the open chunk, and first byte behind it.
    spans: Vec<(usize, usize)>,
}

/// The chunk that is being written.
struct OpenChunk {
    /// First byte, with those that its wire puts before it.
    start: usize,
    /// The place of its list, for [`Wire::close_list`].
    list: usize,
}

impl Payloads {
    /// Payloads whose documents have at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            open: Vec::new(),
            last: 0,
            newest: HashMap::new(),
            spare: None,
            limit,
            facts: ChunkFacts::default(),
            buffers: Buffers::default(),
            spans: Vec::new(),
        }
    }

    /// Writes the spans of one trace as [`Self::trace_by`] does; all of them are sent.
    pub(crate) fn trace<W: Wire, T>(
        &mut self,
        items: &[T],
        write: impl FnMut(&T, bool, SpanWriter<'_, W>, &mut ChunkFacts),
    ) {
        self.trace_by::<W, T>(items, &mut SendsAll(write));
    }

    /// Writes the spans of one trace as a chunk, or as several if they exceed the limit.
    pub(crate) fn trace_by<W: Wire, T>(
        &mut self,
        items: &[T],
        writer: &mut impl ChunkWriter<W, T>,
    ) {
        let mut chunk = self.begin::<W>();
        for item in items {
            let bytes = &mut self.open[self.last].bytes;
            let before = bytes.len();
            W::item(bytes, count(self.spans.len()));
            let from = bytes.len();
            let is_head = self.spans.is_empty();
            writer.write(item, is_head, SpanWriter::new(bytes, &mut self.buffers), &mut self.facts);
            if !is_head && bytes.len() - chunk.start + BRACKETS > self.limit {
                chunk = self.cut::<W, T>(&chunk, before, from, writer);
            } else {
                self.spans.push((from, bytes.len()));
            }
            self.facts.join();
        }
        self.end::<W, T>(&chunk, writer);
    }

    /// Starts a chunk in the payload that was used last.
    fn begin<W: Wire>(&mut self) -> OpenChunk {
        if self.open.is_empty() {
            self.open.push(Payload::new(W::KIND, &Origin::default(), self.spare.take()));
        }
        self.facts.clear();
        self.spans.clear();
        let payload = &mut self.open[self.last];
        let start = payload.len();
        OpenChunk { start, list: payload.open_chunk::<W>() }
    }

    /// Ends a chunk before its last span and starts another one, of which that span is the head.
    fn cut<W: Wire, T>(
        &mut self,
        chunk: &OpenChunk,
        before: usize,
        from: usize,
        writer: &mut impl ChunkWriter<W, T>,
    ) -> OpenChunk {
        let bytes = &mut self.open[self.last].bytes;
        let (start, end) = self.spans[0];
        let head = as_head::<W>(&bytes[from..], &bytes[start..end], &mut self.buffers);
        bytes.truncate(before);
        self.end::<W, T>(chunk, writer);
        let next = self.begin::<W>();
        let bytes = &mut self.open[self.last].bytes;
        let from = bytes.len();
        bytes.extend_from_slice(&head);
        self.spans.push((from, bytes.len()));
        next
    }

    /// Ends a chunk. It stays where it is, or moves to a payload of its origin that has room; or not all of it is
    /// sent.
    fn end<W: Wire, T>(&mut self, chunk: &OpenChunk, writer: &mut impl ChunkWriter<W, T>) {
        match writer.end(count(self.spans.len()), &self.facts.origin) {
            Fate::Keep => {}
            Fate::Thin(keep) => self.thin::<W>(keep),
            Fate::Omit => return self.open[self.last].bytes.truncate(chunk.start),
        }
        let last = &mut self.open[self.last];
        last.close_chunk::<W>(chunk.list, count(self.spans.len()));
        if last.chunks.len() == 1 {
            last.origin.clone_from(&self.facts.origin);
            return;
        }
        if last.origin == self.facts.origin && last.len() + BRACKETS <= self.limit {
            return;
        }
        let Some((bytes, spans)) = last.pop() else { return };
        let origin = &self.facts.origin;
        if self.newest.is_empty() {
            self.newest.insert(self.open[0].origin.clone(), 0);
        }
        let fits = |number: &usize| self.open[*number].len() + bytes.len() + BRACKETS <= self.limit;
        self.last = self.newest.get(origin).copied().filter(fits).unwrap_or_else(|| {
            self.open.push(Payload::new(W::KIND, origin, None));
            self.newest.insert(origin.clone(), self.open.len() - 1);
            self.open.len() - 1
        });
        self.open[self.last].push(&bytes, spans);
    }

    /// Leaves only some spans in the open chunk. Where the head span goes, the first of them takes its facts over.
    fn thin<W: Wire>(&mut self, keep: &[bool]) {
        let bytes = &mut self.open[self.last].bytes;
        let Some(first) = keep.iter().position(|keep| *keep) else { return };
        let (start, head_end) = self.spans[0];
        let mut kept = if first > 0 {
            let (from, to) = self.spans[first];
            as_head::<W>(&bytes[from..to], &bytes[start..head_end], &mut self.buffers)
        } else {
            Vec::new()
        };
        for at in first + 1..self.spans.len() {
            if keep.get(at) == Some(&true) {
                // With the bytes that stand before it.
                kept.extend_from_slice(&bytes[self.spans[at - 1].1..self.spans[at].1]);
            }
        }
        bytes.truncate(if first > 0 { start } else { head_end });
        bytes.extend_from_slice(&kept);
        self.spans.truncate(keep.iter().filter(|keep| **keep).count());
    }

    /// Begins a batch, in the memory of a payload that is done.
    pub(crate) fn start(&mut self, spare: Option<Payload>, is_counted: bool) {
        self.spare = spare.or(self.spare.take());
        self.facts.origin.is_counted = is_counted;
        self.open.clear();
        self.newest = HashMap::new();
        self.last = 0;
    }

    /// Hands the payloads over that hold something.
    pub(crate) fn finish(&mut self) -> Vec<Payload> {
        /// The spans of usual chunks; a chunk of very many leaves no memory behind.
        const KEPT_SPANS: usize = 4_096;

        self.buffers.shrink();
        self.spans.clear();
        self.spans.shrink_to(KEPT_SPANS);
        if self.open.iter().all(|payload| payload.chunk_count() > 0) {
            return std::mem::take(&mut self.open);
        }
        let (full, empty) =
            self.open.drain(..).partition(|payload: &Payload| payload.chunk_count() > 0);
        let empty: Vec<_> = empty;
        self.spare = empty.into_iter().next();
        full
    }
}

/// Returns a span with the facts of a head span. Both were written a moment ago, so they can be read; if not, the span
/// is sent as it is.
fn as_head<W: Wire>(span: &[u8], head: &[u8], buffers: &mut Buffers) -> Vec<u8> {
    let read = |bytes| reader::read_span(W::KIND, bytes);
    let (Some(mut with_facts), Some(head)) = (read(span), read(head)) else { return span.to_vec() };
    let mut bytes = Vec::new();
    with_facts.make_head(&head);
    with_facts.write::<W>(&mut bytes, buffers);
    bytes
}
