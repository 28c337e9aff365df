//! Random histories: the true worker against a scripted socket, in a time that a test holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use opentelemetry_http::Response;
use proptest::prelude::*;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

mod named;

use super::*;
use crate::delivery::client::SendError;
use crate::delivery::policy::{FIRST_DELAY, MAX_DELAY, MAX_DOUBTFUL_RETRIES};
use crate::delivery::sender::Job;
use crate::delivery::stats::ExporterStats;
use crate::delivery::{Addresses, AgentAddress};
use crate::encoding::{Fields, Json, Payloads, Sink as _};
use crate::protocol::{Document, Protocol, STATE_HEADER, STATS_PATH};
use crate::stats::{Counted, Key, Parts};

/// Time-out of a request.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Time in which all is delivered once the Agent is well: one longest wait, and the doubtful tries.
const CALM: Duration = Duration::from_secs(60);

/// The receiver at the address of the Agent for some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    Well,
    /// Nobody listens.
    Refuses,
    /// Something in between accepts connections and closes them: after reading, or at once.
    Away {
        after_reading: bool,
    },
    /// A gateway without an Agent.
    Gateway(u16),
    Overloaded {
        retry_after: Option<u64>,
    },
    /// The Agent takes the spans and closes the connection.
    LosesAnswers,
    /// The Agent takes the spans and says nothing in time.
    Hangs,
    TooLarge,
}

fn weather() -> impl Strategy<Value = Weather> {
    use Weather::*;
    prop_oneof![
        2 => Just(Well),
        2 => Just(Refuses),
        2 => any::<bool>().prop_map(|after_reading| Away { after_reading }),
        1 => prop_oneof![Just(500), Just(502), Just(503)].prop_map(Gateway),
        1 => prop::option::of(0_u64..20).prop_map(|retry_after| Overloaded { retry_after }),
        1 => Just(LosesAnswers),
        1 => Just(Hangs),
        1 => Just(TooLarge),
    ]
}

/// The attitude of an Agent to client statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attitude {
    /// It lets clients count.
    Asks,
    /// Likewise, and it is too busy to take numbers.
    AsksInVain,
    /// It takes numbers, and does not ask for them: Lambda's extension.
    Takes,
    /// It has no endpoint for them.
    KnowsNothing,
}

impl Attitude {
    fn info(self) -> &'static str {
        match self {
            Self::Asks | Self::AsksInVain => {
                r#"{"endpoints":["/v0.6/stats"],"client_drop_p0s":true}"#
            }
            Self::Takes => r#"{"endpoints":["/v0.6/stats"]}"#,
            Self::KnowsNothing => r#"{"endpoints":[]}"#,
        }
    }
}

fn attitude() -> impl Strategy<Value = Attitude> {
    use Attitude::*;
    prop_oneof![3 => Just(Asks), 1 => Just(AsksInVain), 1 => Just(Takes), 1 => Just(KnowsNothing)]
}

/// The state of something over time; the last one lasts.
type Times<T> = [(T, Duration)];

fn at<T: Copy>(times: &Times<T>, begin: Instant, last: T) -> T {
    let mut left = begin.elapsed();
    for (state, length) in times {
        match left.checked_sub(*length) {
            Some(rest) => left = rest,
            None => return *state,
        }
    }
    last
}

/// An Agent under changing weather, and what it saw.
struct Sky {
    weather: Vec<(Weather, Duration)>,
    attitudes: Vec<(Attitude, Duration)>,
    /// Spans that came as counted, and as not counted.
    counted: BTreeMap<u64, u32>,
    uncounted: BTreeMap<u64, u32>,
    /// Hits that were taken, and those of them that were answered.
    hits: (u64, u64),
    begin: Instant,
    /// Times that each span was taken, answered for or not.
    taken: BTreeMap<u64, u32>,
    /// Times that a span was sent while a living Agent may have taken it without an answer.
    in_doubt: BTreeMap<u64, u32>,
    answered: BTreeMap<u64, u32>,
    /// Failures since something was taken, and the end of the last one.
    failures: u32,
    failed_at: Option<Instant>,
    requests: u32,
}

impl Sky {
    fn now(&self) -> Weather {
        at(&self.weather, self.begin, Weather::Well)
    }

    fn attitude(&self) -> Attitude {
        at(&self.attitudes, self.begin, Attitude::Asks)
    }

    /// Serves requests until the worker is gone.
    async fn serve(mut self, mut jobs: mpsc::UnboundedReceiver<Job>) -> Self {
        while let Some(Job { request, limit, answer }) = jobs.recv().await {
            let is_question = request.method == "GET";
            let body = request.body.as_ref().map(Document::to_bytes).unwrap_or_default();
            if request.path == STATS_PATH {
                sleep(STEP).await;
                let reply = self.reply_to_stats(hits(&body));
                let _ = answer.send(reply);
                continue;
            }
            let ids = if is_question { Vec::new() } else { ids(&body) };
            let names = request.headers.iter().map(|(name, _)| *name);
            let is_counted = names.filter(|name| *name == "datadog-client-computed-stats").count();
            add(if is_counted == 1 { &mut self.counted } else { &mut self.uncounted }, &ids);
            if !is_question {
                self.requests += 1;
                self.check_pace();
            }
            let weather = self.now();
            sleep(if weather == Weather::Hangs && !is_question { limit } else { STEP }).await;
            let mut reply = self.reply(weather, is_question, &ids);
            if let Ok(response) = &mut reply {
                // A new one tells that the Agent has something new to say.
                let state = format!("{:?}", self.attitude());
                response.headers_mut().insert(STATE_HEADER, state.parse().unwrap());
            }
            self.note(&reply, is_question);
            let _ = answer.send(reply);
        }
        self
    }

    fn reply_to_stats(&mut self, hits: u64) -> Answer {
        let error = |outcome| Err(SendError::new(outcome, "scripted"));
        let (is_taken, reply) = match self.now() {
            Weather::Refuses => (false, error(Outcome::NotSent)),
            Weather::Away { after_reading: true } => (false, error(Outcome::Closed)),
            Weather::Away { after_reading: false } => (false, error(Outcome::Broken)),
            Weather::Gateway(code) => (false, Ok(response(code, None))),
            Weather::Overloaded { retry_after } => (false, Ok(response(429, retry_after))),
            _ if self.attitude() == Attitude::KnowsNothing => (false, Ok(response(404, None))),
            _ if self.attitude() == Attitude::AsksInVain => (false, Ok(response(429, None))),
            Weather::LosesAnswers => (true, error(Outcome::Closed)),
            Weather::Hangs => (true, error(Outcome::Unanswered)),
            Weather::TooLarge if hits > 3 => (false, Ok(response(413, None))),
            Weather::Well | Weather::TooLarge => (true, Ok(response(200, None))),
        };
        self.hits.0 += if is_taken { hits } else { 0 };
        self.hits.1 += if reply.as_ref().is_ok_and(|r| r.status() == 200) { hits } else { 0 };
        reply
    }

    fn reply(&mut self, weather: Weather, is_question: bool, ids: &[u64]) -> Answer {
        let error = |outcome| Err(SendError::new(outcome, "scripted"));
        match weather {
            Weather::Refuses => error(Outcome::NotSent),
            Weather::Away { after_reading: true } => error(Outcome::Closed),
            Weather::Away { after_reading: false } => error(Outcome::Broken),
            Weather::Gateway(code) => Ok(response(code, None)),
            _ if is_question => Ok(info(self.attitude())),
            Weather::Overloaded { retry_after } => Ok(response(429, retry_after)),
            Weather::LosesAnswers => {
                add(&mut self.taken, ids);
                add(&mut self.in_doubt, ids);
                error(Outcome::Closed)
            }
            Weather::Hangs => {
                add(&mut self.taken, ids);
                add(&mut self.in_doubt, ids);
                error(Outcome::Unanswered)
            }
            Weather::TooLarge if ids.len() > 1 => Ok(response(413, None)),
            Weather::Well | Weather::TooLarge => {
                add(&mut self.taken, ids);
                add(&mut self.answered, ids);
                Ok(response(200, None))
            }
        }
    }

    /// Times that an Agent that loses answers follows on something that closes connections.
    fn comes_back(&self) -> u32 {
        let is_one = |pair: &&[(Weather, Duration)]| {
            matches!(pair[0].0, Weather::Away { .. }) && pair[1].0 == Weather::LosesAnswers
        };
        self.weather.windows(2).filter(is_one).count().try_into().unwrap()
    }

    /// Counts failures as the back-off does.
    fn note(&mut self, reply: &Answer, is_question: bool) {
        let is_failure = match reply {
            Ok(response) if is_question || response.status() == 413 => return,
            Ok(response) => !response.status().is_success(),
            Err(error) => !is_question || error.outcome == Outcome::NotSent,
        };
        if is_failure {
            (self.failures, self.failed_at) = (self.failures + 1, Some(Instant::now()));
        } else {
            (self.failures, self.failed_at) = (0, None);
        }
    }

    /// Fails if a request comes before its time.
    fn check_pace(&self) {
        let Some(failed_at) = self.failed_at.filter(|_| self.failures > 1) else { return };
        let full = FIRST_DELAY.saturating_mul(1 << (self.failures - 1).min(16)).min(MAX_DELAY);
        let waited = failed_at.elapsed();
        assert!(waited >= full / 2, "{waited:?} after {} failures", self.failures);
    }
}

/// The time that a question or an answer takes.
const STEP: Duration = Duration::from_millis(1);

fn add(counts: &mut BTreeMap<u64, u32>, ids: &[u64]) {
    for id in ids {
        *counts.entry(*id).or_default() += 1;
    }
}

fn response(status: u16, retry_after: Option<u64>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status.try_into().unwrap();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

/// An Agent that takes JSON only, so that the ids can be read.
fn info(attitude: Attitude) -> Response<Bytes> {
    let mut response = response(200, None);
    *response.body_mut() = Bytes::from_static(attitude.info().as_bytes());
    response
}

/// Returns the sum of hits in a body of statistics.
fn hits(body: &[u8]) -> u64 {
    const KEY: &[u8] = b"\xa4Hits";
    let numbers = body.windows(KEY.len() + 3).filter(|window| window.starts_with(KEY));
    let number = |window: &[u8]| -> u64 {
        match window[KEY.len()..] {
            [small @ 0..0x80, ..] => small.into(),
            [0xcc, number, _] => number.into(),
            [0xcd, high, low] => u16::from_be_bytes([high, low]).into(),
            _ => panic!("more hits than a test has"),
        }
    };
    numbers.map(number).sum()
}

fn ids(body: &[u8]) -> Vec<u64> {
    let traces: serde_json::Value = serde_json::from_slice(body).unwrap();
    let spans = traces.as_array().unwrap().iter().flat_map(|trace| trace.as_array().unwrap());
    spans.map(|span| span["span_id"].as_u64().unwrap()).collect()
}

fn payload(first: u64, spans: u64, is_counted: bool) -> Vec<crate::encoding::Payload> {
    let mut payloads = Payloads::new(1 << 20);
    payloads.start(None, is_counted);
    for id in first..first + spans {
        payloads.trace::<Json, _>(&[id], |id, _, writer, _| {
            writer.finish(&Fields { trace_id: *id, span_id: *id, ..Fields::default() });
        });
    }
    payloads.finish()
}

fn settings(protocol: Protocol) -> DeliverySettings {
    let address = AgentAddress::parse("http://127.0.0.1:1").unwrap();
    DeliverySettings {
        addresses: Addresses::configured(address),
        http_client: None,
        protocol,
        timeout: TIMEOUT,
        buffer_bytes: 1 << 24,
        payload_bytes: 1 << 20,
        external_env: None,
        stats: Some(Sender::default()),
    }
}

/// Counts spans of some groups, as an export does, and returns how many.
fn book(shared: &Shared, first: u64, spans: u64, wall: u64) -> u64 {
    for id in first..first + spans {
        let text = ["a", "b", "c"][usize::try_from(id % 3).unwrap()];
        let parts: Parts = [1; 8];
        let key = Key { text, parts, http_status: 0, root: 1, synthetics: false };
        let span = Counted { key, end: wall, duration: id, is_error: false, is_top_level: true };
        shared.stats_lock().book(("", ""), 1.0, std::iter::once(span), wall);
    }
    spans
}

/// Runs one history: exports come while the weather changes, flushes storm, and the Agent is well in the end.
fn run(weather: &Times<Weather>, exports: &[(Duration, u64)], protocol: Protocol) -> Sky {
    run_counting(weather, &[], exports, protocol)
}

/// Likewise, while the Agent changes its mind about statistics.
fn run_counting(
    weather: &Times<Weather>,
    attitudes: &Times<Attitude>,
    exports: &[(Duration, u64)],
    protocol: Protocol,
) -> Sky {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let begin = Instant::now();
        let lengths = weather.iter().map(|(_, length)| *length);
        let total =
            lengths.sum::<Duration>().max(attitudes.iter().map(|(_, length)| *length).sum());
        let sky = Sky {
            weather: weather.to_vec(),
            attitudes: attitudes.to_vec(),
            counted: BTreeMap::new(),
            uncounted: BTreeMap::new(),
            hits: (0, 0),
            begin,
            taken: BTreeMap::new(),
            in_doubt: BTreeMap::new(),
            answered: BTreeMap::new(),
            failures: 0,
            failed_at: None,
            requests: 0,
        };
        let settings = settings(protocol);
        let shared =
            Arc::new(Shared::new(settings.buffer_bytes, settings.payload_bytes, protocol, true));
        let (jobs, receiver) = mpsc::unbounded_channel();
        let serving = tokio::spawn(sky.serve(receiver));
        let agent = Arc::new(AgentInUse::new(settings.addresses.clone()));
        let mut reporter = LogReporter::new(agent);
        let mut worker = Worker::new(&settings, &shared, &jobs, &mut reporter);
        let (worker_began, wall) = worker.began;
        let wall_now = || wall + u64::try_from((now() - worker_began).as_nanos()).unwrap();
        let mut booked = 0;
        let users = async {
            let mut next = 1;
            for (at, spans) in exports {
                sleep_until(begin + *at).await;
                let is_counted = shared.lock().counting.is_some();
                if is_counted {
                    booked += book(&shared, next, *spans, wall_now());
                }
                let payloads = payload(next, *spans, is_counted);
                let answer = shared.push(payloads, now() + STEP).unwrap();
                drop(answer);
                next += spans;
                for _ in 0..10 {
                    // Nobody waits: a flush only looks.
                    let _ = shared.flush(Duration::ZERO);
                    sleep(STEP).await;
                }
            }
            sleep_until(begin + total + CALM).await;
            let stats = shared.stats();
            assert_eq!(stats.spans_buffered, 0, "{stats:?}");
            assert!(shared.stats_lock().is_empty(), "numbers wait for nothing");
            assert!(shared.close(now() + STEP).is_some());
        };
        tokio::join!(worker.work(), users);
        drop(jobs);
        let sky = serving.await.unwrap();
        let stats = shared.stats();
        check(&sky, exports.iter().map(|(_, spans)| spans).sum(), &stats);
        // Each span was counted once: here, in every try to send it, or in the Agent.
        let both = sky.counted.keys().find(|id| sky.uncounted.contains_key(id));
        assert_eq!(both, None, "counted here and there");
        let (taken, answered) = sky.hits;
        assert_eq!(answered + stats.stats_spans_dropped, booked, "{stats:?}");
        assert!(taken <= booked, "{taken} hits of {booked}");
        sky
    })
}

fn check(sky: &Sky, spans: u64, stats: &ExporterStats) {
    let dropped = &stats.spans_dropped;
    assert_eq!(stats.spans_received, spans);
    assert_eq!(stats.spans_delivered + dropped.total(), spans, "{stats:?}");
    assert_eq!(dropped.total(), dropped.unacknowledged, "{stats:?}");
    assert_eq!(stats.spans_delivered, sky.answered.len() as u64);
    for id in 1..=spans {
        let of = |counts: &BTreeMap<u64, u32>| counts.get(&id).copied().unwrap_or(0);
        assert!(of(&sky.taken) > 0, "span {id} is lost");
        assert!(of(&sky.answered) <= 1, "span {id} was sent again after an answer");
        // One more for each time that the Agent came between a question to nobody and the payload behind it.
        let most = 1 + u32::from(MAX_DOUBTFUL_RETRIES) + sky.comes_back();
        assert!(of(&sky.in_doubt) <= most, "span {id} was sent {} times", of(&sky.in_doubt));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_loses_a_span_that_was_certainly_not_taken(
        weather in prop::collection::vec((weather(), (1_u64..40_000).prop_map(Duration::from_millis)), 0..8),
        exports in prop::collection::vec(((0_u64..60_000).prop_map(Duration::from_millis), 1_u64..20), 1..12),
    ) {
        let mut exports = exports;
        exports.sort();
        run(&weather, &exports, Protocol::Auto);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_counts_a_span_twice_or_loses_a_number_in_silence(
        weather in prop::collection::vec((weather(), (1_u64..40_000).prop_map(Duration::from_millis)), 0..8),
        attitudes in prop::collection::vec((attitude(), (1_u64..40_000).prop_map(Duration::from_millis)), 0..6),
        exports in prop::collection::vec(((0_u64..60_000).prop_map(Duration::from_millis), 1_u64..20), 1..12),
    ) {
        let mut exports = exports;
        exports.sort();
        run_counting(&weather, &attitudes, &exports, Protocol::Auto);
    }
}
