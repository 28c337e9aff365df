//! One trace across services: reads what callers send, writes what the next service reads.
//!
//! | file | what |
//! |---|---|
//! | `context.rs` | the trace context, from and to that of OpenTelemetry |
//! | `datadog.rs`, `tags.rs` | the five `x-datadog-*` headers |
//! | `w3c.rs`, `member.rs` | `traceparent`, and `tracestate` with its `dd` |
//! | `inbound.rs` | what the trace state cannot hold, and the processor that puts it onto spans |
//! | `settings.rs` | code over variables over defaults |
//! | `log.rs` | ids for log lines |
//! | `sql.rs` | the trace in a comment before a statement |
//!
//! Priority, origin, tags and last parent travel in the trace state of OpenTelemetry, under `dd`: the SDK
//! hands it from span to span and to the exporter, samplers keep it, and the stock W3C propagator passes it
//! on. So nothing is shared between propagator and exporter, and each works without the other. Nothing a
//! caller sends is an error: what cannot be read is left out, and the rest counts.
//!
//! Baggage is the SDK's: put its `BaggagePropagator` beside this one.

mod builder;
mod context;
mod datadog;
mod inbound;
#[cfg(feature = "json-logs")]
mod json_log;
mod log;
mod member;
mod settings;
mod sql;
mod tags;
#[cfg(test)]
mod tests;
mod w3c;

use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue, SpanId, otel_warn};

use crate::deferred::Deferred;
use crate::guard;
use context::TraceContext;
use inbound::{ERROR_KEY, Inbound, RESTARTED, TERMINATED, link};
pub(crate) use settings::PropagationSettings;

pub use builder::{DatadogPropagatorBuilder, ExtractBehavior, PropagationStyle};
pub use inbound::PropagationSpanProcessor;
#[cfg(feature = "json-logs")]
pub use json_log::JsonLogFormat;
pub use log::{LogCorrelation, LogFields};
pub(crate) use member::Member;
pub use sql::{SqlComment, SqlCommentMode};
pub(crate) use tags::MAX_HEADER as MAX_TAGS;

/// The most bytes of a caller's text in a warning.
const MAX_SHOWN: usize = 64;

/// Returns true if there is a caller's context, but nobody has decided about sampling.
pub(crate) fn is_open(cx: &Context) -> bool {
    Inbound::of(cx).is_some_and(|inbound| inbound.is_open)
}

/// Reads and writes Datadog's headers and those of W3C: one trace across services of both worlds.
///
/// Reads `x-datadog-*`, then `traceparent` with `tracestate`; writes both. Under any sampler and any
/// exporter; [`DatadogExporter`](crate::DatadogExporter) sends what the caller said (priority, origin, tags)
/// with the spans.
///
/// A caller that has not decided about sampling leaves it to this service: its trace counts as sampled, unless
/// the sampler here says otherwise.
///
/// Sources: the headers as Datadog's tracers write them (`DataDog/dd-trace-go`, `ddtrace/tracer/textmap.go`;
/// the tests of `DataDog/system-tests`), and W3C Trace Context.
///
/// # Limits
///
/// The caller's facts share the room of a trace state: 256 bytes for priority, origin and tags together, in printable
/// ASCII. A tag that does not fit is not passed on.
///
/// # Examples
///
/// ```
/// use opentelemetry::global;
/// use opentelemetry::propagation::TextMapCompositePropagator;
/// use opentelemetry_datadog_agent::DatadogPropagator;
/// use opentelemetry_sdk::propagation::BaggagePropagator;
///
/// global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
///     Box::new(DatadogPropagator::builder().build()),
///     Box::new(BaggagePropagator::new()),
/// ]));
/// ```
#[derive(Debug)]
#[must_use = "a propagator does nothing until it is installed"]
pub struct DatadogPropagator {
    settings: PropagationSettings,
    /// Every header that is written.
    fields: Vec<String>,
    /// Warnings about variables, until somebody can hear them.
    warnings: Deferred<Vec<String>>,
    /// True if a warning about broken headers was logged.
    has_warned: AtomicBool,
}

impl DatadogPropagator {
    /// Returns one with Datadog's defaults. It reads no variable; [`builder`](Self::builder) does.
    pub fn new() -> Self {
        Self::with_settings(PropagationSettings::default(), Vec::new())
    }

    /// Starts a builder. It reads nothing until [`DatadogPropagatorBuilder::build`].
    pub fn builder() -> DatadogPropagatorBuilder {
        DatadogPropagatorBuilder::default()
    }

    fn with_settings(settings: PropagationSettings, warnings: Vec<String>) -> Self {
        let headers = settings.inject.iter().flat_map(|style| style.headers());
        let fields = headers.map(|header| (*header).to_owned()).collect();
        let (warnings, has_warned) = (Deferred::new(warnings), AtomicBool::new(false));
        Self { settings, fields, warnings, has_warned }
    }

    /// Says what was wrong in the environment, at the first use.
    fn say_warnings(&self) {
        self.warnings.say_each(|warning| {
            otel_warn!(name: "DatadogPropagator.BadVariable", message = warning);
        });
    }

    /// Reads one style.
    fn read<'e>(
        &self,
        style: PropagationStyle,
        extractor: &'e dyn Extractor,
    ) -> Option<Result<TraceContext<'e>, Broken>> {
        match style {
            PropagationStyle::Datadog => datadog::read(extractor, self.settings.tags_max_length),
            PropagationStyle::TraceContext => w3c::read(extractor),
        }
    }

    /// Reads every style in order: the first context counts, later ones complete it or become links.
    fn read_all<'e>(&self, extractor: &'e dyn Extractor) -> Option<Found<'e>> {
        let mut found: Option<Found<'e>> = None;
        let mut broken = None;
        for style in &self.settings.extract {
            let context = match self.read(*style, extractor) {
                Some(Ok(context)) => context,
                Some(Err(cause)) => {
                    broken = Some(cause);
                    continue;
                }
                None => continue,
            };
            match &mut found {
                None => found = Some(Found { context, style: *style, links: Vec::new() }),
                Some(found) => found.add(context, *style),
            }
            if self.settings.extract_first {
                break;
            }
        }
        match broken {
            Some(cause) if found.is_none() => self.warn(&cause),
            _ => {}
        }
        found
    }

    /// Says once what kept a trace from being continued.
    fn warn(&self, broken: &Broken) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            let Broken { header, value, expected } = broken;
            guard::catch(|| {
                otel_warn!(
                    name: "DatadogPropagator.BrokenHeaders",
                    message = format!("a new trace begins: cannot read `{header}` = {value:?}: expected {expected}")
                );
            });
        }
    }

    /// Writes every style; says what could not be written.
    fn write(
        &self,
        context: &TraceContext<'_>,
        injector: &mut dyn Injector,
    ) -> Option<context::PropagationError> {
        let mut error = None;
        if context.span_id == SpanId::INVALID {
            return error;
        }
        injector.reserve(self.fields.len());
        for style in &self.settings.inject {
            match style {
                PropagationStyle::Datadog => {
                    error = datadog::write(context, injector, self.settings.tags_max_length);
                }
                PropagationStyle::TraceContext => w3c::write(context, injector),
            }
        }
        error
    }
}

impl Default for DatadogPropagator {
    fn default() -> Self {
        Self::new()
    }
}

impl TextMapPropagator for DatadogPropagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        self.say_warnings();
        let span = cx.span();
        let parent = span.span_context();
        if !parent.is_valid() {
            return;
        }
        let is_open = parent.is_remote() && is_open(cx);
        if let Some(error) = self.write(&TraceContext::of(parent, is_open), injector) {
            span.set_attribute(KeyValue::new(ERROR_KEY, error));
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        self.say_warnings();
        let behavior = self.settings.behavior;
        if behavior == ExtractBehavior::Ignore {
            return cx.clone();
        }
        let Some(found) = self.read_all(extractor) else { return cx.clone() };
        if behavior == ExtractBehavior::Restart {
            let links = vec![link(&found.context, found.style, RESTARTED)];
            return cx.with_value(Inbound { links, ..Inbound::beside(cx.span().span_context()) });
        }
        let Found { mut context, links, .. } = found;
        let (is_open, error) = (context.priority.is_none(), context.error.take());
        let parent = context.into_span_context();
        let inbound = Inbound { is_open, error, links, ..Inbound::beside(&parent) };
        let cx = cx.with_remote_span_context(parent);
        if inbound.says_something() { cx.with_value(inbound) } else { cx }
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}

/// The trace context of all styles together.
struct Found<'e> {
    context: TraceContext<'e>,
    /// The style that said it first.
    style: PropagationStyle,
    links: Vec<opentelemetry::trace::Link>,
}

impl<'e> Found<'e> {
    /// Takes in what a later style says.
    fn add(&mut self, later: TraceContext<'e>, style: PropagationStyle) {
        if !self.context.is_same_trace(&later) {
            self.links.push(link(&later, style, TERMINATED));
        } else if style == PropagationStyle::TraceContext {
            self.context.join(later);
        }
    }
}

/// Why the headers of a style cannot be read.
#[derive(Debug)]
struct Broken {
    header: &'static str,
    /// As much of it as is shown.
    value: String,
    expected: &'static str,
}

impl Broken {
    fn new(header: &'static str, value: &str, expected: &'static str) -> Self {
        Self { header, value: value.chars().take(MAX_SHOWN).collect(), expected }
    }
}
