//! [`SpanRule`]: which single spans of rejected traces are kept.
//!
//! The JSON form is that of `DD_SPAN_SAMPLING_RULES` in the official tracers; the tags of a kept span are theirs.

use std::str::FromStr;
use std::time::Instant;

use serde_json::Value as Json;

use super::limit::Limit;
use super::patterns::{Patterns, Subject, number, read_list, read_one};
use super::rate::Rate;
use crate::BuildError;

/// One rule in JSON, for messages.
const RULE_FORM: &str = r#"{"service":"web*","name":"http.*","resource":"GET *","tags":{"k":"v*"},"sample_rate":0.1,"max_per_second":50}"#;

/// An example of a list of rules in JSON, for messages.
pub(crate) const SPAN_RULES_FORM: &str = r#"a JSON list like [{"service":"web*","name":"http.*","sample_rate":0.1,"max_per_second":50}]"#;

/// Keeps single spans of rejected traces: those that fit every pattern given; a pattern that is not given fits all.
///
/// It is asked about each **finished** span of a trace whose priority is 0 or less, with the names and tags that are
/// sent. The first rule that fits decides. So the spans must be recorded: with
/// [`RejectedTraces::Recorded`](crate::RejectedTraces::Recorded) and a [`ForwardRejected`](crate::ForwardRejected), or
/// under a sampler that keeps everything and a priority that an attribute sets. The Agent stores a kept span alone,
/// without the rest of its trace. With [client statistics](crate::DatadogExporterBuilder::with_client_stats) nothing
/// else of the trace is sent; without them the Agent leaves the rest out.
///
/// Patterns: `*` is any text, `?` any character, case does not matter.
///
/// # Examples
///
/// ```
/// use opentelemetry_datadog_agent::{DatadogExporter, SpanRule};
///
/// let exporter = DatadogExporter::builder()
///     .with_span_rule(SpanRule::errors())
///     .with_span_rule(SpanRule::new(0.1).with_name("postgresql.query").with_max_per_second(50.0))
///     .build()?;
/// # Ok::<(), opentelemetry_datadog_agent::BuildError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a rule does nothing until an exporter has it"]
#[doc(alias = "SingleSpanSampling")]
pub struct SpanRule {
    rate: f64,
    max_per_second: Option<f64>,
    only_errors: bool,
    patterns: Patterns,
}

/// Reads one object of the JSON list of `DD_SPAN_SAMPLING_RULES`. Without `sample_rate` it keeps all; a rate beyond 0 or
/// 1 counts as that bound. `max_per_second` is spans a second.
///
/// # Errors
///
/// Fails if the text is no such object.
///
/// # Examples
///
/// ```
/// use opentelemetry_datadog_agent::SpanRule;
///
/// let rule: SpanRule = r#"{"service":"web*","max_per_second":50}"#.parse()?;
/// assert_eq!(rule, SpanRule::new(1.0).with_service("web*").with_max_per_second(50.0));
/// # Ok::<(), opentelemetry_datadog_agent::BuildError>(())
/// ```
impl FromStr for SpanRule {
    type Err = BuildError;

    fn from_str(text: &str) -> Result<Self, BuildError> {
        read_one(text, Self::read, "SpanRule", RULE_FORM)
    }
}

impl SpanRule {
    /// Starts a rule for all spans; `rate` is the fraction to keep, from 0 to 1.
    pub fn new(rate: f64) -> Self {
        Self { rate, max_per_second: None, only_errors: false, patterns: Patterns::default() }
    }

    /// Returns a rule that keeps every span with an error. Add it first, since the first rule that fits decides. It keeps
    /// the span, not its trace: other spans may have been left out in an earlier chunk.
    pub fn errors() -> Self {
        Self { only_errors: true, ..Self::new(1.0) }
    }

    /// Restricts the rule to services that fit.
    pub fn with_service(mut self, pattern: impl AsRef<str>) -> Self {
        self.patterns.set_service(pattern.as_ref());
        self
    }

    /// Restricts the rule to operation names that fit, such as `http.server.request`: not the OpenTelemetry span name,
    /// which is mostly the resource.
    pub fn with_name(mut self, pattern: impl AsRef<str>) -> Self {
        self.patterns.set_name(pattern.as_ref());
        self
    }

    /// Restricts the rule to resources that fit, such as `GET /users/{id}`.
    pub fn with_resource(mut self, pattern: impl AsRef<str>) -> Self {
        self.patterns.set_resource(pattern.as_ref());
        self
    }

    /// Restricts the rule to spans with a tag whose text fits. A number counts as its text.
    pub fn with_tag(mut self, key: impl Into<String>, pattern: impl AsRef<str>) -> Self {
        self.patterns.add_tag(key.into(), pattern.as_ref());
        self
    }

    /// Limits how many spans a second this rule keeps; 0 or more.
    pub fn with_max_per_second(mut self, spans: f64) -> Self {
        self.max_per_second = Some(spans);
        self
    }

    /// Reads rules from JSON, and counts those that are none; nothing if it is no list.
    pub(crate) fn read_all(text: &str) -> Option<(Vec<Self>, usize)> {
        read_list(text, Self::read)
    }

    fn read(rule: &Json) -> Option<Self> {
        let said = |member| rule.get(member).filter(|value| !value.is_null());
        let rate = said("sample_rate").map_or(Some(1.0), number)?.clamp(0.0, 1.0);
        let max_per_second = match said("max_per_second") {
            Some(most) => Some(number(most).filter(|most| is_limit(*most))?),
            None => None,
        };
        let patterns = Patterns::read(rule)?;
        Some(Self { rate, max_per_second, only_errors: false, patterns })
    }
}

fn is_limit(most: f64) -> bool {
    most.is_finite() && most >= 0.0
}

/// The rules of an exporter, and how many spans they kept of late.
#[derive(Debug)]
pub(crate) struct SpanRules(Vec<Ready>);

#[derive(Debug)]
struct Ready {
    rule: SpanRule,
    rate: Rate,
    limit: Option<Limit>,
}

/// The numbers that a kept span carries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct KeptSpan {
    pub(crate) rate: f64,
    pub(crate) max_per_second: Option<f64>,
}

impl SpanRules {
    /// Checks rules; nothing if there are none.
    pub(crate) fn new(rules: Vec<SpanRule>) -> Result<Option<Self>, BuildError> {
        let now = Instant::now();
        let ready = |rule: SpanRule| {
            let rate = Rate::checked("SpanRule::new", rule.rate)?;
            let limit = rule.max_per_second.map(|most| {
                let checked = is_limit(most).then(|| Limit::new(most, now));
                checked.ok_or_else(|| {
                    let name = "SpanRule::with_max_per_second";
                    BuildError::setting(name, most.to_string(), "0 or more spans a second")
                })
            });
            Ok(Ready { rate, limit: limit.transpose()?, rule })
        };
        let ready = rules.into_iter().map(ready).collect::<Result<Vec<_>, BuildError>>()?;
        Ok(Some(Self(ready)).filter(|rules| !rules.0.is_empty()))
    }

    /// Returns the keys of the tags that some rule asks for.
    pub(crate) fn tag_keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|ready| ready.rule.patterns.tag_keys())
    }

    /// Decides about a finished span of a rejected trace.
    pub(crate) fn keep(
        &self,
        span: &impl Subject,
        (span_id, is_error): (u64, bool),
        now: impl FnOnce() -> Instant,
    ) -> Option<KeptSpan> {
        let fits =
            |ready: &&Ready| (is_error || !ready.rule.only_errors) && ready.rule.patterns.fit(span);
        let Ready { rule, rate, limit } = self.0.iter().find(fits)?;
        let passes = || limit.as_ref().is_none_or(|limit| limit.ask(now()).passes);
        (rate.keeps(span_id) && passes())
            .then_some(KeptSpan { rate: rate.get(), max_per_second: rule.max_per_second })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::glob::Glob;
    use super::*;

    struct Query;

    impl Subject for Query {
        fn service_fits(&self, pattern: &Glob) -> bool {
            pattern.fits("shop")
        }
        fn name_fits(&self, pattern: &Glob) -> bool {
            pattern.fits("postgresql.query")
        }
        fn resource_fits(&self, pattern: &Glob) -> bool {
            pattern.fits("SELECT ?")
        }
        fn tag_fits(&self, key: &str, pattern: &Glob) -> bool {
            key == "tenant" && pattern.fits("free-7")
        }
    }

    fn keep(rules: Vec<SpanRule>, id: u64, is_error: bool) -> Option<f64> {
        let rules = SpanRules::new(rules).unwrap().unwrap();
        rules.keep(&Query, (id, is_error), Instant::now).map(|kept| kept.rate)
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let other = SpanRule::new(1.0).with_service("cart");
        let none = SpanRule::new(0.0).with_tag("tenant", "free-*");
        let all = SpanRule::new(1.0).with_name("postgresql.*").with_resource("select*");
        assert_eq!(keep(vec![other.clone(), all.clone()], 1, false), Some(1.0));
        assert_eq!(keep(vec![other.clone(), none, all], 1, false), None);
        assert_eq!(keep(vec![other], 1, false), None);
        assert_eq!(keep(vec![SpanRule::errors()], 1, false), None);
        assert_eq!(keep(vec![SpanRule::errors()], 1, true), Some(1.0));
    }

    #[test]
    fn the_same_spans_are_kept_as_by_every_tracer() {
        // As for traces: Knuth's factor, the border at half of 2^64.
        for (id, kept) in [(1, true), (10, false), (100, true), (1_000, true)] {
            assert_eq!(keep(vec![SpanRule::new(0.5)], id, false).is_some(), kept, "{id}");
        }
    }

    #[test]
    fn a_limit_holds_for_its_rule_alone() {
        let rules = vec![SpanRule::new(1.0).with_max_per_second(3.0)];
        let rules = SpanRules::new(rules).unwrap().unwrap();
        let now = Instant::now();
        let keeps = |id: u64, now| rules.keep(&Query, (id, false), || now).is_some();
        let kept = |now| (0..10).filter(|id| keeps(*id, now)).count();
        assert_eq!(kept(now), 3);
        assert_eq!(kept(now + Duration::from_secs(1)), 3);
    }

    #[test]
    fn bad_rules_cost_no_good_ones_in_json_and_are_errors_in_code() {
        for bad in [
            "1",
            r#"{"sample_rate":"x"}"#,
            r#"{"max_per_second":-1}"#,
            r#"{"max_per_second":"inf"}"#,
            r#"{"service":7}"#,
        ] {
            let found = SpanRule::read_all(&format!(r#"[{bad},{{"sample_rate":0.5}}]"#));
            assert_eq!(found, Some((vec![SpanRule::new(0.5)], 1)), "{bad}");
        }
        assert_eq!(SpanRule::read_all("[{}]"), Some((vec![SpanRule::new(1.0)], 0)));
        assert_eq!(SpanRule::read_all("{}"), None);
        for rule in [SpanRule::new(2.0), SpanRule::new(1.0).with_max_per_second(f64::NAN)] {
            assert!(SpanRules::new(vec![rule]).is_err());
        }
        assert!(SpanRules::new(Vec::new()).unwrap().is_none());
    }
}
