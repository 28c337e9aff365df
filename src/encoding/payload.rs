//! Payloads: what one request carries, cut only where it may be cut.
//!
//! A payload is a complete document plus marks that say where its chunks and spans are, so that
//! delivery can join waiting payloads and halve refused ones by moving bytes, without encoding again. How the
//! spans of a batch come into them: [`payloads`].

mod payloads;

use super::{Format, Wire};
pub(crate) use payloads::Payloads;

/// A buffer that is this many times as large as what it usually holds is a left-over of a burst.
const IDLE_FACTOR: usize = 4;

/// A complete document, and where its parts are.
#[derive(Debug)]
pub(crate) struct Payload {
    /// What the wire does, for whoever moves the bytes.
    pub(crate) format: &'static Format,
    origin: Origin,
    bytes: Vec<u8>,
    chunks: Vec<Chunk>,
    spans: Vec<SpanMark>,
}

/// What all chunks of a request share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    /// The environment; empty without one.
    pub(crate) env: String,
    /// The version; empty without one.
    pub(crate) version: String,
}

/// What the first span of a chunk says for the whole chunk; repeated if a chunk has to be cut.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Head {
    /// High half of the trace id; zero without one.
    pub(crate) trace_id_high: u64,
    /// The sampling priority.
    pub(crate) priority: f64,
}

/// The spans of one trace in one payload.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    /// First byte, behind the separator.
    start: u32,
    /// First byte behind it.
    end: u32,
    /// How many spans it has.
    spans: u32,
    head: Head,
}

/// Where a span is in its chunk.
#[derive(Clone, Copy, Debug)]
struct SpanMark {
    /// First byte, from the start of the chunk.
    start: u32,
    /// First byte behind it, likewise.
    end: u32,
    /// The first entry of `metrics`, from the start of the span.
    metrics: u32,
    /// Whether it says the priority itself.
    has_priority: bool,
}

impl Payload {
    /// An empty one, in the memory of one that is done, if there is one.
    fn new<W: Wire>(origin: &Origin, spare: Option<Self>) -> Self {
        let mut payload = spare.unwrap_or_else(|| Self {
            format: W::FORMAT,
            origin: Origin::default(),
            bytes: Vec::new(),
            chunks: Vec::new(),
            spans: Vec::new(),
        });
        payload.origin.clone_from(origin);
        payload.bytes.clear();
        payload.chunks.clear();
        payload.spans.clear();
        W::open_list(&mut payload.bytes);
        payload
    }

    /// Gives memory back that the last documents had no use for: `usual` is the length of one.
    pub(crate) fn shrink(&mut self, usual: usize) {
        if self.bytes.capacity() > IDLE_FACTOR * usual {
            self.bytes.shrink_to(usual);
            self.shrink_marks();
        }
    }

    /// Gives memory back that the marks do not need.
    pub(crate) fn shrink_marks(&mut self) {
        self.spans.shrink_to_fit();
        self.chunks.shrink_to_fit();
    }

    /// An empty one of the same form and origin.
    fn empty(&self) -> Self {
        Self {
            format: self.format,
            origin: self.origin.clone(),
            bytes: self.bytes[..self.format.header].to_vec(),
            chunks: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// How many chunks it has.
    pub(crate) fn chunk_count(&self) -> u32 {
        count(self.chunks.len())
    }

    /// How many spans it has.
    pub(crate) fn span_count(&self) -> u32 {
        count(self.spans.len())
    }

    /// Bytes of the document.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of memory that it takes.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + self.marks_memory()
    }

    /// Bytes of memory that all but the document takes.
    fn marks_memory(&self) -> usize {
        size_of::<Self>()
            + self.chunks.capacity() * size_of::<Chunk>()
            + self.spans.capacity() * size_of::<SpanMark>()
            + self.origin.env.capacity()
            + self.origin.version.capacity()
    }

    /// Takes the document out; the marks stay.
    pub(crate) fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Puts the document back.
    pub(crate) fn put_bytes(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
    }

    /// Whether both may travel in one request.
    pub(crate) fn same_origin(&self, other: &Self) -> bool {
        self.origin == other.origin && std::ptr::eq(self.format, other.format)
    }

    /// Appends the chunks of another payload of the same origin.
    pub(crate) fn append(&mut self, other: &Self) {
        self.open();
        self.bytes.reserve(other.bytes.len());
        for (chunk, spans) in other.parts() {
            self.push(chunk, other.chunk_bytes(chunk), spans);
        }
        self.close();
    }

    /// Cuts into two of about the same size: between chunks, or between the spans of the only chunk.
    /// A single span cannot be cut.
    pub(crate) fn halve(&self) -> Option<(Self, Self)> {
        match (self.chunks.len(), self.spans.len()) {
            (2.., _) => Some(self.halve_chunks()),
            (_, 2..) => Some(self.halve_spans()),
            _ => None,
        }
    }

    fn halve_chunks(&self) -> (Self, Self) {
        let (mut first, mut second) = (self.empty(), self.empty());
        let length = self.bytes.len();
        let last = self.chunks.len() - 1;
        for (number, (chunk, spans)) in self.parts().enumerate() {
            // Each half gets at least one chunk.
            let is_before_middle = chunk.start as usize + (chunk.end as usize) < length;
            let in_first = number == 0 || (number < last && is_before_middle);
            let half = if in_first { &mut first } else { &mut second };
            half.push(chunk, self.chunk_bytes(chunk), spans);
        }
        first.close();
        second.close();
        (first, second)
    }

    fn halve_spans(&self) -> (Self, Self) {
        let chunk = self.chunks[0];
        let bytes = self.chunk_bytes(&chunk);
        let halves = self.spans.split_at(self.spans.len() / 2);
        let half = |spans: &[SpanMark]| {
            let mut half = self.empty();
            let mut body = Vec::new();
            let mut marks = Vec::with_capacity(spans.len());
            (self.format.rebuild_chunk)(&mut body, count(spans.len()), &mut |number, body| {
                let mark = spans[number as usize];
                let start = body.len();
                let span = &bytes[mark.start as usize..mark.end as usize];
                let mut metrics = mark.metrics;
                // The first span of the old chunk has its head already.
                let has_head = mark.start == self.spans[0].start;
                if number == 0 && !has_head {
                    let add = self.format.add_head;
                    metrics =
                        count(add(body, span, metrics as usize, &chunk.head, mark.has_priority));
                } else {
                    body.extend_from_slice(span);
                }
                let (start, end) = (count(start), count(body.len()));
                marks.push(SpanMark {
                    start,
                    end,
                    metrics,
                    has_priority: mark.has_priority || number == 0,
                });
            });
            let chunk = Chunk { spans: count(marks.len()), ..chunk };
            half.push(&chunk, &body, &marks);
            half.close();
            half
        };
        (half(halves.0), half(halves.1))
    }

    /// Every chunk with the marks of its spans.
    fn parts(&self) -> impl Iterator<Item = (&Chunk, &[SpanMark])> {
        let mut rest = self.spans.as_slice();
        self.chunks.iter().map(move |chunk| {
            let (spans, after) = rest.split_at(chunk.spans as usize);
            rest = after;
            (chunk, spans)
        })
    }

    fn chunk_bytes(&self, chunk: &Chunk) -> &[u8] {
        &self.bytes[chunk.start as usize..chunk.end as usize]
    }

    /// Adds an encoded chunk to a document that is open.
    fn push(&mut self, chunk: &Chunk, bytes: &[u8], spans: &[SpanMark]) {
        if !self.chunks.is_empty() {
            self.bytes.extend_from_slice(self.format.separator);
        }
        let start = count(self.bytes.len());
        self.bytes.extend_from_slice(bytes);
        self.chunks.push(Chunk { start, end: count(self.bytes.len()), ..*chunk });
        self.spans.extend_from_slice(spans);
    }

    /// Makes a complete document open again.
    fn open(&mut self) {
        self.bytes.truncate(self.bytes.len() - self.format.footer);
    }

    fn close(&mut self) {
        (self.format.close)(&mut self.bytes, count(self.chunks.len()));
    }

    /// Takes the last chunk out again.
    fn split_last(&mut self) -> (Chunk, Vec<u8>, Vec<SpanMark>) {
        let chunk = self.chunks.pop().expect("a chunk was just written");
        let spans = self.spans.split_off(self.spans.len() - chunk.spans as usize);
        let bytes = self.bytes.split_off(chunk.start as usize);
        let separator = if self.chunks.is_empty() { 0 } else { self.format.separator.len() };
        self.bytes.truncate(chunk.start as usize - separator);
        (chunk, bytes, spans)
    }
}

/// Lengths in a payload: it is far below 4 GiB, since a span is cut at the Agent's limits.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
