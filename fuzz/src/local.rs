//! An exporter that sends nothing, and the requests as an Agent would read them.

use datadog_test_agent::TraceRequest;
use opentelemetry_datadog_agent::{DatadogExporter, DatadogExporterBuilder, fuzzing};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

/// Headers that are the same for every request.
const HEADERS: [(&str, &str); 2] =
    [("datadog-meta-lang", "rust"), ("datadog-meta-tracer-version", "0.1.0")];

/// An exporter of which only grouping, mapping and encoding are at work.
#[derive(Debug)]
pub struct Local(DatadogExporter);

impl Local {
    /// Starts one.
    pub fn new(builder: DatadogExporterBuilder) -> Self {
        Self(builder.build().expect("the settings are good"))
    }

    /// Sets the resource of what follows.
    pub fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }

    /// Returns the requests of a batch as the embedded Agent records them.
    pub fn requests(&self, batch: &[SpanData]) -> Vec<TraceRequest> {
        fuzzing::bodies(&self.0, batch).into_iter().map(recorded).collect()
    }
}

fn recorded((content_type, traces, body): (&'static str, u32, Vec<u8>)) -> TraceRequest {
    let [traces, length] = [traces.to_string(), body.len().to_string()];
    let described = [
        ("content-type", content_type),
        ("content-length", &length),
        ("x-datadog-trace-count", &traces),
    ];
    let headers = HEADERS.into_iter().chain(described);
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    datadog_test_agent::record(headers.collect(), body)
}
