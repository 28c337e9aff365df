//! The lines that an exporter says once: its settings, and what is odd about its spans.

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::{otel_debug, otel_info, otel_warn};
use opentelemetry_sdk::trace::SpanData;

use crate::config::Settings;
use crate::datadog::ids::has_equal_ids;
use crate::deferred::Deferred;
use crate::guard;

/// Why spans keep the names of the mapping although there is a hook.
#[derive(Clone, Copy, Debug)]
pub(super) enum HookFault {
    /// It panicked.
    Panicked,
    /// They were exported from within a hook.
    Nested,
}

/// Lines that are said once for each exporter.
#[derive(Debug, Default)]
pub(super) struct Notices {
    left_out: AtomicBool,
    skipped: AtomicBool,
    equal_ids: AtomicBool,
    hook_panicked: AtomicBool,
    hook_nested: AtomicBool,
    late: AtomicBool,
}

/// The settings of an exporter as they are said.
#[derive(Debug)]
pub(super) struct SettingsLines {
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

impl SettingsLines {
    pub(super) fn of(settings: &Settings) -> Self {
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
    pub(super) fn say_once(kept: &Deferred<Self>) {
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
    pub(super) fn of_late_batch(&self, spans: usize) {
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
    pub(super) fn of_shared_tags(&self, of_resource: &[String], of_scope: Option<String>) {
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
    pub(super) fn of_batch(&self, batch: &[SpanData], skipped: u64, fault: Option<HookFault>) {
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
