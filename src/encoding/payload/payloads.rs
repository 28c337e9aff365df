//! The spans of a batch -> payloads, in which each chunk has its place.
//!
//! The Agent takes env and version of a request from its chunks, for all of them: so chunks that
//! differ in either go to different payloads. (The host name is the same for the whole process.) A
//! chunk is written at the end of the payload that was used last and moved if it turns out to belong
//! elsewhere, which is rare.

use std::collections::HashMap;

use super::{Chunk, Head, Origin, Payload, SpanMark, count};
use crate::encoding::{Buffers, SpanWriter, Wire};

/// What the mapping tells about the chunk that it writes.
#[derive(Debug, Default)]
pub(crate) struct ChunkFacts {
    origin: Origin,
    head: Head,
}

impl ChunkFacts {
    /// Takes what the first span says for the chunk.
    pub(crate) fn begin(&mut self, head: Head) {
        self.head = head;
    }

    /// Takes what a span says: what the root says counts, where it says nothing the first that does.
    /// The Agent does the same.
    pub(crate) fn complete(&mut self, env: &str, version: &str, is_root: bool) {
        for (known, said) in [(&mut self.origin.env, env), (&mut self.origin.version, version)] {
            if known.is_empty() || (is_root && !said.is_empty()) {
                known.clear();
                known.push_str(said);
            }
        }
    }

    fn clear(&mut self) {
        self.origin.env.clear();
        self.origin.version.clear();
        self.head = Head::default();
    }
}

/// Most bytes around the spans of a payload with one chunk, in any wire.
const BRACKETS: usize = 8;

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
    /// Most bytes of a payload; only a single span may be larger.
    limit: usize,
    facts: ChunkFacts,
    buffers: Buffers,
}

impl Payloads {
    /// Payloads of at most `limit` bytes.
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

    /// Writes the spans of one trace as a chunk, or several if they exceed the limit.
    ///
    /// `write` maps one item into the writer it is given. It is told whether the item is the first of
    /// its chunk, completes the facts of the chunk, and says whether the span carries a priority.
    pub(crate) fn trace<W: Wire, T>(
        &mut self,
        items: &[T],
        mut write: impl FnMut(&T, bool, SpanWriter<'_, W>, &mut ChunkFacts) -> bool,
    ) {
        let mut rest = items;
        while !rest.is_empty() {
            let written = self.chunk::<W, T>(rest, &mut write);
            rest = &rest[written..];
        }
    }

    /// Writes a chunk of as many items as the limit allows, and at least one; says how many.
    fn chunk<W: Wire, T>(
        &mut self,
        items: &[T],
        write: &mut impl FnMut(&T, bool, SpanWriter<'_, W>, &mut ChunkFacts) -> bool,
    ) -> usize {
        if self.open.is_empty() {
            self.open.push(Payload::new::<W>(&Origin::default(), self.spare.take()));
        }
        self.facts.clear();
        let Payload { bytes, chunks, spans, format, .. } = &mut self.open[self.last];
        let before = (bytes.len(), spans.len());
        if !chunks.is_empty() {
            bytes.extend_from_slice(format.separator);
        }
        let start = bytes.len();
        let at = W::open_list(bytes);
        let mut written = 0;
        for item in items {
            W::item(bytes, written);
            let from = bytes.len();
            let writer = SpanWriter::new(bytes, &mut self.buffers);
            let has_priority = write(item, written == 0, writer, &mut self.facts);
            spans.push(SpanMark {
                start: count(from - start),
                end: count(bytes.len() - start),
                metrics: count(self.buffers.metrics_at() - from),
                has_priority,
            });
            if written > 0 && bytes.len() - start + BRACKETS > self.limit {
                // It is longer than the one before it: the chunk is written anew without it.
                bytes.truncate(before.0);
                spans.truncate(before.1);
                return self.chunk::<W, T>(&items[..written as usize], write);
            }
            written += 1;
            // The next span would be about as long as this one.
            if 2 * bytes.len() - from - start > self.limit {
                break;
            }
        }
        W::close_list(bytes, at, written);
        chunks.push(Chunk {
            start: count(start),
            end: count(bytes.len()),
            spans: written,
            head: self.facts.head,
        });
        self.settle::<W>();
        written as usize
    }

    /// Leaves the last chunk where it is, or moves it to a payload of its origin that has room.
    fn settle<W: Wire>(&mut self) {
        let last = &mut self.open[self.last];
        if last.chunks.len() == 1 {
            last.origin.clone_from(&self.facts.origin);
            return;
        }
        if last.origin == self.facts.origin && last.bytes.len() < self.limit {
            return;
        }
        let (chunk, bytes, spans) = last.split_last();
        let origin = &self.facts.origin;
        if self.newest.is_empty() {
            self.newest.insert(self.open[0].origin.clone(), 0);
        }
        let fits = |number: &usize| self.open[*number].bytes.len() + bytes.len() + 2 <= self.limit;
        self.last = self.newest.get(origin).copied().filter(fits).unwrap_or_else(|| {
            self.open.push(Payload::new::<W>(origin, None));
            self.newest.insert(origin.clone(), self.open.len() - 1);
            self.open.len() - 1
        });
        self.open[self.last].push(&chunk, &bytes, &spans);
    }

    /// Begins a batch, in the memory of a payload that is done.
    pub(crate) fn start(&mut self, spare: Option<Payload>) {
        self.spare = spare;
        self.open.clear();
        self.newest = HashMap::new();
        self.last = 0;
    }

    /// Completes the payloads and hands them over.
    pub(crate) fn finish(&mut self) -> Vec<Payload> {
        self.buffers.shrink();
        let mut done = std::mem::take(&mut self.open);
        done.iter_mut().for_each(Payload::close);
        done
    }
}
