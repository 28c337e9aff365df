//! The memory that one decoded request may take: small bodies can stand for large structures.
//!
//! A `{}` has two bytes on the wire and some 500 in memory. Readers still read, check and judge everything; they
//! keep no more than fits, and count the rest.

/// The memory that any request may take, in bytes: 1,000 spans with many tags.
const ROOM_BASE: usize = 8 << 20;

/// The memory that a request may take for each byte of its body. Spans of official tracers take two to three.
const ROOM_PER_BODY_BYTE: usize = 6;

/// The memory of one entry of a map, in bytes: two texts and their share of the tree.
pub(super) const ENTRY: usize = 200;

/// The memory of one item of a list, in bytes: an object and its place.
pub(super) const ITEM: usize = 80;

/// Parts of a body that were read and not kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unkept {
    pub(crate) traces: usize,
    pub(crate) spans: usize,
    /// Tags, links, events and their attributes.
    pub(crate) parts: usize,
}

impl Unkept {
    /// Returns a sentence about what was not kept; `None` if everything was.
    pub(crate) fn finding(self) -> Option<String> {
        let Self { traces, spans, parts } = self;
        (self != Self::default()).then(|| {
            format!(
                "the body stands for more than fits into memory: {traces} traces, {spans} spans and {parts} tags, \
                 links or events were read and not kept"
            )
        })
    }
}

/// The memory that is left for one request.
#[derive(Debug)]
pub(super) struct Room {
    left: usize,
    used: usize,
    /// The entries and items that found no room.
    parts: usize,
}

impl Room {
    /// Returns the room for a body of this length.
    pub(super) fn of(body: usize) -> Self {
        Self {
            left: ROOM_BASE.saturating_add(body.saturating_mul(ROOM_PER_BODY_BYTE)),
            used: 0,
            parts: 0,
        }
    }

    /// Takes memory, or returns false and leaves no room for anything smaller.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.left;
        self.left = if fits { self.left - bytes } else { 0 };
        self.used += if fits { bytes } else { 0 };
        fits
    }

    /// Takes memory for an entry or an item, or counts it as not kept.
    pub(super) fn take_part(&mut self, bytes: usize) -> bool {
        let fits = self.take(bytes);
        self.parts += usize::from(!fits);
        fits
    }

    /// Returns the memory that was taken, in bytes.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// Returns the number of entries and items that found no room.
    pub(super) fn parts(&self) -> usize {
        self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_that_was_too_small_once_stays_closed() {
        let mut room = Room::of(0);
        assert!(room.take(ROOM_BASE - 1));
        assert!(!room.take_part(2) && !room.take(1));
        assert_eq!((room.used(), room.parts()), (ROOM_BASE - 1, 1));
    }
}
