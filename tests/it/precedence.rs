//! Sources of service, env, version and tags: span, code, variable, resource, default, in this order.

use datadog_test_agent::ReceivedSpan;
use opentelemetry::KeyValue;
use opentelemetry_datadog_agent::{DatadogExporter, DatadogExporterBuilder};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::delivery::in_child;
use crate::support::{SOON, agent, block_on, span};

type Tags = &'static [(&'static str, &'static str)];

/// Every variable that names one of them.
const VARIABLES: [(&str, &str); 4] = [
    ("DD_SERVICE", "Variable"),
    ("DD_ENV", "Variable"),
    ("DD_VERSION", "Variable"),
    ("DD_TAGS", "team:Variable"),
];

/// The same, set but empty.
const UNSET: [(&str, &str); 4] =
    [("DD_SERVICE", ""), ("DD_ENV", ""), ("DD_VERSION", ""), ("DD_TAGS", "")];

/// A resource that says everything, env in three places.
const RESOURCE: Tags = &[
    ("service.name", "Resource"),
    ("deployment.environment", "Old"),
    ("deployment.environment.name", "Resource"),
    ("env", "Plain"),
    ("service.version", "Resource"),
    ("version", "Plain"),
    ("team", "Resource"),
];

fn tags(list: Tags) -> Vec<KeyValue> {
    list.iter().map(|(key, value)| KeyValue::new(*key, *value)).collect()
}

fn export(builder: DatadogExporterBuilder, resource: Tags, attributes: Tags) -> ReceivedSpan {
    let agent = agent();
    let mut exporter = builder.with_agent_url(agent.url()).build().unwrap();
    exporter.set_resource(&Resource::builder_empty().with_attributes(tags(resource)).build());
    block_on(exporter.export(vec![SpanData { attributes: tags(attributes), ..span() }])).unwrap();
    exporter.handle().flush(SOON).unwrap();
    agent.spans().remove(0)
}

fn in_code() -> DatadogExporterBuilder {
    let builder = DatadogExporter::builder().with_service("Code").with_env("Code");
    builder.with_version("Code").with_tag("team", "Code")
}

/// Service, env, version and the tag `team`; what is absent is empty.
fn facts(span: &ReceivedSpan) -> [&str; 4] {
    let meta = |key: &str| span.meta.get(key).map_or("", String::as_str);
    [&span.service, meta("env"), meta("version"), meta("team")]
}

#[test]
fn the_span_beats_code_and_code_beats_variables_and_variables_beat_the_resource() {
    const SPAN: Tags = &[
        ("service.name", "span"),
        ("datadog.env", "span"),
        ("datadog.version", "span"),
        ("team", "span"),
    ];
    const PLAIN: Tags = &[("env", "plain"), ("version", "plain")];
    const CONCEPT: Tags = &[("deployment.environment", "Span"), ("service.version", "Span")];
    let test =
        "precedence::the_span_beats_code_and_code_beats_variables_and_variables_beat_the_resource";
    in_child(test, &VARIABLES, || {
        let plain = DatadogExporter::builder;
        assert_eq!(facts(&export(in_code(), RESOURCE, SPAN)), ["span"; 4]);
        assert_eq!(facts(&export(in_code(), RESOURCE, &[])), ["Code"; 4]);
        assert_eq!(facts(&export(plain(), RESOURCE, &[])), ["Variable"; 4]);
        assert_eq!(facts(&export(plain(), &[], &[])), ["Variable"; 4]);
        // The concept on the span beats what is configured, the one on the resource does not.
        let span = export(in_code(), RESOURCE, CONCEPT);
        assert_eq!(facts(&span), ["Code", "span", "span", "Code"]);
        // A plain name on the span is no setting, but its value is not lost.
        for (builder, settings) in [(in_code(), "Code"), (plain(), "Variable")] {
            let span = export(builder, RESOURCE, PLAIN);
            assert_eq!(facts(&span), [settings; 4]);
            assert_eq!((&*span.meta["otel.env"], &*span.meta["otel.version"]), ("plain", "plain"));
        }
    });
}

#[test]
fn without_variables_the_resource_counts_and_of_its_keys_the_newest() {
    const OLD: Tags = &[("deployment.environment", "Old"), ("env", "Plain"), ("version", "Plain")];
    const PLAIN: Tags = &[("env", "Plain"), ("version", "Plain")];
    let test = "precedence::without_variables_the_resource_counts_and_of_its_keys_the_newest";
    in_child(test, &UNSET, || {
        let found = |resource: Tags| export(DatadogExporter::builder(), resource, &[]);
        assert_eq!(facts(&found(RESOURCE)), ["resource", "resource", "resource", "Resource"]);
        assert_eq!(facts(&found(OLD))[1..], ["old", "Plain", ""]);
        assert_eq!(facts(&found(PLAIN))[1..], ["Plain", "Plain", ""]);
        assert_eq!(facts(&found(&[]))[1..], ["", "", ""]);
    });
}

#[test]
fn a_service_that_nobody_named_is_the_executable() {
    let test = "precedence::a_service_that_nobody_named_is_the_executable";
    in_child(test, &UNSET, || {
        let executable = std::env::current_exe().unwrap();
        let name = executable.file_name().unwrap().to_str().unwrap();
        let expected = format!("unknown_service:{name}").to_lowercase();
        for resource in [&[] as Tags, &[("service.name", "unknown_service:other")]] {
            let span = export(DatadogExporter::builder(), resource, &[]);
            assert_eq!(span.service, expected);
        }
    });
}
