//! OpenTelemetry span exporter for the Datadog Agent.
#![forbid(unsafe_code)]

#[cfg(feature = "testing")]
pub mod testing;
