//! [`DatadogExporter`]: group, map, encode, send; nothing else.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::otel_warn;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::BuildError;
use crate::config::{DatadogExporterBuilder, Settings};
use crate::delivery::{Delivery, Parcel, SendError};
use crate::encoding::payload::{Payload, Payloads};
use crate::encoding::{Json, Sink, SpanWriter, Wire};
use crate::mapping::{self, Options, Place, ResourceFacts, Scratch};
use crate::traces::{self, Grouping};

/// How long dropping an exporter that was not shut down may take.
const DROP_TIMEOUT: Duration = Duration::from_secs(5);

type Prepared = <SpanWriter<'static, Json> as Sink>::Prepared;

/// Sends finished spans to the Datadog Agent. Goes into any tracer provider.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use opentelemetry::trace::{Tracer as _, TracerProvider as _};
/// use opentelemetry_datadog_agent::DatadogExporter;
/// use opentelemetry_sdk::trace::SdkTracerProvider;
///
/// let exporter = DatadogExporter::builder().with_service("checkout").build()?;
/// let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
/// provider.tracer("shop").in_span("place-order", |_| { /* work */ });
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DatadogExporter {
    enabled: bool,
    options: Options,
    facts: ResourceFacts<Prepared>,
    encoder: Mutex<Encoder>,
    delivery: Delivery,
    is_shut_down: AtomicBool,
    notices: Notices,
}

/// What one batch after the other reuses.
#[derive(Debug, Default)]
struct Encoder {
    grouping: Grouping,
    scratch: Scratch,
    payloads: Payloads<Json>,
}

/// What is counted, and said once.
#[derive(Debug, Default)]
struct Notices {
    skipped: AtomicU64,
    equal_ids: AtomicBool,
    hook_panicked: AtomicBool,
}

impl DatadogExporter {
    /// Starts a builder. It reads nothing until [`DatadogExporterBuilder::build`].
    pub fn builder() -> DatadogExporterBuilder {
        DatadogExporterBuilder::default()
    }

    pub(crate) fn start(settings: Settings) -> Result<Self, BuildError> {
        let delivery = Delivery::start(settings.address, settings.timeout)?;
        let no_resource = Resource::builder_empty().build();
        Ok(Self {
            enabled: settings.enabled,
            facts: ResourceFacts::new::<SpanWriter<'_, Json>>(&no_resource, &settings.options),
            options: settings.options,
            encoder: Mutex::default(),
            delivery,
            is_shut_down: AtomicBool::new(false),
            notices: Notices::default(),
        })
    }

    /// Turns a batch into the bodies of requests.
    fn encode(&self, batch: &[SpanData]) -> Vec<Payload> {
        let mut encoder = self.encoder.lock().unwrap_or_else(PoisonError::into_inner);
        let Encoder { grouping, scratch, payloads } = &mut *encoder;
        for trace in grouping.traces(batch) {
            payloads.chunk(trace.spans, |number, span, writer, origin| {
                let place = if number == 0 { Place::First } else { Place::Later };
                mapping::map(
                    &batch[*span as usize],
                    place,
                    &self.facts,
                    &self.options,
                    scratch,
                    writer,
                );
                origin.complete(&scratch.env, &scratch.version, number == trace.agents_root);
            });
        }
        self.notices.of_batch(batch, std::mem::take(&mut scratch.hook_panicked));
        payloads.finish()
    }
}

impl SpanExporter for DatadogExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        if self.is_shut_down.load(Ordering::Acquire) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        if !self.enabled {
            return Ok(());
        }
        let payloads = self.encode(&batch);
        drop(batch);
        let mut outcome = Ok(());
        for payload in payloads {
            let spans = payload.spans;
            let parcel = Parcel {
                body: payload.body,
                chunks: payload.chunks,
                content_type: Json::CONTENT_TYPE,
            };
            let reply = self.delivery.send(parcel).await.unwrap_or(Err(SendError::Closed));
            if let Err(error) = reply {
                outcome = Err(sdk_error(error, spans));
            }
        }
        outcome
    }

    /// Every export has its answer when it returns, so nothing is left to flush.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        if self.is_shut_down.swap(true, Ordering::AcqRel) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        if self.delivery.close(timeout) { Ok(()) } else { Err(OTelSdkError::Timeout(timeout)) }
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.facts = ResourceFacts::new::<SpanWriter<'_, Json>>(resource, &self.options);
    }
}

impl Drop for DatadogExporter {
    fn drop(&mut self) {
        if !self.is_shut_down.load(Ordering::Acquire) {
            self.delivery.close(DROP_TIMEOUT);
        }
    }
}

impl Notices {
    /// Counts the spans that could not be sent, and says once what is odd about the spans.
    fn of_batch(&self, batch: &[SpanData], hook_panicked: bool) {
        let skipped = batch.iter().filter(|span| !traces::is_sendable(span)).count() as u64;
        if skipped > 0 && self.skipped.fetch_add(skipped, Ordering::Relaxed) == 0 {
            otel_warn!(
                name: "DatadogExporter.SpansSkipped",
                spans = skipped,
                message = "the Agent takes no span whose span id or low half of the trace id is zero"
            );
        }
        if hook_panicked && !self.hook_panicked.swap(true, Ordering::Relaxed) {
            otel_warn!(
                name: "DatadogExporter.NamesHookPanicked",
                message = "the function of `with_names` panicked: those spans keep the names of the mapping"
            );
        }
        let equal = || batch.iter().any(traces::has_equal_ids);
        if !self.equal_ids.load(Ordering::Relaxed)
            && equal()
            && !self.equal_ids.swap(true, Ordering::Relaxed)
        {
            otel_warn!(
                name: "DatadogExporter.EqualIds",
                message = "a span id equals the low half of its trace id: sent, though Datadog documents that they differ"
            );
        }
    }
}

/// Says why spans were not delivered, in the terms of the SDK.
fn sdk_error(error: SendError, spans: u32) -> OTelSdkError {
    match error {
        SendError::TimedOut(limit) => OTelSdkError::Timeout(limit),
        SendError::Closed => OTelSdkError::AlreadyShutdown,
        error => OTelSdkError::InternalFailure(format!("{spans} spans not delivered: {error}")),
    }
}
