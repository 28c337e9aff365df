//! The receivers that users meet, by protocol: spans are delivered, or refused with an error.

use std::time::{Duration, Instant};

use datadog_test_agent::{Fault, Receiver, TestAgent};
use opentelemetry_datadog_agent::Protocol::{self, Auto, V03Json, V03MessagePack, V04};
use opentelemetry_datadog_agent::{DatadogExporter, ExporterStats};
use opentelemetry_sdk::trace::SpanExporter as _;

use super::{
    SHORT, arrivals, assert_adds_up, assert_no_violations, batch, builder, each, export, said,
    until,
};
use crate::support::{SOON, agent, in_parallel};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use Receiver::{Agent, DocumentedApi, LambdaExtension, MiniAgent, OldAgent};

const RECEIVERS: [Receiver; 5] = [Agent, OldAgent, LambdaExtension, MiniAgent, DocumentedApi];
const PROTOCOLS: [Protocol; 4] = [Auto, V03Json, V03MessagePack, V04];

/// The life of the receiver.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Life {
    Up,
    DownThenUp,
}

/// The form in which spans are delivered; `None` if they are refused.
#[rustfmt::skip]
fn form(protocol: Protocol, receiver: Receiver) -> Option<Protocol> {
    match (protocol, receiver) {
        (Auto | V03MessagePack, Agent) | (V03MessagePack, OldAgent)            => Some(V03MessagePack),
        (Auto | V03Json, OldAgent | DocumentedApi) | (V03Json, Agent)          => Some(V03Json),
        (Auto | V04, LambdaExtension | MiniAgent) | (V04, Agent | OldAgent)    => Some(V04),
        _                                                                      => None,
    }
}

fn exporter(agent: &TestAgent, protocol: Protocol) -> DatadogExporter {
    builder(agent).with_protocol(protocol).build().unwrap()
}

#[test]
fn each_protocol_reaches_the_receivers_that_take_it_and_says_where_it_is_refused() {
    let lives = [Life::Up, Life::DownThenUp];
    let cells = PROTOCOLS.into_iter().flat_map(|protocol| {
        RECEIVERS.into_iter().flat_map(move |receiver| lives.map(|life| (protocol, receiver, life)))
    });
    in_parallel(8, cells.collect(), |(protocol, receiver, life)| {
        let case = format!("{protocol:?} to {receiver:?}, {life:?}");
        let agent = TestAgent::builder().with_receiver(receiver).start().unwrap();
        if life == Life::DownThenUp {
            agent.pause();
        }
        let exporter = exporter(&agent, protocol);
        let handle = exporter.handle();
        let mut outcome = export(&exporter, batch(1..9, 3));
        if life == Life::DownThenUp {
            until("it is lost", || handle.stats().is_reachable == Some(false));
            agent.resume().unwrap();
        }
        outcome = outcome.and(handle.flush(SOON));
        let stats = handle.stats();
        assert_adds_up(&stats, &case);
        if let Some(form) = form(protocol, receiver) {
            outcome.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(arrivals(&agent), each(1..9, 1), "{case}");
            assert_eq!(stats.protocol, form, "{case}");
            assert_no_violations(&agent, &case);
        } else {
            assert_eq!(arrivals(&agent).len(), 0, "{case}");
            assert_eq!(stats.spans_dropped.refused, 8, "{case}: {stats:?}");
            let said = outcome.expect_err(&case).to_string();
            assert!(said.contains("40"), "{case}: {said}");
        }
    });
}

#[test]
fn a_receiver_that_is_replaced_by_another_kind_loses_and_doubles_nothing() {
    let pairs = || RECEIVERS.into_iter().flat_map(|from| RECEIVERS.map(|to| (from, to)));
    let cells = PROTOCOLS.into_iter().flat_map(|protocol| {
        pairs().flat_map(move |pair| [true, false].map(|restarts| (protocol, pair, restarts)))
    });
    in_parallel(8, cells.collect(), |(protocol, (from, to), restarts)| {
        let case = format!("{protocol:?}: {from:?} -> {to:?}, restarts: {restarts}");
        let agent = TestAgent::builder().with_receiver(from).start().unwrap();
        let exporter = exporter(&agent, protocol);
        let handle = exporter.handle();
        let _ = export(&exporter, batch(1..9, 3));
        let _ = handle.flush(SOON);
        if restarts {
            agent.pause();
            // These wait in the form of the old receiver.
            export(&exporter, batch(9..12, 2)).unwrap();
            agent.set_receiver(to);
            agent.resume().unwrap();
        } else {
            agent.set_receiver(to);
            let _ = export(&exporter, batch(9..12, 2));
        }
        let _ = export(&exporter, batch(12..20, 3));
        let _ = handle.flush(SOON);
        let mut expected = each(1..9, usize::from(form(protocol, from).is_some()));
        expected.extend(each(9..20, usize::from(form(protocol, to).is_some())));
        let stats = handle.stats();
        assert_eq!(arrivals(&agent), expected, "{case}: {stats:?}");
        assert_eq!(stats.spans_dropped.refused, 19 - expected.len() as u64, "{case}: {stats:?}");
        assert_adds_up(&stats, &case);
        exporter.shutdown().unwrap();
    });
}

#[test]
fn in_steady_state_nothing_is_translated() {
    for receiver in RECEIVERS {
        let agent = TestAgent::builder().with_receiver(receiver).start().unwrap();
        let exporter = exporter(&agent, Auto);
        for n in 0..10 {
            export(&exporter, batch(1 + n * 8..9 + n * 8, 3)).unwrap();
        }
        exporter.handle().flush(SOON).unwrap();
        let ExporterStats { payloads_translated, spans_delivered, .. } = exporter.handle().stats();
        // Only a receiver that does not introduce itself and lacks v0.3 would be found out by a refusal.
        assert_eq!((payloads_translated, spans_delivered), (0, 80), "{receiver:?}");
    }
}

#[test]
fn an_explicit_protocol_that_is_refused_names_the_one_that_would_look_for_another() {
    let agent = TestAgent::builder().with_receiver(LambdaExtension).start().unwrap();
    let exporter = exporter(&agent, V03Json);
    let outcome = export(&exporter, batch(1..3, 1));
    let _ = exporter.handle().flush(SOON);
    let text = said(outcome, &exporter.handle());
    assert!(text.contains("404") && text.contains("Protocol::Auto"), "{text}");
}

/// Introductions that are none, or lie; with each of them the spans arrive all the same.
fn bad_introductions() -> Vec<(&'static str, Fault)> {
    let body = |text: String| Fault::StatusAndBody(200, text);
    vec![
        ("hangs", Fault::Hang),
        ("closes", Fault::Close),
        ("breaks off", Fault::CloseMidResponse),
        ("is late", Fault::Slow(Duration::from_secs(5))),
        ("is busy", Fault::Status(503)),
        ("is empty", body(String::new())),
        ("is HTML", body("<html><body>Welcome</body></html>".to_owned())),
        ("is 10 MiB", body(format!(r#"{{"endpoints":[],"x":"{}"}}"#, "x".repeat(10 << 20)))),
        ("is nested", body("[".repeat(100_000))),
        ("has odd types", body(r#"{"endpoints":[7,null,{}],"version":[]}"#.to_owned())),
        ("lists nothing", body(r#"{"endpoints":[]}"#.to_owned())),
        ("lists another version", body(r#"{"endpoints":["/v0.5/traces"]}"#.to_owned())),
        ("lists v0.4 alone", body(r#"{"endpoints":["/v0.4/traces"]}"#.to_owned())),
        ("redirects", Fault::Status(307)),
    ]
}

#[test]
fn a_bad_introduction_costs_no_span_and_little_time() {
    let cells: Vec<_> = bad_introductions()
        .into_iter()
        .flat_map(|(name, reply)| [Agent, DocumentedApi].map(|kind| (name, reply.clone(), kind)))
        .collect();
    in_parallel(8, cells, |(name, reply, receiver)| {
        let case = format!("{receiver:?} whose introduction {name}");
        let agent = TestAgent::builder().with_receiver(receiver).start().unwrap();
        agent.set_info_reply(reply);
        let exporter = exporter(&agent, Auto);
        let handle = exporter.handle();
        // `export` fails if that takes too long.
        for n in 0..4 {
            export(&exporter, batch(1 + n * 5..6 + n * 5, 2)).unwrap();
        }
        handle.flush(SOON).unwrap();
        assert_eq!(arrivals(&agent), each(1..21, 1), "{case}: {:?}", handle.stats());
        assert_adds_up(&handle.stats(), &case);
    });
}

#[test]
fn a_receiver_that_lists_an_endpoint_and_lacks_it_is_not_asked_for_ever() {
    let agent = TestAgent::builder().with_receiver(DocumentedApi).start().unwrap();
    let lies = r#"{"endpoints":["/v0.4/traces"]}"#;
    agent.set_info_reply(Fault::StatusAndBody(200, lies.to_owned()));
    let exporter = exporter(&agent, Auto);
    for n in 0..5 {
        export(&exporter, batch(1 + n * 5..6 + n * 5, 2)).unwrap();
    }
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..26, 1));
    // The form that was taken stays.
    assert_eq!(agent.requests().iter().filter(|request| request.status == Some(404)).count(), 1);
}

#[test]
fn a_receiver_that_takes_no_form_at_all_costs_three_requests_for_a_payload() {
    let agent = agent();
    agent.set_default_reply(Fault::Status(404));
    let exporter = exporter(&agent, Auto);
    for n in 0..3 {
        let _ = export(&exporter, batch(1 + n * 5..6 + n * 5, 2));
        let _ = exporter.handle().flush(SOON);
    }
    assert_eq!(agent.requests().len(), 9);
    assert_eq!(exporter.handle().stats().spans_dropped.refused, 15);
}

#[test]
fn a_receiver_that_refuses_each_payload_is_asked_once_a_second_at_most() {
    let agent = agent();
    agent.set_default_reply(Fault::Status(400));
    let exporter = exporter(&agent, Auto);
    let begin = Instant::now();
    for n in 0..30 {
        let _ = export(&exporter, batch(1 + n..2 + n, 1));
        let _ = exporter.handle().flush(SOON);
    }
    let most = 2 + usize::try_from(begin.elapsed().as_secs()).unwrap();
    assert!(agent.info_requests() <= most, "{} in {:?}", agent.info_requests(), begin.elapsed());
}

#[test]
fn a_receiver_whose_introduction_hangs_keeps_the_form_that_its_refusal_taught() {
    let agent = TestAgent::builder().with_receiver(LambdaExtension).start().unwrap();
    agent.set_info_reply(Fault::Hang);
    let exporter = exporter(&agent, Auto);
    export(&exporter, batch(1..3, 1)).unwrap();
    exporter.handle().flush(SOON).unwrap();
    export(&exporter, batch(3..5, 1)).unwrap();
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..5, 1));
    assert_eq!(exporter.handle().stats().protocol, V04);
    assert_eq!(agent.requests().iter().filter(|request| request.status == Some(404)).count(), 1);
}

#[test]
fn an_introduction_in_drops_or_changing_each_time_costs_no_span() {
    for change in [false, true] {
        let agent = agent();
        let offers = [r#"{"endpoints":["/v0.4/traces"]}"#, r#"{"endpoints":["/v0.3/traces"]}"#];
        let exporter = exporter(&agent, Auto);
        for n in 0..30 {
            let offer = if change {
                Fault::StatusAndBody(200, offers[n % 2].to_owned())
            } else {
                Fault::CloseMidResponse
            };
            agent.set_info_reply(offer);
            // An outage is a reason to ask.
            agent.pause();
            let first = 1 + n as u64 * 2;
            export(&exporter, batch(first..first + 2, 1)).unwrap();
            until("it is lost", || exporter.handle().stats().is_reachable == Some(false));
            agent.resume().unwrap();
            exporter.handle().flush(SOON).unwrap();
        }
        assert!(agent.info_requests() >= 30, "{}", agent.info_requests());
        exporter.handle().flush(SOON).unwrap();
        assert_eq!(arrivals(&agent), each(1..61, 1), "{:?}", exporter.handle().stats());
    }
}

#[test]
fn a_sampler_that_follows_rates_moves_auto_to_v04() {
    let agent = agent();
    let exporter = exporter(&agent, Auto);
    export(&exporter, batch(1..3, 1)).unwrap();
    assert_eq!(exporter.handle().stats().protocol, V03MessagePack);
    let _sampler = exporter.handle().sampler().unwrap();
    export(&exporter, batch(3..5, 1)).unwrap();
    exporter.handle().flush(SOON).unwrap();
    assert_eq!(exporter.handle().stats().protocol, V04);
    assert_eq!(arrivals(&agent), each(1..5, 1));
}

#[test]
fn rates_are_looked_for_in_a_receiver_without_introduction() {
    for (receiver, protocol) in [(OldAgent, V04), (DocumentedApi, V03Json)] {
        let agent = TestAgent::builder().with_receiver(receiver).start().unwrap();
        let exporter = exporter(&agent, Auto);
        let _sampler = exporter.handle().sampler().unwrap();
        export(&exporter, batch(1..3, 1)).unwrap();
        exporter.handle().flush(SOON).unwrap();
        assert_eq!(exporter.handle().stats().protocol, protocol, "{receiver:?}");
        assert_eq!(arrivals(&agent), each(1..3, 1), "{receiver:?}");
    }
}

#[test]
fn a_busy_receiver_is_not_asked_with_each_payload() {
    let agent = agent();
    agent.set_info_reply(Fault::Overloaded);
    let exporter = exporter(&agent, Auto);
    for n in 0..4 {
        export(&exporter, batch(1 + n * 5..6 + n * 5, 2)).unwrap();
    }
    let stats = exporter.handle().stats();
    assert_eq!((stats.spans_delivered, stats.protocol), (20, V03Json));
    assert_eq!(agent.info_requests(), 1);
}

#[test]
fn a_new_state_of_the_agent_leads_to_a_new_form() {
    let agent = agent();
    let exporter = builder(&agent).with_timeout(SHORT * 5).build().unwrap();
    let handle = exporter.handle();
    export(&exporter, batch(1..3, 1)).unwrap();
    let offer = r#"{"endpoints":["/v0.4/traces"]}"#;
    agent.set_info_reply(Fault::StatusAndBody(200, offer.to_owned()));
    let mut id = 3;
    until("it speaks v0.4", || {
        export(&exporter, batch(id..id + 1, 1)).unwrap();
        id += 1;
        handle.stats().protocol == V04
    });
    handle.flush(SOON).unwrap();
    assert_eq!(arrivals(&agent), each(1..id, 1));
}

/// A step in the life of an exporter and its receiver.
#[derive(Clone, Debug)]
enum Step {
    Export(u64),
    Become(Receiver),
    Introduce(Fault),
    /// One trace request gets this reply.
    Reply(Fault),
    Restart,
    Flush,
}

/// Any step after which no span may be lost or doubled.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let introduction = prop_oneof![
        Just(Fault::Accept),
        Just(Fault::Close),
        Just(Fault::Status(503)),
        Just(Fault::StatusAndBody(200, "<html>".to_owned())),
    ];
    let reply =
        prop_oneof![Just(Fault::Accept), Just(Fault::Status(503)), Just(Fault::Overloaded),];
    let step = prop_oneof![
        4 => (1_u64..12).prop_map(Step::Export),
        2 => prop::sample::select(RECEIVERS.to_vec()).prop_map(Step::Become),
        1 => introduction.prop_map(Step::Introduce),
        1 => reply.prop_map(Step::Reply),
        1 => Just(Step::Restart),
        1 => Just(Step::Flush),
    ];
    prop::collection::vec(step, 1..14)
}

#[test]
fn no_change_of_receiver_loses_or_doubles_a_span() {
    in_parallel(8, (0..8).collect(), |_: u32| {
        let config = ProptestConfig {
            cases: 15,
            failure_persistence: None,
            max_shrink_iters: 100,
            ..ProptestConfig::default()
        };
        let outcome = TestRunner::new(config).run(&steps(), |steps| {
            check_steps(&steps);
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{error}");
        }
    });
}

fn check_steps(steps: &[Step]) {
    let agent = agent();
    let exporter = exporter(&agent, Auto);
    let handle = exporter.handle();
    let mut next = 1;
    for step in steps {
        match step {
            Step::Export(spans) => {
                export(&exporter, batch(next..next + spans, 3)).unwrap();
                next += spans;
            }
            Step::Become(receiver) => agent.set_receiver(*receiver),
            Step::Introduce(reply) => agent.set_info_reply(reply.clone()),
            Step::Reply(reply) => agent.reply_with([reply.clone()]),
            Step::Restart => {
                agent.pause();
                agent.resume().unwrap();
            }
            Step::Flush => handle.flush(SOON).unwrap(),
        }
    }
    handle.flush(SOON).unwrap();
    let stats = handle.stats();
    assert_adds_up(&stats, "after the end");
    assert_eq!(arrivals(&agent), each(1..next, 1), "{stats:?}");
    assert_eq!(stats.spans_delivered, next - 1, "{stats:?}");
}
