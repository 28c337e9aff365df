//! Search for the settings of the sampler: code over variables.

use std::io::Read as _;

use super::rate::Rate;
use super::rules::RULES_FORM;
use super::span_rules::SPAN_RULES_FORM;
use super::{DatadogSamplerBuilder, SamplingRule, SpanRule, SpanRules};
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
        self.list(NAME, SamplingRule::read_all(&text), RULES_FORM)
    }

    /// Returns the rules of a list that was read, and says which are bad.
    fn list<R>(&mut self, name: &str, read: Option<(Vec<R>, usize)>, expected: &str) -> Vec<R> {
        let (rules, bad) = match read {
            Some((rules, 0)) => return rules,
            Some((rules, bad)) => (rules, format!("{bad} of the rules of `{name}`")),
            None => (Vec::new(), format!("`{name}`")),
        };
        self.warnings.push(format!("ignored {bad}: expected {expected}"));
        rules
    }
}

/// Finds the rules for single spans: those in code, else those in the environment; says what was wrong in it.
pub(crate) fn find_span_rules(
    in_code: Vec<SpanRule>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(Option<SpanRules>, Vec<String>), BuildError> {
    let mut variables = Variables::of(variable);
    let rules = if in_code.is_empty() { variables.span_rules() } else { in_code };
    Ok((SpanRules::new(rules)?, variables.warnings))
}

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    /// Reads the list of span rules, from a file if the variable for it is not set. They are not shown either.
    fn span_rules(&mut self) -> Vec<SpanRule> {
        const NAME: &str = "DD_SPAN_SAMPLING_RULES";
        const FILE: &str = "DD_SPAN_SAMPLING_RULES_FILE";
        let (name, text) = match self.text(NAME) {
            Some(text) => (NAME, text),
            None => match self.text(FILE).map(read_rules) {
                Some(Ok(text)) => (FILE, text),
                Some(Err(error)) => {
                    self.warnings.push(format!("ignored `{FILE}`: cannot read it: {error}"));
                    return Vec::new();
                }
                None => return Vec::new(),
            },
        };
        self.list(name, SpanRule::read_all(&text), SPAN_RULES_FORM)
    }
}

/// Reads a file of rules.
fn read_rules(path: String) -> std::io::Result<String> {
    /// The most bytes of a file: a thousand long rules.
    const MAX_BYTES: u64 = 1024 * 1024;

    let mut text = String::new();
    let bytes = std::fs::File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if bytes as u64 > MAX_BYTES {
        return Err(std::io::Error::other("it has more than 1 MiB"));
    }
    Ok(text)
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

    #[test]
    fn span_rules_come_from_a_variable_or_a_file_and_bad_ones_are_warnings() {
        const NAME: &str = "DD_SPAN_SAMPLING_RULES";
        const FILE: &str = "DD_SPAN_SAMPLING_RULES_FILE";
        // A folder that every build has, and that no commit holds.
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target");
        let file =
            std::path::Path::new(folder).join(format!("span-rules-{}.json", std::process::id()));
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(&file, r#"[{"name":"a"},{"sample_rate":"x"}]"#).unwrap();
        let path = file.to_str().unwrap();
        let found = |list: &[(&str, &str)]| {
            let mut variables = Variables::of(environment(list));
            let rules = variables.span_rules();
            assert!(variables.warnings.iter().all(|warning| !warning.contains("secret")));
            (rules.len(), variables.warnings.len())
        };
        assert_eq!(found(&[]), (0, 0));
        assert_eq!(found(&[(NAME, r#"[{"service":"a"},{"max_per_second":5}]"#)]), (2, 0));
        assert_eq!(found(&[(NAME, "[{}]"), (FILE, path)]), (1, 0));
        assert_eq!(found(&[(FILE, path)]), (1, 1));
        assert_eq!(found(&[(NAME, r#"{"tags":{"a":"secret"}}"#)]), (0, 1));
        assert_eq!(found(&[(FILE, "/no/such/file")]), (0, 1));
        std::fs::remove_file(file).unwrap();
    }
}
