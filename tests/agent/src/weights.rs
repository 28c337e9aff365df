//! Trace metrics at the default limit: the weights of kept traces make up every request, in any load. The table in
//! the documentation of `DatadogSampler` says what is measured here.
//!
//! The loads run side by side, each with an Agent of its own, and take a minute of real time at most.

use std::collections::{BTreeMap, HashMap};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry_datadog_agent::{
    DatadogExporterBuilder, DatadogPropagator, DatadogSampler, DatadogSamplerBuilder, Protocol,
    RejectedTraces, SamplingRule,
};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

use crate::load::{COUNTED_SPANS, TOLERANCE, provider, request, spread};
use crate::real_agent::{Model, RealAgent};
use crate::send::builder;

/// A name of requests.
const ORDERS: &str = "GET /orders";
/// Time between the requests of a steady load.
const TICK: Duration = Duration::from_millis(5);
/// The most that the count of a sampler by chance may be off its rate.
const CHANCE: f64 = 0.1;

/// Requests made, by name.
#[derive(Default)]
struct Made {
    requests: BTreeMap<&'static str, u64>,
    rejected_by_caller: u64,
}

/// A load: its name, its sampler, its requests, and the part of them that is counted.
struct Load {
    name: &'static str,
    decides: Decides,
    requests: fn(&SdkTracerProvider, &mut Made),
    counted: Counted,
}

/// A sampler, not yet built.
enum Decides {
    Sdk(Sampler),
    Datadog(DatadogSamplerBuilder, RejectedTraces),
    AgentsRates(Protocol, RejectedTraces),
}

/// The requests that are counted.
#[derive(Clone, Copy, PartialEq)]
enum Counted {
    All,
    KeptByCaller,
    Part(f64),
}

impl Made {
    fn request(&mut self, provider: &SdkTracerProvider, caller: &Context, name: &'static str) {
        request(provider, caller, name);
        *self.requests.entry(name).or_default() += 1;
    }

    /// Makes so many requests at each tick, for so long, with names by their parts of a hundred.
    fn steady(
        &mut self,
        provider: &SdkTracerProvider,
        (time, count): (Duration, u64),
        names: &[(&'static str, u64)],
    ) {
        let (began, mut number) = (Instant::now(), 0);
        while began.elapsed() < time {
            for _ in 0..count {
                number += 1;
                let mut rest = spread(number) % 100;
                let is_it = |(_, part): &&(_, u64)| {
                    let found = rest < *part;
                    rest = rest.saturating_sub(*part);
                    found
                };
                let (name, _) = names.iter().find(is_it).expect("the parts make a hundred");
                self.request(provider, &Context::new(), name);
            }
            thread::sleep(TICK);
        }
    }

    /// Makes so many requests at once.
    fn burst(&mut self, provider: &SdkTracerProvider, count: u64) {
        (0..count).for_each(|_| self.request(provider, &Context::new(), ORDERS));
    }
}

fn steady(provider: &SdkTracerProvider, made: &mut Made) {
    made.steady(provider, (Duration::from_secs(20), 5), &[(ORDERS, 100)]);
}

fn a_burst_each_second(provider: &SdkTracerProvider, made: &mut Made) {
    for _ in 0..45 {
        made.burst(provider, 300);
        thread::sleep(Duration::from_secs(1));
    }
}

fn one_burst(provider: &SdkTracerProvider, made: &mut Made) {
    made.burst(provider, 4_000);
    for _ in 0..60 {
        thread::sleep(Duration::from_millis(500));
        made.burst(provider, 1);
    }
}

fn several_names(provider: &SdkTracerProvider, made: &mut Made) {
    let names = [("GET /pay", 10), ("GET /cart", 20), ("GET /search", 60), (ORDERS, 10)];
    made.steady(provider, (Duration::from_secs(30), 10), &names);
}

/// Serves requests of a caller that keeps a tenth, and says so in Datadog's headers.
fn behind_a_caller(provider: &SdkTracerProvider, made: &mut Made) {
    let propagator = DatadogPropagator::new();
    for number in 1..=10_000_u64 {
        let is_kept = spread(number).is_multiple_of(10);
        let (priority, maker) = if is_kept { ("2", "_dd.p.dm=-3,") } else { ("-1", "") };
        made.rejected_by_caller += u64::from(!is_kept);
        let headers = [
            ("x-datadog-trace-id", spread(number).to_string()),
            ("x-datadog-parent-id", "77".to_owned()),
            ("x-datadog-sampling-priority", priority.to_owned()),
            ("x-datadog-tags", format!("{maker}_dd.p.ksr=0.1")),
        ];
        let headers = HashMap::from(headers.map(|(name, value)| (name.to_owned(), value)));
        let name = if number % 2 == 0 { "GET /a" } else { "GET /b" };
        made.request(provider, &propagator.extract(&headers), name);
    }
}

/// Returns the loads.
fn loads() -> Vec<Load> {
    use Decides::{AgentsRates, Datadog, Sdk};
    let load = |name, decides, requests, counted| Load { name, decides, requests, counted };
    let (dropped, recorded) = (RejectedTraces::Dropped, RejectedTraces::Recorded);
    let rate = |rate| DatadogSampler::builder().with_rate(rate);
    let rules = [(1.0, "GET /pay"), (0.5, "GET /cart"), (0.1, "GET /search")];
    let rules = rules.into_iter().fold(rate(0.2), |builder, (rate, name)| {
        builder.with_rule(SamplingRule::new(rate).with_resource(name))
    });
    let by_parent = |sampler| Sdk(Sampler::ParentBased(Box::new(sampler)));
    let caller: fn(&SdkTracerProvider, &mut Made) = behind_a_caller;
    let a_tenth = Sampler::TraceIdRatioBased(0.1);
    vec![
        load("always on, caller", Sdk(Sampler::AlwaysOn), caller, Counted::All),
        load(
            "the SDK's default, caller",
            by_parent(Sampler::AlwaysOn),
            caller,
            Counted::KeptByCaller,
        ),
        load("the SDK's ratio", by_parent(a_tenth), steady, Counted::Part(0.1)),
        load("everything, steady", Datadog(rate(1.0), dropped), steady, Counted::All),
        load("a tenth, steady", Datadog(rate(0.1), dropped), steady, Counted::All),
        load("a tenth, steady, recorded", Datadog(rate(0.1), recorded), steady, Counted::All),
        load("300 each second", Datadog(rate(1.0), dropped), a_burst_each_second, Counted::All),
        load("4,000 at once, then 2/s", Datadog(rate(0.5), dropped), one_burst, Counted::All),
        load("three rules and a rate", Datadog(rules, dropped), several_names, Counted::All),
        load("caller", Datadog(DatadogSampler::builder(), dropped), caller, Counted::All),
        load(
            "caller, recorded",
            Datadog(DatadogSampler::builder(), recorded),
            caller,
            Counted::All,
        ),
        load("the Agent's rates", AgentsRates(Protocol::V04, dropped), steady, Counted::All),
        load(
            "the Agent's rates, recorded",
            AgentsRates(Protocol::V04, recorded),
            steady,
            Counted::All,
        ),
        load(
            "the Agent's rates, v0.3",
            AgentsRates(Protocol::V03Json, dropped),
            steady,
            Counted::All,
        ),
    ]
}

impl Decides {
    fn provider(self, exporter: DatadogExporterBuilder) -> SdkTracerProvider {
        match self {
            Self::Sdk(sampler) => {
                provider(exporter.build().unwrap(), sampler, RejectedTraces::Dropped)
            }
            Self::Datadog(sampler, rejected) => {
                let sampler = sampler.with_rejected_traces(rejected).build().unwrap();
                provider(exporter.build().unwrap(), sampler, rejected)
            }
            Self::AgentsRates(version, rejected) => {
                let exporter = exporter.with_protocol(version).build().unwrap();
                let sampler = DatadogSampler::builder().with_agent_rates(&exporter.handle());
                let sampler = sampler.with_rejected_traces(rejected).build().unwrap();
                provider(exporter, sampler, rejected)
            }
        }
    }
}

/// Runs a load, prints what is counted of it, and checks it.
fn run(Load { name: load, decides, requests, counted }: Load) {
    let agent = RealAgent::start(Model::Indexed);
    let provider = decides.provider(builder(agent.url(), Protocol::V03MessagePack));
    let mut made = Made::default();
    requests(&provider, &mut made);
    provider.shutdown().unwrap();
    agent.stop();
    let rows = agent.counted();
    let all: u64 = made.requests.values().sum();
    let (expected, tolerance) = match counted {
        Counted::All => (all, TOLERANCE),
        Counted::KeptByCaller => (all - made.rejected_by_caller, 0.0),
        Counted::Part(part) => ((all as f64 * part) as u64, CHANCE),
    };
    let hits: u64 = rows.iter().map(|row| row.hits).sum();
    let (ingested, spans) = (agent.spans().len(), all * COUNTED_SPANS);
    println!("{load}: {ingested} ingested, {hits} counted of {spans} spans");
    let check = |name: &str, hits: u64, expected: u64, tolerance: f64| {
        let off = hits as f64 / expected as f64 - 1.0;
        assert!(off.abs() <= tolerance, "{load}, {name}: {hits} of {expected}");
    };
    check("all", hits, expected * COUNTED_SPANS, tolerance);
    for (name, made) in made.requests.iter().filter(|_| counted == Counted::All) {
        let hits = rows.iter().filter(|row| row.resource == *name).map(|row| row.hits).sum();
        println!("{load}: {name}: {hits} counted of {made}");
        // One name of several is counted less exactly than all of them.
        check(name, hits, *made, 3.0 * tolerance);
    }
}

#[test]
fn at_the_default_limit_every_request_is_counted() {
    thread::scope(|scope| {
        for load in loads() {
            scope.spawn(|| run(load));
        }
    });
}
