//! Search for the settings of the propagator: code over variables.

use super::{
    DatadogPropagatorBuilder, ExtractBehavior, MAX_TAGS, PropagationStyle, SqlCommentMode,
};
use crate::config::{Unified, Variables, of_process};

/// Datadog's own order.
const DEFAULT_STYLES: [PropagationStyle; 2] =
    [PropagationStyle::Datadog, PropagationStyle::TraceContext];

/// The form of a list of styles, for messages.
const STYLES_FORM: &str = "a list of datadog, tracecontext, baggage, none, separated by commas";
/// The form of a behaviour, for messages.
const BEHAVIOR_FORM: &str = "continue, restart or ignore";

/// Settings of a propagator.
#[derive(Debug)]
pub(crate) struct PropagationSettings {
    /// The styles that are read, in order.
    pub(crate) extract: Vec<PropagationStyle>,
    /// The styles that are written.
    pub(crate) inject: Vec<PropagationStyle>,
    /// The most bytes of the tags header.
    pub(crate) tags_max_length: usize,
    /// True if reading ends with the first context.
    pub(crate) extract_first: bool,
    /// The treatment of a caller's context.
    pub(crate) behavior: ExtractBehavior,
}

impl Default for PropagationSettings {
    fn default() -> Self {
        Self {
            extract: DEFAULT_STYLES.to_vec(),
            inject: DEFAULT_STYLES.to_vec(),
            tags_max_length: MAX_TAGS,
            extract_first: false,
            behavior: ExtractBehavior::default(),
        }
    }
}

impl PropagationSettings {
    /// Finds every setting in the environment of this process; says what was wrong in it.
    pub(crate) fn of_process(builder: DatadogPropagatorBuilder) -> (Self, Vec<String>) {
        Self::resolve(builder, of_process)
    }

    /// Finds every setting; `variable` looks up the environment.
    pub(crate) fn resolve(
        builder: DatadogPropagatorBuilder,
        variable: impl Fn(&str) -> Option<String>,
    ) -> (Self, Vec<String>) {
        let mut variables = Variables::of(variable);
        let needs_shared = builder.extract.is_none() || builder.inject.is_none();
        let shared = if needs_shared { variables.shared_styles() } else { Vec::new() };
        let mut styles = |in_code: Option<Vec<PropagationStyle>>, name| {
            once(in_code.or_else(|| variables.styles(name)).unwrap_or_else(|| shared.clone()))
        };
        let extract = styles(builder.extract, "DD_TRACE_PROPAGATION_STYLE_EXTRACT");
        let inject = styles(builder.inject, "DD_TRACE_PROPAGATION_STYLE_INJECT");
        let tags_max_length = match builder.tags_max_length {
            Some(bytes) => bytes,
            None => variables
                .read("DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH", "a number of bytes, 0 to 512", |text| {
                    // Less than none is none, as in Datadog's tracers.
                    text.parse::<i64>().ok().map(|bytes| usize::try_from(bytes).unwrap_or(0))
                })
                .unwrap_or(MAX_TAGS),
        };
        let settings = Self {
            extract,
            inject,
            tags_max_length: tags_max_length.min(MAX_TAGS),
            extract_first: builder
                .extract_first
                .unwrap_or_else(|| variables.flag("DD_TRACE_PROPAGATION_EXTRACT_FIRST", false)),
            behavior: builder.behavior.unwrap_or_else(|| variables.behavior()),
        };
        (settings, variables.warnings)
    }
}

/// Everything that a comment before a statement is made of.
#[derive(Debug)]
pub(crate) struct SqlSettings {
    /// The amount of tags in a comment.
    pub(crate) mode: SqlCommentMode,
    /// Service, env and version.
    pub(crate) unified: Unified,
    /// The faults, a sentence each.
    pub(crate) warnings: Vec<String>,
}

impl SqlSettings {
    /// Finds every setting in the environment of this process.
    pub(crate) fn of_process() -> Self {
        Self::resolve(of_process)
    }

    fn resolve(variable: impl Fn(&str) -> Option<String>) -> Self {
        const NAME: &str = "DD_DBM_PROPAGATION_MODE";
        /// The mode that also says a hash of the process, which nothing here knows.
        const DYNAMIC: &str = "dynamic_service";
        let mut variables = Variables::of(variable);
        let read = |value: &str| match value.to_ascii_lowercase().as_str() {
            "disabled" => Some(SqlCommentMode::Disabled),
            "service" | DYNAMIC => Some(SqlCommentMode::Service),
            "full" => Some(SqlCommentMode::Full),
            _ => None,
        };
        let is_dynamic =
            variables.text(NAME).is_some_and(|value| value.eq_ignore_ascii_case(DYNAMIC));
        // Said once, by the next line.
        variables.warnings.clear();
        let mode = variables.read(NAME, "disabled, service or full", read).unwrap_or_default();
        if is_dynamic {
            variables.warnings.push(format!("`{NAME}` = {DYNAMIC:?} counts as `service` here"));
        }
        let warnings = std::mem::take(&mut variables.warnings);
        // The exporter says what is wrong in those variables.
        let (unified, _) = variables.unified(Unified::default());
        Self { mode, unified, warnings }
    }
}

/// Finds the keys of baggage that become tags; says what was wrong.
pub(crate) fn baggage_keys() -> (Vec<String>, Vec<String>) {
    keys_of(of_process)
}

fn keys_of(variable: impl Fn(&str) -> Option<String>) -> (Vec<String>, Vec<String>) {
    let mut variables = Variables::of(variable);
    let list = variables.text("DD_TRACE_BAGGAGE_TAG_KEYS").unwrap_or_default();
    let keys = list.split(',').map(str::trim).filter(|key| !key.is_empty());
    (keys.map(str::to_owned).collect(), variables.warnings)
}

/// Returns each style once, where it stands first: to read one again tells nothing new.
fn once(styles: Vec<PropagationStyle>) -> Vec<PropagationStyle> {
    let mut first = Vec::new();
    for style in styles {
        if !first.contains(&style) {
            first.push(style);
        }
    }
    first
}

/// Reads what the propagator alone asks for.
impl<F: Fn(&str) -> Option<String>> Variables<F> {
    /// Returns the styles for reading and writing alike.
    fn shared_styles(&mut self) -> Vec<PropagationStyle> {
        self.styles("DD_TRACE_PROPAGATION_STYLE")
            .or_else(|| self.styles("OTEL_PROPAGATORS"))
            .unwrap_or_else(|| DEFAULT_STYLES.to_vec())
    }

    /// Reads a list of styles. One that is unknown costs a warning; if no style of ours is left beside it, the
    /// next source counts, and the warning says so. `none` and `baggage` alone mean that nothing is read or written.
    fn styles(&mut self, name: &'static str) -> Option<Vec<PropagationStyle>> {
        let list = self.text(name)?;
        let (mut styles, mut unknown, mut is_known) = (Vec::new(), Vec::new(), false);
        for word in list.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word.to_ascii_lowercase().as_str() {
                "datadog" => styles.push(PropagationStyle::Datadog),
                "tracecontext" => styles.push(PropagationStyle::TraceContext),
                // Baggage is the SDK's own propagator, which the user puts beside ours.
                "none" | "baggage" => is_known = true,
                _ => unknown.push(word),
            }
        }
        if !unknown.is_empty() {
            self.warn(name, &unknown.join(","), STYLES_FORM);
            if styles.is_empty() {
                self.warnings.push(format!(
                    "`{name}` has no style that is read or written here: the next source counts"
                ));
                return None;
            }
        }
        (is_known || !styles.is_empty()).then_some(styles)
    }

    fn behavior(&mut self) -> ExtractBehavior {
        let read = |value: &str| match value.to_ascii_lowercase().as_str() {
            "continue" => Some(ExtractBehavior::Continue),
            "restart" => Some(ExtractBehavior::Restart),
            "ignore" => Some(ExtractBehavior::Ignore),
            _ => None,
        };
        self.read("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT", BEHAVIOR_FORM, read).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DatadogPropagator;
    use crate::config::tests::environment;
    use PropagationStyle::{Datadog, TraceContext};

    fn resolve(
        builder: DatadogPropagatorBuilder,
        variables: &[(&str, &str)],
    ) -> (PropagationSettings, usize) {
        let (settings, warnings) = PropagationSettings::resolve(builder, environment(variables));
        (settings, warnings.len())
    }

    #[test]
    fn styles_come_from_code_then_one_way_then_both_ways_then_opentelemetry() {
        let all = [
            ("DD_TRACE_PROPAGATION_STYLE_EXTRACT", "none"),
            ("DD_TRACE_PROPAGATION_STYLE_INJECT", "Tracecontext, DATADOG"),
            ("DD_TRACE_PROPAGATION_STYLE", "tracecontext"),
            ("OTEL_PROPAGATORS", "datadog,baggage"),
        ];
        let found = |builder, variables| {
            let (settings, warnings) = resolve(builder, variables);
            assert_eq!(warnings, 0, "{variables:?}");
            (settings.extract, settings.inject)
        };
        let builder = DatadogPropagator::builder;
        let in_code = builder().with_extract_styles([Datadog]).with_inject_styles([]);
        assert_eq!(found(in_code, &all), (vec![Datadog], vec![]));
        let twice = builder().with_extract_styles([Datadog, TraceContext, Datadog]);
        assert_eq!(found(twice.with_inject_styles([]), &all).0, [Datadog, TraceContext]);
        assert_eq!(found(builder(), &all), (vec![], vec![TraceContext, Datadog]));
        assert_eq!(found(builder(), &all[2..]), (vec![TraceContext], vec![TraceContext]));
        assert_eq!(found(builder(), &all[3..]), (vec![Datadog], vec![Datadog]));
        let default = vec![Datadog, TraceContext];
        assert_eq!(found(builder(), &[]), (default.clone(), default));
    }

    #[test]
    fn an_unknown_style_warns_and_the_next_source_counts() {
        let (settings, warnings) = resolve(
            DatadogPropagator::builder(),
            &[
                ("DD_TRACE_PROPAGATION_STYLE", "b3"),
                ("OTEL_PROPAGATORS", "tracecontext,jaeger"),
                ("DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH", "many"),
                ("DD_TRACE_PROPAGATION_EXTRACT_FIRST", "perhaps"),
                ("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT", "stop"),
            ],
        );
        assert_eq!((settings.extract, warnings), (vec![TraceContext], 6));
        assert_eq!((settings.tags_max_length, settings.extract_first), (MAX_TAGS, false));
        assert_eq!(settings.behavior, ExtractBehavior::Continue);
    }

    #[test]
    fn a_list_without_a_style_of_ours_is_said_and_the_default_stays() {
        let default = vec![Datadog, TraceContext];
        for (list, expected, warnings) in [
            ("b3,baggage", default.clone(), 2),
            ("b3", default, 2),
            ("b3,none,tracecontext", vec![TraceContext], 1),
            ("baggage", vec![], 0),
            ("none", vec![], 0),
        ] {
            let variables = [("OTEL_PROPAGATORS", list)];
            let (settings, said) = resolve(DatadogPropagator::builder(), &variables);
            assert_eq!((settings.extract, said), (expected.clone(), warnings), "{list}");
            assert_eq!(settings.inject, expected, "{list}");
        }
    }

    #[test]
    fn the_mode_of_sql_comments_is_read() {
        use SqlCommentMode::{Disabled, Full, Service};
        for (value, mode, warnings) in [
            ("", Disabled, 0),
            ("disabled", Disabled, 0),
            ("service", Service, 0),
            ("full", Full, 0),
            ("Full", Full, 0),
            ("dynamic_service", Service, 1),
            ("Dynamic_Service", Service, 1),
            ("everything", Disabled, 1),
            ("\u{fffd}", Disabled, 1),
        ] {
            let variables = [("DD_DBM_PROPAGATION_MODE", value), ("DD_SERVICE", "shop")];
            let found = SqlSettings::resolve(environment(&variables));
            assert_eq!((found.mode, found.warnings.len()), (mode, warnings), "{value}");
            assert_eq!(found.unified.service.as_deref(), Some("shop"));
        }
    }

    #[test]
    fn keys_of_baggage_are_a_list_and_none_by_default() {
        for (list, keys, warnings) in [
            ("", &[][..], 0),
            ("user.id, Tenant,,", &["user.id", "Tenant"], 0),
            ("*", &["*"], 0),
            ("a\u{fffd}", &[], 1),
        ] {
            let (found, said) = keys_of(environment(&[("DD_TRACE_BAGGAGE_TAG_KEYS", list)]));
            assert_eq!(
                (found, said.len()),
                (keys.iter().map(|key| (*key).to_owned()).collect(), warnings)
            );
        }
    }

    #[test]
    fn limits_and_behaviours_are_read() {
        let (settings, warnings) = resolve(
            DatadogPropagator::builder(),
            &[
                ("DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH", "9999"),
                ("DD_TRACE_PROPAGATION_EXTRACT_FIRST", "true"),
                ("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT", "Restart"),
            ],
        );
        assert_eq!((settings.tags_max_length, settings.extract_first), (MAX_TAGS, true));
        assert_eq!((settings.behavior, warnings), (ExtractBehavior::Restart, 0));
        let negative = [("DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH", "-1")];
        let (settings, warnings) = resolve(DatadogPropagator::builder(), &negative);
        assert_eq!((settings.tags_max_length, warnings), (0, 0));
        let in_code = DatadogPropagator::builder().with_tags_max_length(0);
        let (settings, _) = resolve(in_code, &[("DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH", "9")]);
        assert_eq!(settings.tags_max_length, 0);
    }
}
