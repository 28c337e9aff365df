//! Decisions of the resource and the configuration, taken once and not per span.
//!
//! A value that is configured takes the place of the resource attribute of the same meaning, never of
//! a span attribute. Resource attributes are text tags whatever their type; configured tags come
//! before resource attributes of the same name.

use opentelemetry::Value;
use opentelemetry_sdk::Resource;

use super::attributes::{Attribute, AttributeSet, Rule};
use super::key_set::{KeySet, hash};
use super::lookup::{Concept, Slots};
use super::naming::{ENVIRONMENT, SERVICE, VERSION};
use super::normalize::{MAX_NAME, MAX_VALUE};
use super::obfuscate::without_secrets;
use super::redact::Redactor;
use super::tags::{Name, push_clipped};
use super::{Options, normalize, text};
use crate::encoding::Sink;

/// The most bytes of the tags that every span of a resource and a scope gets, names included: a payload of 4 MiB then
/// holds 64 such spans at least.
const MAX_SHARED_BYTES: usize = 64 * 1024;

/// The most names that are kept of tags that were left out.
const MAX_LEFT_OUT: usize = 8;

/// The SDK's prefix of a service that nobody named; the name of the executable follows.
const UNKNOWN_SERVICE: &str = "unknown_service";

/// The facts of one resource, with its tags in the form that `P` is cheapest to write.
#[derive(Debug)]
pub(crate) struct ResourceFacts<P> {
    /// Attributes that decide something, without those that the configuration replaces.
    pub(crate) slots: Box<Slots<Value>>,
    /// The attributes among them, as a set.
    pub(crate) noted: AttributeSet,
    /// Every text tag, in no order.
    pub(crate) tags: Vec<ResourceTag<P>>,
    /// Their places by name, but for env and version: a resource may have any number of them.
    places: KeySet,
    /// All of them at once: what nearly every span gets.
    pub(crate) block: P,
    /// Those of them that have a row.
    pub(crate) known: AttributeSet,
    /// True if one of the tags is `db.name`.
    pub(crate) has_db_name: bool,
    /// The application service, normalised unless it is configured.
    pub(crate) service: String,
    /// The application service as somebody wrote it: what sampling rules see.
    service_written: String,
    /// The application service as the Agent stores it, to compare with.
    pub(crate) service_normalised: String,
    /// `env` of a span that says nothing about it; empty if unknown.
    pub(crate) env: String,
    /// `version` of a span that says nothing about it; empty if unknown.
    pub(crate) version: String,
    /// Bytes that are left for the attributes of a scope.
    pub(crate) room: usize,
    /// Names of tags that had no room, the first few.
    pub(crate) left_out: Vec<String>,
}

/// A text tag that goes to every span which has no such tag of its own.
#[derive(Debug)]
pub(crate) struct ResourceTag<P> {
    /// The name in the table, if it has a row.
    pub(crate) known: Option<Attribute>,
    /// The name as written.
    pub(crate) name: String,
    /// The text.
    value: String,
    /// The [`hash`] of the name.
    pub(crate) hash: u64,
    /// The encoded tag.
    pub(crate) prepared: P,
}

impl<P> ResourceFacts<P> {
    /// Prepares what `resource` and `options` decide for the wire of `S`.
    pub(crate) fn new<S: Sink<Prepared = P>>(resource: &Resource, options: &Options) -> Self {
        let mut facts = Self {
            slots: Box::new([const { None }; Attribute::COUNT]),
            noted: AttributeSet::EMPTY,
            tags: Vec::new(),
            places: KeySet::default(),
            block: S::prepare(&[]),
            known: AttributeSet::EMPTY,
            has_db_name: false,
            service: String::new(),
            service_written: String::new(),
            service_normalised: String::new(),
            env: String::new(),
            version: String::new(),
            room: MAX_SHARED_BYTES,
            left_out: Vec::new(),
        };
        facts.places.reset(options.tags.len() + resource.len());
        let mut redactor = Redactor::new(options.obfuscation, &options.query_secrets);
        for (key, text) in &options.tags {
            facts.push::<S>(key, &Value::from(text.clone()), options, &mut redactor);
        }
        // A resource has no order of its own: of two keys for one tag the new one, an empty text last.
        let order = |key: &str, value: &Value| {
            let renamed = matches!(Name::of(key).row(), Some((_, Rule::Rename(_))));
            (matches!(value, Value::String(text) if text.as_str().is_empty()), !renamed)
        };
        let mut attributes: Vec<_> =
            resource.iter().map(|(key, value)| (key.as_str(), value)).collect();
        attributes.sort_by_cached_key(|(key, value)| (order(key, value), *key));
        for (key, value) in attributes {
            if let Some((known, _)) = Name::of(key).row() {
                facts.slots[known as usize] = Some(value.clone());
                facts.noted.insert(known);
            }
            facts.push::<S>(key, value, options, &mut redactor);
        }
        facts.has_db_name = facts.tags.iter().any(|tag| tag.known == Some(Attribute::DbName));
        facts.choose::<S>(options);
        facts.join::<S>();
        facts
    }

    /// Returns true if one of the tags without a row has this name, whose hash is given.
    pub(crate) fn has_tag(&self, hash: u64, name: &Name<'_>) -> bool {
        let same = |place: usize| Name::of(&self.tags[place].name).same_as(name);
        self.places.get(hash, same).is_some()
    }

    /// Returns the application's service and environment as the Agent stores them, and the service as it was written.
    pub(crate) fn identity(&self) -> (&str, &str, String) {
        let mut env = String::new();
        normalize::push_tag_value(&mut env, &self.env);
        (&self.service_normalised, &self.service_written, env)
    }

    /// Prepares what nearly every span gets, and what tells that a span is another.
    fn join<S: Sink<Prepared = P>>(&mut self) {
        let all: Vec<_> =
            self.tags.iter().map(|tag| (tag.name.as_str(), tag.value.as_str())).collect();
        self.block = S::prepare(&all);
        for tag in &self.tags {
            if let Some(known) = tag.known {
                self.known.insert(known);
            }
        }
    }

    /// Adds the tag of an attribute, unless there is none or its name is taken.
    fn push<S: Sink<Prepared = P>>(
        &mut self,
        key: &str,
        value: &Value,
        options: &Options,
        redactor: &mut Redactor,
    ) {
        if [Attribute::Env, Attribute::Version].iter().any(|setting| setting.key() == key) {
            // A tag once it is decided.
            return;
        }
        let query = options.resource_query();
        let Some(name) = Name::of_tag(key, options.obfuscation, query) else { return };
        let known = name.row().map(|(known, _)| known);
        let name = name.to_string();
        let (hash, tags) = (hash(name.as_bytes()), &self.tags);
        if !self.places.insert(hash, tags.len(), |place| tags[place].name == name) {
            return;
        }
        let mut buffer = String::new();
        let text = redactor.tag(known, value, query, &mut buffer);
        let Some(room) = self.room.checked_sub(name.len() + text.len().min(MAX_VALUE)) else {
            if self.left_out.len() < MAX_LEFT_OUT {
                self.left_out.push(name);
            }
            return;
        };
        self.room = room;
        self.add::<S>(known, name, text);
    }

    /// Adds a tag, its text within the limit.
    fn add<S: Sink<Prepared = P>>(&mut self, known: Option<Attribute>, name: String, text: &str) {
        let mut value = String::new();
        push_clipped(&mut value, text);
        let prepared = S::prepare(&[(&name, &value)]);
        self.tags.push(ResourceTag { known, hash: hash(name.as_bytes()), name, value, prepared });
    }

    /// Decides service, env and version.
    fn choose<S: Sink<Prepared = P>>(&mut self, options: &Options) {
        // The SDK's own default says nothing that the exporter does not know better.
        let named = self.text(SERVICE).filter(|name| !name.starts_with(UNKNOWN_SERVICE));
        let written = options.service.as_deref().or(named).unwrap_or(&options.unknown_service);
        let written = without_secrets(written, &options.query_secrets).into_owned();
        if options.service.is_some() {
            normalize::cut(&written, MAX_NAME).clone_into(&mut self.service);
        } else {
            normalize::push_service(&mut self.service, &written);
        }
        self.service_written = written;
        normalize::push_service(&mut self.service_normalised, &self.service);
        self.env = self.unified(options, options.env.as_ref(), ENVIRONMENT, Attribute::Env);
        self.version = self.unified(options, options.version.as_ref(), VERSION, Attribute::Version);
        let settings = [(Attribute::Env, &self.env), (Attribute::Version, &self.version)];
        for (known, value) in settings.map(|(known, value)| (known, value.clone())) {
            if !value.is_empty() {
                self.add::<S>(Some(known), known.key().to_owned(), &value);
            }
        }
        // The span's own attribute still counts; the resource's has had its say.
        self.forget(Attribute::ServiceName);
    }

    /// Drops an attribute that decides nothing more.
    fn forget(&mut self, known: Attribute) {
        self.slots[known as usize] = None;
        self.noted.remove(known);
    }

    /// Returns the configured value (a configured tag of the name is one), else that of the concept,
    /// else that of the plain key, whatever its type: it is a tag of every span.
    fn unified(
        &mut self,
        options: &Options,
        configured: Option<&String>,
        concept: Concept,
        plain: Attribute,
    ) -> String {
        let tag = || options.tags.iter().find(|(key, _)| key == plain.key()).map(|(_, text)| text);
        if let Some(value) = configured.or_else(tag) {
            let value = without_secrets(value, &options.query_secrets).into_owned();
            for known in concept {
                self.forget(*known);
            }
            return value;
        }
        let mut out = String::new();
        let secrets = &options.query_secrets;
        let text = without_secrets(self.text(concept).unwrap_or(""), secrets);
        normalize::push_tag_value(&mut out, &text);
        if let (true, Some(value)) = (out.is_empty(), &self.slots[plain as usize]) {
            let mut buffer = String::new();
            push_clipped(&mut out, &without_secrets(text::of(value, &mut buffer), secrets));
        }
        out
    }

    fn text(&self, concept: &[Attribute]) -> Option<&str> {
        concept
            .iter()
            .find_map(|known| self.slots[*known as usize].as_ref().and_then(super::lookup::string))
    }
}
