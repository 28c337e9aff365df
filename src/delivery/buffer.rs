//! The outage buffer: payloads in the order they came, bounded in bytes of real memory.
//!
//! Payloads that wait for an Agent that is away are joined and compressed, so a minute without an Agent fits.
//! Compression is a step of its own on a thread of its own: no caller and no request waits for it. When the bound is
//! reached the oldest goes first, except for the request under way: it cannot be taken back, so the next oldest goes.
//! Before an Agent that takes what it gets, the newest export stays although it is larger than the bound. The buffer
//! is plain data: no thread, no clock, no socket.

mod lanes;
mod waiting;

use super::stats::{ExporterStats, Reason};
use crate::encoding::{Origin, Payload, WireKind};
use crate::stats::OmittedP0s;
use lanes::Lanes;
use waiting::Held;
pub(super) use waiting::Waiting;

/// The part of the bound that waits uncompressed while the Agent takes nothing: each of 200 origins can then be
/// compressed some 40 KiB at a time, which shrinks well enough.
const RAW_SHARE: usize = 8;

/// The memory of a delivered payload is kept for the next one if it is at most this part of the bound.
const SPARE_SHARE: usize = 8;

/// Deliveries after which a limit that a 413 taught is doubted: one refusal in so many costs little, and
/// a limit that was lifted is found out.
const RAISE_AFTER: u64 = 64;

/// A payload on its way.
#[derive(Debug, Default)]
pub(super) struct Flight {
    /// The chunks as they are sent. [`Self::prepare`] makes it where they waited compressed.
    payload: Payload,
    /// The payloads that it is made of, if they waited compressed: they go back as they were.
    packed: Vec<Waiting>,
    spans: u64,
    ticket: u64,
    doubts: u8,
    breaks: u8,
    omitted: OmittedP0s,
}

impl Flight {
    fn of(first: Waiting) -> Self {
        let (ticket, doubts, breaks) = (first.ticket, first.doubts, first.breaks);
        let omitted = first.omitted;
        let spans = first.spans();
        let (payload, packed) = if first.is_packed() {
            (Payload::default(), vec![first])
        } else {
            (first.payload, Vec::new())
        };
        Self { payload, packed, spans, ticket, doubts, breaks, omitted }
    }

    /// Decompresses and joins the chunks, which takes its time.
    pub(super) fn prepare(&mut self) {
        let mut payloads = self.packed.iter().filter_map(Waiting::unpacked);
        if let Some(first) = payloads.next() {
            self.payload = first;
            payloads.for_each(|next| self.payload.append(&next));
        }
    }

    /// The payload as it is sent.
    pub(super) fn payload(&mut self) -> &mut Payload {
        &mut self.payload
    }

    pub(super) fn spans(&self) -> u64 {
        self.spans
    }

    /// The rejected spans that were left out before it.
    pub(super) fn omitted(&self) -> OmittedP0s {
        self.omitted
    }

    /// Translates the payload into a wire, and says whether that was needed; nothing if it cannot be read.
    pub(super) fn translate(&mut self, wire: WireKind) -> Option<bool> {
        let is_needed = self.payload.wire() != wire;
        if is_needed {
            self.payload = self.payload.translate(wire)?;
        }
        Some(is_needed)
    }

    /// Tries that the Agent may have taken, and tries whose connection broke.
    pub(super) fn tries(&self) -> (u8, u8) {
        (self.doubts, self.breaks)
    }

    /// Remembers the tries so far.
    pub(super) fn set_tries(&mut self, doubts: u8, breaks: u8) {
        (self.doubts, self.breaks) = (doubts, breaks);
    }

    /// Returns what goes back to the buffer, in order.
    fn back(self) -> Vec<Waiting> {
        let Self { payload, packed, ticket, doubts, breaks, omitted, spans: _ } = self;
        if packed.is_empty() {
            return vec![Waiting { payload, packed: None, ticket, doubts, breaks, omitted }];
        }
        // The first one carries what all of them carried.
        let carried = std::iter::once(omitted).chain(std::iter::repeat(OmittedP0s::default()));
        let back = packed.into_iter().zip(carried);
        back.map(|(waiting, omitted)| Waiting { doubts, breaks, omitted, ..waiting }).collect()
    }

    fn held(&self) -> Held {
        let packed: usize = self.packed.iter().map(Waiting::memory).sum();
        let memory = if packed == 0 { self.payload.memory() } else { packed };
        Held { spans: self.spans, memory, ticket: self.ticket }
    }
}

/// A payload that is being compressed.
#[derive(Debug)]
struct Packing {
    origin: Origin,
    /// Nothing once it had to make room: then nobody waits for it.
    held: Option<Held>,
}

/// The buffer and the counters, which change together.
#[derive(Debug)]
pub(super) struct Buffer {
    lanes: Lanes,
    /// The payload on its way, and the bytes of its decompressed copy.
    flight: Option<(Held, usize)>,
    packing: Option<Packing>,
    limit: usize,
    /// The most bytes that are joined for one request; shrinks if the Agent refuses as much.
    request_limit: usize,
    /// The limit to which `request_limit` rises again, step by step.
    payload_limit: usize,
    /// Requests delivered since one was too large.
    since_refusal: u64,
    /// True if the last request has to be repeated.
    is_failing: bool,
    next_ticket: u64,
    /// A payload that is delivered, for its memory.
    spare: Option<Payload>,
    /// The usual length of a document, in bytes.
    usual: usize,
    /// Rejected spans that were left out since a payload was first sent.
    omitted: OmittedP0s,
    stats: ExporterStats,
}

impl Buffer {
    /// A buffer of at most `limit` bytes, for requests of at most `payload_limit` bytes.
    pub(super) fn new(limit: usize, payload_limit: usize) -> Self {
        Self {
            lanes: Lanes::default(),
            flight: None,
            packing: None,
            limit,
            request_limit: payload_limit,
            payload_limit,
            since_refusal: 0,
            is_failing: false,
            next_ticket: 0,
            spare: None,
            usual: 0,
            omitted: OmittedP0s::default(),
            stats: ExporterStats::default(),
        }
    }

    /// Returns true if nothing is buffered, nothing is being compressed and nothing is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.lanes.is_empty() && self.flight.is_none() && self.packed_held().is_none()
    }

    /// Counters as they are now.
    pub(super) fn stats(&self) -> ExporterStats {
        let copy = self.flight.map_or(0, |(_, copy)| copy);
        let bytes_buffered = (self.total_memory() + copy) as u64;
        ExporterStats { bytes_buffered, ..self.stats.clone() }
    }

    /// Spans that were buffered and then dropped.
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

    /// Counts spans that are not sent, and so become part of no payload.
    pub(super) fn omit(&mut self, spans: u64, omitted: OmittedP0s) {
        self.stats.spans_received += spans;
        self.stats.spans_omitted += spans;
        self.omitted.add(omitted);
    }

    /// Takes in what one export brings; the ticket tells later whether all of it is settled.
    pub(super) fn push(&mut self, payloads: Vec<Payload>) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        for payload in payloads {
            let waiting = Waiting::new(payload, ticket);
            self.stats.spans_received += waiting.spans();
            self.stats.spans_buffered += waiting.spans();
            self.lanes.push_back(waiting, self.request_limit);
        }
        self.make_room();
        ticket
    }

    /// The ticket of the last export so far.
    pub(super) fn last_ticket(&self) -> Option<u64> {
        self.next_ticket.checked_sub(1)
    }

    /// Returns true if everything up to a ticket is delivered or dropped.
    pub(super) fn is_settled(&self, ticket: u64) -> bool {
        let is_later = |oldest: Option<u64>| oldest.is_none_or(|oldest| oldest > ticket);
        is_later(self.lanes.oldest_ticket())
            && is_later(self.flight.map(|(held, _)| held.ticket))
            && is_later(self.packed_held().map(|held| held.ticket))
    }

    /// Takes the oldest payload, joined with the next ones as far as they fit into one request, and
    /// into the memory. While the Agent takes nothing the oldest goes alone: a try costs little then.
    pub(super) fn take(&mut self) -> Option<Flight> {
        let mut first = self.lanes.pop_oldest()?;
        let is_counted = first.origin().is_counted;
        let mut rest = Vec::new();
        let mut bytes = first.raw_len();
        while !self.is_failing {
            let room = self.request_limit.saturating_sub(bytes);
            let room = room.min(self.limit.saturating_sub(self.lanes.memory() + bytes));
            let Some(next) = self.lanes.pop_to_join(&first, room) else { break };
            bytes += next.raw_len();
            if first.is_packed() { rest.push(next) } else { first.join(&next) }
        }
        // Joining leaves room behind; a small buffer cannot afford it.
        if first.memory() + self.lanes.memory() > self.limit {
            first.payload.shrink(0);
        }
        let mut flight = Flight::of(first);
        for next in rest {
            flight.spans += next.spans();
            flight.omitted.add(next.omitted);
            flight.packed.push(next);
        }
        if is_counted {
            flight.omitted.add(std::mem::take(&mut self.omitted));
        }
        let copy = if flight.packed.is_empty() { 0 } else { bytes };
        self.flight = Some((flight.held(), copy));
        Some(flight)
    }

    /// Takes out payloads that should be compressed, joined; [`Self::put_packed`] takes them back. Nothing if what
    /// waits is not worth it.
    pub(super) fn take_excess(&mut self) -> Option<Waiting> {
        // An Agent that takes what it gets, only slowly, will take this too: compressing costs more than a
        // slow Agent does, unless the memory runs out.
        let share = if self.is_failing { RAW_SHARE } else { 2 };
        if self.packing.is_some() || self.lanes.raw() <= self.limit / share {
            return None;
        }
        let waiting = self.lanes.take_to_pack(self.request_limit)?;
        self.packing =
            Some(Packing { origin: waiting.origin().clone(), held: Some(waiting.held()) });
        Some(waiting)
    }

    /// Puts back, in its place, what is compressed now, unless it had to make room meanwhile. Nothing comes back of
    /// what the compressor could not take.
    pub(super) fn put_packed(&mut self, waiting: Option<Waiting>) {
        let Some(Packing { origin, held: Some(held) }) = self.packing.take() else { return };
        if let Some(waiting) = waiting {
            self.lanes.put_packed(waiting);
        } else {
            self.lanes.forget_packing(&origin);
            self.give_up(held.spans, Reason::Invalid);
        }
    }

    /// Returns the memory of a payload that is delivered, if there is any.
    pub(super) fn spare(&mut self) -> Option<Payload> {
        self.spare.take()
    }

    /// The Agent has it, in a document of this many bytes. Its memory serves the next batch.
    pub(super) fn delivered(&mut self, flight: Flight, bytes: usize) {
        self.flight = None;
        self.stats.spans_buffered -= flight.spans();
        self.is_failing = false;
        self.since_refusal += 1;
        if self.since_refusal % RAISE_AFTER == 0 {
            self.request_limit = self.payload_limit.min(2 * self.request_limit);
        }
        self.stats.spans_delivered += flight.spans();
        self.stats.payloads_sent += 1;
        self.stats.bytes_sent += bytes as u64;
        // The usual length follows a growing one at once, and a shrinking one slowly.
        self.usual = bytes.max(self.usual - self.usual / 8);
        let mut payload = flight.payload;
        payload.shrink(self.usual);
        // The next payload is written into the spare, and its whole memory counts once it is buffered.
        self.spare = Some(payload).filter(|payload| payload.memory() <= self.limit / SPARE_SHARE);
    }

    /// The receiver cannot be reached: nothing was sent, and nothing needs to be put back.
    pub(super) fn fail(&mut self) {
        self.is_failing = true;
        self.stats.retries += 1;
        self.make_room();
    }

    /// It goes back to where it was: the front.
    pub(super) fn keep(&mut self, flight: Flight) {
        self.flight = None;
        self.is_failing = true;
        self.stats.retries += 1;
        for waiting in flight.back().into_iter().rev() {
            self.lanes.push_front(waiting);
        }
        self.make_room();
    }

    /// Its halves go back in its place. A single span cannot be halved: then false, and nothing happens.
    pub(super) fn halve(&mut self, flight: &Flight) -> bool {
        let Flight { payload, ticket, doubts, breaks, omitted, .. } = flight;
        let Some((first, second)) = payload.halve() else { return false };
        let (refused, ticket, doubts, breaks) = (payload.len(), *ticket, *doubts, *breaks);
        self.flight = None;
        self.stats.retries += 1;
        // A size that was too large is not tried again soon; the halves are not joined again.
        self.request_limit = self.request_limit.min(refused.saturating_sub(1));
        self.since_refusal = 0;
        for (payload, omitted) in [(second, OmittedP0s::default()), (first, *omitted)] {
            self.lanes.push_front(Waiting {
                payload,
                packed: None,
                ticket,
                doubts,
                breaks,
                omitted,
            });
        }
        self.make_room();
        true
    }

    /// It is dropped.
    pub(super) fn drop_flight(&mut self, flight: &Flight, reason: Reason) {
        self.flight = None;
        self.give_up(flight.spans(), reason);
    }

    /// Gives up the payload that the worker held when it panicked.
    pub(super) fn abandon(&mut self) {
        if let Some((held, _)) = self.flight.take() {
            self.give_up(held.spans, Reason::Unacknowledged);
        }
    }

    /// Gives up everything, also what is on its way; says how many spans that were.
    pub(super) fn drop_all(&mut self) -> u64 {
        let spans = self.stats.spans_buffered;
        self.stats.spans_buffered = 0;
        let held = usize::from(self.flight.is_some()) + usize::from(self.packed_held().is_some());
        self.stats.payloads_dropped += (self.lanes.len() + held) as u64;
        *self.stats.spans_dropped.of(Reason::Shutdown) += spans;
        self.lanes = Lanes::default();
        self.spare = None;
        self.flight = None;
        if let Some(packing) = &mut self.packing {
            packing.held = None;
        }
        spans
    }

    fn give_up(&mut self, spans: u64, reason: Reason) {
        self.stats.spans_buffered -= spans;
        *self.stats.spans_dropped.of(reason) += spans;
        self.stats.payloads_dropped += 1;
    }

    fn packed_held(&self) -> Option<Held> {
        self.packing.as_ref()?.held
    }

    fn total_memory(&self) -> usize {
        let flight = self.flight.map_or(0, |(held, _)| held.memory);
        self.lanes.memory() + flight + self.packed_held().map_or(0, |held| held.memory)
    }

    /// Drops the oldest while the memory is above the limit. The request under way cannot be dropped.
    fn make_room(&mut self) {
        while self.total_memory() > self.limit {
            let oldest = self.lanes.oldest_ticket();
            let packing = self.packed_held().filter(|held| oldest.is_none_or(|o| held.ticket <= o));
            let Some(ticket) = packing.map(|held| held.ticket).or(oldest) else { break };
            if !self.is_failing && Some(ticket) == self.last_ticket() {
                break;
            }
            let (spans, reason) = match (packing, &mut self.packing) {
                (Some(held), Some(packing)) => {
                    packing.held = None;
                    self.lanes.forget_packing(&packing.origin);
                    (held.spans, Reason::BufferFull)
                }
                _ => match self.lanes.evict_oldest() {
                    // The Agent may have it all the same.
                    Some(oldest) if oldest.doubts > 0 => (oldest.spans(), Reason::Unacknowledged),
                    Some(oldest) => (oldest.spans(), Reason::BufferFull),
                    None => break,
                },
            };
            self.give_up(spans, reason);
        }
    }
}

#[cfg(test)]
mod tests;
