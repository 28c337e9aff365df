//! A payload that waits for the Agent: joined to others, compressed, and its tries so far.

use crate::encoding::{Origin, Payload};
use crate::stats::OmittedP0s;

/// The fastest level: 10:1 on spans at 600 MB/s, where the next one gives 10.3:1 at 300 MB/s.
const PACK_LEVEL: u8 = 1;

/// A payload that waits, and what it went through.
#[derive(Debug)]
pub(in crate::delivery) struct Waiting {
    pub(super) payload: Payload,
    /// The chunks, if they are compressed; the payload then holds marks only.
    pub(super) packed: Option<Packed>,
    /// The oldest export in it.
    pub(super) ticket: u64,
    /// Tries that the Agent may have taken.
    pub(super) doubts: u8,
    /// Tries whose connection broke.
    pub(super) breaks: u8,
    /// Rejected chunks and spans that were left out before it.
    pub(super) omitted: OmittedP0s,
}

#[derive(Debug)]
pub(super) struct Packed {
    bytes: Box<[u8]>,
    raw_len: usize,
}

impl Waiting {
    pub(super) fn new(payload: Payload, ticket: u64) -> Self {
        let omitted = OmittedP0s::default();
        Self { payload, packed: None, ticket, doubts: 0, breaks: 0, omitted }
    }

    pub(super) fn origin(&self) -> &Origin {
        self.payload.origin()
    }

    pub(super) fn is_packed(&self) -> bool {
        self.packed.is_some()
    }

    pub(super) fn memory(&self) -> usize {
        let packed = self.packed.as_ref().map_or(0, |packed| packed.bytes.len());
        self.payload.memory() + packed
    }

    /// Bytes of the chunks, compressed or not.
    pub(super) fn raw_len(&self) -> usize {
        self.packed.as_ref().map_or(self.payload.len(), |packed| packed.raw_len)
    }

    pub(super) fn spans(&self) -> u64 {
        self.payload.span_count().into()
    }

    pub(super) fn can_join(&self, other: &Self) -> bool {
        let is_new = |waiting: &Self| waiting.doubts == 0 && waiting.breaks == 0;
        self.payload.can_join(&other.payload) && is_new(self) && is_new(other)
    }

    /// Appends a payload. Neither is compressed.
    pub(super) fn join(&mut self, other: &Self) {
        self.payload.append(&other.payload);
        self.ticket = self.ticket.min(other.ticket);
        self.omitted.add(other.omitted);
    }

    /// Compresses the chunks. It stays as it is if it is compressed already.
    pub(in crate::delivery) fn pack(&mut self) {
        if self.packed.is_none() {
            self.payload.shrink_marks();
            let raw = self.payload.take_bytes();
            let bytes = miniz_oxide::deflate::compress_to_vec(&raw, PACK_LEVEL).into();
            self.packed = Some(Packed { bytes, raw_len: raw.len() });
        }
    }

    /// Returns the payload as it is sent.
    pub(super) fn unpacked(&self) -> Option<Payload> {
        let packed = self.packed.as_ref()?;
        let raw = miniz_oxide::inflate::decompress_to_vec_with_limit(&packed.bytes, packed.raw_len);
        Some(self.payload.with_bytes(raw.expect("what was compressed here decompresses")))
    }

    pub(super) fn held(&self) -> Held {
        Held { spans: self.spans(), memory: self.memory(), ticket: self.ticket }
    }
}

/// The account of payloads that are out of the buffer's hands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) spans: u64,
    pub(super) memory: usize,
    pub(super) ticket: u64,
}
