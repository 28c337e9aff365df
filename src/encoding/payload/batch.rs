//! The spans of a batch -> payloads, in which each chunk has its place.
//!
//! The Agent takes env and version of a request from its chunks, for all of them: so chunks that
//! differ in either go to different payloads. (The host name is the same for the whole process.) A
//! chunk is written at the end of the payload that was used last and moved if it turns out to belong
//! elsewhere, which is rare. A chunk that reaches the limit ends before the span that crosses it, and that
//! span becomes the head of the next chunk.

use std::collections::HashMap;

use super::{BRACKETS, Origin, Payload, reader};
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
}

/// The chunk that is being written.
struct OpenChunk {
    /// First byte, with those that its wire puts before it.
    start: usize,
    /// The place of its list, for [`Wire::close_list`].
    list: usize,
    /// First byte of its head span, and first byte behind it.
    head: (usize, usize),
    spans: u32,
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
        }
    }

    /// Writes the spans of one trace as a chunk, or as several if they exceed the limit.
    ///
    /// `write` maps one item into the writer that it is given, once. Its flag is true for the head span, and it
    /// writes the facts of the chunk.
    pub(crate) fn trace<W: Wire, T>(
        &mut self,
        items: &[T],
        mut write: impl FnMut(&T, bool, SpanWriter<'_, W>, &mut ChunkFacts),
    ) {
        let mut chunk = self.begin::<W>();
        for item in items {
            let bytes = &mut self.open[self.last].bytes;
            let before = bytes.len();
            W::item(bytes, chunk.spans);
            let from = bytes.len();
            let is_head = chunk.spans == 0;
            write(item, is_head, SpanWriter::new(bytes, &mut self.buffers), &mut self.facts);
            if is_head {
                chunk.head = (from, bytes.len());
            } else if bytes.len() - chunk.start + BRACKETS > self.limit {
                chunk = self.cut::<W>(&chunk, before, from);
            }
            self.facts.join();
            chunk.spans += 1;
        }
        self.end::<W>(&chunk);
    }

    /// Starts a chunk in the payload that was used last.
    fn begin<W: Wire>(&mut self) -> OpenChunk {
        if self.open.is_empty() {
            self.open.push(Payload::new(W::KIND, &Origin::default(), self.spare.take()));
        }
        self.facts.clear();
        let payload = &mut self.open[self.last];
        let start = payload.len();
        OpenChunk { start, list: payload.open_chunk::<W>(), head: (0, 0), spans: 0 }
    }

    /// Ends a chunk before its last span and starts another one, of which that span is the head.
    fn cut<W: Wire>(&mut self, chunk: &OpenChunk, before: usize, from: usize) -> OpenChunk {
        let bytes = &mut self.open[self.last].bytes;
        let span = reader::read_span(W::KIND, &bytes[from..]);
        let head = reader::read_span(W::KIND, &bytes[chunk.head.0..chunk.head.1]);
        let written = bytes.split_off(from);
        bytes.truncate(before);
        self.end::<W>(chunk);
        let mut next = self.begin::<W>();
        let bytes = &mut self.open[self.last].bytes;
        let from = bytes.len();
        match (span, head) {
            (Some(mut span), Some(head)) => {
                span.make_head(&head);
                span.write::<W>(bytes, &mut self.buffers);
            }
            // It was written a moment ago, so it can be read; if not, it is sent as it is.
            _ => bytes.extend_from_slice(&written),
        }
        next.head = (from, bytes.len());
        next
    }

    /// Ends a chunk. It stays where it is, or moves to a payload of its origin that has room.
    fn end<W: Wire>(&mut self, chunk: &OpenChunk) {
        let last = &mut self.open[self.last];
        last.close_chunk::<W>(chunk.list, chunk.spans);
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

    /// Begins a batch, in the memory of a payload that is done.
    pub(crate) fn start(&mut self, spare: Option<Payload>) {
        self.spare = spare;
        self.open.clear();
        self.newest = HashMap::new();
        self.last = 0;
    }

    /// Hands the payloads over.
    pub(crate) fn finish(&mut self) -> Vec<Payload> {
        self.buffers.shrink();
        std::mem::take(&mut self.open)
    }
}
