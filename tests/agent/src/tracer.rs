//! Datadog's official Python tracer: it reads what we write, in each style, and we read what it writes.

use std::collections::HashMap;
use std::env;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry::{Context, SpanId, TraceFlags, TraceId};
use opentelemetry_datadog_agent::DatadogPropagator;
use opentelemetry_datadog_agent::PropagationStyle::{self, Datadog, TraceContext};
use serde_json::{Value as Json, json};

use crate::vectors::ROOT;

type Headers = HashMap<String, String>;

/// A tracer that we are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Python,
    Node,
}

impl Peer {
    pub(crate) const ALL: [Self; 2] = [Self::Python, Self::Node];

    /// Returns a program of this folder that runs the tracer, which sends nothing.
    pub(crate) fn program(self, name: &str) -> Command {
        let tools = |variable| env::var(variable).expect("run `bash tests/agent/run.sh`");
        let mut command = match self {
            Self::Python => Command::new(tools("TRACER_PYTHON")),
            Self::Node => Command::new("node"),
        };
        let end = if self == Self::Python { "py" } else { "js" };
        command.arg(format!("{ROOT}/tests/agent/{name}.{end}"));
        if self == Self::Node {
            command.env("NODE_PATH", tools("TRACER_NODE"));
        }
        command.env("DD_INSTRUMENTATION_TELEMETRY_ENABLED", "false");
        command.env("DD_REMOTE_CONFIGURATION_ENABLED", "false");
        command
    }
}

/// Gives a program its whole input and returns all that it prints.
pub(crate) fn answers(command: &mut Command, input: String) -> String {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().expect("it starts");
    let mut pipe = process.stdin.take().unwrap();
    // In a thread: the answers begin before the last question.
    let writer = thread::spawn(move || pipe.write_all(input.as_bytes()));
    let output = process.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Returns what the Python tracer makes of headers.
fn python(headers: &Headers, style: PropagationStyle) -> Json {
    let style = if style == Datadog { "datadog" } else { "tracecontext" };
    let mut command = Peer::Python.program("tracer");
    command.env("DD_TRACE_ENABLED", "false").env("DD_TRACE_PROPAGATION_STYLE", style);
    serde_json::from_str(&answers(&mut command, json!(headers).to_string())).expect("it answers")
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
