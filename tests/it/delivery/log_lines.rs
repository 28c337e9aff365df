//! Log lines: one when the Agent is lost, one when it is back, none when all is well.

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use datadog_test_agent::{Fault, Receiver, TestAgent};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_datadog_agent::{DatadogExporter, ExporterHandle};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::Registry;

use super::{batch, export, in_child, until, with_noise};
use crate::support::{SOON, agent, within};

const TARGET: &str = "opentelemetry-datadog-agent";

/// Texts that no line may hold: a tag's value, a resource, credentials.
const SECRETS: [&str; 4] = ["hunter2", "select-a-secret", "bob", "swordfish"];

/// Keeps every event as a line.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<Line>>>);

/// Level, name and text of an event.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) level: Level,
    target: String,
    pub(super) name: &'static str,
    pub(super) text: String,
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let metadata = event.metadata();
        self.0.lock().unwrap().push(Line {
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            name: metadata.name(),
            text: text.0,
        });
    }
}

impl Lines {
    /// A subscriber of the whole process: the worker speaks on a thread of its own.
    pub(super) fn of_this_process() -> Self {
        let lines = Self::default();
        tracing::subscriber::set_global_default(Registry::default().with(lines.clone())).unwrap();
        lines
    }

    /// Every line of ours so far, the debug lines too.
    pub(super) fn all(&self) -> Vec<Line> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line.target == TARGET).cloned().collect()
    }

    /// Our lines so far at INFO and above, and forgets them. No line at all may hold a secret.
    fn take(&self) -> Vec<Line> {
        let lines = std::mem::take(&mut *self.0.lock().unwrap());
        for line in lines.iter().filter(|line| line.target == TARGET) {
            for secret in SECRETS {
                assert!(!line.text.contains(secret), "{line:?}");
            }
        }
        lines
            .into_iter()
            .filter(|line| line.target == TARGET && line.level <= Level::INFO)
            .collect()
    }
}

fn exporter(agent: &TestAgent) -> DatadogExporter {
    let url = agent.url().replace("http://", "http://bob:swordfish@");
    DatadogExporter::builder().with_agent_url(url).with_tag("password", "hunter2").build().unwrap()
}

fn secret_batch(first: u64) -> Vec<SpanData> {
    let mut spans = batch(first..first + 5, 2);
    for span in &mut spans {
        span.name = "select-a-secret".into();
        span.attributes.push(KeyValue::new("token", "hunter2"));
    }
    spans
}

fn assert_said(lines: &[Line], level: Level, name: &str, parts: &[&str]) {
    let [line] = lines else { panic!("not one line {name}: {lines:#?}") };
    assert_eq!((line.level, line.name), (level, name), "{line:?}");
    for part in parts {
        assert!(line.text.contains(part), "no {part:?} in {line:?}");
    }
}

#[test]
fn an_agent_that_is_lost_and_comes_back_is_worth_two_lines() {
    let test = "delivery::log_lines::an_agent_that_is_lost_and_comes_back_is_worth_two_lines";
    in_child(test, &[], || {
        let lines = Lines::of_this_process();
        let agent = agent();
        let exporter = exporter(&agent);
        let handle = exporter.handle();
        let address = agent.url().trim_start_matches("http://");
        for n in 0..100 {
            export(&exporter, secret_batch(1 + n * 5)).unwrap();
        }
        handle.flush(SOON).unwrap();
        let healthy = lines.take();
        assert!(healthy.is_empty(), "all was well: {healthy:#?}");

        for round in 0..2 {
            agent.pause();
            for n in 0..20 {
                export(&exporter, secret_batch(1_001 + n * 5)).unwrap();
            }
            let retries = handle.stats().retries;
            until("4 tries in vain", || handle.stats().retries >= retries + 4);
            let lost = lines.take();
            agent.resume().unwrap();
            handle.flush(SOON).unwrap();
            let back = lines.take();
            if round == 0 {
                let parts = [address, "refused", "spans_buffered=5", "spans_dropped=0"];
                assert_said(&lost, Level::WARN, "DatadogExporter.AgentLost", &parts);
                let parts = [address, "spans_dropped=0"];
                assert_said(&back, Level::INFO, "DatadogExporter.AgentBack", &parts);
            } else {
                // An Agent that comes and goes within ten seconds is one complaint.
                assert!(lost.is_empty() && back.is_empty(), "{lost:#?} {back:#?}");
            }
            assert_eq!(agent.spans().len(), 500 + 100 * (round + 1));
        }
    });
}

#[test]
fn spans_that_are_refused_are_worth_one_line() {
    let test = "delivery::log_lines::spans_that_are_refused_are_worth_one_line";
    in_child(test, &[], || {
        let lines = Lines::of_this_process();
        let agent = agent();
        agent.set_default_reply(Fault::StatusAndBody(400, "no\r\nsuch \x1b[31mthing".to_owned()));
        let exporter = exporter(&agent);
        for n in 0..20 {
            let _ = export(&exporter, secret_batch(1 + n * 5));
            let _ = exporter.handle().flush(SOON);
        }
        let said = lines.take();
        let parts = ["400", "no  such  [31mthing", "spans_dropped=5"];
        assert_said(&said, Level::WARN, "DatadogExporter.SpansRefused", &parts);
    });
}

/// A listener that asks the exporter for its counters whenever a line comes.
struct Curious(Arc<Mutex<Option<ExporterHandle>>>);

impl<S: Subscriber> Layer<S> for Curious {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        if let Some(handle) = &*self.0.lock().unwrap() {
            let _ = handle.stats();
        }
    }
}

#[test]
fn a_subscriber_may_ask_for_the_counters() {
    in_child("delivery::log_lines::a_subscriber_may_ask_for_the_counters", &[], || {
        let asked = Arc::new(Mutex::new(None));
        let curious = Curious(Arc::clone(&asked));
        tracing::subscriber::set_global_default(Registry::default().with(curious)).unwrap();
        let agent = agent();
        let exporter = exporter(&agent);
        *asked.lock().unwrap() = Some(exporter.handle());
        agent.reply_with([Fault::Status(503)]);
        let handle = within(SOON, move || {
            export(&exporter, secret_batch(1)).unwrap();
            exporter.handle().flush(SOON).unwrap();
            exporter.handle()
        });
        assert_eq!(handle.stats().spans_delivered, 5);
    });
}

#[test]
fn spans_that_a_drop_loses_are_worth_one_line() {
    in_child("delivery::log_lines::spans_that_a_drop_loses_are_worth_one_line", &[], || {
        let lines = Lines::of_this_process();
        let agent = agent();
        drop(exporter(&agent));
        let quiet = exporter(&agent);
        export(&quiet, secret_batch(1)).unwrap();
        drop(quiet);
        agent.pause();
        let loud = exporter(&agent);
        export(&loud, secret_batch(6)).unwrap();
        drop(loud);
        // The worker has said before its end that the Agent is lost, or not yet when it had to end.
        let mut said = lines.take();
        said.retain(|line| line.name != "DatadogExporter.AgentLost");
        assert_said(
            &said,
            Level::WARN,
            "DatadogExporter.SpansLost",
            &["spans dropped at shutdown: 5; ", "refused"],
        );
    });
}

#[test]
fn a_full_buffer_is_worth_one_line() {
    in_child("delivery::log_lines::a_full_buffer_is_worth_one_line", &[], || {
        let lines = Lines::of_this_process();
        let agent = agent();
        agent.pause();
        let url = agent.url();
        let exporter = DatadogExporter::builder()
            .with_agent_url(url)
            .with_max_buffer_bytes(1 << 20)
            .build()
            .unwrap();
        let handle = exporter.handle();
        for n in 0..100 {
            export(&exporter, with_noise(batch(1 + n * 10..11 + n * 10, 2), 4_000)).unwrap();
        }
        let retries = handle.stats().retries;
        until("two tries in vain", || handle.stats().retries >= retries + 2);
        let said = lines.take();
        let full: Vec<_> =
            said.into_iter().filter(|line| line.name != "DatadogExporter.AgentLost").collect();
        assert_said(
            &full,
            Level::WARN,
            "DatadogExporter.BufferFull",
            &[url.trim_start_matches("http://")],
        );
    });
}

#[test]
fn shared_tags_without_room_are_left_out_with_one_line_that_names_them() {
    let test =
        "delivery::log_lines::shared_tags_without_room_are_left_out_with_one_line_that_names_them";
    in_child(test, &[], || {
        let lines = Lines::of_this_process();
        let agent = agent();
        let mut exporter = exporter(&agent);
        let long = "x".repeat(20_000);
        let large = (0..50).map(|n| KeyValue::new(format!("large.{n:02}"), long.clone()));
        let small = KeyValue::new("host.name", "web-1");
        let resource = Resource::builder_empty().with_attributes(large.chain([small])).build();
        exporter.set_resource(&resource);
        let of_scope =
            [KeyValue::new("scope.large", long.clone()), KeyValue::new("scope.small", "s")];
        let scope = InstrumentationScope::builder("s").with_attributes(of_scope).build();
        for n in 0..3 {
            let mut spans = secret_batch(1 + n * 5);
            for span in &mut spans {
                span.instrumentation_scope = scope.clone();
            }
            export(&exporter, spans).unwrap();
        }
        exporter.handle().flush(SOON).unwrap();
        for span in agent.spans() {
            let shared = span.meta.iter().map(|(name, text)| name.len() + text.len());
            assert!(shared.sum::<usize>() < 70_000);
            assert_eq!((&*span.meta["host.name"], &*span.meta["scope.small"]), ("web-1", "s"));
            assert_eq!(span.meta["large.02"].len(), 20_000);
            assert!(!span.meta.contains_key("large.03") && !span.meta.contains_key("scope.large"));
        }
        let said = lines.take();
        let parts = ["large.03", "large.10", "scope.large"];
        assert_said(&said, Level::WARN, "DatadogExporter.TagsLeftOut", &parts);
    });
}

#[test]
fn the_choice_of_a_protocol_is_said_at_each_change_until_the_receiver_is_unstable() {
    let test = "delivery::log_lines::the_choice_of_a_protocol_is_said_at_each_change_until_the_receiver_is_unstable";
    in_child(test, &[], || {
        let lines = Lines::of_this_process();
        let agent = agent();
        let exporter = exporter(&agent);
        let offers = [r#"{"endpoints":["/v0.3/traces"]}"#, r#"{"endpoints":["/v0.4/traces"]}"#];
        for n in 0..30 {
            agent.set_info_reply(Fault::StatusAndBody(200, offers[n % 2].to_owned()));
            agent.pause();
            export(&exporter, batch(1 + n as u64..2 + n as u64, 1)).unwrap();
            until("it is lost", || exporter.handle().stats().is_reachable == Some(false));
            agent.resume().unwrap();
            exporter.handle().flush(SOON).unwrap();
        }
        let of = |name: &str| {
            let said = lines.all();
            said.iter().filter(|line| line.name == name).map(|line| line.text.clone()).collect()
        };
        until("the receiver is unstable", || {
            let said: Vec<String> = of("DatadogExporter.ProtocolUnstable");
            said.len() == 1
        });
        let said: Vec<String> = of("DatadogExporter.Protocol");
        for protocol in ["V03MessagePack", "V04"] {
            assert!(said.iter().any(|line| line.contains(protocol)), "{said:#?}");
        }
        assert!((3..=12).contains(&said.len()), "{said:#?}");
    });
}

#[test]
fn a_receiver_without_rates_is_worth_one_line_if_a_sampler_follows_them() {
    let test =
        "delivery::log_lines::a_receiver_without_rates_is_worth_one_line_if_a_sampler_follows_them";
    in_child(test, &[], || {
        let lines = Lines::of_this_process();
        let agent = TestAgent::builder().with_receiver(Receiver::DocumentedApi).start().unwrap();
        let exporter = exporter(&agent);
        let _sampler = exporter.handle().sampler().unwrap();
        for n in 0..3 {
            export(&exporter, batch(1 + n..2 + n, 1)).unwrap();
            exporter.handle().flush(SOON).unwrap();
        }
        until("it is said", || {
            !lines.all().iter().all(|line| line.name != "DatadogExporter.NoRates")
        });
        assert_said(&lines.take(), Level::WARN, "DatadogExporter.NoRates", &["V03Json"]);
    });
}
