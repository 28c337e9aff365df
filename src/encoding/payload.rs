//! Payloads: what one request carries, cut only where it may be cut.
//!
//! A payload is a complete document plus marks that say where its chunks and spans are, so that
//! delivery can join waiting payloads and halve refused ones by moving bytes, without encoding again.
//!
//! The Agent takes env and version of a request from its chunks, for all of them: so chunks that
//! differ in either go to different payloads. (The host name is the same for the whole process.) A
//! chunk is written at the end of the payload that was used last and moved if it turns out to belong
//! elsewhere, which is rare.

use super::{Buffers, Format, SpanWriter, Wire};

/// A buffer that is this many times as large as what it usually holds is a left-over of a burst.
const IDLE_FACTOR: usize = 4;

/// A complete document, and where its parts are.
#[derive(Clone, Debug)]
pub(crate) struct Payload {
    /// What the wire does, for whoever moves the bytes.
    pub(crate) format: &'static Format,
    origin: Origin,
    bytes: Vec<u8>,
    chunks: Vec<Chunk>,
    spans: Vec<SpanMark>,
}

/// What all chunks of a request share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

/// Most bytes around the spans of a payload with one chunk, in any wire.
const BRACKETS: usize = 8;

/// The payloads of one batch.
#[derive(Debug)]
pub(crate) struct Payloads {
    open: Vec<Payload>,
    /// The one that was used last.
    last: usize,
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
        let fits = |payload: &Payload| {
            payload.origin == self.facts.origin
                && payload.bytes.len() + bytes.len() + 2 <= self.limit
        };
        self.last = self.open.iter().position(fits).unwrap_or_else(|| {
            self.open.push(Payload::new::<W>(&self.facts.origin, None));
            self.open.len() - 1
        });
        self.open[self.last].push(&chunk, &bytes, &spans);
    }

    /// Begins a batch, in the memory of a payload that is done.
    pub(crate) fn start(&mut self, spare: Option<Payload>) {
        self.spare = spare;
        self.open.clear();
        self.last = 0;
    }

    /// Completes the payloads and hands them over.
    pub(crate) fn finish(&mut self) -> Vec<Payload> {
        let mut done = std::mem::take(&mut self.open);
        done.iter_mut().for_each(Payload::close);
        done
    }
}

/// Lengths in a payload: it is far below 4 GiB, since a span is cut at the Agent's limits.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
