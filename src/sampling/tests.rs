//! Sampling decisions, their makers, and the tags that tell of them.

use std::cell::RefCell;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Instant;

use opentelemetry::trace::{SpanId, TraceFlags, TraceState};
use opentelemetry::{KeyValue, Value};

use super::*;
use crate::datadog::sampling::OTEL_MEMBER;
use crate::datadog::state::MEMBER;

/// Half of all traces are kept: this one ...
const KEPT: u64 = 1;
/// ... and not this one.
const REJECTED: u64 = 10;

fn sample(sampler: &DatadogSampler, trace: u64, attributes: &[KeyValue]) -> SamplingResult {
    under(sampler, None, trace, attributes)
}

fn under(
    sampler: &DatadogSampler,
    parent: Option<SpanContext>,
    trace: u64,
    attributes: &[KeyValue],
) -> SamplingResult {
    let cx = parent.map(|parent| Context::new().with_remote_span_context(parent));
    let trace = TraceId::from(u128::from(trace));
    sampler.should_sample(cx.as_ref(), trace, "GET", &SpanKind::Server, attributes, &[])
}

fn dd(result: &SamplingResult) -> &str {
    result.trace_state.get(MEMBER).unwrap_or("")
}

fn tags(result: &SamplingResult) -> Vec<(String, String)> {
    let tags = result.attributes.iter();
    tags.map(|tag| (tag.key.to_string(), tag.value.to_string())).collect()
}

fn half() -> DatadogSamplerBuilder {
    DatadogSampler::builder().with_rate(0.5).with_rate_limit(1e6)
}

#[test]
fn without_any_rate_every_trace_is_kept() {
    let sampler = DatadogSampler::builder().build().unwrap();
    let result = sample(&sampler, REJECTED, &[]);
    assert_eq!(result.decision, SamplingDecision::RecordAndSample);
    assert_eq!((dd(&result), tags(&result)), ("s:1;t.dm:-0", vec![]));
}

#[test]
fn a_rate_of_the_user_gives_the_strong_priorities() {
    let sampler = half().build().unwrap();
    let kept = sample(&sampler, KEPT, &[]);
    assert_eq!(kept.decision, SamplingDecision::RecordAndSample);
    assert_eq!(dd(&kept), "s:2;t.dm:-3;t.ksr:0.5");
    assert_eq!(kept.trace_state.get(OTEL_MEMBER), Some("th:8"));
    let expected = [("_dd.rule_psr", "0.5"), ("_dd.limit_psr", "1")];
    assert_eq!(tags(&kept), expected.map(|(key, value)| (key.to_owned(), value.to_owned())));

    let rejected = sample(&sampler, REJECTED, &[]);
    assert_eq!(rejected.decision, SamplingDecision::Drop);
    assert_eq!(dd(&rejected), "s:-1;t.ksr:0.5");
}

#[test]
fn rejected_traces_may_be_recorded_and_then_nothing_is_weighed() {
    let sampler = half().with_rejected_traces(RejectedTraces::Recorded).build().unwrap();
    let rejected = sample(&sampler, REJECTED, &[]);
    assert_eq!(rejected.decision, SamplingDecision::RecordOnly);
    assert_eq!(dd(&rejected), "s:-1;t.ksr:0.5");
    let kept = sample(&sampler, KEPT, &[]);
    assert_eq!(kept.trace_state.get(OTEL_MEMBER), None);
}

#[test]
fn the_first_rule_that_fits_counts_before_the_rate() {
    let sampler = half()
        .with_service("shop")
        .with_rule(SamplingRule::new(0.0).with_resource("get /health*"))
        .with_rule(SamplingRule::new(1.0).with_name("http.server.*").with_tag("tenant", "paid-?"))
        .build()
        .unwrap();
    let request = |route: &'static str, tenant: &'static str| {
        [
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("http.route", route),
            KeyValue::new("tenant", tenant),
        ]
    };
    for (route, tenant, trace, priority) in [
        ("/healthz", "paid-1", KEPT, "s:-1"),
        ("/orders", "paid-1", REJECTED, "s:2"),
        ("/orders", "free", REJECTED, "s:-1"),
        ("/orders", "free", KEPT, "s:2"),
    ] {
        let result = sample(&sampler, trace, &request(route, tenant));
        assert!(dd(&result).starts_with(priority), "{route} {tenant}: {}", dd(&result));
    }
}

#[test]
fn the_user_decides_about_a_single_trace() {
    let sampler = half().build().unwrap();
    for (key, dd_member) in [("manual.keep", "s:2;t.dm:-4"), ("manual.drop", "s:-1")] {
        let result = sample(&sampler, REJECTED, &[KeyValue::new(key, true)]);
        assert_eq!(dd(&result), dd_member);
        assert_eq!(dd(&sample(&sampler, REJECTED, &[KeyValue::new(key, false)])), "s:-1;t.ksr:0.5");
    }
}

#[test]
fn the_sampler_reads_manual_attributes_as_the_exporter_does() {
    let sampler = half().build().unwrap();
    let (keep, drop, nothing) = ("s:2;t.dm:-4", "s:-1", "s:-1;t.ksr:0.5");
    let yes: [Value; 6] =
        [true.into(), 1.into(), 1.0.into(), "1".into(), "t".into(), "True".into()];
    let no: [Value; 6] =
        [false.into(), 0.into(), "0".into(), "false".into(), "".into(), "yes".into()];
    for (values, on_keep, on_drop) in [(yes, keep, drop), (no, nothing, nothing)] {
        for value in values {
            let decide = |key| sample(&sampler, REJECTED, &[KeyValue::new(key, value.clone())]);
            assert_eq!(dd(&decide("manual.keep")), on_keep, "{value:?}");
            assert_eq!(dd(&decide("manual.drop")), on_drop, "{value:?}");
        }
    }
    let both = [KeyValue::new("manual.keep", true), KeyValue::new("manual.drop", true)];
    assert_eq!(dd(&sample(&sampler, REJECTED, &both)), keep, "to keep is the stronger");
    let twice = [KeyValue::new("manual.keep", true), KeyValue::new("manual.keep", false)];
    assert_eq!(dd(&sample(&sampler, REJECTED, &twice)), nothing, "the last of equal keys counts");
}

#[test]
fn a_thread_that_ends_still_decides() {
    struct AtTheEnd(DatadogSampler, Sender<String>);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            let result = sample(&self.0, REJECTED, &[]);
            self.1.send(dd(&result).to_owned()).unwrap();
        }
    }
    thread_local! {
        static LAST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
    }
    let sampler = half().with_rule(SamplingRule::new(0.5).with_name("*")).build().unwrap();
    let (said, heard) = channel();
    let thread = thread::spawn(move || {
        // Before the sampler's own, so that it is dropped after them.
        LAST.with_borrow_mut(|last| *last = Some(AtTheEnd(sampler.clone(), said)));
        drop(sample(&sampler, REJECTED, &[]));
    });
    thread.join().unwrap();
    assert_eq!(heard.recv().unwrap(), "s:-1;t.ksr:0.5");
}

#[test]
fn decisions_in_turns_are_written_each_for_itself() {
    let dropping = half().build().unwrap();
    let recording = half().with_rejected_traces(RejectedTraces::Recorded).build().unwrap();
    let other = DatadogSampler::builder().with_rate(0.25).build().unwrap();
    for _ in 0..3 {
        for (sampler, id, state) in [
            (&dropping, KEPT, "dd=s:2;t.dm:-3;t.ksr:0.5,ot=th:8"),
            (&recording, KEPT, "dd=s:2;t.dm:-3;t.ksr:0.5"),
            (&other, KEPT, "dd=s:2;t.dm:-3;t.ksr:0.25,ot=th:c"),
            (&dropping, REJECTED, "dd=s:-1;t.ksr:0.5"),
            (&other, REJECTED, "dd=s:-1;t.ksr:0.25"),
            (&other, REJECTED, "dd=s:-1;t.ksr:0.25"),
            (&other, REJECTED, "dd=s:-1;t.ksr:0.25"),
        ] {
            assert_eq!(sample(sampler, id, &[]).trace_state.header(), state);
        }
    }
}

#[test]
fn a_decision_that_is_made_is_followed_to_the_letter() {
    let sampler = half().build().unwrap();
    for (flags, state, decision) in [
        (TraceFlags::SAMPLED, "dd=s:2;o:rum;t.dm:-4,vendor=x", SamplingDecision::RecordAndSample),
        (TraceFlags::SAMPLED, "", SamplingDecision::RecordAndSample),
        (TraceFlags::default(), "dd=s:-1", SamplingDecision::Drop),
        (TraceFlags::default(), "", SamplingDecision::Drop),
    ] {
        let state: TraceState = state.parse().unwrap();
        let parent =
            SpanContext::new(TraceId::from(7), SpanId::from(8), flags, true, state.clone());
        let result = under(&sampler, Some(parent), 7, &[KeyValue::new("manual.drop", true)]);
        assert_eq!(result.decision, decision);
        assert_eq!((result.trace_state, result.attributes), (state, vec![]));
    }
}

#[test]
fn above_the_limit_traces_are_rejected_and_the_part_is_said() {
    let sampler = DatadogSampler::builder().with_rate(1.0).with_rate_limit(2.0).build().unwrap();
    let results: Vec<_> = (0..10).map(|_| sample(&sampler, KEPT, &[])).collect();
    let kept = results.iter().filter(|result| dd(result).starts_with("s:2")).count();
    assert!((2..=3).contains(&kept), "{kept}");
    let last = tags(&results[9]);
    assert_eq!(last[1].0, "_dd.limit_psr");
    assert!(last[1].1.parse::<f64>().unwrap() < 0.5, "{last:?}");
}

#[test]
fn a_trace_that_passes_the_limit_stands_for_those_that_do_not() {
    let sampler = DatadogSampler::builder().with_rate(1.0).with_rate_limit(1.0).build().unwrap();
    let first = sample(&sampler, KEPT, &[]);
    assert_eq!(first.trace_state.get(OTEL_MEMBER), None);
    assert!(dd(&sample(&sampler, KEPT, &[])).starts_with("s:-1"));
    thread::sleep(std::time::Duration::from_millis(1_050));
    let next = sample(&sampler, KEPT, &[]);
    assert!(dd(&next).starts_with("s:2"), "{next:?}");
    assert_eq!(next.trace_state.get(OTEL_MEMBER), Some("th:8"));
}

#[test]
fn many_threads_share_one_limit() {
    let sampler = DatadogSampler::builder().with_rate(1.0).with_rate_limit(50.0).build().unwrap();
    let begin = Instant::now();
    let kept: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let sampler = sampler.clone();
                scope.spawn(move || {
                    let results = (0..500).map(|_| sample(&sampler, KEPT, &[]));
                    results.filter(|result| dd(result).starts_with("s:2")).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
    let most = 51 + (begin.elapsed().as_secs_f64() * 50.0) as usize;
    assert!((50..=most).contains(&kept), "{kept} of at most {most}");
}

#[test]
fn long_trace_state_of_a_caller_costs_no_decision() {
    let decision = Decision::new(true, Mechanism::Manual, None);
    let (long, longer) = (format!("t.b:{}", "x".repeat(210)), format!("t.e:{}", "y".repeat(30)));
    for (said, left) in [
        (format!("o:rum;{long};t.c:d"), format!("o:rum;{long};t.c:d")),
        (format!("{long};{longer};t.c:d"), format!("{long};t.c:d")),
    ] {
        let caller = TraceState::from_key_value([(MEMBER, &said)]).unwrap();
        let state = decision.write(&caller);
        assert_eq!(state.get(MEMBER), Some(&*format!("s:2;t.dm:-4;{left}")));
    }
}
