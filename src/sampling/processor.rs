//! [`DatadogSpanProcessor`]: who sees the spans of rejected traces. The SDK leaves that to its processors: the
//! simple one skips them, the batch processor (0.33.1) hands them to any exporter.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::SpanContext;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use super::subject;
use crate::datadog::sampling::priority_of;
use crate::datadog::state::State;
use crate::mapping::priority_attribute;

/// Hands spans of rejected traces to any processor, with their priority as a tag, so that the Agent counts
/// and drops them; or keeps them from one.
///
/// Put [`new`](Self::new) around the processor of a [`DatadogExporter`](crate::DatadogExporter), and
/// [`sampled_only`](Self::sampled_only) around those of other exporters: behind the SDK's batch processor
/// (0.33) they would get, and charge for, what was rejected. It sees recorded spans only: the sampler is a
/// [`DatadogSampler`](crate::DatadogSampler) with [`RejectedTraces::Recorded`](crate::RejectedTraces), or any
/// that says `RecordOnly`.
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use opentelemetry_datadog_agent::{
///     DatadogExporter, DatadogSampler, DatadogSpanProcessor, RejectedTraces,
/// };
/// use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider};
///
/// let exporter = DatadogExporter::builder().build()?;
/// let sampler = DatadogSampler::builder()
///     .with_rate(0.1)
///     .with_rejected_traces(RejectedTraces::Recorded)
///     .build()?;
/// let provider = SdkTracerProvider::builder()
///     .with_sampler(sampler)
///     .with_span_processor(DatadogSpanProcessor::new(BatchSpanProcessor::builder(exporter).build()))
///     .build();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DatadogSpanProcessor<P> {
    inner: P,
    sampled_only: bool,
}

impl<P: SpanProcessor> DatadogSpanProcessor<P> {
    /// Puts one around the processor of a [`DatadogExporter`](crate::DatadogExporter): it gets every span.
    pub fn new(inner: P) -> Self {
        Self { inner, sampled_only: false }
    }

    /// Puts one around the processor of another exporter: it gets the spans of kept traces, as they are.
    pub fn sampled_only(inner: P) -> Self {
        Self { inner, sampled_only: true }
    }
}

impl<P: SpanProcessor> SpanProcessor for DatadogSpanProcessor<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.inner.on_start(span, context);
    }

    fn on_end(&self, mut span: SpanData) {
        let context = &span.span_context;
        if !context.is_sampled() {
            if self.sampled_only {
                return;
            }
            let priority = priority_of(State::of(context));
            span.span_context = SpanContext::new(
                context.trace_id(),
                context.span_id(),
                context.trace_flags().with_sampled(true),
                context.is_remote(),
                context.trace_state().clone(),
            );
            // What the user says on the span, the exporter sees by itself.
            if !subject::has_priority(&span) {
                span.attributes.push(priority_attribute(priority));
            }
        }
        self.inner.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
