//! Payloads: lists of chunks that can be joined, cut and translated by moving bytes.
//!
//! Chunks stand one behind the other, each with the bytes that its wire puts before it, so joining is
//! appending and halving is splitting. Brackets and headers are made when a request is sent
//! ([`crate::protocol`]). The spans of a batch come into payloads in [`batch`].

mod batch;

use super::reader::{self, ReadSpan};
use super::{Buffers, Json, MessagePack, Wire, WireKind};
pub(crate) use batch::{ChunkFacts, ChunkWriter, Fate, Payloads};

/// A buffer that is this many times as large as its usual content is a left-over of a burst.
const IDLE_FACTOR: usize = 4;

/// The most bytes that a protocol puts around the chunks of a document.
const BRACKETS: usize = 8;

/// The chunks of one request, in one wire.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    wire: WireKind,
    origin: Origin,
    bytes: Vec<u8>,
    chunks: Vec<Chunk>,
    spans: u32,
}

/// Facts that all chunks of a request share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    /// The environment; empty without one.
    pub(crate) env: String,
    /// The version; empty without one.
    pub(crate) version: String,
    /// True if the spans are counted in client statistics, so that the Agent must not count them again. Decided when
    /// they are mapped.
    pub(crate) is_counted: bool,
}

/// The end of a chunk in its payload, and its size.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    /// First byte behind it.
    end: u32,
    spans: u32,
}

impl Payload {
    /// An empty one, in the memory of one that is done, if there is one.
    fn new(wire: WireKind, origin: &Origin, spare: Option<Self>) -> Self {
        let mut payload = spare.unwrap_or_default();
        payload.wire = wire;
        payload.origin.clone_from(origin);
        payload.bytes.clear();
        payload.chunks.clear();
        payload.spans = 0;
        payload
    }

    /// Gives memory back that recent payloads had no use for: `usual` is the length of one.
    pub(crate) fn shrink(&mut self, usual: usize) {
        if self.bytes.capacity() > IDLE_FACTOR * usual {
            self.bytes.shrink_to(usual);
            self.shrink_marks();
        }
    }

    /// Gives memory back that the marks do not need.
    pub(crate) fn shrink_marks(&mut self) {
        self.chunks.shrink_to_fit();
    }

    /// The wire of its chunks.
    pub(crate) fn wire(&self) -> WireKind {
        self.wire
    }

    /// The number of its chunks.
    pub(crate) fn chunk_count(&self) -> u32 {
        count(self.chunks.len())
    }

    /// The number of its spans.
    pub(crate) fn span_count(&self) -> u32 {
        self.spans
    }

    /// Bytes of the chunks.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity()
            + size_of::<Self>()
            + self.chunks.capacity() * size_of::<Chunk>()
            + self.origin.env.capacity()
            + self.origin.version.capacity()
    }

    /// Takes the bytes out; the marks stay.
    pub(crate) fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Returns a payload with the same marks and these bytes.
    pub(crate) fn with_bytes(&self, bytes: Vec<u8>) -> Self {
        let (origin, chunks) = (self.origin.clone(), self.chunks.clone());
        Self { wire: self.wire, origin, bytes, chunks, spans: self.spans }
    }

    /// The facts that its chunks share.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Puts the bytes back.
    pub(crate) fn put_bytes(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
    }

    /// Returns true if both may travel in one request.
    pub(crate) fn can_join(&self, other: &Self) -> bool {
        self.wire == other.wire && self.origin == other.origin
    }

    /// Appends the chunks of another payload of the same wire and origin.
    pub(crate) fn append(&mut self, other: &Self) {
        let before = count(self.bytes.len());
        self.bytes.extend_from_slice(&other.bytes);
        let moved = |chunk: &Chunk| Chunk { end: before + chunk.end, ..*chunk };
        self.chunks.extend(other.chunks.iter().map(moved));
        self.spans += other.spans;
    }

    /// Cuts into two of about the same size: between chunks, or between the spans of the only chunk.
    /// A single span cannot be cut.
    pub(crate) fn halve(&self) -> Option<(Self, Self)> {
        match (self.chunks.len(), self.spans) {
            (2.., _) => Some(self.halve_chunks()),
            (_, 2..) => self.halve_spans(),
            _ => None,
        }
    }

    fn halve_chunks(&self) -> (Self, Self) {
        let middle = count(self.bytes.len() / 2);
        let at = self.chunks.partition_point(|chunk| chunk.end <= middle);
        // Each half gets at least one chunk.
        let at = at.clamp(1, self.chunks.len() - 1);
        let part = |chunks: std::ops::Range<usize>| {
            let mut half = self.empty(self.wire);
            for chunk in chunks {
                half.push(self.chunk_bytes(chunk), self.chunks[chunk].spans);
            }
            half
        };
        (part(0..at), part(at..self.chunks.len()))
    }

    fn halve_spans(&self) -> Option<(Self, Self)> {
        let mut spans = reader::read_chunk(self.wire, self.list(0))?;
        let (first, second) = spans.split_at_mut(self.spans as usize / 2);
        second.first_mut()?.make_head(first.first()?);
        let half = |spans: &[ReadSpan]| {
            let mut half = self.empty(self.wire);
            half.push_spans(spans);
            half
        };
        Some((half(first), half(second)))
    }

    /// Returns the same spans in another wire.
    pub(crate) fn translate(&self, wire: WireKind) -> Option<Self> {
        let mut translated = self.empty(wire);
        for chunk in 0..self.chunks.len() {
            translated.push_spans(&reader::read_chunk(self.wire, self.list(chunk))?);
        }
        Some(translated)
    }

    /// An empty one of the same origin.
    fn empty(&self, wire: WireKind) -> Self {
        Self::new(wire, &self.origin, None)
    }

    /// Adds a chunk of these spans.
    fn push_spans(&mut self, spans: &[ReadSpan]) {
        match self.wire {
            WireKind::Json => self.push_spans_as::<Json>(spans),
            WireKind::MessagePack => self.push_spans_as::<MessagePack>(spans),
        }
    }

    fn push_spans_as<W: Wire>(&mut self, spans: &[ReadSpan]) {
        let mut buffers = Buffers::default();
        let at = self.open_chunk::<W>();
        for (number, span) in (0..).zip(spans) {
            W::item(&mut self.bytes, number);
            span.write::<W>(&mut self.bytes, &mut buffers);
        }
        self.close_chunk::<W>(at, count(spans.len()));
    }

    /// Starts a chunk; the result goes to [`Self::close_chunk`].
    fn open_chunk<W: Wire>(&mut self) -> usize {
        debug_assert_eq!(W::KIND, self.wire, "a payload has one wire");
        self.bytes.extend_from_slice(W::BEFORE_CHUNK);
        W::open_list(&mut self.bytes)
    }

    /// Ends a chunk of this many spans.
    fn close_chunk<W: Wire>(&mut self, at: usize, spans: u32) {
        W::close_list(&mut self.bytes, at, spans);
        self.chunks.push(Chunk { end: count(self.bytes.len()), spans });
        self.spans += spans;
    }

    /// Adds the bytes of a complete chunk.
    fn push(&mut self, bytes: &[u8], spans: u32) {
        self.bytes.extend_from_slice(bytes);
        self.chunks.push(Chunk { end: count(self.bytes.len()), spans });
        self.spans += spans;
    }

    /// Takes the last chunk out again: its bytes, and the number of its spans.
    fn pop(&mut self) -> Option<(Vec<u8>, u32)> {
        let chunk = self.chunks.pop()?;
        self.spans -= chunk.spans;
        let start = self.chunks.last().map_or(0, |chunk| chunk.end as usize);
        Some((self.bytes.split_off(start), chunk.spans))
    }

    /// The bytes of a chunk, with those that its wire puts before it.
    fn chunk_bytes(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).map_or(0, |before| self.chunks[before].end);
        &self.bytes[start as usize..self.chunks[number].end as usize]
    }

    /// The list of spans of a chunk.
    fn list(&self, number: usize) -> &[u8] {
        let before = match self.wire {
            WireKind::Json => Json::BEFORE_CHUNK,
            WireKind::MessagePack => MessagePack::BEFORE_CHUNK,
        };
        &self.chunk_bytes(number)[before.len()..]
    }
}

/// Lengths in a payload: it is far below 4 GiB, since a span is cut at the Agent's limits.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
