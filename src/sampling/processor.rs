//! [`ForwardRejected`] and [`SampledOnly`]: two processors for the spans of rejected traces. The SDK leaves that to its
//! processors: the simple one skips them, the batch processor (0.33.1) hands them to any exporter.

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
/// and drops them.
///
/// It goes around the processor of a [`DatadogExporter`](crate::DatadogExporter). It sees recorded spans only: the
/// sampler is a [`DatadogSampler`](crate::DatadogSampler) with
/// [`RejectedTraces::Recorded`](crate::RejectedTraces), or any that says `RecordOnly`. Around the processors of other
/// exporters goes [`SampledOnly`].
///
/// # Examples
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use opentelemetry_datadog_agent::{
///     DatadogExporter, DatadogSampler, ForwardRejected, RejectedTraces,
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
///     .with_span_processor(ForwardRejected::new(BatchSpanProcessor::builder(exporter).build()))
///     .build();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "it does nothing until a tracer provider has it"]
#[doc(alias = "DatadogSpanProcessor")]
pub struct ForwardRejected<P>(P);

impl<P: SpanProcessor> ForwardRejected<P> {
    /// Puts one around the processor of a [`DatadogExporter`](crate::DatadogExporter): it gets every span.
    pub fn new(inner: P) -> Self {
        Self(inner)
    }
}

/// Keeps spans of rejected traces from the processor of another exporter, which gets those of kept traces as they are.
///
/// Behind the SDK's batch processor (0.33) another exporter would get, and charge for, what was rejected and recorded.
#[derive(Debug)]
#[must_use = "it does nothing until a tracer provider has it"]
pub struct SampledOnly<P>(P);

impl<P: SpanProcessor> SampledOnly<P> {
    /// Puts one around a processor.
    pub fn new(inner: P) -> Self {
        Self(inner)
    }
}

/// Passes everything but the end of a span on to the inner processor.
macro_rules! pass_on {
    () => {
        fn on_start(&self, span: &mut Span, context: &Context) {
            self.0.on_start(span, context);
        }

        fn force_flush(&self) -> OTelSdkResult {
            self.0.force_flush()
        }

        fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
            self.0.shutdown_with_timeout(timeout)
        }

        fn set_resource(&mut self, resource: &Resource) {
            self.0.set_resource(resource);
        }
    };
}

impl<P: SpanProcessor> SpanProcessor for ForwardRejected<P> {
    pass_on!();

    fn on_end(&self, mut span: SpanData) {
        let context = &span.span_context;
        if !context.is_sampled() {
            let priority = priority_of(State::of(context));
            span.span_context = SpanContext::new(
                context.trace_id(),
                context.span_id(),
                context.trace_flags().with_sampled(true),
                context.is_remote(),
                context.trace_state().clone(),
            );
            // The exporter itself reads a priority that the user set on the span.
            if !subject::has_priority(&span) {
                span.attributes.push(priority_attribute(priority));
            }
        }
        self.0.on_end(span);
    }
}

impl<P: SpanProcessor> SpanProcessor for SampledOnly<P> {
    pass_on!();

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.0.on_end(span);
        }
    }
}
