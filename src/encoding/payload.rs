//! Payloads: what one request carries.
//!
//! The Agent takes env, version and host name of a request from its first chunk, for all of them: so
//! chunks that differ in env or version go to different payloads. (The host name is the same for the
//! whole process.) A chunk is written at the end of the payload that was used last and moved if it
//! turns out to belong elsewhere, which is rare.

use super::{Buffers, SpanWriter, Wire};

/// The body of one request, and what it holds.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    /// The whole document.
    pub(crate) body: Vec<u8>,
    /// Its chunks.
    pub(crate) chunks: u32,
    /// The spans of all its chunks.
    pub(crate) spans: u32,
    origin: Origin,
    /// Where the header of the document is.
    header: usize,
}

/// What all chunks of a request share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The environment; empty without one.
    pub(crate) env: String,
    /// The version; empty without one.
    pub(crate) version: String,
}

impl Origin {
    /// Takes what a span says: what the root says counts, where it says nothing the first that does.
    /// The Agent does the same.
    pub(crate) fn complete(&mut self, env: &str, version: &str, is_root: bool) {
        for (known, said) in [(&mut self.env, env), (&mut self.version, version)] {
            if known.is_empty() || (is_root && !said.is_empty()) {
                known.clear();
                known.push_str(said);
            }
        }
    }

    fn clear(&mut self) {
        self.env.clear();
        self.version.clear();
    }
}

/// The payloads of one batch.
#[derive(Debug)]
pub(crate) struct Payloads<W> {
    open: Vec<Payload>,
    /// The one that was used last.
    last: usize,
    chunk: Origin,
    buffers: Buffers,
    wire: std::marker::PhantomData<W>,
}

impl<W> Default for Payloads<W> {
    fn default() -> Self {
        Self {
            open: Vec::new(),
            last: 0,
            chunk: Origin::default(),
            buffers: Buffers::default(),
            wire: std::marker::PhantomData,
        }
    }
}

impl<W: Wire> Payloads<W> {
    /// Writes one chunk: `write` is called once for each item and maps it into the writer it is given;
    /// it completes the chunk's [`Origin`].
    pub(crate) fn chunk<T>(
        &mut self,
        items: &[T],
        mut write: impl FnMut(usize, &T, SpanWriter<'_, W>, &mut Origin),
    ) {
        if self.open.is_empty() {
            self.open.push(Payload::new::<W>());
        }
        self.chunk.clear();
        let payload = &mut self.open[self.last];
        let start = payload.body.len();
        W::item(&mut payload.body, payload.chunks);
        let separator = payload.body.len() - start;
        let at = W::open_list(&mut payload.body);
        let mut spans = 0;
        for (number, item) in items.iter().enumerate() {
            W::item(&mut payload.body, spans);
            write(
                number,
                item,
                SpanWriter::new(&mut payload.body, &mut self.buffers),
                &mut self.chunk,
            );
            spans += 1;
        }
        W::close_list(&mut payload.body, at, spans);
        self.settle(start, separator, spans);
    }

    /// Leaves the chunk that starts at `start` where it is, or moves it to the payload of its origin.
    fn settle(&mut self, start: usize, separator: usize, spans: u32) {
        let last = &mut self.open[self.last];
        if last.chunks == 0 {
            last.origin.clone_from(&self.chunk);
        }
        if last.origin != self.chunk {
            let moved = last.body.split_off(start);
            self.last = self
                .open
                .iter()
                .position(|payload| payload.origin == self.chunk)
                .unwrap_or_else(|| {
                    self.open.push(Payload { origin: self.chunk.clone(), ..Payload::new::<W>() });
                    self.open.len() - 1
                });
            let target = &mut self.open[self.last];
            W::item(&mut target.body, target.chunks);
            target.body.extend_from_slice(&moved[separator..]);
        }
        let payload = &mut self.open[self.last];
        payload.chunks += 1;
        payload.spans += spans;
    }

    /// Completes the payloads and hands them over.
    pub(crate) fn finish(&mut self) -> Vec<Payload> {
        self.last = 0;
        let mut done = std::mem::take(&mut self.open);
        for payload in &mut done {
            W::close_list(&mut payload.body, payload.header, payload.chunks);
        }
        done
    }
}

impl Payload {
    fn new<W: Wire>() -> Self {
        let mut payload = Self::default();
        payload.header = W::open_list(&mut payload.body);
        payload
    }
}
