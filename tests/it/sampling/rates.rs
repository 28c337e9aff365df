//! Rates of the Agent: learnt from its answers, obeyed by service and environment.

use std::collections::BTreeMap;
use std::thread;

use datadog_test_agent::TestAgent;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue, TraceId};
use opentelemetry_datadog_agent::{DatadogExporter, DatadogSampler, RejectedTraces, SamplingRule};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    SamplingDecision, SdkTracerProvider, ShouldSample as _, SpanExporter as _,
};

use super::{Ids, arrived, builder, found, kept_by, provider_builder, said, trace, traces};
use crate::support::{SOON, agent};

/// Traces of a run.
const TRACES: u64 = 200;

/// The rates that the Agent asks for.
const RATES: [(&str, f64); 5] = [
    ("service:shop,env:prod", 0.5),
    ("service:shop,env:qa", 0.0),
    ("service:pay_desk,env:prod", 0.25),
    ("service:,env:", 0.75),
    ("service:cart,env:", 0.1),
];

/// An Agent that asks for [`RATES`].
fn asking() -> TestAgent {
    let agent = agent();
    agent.set_rates(BTreeMap::from(RATES.map(|(key, rate)| (key.to_owned(), rate))));
    agent
}

/// A provider that has the Agent's rates, whose next trace is the second.
fn taught(agent: &TestAgent, exporter: DatadogExporter, resource: &Resource) -> SdkTracerProvider {
    let handle = exporter.handle();
    let sampler = handle.sampler().unwrap();
    let provider = provider_builder(exporter, sampler, RejectedTraces::Dropped, 1)
        .with_resource(resource.clone())
        .build();
    traces(&provider, 1, &[]);
    provider.force_flush().unwrap();
    handle.flush(SOON).unwrap();
    agent.clear();
    provider
}

/// Checks that this rate decides about traces with these attributes.
fn obeys(agent: &TestAgent, provider: &SdkTracerProvider, attributes: &[KeyValue], rate: f64) {
    traces(provider, TRACES, attributes);
    provider.shutdown().unwrap();
    assert_eq!(arrived(agent), kept_by(rate, 2..TRACES + 2), "{attributes:?}: {rate}");
}

#[test]
fn before_the_first_answer_every_trace_is_kept() {
    let agent = asking();
    let exporter = builder(&agent).build().unwrap();
    let sampler = exporter.handle().sampler().unwrap();
    let provider = provider_builder(exporter, sampler, RejectedTraces::Dropped, 1).build();
    traces(&provider, TRACES, &[]);
    provider.shutdown().unwrap();
    assert_eq!(arrived(&agent), (1..=TRACES).collect());
    assert_eq!(said(&found(&agent, "root")), "_sampling_priority_v1=1 _dd.p.dm=-0");
    assert_eq!(said(&found(&agent, "child")), "");
}

#[test]
fn the_rate_is_that_of_service_and_environment() {
    let empty = Resource::builder_empty().build();
    for (service, env, rate) in [
        ("shop", "prod", 0.5),
        ("Shop", "PROD", 0.5),
        ("shop", "qa", 0.0),
        ("shop", "dev", 0.75),
        ("cart", "", 0.1),
    ] {
        let mut attributes = vec![KeyValue::new("service.name", service)];
        if !env.is_empty() {
            attributes.push(KeyValue::new("deployment.environment.name", env));
        }
        let resource = Resource::builder_empty().with_attributes(attributes).build();
        let agent = asking();
        let provider = taught(&agent, builder(&agent).build().unwrap(), &resource);
        obeys(&agent, &provider, &[], rate);

        let agent = asking();
        let set = builder(&agent).with_service(service);
        let set = if env.is_empty() { set } else { set.with_env(env) };
        let provider = taught(&agent, set.build().unwrap(), &empty);
        obeys(&agent, &provider, &[], rate);
    }
}

#[test]
fn a_span_that_names_a_service_has_the_rate_of_that_service() {
    for (key, service, rate) in [
        ("service.name", "pay desk", 0.25),
        ("service.name", "Pay Desk", 0.25),
        ("datadog.service", "pay desk", 0.25),
        ("service.name", "", 0.5),
        ("service.name", "unheard-of", 0.75),
    ] {
        let agent = asking();
        let exporter = builder(&agent).with_service("shop").with_env("prod").build().unwrap();
        let provider = taught(&agent, exporter, &Resource::builder_empty().build());
        obeys(&agent, &provider, &[KeyValue::new(key, service)], rate);
    }
}

#[test]
fn a_kept_trace_says_the_agents_rate() {
    let agent = asking();
    let exporter = builder(&agent).with_service("shop").with_env("prod").build().unwrap();
    let provider = taught(&agent, exporter, &Resource::builder_empty().build());
    obeys(&agent, &provider, &[], 0.5);
    let expected = "_sampling_priority_v1=1 _dd.agent_psr=0.5 _dd.p.dm=-1 _dd.p.ksr=0.5";
    assert_eq!(said(&found(&agent, "root")), expected);
    assert_eq!(said(&found(&agent, "child")), "");
    // So that the Agent counts what was dropped as well.
    assert_eq!(found(&agent, "root").metrics.get("_sample_rate"), Some(&0.5));
}

#[test]
fn many_threads_decide_alike_while_the_rates_change() {
    const THREADS: u64 = 4;
    let agent = asking();
    let exporter = builder(&agent).with_service("shop").with_env("prod").build().unwrap();
    let handle = exporter.handle();
    let sampler = handle.sampler().unwrap();
    let provider = provider_builder(exporter, sampler, RejectedTraces::Recorded, 1)
        .with_id_generator(Ids::from(1))
        .build();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..TRACES {
                    trace(&provider, &Context::new(), vec![], vec![]);
                }
            });
        }
        for rate in [0.1, 0.9, 0.3] {
            agent.set_rates(BTreeMap::from([("service:shop,env:prod".to_owned(), rate)]));
            provider.force_flush().unwrap();
        }
    });
    provider.shutdown().unwrap();
    let roots: Vec<_> = agent.spans().into_iter().filter(|span| span.resource == "root").collect();
    // Each decision is that of the rate that it names.
    for root in &roots {
        let rate = root.metrics.get("_dd.agent_psr").copied().unwrap_or(1.0);
        let kept = kept_by(rate, [root.trace_id].into_iter()).len() == 1 || rate >= 1.0;
        assert!(kept, "{} at {rate}", root.trace_id);
    }
    assert!(!roots.is_empty());
}

#[test]
fn a_rule_sees_the_service_as_it_was_written() {
    let agent = agent();
    for in_code in [true, false] {
        let mut builder = DatadogExporter::builder().with_agent_url(agent.url());
        if in_code {
            builder = builder.with_service("My Shop");
        }
        let mut exporter = builder.build().unwrap();
        let resource = Resource::builder_empty().with_service_name("My Shop").build();
        exporter.set_resource(&resource);
        for (pattern, decision) in [
            ("My Shop", SamplingDecision::Drop),
            ("my shop", SamplingDecision::Drop),
            ("my_shop", SamplingDecision::RecordAndSample),
        ] {
            let sampler = DatadogSampler::builder()
                .with_agent_rates(&exporter.handle())
                .with_rule(SamplingRule::new(0.0).with_service(pattern))
                .build()
                .unwrap();
            let trace = TraceId::from(7);
            let found = sampler.should_sample(None, trace, "work", &SpanKind::Internal, &[], &[]);
            assert_eq!(found.decision, decision, "{pattern} {in_code}");
        }
    }
}
