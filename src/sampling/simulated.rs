//! Loads of a minute in simulated time, at the default limit: the weights make up the traces seen.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;
use std::{iter, thread};

use opentelemetry::trace::{SpanId, TraceFlags, TraceState};
use proptest::prelude::*;

use super::*;
use crate::datadog::sampling::kept_fraction;

/// The largest relative error of a count.
const TOLERANCE: f64 = 0.02;
/// The name of most loads.
const ORDERS: &str = "GET /orders";

/// A sampler under load, and what the Agent would count by name.
struct Load {
    sampler: DatadogSampler,
    start: Instant,
    made: u64,
    seen: BTreeMap<String, f64>,
    counted: BTreeMap<String, f64>,
    largest: f64,
}

/// Numbers that look random, by `SplitMix64`.
fn spread(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The weight of a trace, or nothing if it leaves no span.
fn weight(result: &SamplingResult) -> Option<f64> {
    let kept = kept_fraction(&result.trace_state).unwrap_or(1.0);
    (result.decision != SamplingDecision::Drop).then_some(1.0 / kept)
}

/// A caller's decision.
fn caller(sampled: bool, state: &str) -> Context {
    let flags = if sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let state: TraceState = state.parse().unwrap();
    let parent = SpanContext::new(TraceId::from(7), SpanId::from(8), flags, true, state);
    Context::new().with_remote_span_context(parent)
}

impl Load {
    fn on(builder: DatadogSamplerBuilder) -> Self {
        Self {
            sampler: builder.build().unwrap(),
            start: Instant::now(),
            made: 0,
            seen: BTreeMap::new(),
            counted: BTreeMap::new(),
            largest: 0.0,
        }
    }

    /// Makes a trace, so many milliseconds after the start.
    fn hit(&mut self, millis: f64, name: &str, parent: Option<&Context>) {
        self.made += 1;
        let id = TraceId::from(u128::from(spread(self.made)));
        let now = self.start + Duration::from_secs_f64(millis / 1e3);
        let span = (name, &SpanKind::Internal, &[][..]);
        let result = self.sampler.inner.sample(parent, id, span, || now);
        *self.seen.entry(name.to_owned()).or_default() += 1.0;
        if let Some(weight) = weight(&result) {
            *self.counted.entry(name.to_owned()).or_default() += weight;
            self.largest = self.largest.max(weight);
        }
    }

    /// Makes so many traces a second, for some seconds.
    fn steady(&mut self, seconds: Range<u32>, per_second: u32, name: &str) {
        for second in seconds {
            for number in 0..per_second {
                let millis =
                    f64::from(second) * 1e3 + f64::from(number) * 1e3 / f64::from(per_second);
                self.hit(millis, name, None);
            }
        }
    }

    /// Makes traces of several names side by side, so many a second of each, for a minute.
    fn side_by_side(&mut self, names: &[(&str, u32)]) {
        for millis in 0..60_000_u32 {
            for (name, per_second) in names {
                let due = |millis: u32| u64::from(millis) * u64::from(*per_second) / 1_000;
                for _ in due(millis)..due(millis + 1) {
                    self.hit(f64::from(millis), name, None);
                }
            }
        }
    }

    /// Makes traces at once, at each of some seconds.
    fn bursts(&mut self, seconds: impl Iterator<Item = u32>, size: u32, name: &str) {
        for second in seconds {
            for _ in 0..size {
                self.hit(f64::from(second) * 1e3, name, None);
            }
        }
    }

    fn seen(&self) -> f64 {
        self.seen.values().sum()
    }

    fn counted(&self) -> f64 {
        self.counted.values().sum()
    }

    /// Checks that nothing is lost but what waits for the next kept traces.
    fn is_exact(&self) {
        let owed = self.sampler.inner.weights.as_ref().unwrap().owed();
        let off = self.seen() - self.counted() - owed;
        assert!(off.abs() < self.seen() * 1e-6, "{off} of {} lost", self.seen());
    }

    /// Checks the sum of all weights.
    fn is_close(&self, load: &str) {
        self.is_exact();
        let off = self.counted() / self.seen() - 1.0;
        assert!(off.abs() <= TOLERANCE, "{load}: {} of {}", self.counted(), self.seen());
    }

    /// Checks the weights of one name.
    fn is_fair(&self, name: &str, tolerance: f64) {
        let (seen, counted) = (self.seen[name], self.counted[name]);
        assert!((counted / seen - 1.0).abs() <= tolerance, "{name}: {counted} of {seen}");
    }
}

fn rate(rate: f64) -> DatadogSamplerBuilder {
    DatadogSampler::builder().with_rate(rate)
}

#[test]
fn a_steady_load_is_counted_whole() {
    for (kept, per_second) in
        [(1.0, 50), (1.0, 120), (1.0, 1_000), (1.0, 2_000), (0.5, 150), (0.1, 100), (0.1, 3_000)]
    {
        let mut load = Load::on(rate(kept));
        load.steady(0..60, per_second, ORDERS);
        load.is_close(&format!("{per_second}/s at {kept}"));
    }
}

#[test]
fn bursts_are_counted_whole() {
    for (kept, size) in [(1.0, 300), (0.5, 300), (0.5, 1_000), (0.1, 1_000)] {
        let mut load = Load::on(rate(kept));
        load.bursts(0..60, size, ORDERS);
        load.is_close(&format!("{size} at once at {kept}"));
    }
}

#[test]
fn a_burst_is_made_up_for_by_the_few_traces_after_it() {
    for (kept, later) in [(1.0, 1), (1.0, 10), (0.5, 2)] {
        let mut load = Load::on(rate(kept));
        load.bursts(0..1, 4_000, ORDERS);
        load.steady(1..60, later, ORDERS);
        load.is_close(&format!("{later}/s after a burst at {kept}"));
        // No single trace stands for all of it.
        assert!(load.largest <= 1.0 / kept + 4_000.0 / SPREAD, "{}", load.largest);
    }
}

#[test]
fn several_rules_share_one_limit_and_are_counted_each() {
    let rule = |kept, name| SamplingRule::new(kept).with_resource(name);
    let builder = rate(0.1)
        .with_rule(rule(1.0, "GET /pay"))
        .with_rule(rule(0.5, "GET /cart"))
        .with_rule(rule(0.01, "GET /search"));
    let names = [("GET /pay", 30), ("GET /cart", 300), ("GET /search", 2_000), ("GET /other", 200)];
    let mut load = Load::on(builder);
    load.side_by_side(&names);
    load.is_close("several rules");
    for (name, _) in names {
        load.is_fair(name, 0.05);
    }
}

#[test]
fn a_burst_of_one_name_is_not_counted_for_another() {
    let mut load = Load::on(rate(1.0));
    for second in 0..60 {
        if second % 10 == 0 {
            load.bursts(iter::once(second), 2_000, "nightly");
        }
        load.steady(second..second + 1, 20, ORDERS);
    }
    load.is_exact();
    // Only the last burst waits for its next trace.
    load.is_fair(ORDERS, TOLERANCE);
    load.is_fair("nightly", 1.0 / 6.0);
}

#[test]
fn names_in_a_burst_are_counted_by_their_parts() {
    let mut load = Load::on(rate(1.0));
    for second in 0..60_u32 {
        for number in 0..400_u64 {
            let name =
                if spread(number + u64::from(second) * 400) % 10 == 0 { "rare" } else { ORDERS };
            load.hit(f64::from(second) * 1e3, name, None);
        }
    }
    load.is_close("mixed bursts");
    load.is_fair(ORDERS, 0.05);
    load.is_fair("rare", 0.1);
}

#[test]
fn many_names_are_counted_whole_though_few_have_a_ledger() {
    for (kept, per_second) in [(1.0, 1_000), (0.1, 2_000)] {
        let mut load = Load::on(rate(kept));
        for second in 0..60_u32 {
            for number in 0..per_second {
                let name = format!("GET /{}", spread(load.made ^ 0xabcd) % 500);
                let millis =
                    f64::from(second) * 1e3 + f64::from(number) * 1e3 / f64::from(per_second);
                load.hit(millis, &name, None);
            }
        }
        load.is_close(&format!("500 names at {kept}"));
        let half: f64 = load.counted.values().take(250).sum();
        let seen: f64 = load.seen.values().take(250).sum();
        assert!((half / seen - 1.0).abs() < 0.05, "{half} of {seen}");
    }
}

#[test]
fn a_name_that_is_seen_once_is_counted_once_on_average() {
    let mut counted = 0.0;
    for first in 0..4_000 {
        let mut load = Load::on(rate(0.25));
        load.made = first * 3;
        load.steady(0..1, 3, ORDERS);
        counted += load.counted();
    }
    assert!((counted / 12_000.0 - 1.0).abs() < 0.04, "{counted}");
}

#[test]
fn a_caller_that_rejects_is_counted_whole() {
    for (kept, rejected) in [
        // Datadog's tracers, with the tag that names the rate and without it. Their limit is not in the tag.
        ("dd=s:2;t.dm:-3;t.ksr:0.1", "dd=s:-1;t.ksr:0.1"),
        ("dd=s:2;t.dm:-3;t.ksr:0.1", "dd=s:-1"),
        ("dd=s:1;t.dm:-1", "dd=s:0"),
        ("dd=s:2;t.dm:-3;t.ksr:0.5", "dd=s:-1;t.ksr:0.5"),
        // This crate's, and OpenTelemetry's.
        ("dd=s:2;t.dm:-3;t.ksr:0.1,ot=th:e6666666666668", "dd=s:-1;t.ksr:0.1"),
        ("ot=th:e6666666666668;rv:0123456789abcd", ""),
        ("", ""),
    ] {
        let mut load = Load::on(DatadogSampler::builder());
        let (is_kept, is_rejected) = (caller(true, kept), caller(false, rejected));
        for number in 0..12_000_u32 {
            let name = ["GET /a", "GET /b", "GET /c"][number as usize % 3];
            let parent = if spread(number.into()) % 10 == 0 { &is_kept } else { &is_rejected };
            load.hit(f64::from(number), name, Some(parent));
        }
        let off = load.counted() / load.seen() - 1.0;
        assert!(off.abs() <= TOLERANCE, "{kept}: {} of {}", load.counted(), load.seen());
    }
}

#[test]
fn the_callers_rate_is_the_weight_until_a_rejected_trace_arrives() {
    for (state, weighs) in [
        ("dd=s:2;t.dm:-3;t.ksr:0.1", 10.0),
        ("dd=s:1;t.dm:-1;t.ksr:0.5,ot=th:c", 4.0),
        ("dd=s:2;t.dm:-3;t.ksr:1", 1.0),
        ("dd=s:2;t.dm:-4;t.ksr:0.1", 1.0),
        ("dd=s:2;t.dm:-3;t.ksr:0", 1.0),
        ("dd=s:2;t.dm:-3;t.ksr:-0.1", 1.0),
        ("dd=s:2;t.dm:-3;t.ksr:1e-300", 1.0),
        ("dd=s:2;t.dm:-3;t.ksr:NaN", 1.0),
        ("ot=p:3", 8.0),
        ("ot=p:62", 1.0),
        ("ot=th:ffffffffffffff", 1.0),
        ("dd=s:2;t.dm:-3;t.ksr:0.000001", 1e6),
    ] {
        let sampler = DatadogSampler::builder().build().unwrap();
        let parent = caller(true, state);
        for number in 1..100_u64 {
            let id = TraceId::from(u128::from(number));
            let result =
                sampler.should_sample(Some(&parent), id, ORDERS, &SpanKind::Server, &[], &[]);
            let weight = weight(&result).unwrap();
            assert!((weight / weighs - 1.0).abs() < 1e-9, "{state}: {weight}");
            assert_eq!(
                result.trace_state.get("dd"),
                state.split(',').next().and_then(|dd| dd.strip_prefix("dd="))
            );
        }
    }
}

#[test]
fn a_caller_gives_no_weight_where_its_rejected_traces_are_recorded() {
    let builder = DatadogSampler::builder().with_rejected_traces(RejectedTraces::Recorded);
    let sampler = builder.build().unwrap();
    for (state, left) in [
        ("dd=s:2;t.dm:-3;t.ksr:0.1", "dd=s:2;t.dm:-3;t.ksr:0.1"),
        ("dd=s:2;t.dm:-3;t.ksr:0.1,ot=th:e66", "dd=s:2;t.dm:-3;t.ksr:0.1"),
        ("ot=rv:0123456789abcd;th:8,x=y", "ot=rv:0123456789abcd,x=y"),
        ("ot=p:2;rv:1", "ot=rv:1"),
    ] {
        for sampled in [true, false] {
            let parent = caller(sampled, state);
            let result = sampler.should_sample(
                Some(&parent),
                TraceId::from(7),
                ORDERS,
                &SpanKind::Server,
                &[],
                &[],
            );
            assert_eq!(result.trace_state.header(), left);
            assert_ne!(result.decision, SamplingDecision::Drop);
        }
    }
}

#[test]
fn spans_below_a_local_parent_are_not_seen_again() {
    let sampler = rate(0.5).build().unwrap();
    for sampled in [true, false] {
        let remote = caller(sampled, "dd=s:1;t.dm:-1;t.ksr:0.1,ot=th:8");
        let remote = remote.span().span_context().clone();
        let local = SpanContext::new(
            remote.trace_id(),
            remote.span_id(),
            remote.trace_flags(),
            false,
            remote.trace_state().clone(),
        );
        let parent = Context::new().with_remote_span_context(local);
        for _ in 0..10 {
            let result = sampler.should_sample(
                Some(&parent),
                TraceId::from(7),
                ORDERS,
                &SpanKind::Client,
                &[],
                &[],
            );
            assert_eq!(&result.trace_state, remote.trace_state());
        }
    }
    assert!(sampler.inner.weights.as_ref().unwrap().owed().abs() < f64::EPSILON);
}

#[test]
fn traces_rejected_on_purpose_are_counted_nowhere() {
    let mut load = Load::on(rate(1.0).with_rule(SamplingRule::new(0.0).with_resource("health")));
    load.steady(0..10, 500, "health");
    load.steady(10..20, 50, ORDERS);
    assert_eq!(load.counted.get("health"), None);
    load.is_fair(ORDERS, 0.0);
}

#[test]
fn threads_share_the_ledgers_and_lose_nothing() {
    const THREADS: u64 = 4;
    const TRACES: u64 = 5_000;
    let sampler = rate(0.3).with_rate_limit(200.0).build().unwrap();
    let counted: f64 = thread::scope(|scope| {
        let run = |thread: u64| {
            let sampler = sampler.clone();
            move || -> f64 {
                let weights = (0..TRACES).filter_map(|number| {
                    let id = TraceId::from(u128::from(spread(thread * TRACES + number)));
                    let name = ["GET /a", "GET /b", "GET /c"][(number % 3) as usize];
                    weight(&sampler.should_sample(None, id, name, &SpanKind::Internal, &[], &[]))
                });
                weights.sum()
            }
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(run(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let owed = sampler.inner.weights.as_ref().unwrap().owed();
    #[expect(clippy::cast_precision_loss, reason = "small")]
    let seen = (THREADS * TRACES) as f64;
    assert!((counted + owed - seen).abs() < 0.1, "{counted} and {owed} of {seen}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn under_any_load_no_trace_is_lost_or_counted_twice(
        kept in 0.001..=1.0_f64,
        limit in 0.5..500.0_f64,
        hits in proptest::collection::vec((0..40_u8, 0..200_u16, 1..60_u16), 1..60),
    ) {
        let mut load = Load::on(rate(kept).with_rate_limit(limit));
        let mut millis = 0.0;
        for (name, pause, count) in hits {
            millis += f64::from(pause);
            for _ in 0..count {
                load.hit(millis, &format!("GET /{name}"), None);
            }
        }
        load.is_exact();
    }
}
