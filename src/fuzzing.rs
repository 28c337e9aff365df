//! Doors for the fuzz targets: what they test by itself has no public name. `cargo fuzz` alone sets
//! `cfg(fuzzing)`; in any other build this file is not there, and nothing in it is part of the API.

use opentelemetry_sdk::trace::SpanData;

use crate::config::Settings;
use crate::propagation::PropagationSettings;
use crate::sampling::SamplingSettings;
use crate::{
    BuildError, DatadogExporter, DatadogExporterBuilder, DatadogPropagatorBuilder,
    DatadogSamplerBuilder,
};

pub use crate::mapping::keys;

/// Returns the bodies of a batch's requests without sending them, each with its content type and its number
/// of traces. Delivery works on other threads: with it, nothing that the fuzzer sees would repeat itself.
pub fn bodies(exporter: &DatadogExporter, batch: &[SpanData]) -> Vec<(&'static str, u32, Vec<u8>)> {
    exporter.bodies(batch)
}

/// Returns every variable that is read.
pub fn variables() -> &'static [&'static str] {
    crate::config::VARIABLES
}

/// The outcome of finding settings.
#[derive(Debug)]
pub struct Resolved {
    /// The texts of their `Debug` and `Display`.
    pub shown: String,
    /// Warnings about the environment.
    pub warnings: Vec<String>,
    /// Errors in settings of code.
    pub errors: Vec<BuildError>,
}

/// Finds the settings of exporter, propagator and sampler, as their `build` does, in an environment.
pub fn resolve(
    exporter: DatadogExporterBuilder,
    propagator: DatadogPropagatorBuilder,
    sampler: DatadogSamplerBuilder,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Resolved {
    let mut errors = Vec::new();
    let mut shown = format!("{exporter:?} {propagator:?}");
    let (settings, mut warnings) = PropagationSettings::resolve(propagator, variable);
    shown += &format!("{settings:?}");
    match Settings::resolve(exporter.inputs, variable) {
        Ok(settings) => {
            let address = settings.delivery.addresses.for_requests();
            // Joined for every request: it must not panic.
            let _ = address.url("v0.3/traces");
            shown += &format!("{address} {:?} {:?}", settings.delivery, settings.options);
            warnings.extend(settings.warnings);
        }
        Err(error) => errors.push(error),
    }
    // Rates in code are checked by `build` alone, and so are rules.
    errors.extend(sampler.clone().build().err());
    if let Ok((_, more)) = SamplingSettings::resolve(sampler, variable) {
        warnings.extend(more);
    }
    Resolved { shown, warnings, errors }
}
