//! Every default-mode vector of `tests/vectors`: the span goes through the public API and the wire, and
//! what the embedded Agent decoded is compared. `more.json` and `queries.json` are ours: rules that the others do not
//! reach, and secrets in every place of a URL or a query.

mod read;

use datadog_test_agent::{ReceivedSpan, TestAgent};
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::{DatadogExporter, Obfuscation, Protocol, SpanTypes};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanExporter as _};
use serde_json::Value as Json;

use crate::support::{PROTOCOLS, agent, block_on};
use crate::tidy::read as text_of;
use read::{resource, span_data, text, vectors};

/// The folder of the crate.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Vectors that must be found: fewer means that a file was lost.
const AT_LEAST: usize = 327;

#[test]
fn every_vector_arrives_as_expected() {
    let agent = agent();
    let mut checked = 0;
    let mut failures = Vec::new();
    for (vector, protocol) in
        vectors(ROOT, None).flat_map(|vector| PROTOCOLS.map(|protocol| (vector.clone(), protocol)))
    {
        agent.clear();
        let span = through(&agent, exporter(&agent, protocol), &vector["input"]);
        let found = differences(&span, &vector["expect"]).into_iter();
        failures
            .extend(found.map(|difference| format!("{} {protocol:?}: {difference}", vector["id"])));
        checked += 1;
    }
    assert!(failures.is_empty(), "{} differences:\n{}", failures.len(), failures.join("\n"));
    assert!(checked >= AT_LEAST * PROTOCOLS.len(), "only {checked} vectors");
}

#[test]
fn secrets_in_queries_are_redacted_under_every_setting() {
    let agent = agent();
    let (mut checked, mut failures) = (0, Vec::new());
    let is_query = |vector: &Json| text(&vector["id"]).starts_with("query-");
    for vector in vectors(ROOT, None).filter(is_query) {
        for obfuscation in [Obfuscation::Exporter, Obfuscation::Agent] {
            for types in [SpanTypes::Documented, SpanTypes::Agent] {
                agent.clear();
                let exporter = DatadogExporter::builder()
                    .with_agent_url(agent.url())
                    .with_span_types(types)
                    .with_obfuscation(obfuscation)
                    .build()
                    .unwrap();
                let span = through(&agent, exporter, &vector["input"]);
                let found = differences(&span, &vector["expect"]);
                failures.extend(found.into_iter().map(|difference| {
                    format!("{} {obfuscation:?} {types:?}: {difference}", vector["id"])
                }));
                checked += 1;
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(checked > 100, "only {checked}");
}

/// The service that the legacy vectors configure.
const SERVICE: &str = "service_name";

/// Makes an exporter with the hook of the migration guide: `pages.rs` compares the two.
fn with_the_old_names(agent: &TestAgent) -> DatadogExporter {
    DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_service(SERVICE)
        .with_names(|span, names| {
            names.service = SERVICE.into();
            names.operation = span.instrumentation_scope.name().into();
            names.resource = (&*span.name).into();
        })
        .build()
        .unwrap()
}

#[test]
fn a_names_hook_brings_the_names_of_the_old_crate_back() {
    let agent = agent();
    let legacy: Vec<Json> = vectors(ROOT, Some("legacy-0.20")).collect();
    assert!(legacy.len() >= 3);
    for vector in legacy {
        agent.clear();
        let span = through(&agent, with_the_old_names(&agent), &vector["input"]);
        let expect = &vector["expect"];
        // The tags are today's; the names are what dashboards and monitors hang on.
        let names =
            [("service", &span.service), ("name", &span.name), ("resource", &span.resource)];
        for (field, got) in names.into_iter().filter(|(field, _)| expect.get(field).is_some()) {
            assert_eq!(*got, expect[field], "{}: {field}", vector["id"]);
        }
    }
}

// Up to 0.15 the old crate made the tracer, and named it: `install_batch` in its `src/exporter/mod.rs`.
#[test]
fn a_tracer_with_the_name_of_the_old_crate_brings_its_operation_name_back() {
    let guide = text_of("src/docs/from_opentelemetry_datadog.md");
    for name in ["opentelemetry-datadog", "opentelemyietry-datadog"] {
        assert!(guide.contains(&format!("\"{name}\"")), "the guide does not say {name}");
        let agent = agent();
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(with_the_old_names(&agent)).build();
        provider.tracer(name).in_span("GET /orders", |_| {});
        provider.shutdown().unwrap();
        let span = &agent.spans()[0];
        assert_eq!([&*span.name, &*span.resource, &*span.service], [name, "GET /orders", SERVICE]);
        // The Agent stores it with an underscore, as it did for the old crate.
        assert_eq!(agent.stored()[0].spans[0].span.name, name.replace('-', "_"));
    }
}

fn exporter(agent: &TestAgent, protocol: Protocol) -> DatadogExporter {
    // The vectors' types are the Agent's.
    DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_span_types(SpanTypes::Agent)
        .with_obfuscation(Obfuscation::Agent)
        .with_protocol(protocol)
        .build()
        .unwrap()
}

/// Exports one span alone and returns what arrived.
fn through(agent: &TestAgent, mut exporter: DatadogExporter, input: &Json) -> ReceivedSpan {
    exporter.set_resource(&resource(&input["resource_attributes"]));
    block_on(exporter.export(vec![span_data(input)])).unwrap();
    exporter.shutdown().unwrap();
    let requests = agent.requests();
    assert_eq!(requests.len(), 1);
    let accepted = ["priority", "is normalised"];
    let violations: Vec<_> = requests[0].violations();
    let real = violations.iter().filter(|text| !accepted.iter().any(|known| text.contains(known)));
    assert_eq!(real.collect::<Vec<_>>(), Vec::<&String>::new(), "{}", input["name"]);
    agent.spans().pop().unwrap()
}

/// Compares what a vector lists, and nothing else.
fn differences(span: &ReceivedSpan, expect: &Json) -> Vec<String> {
    let mut found = Vec::new();
    for (field, expected) in expect.as_object().unwrap() {
        let mut check = |what: &str, got: Json, expected: &Json| {
            if got != *expected {
                found.push(format!("{what} is {got}, expected {expected}"));
            }
        };
        match field.as_str() {
            "service" => check(field, span.service.as_str().into(), expected),
            "name" if expect["name_case_insensitive"] == true => {
                check(
                    field,
                    span.name.to_lowercase().into(),
                    &text(expected).to_lowercase().into(),
                );
            }
            "name_case_insensitive" => {}
            "name" => check(field, span.name.as_str().into(), expected),
            "resource" => check(field, span.resource.as_str().into(), expected),
            "type" => check(field, span.span_type.as_str().into(), expected),
            "error" => check(field, span.error.into(), expected),
            "trace_id" => check(field, span.trace_id.to_string().into(), expected),
            "span_id" => check(field, span.span_id.to_string().into(), expected),
            "parent_id" => check(field, span.parent_id.to_string().into(), expected),
            "start" => check(field, span.start.to_string().into(), expected),
            "duration" => check(field, span.duration.to_string().into(), expected),
            "meta" => {
                for (key, expected) in expected.as_object().unwrap() {
                    let got = span.meta.get(key).map_or(Json::Null, |value| value.as_str().into());
                    check(&format!("meta {key}"), got, expected);
                }
            }
            "meta_json" => {
                for (key, expected) in expected.as_object().unwrap() {
                    let got = span
                        .meta
                        .get(key)
                        .map_or(Json::Null, |value| serde_json::from_str(value).unwrap());
                    check(&format!("meta {key}"), got, expected);
                }
            }
            "metrics" => {
                for (key, expected) in expected.as_object().unwrap() {
                    let got = span.metrics.get(key).copied();
                    if !got.is_some_and(|got| (got - expected.as_f64().unwrap()).abs() <= 1e-9) {
                        found.push(format!("metric {key} is {got:?}, expected {expected}"));
                    }
                }
            }
            "absent_meta" | "absent_metrics" => {
                let present = |key: &&str| match field.as_str() {
                    "absent_meta" => span.meta.contains_key(*key),
                    _ => span.metrics.contains_key(*key),
                };
                let keys = expected.as_array().unwrap().iter().map(text);
                found.extend(keys.filter(present).map(|key| format!("{field} has {key}")));
            }
            other => panic!("the vectors grew a field: {other}"),
        }
    }
    found
}
