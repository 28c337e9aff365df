//! The claims of `README.md`, checked.

use std::time::Duration;

use crate::arrivals::{Arrival, Arrivals};
use crate::child::{Report, Sample};
use crate::faults::{Happened, MAX_DELAY};
use crate::load::Loaded;

/// The most arrivals of a span: the first, and three retries of a request without an answer.
const MAX_TIMES: u32 = 4;
/// An answer that is under way when connections are cut is lost: the longest, and a second for a busy machine.
const LOST_BEFORE_CUT: Duration = Duration::from_millis(MAX_DELAY + 1_000);
/// The most that the resident set may peak higher in the second half than in the first: a part, and KiB.
const GROWTH: (f64, u64) = (0.15, 4 * 1_024);
/// Files more than after the warm-up: connections to the Agent come and go.
const MORE_FILES: usize = 4;
/// The most that the 99th percentile may be slower and still be noise: a factor, and a time.
const SLOWER: (u32, Duration) = (3, Duration::from_millis(5));
/// The part of the spans that must be delivered although the buffer is small: the Agent is well most of the time.
const DELIVERED: f64 = 0.5;
/// Spans that must have been in play, or nothing was tested.
const LEAST_SPANS: u64 = 1_000;

/// The load and the faults of one service that exports, and the spans that arrived from it.
pub(crate) struct Outcome {
    pub(crate) name: &'static str,
    pub(crate) report: Report,
    pub(crate) arrivals: Arrivals,
    pub(crate) faults: Happened,
    pub(crate) loaded: Loaded,
}

/// Collects what failed.
struct Failures<'a> {
    name: &'a str,
    list: Vec<String>,
}

impl Failures<'_> {
    fn check(&mut self, holds: bool, claim: &str, seen: std::fmt::Arguments<'_>) {
        if !holds {
            self.list.push(format!("{}: {claim}: {seen}", self.name));
        }
    }
}

impl Outcome {
    /// Prints what was seen, and returns what failed. `bare` is the service without an exporter.
    pub(crate) fn judge(&self, bare: &Loaded) -> Vec<String> {
        let mut failures = Failures { name: self.name, list: Vec::new() };
        self.spans(&mut failures);
        self.process(&mut failures);
        self.latency(bare, &mut failures);
        failures.list
    }

    fn spans(&self, failures: &mut Failures<'_>) {
        let count = |name: &str| self.report[name];
        let (ended, received, exported) = (count("ended"), count("received"), count("exported"));
        let (dropped, buffered) = (count("dropped"), count("buffered"));
        let known = self.arrivals.spans.len() as u64;
        let twice: Vec<&Arrival> =
            self.arrivals.spans.values().filter(|arrival| arrival.times > 1).collect();
        println!(
            "{}: {ended} spans ended, {exported} delivered, {dropped} dropped, {known} known to the Agent, {} more \
             than once; {} retries; faults: {:?}",
            self.name,
            twice.len(),
            count("retries"),
            self.faults.counts,
        );
        failures.check(ended >= LEAST_SPANS, "there is a load", format_args!("{ended} spans"));
        failures.check(
            ended == received && received == exported + dropped && buffered == 0,
            "every span is accounted for",
            format_args!("{:?}", self.report),
        );
        failures.check(
            exported as f64 >= DELIVERED * ended as f64,
            "most is delivered",
            format_args!("{exported} of {ended}"),
        );
        failures.check(
            (exported..=exported + count("unacknowledged")).contains(&known),
            "what is said to be delivered is there",
            format_args!("{known} known, {:?}", self.report),
        );
        let may_come_again = |arrival: &Arrival| {
            !arrival.is_answered
                || self.faults.cuts.iter().any(|cut| {
                    arrival.first <= *cut + Duration::from_secs(1)
                        && *cut <= arrival.first + LOST_BEFORE_CUT
                })
        };
        let wrongly = twice
            .iter()
            .filter(|arrival| arrival.times > MAX_TIMES || !may_come_again(arrival))
            .count();
        failures.check(
            wrongly == 0,
            "nothing twice but by a lost answer",
            format_args!("{wrongly} spans"),
        );
        let wrong = &self.arrivals.wrong;
        failures.check(wrong.is_empty(), "requests are in order", format_args!("{wrong:?}"));
    }

    fn process(&self, failures: &mut Failures<'_>) {
        let samples = &self.loaded.samples;
        let (first, second) = samples.split_at(samples.len() / 2);
        let peak = |samples: &[Sample]| {
            samples.iter().map(|sample| sample.resident_kib).max().unwrap_or(0)
        };
        let (before, after) = (peak(first), peak(second));
        // A sixth of the run is warm-up.
        let (warm, last) = (samples[samples.len() / 6], samples[samples.len() - 1]);
        println!(
            "{}: resident {before} KiB, then {after} KiB; threads {}, then {}; files {}, then {}",
            self.name, warm.threads, last.threads, warm.files, last.files,
        );
        let most = before as f64 * (1.0 + GROWTH.0) + GROWTH.1 as f64;
        failures.check(
            after as f64 <= most,
            "memory is flat",
            format_args!("{before} KiB, then {after} KiB"),
        );
        failures.check(
            warm.threads == last.threads && last.files <= warm.files + MORE_FILES,
            "threads and open files are flat",
            format_args!("{warm:?}, then {last:?}"),
        );
    }

    fn latency(&self, bare: &Loaded, failures: &mut Failures<'_>) {
        let own = [50, 99].map(|percent| percentile(&self.loaded.latencies, percent));
        let other = [50, 99].map(|percent| percentile(&bare.latencies, percent));
        println!(
            "{}: requests p50 {:?}, p99 {:?}; without an exporter p50 {:?}, p99 {:?}; p99 ratio {:.2}",
            self.name,
            own[0],
            own[1],
            other[0],
            other[1],
            own[1].as_secs_f64() / other[1].as_secs_f64(),
        );
        failures.check(
            own[1] <= other[1] * SLOWER.0 + SLOWER.1,
            "requests are no slower",
            format_args!("p99 {:?} against {:?}", own[1], other[1]),
        );
    }
}

/// Returns the latency that this percentage of requests stays below.
fn percentile(latencies: &[Duration], percent: usize) -> Duration {
    let mut sorted = latencies.to_vec();
    sorted.sort_unstable();
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}
