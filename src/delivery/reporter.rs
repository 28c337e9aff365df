//! [`LogReporter`]: one line when the Agent is lost, one when it is back, repeats damped.
//!
//! Nothing is said per payload. No line holds a tag value or credentials of ours; the start of the Agent's
//! answer is quoted. The [`LogQueue`] says the lines: the worker runs no subscriber.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::{otel_debug, otel_info, otel_warn};

use super::address::AgentInUse;
use super::client::{Answer, MAX_TEXT, line_of};
use super::log_queue::LogQueue;
use super::policy::Outcome;
use super::stats::ExporterStats;
use crate::protocol::Protocol;

/// Time between two equal complaints: the first, and the longest; it doubles from one to the other.
type Pauses = (Duration, Duration);

/// While the Agent stays away, or refuses spans, or the buffer stays full.
const REPEAT: Pauses = (Duration::from_secs(60), Duration::from_secs(60 * 60));

/// Between the beginnings of two outages that are said: an Agent that comes and goes all the time is said less and
/// less.
const OUTAGE: Pauses = (Duration::from_secs(10), Duration::from_secs(5 * 60));

/// The longest wait of an exporter's end for a subscriber.
const LAST_LINES: Duration = Duration::from_millis(50);

/// The news of a request that ended.
#[derive(Debug)]
pub(super) enum News {
    /// Nothing that anybody has to know.
    Nothing,
    /// The Agent took something.
    Delivered,
    /// The Agent does not take what it may take later, for this cause.
    Lost(String),
    /// Spans were dropped, for this cause.
    Refused(String),
}

/// A line that is said once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Once {
    NoRates,
    NoStats,
    LostStats,
    Unstable,
}

/// Speaks for one exporter.
#[derive(Debug)]
pub(super) struct LogReporter {
    agent: Arc<AgentInUse>,
    queue: LogQueue,
    /// The protocol that was announced last.
    protocol: Option<Protocol>,
    /// Lines that are said once, and were.
    said: Vec<Once>,
    outages: Outages,
    refused: Damped,
    full: Damped,
    /// Spans that a full buffer had cost when that was last said.
    overflowed: u64,
    /// Spans that were dropped when the Agent was lost.
    dropped_at_loss: u64,
}

/// Lets a complaint pass now and then.
#[derive(Debug)]
struct Damped {
    pauses: Pauses,
    next: Option<(Instant, Duration)>,
}

impl Damped {
    fn new(pauses: Pauses) -> Self {
        Self { pauses, next: None }
    }

    fn may_speak(&mut self, now: Instant) -> bool {
        let (first, longest) = self.pauses;
        let pause = match self.next {
            Some((at, _)) if now < at => return false,
            Some((_, pause)) => (pause * 2).min(longest),
            None => first,
        };
        self.next = Some((now + pause, pause));
        true
    }

    /// Starts anew, unless the last complaint is recent.
    fn calm_down(&mut self, now: Instant) {
        if self.next.is_some_and(|(at, _)| now >= at) {
            self.next = None;
        }
    }
}

/// The outages: each that is said has two lines, and one that ends too soon after the last has none.
#[derive(Debug)]
struct Outages {
    beginnings: Damped,
    repeats: Damped,
    /// The outage that lasts, and whether it was said.
    current: Option<bool>,
    /// Outages since the last one that was said.
    unsaid: u64,
}

impl Outages {
    fn new() -> Self {
        let (beginnings, repeats) = (Damped::new(OUTAGE), Damped::new(REPEAT));
        Self { beginnings, repeats, current: None, unsaid: 0 }
    }

    /// The Agent took nothing. Returns whether to say so, and how many outages were not said before this one.
    fn failed(&mut self, now: Instant) -> Option<u64> {
        let is_said = *self.current.get_or_insert(false);
        if is_said {
            return self.repeats.may_speak(now).then_some(0);
        }
        if !self.beginnings.may_speak(now) {
            return None;
        }
        self.current = Some(true);
        self.repeats.next = None;
        self.repeats.may_speak(now);
        Some(std::mem::take(&mut self.unsaid))
    }

    /// The Agent took something. Returns whether to say so.
    fn ended(&mut self, now: Instant) -> bool {
        self.beginnings.calm_down(now);
        let was_said = self.current.take();
        self.unsaid += u64::from(was_said == Some(false));
        was_said == Some(true)
    }
}

impl LogReporter {
    pub(super) fn new(agent: Arc<AgentInUse>) -> Self {
        Self {
            agent,
            queue: LogQueue::default(),
            protocol: None,
            said: Vec::new(),
            outages: Outages::new(),
            refused: Damped::new(REPEAT),
            full: Damped::new(REPEAT),
            overflowed: 0,
            dropped_at_loss: 0,
        }
    }

    /// Says what is worth saying about a request that ended.
    pub(super) fn report(&mut self, now: Instant, news: News, stats: &ExporterStats) {
        match news {
            News::Nothing => {}
            News::Delivered => self.delivered(now, stats),
            News::Lost(cause) => self.lost(now, cause, stats),
            News::Refused(cause) => self.refused(now, cause, stats),
        }
        self.overflow(now, stats);
    }

    /// Returns true the first time that it is asked about a line.
    fn is_first(&mut self, line: Once) -> bool {
        let is_first = !self.said.contains(&line);
        if is_first {
            self.said.push(line);
        }
        is_first
    }

    /// Waits for the lines so far, but not for long.
    pub(super) fn finish(&self) {
        self.queue.finish(LAST_LINES);
    }

    /// The form was chosen by the receiver's offer: said once for each change.
    pub(super) fn protocol(&mut self, protocol: Protocol) {
        if self.protocol.replace(protocol) != Some(protocol) {
            let agent = self.agent.to_string();
            self.queue.say(move |_| {
                otel_debug!(
                    name: "DatadogExporter.Protocol",
                    agent = agent.as_str(),
                    protocol = format!("{protocol:?}"),
                    message = "the protocol follows what the receiver takes"
                );
            });
        }
    }

    /// Somebody follows the Agent's rates, and the receiver gives none: said once.
    pub(super) fn no_rates(&mut self, protocol: Protocol) {
        if self.is_first(Once::NoRates) {
            let agent = self.agent.to_string();
            self.queue.say(move |_| {
                otel_warn!(
                    name: "DatadogExporter.NoRates",
                    agent = agent.as_str(),
                    protocol = format!("{protocol:?}"),
                    message = "the receiver answers with no sampling rates: a sampler that follows them keeps every trace"
                );
            });
        }
    }

    /// Client statistics were asked for, and the receiver does not allow them.
    pub(super) fn no_stats(&mut self, cause: &'static str) {
        if self.is_first(Once::NoStats) {
            let agent = self.agent.to_string();
            self.queue.say(move |_| {
                otel_warn!(
                    name: "DatadogExporter.NoStatistics",
                    agent = agent.as_str(),
                    cause = cause,
                    message = "no client statistics: every span is sent, and the receiver counts"
                );
            });
        }
    }

    /// Numbers were given up.
    pub(super) fn lost_stats(&mut self, cause: String, spans: u64) {
        if self.is_first(Once::LostStats) {
            let agent = self.agent.to_string();
            self.queue.say(move |_| {
                otel_warn!(
                    name: "DatadogExporter.StatisticsLost",
                    agent = agent.as_str(),
                    cause = cause.as_str(),
                    spans = spans,
                    message = "client statistics are dropped: trace metrics lack these spans. Logged once; `stats_spans_dropped` has the sum"
                );
            });
        }
    }

    /// The receiver changes its offer all the time: said once.
    pub(super) fn unstable(&mut self) {
        if self.is_first(Once::Unstable) {
            let agent = self.agent.to_string();
            self.queue.say(move |_| {
                otel_warn!(
                    name: "DatadogExporter.ProtocolUnstable",
                    agent = agent.as_str(),
                    message = "the receiver keeps changing what it takes: it is asked once a minute from now on"
                );
            });
        }
    }

    /// The worker panicked, and was started again or not.
    pub(super) fn worker_panicked(&self, is_over: bool, stats: &ExporterStats) {
        let (buffered, dropped) = (stats.spans_buffered, stats.spans_dropped.total());
        self.queue.say(move |_| {
            otel_warn!(
                name: "DatadogExporter.WorkerPanicked",
                is_over = is_over,
                spans_buffered = buffered,
                spans_dropped = dropped,
                message = if is_over {
                    "a fault in the exporter: its worker panicked too often and ended; buffered spans are dropped; please report it"
                } else {
                    "a fault in the exporter: its worker panicked and was started again; please report it"
                }
            );
        });
    }

    /// The Agent does not take what it may take later.
    fn lost(&mut self, now: Instant, cause: String, stats: &ExporterStats) {
        let is_begin = self.outages.current != Some(true);
        let Some(outages_unsaid) = self.outages.failed(now) else { return };
        let (buffered, bytes) = (stats.spans_buffered, stats.bytes_buffered);
        let dropped = stats.spans_dropped.total();
        if is_begin {
            self.dropped_at_loss = dropped;
        }
        let agent = self.agent.to_string();
        self.queue.say(move |lines_left_out| {
            otel_warn!(
                name: "DatadogExporter.AgentLost",
                agent = agent.as_str(),
                cause = cause.as_str(),
                spans_buffered = buffered,
                bytes_buffered = bytes,
                spans_dropped = dropped,
                outages_unsaid = outages_unsaid,
                lines_left_out = lines_left_out,
                message = "the Agent takes no spans: they are buffered, and sent when it is back"
            );
        });
    }

    /// The Agent took something.
    fn delivered(&mut self, now: Instant, stats: &ExporterStats) {
        if !self.outages.ended(now) {
            return;
        }
        let buffered = stats.spans_buffered;
        let dropped = stats.spans_dropped.total() - self.dropped_at_loss;
        let agent = self.agent.to_string();
        self.queue.say(move |_| {
            otel_info!(
                name: "DatadogExporter.AgentBack",
                agent = agent.as_str(),
                spans_buffered = buffered,
                spans_dropped = dropped,
                message = "the Agent takes spans again"
            );
        });
    }

    /// The Agent refuses something for good.
    fn refused(&mut self, now: Instant, cause: String, stats: &ExporterStats) {
        if !self.refused.may_speak(now) {
            return;
        }
        let dropped = stats.spans_dropped.total();
        let agent = self.agent.to_string();
        self.queue.say(move |_| {
            otel_warn!(
                name: "DatadogExporter.SpansRefused",
                agent = agent.as_str(),
                cause = cause.as_str(),
                spans_dropped = dropped,
                message = "the Agent refused spans for good: they are dropped"
            );
        });
    }

    /// The buffer is too small for what comes, whether the Agent is away or only slow.
    fn overflow(&mut self, now: Instant, stats: &ExporterStats) {
        let dropped = stats.spans_dropped.buffer_full;
        if dropped <= self.overflowed || !self.full.may_speak(now) {
            return;
        }
        self.overflowed = dropped;
        let bytes = stats.bytes_buffered;
        let agent = self.agent.to_string();
        self.queue.say(move |_| {
            otel_warn!(
                name: "DatadogExporter.BufferFull",
                agent = agent.as_str(),
                spans_dropped = dropped,
                bytes_buffered = bytes,
                message = "the buffer is full: the oldest spans are dropped"
            );
        });
    }
}

/// Says in a line what went wrong.
pub(super) fn describe(answer: &Answer) -> String {
    match answer {
        Ok(response) => {
            let start = &response.body()[..response.body().len().min(MAX_TEXT)];
            let text = line_of(&String::from_utf8_lossy(start));
            format!("the Agent answered {}: {text}", response.status().as_u16())
        }
        Err(error) if error.outcome == Outcome::NotSent => {
            format!("the Agent cannot be reached: {}", error.cause)
        }
        Err(error) => format!("the Agent did not answer: {}", error.cause),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_repeated_less_and_less() {
        let start = Instant::now();
        let (first, longest) = REPEAT;
        let mut damped = Damped::new(REPEAT);
        let mut spoken = Vec::new();
        for minute in 0..300 {
            if damped.may_speak(start + first * minute) {
                spoken.push(minute);
            }
        }
        assert_eq!(spoken, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
        let late = start + first * 300;
        damped.calm_down(late);
        assert!(!damped.may_speak(late), "it was said less than an hour ago");
        damped.calm_down(late + longest);
        assert!(damped.may_speak(late + longest));
        assert!(damped.may_speak(late + longest + first), "the first pause is short again");
    }

    #[test]
    fn each_outage_has_a_pair_of_lines() {
        let start = Instant::now();
        let mut outages = Outages::new();
        for number in 0..3 {
            let begin = start + 3 * OUTAGE.0 * number;
            assert_eq!(outages.failed(begin), Some(0));
            assert_eq!(outages.failed(begin + OUTAGE.0), None, "it was said");
            assert!(outages.ended(begin + 2 * OUTAGE.0));
            assert!(!outages.ended(begin + 2 * OUTAGE.0), "nothing was lost any more");
        }
    }

    #[test]
    fn an_agent_that_comes_and_goes_is_said_less_and_its_last_outage_is_said_if_it_lasts() {
        let start = Instant::now();
        let mut outages = Outages::new();
        let second = Duration::from_secs(1);
        let mut said = 0;
        for number in 0..100 {
            said += u32::from(outages.failed(start + number * second).is_some());
            outages.ended(start + number * second);
        }
        assert_eq!(said, 4, "at 0, 10, 30 and 70 s");
        let last = start + 100 * second;
        assert_eq!(outages.failed(last), None);
        assert_eq!(outages.failed(last + OUTAGE.1), Some(29));
        assert!(outages.ended(last + OUTAGE.1));
    }

    #[test]
    fn a_long_outage_is_repeated() {
        let start = Instant::now();
        let mut outages = Outages::new();
        assert_eq!(outages.failed(start), Some(0));
        assert_eq!(outages.failed(start + REPEAT.0), Some(0));
        assert_eq!(outages.failed(start + REPEAT.0 * 2), None);
    }
}
