//! [`Lanes`]: what waits, a lane for each origin.
//!
//! Order matters within an origin only, since payloads of several never share a request. Indexes find the oldest
//! payload, the lane with the most to compress, and the lane of an origin, so no step looks through what waits.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::waiting::Waiting;
use crate::encoding::Origin;

/// The most bytes of payloads that are joined as they come, so that many small ones make few entries; and those that
/// are compressed together, below which the text repeats too little. Compressing them takes about half a millisecond.
const JOIN_BYTES: usize = 256 * 1024;

/// Least bytes that are worth compressing.
const MIN_PACK_BYTES: usize = 4 * 1024;

/// Memory that a lane takes beside its payloads, in bytes: its slot, its key, and its entries in the indexes.
const LANE_BYTES: usize = 1024;

/// The lanes.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    slots: Vec<Lane>,
    /// Slots that are free.
    free: Vec<usize>,
    of_origin: HashMap<Origin, usize>,
    /// The ticket of the first payload of each lane that has one.
    oldest: BTreeSet<(u64, usize)>,
    /// The bytes that could be compressed, of each lane that has some.
    largest: BTreeSet<(usize, usize)>,
    /// Sums of all lanes.
    sums: Sums,
}

/// The payloads of one origin, in the order of the fields.
#[derive(Debug, Default)]
struct Lane {
    origin: Origin,
    /// Payloads that were on their way and came back.
    returned: VecDeque<Waiting>,
    packed: VecDeque<Waiting>,
    /// A payload between the compressed ones and the others is being compressed.
    is_packing: bool,
    raw: VecDeque<Waiting>,
    sums: Sums,
}

/// The size of what waits.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    entries: usize,
    /// Bytes of memory.
    memory: usize,
    /// Bytes that could be compressed.
    raw: usize,
}

impl Sums {
    fn add(&mut self, waiting: &Waiting, is_raw: bool) {
        self.entries += 1;
        self.memory += waiting.memory();
        self.raw += if is_raw { waiting.raw_len() } else { 0 };
    }

    fn subtract(&mut self, waiting: &Waiting, is_raw: bool) {
        self.entries -= 1;
        self.memory -= waiting.memory();
        self.raw -= if is_raw { waiting.raw_len() } else { 0 };
    }
}

impl Lane {
    fn front_ticket(&self) -> Option<u64> {
        let front = [&self.returned, &self.packed, &self.raw].into_iter().find_map(VecDeque::front);
        front.map(|waiting| waiting.ticket)
    }

    fn front(&self) -> Option<&Waiting> {
        let front = self.returned.front().or_else(|| self.packed.front());
        // The payloads being compressed go first.
        front.or_else(|| self.raw.front().filter(|_| !self.is_packing))
    }

    fn push_back(&mut self, waiting: Waiting, most: usize) {
        if let Some(last) = self.raw.back_mut() {
            if last.can_join(&waiting) && last.raw_len() + waiting.raw_len() <= most {
                self.sums.subtract(last, true);
                last.join(&waiting);
                self.sums.add(last, true);
                return;
            }
        }
        self.sums.add(&waiting, true);
        self.raw.push_back(waiting);
    }

    fn pop_front(&mut self) -> Option<Waiting> {
        let waiting = self.returned.pop_front().or_else(|| self.packed.pop_front());
        if let Some(waiting) = waiting {
            self.sums.subtract(&waiting, false);
            return Some(waiting);
        }
        self.pop_raw()
    }

    fn pop_raw(&mut self) -> Option<Waiting> {
        let waiting = self.raw.pop_front()?;
        self.sums.subtract(&waiting, true);
        Some(waiting)
    }

    /// Takes the oldest payloads that are not compressed, joined.
    fn take_to_pack(&mut self, most: usize) -> Option<Waiting> {
        let mut waiting = self.pop_raw()?;
        while let Some(next) = self.raw.front() {
            let bytes = waiting.raw_len() + next.raw_len();
            if bytes > most || !waiting.can_join(next) {
                break;
            }
            waiting.join(&self.pop_raw()?);
        }
        self.is_packing = true;
        Some(waiting)
    }

    fn is_unused(&self) -> bool {
        self.sums.entries == 0 && !self.is_packing
    }
}

impl Lanes {
    pub(super) fn is_empty(&self) -> bool {
        self.sums.entries == 0
    }

    /// The number of payloads.
    pub(super) fn len(&self) -> usize {
        self.sums.entries
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.sums.memory
    }

    /// Bytes that could be compressed.
    pub(super) fn raw(&self) -> usize {
        self.sums.raw
    }

    /// The ticket of the oldest payload.
    pub(super) fn oldest_ticket(&self) -> Option<u64> {
        self.oldest.first().map(|(ticket, _)| *ticket)
    }

    /// Adds the newest payload of its origin; a small one joins the one before it, up to this size of a request.
    pub(super) fn push_back(&mut self, waiting: Waiting, request_limit: usize) {
        let slot = self.slot(waiting.origin());
        self.change(slot, |lane| lane.push_back(waiting, JOIN_BYTES.min(request_limit)));
    }

    /// Puts a payload back to the front of its origin.
    pub(super) fn push_front(&mut self, waiting: Waiting) {
        let slot = self.slot(waiting.origin());
        self.change(slot, |lane| {
            lane.sums.add(&waiting, false);
            lane.returned.push_front(waiting);
        });
    }

    /// Takes the oldest payload that is not behind one that is being compressed.
    pub(super) fn pop_oldest(&mut self) -> Option<Waiting> {
        let mut slots = self.oldest.iter().map(|(_, slot)| *slot);
        let slot = slots.find(|slot| self.slots[*slot].front().is_some())?;
        self.change(slot, Lane::pop_front)
    }

    /// Takes the oldest payload, to give it up.
    pub(super) fn evict_oldest(&mut self) -> Option<Waiting> {
        let (_, slot) = *self.oldest.first()?;
        self.change(slot, Lane::pop_front)
    }

    /// Takes the next payload of an origin if it can join the first, has at most so many bytes, and is compressed or
    /// not as the first is.
    pub(super) fn pop_to_join(&mut self, first: &Waiting, most: usize) -> Option<Waiting> {
        let slot = *self.of_origin.get(first.origin())?;
        let next = self.slots[slot].front()?;
        let fits =
            next.raw_len() <= most && next.is_packed() == first.is_packed() && first.can_join(next);
        if fits { self.change(slot, Lane::pop_front) } else { None }
    }

    /// Takes the oldest payloads of the lane with the most to compress, joined up to this size of a request.
    /// [`Self::put_packed`] takes them back.
    pub(super) fn take_to_pack(&mut self, request_limit: usize) -> Option<Waiting> {
        let (_, slot) = *self.largest.last().filter(|(bytes, _)| *bytes >= MIN_PACK_BYTES)?;
        self.change(slot, |lane| lane.take_to_pack(JOIN_BYTES.min(request_limit)))
    }

    /// Puts a payload back that is compressed now.
    pub(super) fn put_packed(&mut self, waiting: Waiting) {
        let slot = self.slot(waiting.origin());
        self.change(slot, |lane| {
            lane.is_packing = false;
            lane.sums.add(&waiting, false);
            lane.packed.push_back(waiting);
        });
    }

    /// The payloads of an origin that were being compressed do not come back.
    pub(super) fn forget_packing(&mut self, origin: &Origin) {
        let slot = self.slot(origin);
        self.change(slot, |lane| lane.is_packing = false);
    }

    /// Returns the lane of an origin, a new one if there is none.
    fn slot(&mut self, origin: &Origin) -> usize {
        if let Some(slot) = self.of_origin.get(origin) {
            return *slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Lane::default());
            self.slots.len() - 1
        });
        self.slots[slot].origin = origin.clone();
        self.of_origin.insert(origin.clone(), slot);
        self.sums.memory += LANE_BYTES;
        slot
    }

    /// Changes a lane, and brings indexes and sums up to date. A lane that is empty then is given up.
    fn change<R>(&mut self, slot: usize, change: impl FnOnce(&mut Lane) -> R) -> R {
        let lane = &mut self.slots[slot];
        let (sums, ticket) = (lane.sums, lane.front_ticket());
        let result = change(lane);
        self.sums.entries = self.sums.entries - sums.entries + lane.sums.entries;
        self.sums.memory = self.sums.memory - sums.memory + lane.sums.memory;
        self.sums.raw = self.sums.raw - sums.raw + lane.sums.raw;
        if ticket != lane.front_ticket() {
            if let Some(ticket) = ticket {
                self.oldest.remove(&(ticket, slot));
            }
            if let Some(ticket) = lane.front_ticket() {
                self.oldest.insert((ticket, slot));
            }
        }
        if sums.raw != lane.sums.raw {
            self.largest.remove(&(sums.raw, slot));
            if lane.sums.raw > 0 {
                self.largest.insert((lane.sums.raw, slot));
            }
        }
        if lane.is_unused() {
            self.of_origin.remove(&lane.origin);
            *lane = Lane::default();
            self.free.push(slot);
            self.sums.memory -= LANE_BYTES;
        }
        result
    }
}
