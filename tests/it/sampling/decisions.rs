//! Decisions of the user: rules, rates, limits, single traces; and where they stand on the spans.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use opentelemetry::trace::{TraceContextExt as _, Tracer as _, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_datadog_agent::{DatadogSampler, RejectedTraces, SamplingRule, SpanNames};
use opentelemetry_sdk::trace::SpanData;

use super::{
    KEPT, REJECTED, REJECTED_TRACES, arrived, builder, counted, found, half, kept_by, provider,
    provider_builder, said, trace, traces, weight,
};
use crate::support::agent;

#[test]
fn a_rate_keeps_its_traces_and_says_so_on_the_root() {
    let agent = agent();
    let provider = provider(&agent, half(), RejectedTraces::Dropped, 1);
    traces(&provider, 300, &[]);
    provider.shutdown().unwrap();
    assert_eq!(arrived(&agent), kept_by(0.5, 1..=300));
    let expected =
        "_sampling_priority_v1=2 _dd.rule_psr=0.5 _dd.limit_psr=1 _dd.p.dm=-3 _dd.p.ksr=0.5";
    assert_eq!(said(&found(&agent, "root")), expected);
    assert_eq!(said(&found(&agent, "child")), "");
    assert!((counted(&agent) - 2.0 * 300.0).abs() < 2.0 * 10.0, "{}", counted(&agent));
    // The Agent weighs a chunk by whichever span it takes for the root.
    let weights = agent.spans().into_iter().map(|span| (span.trace_id, weight(&span).to_bits()));
    assert_eq!(weights.collect::<BTreeSet<_>>().len(), arrived(&agent).len());
}

#[test]
fn at_the_default_limit_rejected_traces_are_counted_with_the_next_kept_ones() {
    const BURST: u64 = 2_000;
    const LATER: u64 = 60;
    let agent = agent();
    let sampler = DatadogSampler::builder().with_rate(0.5);
    let provider = provider(&agent, sampler, RejectedTraces::Dropped, 1);
    traces(&provider, BURST, &[]);
    // The limit has tokens again.
    thread::sleep(Duration::from_millis(1_100));
    traces(&provider, 2 * LATER, &[]);
    provider.shutdown().unwrap();
    let made = f64::from(u32::try_from(2 * (BURST + 2 * LATER)).unwrap());
    assert!((counted(&agent) / made - 1.0).abs() < 0.02, "{} of {made}", counted(&agent));
}

#[test]
fn a_rule_sees_the_names_that_are_exported() {
    let rule = |rate| SamplingRule::new(rate);
    for (rule, kept) in [
        (rule(0.0).with_resource("get /health*"), false),
        (rule(0.0).with_name("HTTP.server.*"), false),
        (rule(0.0).with_service("shop"), false),
        (rule(0.0).with_tag("http.route", "/health?"), false),
        (rule(0.0).with_tag("late", "*"), true),
        (rule(0.0).with_resource("GET"), true),
    ] {
        let agent = agent();
        let exporter = builder(&agent).with_service("shop").build().unwrap();
        let sampler =
            DatadogSampler::builder().with_rule(rule.clone()).with_agent_rates(&exporter.handle());
        let sampler = sampler.build().unwrap();
        let provider = provider_builder(exporter, sampler, RejectedTraces::Dropped, 1).build();
        let at_start = vec![
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("http.route", "/healthz"),
        ];
        trace(&provider, &Context::new(), at_start, vec![KeyValue::new("late", "x")]);
        provider.shutdown().unwrap();
        assert_eq!(!arrived(&agent).is_empty(), kept, "{rule:?}");
    }
}

#[test]
fn a_rule_does_not_see_the_names_of_a_hook() {
    let agent = agent();
    let hook = |_: &SpanData, names: &mut SpanNames<'_>| names.resource = "hidden".into();
    let exporter = builder(&agent).with_names(hook).build().unwrap();
    let rule = SamplingRule::new(0.0).with_resource("hidden");
    let sampler = DatadogSampler::builder().with_rule(rule).build().unwrap();
    let provider = provider_builder(exporter, sampler, RejectedTraces::Dropped, 1).build();
    trace(&provider, &Context::new(), vec![], vec![]);
    provider.shutdown().unwrap();
    let spans = agent.spans();
    assert!(!spans.is_empty() && spans.iter().all(|span| span.resource == "hidden"), "{spans:?}");
}

#[test]
fn a_trace_that_the_limit_rejects_carries_the_fraction_that_passes() {
    let agent = agent();
    let sampler = DatadogSampler::builder().with_rate(1.0).with_rate_limit(0.0);
    let provider = provider(&agent, sampler, RejectedTraces::Recorded, 1);
    traces(&provider, 1, &[]);
    provider.shutdown().unwrap();
    let expected = "_sampling_priority_v1=-1 _dd.rule_psr=1 _dd.limit_psr=0 _dd.p.ksr=1";
    assert_eq!(said(&found(&agent, "root")), expected);
}

#[test]
fn a_single_trace_is_decided_when_its_root_starts() {
    for rejected in REJECTED_TRACES {
        for (key, id, expected) in [
            ("manual.keep", REJECTED, Some("_sampling_priority_v1=2 _dd.p.dm=-4")),
            ("manual.keep", KEPT, Some("_sampling_priority_v1=2 _dd.p.dm=-4")),
            ("manual.drop", KEPT, None),
        ] {
            let agent = agent();
            let provider = provider(&agent, half(), rejected, id);
            trace(&provider, &Context::new(), vec![KeyValue::new(key, true)], vec![]);
            provider.shutdown().unwrap();
            let dropped = expected.is_none() && rejected == RejectedTraces::Dropped;
            assert_eq!(agent.spans().len(), if dropped { 0 } else { 2 }, "{key} {rejected:?}");
            if !dropped {
                let expected = expected.unwrap_or("_sampling_priority_v1=-1");
                assert_eq!(said(&found(&agent, "root")), expected, "{key} {rejected:?}");
            }
        }
    }
}

#[test]
fn a_local_root_may_be_decided_later_while_it_is_recorded() {
    let rate = "_dd.rule_psr=0.5";
    for (key, rejected, id, expected) in [
        ("manual.keep", RejectedTraces::Recorded, REJECTED, Some(("2", Some("-4")))),
        ("manual.keep", RejectedTraces::Dropped, REJECTED, None),
        ("manual.keep", RejectedTraces::Dropped, KEPT, Some(("2", Some("-4")))),
        ("manual.drop", RejectedTraces::Dropped, KEPT, Some(("-1", None))),
        ("manual.drop", RejectedTraces::Recorded, REJECTED, Some(("-1", None))),
    ] {
        let agent = agent();
        let provider = provider(&agent, half(), rejected, id);
        trace(&provider, &Context::new(), vec![], vec![KeyValue::new(key, true)]);
        provider.shutdown().unwrap();
        let case = format!("{key} {rejected:?} {id}");
        let Some((priority, maker)) = expected else {
            assert_eq!(agent.spans(), vec![], "{case}");
            continue;
        };
        let root = found(&agent, "root");
        assert_eq!(root.metrics["_sampling_priority_v1"].to_string(), priority, "{case}");
        assert_eq!(root.meta.get("_dd.p.dm").map(String::as_str), maker, "{case}");
        assert!(said(&root).contains(rate), "{case}");
    }
}

#[test]
fn a_priority_that_a_span_names_itself_stays_its_own_in_a_rejected_trace() {
    for (key, value) in [("sampling.priority", 2), ("_sampling_priority_v1", 1)] {
        let agent = agent();
        let provider = provider(&agent, half(), RejectedTraces::Recorded, REJECTED);
        trace(&provider, &Context::new(), vec![KeyValue::new(key, value)], vec![]);
        provider.shutdown().unwrap();
        let told = found(&agent, "root").metrics["_sampling_priority_v1"];
        assert_eq!(told.to_string(), value.to_string(), "{key}");
    }
}

#[test]
fn below_a_local_root_nobody_decides_about_the_trace() {
    for rejected in REJECTED_TRACES {
        for (key, id) in [("manual.keep", REJECTED), ("manual.drop", KEPT)] {
            let agent = agent();
            let provider = provider(&agent, half(), rejected, id);
            let tracer = provider.tracer("t");
            let root = Context::new().with_span(tracer.start("root"));
            let child = tracer.span_builder("child").with_attributes([KeyValue::new(key, true)]);
            drop(tracer.build_with_context(child, &root));
            // A chunk of its own, which must not differ from that of the root.
            provider.force_flush().unwrap();
            root.span().end();
            provider.shutdown().unwrap();
            let told = agent.spans().into_iter().map(|span| span.metrics["_sampling_priority_v1"]);
            let is_sent = id == KEPT || rejected == RejectedTraces::Recorded;
            let expected = if id == KEPT { 2.0 } else { -1.0 };
            let sent = if is_sent { vec![expected; 2] } else { vec![] };
            assert_eq!(told.collect::<Vec<_>>(), sent, "{key} {rejected:?}");
        }
    }
}
