//! Traits that every public type has, checked by the compiler.

use opentelemetry_datadog_agent::*;

/// Accepts types that may move to another thread and be used from several at once.
const fn goes_anywhere<T: Send + Sync + std::fmt::Debug>() {}

/// Lists the public types. The test below compares it with `lib.rs`.
macro_rules! public_types {
    ($($name:ident $(<$parameter:tt>)?),* $(,)?) => {
        const _: () = { $(goes_anywhere::<$name $(<$parameter>)?>();)* };
        const NAMES: &[&str] = &[$(stringify!($name)),*];
    };
}

type Inner = opentelemetry_sdk::trace::SimpleSpanProcessor<DatadogExporter>;

public_types!(
    BuildError,
    DatadogExporter,
    DatadogExporterBuilder,
    DatadogPropagator,
    DatadogPropagatorBuilder,
    DatadogSampler,
    DatadogSamplerBuilder,
    DroppedSpans,
    ExporterHandle,
    ExporterStats,
    ExtractBehavior,
    ForwardRejected<Inner>,
    LogCorrelation,
    LogFields<'static>,
    Obfuscation,
    PropagationSpanProcessor,
    PropagationStyle,
    Protocol,
    RejectedTraces,
    SampledOnly<Inner>,
    SamplingRule,
    SpanNames<'static>,
    SpanRule,
    SpanTypes,
    SqlComment,
    SqlCommentMode,
);

#[cfg(feature = "json-logs")]
const _: () = goes_anywhere::<JsonLogFormat>();

#[test]
fn every_public_type_is_send_and_sync() {
    let lib = include_str!("../../src/lib.rs");
    let exported =
        lib.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<String>();
    let mut names: Vec<_> = exported
        .split("pub use ")
        .skip(1)
        .filter_map(|path| path.split(';').next()?.split("::").nth(1))
        .flat_map(|names| names.split(|c: char| !c.is_ascii_alphanumeric()))
        .filter(|name| !name.is_empty() && *name != "JsonLogFormat")
        .collect();
    names.sort_unstable();
    assert_eq!(names, NAMES);
}
