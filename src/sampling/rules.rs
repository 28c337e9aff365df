//! [`SamplingRule`]: which traces a rate of the user is for.
//!
//! The JSON form is that of `DD_TRACE_SAMPLING_RULES` in the official tracers.

use std::str::FromStr;

use serde_json::Value as Json;

use super::patterns::{Patterns, Subject, number, read_list, read_one};
use super::rate::Rate;
use crate::BuildError;

/// One rule in JSON, for messages.
const RULE_FORM: &str =
    r#"{"service":"web*","name":"http.*","resource":"GET *","tags":{"k":"v*"},"sample_rate":0.1}"#;

/// An example of a list of rules in JSON, for messages.
pub(crate) const RULES_FORM: &str = r#"a JSON list like [{"service":"web*","name":"http.*","resource":"GET *","tags":{"k":"v*"},"sample_rate":0.1}]"#;

/// A rate for the traces whose root span fits every pattern given; a pattern that is not given fits all.
///
/// Patterns: `*` is any text, `?` any character, case does not matter. A rule sees what is known when the
/// root span starts: attributes set later have no say, and neither has a function of
/// [`with_names`](crate::DatadogExporterBuilder::with_names). The service is the one that was written, such as
/// `My Shop`; names and resources are those of the mapping.
///
/// # Examples
///
/// ```
/// use opentelemetry_datadog_agent::SamplingRule;
///
/// let health_checks = SamplingRule::new(0.0).with_resource("GET /health*");
/// let a_tenth = SamplingRule::new(0.1).with_service("checkout").with_tag("tenant", "free-*");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a rule does nothing until a sampler has it"]
pub struct SamplingRule {
    rate: f64,
    patterns: Patterns,
}

/// Reads one object of the JSON list of `DD_TRACE_SAMPLING_RULES`.
///
/// # Errors
///
/// Fails if the text is no such object.
///
/// # Examples
///
/// ```
/// use opentelemetry_datadog_agent::SamplingRule;
///
/// let rule: SamplingRule = r#"{"resource":"GET /health*","sample_rate":0}"#.parse()?;
/// assert_eq!(rule, SamplingRule::new(0.0).with_resource("GET /health*"));
/// # Ok::<(), opentelemetry_datadog_agent::BuildError>(())
/// ```
impl FromStr for SamplingRule {
    type Err = BuildError;

    fn from_str(text: &str) -> Result<Self, BuildError> {
        read_one(text, Self::read, "SamplingRule", RULE_FORM)
    }
}

impl SamplingRule {
    /// Starts a rule for all traces; `rate` is the fraction to keep, from 0 to 1.
    pub fn new(rate: f64) -> Self {
        Self { rate, patterns: Patterns::default() }
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

    /// Restricts the rule to root spans with an attribute whose text fits.
    pub fn with_tag(mut self, key: impl Into<String>, pattern: impl AsRef<str>) -> Self {
        self.patterns.add_tag(key.into(), pattern.as_ref());
        self
    }

    /// Returns the rate, if it is one.
    pub(super) fn rate(&self) -> Result<Rate, BuildError> {
        Rate::checked("SamplingRule::new", self.rate)
    }

    /// Returns true if the rule is for a trace.
    pub(super) fn fits(&self, subject: &impl Subject) -> bool {
        self.patterns.fit(subject)
    }

    /// Reads rules from JSON, and counts those that are none; nothing if it is no list.
    pub(crate) fn read_all(text: &str) -> Option<(Vec<Self>, usize)> {
        read_list(text, Self::read)
    }

    fn read(rule: &Json) -> Option<Self> {
        let rate = number(rule.get("sample_rate")?)?.clamp(0.0, 1.0);
        Some(Self { rate, patterns: Patterns::read(rule)? })
    }
}

#[cfg(test)]
mod tests {
    use super::super::glob::Glob;
    use super::*;

    struct Span;

    impl Subject for Span {
        fn service_fits(&self, pattern: &Glob) -> bool {
            pattern.fits("checkout")
        }
        fn name_fits(&self, pattern: &Glob) -> bool {
            pattern.fits("http.server.request")
        }
        fn resource_fits(&self, pattern: &Glob) -> bool {
            pattern.fits("GET /users/{id}")
        }
        fn tag_fits(&self, key: &str, pattern: &Glob) -> bool {
            key == "tenant" && pattern.fits("free-7")
        }
    }

    #[test]
    fn a_rule_is_for_what_fits_all_its_patterns() {
        for rule in [
            r#"{"sample_rate":1}"#,
            r#"{"service":"check*","sample_rate":1}"#,
            r#"{"name":"http.*","resource":"GET /users/*","sample_rate":1}"#,
            r#"{"service":"*","tags":{"tenant":"free-?"},"sample_rate":1}"#,
        ] {
            let (rules, bad) = SamplingRule::read_all(&format!("[{rule}]")).unwrap();
            assert!(rules[0].fits(&Span) && bad == 0, "{rule}");
        }
        for rule in [
            r#"{"service":"cart","sample_rate":1}"#,
            r#"{"service":"check*","resource":"POST *","sample_rate":1}"#,
            r#"{"tags":{"tenant":"free-?","other":"*"},"sample_rate":1}"#,
        ] {
            let (rules, _) = SamplingRule::read_all(&format!("[{rule}]")).unwrap();
            assert!(!rules[0].fits(&Span), "{rule}");
        }
    }

    #[test]
    fn hostile_texts_are_no_rules() {
        for text in [
            "",
            "{}",
            r#"[{"sample_rate":1}"#,
            &format!("[{}]", vec![r#"{"sample_rate":1}"#; 1_001].join(",")),
        ] {
            assert_eq!(SamplingRule::read_all(text), None, "{text}");
        }
        assert_eq!(SamplingRule::read_all("[]"), Some((Vec::new(), 0)));
    }

    #[test]
    fn a_bad_rule_costs_no_good_one() {
        for bad in [
            "1",
            "{}",
            r#"{"sample_rate":null}"#,
            r#"{"sample_rate":"x"}"#,
            r#"{"sample_rate":"NaN"}"#,
            r#"{"sample_rate":1,"service":7}"#,
            r#"{"sample_rate":1,"tags":{"a":[]}}"#,
        ] {
            let found = SamplingRule::read_all(&format!(r#"[{bad},{{"sample_rate":0.5}}]"#));
            assert_eq!(found, Some((vec![SamplingRule::new(0.5)], 1)), "{bad}");
        }
        for (odd, rule) in [
            (r#"{"sample_rate":"0"}"#, SamplingRule::new(0.0)),
            (r#"{"sample_rate":2}"#, SamplingRule::new(1.0)),
            (r#"{"sample_rate":-1}"#, SamplingRule::new(0.0)),
            (r#"{"sample_rate":1,"resource":null}"#, SamplingRule::new(1.0)),
            (r#"{"sample_rate":1,"new":[]}"#, SamplingRule::new(1.0)),
            (r#"{"sample_rate":1,"tags":{"a":7}}"#, SamplingRule::new(1.0).with_tag("a", "7")),
        ] {
            assert_eq!(SamplingRule::read_all(&format!("[{odd}]")), Some((vec![rule], 0)), "{odd}");
        }
    }
}
