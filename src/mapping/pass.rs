//! The pass over the tags of one span.
//!
//! Names with a row are tracked in two sets of bits (`written`: no second tag of that name; `late`:
//! to be written after the pass), all other names in a [`KeySet`]. Attributes are walked from the
//! last to the first, so the first of a name that is met is the one that wins.

use opentelemetry::SpanId;
use opentelemetry::trace::SpanKind;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::attributes::{self, Known, Rule};
use super::hash::{KeySet, hash};
use super::ids::{self, Hex};
use super::links::{self, EXCEPTION};
use super::lookup::{self, Lookup, Slots, nonempty, string};
use super::naming::{self, SpanNames};
use super::resource::ResourceFacts;
use super::tags::{Name, clipped};
use super::{Options, Place, SpanTypes, normalize, sampling, status, text};
use crate::encoding::{Sink, Text};

/// What was derived from the attributes of the span, and where it goes.
pub(super) struct Pass<'p, 'a, S: Sink> {
    span: &'a SpanData,
    facts: &'a ResourceFacts<S::Prepared>,
    types: SpanTypes,
    slots: Slots<&'a Value>,
    /// Names with a row whose text tag is written.
    written: u128,
    /// Names with a row whose attribute is not written yet.
    late: u128,
    keys: &'p mut KeySet,
    scope_keys: &'p mut KeySet,
    text: &'p mut String,
    /// Whether any text attribute is empty, and so gives way to the resource.
    any_empty: bool,
    /// Whether the span has an attribute of the AI conventions.
    pub(super) gen_ai: bool,
    /// The error flag.
    pub(super) error: bool,
    pub(super) sink: S,
}

impl<'p, 'a, S: Sink> Pass<'p, 'a, S> {
    pub(super) fn new(
        span: &'a SpanData,
        facts: &'a ResourceFacts<S::Prepared>,
        types: SpanTypes,
        keys: &'p mut KeySet,
        scope_keys: &'p mut KeySet,
        text: &'p mut String,
        sink: S,
    ) -> Self {
        keys.reset(span.attributes.len());
        Self {
            span,
            facts,
            types,
            slots: [None; Known::COUNT],
            written: 0,
            late: 0,
            keys,
            scope_keys,
            text,
            any_empty: false,
            gen_ai: false,
            error: false,
            sink,
        }
    }

    /// What the span and its resource know, once the attributes are walked.
    pub(super) fn lookup(&self) -> Lookup<'_, 'a> {
        Lookup { span: &self.slots, resource: &self.facts.slots }
    }

    /// Writes the attributes of the instrumentation scope, which beat all tags of their names.
    pub(super) fn scope_attributes(&mut self) {
        let span = self.span;
        let scope = &span.instrumentation_scope;
        let count = scope.attributes().count();
        self.scope_keys.reset(count);
        if count == 0 {
            return;
        }
        let key = |entry: usize| {
            scope.attributes().nth(entry).map_or("", |attribute| attribute.key.as_str())
        };
        for (entry, attribute) in scope.attributes().enumerate() {
            let name = Name::of(attribute.key.as_str());
            let hash = name_hash(&name, self.text);
            if !self.scope_keys.insert(hash, entry, |other| Name::of(key(other)).same_as(&name)) {
                continue;
            }
            match name.row() {
                Some((_, Rule::Note)) => {}
                Some((_, Rule::Statement)) if self.types == SpanTypes::Documented => {}
                Some((known, _)) => self.put_value(known.tag(), &attribute.value),
                None if name.is_removed(self.types) => {}
                None => self.write_value(&name, &attribute.value),
            }
        }
    }

    /// Notes the attributes of the span that have a row, and writes those that need no decision.
    pub(super) fn span_attributes(&mut self) {
        for (entry, attribute) in self.span.attributes.iter().enumerate().rev() {
            let key = attribute.key.as_str();
            let hash = hash(key);
            match attributes::find(key, hash) {
                Some((known, rule)) => self.known(known, rule, &attribute.value),
                None => self.foreign(entry, attribute, hash),
            }
        }
    }

    fn known(&mut self, known: Known, rule: Rule, value: &'a Value) {
        let slot = &mut self.slots[known as usize];
        if slot.is_some() {
            return;
        }
        *slot = Some(value);
        match rule {
            Rule::Tag => self.plain(known, value),
            Rule::Statement if self.types == SpanTypes::Agent => self.plain(known, value),
            Rule::Late => self.late |= known.bit(),
            Rule::Rename(target) => self.late |= target.bit(),
            Rule::Note | Rule::Statement => {}
        }
    }

    fn foreign(&mut self, entry: usize, attribute: &'a KeyValue, key_hash: u64) {
        let name = Name::of(attribute.key.as_str());
        if name.is_removed(self.types) {
            return;
        }
        self.gen_ai |= name.is_gen_ai();
        let hash = if name.plain().is_some() { key_hash } else { name_hash(&name, self.text) };
        let list = &self.span.attributes;
        let same = |other: usize| Name::of(list[other].key.as_str()).same_as(&name);
        if !self.keys.insert(hash, entry, same) {
            return;
        }
        match &attribute.value {
            Value::String(text) if text.as_str().is_empty() => self.any_empty = true,
            value => match lookup::number(value) {
                Some(number) => match name.plain() {
                    Some(plain) => self.sink.metric(plain.into(), number),
                    None => self.sink.metric(Text::Shown(format_args!("{name}")), number),
                },
                None if self.in_scope(hash, &name) => {}
                None => self.write_value(&name, value),
            },
        }
    }

    /// Whether the scope has an attribute of this name.
    fn in_scope(&self, hash: u64, name: &Name<'_>) -> bool {
        let scope = &self.span.instrumentation_scope;
        let key = |entry: usize| {
            scope.attributes().nth(entry).map_or("", |attribute| attribute.key.as_str())
        };
        self.scope_keys.get(hash, |other| Name::of(key(other)).same_as(name)).is_some()
    }

    /// Writes an attribute under its own name: a number as a metric, anything else as a text tag.
    fn plain(&mut self, known: Known, value: &'a Value) {
        match (lookup::number(value), value) {
            (Some(number), _) => self.sink.metric(known.key().into(), number),
            (None, Value::String(text)) if text.as_str().is_empty() => self.any_empty = true,
            (None, value) => self.put_value(known, value),
        }
    }

    /// Writes what was decided: by the attributes noted, by the fields of the span, by its place.
    pub(super) fn decided_tags(
        &mut self,
        options: &Options,
        place: Place,
        names: &SpanNames<'_>,
        env: &mut String,
        version: &mut String,
    ) {
        self.kind();
        self.http_status();
        self.grpc_status();
        self.renamed();
        self.unified(&[Known::DatadogEnv, Known::Env], naming::ENVIRONMENT, &self.facts.env, env);
        self.put_nonempty(Known::Env, env);
        self.unified(
            &[Known::DatadogVersion, Known::Version],
            naming::VERSION,
            &self.facts.version,
            version,
        );
        self.put_nonempty(Known::Version, version);
        self.error_tags();
        self.ids_and_states();
        self.events_and_links();
        self.scope_and_status();
        let foreign_service = self.base_service(names);
        self.sampling(place, foreign_service);
        if place == Place::First {
            self.chunk_facts(options);
        }
        self.database_name();
    }

    fn kind(&mut self) {
        let own = self.lookup().span_text(Known::DatadogSpanKind);
        self.put(Known::SpanKind, own.unwrap_or_else(|| naming::kind_name(&self.span.span_kind)));
        self.late &= !Known::SpanKind.bit();
    }

    /// The status as a number; as text only where the Agent keeps it.
    fn http_status(&mut self) {
        let attributes = self.lookup();
        let own = attributes.span(Known::DatadogHttpStatusCode).and_then(lookup::integer);
        let code =
            own.or_else(|| attributes.integer(naming::HTTP_STATUS)).filter(|code| *code >= 0);
        let Some(code) = code else { return };
        self.late &= !Known::HttpStatusCode.bit();
        #[expect(clippy::cast_precision_loss, reason = "metrics are doubles on the wire")]
        self.sink.metric(Known::HttpStatusCode.key().into(), code as f64);
        if (100..=599).contains(&code) {
            self.put_shown(Known::HttpStatusCode, format_args!("{code}"));
        } else {
            self.written |= Known::HttpStatusCode.bit();
        }
    }

    /// The gRPC status as text, from whatever key holds it; a number stays a metric as well.
    fn grpc_status(&mut self) {
        const KEYS: [Known; 4] = [
            Known::RpcGrpcStatusCode,
            Known::GrpcCode,
            Known::RpcGrpcStatusCodeDotted,
            Known::GrpcStatusCode,
        ];
        fn read(value: &Value) -> Option<&Value> {
            (string(value).is_some() || lookup::integer(value).is_some()).then_some(value)
        }
        let attributes = self.lookup();
        let found = attributes.first(&KEYS, read).or_else(|| {
            let system = attributes
                .text(&[Known::RpcSystemName])
                .or_else(|| attributes.text(&[Known::RpcSystem]));
            (system == Some("grpc"))
                .then(|| attributes.first(&[Known::RpcResponseStatusCode], read))
                .flatten()
        });
        let Some(found) = found else { return };
        self.put_value(Known::RpcGrpcStatusCode, found);
        self.take_number(Known::RpcGrpcStatusCode);
    }

    /// HTTP attributes under the names that Datadog reads; of two keys for one name the new one.
    fn renamed(&mut self) {
        for (new, target) in attributes::RENAMES {
            if self.late & target.bit() == 0 {
                continue;
            }
            self.late &= !target.bit();
            let filled = |known: Known| {
                self.slots[known as usize]
                    .filter(|value| string(value).is_some() || !matches!(value, Value::String(_)))
            };
            match filled(new).or_else(|| filled(target)) {
                Some(value) => self.plain(target, value),
                None => self.any_empty = true,
            }
        }
    }

    /// Decides `env` or `version`: the span's own keys as written, then the concept, else the default.
    fn unified(&self, own: &[Known], concept: lookup::Concept, default: &str, out: &mut String) {
        out.clear();
        let attributes = self.lookup();
        let own = own.iter().find_map(|known| attributes.span_text(*known));
        let on_span = concept.iter().any(|known| self.slots[*known as usize].is_some());
        match own {
            Some(own) => out.push_str(clipped(own).0),
            None if on_span => match attributes.text(concept) {
                Some(value) => normalize::push_tag_value(out, value),
                None => out.push_str(default),
            },
            None => out.push_str(default),
        }
    }

    fn error_tags(&mut self) {
        self.error = status::is_error(&self.span.status, &self.lookup());
        let failed = matches!(self.span.status, opentelemetry::trace::Status::Error { .. });
        for source in &status::SOURCES {
            let attributes = self.lookup();
            if let Some(own) = attributes.span_text(source.replaced_by) {
                for tag in source.tags {
                    self.put(*tag, own);
                    self.late &= !tag.bit();
                }
                continue;
            }
            if !failed {
                continue;
            }
            let explicit = source.tags.iter().find_map(|tag| attributes.span_text(*tag));
            let found = explicit.or_else(|| source.text(&attributes, &self.span.events));
            match found {
                Some(found) => source.tags.iter().for_each(|tag| self.own(*tag, found)),
                None if source.tags.len() > 1 => self.message_of_status(source.tags),
                None => {}
            }
        }
    }

    /// The message of an error that has no other: the status description, else the HTTP status.
    fn message_of_status(&mut self, tags: &[Known]) {
        let (_, description) = status::describe(&self.span.status);
        if let Some(description) = nonempty(description) {
            return tags.iter().for_each(|tag| self.own(*tag, description));
        }
        let attributes = self.lookup();
        let own = attributes.span(Known::DatadogHttpStatusCode).and_then(lookup::integer);
        let code = own.or_else(|| attributes.integer(naming::HTTP_STATUS));
        if let Some(code) = code.filter(|code| (100..=599).contains(code)) {
            for tag in tags {
                self.put_shown(*tag, format_args!("{code}{}", status::reason(code)));
            }
        }
    }

    fn ids_and_states(&mut self) {
        let context = &self.span.span_context;
        self.own(Known::OtelTraceId, Hex::<32>::new(&context.trace_id().to_bytes()).as_str());
        let mut state = std::mem::take(self.text);
        if let Some(state) = nonempty(links::trace_state(context.trace_state(), &mut state)) {
            self.put(Known::W3cTracestate, state);
            self.late &= !Known::W3cTracestate.bit();
        }
        *self.text = state;
    }

    fn events_and_links(&mut self) {
        let span = self.span;
        let mut json = std::mem::take(self.text);
        if !span.events.is_empty() {
            self.own(Known::Events, links::events(&span.events, &mut json));
            if span.events.iter().any(|event| event.name == EXCEPTION) {
                self.own(Known::HasException, "true");
            }
        }
        if !span.links.is_empty() {
            self.own(Known::SpanLinks, links::links(&span.links, &mut json));
        }
        *self.text = json;
    }

    fn scope_and_status(&mut self) {
        let scope = &self.span.instrumentation_scope;
        let version = scope.version().unwrap_or("");
        let (code, description) = status::describe(&self.span.status);
        let tags = [
            (Known::ScopeName, scope.name()),
            (Known::LibraryName, scope.name()),
            (Known::ScopeVersion, version),
            (Known::LibraryVersion, version),
            (Known::StatusCode, code),
            (Known::StatusDescription, description),
        ];
        for (known, text) in tags {
            if !text.is_empty() {
                self.own(known, text);
            }
        }
    }

    /// Names the application on a span of another service, and says whether it is one.
    fn base_service(&mut self, names: &SpanNames<'_>) -> bool {
        let facts = self.facts;
        if names.service == facts.service {
            return false;
        }
        self.text.clear();
        normalize::push_service(self.text, &names.service);
        if *self.text == facts.service_normalised {
            return false;
        }
        self.own(Known::BaseService, &facts.service);
        true
    }

    fn sampling(&mut self, place: Place, foreign_service: bool) {
        let span = self.span;
        let kind = &span.span_kind;
        let local_root = span.parent_span_id == SpanId::INVALID || span.parent_span_is_remote;
        let attributes = self.lookup();

        if let Some(analysed) = attributes.span(Known::AnalyticsEvent).and_then(flag) {
            self.sink.metric("_dd1.sr.eausr".into(), if analysed { 1.0 } else { 0.0 });
        }
        let asked = sampling::asked_priority(&self.lookup());
        let default = (place == Place::First || local_root)
            .then(|| sampling::priority_of_flag(span.span_context.is_sampled()));
        self.take_number(Known::SamplingPriority);
        if let Some(priority) = asked.or(default) {
            if self.slots[Known::SamplingPriority as usize].and_then(lookup::number).is_none() {
                self.sink.metric(Known::SamplingPriority.key().into(), priority);
            }
        }
        if !self.take_number(Known::Measured)
            && matches!(kind, SpanKind::Client | SpanKind::Producer)
        {
            self.sink.metric(Known::Measured.key().into(), 1.0);
        }
        if !self.take_number(Known::SampleRate) && (place == Place::First || local_root) {
            if let Some(rate) = sampling::kept_fraction(span.span_context.trace_state()) {
                self.sink.metric(Known::SampleRate.key().into(), rate);
            }
        }
        let entry =
            local_root || foreign_service || matches!(kind, SpanKind::Server | SpanKind::Consumer);
        if !self.take_number(Known::TopLevel) && entry {
            self.sink.metric(Known::TopLevel.key().into(), 1.0);
        }
    }

    fn chunk_facts(&mut self, options: &Options) {
        let high = ids::high_half(self.span.span_context.trace_id());
        if high != 0 {
            self.put(Known::TraceIdHigh, Hex::<16>::new(&high.to_be_bytes()).as_str());
            self.late &= !Known::TraceIdHigh.bit();
        }
        self.own(Known::Language, "rust");
        self.own(Known::RuntimeId, &options.runtime_id);
        if let Some(hostname) = &options.hostname {
            self.own(Known::Hostname, hostname);
        }
        if !self.take_number(Known::ProcessId) {
            self.sink.metric(Known::ProcessId.key().into(), f64::from(std::process::id()));
        }
    }

    /// The namespace is the database name where nothing else is.
    fn database_name(&mut self) {
        let named = self.slots[Known::DbName as usize].is_some_and(|value| string(value).is_some())
            || self.facts.slots[Known::DbName as usize].is_some();
        if !named {
            if let Some(namespace) = self.lookup().text(naming::DB_NAMESPACE) {
                self.put(Known::DbName, namespace);
            }
        }
    }

    /// Writes what nobody else wrote: attributes kept for later, tags of the resource, empty texts.
    pub(super) fn remaining_tags(&mut self) {
        while self.late != 0 {
            let known = Known::one_of(self.late);
            self.late &= !known.bit();
            if let Some(value) = self.slots[known as usize] {
                self.plain(known, value);
            }
        }
        let facts = self.facts;
        for tag in &facts.tags {
            let taken = match tag.known {
                Some(known) => self.written & known.bit() != 0,
                None => self.is_taken(tag.hash, &tag.name),
            };
            if !taken {
                self.sink.prepared(&tag.prepared);
            }
        }
        if self.any_empty {
            self.empty_tags();
        }
    }

    /// Whether a tag of this name is written already.
    fn is_taken(&self, hash: u64, name: &str) -> bool {
        let list = &self.span.attributes;
        let name = Name::of(name);
        let found = self.keys.get(hash, |entry| Name::of(list[entry].key.as_str()).same_as(&name));
        let by_span = found.is_some_and(|entry| {
            let value = &list[entry].value;
            lookup::number(value).is_none() && !is_empty(value)
        });
        by_span || self.in_scope(hash, &name)
    }

    /// Writes the empty text attributes whose names are still free.
    fn empty_tags(&mut self) {
        let list = &self.span.attributes;
        for (entry, attribute) in list.iter().enumerate() {
            if !is_empty(&attribute.value) {
                continue;
            }
            let key = attribute.key.as_str();
            let in_resource = |name: &str| self.facts.tags.iter().any(|tag| tag.name == name);
            match attributes::find(key, hash(key)) {
                Some((_, Rule::Note | Rule::Statement)) => {}
                Some((known, _)) => {
                    let winner = self.slots[known as usize].is_some_and(is_empty);
                    if winner && !in_resource(known.tag().key()) {
                        self.put(known.tag(), "");
                    }
                }
                None => {
                    let name = Name::of(key);
                    let hash = name_hash(&name, self.text);
                    let same = |other: usize| Name::of(list[other].key.as_str()).same_as(&name);
                    let winner = self.keys.get(hash, same) == Some(entry);
                    if winner && !in_resource(&name.to_string()) && !self.in_scope(hash, &name) {
                        self.sink.meta(Text::Shown(format_args!("{name}")), "".into());
                    }
                }
            }
        }
    }

    /// Writes a text tag; an attribute of that name on the span comes first.
    fn own(&mut self, known: Known, text: &str) {
        let attribute = self.slots[known as usize].and_then(string);
        if attribute.is_some() {
            self.late &= !known.bit();
        }
        self.put(known, attribute.unwrap_or(text));
    }

    fn put_nonempty(&mut self, known: Known, text: &str) {
        if self.slots[known as usize].and_then(string).is_some() {
            self.late &= !known.bit();
        }
        if !text.is_empty() {
            self.put(known, text);
        }
    }

    /// Writes a text tag unless one of that name is written.
    fn put(&mut self, known: Known, text: &str) {
        match clipped(text) {
            (text, "") => self.put_text(known, Text::Str(text)),
            (text, mark) => self.put_shown(known, format_args!("{text}{mark}")),
        }
    }

    fn put_shown(&mut self, known: Known, shown: std::fmt::Arguments<'_>) {
        self.put_text(known, Text::Shown(shown));
    }

    fn put_value(&mut self, known: Known, value: &Value) {
        let mut buffer = std::mem::take(self.text);
        self.put(known, text::of(value, &mut buffer));
        *self.text = buffer;
    }

    fn put_text(&mut self, known: Known, text: Text<'_>) {
        if self.written & known.bit() == 0 {
            self.written |= known.bit();
            self.sink.meta(known.key().into(), text);
        }
    }

    /// Writes a text tag that has no row.
    fn write_value(&mut self, name: &Name<'_>, value: &Value) {
        let (value, mark) = clipped(text::of(value, self.text));
        match (name.plain(), mark) {
            (Some(plain), "") => self.sink.meta(plain.into(), value.into()),
            _ => self.sink.meta(
                Text::Shown(format_args!("{name}")),
                Text::Shown(format_args!("{value}{mark}")),
            ),
        }
    }

    /// Writes an attribute that is a number as a metric of its name; says whether it was one.
    fn take_number(&mut self, known: Known) -> bool {
        let number = self.slots[known as usize].and_then(lookup::number);
        if let Some(number) = number {
            self.late &= !known.bit();
            self.sink.metric(known.key().into(), number);
        }
        number.is_some()
    }
}

/// Returns the hash of a name as it is written.
fn name_hash(name: &Name<'_>, buffer: &mut String) -> u64 {
    use std::fmt::Write as _;

    if let Some(plain) = name.plain() {
        return hash(plain);
    }
    buffer.clear();
    write!(buffer, "{name}").expect("writing to a String cannot fail");
    hash(buffer)
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::String(text) if text.as_str().is_empty())
}

/// Reads a flag: a bool, or one of the texts that Go's `strconv.ParseBool` takes.
fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.as_str() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
