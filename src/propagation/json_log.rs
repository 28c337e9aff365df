//! [`JsonLogFormat`]: JSON lines of `tracing-subscriber` with the ids of the span at their top level.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Writer, format};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::LogCorrelation;

/// A format of `tracing-subscriber` (0.3) for JSON lines that begin with `dd.trace_id` and the others.
///
/// Datadog looks for them at the top level of a line, where the JSON format of `tracing-subscriber` puts no fields of
/// others. The rest of the line is its own, the fields of the event at the top level. The ids are those of the current
/// OpenTelemetry span, which `tracing-opentelemetry` makes of the current span of `tracing`.
///
/// # Examples
///
/// ```
/// use opentelemetry_datadog_agent::{JsonLogFormat, LogCorrelation};
/// use tracing_subscriber::{fmt, layer::SubscriberExt as _, registry};
///
/// let format = JsonLogFormat::new(LogCorrelation::from_env());
/// let subscriber = registry().with(fmt::layer().json().event_format(format));
/// # drop(subscriber);
/// ```
#[derive(Clone, Debug)]
#[must_use = "it writes nothing until a layer has it"]
pub struct JsonLogFormat(LogCorrelation);

impl JsonLogFormat {
    /// Returns a format that writes these fields.
    pub fn new(correlation: LogCorrelation) -> Self {
        Self(correlation)
    }
}

impl<S, N> FormatEvent<S, N> for JsonLogFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        format().json().flatten_event(true).format_event(context, Writer::new(&mut line), event)?;
        out.write_char('{')?;
        for (key, value) in self.0.current().iter() {
            write!(out, "\"{key}\":{},", serde_json::Value::from(value.to_string()))?;
        }
        out.write_str(line.strip_prefix('{').unwrap_or(&line))
    }
}
