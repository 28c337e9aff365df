//! Facts about a root span when it starts: its names as they will be exported, and its attributes.

use std::cell::{Cell, OnceCell, RefCell};
use std::hash::{Hash, Hasher};

use opentelemetry::trace::SpanKind;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::glob::Glob;
use super::patterns::Subject;
use crate::delivery::ExporterHandle;
use crate::mapping::{self, SpanNames, StartNames, stored_service, text_of};

/// The attributes with which a span names its service, the first that has a text.
const SERVICE: [&str; 2] = ["datadog.service", "service.name"];

/// Name, kind and attributes of a span that starts.
pub(super) type Started<'a> = (&'a str, &'a SpanKind, &'a [KeyValue]);

/// The service of the application.
#[derive(Clone, Copy, Debug)]
pub(super) struct AppService<'a> {
    /// The exporter that knows it.
    pub(super) exporter: Option<&'a ExporterHandle>,
    /// The service if no exporter knows it.
    pub(super) name: &'a str,
}

/// A root span that starts.
pub(super) struct RootSpan<'a> {
    name: &'a str,
    kind: &'a SpanKind,
    attributes: &'a [KeyValue],
    service: AppService<'a>,
    /// Found when a rule asks for them first.
    names: OnceCell<SpanNames<'a>>,
    finder: Cell<Option<&'a mut StartNames>>,
    /// The text of the tag that is looked at.
    tag: RefCell<&'a mut String>,
}

/// Buffers that one decision after the other uses.
#[derive(Default)]
struct Buffers {
    names: StartNames,
    tag: String,
    service: String,
}

thread_local! {
    /// So that a decision needs no memory of its own.
    static BUFFERS: Cell<Option<Box<Buffers>>> = const { Cell::new(None) };
}

/// Returns what an attribute of the user demands.
pub(super) fn manual(attributes: &[KeyValue]) -> Option<bool> {
    mapping::manual_priority(|known| last(attributes, known.key())).map(|asked| asked > 0.0)
}

/// Returns true if the user says a priority on a span, whatever was decided before.
pub(super) fn has_priority(span: &SpanData) -> bool {
    mapping::has_priority(span, |known| last(&span.attributes, known.key()))
}

/// Returns an attribute; of equal keys the last counts.
fn last<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let found = attributes.iter().rev().find(|attribute| attribute.key.as_str() == key);
    found.map(|attribute| &attribute.value)
}

/// Looks at a root span that starts, with memory for what is found out about it.
pub(super) fn with_root<R>(
    (name, kind, attributes): Started<'_>,
    service: AppService<'_>,
    look: impl FnOnce(&RootSpan<'_>, &mut String) -> R,
) -> R {
    // Taken out and put back: a thread that ends has none left, and gets new ones.
    let mut buffers = BUFFERS.try_with(Cell::take).ok().flatten().unwrap_or_default();
    let Buffers { names: finder, tag, service: text } = &mut *buffers;
    let (finder, names, tag) = (Cell::new(Some(finder)), OnceCell::new(), RefCell::new(tag));
    let found = look(&RootSpan { name, kind, attributes, service, names, finder, tag }, text);
    buffers.names.shrink();
    let _ = BUFFERS.try_with(|kept| kept.set(Some(buffers)));
    found
}

impl<'a> RootSpan<'a> {
    /// Returns the service that the span itself names, as the Agent stores it.
    pub(super) fn stored_service<'t>(&self, out: &'t mut String) -> Option<&'t str>
    where
        'a: 't,
    {
        self.own_service().map(|service| stored_service(service, out))
    }

    fn own_service(&self) -> Option<&'a str> {
        SERVICE.into_iter().find_map(|key| match self.attribute(key)? {
            Value::String(text) if !text.as_str().is_empty() => Some(text.as_str()),
            _ => None,
        })
    }

    fn attribute(&self, key: &str) -> Option<&'a Value> {
        last(self.attributes, key)
    }

    fn names(&self) -> Option<&SpanNames<'a>> {
        if let Some(finder) = self.finder.take() {
            let names = finder.of(self.name, self.kind, self.attributes);
            return Some(self.names.get_or_init(|| names));
        }
        self.names.get()
    }
}

/// By service, operation and resource, as trace metrics are told apart.
impl Hash for RootSpan<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.own_service().hash(state);
        if let Some(names) = self.names() {
            (&names.operation, &names.resource).hash(state);
        }
    }
}

impl Subject for RootSpan<'_> {
    fn service_fits(&self, pattern: &Glob) -> bool {
        let AppService { exporter, name } = self.service;
        match (self.own_service(), exporter) {
            (Some(own), _) => pattern.fits(own),
            (None, Some(exporter)) => exporter
                .read_service(|known| pattern.fits(if known.is_empty() { name } else { known })),
            (None, None) => pattern.fits(name),
        }
    }

    fn name_fits(&self, pattern: &Glob) -> bool {
        self.names().is_some_and(|names| pattern.fits(&names.operation))
    }

    fn resource_fits(&self, pattern: &Glob) -> bool {
        self.names().is_some_and(|names| pattern.fits(&names.resource))
    }

    fn tag_fits(&self, key: &str, pattern: &Glob) -> bool {
        self.attribute(key).is_some_and(|value| match value {
            Value::String(text) => pattern.fits(text.as_str()),
            other => pattern.fits(text_of(other, &mut self.tag.borrow_mut())),
        })
    }
}
