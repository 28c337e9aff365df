//! [`DatadogExporter`]: group, map, encode, send; nothing else.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::{otel_debug, otel_info, otel_warn};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

use crate::BuildError;
use crate::builder::DatadogExporterBuilder;
use crate::config::Settings;
use crate::datadog::ids::has_equal_ids;
use crate::delivery::{Delivery, ExporterHandle, Identity};
use crate::encoding::{Json, MessagePack, Payload, Payloads, Prepared, SpanWriter, Wire, WireKind};
use crate::guard::{self, HookScope};
use crate::kept::Kept;
use crate::mapping::{self, NamesHook, Options, Place, ResourceFacts, Scratch};
use crate::traces::Grouping;

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
    facts: Facts,
    encoders: Encoders,
    /// `None` if the exporter is switched off.
    delivery: Option<Delivery>,
    is_shut_down: AtomicBool,
    /// Settings and warnings, until somebody can hear them.
    settings: Arc<Kept<SettingsLines>>,
    notices: Notices,
}

/// The facts of the resource, prepared for each wire.
struct Facts {
    json: ResourceFacts<Prepared>,
    message_pack: ResourceFacts<Prepared>,
}

/// Encoders at rest. An export takes one out: no lock is held while the hook of the user runs, which may export
/// through this exporter again.
struct Encoders {
    idle: Mutex<Vec<Encoder>>,
    payload_bytes: usize,
}

/// The most encoders at rest. The SDK's processors need one; more threads at once share the exporter by hand.
const MAX_IDLE: usize = 4;

/// Buffers that one batch after the other reuses.
struct Encoder {
    /// The wire that the scratch space was used for.
    wire: WireKind,
    grouping: Grouping,
    scratch: Scratch<Prepared>,
    payloads: Payloads,
}

/// Why spans keep the names of the mapping although there is a hook.
#[derive(Clone, Copy, Debug)]
enum HookFault {
    /// It panicked.
    Panicked,
    /// They were exported from within a hook.
    Nested,
}

/// The oddities of a batch.
struct Oddities {
    fault: Option<HookFault>,
    /// An attribute of a scope that had no room among the tags.
    left_out: Option<String>,
}

/// Lines that are said once for each exporter.
#[derive(Debug, Default)]
struct Notices {
    left_out: AtomicBool,
    skipped: AtomicBool,
    equal_ids: AtomicBool,
    hook_panicked: AtomicBool,
    hook_nested: AtomicBool,
    late: AtomicBool,
}

/// The settings of an exporter as they are said.
#[derive(Debug)]
pub(crate) struct SettingsLines {
    warnings: Vec<String>,
    not_followed: String,
    agent: String,
    protocol: String,
    timeout: String,
    buffer_bytes: usize,
    payload_bytes: usize,
    enabled: bool,
    options: String,
}

impl DatadogExporter {
    /// Starts a builder. It reads nothing until [`DatadogExporterBuilder::build`].
    pub fn builder() -> DatadogExporterBuilder {
        DatadogExporterBuilder::default()
    }

    pub(crate) fn start(settings: Settings) -> Result<Self, BuildError> {
        let payload_bytes = settings.delivery.payload_bytes;
        let lines = Arc::new(Kept::new(SettingsLines::of(&settings)));
        let delivery =
            if settings.enabled { Some(Delivery::start(settings.delivery)?) } else { None };
        let no_resource = Resource::builder_empty().build();
        let exporter = Self {
            facts: Facts::of(&no_resource, &settings.options),
            options: settings.options,
            encoders: Encoders { idle: Mutex::default(), payload_bytes },
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

    /// Turns a batch into payloads, the first in the memory of `spare`. Says too what is odd about it.
    fn encode(
        &self,
        batch: &[SpanData],
        wire: WireKind,
        spare: Option<Payload>,
    ) -> (Vec<Payload>, Oddities) {
        let mut encoder = self.encoders.take();
        encoder.payloads.start(spare);
        let scope = self.options.names.as_ref().map(|_| HookScope::begin());
        let hook = self.options.names.as_ref().filter(|_| matches!(scope, Some(Some(_))));
        let Facts { json, message_pack } = &self.facts;
        let hook_panicked = match wire {
            WireKind::Json => self.encode_as::<Json>(batch, json, hook, &mut encoder),
            WireKind::MessagePack => {
                self.encode_as::<MessagePack>(batch, message_pack, hook, &mut encoder)
            }
        };
        let fault = match scope {
            Some(None) => Some(HookFault::Nested),
            _ => hook_panicked.then_some(HookFault::Panicked),
        };
        let payloads = encoder.payloads.finish();
        let left_out = encoder.scratch.take_left_out();
        self.encoders.put(encoder);
        (payloads, Oddities { fault, left_out })
    }

    /// Returns the bodies of a batch's requests without sending them, each with its content type and its
    /// number of traces.
    #[cfg(fuzzing)]
    pub(crate) fn bodies(&self, batch: &[SpanData]) -> Vec<(&'static str, u32, Vec<u8>)> {
        let delivery = self.delivery.as_ref().expect("it is on");
        let (payloads, _) = self.encode(batch, delivery.form().wire, None);
        payloads.into_iter().map(|payload| delivery.form().body(payload)).collect()
    }

    /// Writes the traces of a batch; says whether the hook panicked.
    fn encode_as<W: Wire>(
        &self,
        batch: &[SpanData],
        facts: &ResourceFacts<Prepared>,
        hook: Option<&NamesHook>,
        encoder: &mut Encoder,
    ) -> bool {
        let Encoder { wire, grouping, scratch, payloads } = encoder;
        if *wire != W::KIND {
            // It holds tags in the other wire.
            (*wire, *scratch) = (W::KIND, Scratch::default());
        }
        let mut hook_panicked = false;
        for trace in grouping.traces(batch) {
            let root = trace.spans[trace.agents_root];
            payloads.trace::<W, _>(trace.spans, |number, is_head, writer, chunk| {
                let place = if is_head { Place::Head } else { Place::Later };
                let span = &batch[*number as usize];
                let mapped = mapping::map(span, place, facts, &self.options, hook, scratch, writer);
                chunk.say(mapped.env, mapped.version, *number == root);
                hook_panicked |= mapped.hook_panicked;
            });
        }
        hook_panicked
    }
}

impl Encoders {
    fn take(&self) -> Encoder {
        self.lock().pop().unwrap_or_else(|| Encoder {
            wire: WireKind::default(),
            grouping: Grouping::default(),
            scratch: Scratch::default(),
            payloads: Payloads::new(self.payload_bytes),
        })
    }

    fn put(&self, mut encoder: Encoder) {
        encoder.grouping.shrink();
        encoder.scratch.shrink();
        let mut idle = self.lock();
        if idle.len() < MAX_IDLE {
            idle.push(encoder);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Encoder>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
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
        let wire = delivery.wire().await;
        let (payloads, odd) = self.encode(&batch, wire, delivery.spare());
        let sent: u64 = payloads.iter().map(|payload| u64::from(payload.span_count())).sum();
        let skipped = batch.len() as u64 - sent;
        delivery.skip(skipped);
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

impl SettingsLines {
    fn of(settings: &Settings) -> Self {
        let Settings { delivery, .. } = settings;
        Self {
            warnings: settings.warnings.clone(),
            not_followed: settings.not_followed.join(", "),
            agent: delivery.addresses.to_string(),
            protocol: format!("{:?}", delivery.protocol).to_lowercase(),
            timeout: format!("{:?}", delivery.timeout),
            buffer_bytes: delivery.buffer_bytes,
            payload_bytes: delivery.payload_bytes,
            enabled: settings.enabled,
            options: format!("{:?}", settings.options),
        }
    }

    /// Says the settings, the first time.
    fn say_once(kept: &Kept<Self>) {
        if let Some(lines) = kept.take() {
            guard::say(|| lines.say());
        }
    }

    fn say(&self) {
        for warning in &self.warnings {
            otel_warn!(name: "DatadogExporter.BadVariable", message = warning.as_str());
        }
        if !self.not_followed.is_empty() {
            otel_info!(
                name: "DatadogExporter.NotFollowed",
                variables = self.not_followed.as_str(),
                message = "these variables are set and mean nothing to this exporter"
            );
        }
        if !self.enabled {
            otel_info!(
                name: "DatadogExporter.Disabled",
                message = "`DD_TRACE_ENABLED` is false: this exporter discards every span"
            );
        }
        otel_debug!(
            name: "DatadogExporter.Built",
            agent = self.agent.as_str(),
            protocol = self.protocol.as_str(),
            timeout = self.timeout.as_str(),
            buffer_bytes = self.buffer_bytes,
            payload_bytes = self.payload_bytes,
            enabled = self.enabled,
            options = self.options.as_str()
        );
    }
}

impl Notices {
    /// Says once that spans came after the shutdown.
    fn of_late_batch(&self, spans: usize) {
        if spans > 0 && !self.late.swap(true, Ordering::Relaxed) {
            guard::say(|| {
                otel_warn!(
                    name: "DatadogExporter.AfterShutdown",
                    spans = spans,
                    message = "spans were exported after the shutdown: they are lost"
                );
            });
        }
    }

    /// Says once which tags of resource and scope are left out.
    fn of_shared_tags(&self, of_resource: &[String], of_scope: Option<String>) {
        if of_resource.is_empty() && of_scope.is_none() || self.left_out.load(Ordering::Relaxed) {
            return;
        }
        self.left_out.store(true, Ordering::Relaxed);
        let names = of_resource.iter().cloned().chain(of_scope).collect::<Vec<_>>().join(", ");
        guard::say(|| {
            otel_warn!(
                name: "DatadogExporter.TagsLeftOut",
                names = names.as_str(),
                message = "the attributes of resource and scope are larger than 64 KiB: no span gets these as tags"
            );
        });
    }

    /// Says once what is odd about the spans.
    fn of_batch(&self, batch: &[SpanData], skipped: u64, fault: Option<HookFault>) {
        let is_first = |said: &AtomicBool| !said.swap(true, Ordering::Relaxed);
        if skipped > 0 && is_first(&self.skipped) {
            guard::say(|| {
                otel_warn!(
                    name: "DatadogExporter.SpansSkipped",
                    spans = skipped,
                    message = "the Agent takes no span whose span id or low half of the trace id is zero"
                );
            });
        }
        match fault {
            Some(HookFault::Panicked) if is_first(&self.hook_panicked) => guard::say(|| {
                otel_warn!(
                    name: "DatadogExporter.NamesHookPanicked",
                    message = "the function of `with_names` panicked: those spans keep the names of the mapping"
                );
            }),
            Some(HookFault::Nested) if is_first(&self.hook_nested) => guard::say(|| {
                otel_warn!(
                    name: "DatadogExporter.NamesHookNested",
                    message = "spans were exported from within a function of `with_names`: they keep the names of the mapping"
                );
            }),
            _ => {}
        }
        let equal = || batch.iter().any(has_equal_ids);
        if !self.equal_ids.load(Ordering::Relaxed) && equal() && is_first(&self.equal_ids) {
            guard::say(|| {
                otel_warn!(
                    name: "DatadogExporter.EqualIds",
                    message = "a span id equals the low half of its trace id: sent, though Datadog documents that they differ"
                );
            });
        }
    }
}
