//! Tags of a span beyond its copied attributes: from attributes that were noted, from its fields and its place.
//!
//! Each method is one rule of the Agent's conversion and writes the tags it owns. An attribute of the
//! same name on the span comes first, except where the rule says otherwise.

use std::fmt::Write as _;

use opentelemetry::Value;
use opentelemetry::trace::{SpanKind, Status};

use super::{Content, Pass, is_empty};
use crate::datadog::{HTTP_STATUSES, ids};
use crate::encoding::{Sink, Text, whole};
use crate::mapping::attributes::{self, Attribute};
use crate::mapping::drivers::{self, Source};
use crate::mapping::links::{self, EXCEPTION, Writer};
use crate::mapping::lookup::{self, string};
use crate::mapping::names::SpanNames;
use crate::mapping::naming::{self, Database};
use crate::mapping::redact::Nest;
use crate::mapping::tags::push_clipped;
use crate::mapping::{Options, Place, errors, normalize, status};

impl<'a, S: Sink> Pass<'_, 'a, S> {
    /// Writes what was decided: by the attributes noted, by the fields of the span, by its place. Returns
    /// the error flag.
    pub(in crate::mapping) fn decided_tags(
        &mut self,
        options: &Options,
        place: Place,
        names: &SpanNames<'_>,
        database: Database<'_>,
        env: &mut String,
        version: &mut String,
    ) -> bool {
        self.kind();
        self.http_status();
        self.grpc_status();
        self.renamed();
        self.statements(database);
        let facts = self.reader.facts;
        let environment = (Attribute::DatadogEnv, Attribute::Env);
        self.unified(environment, naming::ENVIRONMENT, &facts.env, env);
        let version_of_span = (Attribute::DatadogVersion, Attribute::Version);
        self.unified(version_of_span, naming::VERSION, &facts.version, version);
        let is_error = self.error_tags(options);
        self.ids_and_states();
        self.events_and_links(database);
        self.scope_name_and_version();
        self.status();
        let foreign_service = self.base_service(names);
        self.sampling(place, foreign_service, names.measured);
        if place == Place::Head {
            self.chunk_facts(options);
        }
        self.database_name();
        is_error
    }

    fn kind(&mut self) {
        let own = self.lookup().span_text(Attribute::DatadogSpanKind);
        let kind = || Content::Safe(naming::kind_name(&self.reader.span.span_kind));
        self.force(Attribute::SpanKind, own.map_or_else(kind, Content::Raw));
    }

    fn status_code(&self) -> Option<i64> {
        let attributes = self.lookup();
        let own = attributes.span(Attribute::DatadogHttpStatusCode).and_then(lookup::integer);
        own.or_else(|| attributes.integer(naming::HTTP_STATUS))
    }

    /// The status as a number; as text only where the Agent keeps it.
    fn http_status(&mut self) {
        let is_code = |code: &i64| *code >= 0 && lookup::is_exact(*code);
        let Some(code) = self.status_code().filter(is_code) else { return };
        self.late.remove(Attribute::HttpStatusCode);
        #[expect(clippy::cast_precision_loss, reason = "metrics are doubles on the wire")]
        self.writer.number(Attribute::HttpStatusCode, code as f64);
        if HTTP_STATUSES.contains(&code) {
            let code = Text::Shown(format_args!("{code}"));
            self.writer.put(Attribute::HttpStatusCode, Content::Pieces(code));
        } else {
            self.writer.claim(Attribute::HttpStatusCode);
        }
    }

    /// The gRPC status as text, from whatever key holds it; a number stays a metric as well.
    fn grpc_status(&mut self) {
        if let Some(found) = self.grpc_code() {
            self.writer.put_value(Attribute::RpcGrpcStatusCode, found);
            self.take_number(Attribute::RpcGrpcStatusCode);
        }
    }

    /// Returns the gRPC status from whatever key holds it.
    fn grpc_code(&self) -> Option<&'a Value> {
        const KEYS: [Attribute; 4] = [
            Attribute::RpcGrpcStatusCode,
            Attribute::GrpcCode,
            Attribute::RpcGrpcStatusCodeDotted,
            Attribute::GrpcStatusCode,
        ];
        fn read(value: &Value) -> Option<&Value> {
            let is_whole = || lookup::number(value).and_then(whole).is_some();
            (string(value).is_some() || is_whole()).then_some(value)
        }
        let attributes = self.lookup();
        attributes.first(&KEYS, read).or_else(|| {
            let system = attributes
                .text(&[Attribute::RpcSystemName])
                .or_else(|| attributes.text(&[Attribute::RpcSystem]));
            (system == Some("grpc"))
                .then(|| attributes.first(&[Attribute::RpcResponseStatusCode], read))
                .flatten()
        })
    }

    /// HTTP attributes under the names that Datadog reads; of two keys for one name the new one.
    fn renamed(&mut self) {
        for (new, target) in attributes::RENAMES {
            if !self.late.remove(target) {
                continue;
            }
            let filled = |known| self.reader.own(known).filter(|value| !is_empty(value));
            if let Some(value) = filled(new).or_else(|| filled(target)) {
                self.copy(target, value);
            }
        }
    }

    /// Statements without their literals: those that nobody obfuscates later.
    fn statements(&mut self, database: Database<'_>) {
        let mut found = self.late.split_off(&attributes::STATEMENTS);
        while let Some(known) = found.pop() {
            let text = self.reader.own_text(known);
            let (Some(text), Some(speaks)) = (text, known.speaks()) else { continue };
            self.writer.put_redacted(known, |redactor| {
                if database.is_read_from(text) {
                    // The resource needed it already.
                    database.statement
                } else {
                    redactor.statement(text, speaks, database.language())
                }
            });
        }
        self.of_drivers();
    }

    /// Attributes that a database driver may have written.
    fn of_drivers(&mut self) {
        let mut found = self.late.split_off(&attributes::OF_DRIVERS);
        while let Some(known) = found.pop() {
            let Some(value) = self.reader.own(known) else { continue };
            let source = Source::of(&self.reader.span.attributes);
            let Some(holds) = drivers::find(known.key(), &source) else {
                self.copy(known, value);
                continue;
            };
            if let Some(text) = string(value) {
                self.writer.put_redacted(known, |redactor| redactor.of_driver(text, holds));
            }
        }
    }

    /// Writes `env` or `version`: the override as written, then the concept, else the default.
    ///
    /// `out` gets exactly what the tag says, wherever it came from: the Agent takes the tag of one
    /// trace for its whole request, so traces that differ must not share one.
    fn unified(
        &mut self,
        (replacement, tag): (Attribute, Attribute),
        concept: lookup::Concept,
        default: &str,
        out: &mut String,
    ) {
        out.clear();
        let attributes = self.lookup();
        let on_span = concept.iter().any(|known| attributes.span(*known).is_some());
        match attributes.span_text(replacement) {
            Some(own) => push_clipped(out, &self.writer.redactor.name(own)),
            None if on_span => {
                let text = self.writer.redactor.name(attributes.text(concept).unwrap_or(""));
                normalize::push_tag_value(out, &text);
            }
            None => {}
        }
        // Without one it is a tag of the resource, as on nearly every span.
        if out.is_empty() {
            push_clipped(out, default);
        } else {
            self.writer.put(tag, Content::Raw(out));
        }
    }

    /// Returns true if the HTTP status makes the span an error by the configuration.
    fn is_server_error(&self, options: &Options) -> bool {
        let statuses = &options.server_errors;
        !statuses.is_empty()
            && self.reader.span.span_kind == SpanKind::Server
            && self.status_code().is_some_and(|code| statuses.has(code))
    }

    fn error_tags(&mut self, options: &Options) -> bool {
        let failed = matches!(self.reader.span.status, Status::Error { .. })
            || self.is_server_error(options);
        let is_error = status::flag(&self.lookup()).unwrap_or(failed);
        let is_failed = failed || is_error;
        if !is_failed && !self.reader.noted.meets(&errors::OVERRIDES) {
            return false;
        }
        let mut texts = std::mem::take(self.error_text);
        if is_failed {
            let code = self.status_code().filter(|code| HTTP_STATUSES.contains(code));
            let grpc_code = self.grpc_code();
            self.error = errors::Found::of(
                self.reader.span,
                (code, grpc_code),
                self.writer.redactor,
                &mut texts,
            );
        }
        for (number, tag) in errors::TAGS.iter().enumerate() {
            match self.lookup().span_text(tag.replaced_by) {
                Some(own) => {
                    tag.tags.iter().for_each(|known| self.force(*known, Content::Raw(own)));
                }
                None => self.error_tag(tag, self.error.text(number, &texts)),
            }
        }
        *self.error_text = texts;
        is_error
    }

    /// Writes an error tag. An attribute of its name that is another text stays.
    fn error_tag(&mut self, tag: &errors::Tag, text: &str) {
        for known in tag.tags {
            let own = self.lookup().span_text(*known).filter(|own| errors::says_something(own));
            if !text.is_empty() && own.is_none_or(|own| self.error.is_from(own)) {
                self.force(*known, Content::Raw(text));
            }
        }
    }

    fn ids_and_states(&mut self) {
        let context = &self.reader.span.span_context;
        let id = context.trace_id().to_bytes();
        self.put_default(Attribute::OtelTraceId, Content::Pieces(Text::Hex(&id)));
        if context.trace_state().into_iter().len() > 0 {
            let mut state = std::mem::take(self.writer.text);
            state.clear();
            write!(state, "{}", links::Header(context.trace_state()))
                .expect("writing to a String cannot fail");
            self.force(Attribute::W3cTracestate, Content::Raw(&state));
            *self.writer.text = state;
        }
    }

    fn events_and_links(&mut self, database: Database<'_>) {
        let span = self.reader.span;
        let mut json = std::mem::take(self.writer.text);
        let texts = std::mem::take(self.error_text);
        let nest = Nest {
            source: Source::default(),
            language: database.language(),
            query: self.reader.query,
            split: self.error.split(&texts),
        };
        if !span.events.is_empty() {
            let mut writer =
                Writer { keys: self.nested_keys, redactor: self.writer.redactor, nest };
            let (list, written) = writer.events(&span.events, &mut json);
            self.put_default(Attribute::Events, Content::Safe(list));
            let left_out = span.events.len() - written;
            self.dropped(Attribute::DroppedEvents, left_out, span.events.dropped_count);
            if span.events.iter().any(|event| event.name == EXCEPTION) {
                self.put_default(Attribute::HasException, Content::Safe("true"));
            }
        }
        if !span.links.is_empty() {
            let mut writer =
                Writer { keys: self.nested_keys, redactor: self.writer.redactor, nest };
            let (list, written) = writer.links(&span.links, &mut json);
            self.put_default(Attribute::SpanLinks, Content::Safe(list));
            let left_out = span.links.len() - written;
            self.dropped(Attribute::DroppedLinks, left_out, span.links.dropped_count);
        }
        (*self.writer.text, *self.error_text) = (json, texts);
    }

    /// Counts entries that did not fit, with those that the SDK had dropped before.
    fn dropped(&mut self, known: Attribute, left_out: usize, before: u32) {
        let count = u32::try_from(left_out).unwrap_or(u32::MAX);
        self.number_or(known, (count > 0).then(|| f64::from(count) + f64::from(before)));
    }

    fn status(&mut self) {
        let span = self.reader.span;
        let (code, description) = status::describe(&span.status);
        self.put_default(Attribute::StatusCode, Content::Safe(code));
        if !description.is_empty() {
            let texts = std::mem::take(self.error_text);
            let split = self.error.split(&texts);
            let shown = split.map_or(description, |split| split.shown(description));
            self.put_default(Attribute::StatusDescription, Content::Raw(shown));
            *self.error_text = texts;
        }
    }

    /// Names the application on a span of another service, and says whether it is one.
    fn base_service(&mut self, names: &SpanNames<'_>) -> bool {
        let facts = self.reader.facts;
        if names.service == facts.service {
            return false;
        }
        self.writer.text.clear();
        normalize::push_service(self.writer.text, &names.service);
        if *self.writer.text == facts.service_normalised {
            return false;
        }
        self.put_default(Attribute::BaseService, Content::Raw(&facts.service));
        true
    }

    fn chunk_facts(&mut self, options: &Options) {
        let high = ids::high_half(self.reader.span.span_context.trace_id());
        if high != 0 {
            let high = high.to_be_bytes();
            self.writer.put(Attribute::TraceIdHigh, Content::Pieces(Text::Hex(&high)));
        }
        self.put_default(Attribute::Language, Content::Safe("rust"));
        self.put_default(Attribute::RuntimeId, Content::Safe(&options.runtime_id));
        let git = &options.git;
        let git = [
            (Attribute::GitRepositoryUrl, &git.repository_url),
            (Attribute::GitCommitSha, &git.commit_sha),
        ];
        for (known, text) in git {
            if let Some(text) = text {
                self.put_default(known, Content::Safe(text));
            }
        }
        if let Some(hostname) = &options.hostname {
            self.writer.put(Attribute::Hostname, Content::Raw(hostname));
        }
        self.number_or(Attribute::ProcessId, Some(f64::from(options.process_id)));
    }

    /// The namespace is the database name where nothing else is.
    fn database_name(&mut self) {
        let named =
            self.reader.own_text(Attribute::DbName).is_some() || self.reader.facts.has_db_name;
        if !named {
            if let Some(namespace) = self.lookup().text(naming::DB_NAMESPACE) {
                self.writer.put(Attribute::DbName, Content::Raw(namespace));
            }
        }
    }
}
