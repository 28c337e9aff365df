//! [`LogCorrelation`]: the fields that bring a log line and its trace together in Datadog.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};

use crate::ExporterHandle;
use crate::config::Unified;
use crate::datadog::ids::{Hex, low_half, span_id};
use crate::delivery::Identity;

/// Gives log lines the ids of the current span, and service, env and version.
///
/// Datadog reads `dd.trace_id` and the others only at the top level of a JSON line, or with a parsing rule
/// of the user's (its documentation, "Correlate logs and traces"). The example `log_correlation` does it with
/// `tracing-subscriber`.
///
/// # Examples
///
/// ```
/// use opentelemetry_datadog_agent::LogCorrelation;
///
/// let correlation = LogCorrelation::new().with_service("checkout").with_env("prod");
/// let line: String =
///     correlation.current().iter().map(|(key, value)| format!("{key}={value} ")).collect();
/// assert_eq!(line, "dd.service=checkout dd.env=prod ");
/// ```
#[derive(Clone, Debug)]
#[must_use = "it gives fields to those who ask"]
pub struct LogCorrelation {
    unified: Unified,
    is_decimal: bool,
}

impl LogCorrelation {
    /// Knows no service, env and version, and reads no variable.
    pub fn new() -> Self {
        Self { unified: Unified::default(), is_decimal: false }
    }

    /// Takes service, env and version from `DD_SERVICE`, `DD_ENV`, `DD_VERSION` and `DD_TAGS`.
    ///
    /// Nothing is logged, here or later, so a log formatter may make one for each line. A bad variable is named by
    /// the exporter, which reads the same ones.
    pub fn from_env() -> Self {
        Self { unified: Unified::of_process(), is_decimal: false }
    }

    /// Sets the service. It must be that of the exporter, or Datadog links nothing.
    pub fn with_service(mut self, service: impl Into<String>) -> Self {
        self.unified.service = Some(service.into());
        self
    }

    /// Sets the environment. It must be that of the exporter, or Datadog links nothing.
    pub fn with_env(mut self, env: impl Into<String>) -> Self {
        self.unified.env = Some(env.into());
        self
    }

    /// Sets the version. It must be that of the exporter, or Datadog links nothing.
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.unified.version = Some(version.into());
        self
    }

    /// Writes ids as decimal numbers, of the trace id its low 64 bits: for pipelines that expect what older
    /// tracers wrote. Otherwise the trace id is all its 128 bits in hexadecimal digits.
    pub fn with_decimal_ids(mut self, is_decimal: bool) -> Self {
        self.is_decimal = is_decimal;
        self
    }

    /// Returns the fields for the current span; without one only service, env and version.
    pub fn current(&self) -> LogFields<'_> {
        Context::map_current(|cx| self.fields(cx.span().span_context()))
    }

    /// Returns the fields for a span.
    pub fn fields(&self, span: &SpanContext) -> LogFields<'_> {
        let ids = span.is_valid().then(|| {
            let (trace, id) = (span.trace_id(), span.span_id());
            if self.is_decimal {
                [LogId::Decimal(low_half(trace)), LogId::Decimal(span_id(id))]
            } else {
                [LogId::Trace(Hex::new(&trace.to_bytes())), LogId::Span(Hex::new(&id.to_bytes()))]
            }
        });
        LogFields { unified: &self.unified, ids }
    }
}

impl Default for LogCorrelation {
    fn default() -> Self {
        Self::new()
    }
}

impl ExporterHandle {
    /// Returns the log correlation of this exporter: service, env and version as its spans have them, from code,
    /// variables and the resource.
    ///
    /// The resource comes with the tracer provider: ask after it is built.
    pub fn log_correlation(&self) -> LogCorrelation {
        let known = |text: String| Some(text).filter(|text| !text.is_empty());
        let Identity { service, env, version } = self.identity();
        let unified = Unified { service: known(service), env: known(env), version: known(version) };
        LogCorrelation { unified, is_decimal: false }
    }
}

/// The fields of one log line.
#[derive(Debug)]
pub struct LogFields<'a> {
    unified: &'a Unified,
    ids: Option<[LogId; 2]>,
}

impl LogFields<'_> {
    /// Returns names and values, those that are known: `dd.service`, `dd.env`, `dd.version`,
    /// `dd.trace_id`, `dd.span_id`.
    ///
    /// Ids are texts: a JSON number cannot hold 64 bits everywhere. Nothing is allocated.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &dyn fmt::Display)> {
        let Unified { service, env, version } = self.unified;
        let [trace, span] = match &self.ids {
            Some([trace, span]) => [Some(trace), Some(span)],
            None => [None, None],
        };
        let texts = [("dd.service", service), ("dd.env", env), ("dd.version", version)];
        let texts =
            texts.map(|(name, text)| (name, text.as_ref().map(|text| text as &dyn fmt::Display)));
        let ids = [("dd.trace_id", trace), ("dd.span_id", span)];
        let ids = ids.map(|(name, id)| (name, id.map(|id| id as &dyn fmt::Display)));
        let all = texts.into_iter().chain(ids);
        all.filter_map(|(name, value)| Some((name, value?)))
    }
}

/// An id as it stands in a log line.
#[derive(Debug)]
enum LogId {
    Trace(Hex<32>),
    Span(Hex<16>),
    Decimal(u64),
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trace(id) => f.write_str(id.as_str()),
            Self::Span(id) => f.write_str(id.as_str()),
            Self::Decimal(id) => write!(f, "{id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{TraceFlags, TraceState};
    use opentelemetry::{SpanId, TraceId};

    use super::*;

    fn lines(correlation: &LogCorrelation) -> String {
        let span = SpanContext::new(
            TraceId::from(0x640c_fd8d_0000_0000_abcd_efab_1234_5678),
            SpanId::from(0x3ade_68b1),
            TraceFlags::default(),
            true,
            TraceState::NONE,
        );
        let fields = correlation.fields(&span);
        let lines: Vec<_> =
            fields.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        lines.concat()
    }

    #[test]
    fn ids_are_hexadecimal_or_decimal() {
        let correlation = LogCorrelation {
            unified: Unified { service: Some("shop".into()), env: None, version: Some("1".into()) },
            is_decimal: false,
        };
        assert_eq!(
            lines(&correlation),
            "dd.service=shop\ndd.version=1\ndd.trace_id=640cfd8d00000000abcdefab12345678\n\
             dd.span_id=000000003ade68b1\n"
        );
        assert!(
            lines(&correlation.with_decimal_ids(true))
                .ends_with("dd.trace_id=12379814468735227512\ndd.span_id=987654321\n")
        );
    }
}
