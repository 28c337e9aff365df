//! What is known of a root span when it starts: its names as they will be exported, and its attributes.

use std::cell::RefCell;

use opentelemetry::trace::SpanKind;
use opentelemetry::{KeyValue, Value};

use super::glob::Glob;
use super::rules::Subject;
use crate::mapping::{StartNames, text_of};

/// The attributes with which a user decides about a trace.
const MANUAL: [(&str, bool); 2] = [("manual.keep", true), ("manual.drop", false)];

/// A root span that starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct RootSpan<'a> {
    pub(super) name: &'a str,
    pub(super) kind: &'a SpanKind,
    pub(super) attributes: &'a [KeyValue],
    /// The service of the application.
    pub(super) service: &'a str,
}

thread_local! {
    /// For names, so that a decision needs no memory of its own.
    static NAMES: RefCell<StartNames> = RefCell::default();
}

impl<'a> RootSpan<'a> {
    /// Returns what an attribute of the user demands.
    pub(super) fn manual(&self) -> Option<bool> {
        self.attributes.iter().rev().find_map(|attribute| {
            let (_, keep) = MANUAL.iter().find(|(key, _)| *key == attribute.key.as_str())?;
            is_true(&attribute.value).then_some(*keep)
        })
    }

    /// Returns the service that the span itself names.
    pub(super) fn own_service(&self) -> Option<&'a str> {
        self.attribute("service.name").and_then(|value| match value {
            Value::String(text) => Some(text.as_str()),
            _ => None,
        })
    }

    fn attribute(&self, key: &str) -> Option<&'a Value> {
        let found = self.attributes.iter().rev().find(|attribute| attribute.key.as_str() == key);
        found.map(|attribute| &attribute.value)
    }
}

fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => *flag,
        Value::String(text) => ["true", "1"].contains(&text.as_str()),
        Value::I64(number) => *number == 1,
        _ => false,
    }
}

impl Subject for RootSpan<'_> {
    fn service(&self) -> &str {
        self.own_service().unwrap_or(self.service)
    }

    fn name_fits(&self, pattern: &Glob) -> bool {
        let names = |names: &RefCell<StartNames>| {
            let mut names = names.borrow_mut();
            pattern.fits(&names.of(self.name, self.kind, self.attributes).name)
        };
        NAMES.with(names)
    }

    fn resource_fits(&self, pattern: &Glob) -> bool {
        let names = |names: &RefCell<StartNames>| {
            let mut names = names.borrow_mut();
            pattern.fits(&names.of(self.name, self.kind, self.attributes).resource)
        };
        NAMES.with(names)
    }

    fn tag_fits(&self, key: &str, pattern: &Glob) -> bool {
        self.attribute(key).is_some_and(|value| match value {
            Value::String(text) => pattern.fits(text.as_str()),
            other => pattern.fits(text_of(other, &mut String::new())),
        })
    }
}
