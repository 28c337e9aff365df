//! [`ExporterStats`]: what became of every span.

use crate::protocol::Protocol;

/// Counters of one exporter, from its start. Nothing but them is needed to know what became of every span.
///
/// At any moment `spans_received` is `spans_delivered` + the sum of `spans_dropped` + `spans_buffered` +
/// `spans_omitted`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExporterStats {
    /// Spans that the processor handed over before the shutdown.
    pub spans_received: u64,
    /// Spans that the Agent took.
    pub spans_delivered: u64,
    /// Spans that were dropped, by reason.
    pub spans_dropped: DroppedSpans,
    /// Spans that are buffered, the request under way included.
    pub spans_buffered: u64,
    /// Spans that were counted in client statistics and not sent, and those whose trace the Agent's `filter_tags`
    /// reject; zero without client statistics.
    pub spans_omitted: u64,
    /// Requests of client statistics that the Agent took.
    pub stats_payloads_sent: u64,
    /// Spans whose numbers in client statistics were given up: no receiver took them, or perhaps one did and said
    /// nothing. Logged once as `DatadogExporter.StatisticsLost`.
    pub stats_spans_dropped: u64,
    /// Requests that the Agent took. Buffered payloads are joined, so there may be fewer requests than batches.
    pub payloads_sent: u64,
    /// Documents of these requests, in bytes.
    pub bytes_sent: u64,
    /// Payloads that were dropped, for any reason.
    pub payloads_dropped: u64,
    /// Payloads that were put back to be sent again, whole or in halves.
    pub retries: u64,
    /// The protocol in use. [`Protocol::Auto`] only in an exporter that is switched off, or in a child that was forked.
    pub protocol: Protocol,
    /// Payloads that were buffered in the other encoding when the protocol changed, and were translated.
    pub payloads_translated: u64,
    /// Memory that waiting payloads take, in bytes; what has waited for a moment is compressed. At most
    /// [`with_max_buffer_bytes`](crate::DatadogExporterBuilder::with_max_buffer_bytes), and up to a quarter more while
    /// a request that was compressed is on its way.
    pub bytes_buffered: u64,
    /// True if the last request got any answer from the Agent; `None` before the first request ended.
    pub is_reachable: Option<bool>,
    /// The last error, if there ever was one. A success does not clear it.
    pub last_error: Option<String>,
}

/// Spans that were dropped, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedSpans {
    /// The oldest, when the buffer was full; the request under way is not taken back. Logged as
    /// `DatadogExporter.BufferFull`.
    pub buffer_full: u64,
    /// Refused by the Agent for good (400, 403, 404, 415 and most others), or too large alone (413). Logged as
    /// `DatadogExporter.SpansRefused`.
    pub refused: u64,
    /// Not sendable: a zero span id, or a zero low half of the trace id. Logged once as
    /// `DatadogExporter.SpansSkipped`.
    pub invalid: u64,
    /// Sent several times without an answer, or once before a full buffer pushed them out: the Agent may have them all
    /// the same.
    pub unacknowledged: u64,
    /// Still buffered when the time of the shutdown was over.
    pub shutdown: u64,
}

impl DroppedSpans {
    /// The sum of all reasons.
    pub fn total(&self) -> u64 {
        let Self { buffer_full, refused, invalid, unacknowledged, shutdown } = self;
        buffer_full + refused + invalid + unacknowledged + shutdown
    }
}

/// A reason for dropping spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    BufferFull,
    Refused,
    Invalid,
    Unacknowledged,
    Shutdown,
}

impl DroppedSpans {
    pub(super) fn of(&mut self, reason: Reason) -> &mut u64 {
        match reason {
            Reason::BufferFull => &mut self.buffer_full,
            Reason::Refused => &mut self.refused,
            Reason::Invalid => &mut self.invalid,
            Reason::Unacknowledged => &mut self.unacknowledged,
            Reason::Shutdown => &mut self.shutdown,
        }
    }
}
