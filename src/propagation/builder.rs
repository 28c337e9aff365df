//! [`DatadogPropagatorBuilder`], and what it chooses from. Not here: what counts if nothing is chosen
//! (`settings.rs`).

use std::str::FromStr;

use super::{DatadogPropagator, PropagationSettings, datadog, w3c};
use crate::BuildError;

/// A way to write the trace context into headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PropagationStyle {
    /// `x-datadog-trace-id`, `-parent-id`, `-sampling-priority`, `-origin` and `-tags`.
    Datadog,
    /// W3C: `traceparent`, and `tracestate` with Datadog's member `dd`.
    TraceContext,
}

impl PropagationStyle {
    /// Returns the name that variables and links use.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Datadog => "datadog",
            Self::TraceContext => "tracecontext",
        }
    }

    /// Returns every header of the style.
    pub(super) fn headers(self) -> &'static [&'static str] {
        match self {
            Self::Datadog => datadog::HEADERS,
            Self::TraceContext => w3c::HEADERS,
        }
    }
}

/// Reads a name of the variables, in any case: `datadog` or `tracecontext`.
///
/// # Errors
///
/// Fails for any other text.
impl FromStr for PropagationStyle {
    type Err = BuildError;

    fn from_str(text: &str) -> Result<Self, BuildError> {
        [Self::Datadog, Self::TraceContext]
            .into_iter()
            .find(|style| text.eq_ignore_ascii_case(style.name()))
            .ok_or_else(|| BuildError::setting("PropagationStyle", text, "datadog or tracecontext"))
    }
}

/// The treatment of a caller's context.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtractBehavior {
    /// The trace goes on.
    #[default]
    Continue,
    /// A new trace begins, with a link to the caller's, for services at a border of trust. The link needs
    /// [`PropagationSpanProcessor`](super::PropagationSpanProcessor). Baggage is kept, and so is a span of
    /// this process that is current already.
    Restart,
    /// A new trace begins, and the caller is forgotten. For its baggage too, leave the SDK's
    /// `BaggagePropagator` out.
    Ignore,
}

/// Builds a [`DatadogPropagator`].
#[derive(Clone, Debug, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct DatadogPropagatorBuilder {
    pub(crate) extract: Option<Vec<PropagationStyle>>,
    pub(crate) inject: Option<Vec<PropagationStyle>>,
    pub(crate) tags_max_length: Option<usize>,
    pub(crate) extract_first: Option<bool>,
    pub(crate) behavior: Option<ExtractBehavior>,
}

impl DatadogPropagatorBuilder {
    /// Sets the styles that are read, the preferred first: it names the trace where two differ.
    ///
    /// Otherwise `DD_TRACE_PROPAGATION_STYLE_EXTRACT`, `DD_TRACE_PROPAGATION_STYLE`, `OTEL_PROPAGATORS`, or
    /// `datadog` and then `tracecontext`.
    pub fn with_extract_styles(
        mut self,
        styles: impl IntoIterator<Item = PropagationStyle>,
    ) -> Self {
        self.extract = Some(styles.into_iter().collect());
        self
    }

    /// Sets the styles that are written.
    ///
    /// Otherwise `DD_TRACE_PROPAGATION_STYLE_INJECT`, `DD_TRACE_PROPAGATION_STYLE`, `OTEL_PROPAGATORS`, or
    /// both.
    pub fn with_inject_styles(
        mut self,
        styles: impl IntoIterator<Item = PropagationStyle>,
    ) -> Self {
        self.inject = Some(styles.into_iter().collect());
        self
    }

    /// Sets the most bytes of `x-datadog-tags`, read or written. More than 512 counts as 512; 0 switches
    /// the header off, and with it the upper half of the trace id in the style `datadog`.
    ///
    /// Otherwise `DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH`, or 512.
    pub fn with_tags_max_length(mut self, bytes: usize) -> Self {
        self.tags_max_length = Some(bytes);
        self
    }

    /// Stops reading at the first style that has a context, so that others neither complete it nor become
    /// links.
    ///
    /// Otherwise `DD_TRACE_PROPAGATION_EXTRACT_FIRST`, or off.
    pub fn with_extract_first(mut self, extract_first: bool) -> Self {
        self.extract_first = Some(extract_first);
        self
    }

    /// Sets what is done with a caller's context.
    ///
    /// Otherwise `DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT`, or the trace goes on.
    pub fn with_extract_behavior(mut self, behavior: ExtractBehavior) -> Self {
        self.behavior = Some(behavior);
        self
    }

    /// Reads the variables and returns the propagator. A bad variable is one warning, at the first use.
    pub fn build(self) -> DatadogPropagator {
        let (settings, warnings) = PropagationSettings::of_process(self);
        DatadogPropagator::with_settings(settings, warnings)
    }
}
