//! The meaning of variables: good, odd and bad values, in our crate and in Datadog's official Python tracer. The same,
//! or a row that says what we do and why.

use std::collections::HashMap;
use std::env;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use datadog_test_agent::TestAgent;
use futures_executor::block_on;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanKind, TraceContextExt as _};
use opentelemetry::{Context, KeyValue, TraceId};
use opentelemetry_datadog_agent::{
    DatadogExporter, DatadogPropagator, DatadogSampler, PropagationSpanProcessor, SqlComment,
};
use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample as _, SpanExporter as _};
use serde_json::{Value as Json, json};

use crate::tracer::program;
use crate::traces::span;

/// A variable, its value, the field that it decides, and what we make of it where that is something else, with a
/// reason.
type Row = (&'static str, &'static str, &'static str, Option<(&'static str, &'static str)>);

const BAD_FLAG: &str = "a word that is neither is said, and the default stays";
const BAD_VALUE: &str = "the tracer does not start; here a line says so, and the default stays";
const BAD_STYLE: &str = "a list without a style of ours is said, and the default stays";
const BAD_RULE: &str = "one bad rule costs no other; there it costs all";
const OTHER_STYLE: &str = "styles that are not spoken here are said and left out";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("DD_SERVICE", "My Shop", "service", None),
    ("DD_SERVICE", " shop ", "service", Some(("\"shop\"", "blanks around a value are no part of it"))),
    ("DD_ENV", "Prod", "env", None),
    ("DD_VERSION", "1.4", "version", None),
    ("DD_TAGS", "a:b,c:d", "tags", None),
    ("DD_TAGS", "a:b c:d", "tags", None),
    ("DD_TAGS", "a:b, c:d e:f", "tags", None),
    ("DD_TAGS", "a:b:c", "tags", None),
    ("DD_TAGS", "a:1,a:2", "tags", None),
    ("DD_TAGS", "a", "tags", None),
    ("DD_TAGS", "a b", "tags", None),
    ("DD_TAGS", "a,b:", "tags", None),
    ("DD_TAGS", ":v,a:b", "tags", None),
    ("DD_TAGS", "a:b,,c:d", "tags", None),
    ("DD_TAGS", "env:prod,a:b", "env", None),
    ("DD_TAGS", "version:2", "version", None),
    ("DD_TAGS", "service:shop", "service", None),
    ("DD_TAGS", "git.commit.sha:abc,a:b", "git", None),
    ("DD_TAGS", "git.commit.sha:abc,a:b", "tags", None),
    ("DD_TRACE_ENABLED", "false", "enabled", None),
    ("DD_TRACE_ENABLED", "0", "enabled", None),
    ("DD_TRACE_ENABLED", "True", "enabled", None),
    ("DD_TRACE_ENABLED", "off", "enabled", Some(("true", BAD_FLAG))),
    ("DD_TRACE_ENABLED", "nonsense", "enabled", Some(("true", BAD_FLAG))),
    ("DD_GIT_COMMIT_SHA", "abc", "git", None),
    ("DD_GIT_REPOSITORY_URL", "https://u:p@h/r", "git", None),
    ("DD_GIT_REPOSITORY_URL", "ssh://git@h/r", "git", None),
    ("DD_GIT_REPOSITORY_URL", "git@h:r", "git", None),
    ("DD_TRACE_HTTP_SERVER_ERROR_STATUSES", "400-404", "errors", None),
    ("DD_TRACE_HTTP_SERVER_ERROR_STATUSES", "503,400", "errors", None),
    ("DD_TRACE_HTTP_SERVER_ERROR_STATUSES", "x,503", "errors", None),
    ("DD_TRACE_SAMPLING_RULES", r#"[{"sample_rate":0}]"#, "rate", None),
    ("DD_TRACE_SAMPLING_RULES", r#"[{"sample_rate":"0"},{"sample_rate":1}]"#, "rate", None),
    ("DD_TRACE_SAMPLING_RULES", r#"[{"sample_rate":0,"resource":null}]"#, "rate", None),
    ("DD_TRACE_SAMPLING_RULES", r#"[{"service":"a"},{"sample_rate":0}]"#, "rate", None),
    ("DD_TRACE_SAMPLING_RULES", r#"[{"sample_rate":2}]"#, "rate", None),
    ("DD_TRACE_SAMPLING_RULES", r#"[{"sample_rate":"x"},{"sample_rate":0}]"#, "rate", Some(("0.0", BAD_RULE))),
    ("DD_TRACE_SAMPLING_RULES", r#"[7,{"sample_rate":0}]"#, "rate", Some(("0.0", BAD_RULE))),
    ("DD_TRACE_SAMPLING_RULES", "nonsense", "rate", None),
    ("DD_TRACE_PROPAGATION_STYLE", "datadog", "extract", None),
    ("DD_TRACE_PROPAGATION_STYLE", "none", "inject", None),
    ("DD_TRACE_PROPAGATION_STYLE", "nonsense", "extract", Some((r#"["datadog","tracecontext"]"#, BAD_STYLE))),
    ("DD_TRACE_PROPAGATION_STYLE", "Datadog , b3", "inject", Some((r#"["datadog"]"#, OTHER_STYLE))),
    ("DD_TRACE_PROPAGATION_STYLE_EXTRACT", "tracecontext", "extract", None),
    ("DD_TRACE_PROPAGATION_STYLE_INJECT", "tracecontext", "inject", None),
    ("DD_TRACE_BAGGAGE_TAG_KEYS", "a,b", "baggage", None),
    ("DD_TRACE_BAGGAGE_TAG_KEYS", "*", "baggage", None),
    ("DD_TRACE_BAGGAGE_TAG_KEYS", "a, b", "baggage", Some((r#"["a","b"]"#, "blanks around a key are no part of it"))),
    ("DD_TRACE_BAGGAGE_TAG_KEYS", "", "baggage", Some(("[]", "nothing is no key"))),
    ("DD_DBM_PROPAGATION_MODE", "full", "mode", None),
    ("DD_DBM_PROPAGATION_MODE", "service", "mode", None),
    ("DD_DBM_PROPAGATION_MODE", "dynamic_service", "mode", Some(("\"service\"", "the hash that it adds is not known here, which is said"))),
    ("DD_DBM_PROPAGATION_MODE", "Full", "mode", Some(("\"disabled\"", BAD_VALUE))),
];

/// Runs a program with one variable, and returns the object behind the last mark in what it prints.
fn said(command: &mut Command, (name, value): (&str, &str)) -> Json {
    let path = env::var("PATH").unwrap_or_default();
    let output = command
        .env_clear()
        .envs([("PATH", path.as_str()), ("DD_INSTRUMENTATION_TELEMETRY_ENABLED", "false")])
        .env(name, value)
        .output()
        .expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().rev().find_map(|line| line.split_once('{'));
    let (_, rest) = line.unwrap_or_else(|| panic!("{name}={value}: {output:?}"));
    serde_json::from_str(&format!("{{{rest}")).unwrap()
}

fn python(variable: (&str, &str)) -> Json {
    let mut said = said(&mut program("variables.py"), variable);
    for field in ["extract", "inject"] {
        if let Some(styles) = said.get_mut(field).and_then(Json::as_array_mut) {
            // Baggage is the SDK's own propagator.
            styles.retain(|style| style != "baggage");
        }
    }
    said
}

fn ours(variable: (&str, &str)) -> Json {
    let program = env::current_exe().unwrap();
    let arguments = ["variables::child", "--exact", "--ignored", "--nocapture"];
    said(Command::new(program).args(arguments), variable)
}

#[test]
fn variables_mean_what_they_mean_to_the_python_tracer() {
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(row) = ROWS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    faults.lock().unwrap().extend(fault(row));
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Returns what is wrong about a row, if anything is.
fn fault((name, value, field, difference): &Row) -> Option<String> {
    let (own, theirs) = (ours((name, value)), python((name, value)));
    let (own, theirs) = (&own[field], theirs.get(field).cloned().unwrap_or_default());
    let is_right = match difference {
        None => *own == theirs,
        Some((expected, _)) => {
            *own != theirs && *own == serde_json::from_str::<Json>(expected).unwrap()
        }
    };
    (!is_right).then(|| format!("{name}={value:?} {field}: ours {own}, Python {theirs}"))
}

/// Says what we make of the environment, for [`ours`].
#[test]
#[ignore = "the other side of a comparison, run by it"]
fn child() {
    let [spans, baggage, mode, extract, inject] = [
        spans(),
        json!(listed(&format!("{:?}", PropagationSpanProcessor::new()), "baggage: ")),
        json!(mode(&format!("{:?}", SqlComment::new()))),
        json!(extracted()),
        json!(injected()),
    ];
    let mut said = spans;
    let own = json!({
        "baggage": baggage, "mode": mode, "extract": extract, "inject": inject, "rate": rate(),
    });
    said.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    println!("\n{said}");
}

/// Returns what the spans of an exporter say.
fn spans() -> Json {
    let agent = TestAgent::start().unwrap();
    let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
    let batch = [399, 400, 404, 499, 500, 503, 599].map(|status: i64| {
        let mut span = span(1, status.unsigned_abs(), 0);
        span.span_kind = SpanKind::Server;
        span.attributes.push(KeyValue::new("http.response.status_code", status));
        span
    });
    block_on(exporter.export(batch.into())).unwrap();
    exporter.shutdown().unwrap();
    let spans = agent.spans();
    let failed = spans.iter().filter(|span| span.error == 1);
    let mut errors: Vec<_> = failed.map(|span| span.span_id).collect();
    errors.sort_unstable();
    let head = spans.iter().find(|span| span.meta.contains_key("runtime-id"));
    let mut meta = head.map(|span| span.meta.clone()).unwrap_or_default();
    let git = ["_dd.git.repository_url", "_dd.git.commit.sha"];
    let git = git.map(|key| meta.remove(key).unwrap_or_default());
    let [env, version] = ["env", "version"].map(|key| meta.remove(key));
    // The tags of the span itself.
    let own =
        |key: &str| key.starts_with("otel.") || key.starts_with("http.") || key.starts_with("_dd.");
    let others =
        ["span.kind", "language", "runtime-id", "error.message", "error.msg", "error.type"];
    meta.retain(|key, _| !own(key) && !others.contains(&key.as_str()));
    json!({
        "enabled": !spans.is_empty(),
        "service": head.map(|span| span.service.clone()),
        "env": env,
        "version": version,
        "tags": meta,
        "git": git,
        "errors": errors,
    })
}

/// The texts of a list in a `Debug` output.
fn listed(text: &str, field: &str) -> Vec<String> {
    let (_, rest) = text.split_once(field).unwrap();
    let list = rest[..=rest.find(']').unwrap()].to_owned();
    serde_json::from_str(&list).unwrap()
}

fn mode(text: &str) -> String {
    let (_, rest) = text.split_once("mode: ").unwrap();
    rest.split(',').next().unwrap().to_lowercase()
}

/// The headers of each style.
const STYLES: [(&str, &[(&str, &str)]); 2] = [
    ("datadog", &[("x-datadog-trace-id", "1"), ("x-datadog-parent-id", "2")]),
    ("tracecontext", &[("traceparent", "00-00000000000000000000000000000001-0000000000000002-01")]),
];

fn extracted() -> Vec<&'static str> {
    let propagator = DatadogPropagator::builder().build();
    let is_read = |headers: &[(&str, &str)]| {
        let headers: HashMap<_, _> =
            headers.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
        propagator.extract_with_context(&Context::new(), &headers).span().span_context().is_valid()
    };
    STYLES.into_iter().filter(|(_, headers)| is_read(headers)).map(|(style, _)| style).collect()
}

fn injected() -> Vec<&'static str> {
    let propagator = DatadogPropagator::builder().build();
    let is_written = |header: &str| propagator.fields().any(|field| field == header);
    let written = STYLES.into_iter().filter(|(_, headers)| is_written(headers[0].0));
    written.map(|(style, _)| style).collect()
}

/// The rate of a trace that no rule names: everything or nothing.
fn rate() -> f64 {
    let sampler = DatadogSampler::builder().build().unwrap();
    let kept = (1..=50_u128).filter(|id| {
        let trace = TraceId::from(id << 40 | id);
        let result = sampler.should_sample(None, trace, "work", &SpanKind::Internal, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    });
    f64::from(u32::try_from(kept.count()).unwrap()) / 50.0
}
