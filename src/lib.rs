//! OpenTelemetry spans to the Datadog Agent, from any tracer provider.
//!
//! [`DatadogExporter`] is a `SpanExporter`: it goes into the provider that you have, beside the other
//! exporters that you have. It maps each span as the Agent's own OTLP intake would (operation name,
//! resource, type, errors, tags and metrics) and sends batches to the local Agent, in the form that
//! costs it least ([`Protocol`]). It needs no runtime of yours, touches no globals, and works under the batch and
//! the simple processor, in a plain `main` and inside tokio.
//!
//! # With `tracing`
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use opentelemetry::trace::TracerProvider as _;
//! use opentelemetry_datadog_agent::DatadogExporter;
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//! use tracing_subscriber::{filter::LevelFilter, layer::SubscriberExt as _};
//!
//! let exporter = DatadogExporter::builder().with_service("checkout").build()?;
//! let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
//! let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("checkout"));
//! let lines = tracing_subscriber::fmt::layer(); // shows the exporter's warnings, too
//! let subscriber = tracing_subscriber::registry().with(LevelFilter::INFO).with(layer).with(lines);
//! tracing::subscriber::set_global_default(subscriber)?;
//!
//! tracing::info_span!("place-order").in_scope(|| { /* work */ });
//! provider.shutdown()?;
//! # Ok(())
//! # }
//! ```
//!
//! # In a provider of your own
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
//! # Pages
//!
//! | page | question |
//! |---|---|
//! | [`docs::frameworks`] | What do I write with axum, actix-web, tonic, reqwest, sqlx, sea-orm, mongodb, redis, async-graphql? |
//! | [`docs::configuration`] | Which settings are there, and where does each value come from? |
//! | [`docs::troubleshooting`] | Something is missing in Datadog or looks wrong: what is it, and what helps? |
//! | [`docs::mapping`] | What becomes of a span: which names, types, tags, errors and limits? |
//! | [`docs::outages`] | What happens to my spans while the Agent is away, slow or strict? |
//! | [`docs::costs`] | What does a span cost my service, and what does it cost the host? |
//! | [`docs::alternatives`] | Which exporter for the Datadog Agent fits my program? |
//! | [`docs::from_opentelemetry_datadog`] | How do I move here from `opentelemetry-datadog`, any version from 0.9 to 0.20? |
//! | [`docs::from_elsewhere`] | How do I move from `datadog-opentelemetry`, from OTLP, or from a fork? |
//!
//! # One trace across services
//!
//! [`DatadogPropagator`] reads and writes `x-datadog-*` and W3C headers. Priority, origin and trace tags of a caller
//! travel in the trace state under `dd`, and the exporter reads them there. So the SDK's own W3C propagator is
//! enough for it, too. [`LogCorrelation`] gives log lines the ids of their span, [`SqlComment`] gives SQL statements
//! the comment that Database Monitoring reads.
//!
//! # Sampling
//!
//! The sampler of your provider stays in force. [`DatadogSampler`] adds Datadog's rules, limits and the Agent's rates.
//! With [`with_client_stats`](DatadogExporterBuilder::with_client_stats) the exporter counts spans itself and leaves
//! rejected traces out. A [`SpanRule`] keeps single spans of a rejected trace.
//!
//! # When the Agent is away
//!
//! `export` waits for an answer 100 ms at most, and only if nothing else is outstanding. Spans that the Agent does not
//! take are buffered in 64 MiB of memory, compressed, and sent in order when the Agent is back.
//! [`DatadogExporter::handle`] gives an [`ExporterHandle`]: `flush` waits until all is delivered, `stats` accounts
//! for every span.
//!
//! # Features
//!
//! | feature | what |
//! |---|---|
//! | `internal-logs` (default) | warnings and debug lines through `tracing`, target `opentelemetry-datadog-agent` |
//! | `json-logs` | `JsonLogFormat`: JSON lines of `tracing-subscriber` with the ids of the span |
//! | `metrics` | the counters as `otel.sdk.exporter.span.exported`, `.inflight` and `datadog.exporter.span.omitted` on the global meter; set its provider before `build` |
//! | `rustls` | an `https` Agent URL, for an Agent behind a proxy |
//!
//! # Tests of your own
//!
//! The crate [`datadog-test-agent`](https://docs.rs/datadog-test-agent) is an Agent inside your test: it takes
//! the exporter's requests, decodes them as strictly as the real one, and hands you typed spans.
//!
//! # The path of a span
//!
//! For readers of the code:
//!
//! | stage | where | what |
//! |---|---|---|
//! | in | `exporter.rs` | the processor hands a batch over, on the processor's thread |
//! | group | `traces.rs` | spans of one trace make a chunk, its local root first |
//! | map | `mapping/` | one pass over the attributes; tables decide names, types and tags |
//! | note | `noting/`, `stats/` | with client statistics: what is counted of the span; then its chunk is kept, thinned or taken back |
//! | encode | `encoding/` | the mapping's calls become chunks in JSON or MessagePack, with no span object between |
//! | document | `protocol/` | asks the receiver what it takes; makes one request of a payload's chunks |
//! | send | `delivery/` | a thread of its own brings payloads to the receiver, and buffers those that it does not take |
//!
//! Beside the path stand `propagation/`, headers in and out, and `sampling/`, which decides about a trace at its
//! root. Both share `datadog/` with the mapping: ids, trace state and priorities. `config/` finds the settings.
//!
//! A span is mapped once, straight into a chunk; from then on only bytes move. Four walls hold this up: mapping knows no
//! bytes, encoding no OpenTelemetry, protocol no sockets, delivery no spans. The rules of the mapping are rows:
//! `mapping/attributes.rs` says what each attribute does, `mapping/naming.rs` how spans are named, `mapping/errors.rs`
//! where error tags come from, `mapping/systems.rs` which language databases speak. `mapping/obfuscate/` takes the
//! literals out of that language.
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
