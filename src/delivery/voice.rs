//! What is said aloud: one line when the Agent is lost, one when it is back, repeats damped.
//!
//! Nothing is said per batch. No line holds a tag value or credentials of ours; the start of the Agent's
//! answer is quoted.

use std::time::{Duration, Instant};

use opentelemetry::{otel_debug, otel_info, otel_warn};

use super::client::{Answer, SendError, Sent};
use super::stats::ExporterStats;
use crate::protocol::Protocol;

/// The same complaint is repeated after this time at the earliest; then it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// The longest time between two equal complaints.
const MAX_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Most of an answer, or of an error's text, that is reported, in bytes.
const MAX_EXCERPT: usize = 200;

/// What a request that ended tells.
#[derive(Debug)]
pub(super) enum News {
    /// Nothing that anybody has to know.
    Nothing,
    /// The Agent took something.
    Delivered,
    /// The Agent does not take what it may take later, for this cause.
    Lost(String),
    /// Spans were given up, for this cause.
    Refused(String),
}

/// Speaks for one exporter.
#[derive(Debug, Default)]
pub(super) struct Voice {
    /// The protocol that was announced last.
    protocol: Option<Protocol>,
    lacks_rates: bool,
    is_unstable: bool,
    lost: Damped,
    refused: Damped,
    full: Damped,
    /// Spans that a full buffer had cost when that was last said.
    overflowed: u64,
    /// The counters when the Agent was lost, if that was said.
    at_loss: Option<ExporterStats>,
}

/// Lets a complaint pass now and then.
#[derive(Debug, Default)]
struct Damped {
    next: Option<(Instant, Duration)>,
}

impl Damped {
    fn may_speak(&mut self, now: Instant) -> bool {
        let pause = match self.next {
            Some((at, _)) if now < at => return false,
            Some((_, pause)) => (pause * 2).min(MAX_PAUSE),
            None => FIRST_PAUSE,
        };
        self.next = Some((now + pause, pause));
        true
    }

    /// Starts anew, unless the last complaint is recent: an Agent that comes and goes is one complaint.
    fn calm_down(&mut self, now: Instant) {
        if self.next.is_some_and(|(at, _)| now >= at) {
            self.next = None;
        }
    }
}

impl Voice {
    /// Says what is worth saying about a request that ended.
    pub(super) fn speak(&mut self, now: Instant, news: &News, agent: &str, stats: &ExporterStats) {
        match news {
            News::Nothing => {}
            News::Delivered => self.delivered(now, agent, stats),
            News::Lost(cause) => self.lost(now, cause, agent, stats),
            News::Refused(cause) => self.refused(now, cause, agent, stats),
        }
        self.overflow(now, agent, stats);
    }

    /// The form was chosen by the receiver's offer: said once for each change.
    pub(super) fn protocol(&mut self, protocol: Protocol, agent: &str, lacks_rates: bool) {
        if self.protocol.replace(protocol) != Some(protocol) && !self.is_unstable {
            otel_debug!(
                name: "DatadogExporter.Protocol",
                agent = agent,
                protocol = format!("{protocol:?}"),
                message = "the protocol follows what the receiver takes"
            );
        }
        if lacks_rates && !std::mem::replace(&mut self.lacks_rates, true) {
            otel_warn!(
                name: "DatadogExporter.NoRates",
                agent = agent,
                protocol = format!("{protocol:?}"),
                message = "the receiver answers with no sampling rates: a sampler that follows them keeps every trace"
            );
        }
    }

    /// The receiver changes its offer all the time: said once.
    pub(super) fn unstable(&mut self, agent: &str) {
        if !std::mem::replace(&mut self.is_unstable, true) {
            otel_warn!(
                name: "DatadogExporter.ProtocolUnstable",
                agent = agent,
                message = "the receiver keeps changing what it takes: it is asked once a minute from now on"
            );
        }
    }

    /// The Agent does not take what it may take later.
    fn lost(&mut self, now: Instant, cause: &str, agent: &str, stats: &ExporterStats) {
        if self.lost.may_speak(now) {
            otel_warn!(
                name: "DatadogExporter.AgentLost",
                agent = agent,
                cause = cause,
                spans_buffered = stats.spans_buffered,
                bytes_buffered = stats.bytes_buffered,
                spans_dropped = stats.spans_dropped.total(),
                message = "the Agent takes no spans; they wait, and are sent when it is back"
            );
            self.at_loss.get_or_insert_with(|| stats.clone());
        }
    }

    /// The Agent took something.
    fn delivered(&mut self, now: Instant, agent: &str, stats: &ExporterStats) {
        self.lost.calm_down(now);
        let Some(then) = self.at_loss.take() else { return };
        otel_info!(
            name: "DatadogExporter.AgentBack",
            agent = agent,
            spans_waiting = stats.spans_buffered,
            spans_lost = stats.spans_dropped.total() - then.spans_dropped.total(),
            message = "the Agent takes spans again"
        );
    }

    /// The Agent refuses something for good.
    fn refused(&mut self, now: Instant, cause: &str, agent: &str, stats: &ExporterStats) {
        if self.refused.may_speak(now) {
            otel_warn!(
                name: "DatadogExporter.SpansRefused",
                agent = agent,
                cause = cause,
                spans_dropped = stats.spans_dropped.total(),
                message = "spans are given up; the counters of the exporter say how many"
            );
        }
    }

    /// The buffer is too small for what comes, whether the Agent is away or only slow.
    fn overflow(&mut self, now: Instant, agent: &str, stats: &ExporterStats) {
        let dropped = stats.spans_dropped.buffer_full;
        if dropped > self.overflowed && self.full.may_speak(now) {
            self.overflowed = dropped;
            otel_warn!(
                name: "DatadogExporter.BufferFull",
                agent = agent,
                spans_dropped = dropped,
                bytes_buffered = stats.bytes_buffered,
                message = "the oldest spans are given up: more waits than the buffer holds"
            );
        }
    }
}

/// Says in a line what went wrong.
pub(super) fn describe(answer: &Answer) -> String {
    match answer {
        Ok(response) => {
            format!(
                "the Agent answered {}: {}",
                response.status().as_u16(),
                excerpt(response.body())
            )
        }
        Err(error) if error.sent == Sent::Nothing => {
            format!("the Agent cannot be reached: {}", line_of(error))
        }
        Err(error) => format!("the Agent did not answer: {}", line_of(error)),
    }
}

/// Returns the start of an error's text as one printable line: a client may say anything.
fn line_of(error: &SendError) -> String {
    excerpt(error.to_string().as_bytes())
}

/// Returns the start of an answer as one printable line.
fn excerpt(answer: &[u8]) -> String {
    let start = &answer[..answer.len().min(MAX_EXCERPT)];
    let text = String::from_utf8_lossy(start);
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_short_line() {
        assert_eq!(excerpt(b"bad\r\n\x1b[31m\xff\n"), "bad   [31m\u{fffd}");
        assert_eq!(excerpt(&[b'x'; 1_000]).len(), MAX_EXCERPT);
    }

    #[test]
    fn a_complaint_is_repeated_less_and_less() {
        let start = Instant::now();
        let mut damped = Damped::default();
        let mut spoken = Vec::new();
        for minute in 0..300 {
            if damped.may_speak(start + FIRST_PAUSE * minute) {
                spoken.push(minute);
            }
        }
        assert_eq!(spoken, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
        let late = start + FIRST_PAUSE * 300;
        damped.calm_down(late);
        assert!(!damped.may_speak(late), "it was said less than an hour ago");
        damped.calm_down(late + MAX_PAUSE);
        assert!(damped.may_speak(late + MAX_PAUSE));
        assert!(damped.may_speak(late + MAX_PAUSE + FIRST_PAUSE), "the first pause is short again");
    }
}
