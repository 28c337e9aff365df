//! The exporter's counters as OpenTelemetry metrics, on the global meter (feature `metrics`).
//!
//! Names and attributes are those of the semantic conventions for SDK metrics. They are read when
//! metrics are collected, so they cost nothing between collections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use opentelemetry::{KeyValue, global};

use super::shared::Shared;
use super::stats::ExporterStats;

/// The meter's name, by which a view can find it.
const METER: &str = env!("CARGO_PKG_NAME");
/// The type of this component.
const COMPONENT: &str = "opentelemetry_datadog_agent::DatadogExporter";

/// The `error.type` of one end of an export, and the counter of its spans.
type Ended = (Option<&'static str>, fn(&ExporterStats) -> u64);

/// Spans whose export ended, by how it ended: nothing for those delivered, else the `error.type`.
const ENDED: [Ended; 6] = [
    (None, |stats| stats.spans_delivered),
    (Some("buffer_full"), |stats| stats.spans_dropped.buffer_full),
    (Some("refused"), |stats| stats.spans_dropped.refused),
    (Some("invalid"), |stats| stats.spans_dropped.invalid),
    (Some("unacknowledged"), |stats| stats.spans_dropped.unacknowledged),
    (Some("shutdown"), |stats| stats.spans_dropped.shutdown),
];

/// Registers the instruments of one exporter. They fall silent when it is gone.
pub(super) fn observe(shared: &Arc<Shared>) {
    static EXPORTERS: AtomicUsize = AtomicUsize::new(0);
    let number = EXPORTERS.fetch_add(1, Ordering::Relaxed);
    let component = [
        KeyValue::new("otel.component.type", COMPONENT),
        KeyValue::new("otel.component.name", format!("datadog_exporter/{number}")),
    ];
    let stats = |shared: &Weak<Shared>| Some(shared.upgrade()?.stats());

    let meter = global::meter(METER);
    let (weak, attributes) = (Arc::downgrade(shared), component.clone());
    meter
        .u64_observable_counter("otel.sdk.exporter.span.exported")
        .with_description("Spans whose export ended, successfully or not.")
        .with_unit("{span}")
        .with_callback(move |observer| {
            let Some(stats) = stats(&weak) else { return };
            for (error, count) in ENDED {
                let error = error.map(|error| KeyValue::new("error.type", error));
                let attributes: Vec<_> = attributes.iter().cloned().chain(error).collect();
                observer.observe(count(&stats), &attributes);
            }
        })
        .build();
    let (weak, attributes) = (Arc::downgrade(shared), component.clone());
    meter
        .u64_observable_counter("datadog.exporter.span.omitted")
        .with_description("Spans that were counted in client statistics and not sent.")
        .with_unit("{span}")
        .with_callback(move |observer| {
            let Some(stats) = stats(&weak) else { return };
            observer.observe(stats.spans_omitted, &attributes);
        })
        .build();
    let (weak, attributes) = (Arc::downgrade(shared), component);
    meter
        .i64_observable_up_down_counter("otel.sdk.exporter.span.inflight")
        .with_description("Spans handed to the exporter whose export has not ended.")
        .with_unit("{span}")
        .with_callback(move |observer| {
            let Some(stats) = stats(&weak) else { return };
            observer.observe(i64::try_from(stats.spans_buffered).unwrap_or(i64::MAX), &attributes);
        })
        .build();
}
