//! OpenTelemetry spans to the Datadog Agent, from any tracer provider.
//!
//! [`DatadogExporter`] is a `SpanExporter`: it goes into the provider that you have, beside the other
//! exporters that you have. It maps each span as the Agent's own OTLP intake would (operation name,
//! resource, type, errors, tags and metrics) and sends batches to the local Agent, in the form that
//! costs it least ([`Protocol`]). It needs no runtime of yours, touches no globals, and works under the batch and
//! the simple processor, in a plain `main` and inside tokio.
//!
//! # For your own provider
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use opentelemetry::trace::{Tracer as _, TracerProvider as _};
//! use opentelemetry_datadog_agent::DatadogExporter;
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//!
//! let exporter = DatadogExporter::builder().with_service("checkout").build()?;
//! let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
//! provider.tracer("shop").in_span("place-order", |_| { /* work */ });
//! provider.shutdown()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Configuration
//!
//! Code beats `DD_*` variables, these beat the OpenTelemetry resource, that beats the default; a span
//! attribute beats them all. Each method of [`DatadogExporterBuilder`] names its variable. A bad value
//! in code is a [`BuildError`], a bad variable one warning. Warnings and debug lines go through
//! `tracing`, target `opentelemetry-datadog-agent` (feature `internal-logs`, on by default).
//!
//! # When the Agent is away
//!
//! `export` waits for an answer 100 ms at most, and only if nothing else is outstanding: behind a slow
//! or dead Agent it does not wait. Spans that the Agent does not take are buffered, bounded in real memory and
//! compressed, and sent in order when it is back; each answer has a row in the table of `delivery/policy.rs` that
//! says whether its payload is delivered, buffered, halved or dropped.
//! [`DatadogExporter::handle`] gives an [`ExporterHandle`]: `flush` waits until all is delivered, `stats`
//! accounts for every span.
//!
//! # One trace across services
//!
//! [`DatadogPropagator`] reads and writes `x-datadog-*` and W3C headers. What a caller says beside the ids
//! (priority, origin, trace tags) stays in the trace state under `dd`; the exporter reads it there, so the
//! SDK's own W3C propagator is enough for it too. [`LogCorrelation`] gives log lines the ids of their span,
//! [`SqlComment`] gives SQL statements the comment that Database Monitoring reads.
//!
//! # Features
//!
//! | feature | what |
//! |---|---|
//! | `internal-logs` (default) | warnings and debug lines through `tracing` |
//! | `json-logs` | `JsonLogFormat`: JSON lines of `tracing-subscriber` with the ids of the span |
//! | `metrics` | the counters as `otel.sdk.exporter.span.exported` and `.inflight` on the global meter; set its provider before `build` |
//! | `rustls` | an `https` Agent URL, for an Agent behind a proxy |
//!
//! # The path of a span
//!
//! | stage | where | what |
//! |---|---|---|
//! | in | `exporter.rs` | the processor hands a batch over, on the processor's thread |
//! | group | `traces.rs` | spans of one trace make a chunk, its local root first |
//! | map | `mapping/` | one pass over the attributes; tables decide names, types and tags |
//! | note | `noting/`, `stats/` | with client statistics: what is counted of the span; then its chunk is kept, thinned or taken back |
//! | encode | `encoding/` | the mapping's calls become chunks in JSON or MessagePack, with no span object between |
//! | document | `protocol/` | asks the receiver what it takes; makes one request of a payload's chunks |
//! | send | `delivery/` | a thread of its own brings payloads to the receiver, and keeps what it does not take |
//!
//! Beside the path stand `propagation/`, headers in and out, and `sampling/`, which decides about a trace at its
//! root. Both share `mapping/state.rs` with the exporter: what a trace state says to Datadog.
//!
//! On the way nothing is kept twice: a span is mapped once, straight into a chunk, and from then
//! on only bytes move. Four walls hold this up: mapping knows no bytes, encoding no OpenTelemetry, protocol no sockets,
//! delivery no spans. The rules of the mapping are rows: `mapping/attributes.rs` says what each attribute does,
//! `mapping/naming.rs` how spans are named, `mapping/status.rs` where error tags come from,
//! `mapping/systems.rs` what databases speak; `mapping/obfuscate/` takes the literals out of that.
//!
//! # Pages
//!
//! | page | for whom |
//! |---|---|
//! | [`docs::from_opentelemetry_datadog`] | you use `opentelemetry-datadog` 0.9 to 0.20 |
//! | [`docs::from_elsewhere`] | you use `datadog-opentelemetry`, OTLP to the Agent, or a fork of the old exporter |
//! | [`docs::frameworks`] | you use axum, actix-web, tonic, reqwest, sqlx, sea-orm, mongodb, redis or async-graphql |
//! | [`docs::mapping`] | you want to know what becomes of an attribute, or where a name comes from |
//! | [`docs::troubleshooting`] | something is missing in Datadog, or looks wrong |
//!
//! # Testing your own instrumentation
//!
//! The crate [`datadog-test-agent`](https://docs.rs/datadog-test-agent) is an Agent inside your test: it takes
//! what the exporter sends, decodes it as strictly as the real one, and hands you typed spans.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod config;
mod error;
mod exporter;
mod guard;
mod deferred;
mod noting;
mod traces;
mod datadog;
mod mapping;
mod encoding;
mod stats;
mod protocol;
mod delivery;
mod propagation;
mod sampling;
#[cfg(any(doc, doctest))]
pub mod docs;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

pub use builder::DatadogExporterBuilder;
pub use delivery::{DroppedSpans, ExporterHandle, ExporterStats};
pub use error::BuildError;
pub use exporter::DatadogExporter;
pub use mapping::{Obfuscation, SpanNames, SpanTypes};
#[cfg(feature = "json-logs")]
pub use propagation::JsonLogFormat;
pub use propagation::{
    DatadogPropagator, DatadogPropagatorBuilder, ExtractBehavior, LogCorrelation, LogFields,
    PropagationSpanProcessor, PropagationStyle, SqlComment, SqlCommentMode,
};
pub use protocol::Protocol;
pub use sampling::{
    DatadogSampler, DatadogSamplerBuilder, ForwardRejected, RejectedTraces, SampledOnly,
    SamplingRule, SpanRule,
};
