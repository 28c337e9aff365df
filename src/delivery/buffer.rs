//! The outage buffer: payloads in the order they came, bounded in bytes of real memory.
//!
//! What waits for an Agent that is away is joined and compressed, oldest first, as soon as more waits than
//! one request can carry: spans shrink about tenfold, so a minute without an Agent fits. The worker does it, outside
//! the lock; only a buffer that would overflow otherwise does it at once. When the bound is reached the
//! oldest goes first, except for the request under way: it cannot be taken back, so the next oldest goes.
//! The buffer is plain data: no thread, no clock, no socket.

mod waiting;

use std::collections::VecDeque;

use super::stats::{ExporterStats, Reason};
use crate::encoding::{Payload, WireKind};
use waiting::HeldFacts;
pub(super) use waiting::Waiting;

/// Least bytes that are compressed together: below this the text repeats too little. Compressing them
/// takes about half a millisecond.
const PACK_BYTES: usize = 256 * 1024;

/// How many payloads of other origins are looked past for one to join.
const MAX_SKIPPED: usize = 64;

/// The memory of a delivered payload is kept for the next one if it is at most this part of the bound.
const SPARE_SHARE: usize = 8;

/// Deliveries after which a limit that a 413 taught is doubted: one refusal in so many costs little, and
/// a limit that was lifted is found out.
const RAISE_AFTER: u64 = 64;

/// A payload on its way.
#[derive(Debug)]
pub(super) struct Flight {
    waiting: Waiting,
}

impl Flight {
    /// The payload, not compressed.
    pub(super) fn payload(&mut self) -> &mut Payload {
        &mut self.waiting.payload
    }

    pub(super) fn spans(&self) -> u64 {
        self.waiting.spans()
    }

    /// Translates the payload into a wire, and says whether that was needed; nothing if it cannot be read.
    pub(super) fn translate(&mut self, wire: WireKind) -> Option<bool> {
        let payload = &mut self.waiting.payload;
        let is_needed = payload.wire() != wire;
        if is_needed {
            *payload = payload.translate(wire)?;
        }
        Some(is_needed)
    }

    /// Tries that the Agent may have taken, and tries whose connection broke.
    pub(super) fn tries(&self) -> (u8, u8) {
        (self.waiting.doubts, self.waiting.breaks)
    }

    /// Remembers the tries so far.
    pub(super) fn set_tries(&mut self, doubts: u8, breaks: u8) {
        (self.waiting.doubts, self.waiting.breaks) = (doubts, breaks);
    }
}

/// The buffer and the counters, which change together.
#[derive(Debug)]
pub(super) struct Buffer {
    queue: VecDeque<Waiting>,
    /// The payload on its way.
    flight: Option<HeldFacts>,
    /// The payload that is being compressed.
    packing: Option<HeldFacts>,
    /// Where it belongs in the queue: behind so many.
    packing_at: usize,
    /// Memory of the queue, in bytes.
    memory: usize,
    /// Bytes of documents in the queue that are not compressed.
    raw: usize,
    limit: usize,
    /// Most of `raw` while the Agent takes nothing: beyond it the oldest is compressed.
    raw_limit: usize,
    /// Most bytes that are joined for one request; shrinks if the Agent refuses as much.
    request_limit: usize,
    /// What it is raised to, step by step.
    payload_limit: usize,
    /// Requests delivered since one was too large.
    since_refusal: u64,
    /// Whether the last request has to be repeated.
    is_failing: bool,
    next_ticket: u64,
    /// A payload that is delivered, for its memory.
    spare: Option<Payload>,
    /// The usual length of a document, in bytes.
    usual: usize,
    stats: ExporterStats,
}

impl Buffer {
    /// A buffer of at most `limit` bytes, for requests of at most `payload_limit` bytes.
    pub(super) fn new(limit: usize, payload_limit: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            flight: None,
            packing: None,
            packing_at: 0,
            memory: 0,
            raw: 0,
            limit,
            raw_limit: payload_limit.min(limit / 4),
            request_limit: payload_limit,
            payload_limit,
            since_refusal: 0,
            is_failing: false,
            next_ticket: 0,
            spare: None,
            usual: 0,
            stats: ExporterStats::default(),
        }
    }

    /// Whether nothing waits, nothing is being compressed and nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.flight.is_none() && self.packing.is_none()
    }

    /// Counters as they are now.
    pub(super) fn stats(&self) -> ExporterStats {
        let bytes_buffered = self.total_memory() as u64;
        ExporterStats { bytes_buffered, ..self.stats.clone() }
    }

    /// Spans that were taken in and given up.
    pub(super) fn given_up(&self) -> u64 {
        self.stats.spans_dropped.total() - self.stats.spans_dropped.invalid
    }

    /// The counters that only the worker knows how to set.
    pub(super) fn stats_mut(&mut self) -> &mut ExporterStats {
        &mut self.stats
    }

    /// Counts spans that cannot be sent, and so become part of no payload.
    pub(super) fn skip(&mut self, spans: u64) {
        self.stats.spans_received += spans;
        *self.stats.spans_dropped.of(Reason::Invalid) += spans;
    }

    /// Takes in what one export brings; the ticket tells later whether all of it is settled.
    pub(super) fn push(&mut self, payloads: Vec<Payload>) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        for payload in payloads {
            let waiting = Waiting::new(payload, ticket);
            self.stats.spans_received += waiting.spans();
            self.stats.spans_buffered += waiting.spans();
            self.add_back(waiting);
        }
        self.fit();
        ticket
    }

    /// The ticket of the last export so far.
    pub(super) fn last_ticket(&self) -> Option<u64> {
        self.next_ticket.checked_sub(1)
    }

    /// Whether everything up to a ticket is delivered or dropped.
    pub(super) fn is_settled(&self, ticket: u64) -> bool {
        let is_later = |held: Option<HeldFacts>| held.is_none_or(|held| held.ticket > ticket);
        // The queue is in order of tickets.
        let queued = self.queue.front().is_none_or(|waiting| waiting.ticket > ticket);
        queued && is_later(self.flight) && is_later(self.packing)
    }

    /// Takes the oldest payload, joined with the next ones as far as they fit into one request, and
    /// into the memory. While the Agent takes nothing the oldest goes alone: a try costs little then.
    pub(super) fn take(&mut self) -> Option<Flight> {
        let mut first = self.remove_front()?;
        first.unpack();
        let mut at = 0;
        while let Some(next) = self.queue.get(at).filter(|_| !self.is_failing && at < MAX_SKIPPED) {
            let raw = first.raw_len() + next.raw_len();
            if !first.can_join(next) {
                // Of another origin: it keeps its place, and order matters within an origin only.
                at += 1;
            } else if raw <= self.request_limit && raw + self.memory <= self.limit {
                let next = self.remove(at).expect("it was just seen");
                first.join(next);
            } else {
                break;
            }
        }
        // Joining leaves room behind; a small buffer cannot afford it.
        if first.memory() + self.memory > self.limit {
            first.payload.shrink(0);
        }
        self.flight = Some(first.facts());
        Some(Flight { waiting: first })
    }

    /// Takes out the oldest payloads that should be compressed, joined; [`Self::put_packed`] takes them
    /// back. Nothing if what waits is not worth it.
    pub(super) fn take_excess(&mut self) -> Option<Waiting> {
        // An Agent that takes what it gets, only slowly, will take this too: compressing costs more than a
        // slow Agent does, unless the memory runs out.
        let most = if self.is_failing { self.raw_limit } else { self.limit / 2 };
        if self.raw <= most {
            return None;
        }
        let at = self.first_raw()?;
        let waiting = self.take_joined(at);
        (self.packing, self.packing_at) = (Some(waiting.facts()), at);
        Some(waiting)
    }

    /// Puts back, in its place, what is compressed now, unless it had to make room meanwhile.
    pub(super) fn put_packed(&mut self, waiting: Waiting) {
        if self.packing.take().is_none() {
            return;
        }
        self.memory += waiting.memory();
        // What came meanwhile may be compressed already: it is behind all the same.
        self.queue.insert(self.packing_at, waiting);
    }

    /// Returns the memory of a payload that is delivered, if there is any.
    pub(super) fn spare(&mut self) -> Option<Payload> {
        self.spare.take()
    }

    /// The Agent has it, in a document of this many bytes. Its memory serves the next batch.
    pub(super) fn delivered(&mut self, flight: Flight, bytes: usize) {
        self.land(&flight);
        self.is_failing = false;
        self.since_refusal += 1;
        if self.since_refusal % RAISE_AFTER == 0 {
            self.request_limit = self.payload_limit.min(2 * self.request_limit);
        }
        self.stats.spans_exported += flight.spans();
        self.stats.payloads_sent += 1;
        self.stats.bytes_sent += bytes as u64;
        // The usual length follows a growing one at once, and a shrinking one slowly.
        self.usual = bytes.max(self.usual - self.usual / 8);
        let mut payload = flight.waiting.payload;
        payload.shrink(self.usual);
        // What the next batch is written into counts as soon as it waits.
        self.spare = Some(payload).filter(|payload| payload.memory() <= self.limit / SPARE_SHARE);
    }

    /// The receiver cannot be reached: nothing was sent, and nothing needs to be put back.
    pub(super) fn fail(&mut self) {
        self.is_failing = true;
        self.stats.retries += 1;
    }

    /// It goes back to where it was: the front.
    pub(super) fn keep(&mut self, flight: Flight) {
        self.flight = None;
        self.is_failing = true;
        self.stats.retries += 1;
        self.add_front(flight.waiting);
        // It was decompressed for the try, and must not be lost by it.
        self.fit();
    }

    /// Its halves go back in its place. A single span cannot be halved: then false, and nothing happens.
    pub(super) fn halve(&mut self, flight: &Flight) -> bool {
        let Waiting { payload, ticket, doubts, breaks, .. } = &flight.waiting;
        let Some((first, second)) = payload.halve() else { return false };
        let (refused, ticket, doubts, breaks) = (payload.len(), *ticket, *doubts, *breaks);
        self.flight = None;
        self.stats.retries += 1;
        // What was too large once is not tried again soon; the halves are not joined again.
        self.request_limit = self.request_limit.min(refused.saturating_sub(1));
        self.since_refusal = 0;
        for half in [second, first] {
            self.add_front(Waiting { payload: half, packed: None, ticket, doubts, breaks });
        }
        self.fit();
        true
    }

    /// It is given up.
    pub(super) fn drop_flight(&mut self, flight: &Flight, reason: Reason) {
        self.land(flight);
        self.count_dropped(flight.spans(), reason);
    }

    /// Gives up the payloads that the worker held when it panicked.
    pub(super) fn abandon(&mut self) {
        for held in [self.flight.take(), self.packing.take()].into_iter().flatten() {
            self.stats.spans_buffered -= held.spans;
            self.count_dropped(held.spans, Reason::Unacknowledged);
        }
    }

    /// Gives up everything, also what is on its way; says how many spans that were.
    pub(super) fn drop_all(&mut self) -> u64 {
        let spans = self.stats.spans_buffered;
        self.stats.spans_buffered = 0;
        let held = [self.flight, self.packing].into_iter().flatten().count();
        self.stats.payloads_dropped += (self.queue.len() + held) as u64;
        *self.stats.spans_dropped.of(Reason::Shutdown) += spans;
        self.queue.clear();
        self.spare = None;
        (self.flight, self.packing, self.memory, self.raw) = (None, None, 0, 0);
        spans
    }

    fn land(&mut self, flight: &Flight) {
        self.flight = None;
        self.stats.spans_buffered -= flight.spans();
    }

    fn count_dropped(&mut self, spans: u64, reason: Reason) {
        *self.stats.spans_dropped.of(reason) += spans;
        self.stats.payloads_dropped += 1;
    }

    fn total_memory(&self) -> usize {
        let held = |held: Option<HeldFacts>| held.map_or(0, |held| held.memory);
        self.memory + held(self.flight) + held(self.packing)
    }

    /// Brings the memory below the limit: what waits is compressed, and if that is not enough, dropped.
    fn fit(&mut self) {
        while self.total_memory() > self.limit && self.pack_oldest() {}
        self.make_room();
    }

    /// Drops the oldest while the memory is above the limit. What is on its way is out of reach.
    fn make_room(&mut self) {
        while self.total_memory() > self.limit {
            let is_oldest = self.packing_at == 0;
            let packing = self.packing.take_if(|_| is_oldest);
            let oldest = packing.or_else(|| Some(self.remove_front()?.facts()));
            let Some(oldest) = oldest else { break };
            self.packing_at = self.packing_at.saturating_sub(1);
            self.stats.spans_buffered -= oldest.spans;
            self.count_dropped(oldest.spans, Reason::BufferFull);
        }
    }

    /// Compresses the oldest payloads that are not compressed yet; false if there are none.
    fn pack_oldest(&mut self) -> bool {
        let Some(at) = self.first_raw() else { return false };
        let mut waiting = self.take_joined(at);
        waiting.pack();
        self.memory += waiting.memory();
        self.queue.insert(at, waiting);
        true
    }

    /// Takes out the payload at `at`, joined with those behind it until there is enough to compress. None
    /// overtakes another of its origin.
    fn take_joined(&mut self, at: usize) -> Waiting {
        let mut waiting = self.remove(at).expect("the caller saw it");
        let mut next = at;
        while waiting.raw_len() < PACK_BYTES && next < at + MAX_SKIPPED {
            match self.queue.get(next) {
                Some(other) if !waiting.payload.can_join(&other.payload) => next += 1,
                Some(other) if self.can_pack_together(&waiting, other) => {
                    let other = self.remove(next).expect("it was just seen");
                    waiting.join(other);
                }
                _ => break,
            }
        }
        waiting
    }

    fn can_pack_together(&self, first: &Waiting, next: &Waiting) -> bool {
        next.packed.is_none()
            && first.can_join(next)
            && first.raw_len() + next.raw_len() <= self.request_limit
    }

    fn first_raw(&self) -> Option<usize> {
        self.queue.iter().position(|waiting| waiting.packed.is_none())
    }

    fn add_back(&mut self, waiting: Waiting) {
        self.count_in(&waiting);
        self.queue.push_back(waiting);
    }

    fn add_front(&mut self, waiting: Waiting) {
        self.count_in(&waiting);
        self.queue.push_front(waiting);
    }

    fn remove_front(&mut self) -> Option<Waiting> {
        self.remove(0)
    }

    fn remove(&mut self, at: usize) -> Option<Waiting> {
        let waiting = self.queue.remove(at)?;
        self.memory -= waiting.memory();
        if waiting.packed.is_none() {
            self.raw -= waiting.payload.len();
        }
        Some(waiting)
    }

    fn count_in(&mut self, waiting: &Waiting) {
        self.memory += waiting.memory();
        if waiting.packed.is_none() {
            self.raw += waiting.payload.len();
        }
    }
}

#[cfg(test)]
mod tests;
