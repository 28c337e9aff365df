//! Search for the settings of the sampler: code over variables.

use super::rate::Rate;
use super::rules::RULES_FORM;
use super::{DatadogSamplerBuilder, SamplingRule};
use crate::BuildError;
use crate::config::{Variables, checked, of_process};

/// Traces a second that the user's own rates keep, as in the official tracers.
const DEFAULT_LIMIT: f64 = 100.0;

/// Settings of a sampler.
#[derive(Debug)]
pub(crate) struct SamplingSettings {
    /// The service of the application; empty if unknown.
    pub(crate) service: String,
    /// The rules, in order.
    pub(crate) rules: Vec<SamplingRule>,
    /// The rate of traces that no rule is for.
    pub(crate) rate: Option<f64>,
    /// The most traces a second.
    pub(crate) limit: f64,
}

impl SamplingSettings {
    /// Finds every setting in the environment of this process; says what was wrong in it.
    pub(crate) fn of_process(
        builder: DatadogSamplerBuilder,
    ) -> Result<(Self, Vec<String>), BuildError> {
        Self::resolve(builder, of_process)
    }

    /// Finds every setting; `variable` looks up the environment.
    pub(crate) fn resolve(
        builder: DatadogSamplerBuilder,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<(Self, Vec<String>), BuildError> {
        let mut variables = Variables::of(variable);
        let number = |text: &str| text.parse().ok();
        let rules = if builder.rules.is_empty() { variables.rules() } else { builder.rules };
        let rate = builder.rate.or_else(|| {
            variables.read("DD_TRACE_SAMPLE_RATE", "a rate from 0 to 1", |text| {
                number(text).and_then(Rate::new).map(Rate::get)
            })
        });
        let limit = match builder.limit {
            Some(limit) => checked_limit(limit)?,
            None => variables
                .read("DD_TRACE_RATE_LIMIT", "a number of traces a second, 0 or more", |text| {
                    number(text).and_then(|limit| checked_limit(limit).ok())
                })
                .unwrap_or(DEFAULT_LIMIT),
        };
        let service = checked("with_service", builder.service)?;
        let service = service.or_else(|| variables.service()).unwrap_or_default();
        let settings = Self { service, rules, rate, limit };
        Ok((settings, variables.warnings))
    }
}

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    /// Reads the list of rules; one that is bad costs no other. They are not shown: their patterns may be values of
    /// tags.
    fn rules(&mut self) -> Vec<SamplingRule> {
        const NAME: &str = "DD_TRACE_SAMPLING_RULES";
        let Some(text) = self.text(NAME) else { return Vec::new() };
        let (rules, bad) = match SamplingRule::read_all(&text) {
            Some((rules, 0)) => return rules,
            Some((rules, bad)) => (rules, format!("{bad} of the rules of `{NAME}`")),
            None => (Vec::new(), format!("`{NAME}`")),
        };
        self.warnings.push(format!("ignored {bad}: expected {RULES_FORM}"));
        rules
    }
}

/// Returns a limit, if it is possible.
fn checked_limit(limit: f64) -> Result<f64, BuildError> {
    if limit.is_finite() && limit >= 0.0 {
        return Ok(limit);
    }
    Err(BuildError::setting("with_rate_limit", limit.to_string(), "0 or more traces a second"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DatadogSampler;
    use crate::config::tests::environment;

    fn resolve(
        builder: DatadogSamplerBuilder,
        variables: &[(&str, &str)],
    ) -> (SamplingSettings, usize) {
        let (settings, warnings) =
            SamplingSettings::resolve(builder, environment(variables)).unwrap();
        (settings, warnings.len())
    }

    #[test]
    fn code_beats_variables_and_bad_variables_are_warnings() {
        let variables = [
            ("DD_TRACE_SAMPLE_RATE", "0.25"),
            ("DD_TRACE_RATE_LIMIT", "7"),
            ("DD_TRACE_SAMPLING_RULES", r#"[{"sample_rate":0.5},{"sample_rate":1}]"#),
            ("DD_SERVICE", "shop"),
        ];
        let (settings, warnings) = resolve(DatadogSampler::builder(), &variables);
        assert_eq!((settings.rate, settings.limit, warnings), (Some(0.25), 7.0, 0));
        assert_eq!((settings.rules.len(), settings.service.as_str()), (2, "shop"));

        let code = DatadogSampler::builder()
            .with_service("cart")
            .with_rate(0.5)
            .with_rate_limit(1.0)
            .with_rule(SamplingRule::new(1.0));
        let (settings, _) = resolve(code, &variables);
        assert_eq!((settings.rate, settings.limit), (Some(0.5), 1.0));
        assert_eq!((settings.rules.len(), settings.service.as_str()), (1, "cart"));

        let tagged = [("DD_TAGS", "team:a,service:pay")];
        assert_eq!(resolve(DatadogSampler::builder(), &tagged).0.service, "pay");
        // Of other variables the sampler has nothing to say.
        assert_eq!(resolve(DatadogSampler::builder(), &[("DD_ENV", "\u{fffd}")]).1, 0);

        let bad = [
            ("DD_TRACE_SAMPLE_RATE", "2"),
            ("DD_TRACE_RATE_LIMIT", "-1"),
            ("DD_TRACE_SAMPLING_RULES", "[{}]"),
        ];
        let (settings, warnings) = resolve(DatadogSampler::builder(), &bad);
        assert_eq!((settings.rate, settings.limit, warnings), (None, DEFAULT_LIMIT, 3));
        assert!(settings.rules.is_empty());
    }

    #[test]
    fn a_warning_about_rules_does_not_show_them() {
        for (rules, kept) in [
            (r#"[{"sample_rate":1,"service":7,"tags":{"mail":"secret"}},{"sample_rate":0}]"#, 1),
            (r#"[{"sample_rate":1,"tags":{"mail":"secret"}]"#, 0),
        ] {
            let variables = [("DD_TRACE_SAMPLING_RULES", rules)];
            let (settings, warnings) =
                SamplingSettings::resolve(DatadogSampler::builder(), environment(&variables))
                    .unwrap();
            assert_eq!((settings.rules.len(), warnings.len()), (kept, 1), "{rules}");
            assert!(!warnings[0].contains("secret"), "{warnings:?}");
        }
    }

    #[test]
    fn bad_values_in_code_are_errors() {
        for (builder, text) in [
            (DatadogSampler::builder().with_rate(1.5), "`with_rate`"),
            (DatadogSampler::builder().with_rate_limit(f64::NAN), "`with_rate_limit`"),
            (DatadogSampler::builder().with_rule(SamplingRule::new(-1.0)), "`SamplingRule::new`"),
            (DatadogSampler::builder().with_service(" "), "`with_service`"),
        ] {
            let error = builder.build().unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}
