//! OpenTelemetry span exporter for the Datadog Agent.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod config;
mod delivery;
mod encoding;
mod error;
mod exporter;
mod mapping;
#[cfg(feature = "testing")]
pub mod testing;
mod traces;

pub use config::DatadogExporterBuilder;
pub use error::BuildError;
pub use exporter::DatadogExporter;
pub use mapping::{SpanNames, SpanTypes};
