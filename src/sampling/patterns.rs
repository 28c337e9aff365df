//! [`Patterns`]: what a rule says about names and tags.

use serde_json::Value as Json;

use super::glob::Glob;
use crate::BuildError;

/// The most rules that are read from a variable.
const MAX_RULES: usize = 1_000;

/// Patterns of a rule; one that is not given fits all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Patterns {
    service: Option<Glob>,
    name: Option<Glob>,
    resource: Option<Glob>,
    tags: Vec<(String, Glob)>,
}

/// A span that rules are asked about.
pub(crate) trait Subject {
    /// Says whether a pattern fits the service.
    fn service_fits(&self, pattern: &Glob) -> bool;
    /// Says whether a pattern fits the operation name.
    fn name_fits(&self, pattern: &Glob) -> bool;
    /// Says whether a pattern fits the resource.
    fn resource_fits(&self, pattern: &Glob) -> bool;
    /// Says whether a pattern fits the text of an attribute.
    fn tag_fits(&self, key: &str, pattern: &Glob) -> bool;
}

impl Patterns {
    pub(super) fn set_service(&mut self, pattern: &str) {
        self.service = Some(Glob::new(pattern));
    }

    pub(super) fn set_name(&mut self, pattern: &str) {
        self.name = Some(Glob::new(pattern));
    }

    pub(super) fn set_resource(&mut self, pattern: &str) {
        self.resource = Some(Glob::new(pattern));
    }

    pub(super) fn add_tag(&mut self, key: String, pattern: &str) {
        self.tags.push((key, Glob::new(pattern)));
    }

    /// Returns the keys of the tags that it asks for.
    pub(super) fn tag_keys(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(|(key, _)| key.as_str())
    }

    /// Returns true if all of them fit.
    pub(super) fn fit(&self, subject: &impl Subject) -> bool {
        let fits = |pattern: &Option<Glob>, fits: &dyn Fn(&Glob) -> bool| {
            pattern.as_ref().is_none_or(|pattern| pattern.fits_all() || fits(pattern))
        };
        fits(&self.service, &|pattern| subject.service_fits(pattern))
            && fits(&self.name, &|pattern| subject.name_fits(pattern))
            && fits(&self.resource, &|pattern| subject.resource_fits(pattern))
            && self.tags.iter().all(|(key, pattern)| subject.tag_fits(key, pattern))
    }

    /// Reads the patterns of a rule in JSON. Members that are none say something else.
    pub(super) fn read(rule: &Json) -> Option<Self> {
        let mut read = Self::default();
        for (member, value) in rule.as_object()?.iter().filter(|(_, value)| !value.is_null()) {
            match member.as_str() {
                "service" => read.set_service(value.as_str()?),
                "name" => read.set_name(value.as_str()?),
                "resource" => read.set_resource(value.as_str()?),
                "tags" => {
                    for (key, pattern) in value.as_object()? {
                        read.add_tag(key.clone(), &text(pattern)?);
                    }
                }
                // Newer tracers know more: none of it changes what these say.
                _ => {}
            }
        }
        Some(read)
    }
}

/// Reads one rule from JSON; `name` and `expected` are for the error.
pub(super) fn read_one<R>(
    text: &str,
    read: fn(&Json) -> Option<R>,
    name: &'static str,
    expected: &'static str,
) -> Result<R, BuildError> {
    let rule = serde_json::from_str(text).ok();
    rule.as_ref().and_then(read).ok_or_else(|| BuildError::setting(name, text, expected))
}

/// Reads rules from JSON, and counts those that are none; returns nothing if it is no list.
pub(super) fn read_list<R>(text: &str, read: fn(&Json) -> Option<R>) -> Option<(Vec<R>, usize)> {
    let Json::Array(rules) = serde_json::from_str(text).ok()? else { return None };
    if rules.len() > MAX_RULES {
        return None;
    }
    let found: Vec<_> = rules.iter().filter_map(read).collect();
    let bad = rules.len() - found.len();
    Some((found, bad))
}

/// Returns a number, also one that is written as a text.
pub(super) fn number(value: &Json) -> Option<f64> {
    let number = match value {
        Json::String(text) => text.trim().parse().ok(),
        value => value.as_f64(),
    };
    number.filter(|number: &f64| !number.is_nan())
}

/// Returns the pattern of a tag, which may be a number.
fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
