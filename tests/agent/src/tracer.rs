//! Datadog's official Python tracer: it reads what we write, in each style, and we read what it writes.

use std::collections::HashMap;
use std::env;
use std::io::Write as _;
use std::process::{Command, Stdio};

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry::{Context, SpanId, TraceFlags, TraceId};
use opentelemetry_datadog_agent::DatadogPropagator;
use opentelemetry_datadog_agent::PropagationStyle::{self, Datadog, TraceContext};
use serde_json::{Value as Json, json};

use crate::vectors::ROOT;

type Headers = HashMap<String, String>;

/// What the Python tracer makes of headers.
fn python(headers: &Headers, style: PropagationStyle) -> Json {
    let style = if style == Datadog { "datadog" } else { "tracecontext" };
    let mut process =
        Command::new(env::var("TRACER_PYTHON").expect("run `bash tests/agent/run.sh`"))
            .arg(format!("{ROOT}/tests/agent/tracer.py"))
            .env("DD_TRACE_PROPAGATION_STYLE", style)
            .env("DD_TRACE_ENABLED", "false")
            .env("DD_INSTRUMENTATION_TELEMETRY_ENABLED", "false")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
    let mut input = process.stdin.take().unwrap();
    writeln!(input, "{}", json!(headers)).unwrap();
    drop(input);
    let output = process.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).expect("it answers")
}

/// Contexts as the tracers of Datadog have them: state, and whether it is sampled.
const STATES: [(&str, bool); 5] = [
    ("dd=s:2;o:rum;t.dm:-4;t.usr.id:MTI~", true),
    ("dd=s:1;o:synthetics~web;t.dm:-1", true),
    ("dd=s:-1;t.dm:-3", false),
    ("dd=s:0", false),
    ("dd=s:1;t.dm:-0,foo=1", true),
];

#[test]
fn the_python_tracer_reads_what_we_write_and_we_read_what_it_writes() {
    for style in [Datadog, TraceContext] {
        let builder = DatadogPropagator::builder().with_inject_styles([style]);
        let propagator = builder.with_extract_styles([style]).build();
        for (state, sampled) in STATES {
            let flags = TraceFlags::default().with_sampled(sampled);
            let trace = TraceId::from(0x640c_fd8d_0000_0000_1234_5678_9abc_def0);
            let (span, state) = (SpanId::from(77), state.parse().unwrap());
            let context = SpanContext::new(trace, span, flags, true, state);
            let mut headers = Headers::new();
            propagator.inject_context(
                &Context::new().with_remote_span_context(context.clone()),
                &mut headers,
            );
            let said = python(&headers, style);
            compare(&said, &context, style);
            let written: Headers = serde_json::from_value(said["written"].clone()).unwrap();
            let back = propagator.extract_with_context(&Context::new(), &written);
            compare(&said, back.span().span_context(), style);
        }
    }
}

/// Compares what the Python tracer knows with a context of ours.
fn compare(said: &Json, context: &SpanContext, style: PropagationStyle) {
    let state = context.trace_state().get("dd").unwrap();
    let item = |name: &str| {
        state.split(';').find_map(|item| Some(item.strip_prefix(name)?.replace('~', "=")))
    };
    assert_eq!(said["trace_id"], context.trace_id().to_string(), "{style:?} {said}");
    assert_eq!(said["span_id"], context.span_id().to_string(), "{style:?} {said}");
    assert_eq!(said["priority"].to_string(), item("s:").unwrap(), "{style:?} {said}");
    assert_eq!(said["origin"], json!(item("o:")), "{style:?} {said}");
    for (tag, name) in [("_dd.p.dm", "t.dm:"), ("_dd.p.usr.id", "t.usr.id:")] {
        let known = said["tags"].get(tag).cloned().unwrap_or_default();
        assert_eq!(known, json!(item(name)), "{style:?} {tag} {said}");
    }
}
