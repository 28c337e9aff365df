//! Many versions, many environments and many exports.

use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry_sdk::trace::SpanData;

use super::scene::{EXPORT_BOUND, account, at_once, export, exporter, nobody, spans};

/// A minute at 5,000 spans a second.
const MINUTE: u64 = 300_000;
/// The minute goes by ten times as fast.
const TIME: Duration = Duration::from_secs(6);
/// Spans in an export: the SDK's batch.
const BATCH: u64 = 512;
/// Versions of a service at a time.
const VERSIONS: u64 = 200;
/// How much more a buffer may hold, and take from its callers, with many sets in place of one: compression works on less.
const MORE: f64 = 2.0;

/// What a minute of spans without an Agent took.
struct Minute {
    bytes: u64,
    /// The time of all exports.
    total: Duration,
    longest: Duration,
}

impl Minute {
    /// Exports a minute of spans; `mark` changes a batch by its number.
    fn new(mark: impl Fn(u64, &mut [SpanData])) -> Self {
        let exporter = exporter(&nobody());
        let mut minute = Self { bytes: 0, total: Duration::ZERO, longest: Duration::ZERO };
        let begin = Instant::now();
        for number in 0..MINUTE / BATCH {
            let due = begin + TIME.mul_f64((number * BATCH) as f64 / MINUTE as f64);
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let first = 1 + number * BATCH;
            let mut spans = spans(first..first + BATCH);
            mark(number, &mut spans);
            let took = export(&exporter, spans);
            minute.total += took;
            minute.longest = minute.longest.max(took);
        }
        let stats = account(&exporter.handle(), MINUTE / BATCH * BATCH);
        assert_eq!(stats.spans_dropped.total(), 0, "a minute of spans does not fit: {stats:?}");
        minute.bytes = stats.bytes_buffered;
        minute
    }

    /// Fails if this minute cost much more than that one; returns what both cost.
    fn compare(&self, other: &Self) -> String {
        let told = format!(
            "{} MiB against {} MiB, {:?} against {:?} in exports, the longest {:?} against {:?}",
            self.bytes >> 20,
            other.bytes >> 20,
            self.total,
            other.total,
            self.longest,
            other.longest,
        );
        let bytes = self.bytes as f64 / other.bytes as f64;
        let time = self.total.as_secs_f64() / other.total.as_secs_f64();
        assert!(bytes < MORE && time < MORE && self.longest < EXPORT_BOUND, "{told}");
        told
    }
}

/// 200 versions in every batch.
pub(super) fn many_versions() -> String {
    let mark = |versions: u64| {
        move |_: u64, spans: &mut [SpanData]| {
            for (number, span) in (0..).zip(spans) {
                let version = format!("1.{}", number % versions);
                span.attributes.push(KeyValue::new("datadog.version", version));
            }
        }
    };
    let minutes = at_once(vec![1, VERSIONS], |versions| Minute::new(mark(versions)));
    format!(
        "{MINUTE} spans without an Agent, {VERSIONS} versions against one: {}",
        minutes[1].compare(&minutes[0])
    )
}

/// An environment of its own for each batch.
pub(super) fn many_environments() -> String {
    let mark = |is_own: bool| {
        move |number: u64, spans: &mut [SpanData]| {
            let env = format!("env-{}", if is_own { number } else { 0 });
            for span in spans {
                span.attributes.push(KeyValue::new("datadog.env", env.clone()));
            }
        }
    };
    let minutes = at_once(vec![false, true], |is_own| Minute::new(mark(is_own)));
    format!(
        "{MINUTE} spans without an Agent, an env for each batch against one: {}",
        minutes[1].compare(&minutes[0])
    )
}

/// Two spans in each export: the second half of the minute must not cost more than the first.
pub(super) fn small_exports() -> String {
    let exporter = exporter(&nobody());
    let half = |first: u64| {
        let begin = Instant::now();
        for number in 0..MINUTE / 4 {
            let first = first + number * 2;
            export(&exporter, spans(first..first + 2));
        }
        begin.elapsed()
    };
    let (first, second) = (half(1), half(1 + MINUTE / 2));
    let stats = account(&exporter.handle(), MINUTE / 4 * 4);
    assert_eq!(stats.spans_dropped.total(), 0, "{stats:?}");
    let told = format!(
        "{} exports of 2 spans without an Agent: first half {first:?}, second half {second:?}",
        MINUTE / 2
    );
    assert!(second.as_secs_f64() < MORE * first.as_secs_f64(), "{told}");
    told
}
