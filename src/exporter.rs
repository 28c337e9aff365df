//! [`DatadogExporter`]: group, map, encode, send; nothing else.

mod encoder;
mod lines;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use opentelemetry::otel_warn;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::BuildError;
use crate::builder::DatadogExporterBuilder;
use crate::config::Settings;
use crate::deferred::Deferred;
use crate::delivery::{Delivery, ExporterHandle, Identity};
use crate::encoding::{Json, MessagePack, Payload, Prepared, SpanWriter, Wire, WireKind};
use crate::guard::{self, HookScope};
use crate::mapping::{NamesHook, Obfuscation, Options, ResourceFacts, Scratch};
use crate::noting::Omitted;
use crate::sampling::SpanRules;
use crate::stats::{Concentrator, Rules};
use encoder::{Encoder, Encoders, Mapper, NotingWriter};
use lines::{HookFault, Notices, SettingsLines};

/// The longest time of a flush through the SDK's interface.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest time of dropping an exporter that was not shut down.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

/// Sends finished spans to the Datadog Agent. Goes into any tracer provider.
///
/// `export` fails with `AlreadyShutdown` after the shutdown, and with `InternalFailure` if the Agent refuses
/// spans for good while it waits, or in a child that was forked. Buffered spans are no error: their fate is in
/// [`ExporterStats`](crate::ExporterStats). `force_flush` waits 5 s at most.
///
/// The mapping of a span follows the Agent's own OTLP intake; the crate's documentation has a page with every rule.
///
/// Dropping it without a shutdown sends buffered spans for up to 2 s, and blocks the thread meanwhile. A process that
/// forks should build it after the fork: in the child an older one only fails.
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
#[must_use = "an exporter does nothing until a provider has it"]
pub struct DatadogExporter {
    options: Options,
    /// The rules for single spans of rejected traces, if there are any.
    span_rules: Option<Arc<SpanRules>>,
    facts: Facts,
    encoders: Encoders,
    /// `None` if the exporter is switched off.
    delivery: Option<Delivery>,
    is_shut_down: AtomicBool,
    /// Settings and warnings, until somebody can hear them.
    settings: Arc<Deferred<SettingsLines>>,
    notices: Notices,
}

/// The facts of the resource, prepared for each wire.
struct Facts {
    json: ResourceFacts<Prepared>,
    message_pack: ResourceFacts<Prepared>,
}

/// A batch as it is sent, and what was noticed on the way.
struct Encoded {
    payloads: Vec<Payload>,
    odd: Oddities,
    omitted: Omitted,
}

/// The oddities of a batch.
struct Oddities {
    fault: Option<HookFault>,
    /// An attribute of a scope that had no room among the tags.
    left_out: Option<String>,
}

impl DatadogExporter {
    /// Starts a builder. It reads nothing until [`DatadogExporterBuilder::build`].
    #[doc(alias = "new_pipeline")]
    #[doc(alias = "install_batch")]
    #[doc(alias = "install_simple")]
    pub fn builder() -> DatadogExporterBuilder {
        DatadogExporterBuilder::default()
    }

    pub(crate) fn start(
        settings: Settings,
        span_rules: Option<SpanRules>,
    ) -> Result<Self, BuildError> {
        let payload_bytes = settings.delivery.payload_bytes;
        let lines = Arc::new(Deferred::new(SettingsLines::of(&settings)));
        let span_rules = span_rules.map(Arc::new);
        let delivery =
            if settings.enabled { Some(Delivery::start(settings.delivery)?) } else { None };
        let no_resource = Resource::builder_empty().build();
        let exporter = Self {
            facts: Facts::of(&no_resource, &settings.options),
            options: settings.options,
            span_rules,
            encoders: Encoders::new(payload_bytes),
            delivery,
            is_shut_down: AtomicBool::new(false),
            settings: lines,
            notices: Notices::default(),
        };
        exporter.announce();
        Ok(exporter)
    }

    /// Returns a handle that flushes this exporter and tells its counters, wherever the exporter goes. If
    /// the exporter is switched off, there is nothing to flush and all counters are zero.
    pub fn handle(&self) -> ExporterHandle {
        let handle =
            self.delivery.as_ref().map_or_else(ExporterHandle::of_nothing, Delivery::handle);
        let settings = Arc::clone(&self.settings);
        handle.first(move || SettingsLines::say_once(&settings))
    }

    /// Tells delivery whose the spans are: the Agent's rates go by it.
    fn announce(&self) {
        if let Some(delivery) = &self.delivery {
            let (normalised, written, normalised_env) = self.facts.json.identity();
            let ResourceFacts { env, version, .. } = &self.facts.json;
            let [service, env, version] =
                [written, env.as_str(), version.as_str()].map(str::to_owned);
            let identity = Identity { service, env, version };
            delivery.belongs_to(normalised, &normalised_env, identity);
        }
    }

    /// Turns a batch into payloads, the first in the memory of `spare`.
    fn encode(
        &self,
        batch: &[SpanData],
        delivery: &Delivery,
        (wire, counting): (WireKind, Option<&Arc<Rules>>),
        spare: Option<Payload>,
    ) -> Encoded {
        let mut encoder = self.encoders.take();
        encoder.payloads.start(spare, counting.is_some());
        let takes_notes = counting.is_some() || self.span_rules.is_some();
        if takes_notes {
            encoder.notes.follow(counting, self.span_rules.as_ref());
        }
        let noting = takes_notes.then(|| delivery.concentrator());
        let scope = self.options.names.as_ref().map(|_| HookScope::begin());
        let hook = self.options.names.as_ref().filter(|_| matches!(scope, Some(Some(_))));
        let Facts { json, message_pack } = &self.facts;
        let hook_panicked = match wire {
            WireKind::Json => self.encode_as::<Json>(batch, json, hook, noting, &mut encoder),
            WireKind::MessagePack => {
                self.encode_as::<MessagePack>(batch, message_pack, hook, noting, &mut encoder)
            }
        };
        let fault = match scope {
            Some(None) => Some(HookFault::Nested),
            _ => hook_panicked.then_some(HookFault::Panicked),
        };
        let payloads = encoder.payloads.finish();
        let left_out = encoder.scratch.take_left_out();
        let omitted = if takes_notes { encoder.notes.omitted() } else { Omitted::default() };
        self.encoders.put(encoder);
        Encoded { payloads, odd: Oddities { fault, left_out }, omitted }
    }

    /// Returns the bodies of a batch's requests without sending them, each with its content type and its
    /// number of traces.
    #[cfg(fuzzing)]
    pub(crate) fn bodies(&self, batch: &[SpanData]) -> Vec<(&'static str, u32, Vec<u8>)> {
        let delivery = self.delivery.as_ref().expect("it is on");
        let encoded = self.encode(batch, delivery, (delivery.form().wire, None), None);
        encoded.payloads.into_iter().map(|payload| delivery.form().body(payload)).collect()
    }

    /// Writes the traces of a batch; says whether the hook panicked.
    fn encode_as<W: Wire>(
        &self,
        batch: &[SpanData],
        facts: &ResourceFacts<Prepared>,
        hook: Option<&NamesHook>,
        noting: Option<&Mutex<Concentrator>>,
        encoder: &mut Encoder,
    ) -> bool {
        let Encoder { wire, grouping, scratch, payloads, notes, stored } = encoder;
        if *wire != W::KIND {
            // It holds tags in the other wire.
            (*wire, *scratch) = (W::KIND, Scratch::default());
        }
        // Elsewhere the resource of a key has no literals: it is the one that is sent.
        let may_have_literals =
            self.options.obfuscation == Obfuscation::Agent || self.options.names.is_some();
        let mut mapper = Mapper {
            options: &self.options,
            batch,
            facts,
            hook,
            scratch,
            root: 0,
            hook_panicked: false,
        };
        for trace in grouping.traces(batch) {
            mapper.root = trace.spans[trace.agents_root];
            let Some(concentrator) = noting else {
                payloads.trace::<W, _>(trace.spans, |number, is_head, writer, facts| {
                    mapper.map(*number, is_head, writer, facts);
                });
                continue;
            };
            let stored = may_have_literals.then_some(&mut *stored);
            let (mapper, notes) = (&mut mapper, &mut *notes);
            let mut writer = NotingWriter { mapper, notes, stored, concentrator };
            payloads.trace_by::<W, _>(trace.spans, &mut writer);
        }
        mapper.hook_panicked
    }
}

impl Facts {
    fn of(resource: &Resource, options: &Options) -> Self {
        Self {
            json: ResourceFacts::new::<SpanWriter<'_, Json>>(resource, options),
            message_pack: ResourceFacts::new::<SpanWriter<'_, MessagePack>>(resource, options),
        }
    }
}

impl SpanExporter for DatadogExporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        if self.is_shut_down.load(Ordering::Acquire) {
            self.notices.of_late_batch(batch.len());
            return Err(OTelSdkError::AlreadyShutdown);
        }
        SettingsLines::say_once(&self.settings);
        let Some(delivery) = &self.delivery else { return Ok(()) };
        delivery.check_process()?;
        let begin = Instant::now();
        let (wire, counting) = delivery.form_and_counting().await;
        let Encoded { payloads, odd, omitted } =
            self.encode(&batch, delivery, (wire, counting.as_ref()), delivery.spare());
        let sent: u64 = payloads.iter().map(|payload| u64::from(payload.span_count())).sum();
        let skipped = batch.len() as u64 - sent - omitted.spans;
        delivery.skip(skipped);
        if counting.is_some() {
            delivery.omit(omitted.spans, omitted.p0s);
            delivery.look_at_stats();
        }
        self.notices.of_batch(&batch, skipped, odd.fault);
        self.notices.of_shared_tags(&self.facts.json.left_out, odd.left_out);
        drop(batch);
        delivery.export(payloads, begin).await
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.handle().flush(FLUSH_TIMEOUT)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        if self.is_shut_down.swap(true, Ordering::AcqRel) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        SettingsLines::say_once(&self.settings);
        let outcome = self.delivery.as_ref().map_or(Ok(()), |delivery| delivery.shutdown(timeout));
        // The SDK's batch processor throws the result away.
        if let Err(OTelSdkError::InternalFailure(cause)) = &outcome {
            guard::say(|| {
                otel_warn!(
                    name: "DatadogExporter.SpansLost",
                    cause = cause.as_str(),
                    message = "the exporter ended before the Agent had taken all spans"
                );
            });
        }
        outcome
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.facts = Facts::of(resource, &self.options);
        self.announce();
    }
}

/// Shows settings and counters, no tags.
impl fmt::Debug for DatadogExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatadogExporter")
            .field("options", &self.options)
            .field("delivery", &self.delivery.as_ref().map(Delivery::handle))
            .finish_non_exhaustive()
    }
}

impl Drop for DatadogExporter {
    fn drop(&mut self) {
        // Nobody is left who could be given an error; a line says it.
        let _ = self.shutdown_with_timeout(DROP_TIMEOUT);
    }
}
