//! Facts of a caller's context that do not fit into a trace state: a propagation error, the contexts that were not
//! continued, and an open decision about sampling.
//!
//! They travel in the [`Context`] that was extracted, and apply to the span that is started from it. The processor
//! also writes the caller's baggage, as far as somebody asked for it.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{Link, Span as _, SpanContext, TraceContextExt as _, TraceState};
use opentelemetry::{Context, KeyValue, SpanId, TraceFlags, TraceId, otel_warn};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::PropagationStyle;
use super::context::{PropagationError, TraceContext};
use super::settings::baggage_keys;
use crate::deferred::Deferred;

/// The tag with the propagation error.
pub(super) const ERROR_KEY: &str = "_dd.propagation_error";
/// Why a context is a link: another style named another trace first.
pub(super) const TERMINATED: &str = "terminated_context";
/// Why a context is a link: the configuration wants a new trace.
pub(super) const RESTARTED: &str = "propagation_behavior_extract";

/// Facts that the trace state cannot hold.
#[derive(Clone, Debug)]
pub(super) struct Inbound {
    /// The parent of the span that is meant; zero if a new trace begins.
    pub(super) trace_id: TraceId,
    /// See `trace_id`.
    pub(super) span_id: SpanId,
    /// True if nobody has decided about sampling.
    pub(super) is_open: bool,
    /// The error of reading, if there was one.
    pub(super) error: Option<PropagationError>,
    /// The contexts that were not continued.
    pub(super) links: Vec<Link>,
}

impl Inbound {
    /// Returns one that says nothing yet, for spans that are started under `parent`.
    pub(super) fn beside(parent: &SpanContext) -> Self {
        Self {
            trace_id: parent.trace_id(),
            span_id: parent.span_id(),
            is_open: false,
            error: None,
            links: Vec::new(),
        }
    }

    /// Returns what came with the caller's context, as long as no span of ours stands before it.
    pub(super) fn of(cx: &Context) -> Option<&Self> {
        let span = cx.span();
        let parent = span.span_context();
        cx.get::<Self>().filter(|inbound| {
            inbound.trace_id == parent.trace_id() && inbound.span_id == parent.span_id()
        })
    }

    /// Returns true if there is a fact to keep.
    pub(super) fn says_something(&self) -> bool {
        self.is_open || self.error.is_some() || !self.links.is_empty()
    }
}

/// Returns the link to a context that is not continued.
pub(super) fn link(
    context: &TraceContext<'_>,
    style: PropagationStyle,
    reason: &'static str,
) -> Link {
    let flags = TraceFlags::default().with_sampled(context.is_sampled());
    let linked = SpanContext::new(context.trace_id, context.span_id, flags, true, TraceState::NONE);
    let attributes =
        vec![KeyValue::new("reason", reason), KeyValue::new("context_headers", style.name())];
    Link::new(linked, attributes, 0)
}

/// The prefix of a tag that holds baggage; the key follows.
const BAGGAGE_PREFIX: &str = "baggage.";
/// The key that stands for all.
const ALL: &str = "*";

/// Puts onto the first span of a service what its caller's headers say beside the trace: links to
/// contexts that were not continued, `_dd.propagation_error`, and baggage as tags if somebody asks for it.
///
/// Optional, for a provider whose propagator is a [`DatadogPropagator`](super::DatadogPropagator). Without
/// it the trace is the same; these are missing.
///
/// # Examples
///
/// ```
/// use opentelemetry_datadog_agent::PropagationSpanProcessor;
/// use opentelemetry_sdk::trace::SdkTracerProvider;
///
/// let provider =
///     SdkTracerProvider::builder().with_span_processor(PropagationSpanProcessor::from_env()).build();
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a processor does nothing until a provider has it"]
pub struct PropagationSpanProcessor {
    /// The keys of baggage that become tags.
    baggage: Vec<String>,
    /// Warnings about variables, until somebody can hear them.
    warnings: Arc<Deferred<Vec<String>>>,
}

impl PropagationSpanProcessor {
    /// Returns a processor without baggage tags. Reads no variable.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a processor with the baggage tags of `DD_TRACE_BAGGAGE_TAG_KEYS`. A bad variable is one warning, at the
    /// first use.
    pub fn from_env() -> Self {
        let (baggage, warnings) = baggage_keys();
        Self { baggage, warnings: Arc::new(Deferred::new(warnings)) }
    }

    /// Sets the keys of baggage that become tags of the first span of this service, `baggage.<key>`. Keys are
    /// case-sensitive, and `*` stands for all. An empty list switches it off, whatever the variable says.
    ///
    /// Otherwise, with [`from_env`](Self::from_env), `DD_TRACE_BAGGAGE_TAG_KEYS`, a list with commas; else none. Datadog's tracers write `user.id`,
    /// `session.id` and `account.id` unless they are told not to; here personal data is sent when somebody asks.
    ///
    /// # Examples
    ///
    /// ```
    /// use opentelemetry_datadog_agent::PropagationSpanProcessor;
    ///
    /// let processor = PropagationSpanProcessor::new().with_baggage_tags(["user.id", "tenant"]);
    /// ```
    #[doc(alias = "set_trace_baggage_tag_keys")]
    pub fn with_baggage_tags<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.baggage = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Says what was wrong in the environment, at the first use.
    fn say_warnings(&self) {
        self.warnings.say_each(|warning| {
            otel_warn!(name: "DatadogPropagator.BadVariable", message = warning);
        });
    }

    /// Writes the baggage that was asked for onto a local root.
    fn write_baggage(&self, span: &mut Span, cx: &Context) {
        let parent = cx.span();
        let parent = parent.span_context();
        if self.baggage.is_empty() || (parent.is_valid() && !parent.is_remote()) {
            return;
        }
        for (key, (value, _)) in cx.baggage() {
            let is_wanted = |wanted: &String| wanted == ALL || wanted == key.as_str();
            if self.baggage.iter().any(is_wanted) {
                span.set_attribute(KeyValue::new(format!("{BAGGAGE_PREFIX}{key}"), value.clone()));
            }
        }
    }
}

impl SpanProcessor for PropagationSpanProcessor {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.say_warnings();
        self.write_baggage(span, cx);
        let Some(inbound) = Inbound::of(cx) else { return };
        if let Some(error) = &inbound.error {
            span.set_attribute(KeyValue::new(ERROR_KEY, error.clone()));
        }
        for link in &inbound.links {
            span.add_link(link.span_context.clone(), link.attributes.clone());
        }
    }

    fn on_end(&self, _span: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}
