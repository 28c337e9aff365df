//! What came with a caller's context and does not fit into a trace state: a propagation error, the
//! contexts that were not continued, and that nobody has decided about sampling.
//!
//! It travels in the [`Context`] that was extracted, and means the span that is started from it.

use std::time::Duration;

use opentelemetry::trace::{Link, Span as _, SpanContext, TraceContextExt as _, TraceState};
use opentelemetry::{Context, KeyValue, SpanId, TraceFlags, TraceId};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::PropagationStyle;
use super::context::{PropagationError, TraceContext};

/// The tag with what went wrong.
pub(super) const ERROR_KEY: &str = "_dd.propagation_error";
/// Why a context is a link: another style named another trace first.
pub(super) const TERMINATED: &str = "terminated_context";
/// Why a context is a link: the configuration wants a new trace.
pub(super) const RESTARTED: &str = "propagation_behavior_extract";

/// What the trace state cannot hold.
#[derive(Clone, Debug)]
pub(super) struct Inbound {
    /// The parent of the span that is meant; zero if a new trace begins.
    pub(super) trace_id: TraceId,
    /// See `trace_id`.
    pub(super) span_id: SpanId,
    /// Whether nobody has decided about sampling.
    pub(super) is_open: bool,
    /// What could not be read.
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

    /// Whether it is worth keeping.
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

/// Puts onto the first span of a service what its caller's headers say beside the trace: links to
/// contexts that were not continued, and `_dd.propagation_error`.
///
/// Optional, for a provider whose propagator is a [`DatadogPropagator`](super::DatadogPropagator). Without
/// it the trace is the same; these two are missing.
///
/// # Examples
///
/// ```
/// use opentelemetry_datadog_agent::PropagationSpanProcessor;
/// use opentelemetry_sdk::trace::SdkTracerProvider;
///
/// let provider =
///     SdkTracerProvider::builder().with_span_processor(PropagationSpanProcessor::new()).build();
/// ```
#[derive(Clone, Debug, Default)]
pub struct PropagationSpanProcessor(());

impl PropagationSpanProcessor {
    /// Returns a processor. It has nothing to configure and keeps nothing.
    pub fn new() -> Self {
        Self(())
    }
}

impl SpanProcessor for PropagationSpanProcessor {
    fn on_start(&self, span: &mut Span, cx: &Context) {
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
