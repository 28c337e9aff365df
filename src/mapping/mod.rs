//! One OpenTelemetry span -> one Datadog span, written piece by piece into a [`Sink`].
//!
//! [`map`] walks the attributes once: those with a row in [`attributes`] are noted, all others are
//! written at once. Names, error tags, `env` and others follow from the noted ones and are written after the pass,
//! then the tags of the resource that the span did not set itself. Of equal keys the last wins, and each key goes out
//! once per map. Not here: bytes, and which spans make a trace.
//!
//! The rules follow the Agent's own OTLP conversion, `DataDog/datadog-agent`,
//! `pkg/trace/transform/transform.go`; each table names its source.

mod attributes;
mod drivers;
mod errors;
mod key_set;
mod links;
mod lookup;
mod names;
mod naming;
mod normalize;
pub(crate) mod obfuscate;
mod pass;
mod redact;
#[cfg(test)]
mod reference;
mod resource;
mod sampling;
mod start;
mod stored;
mod status;
mod statuses;
mod systems;
mod tags;
mod text;

use std::fmt;
use std::sync::Arc;

use opentelemetry_sdk::trace::SpanData;

use crate::datadog::ids::{self, is_root};
use crate::encoding::{Fields, Sink};
use crate::guard;
#[cfg(fuzzing)]
pub use attributes::keys;
use naming::NameBuffers;
use normalize::{MAX_NAME, MAX_RESOURCE};
use pass::{Pass, PassBuffers};

pub(crate) use key_set::{KeySet, hash};
pub use names::SpanNames;
pub(crate) use normalize::{MAX_VALUE, cut, service as stored_service};
pub(crate) use obfuscate::{Query, QuerySecrets, RedactQuery};
pub(crate) use resource::ResourceFacts;
pub(crate) use sampling::{has_priority, manual_priority, priority_attribute};
pub(crate) use start::StartNames;
pub(crate) use statuses::{ErrorStatuses, STATUSES_FORM};
pub(crate) use stored::StoredResources;
pub(crate) use text::of as text_of;

/// The span types that are sent. Statements are the matter of [`Obfuscation`].
///
/// Sources: Datadog's documentation of the v0.3 API for the four, and `pkg/trace/transform/otelutil.go` of
/// `DataDog/datadog-agent` for the others.
///
/// An explicit `span.type` or `datadog.type` attribute is passed on as it is in both; only the Agent's
/// `llm`, for a span with `gen_ai.` attributes, beats `span.type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanTypes {
    /// The four documented types: `web`, `db`, `cache` and `custom`.
    #[default]
    Documented,
    /// The Agent's own types: `web`, `http`, `sql`, `redis`, `mongodb`, `llm` and others.
    Agent,
}

/// The place where literals are taken out of statements. User names, passwords and secrets of URLs are removed in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obfuscation {
    /// Here: no literal leaves the process, whatever the span types.
    ///
    /// SQL in the resource, `db.statement`, `db.query.text`, `db.query.summary` and `sql.query` has `?` for each
    /// literal, reading as the Agent would store it; of redis, valkey and memcached only the names of
    /// commands are left; values in the JSON of MongoDB, Elasticsearch and OpenSearch become `?`. A
    /// text that cannot be read is left out, as are parameters (`db.query.parameter.*`), and statements in scope
    /// and resource. It holds for spans of every kind that have a database system or a statement, for what
    /// database drivers write as events under `tracing`, and for any other text that begins like SQL.
    #[default]
    Exporter,
    /// In the Agent: statements are sent as they are, as resource and as tag.
    ///
    /// The Agent obfuscates those of its own types that it knows, so this goes with [`SpanTypes::Agent`]. A statement
    /// of another type, or of a system that it does not know, such as `gcp.spanner`, is stored as it was sent.
    Agent,
}

/// A hook that may replace the names of a span.
pub(crate) type NamesHook = Arc<dyn for<'a> Fn(&'a SpanData, &mut SpanNames<'a>) + Send + Sync>;

/// Settings of the mapping.
#[derive(Clone, Default)]
pub(crate) struct Options {
    /// The service, as written, in place of the resource's.
    pub(crate) service: Option<String>,
    /// The service if nobody names one: what the SDK would call it.
    pub(crate) unknown_service: String,
    /// The environment, as written, in place of the resource's.
    pub(crate) env: Option<String>,
    /// The version, as written, in place of the resource's.
    pub(crate) version: Option<String>,
    /// Tags for every span, the preferred first.
    pub(crate) tags: Vec<(String, String)>,
    /// The repository and the commit that the program was built from.
    pub(crate) git: Git,
    /// The host name to report.
    pub(crate) hostname: Option<String>,
    /// The span types that are sent.
    pub(crate) types: SpanTypes,
    /// The places where literals are taken out.
    pub(crate) obfuscation: Obfuscation,
    /// The treatment of the query string in URLs of requests that come in ...
    pub(crate) server_query: Query,
    /// ... and of those that go out.
    pub(crate) client_query: Query,
    /// The treatment of secrets in query strings.
    pub(crate) query_secrets: QuerySecrets,
    /// HTTP statuses that make a server span an error.
    pub(crate) server_errors: ErrorStatuses,
    /// The hook of the user.
    pub(crate) names: Option<NamesHook>,
    /// The identity of this process.
    pub(crate) runtime_id: String,
    /// The number of this process.
    pub(crate) process_id: u32,
}

/// The repository and the commit of a program, for links from a span to its code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Git {
    /// The URL of the repository, without user and password.
    pub(crate) repository_url: Option<String>,
    /// The hash of the commit.
    pub(crate) commit_sha: Option<String>,
}

impl Options {
    /// Returns what becomes of the query string in URLs of the resource, which is of no request: the stricter.
    fn resource_query(&self) -> Query {
        match (self.server_query, self.client_query) {
            (Query::Kept, Query::Kept) => Query::Kept,
            _ => Query::Removed,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("service", &self.service)
            .field("env", &self.env)
            .field("version", &self.version)
            .field("git", &self.git)
            .field("types", &self.types)
            .field("obfuscation", &self.obfuscation)
            .field("query_secrets", &self.query_secrets)
            .field("server_errors", &self.server_errors)
            .finish_non_exhaustive()
    }
}

/// The place of a span in its chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The head span: it carries the facts of the chunk, half of the trace id, priority, process.
    Head,
    /// It follows.
    Later,
}

/// Buffers that all spans reuse.
#[derive(Debug, Default)]
pub(crate) struct Scratch<P> {
    pass: PassBuffers<P>,
    names: NameBuffers,
    statements: obfuscate::StatementCache,
    env: String,
    version: String,
}

/// Facts of a mapped span that concern its request or its exporter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapped<'s> {
    /// The environment; empty without one.
    pub(crate) env: &'s str,
    /// The version; empty without one.
    pub(crate) version: &'s str,
    /// True if the hook panicked, so that the names of the mapping stay.
    pub(crate) hook_panicked: bool,
}

impl<P: Default> Scratch<P> {
    /// Returns the name of an attribute of a scope that had no room among the tags, if there was one.
    pub(crate) fn take_left_out(&mut self) -> Option<String> {
        self.pass.left_out.take()
    }

    /// Gives memory back that unusual spans left over, after each batch.
    pub(crate) fn shrink(&mut self) {
        self.pass.shrink();
        self.names.shrink();
        self.statements.shrink();
    }
}

/// Maps one span into `sink`; `hook` may replace its names.
pub(crate) fn map<'s, S: Sink>(
    span: &SpanData,
    place: Place,
    facts: &ResourceFacts<S::Prepared>,
    options: &Options,
    hook: Option<&NamesHook>,
    scratch: &'s mut Scratch<S::Prepared>,
    sink: S,
) -> Mapped<'s> {
    let Scratch { pass, names, statements, env, version } = scratch;
    let mut pass = Pass::new(span, facts, options, pass, sink);
    pass.scope_attributes();
    pass.span_attributes();

    let database = naming::database(&pass.lookup(), options.obfuscation, names, statements);
    let chosen = naming::choose(
        (&span.name, &span.span_kind),
        &pass.lookup(),
        database,
        &facts.service,
        (options.types, options.obfuscation),
        (pass.gen_ai, &options.query_secrets),
        names,
    );
    let (chosen, hook_panicked) = match hook {
        Some(hook) => {
            let (names, panicked) = hooked(hook, span, chosen);
            (names.without_secrets(&options.query_secrets), panicked)
        }
        None => (chosen, false),
    };
    let is_error = pass.decided_tags(options, place, &chosen, database, env, version);
    pass.remaining_tags();

    let (start, duration) = ids::start_and_duration(span.start_time, span.end_time);
    pass.finish(&Fields {
        service: &chosen.service,
        name: &chosen.operation,
        resource: &chosen.resource,
        span_type: &chosen.span_type,
        trace_id: ids::low_half(span.span_context.trace_id()),
        span_id: ids::span_id(span.span_context.span_id()),
        parent_id: if is_root(span) { 0 } else { ids::span_id(span.parent_span_id) },
        start,
        duration,
        error: is_error.into(),
    });
    Mapped { env, version, hook_panicked }
}

/// Lets the user's hook replace names. A name that it leaves empty stays, one that is too long is cut; if the hook
/// panics, the names stay and the flag is true.
fn hooked<'a>(
    hook: &NamesHook,
    span: &'a SpanData,
    chosen: SpanNames<'a>,
) -> (SpanNames<'a>, bool) {
    let mut names = chosen.clone();
    if guard::catch(|| hook(span, &mut names)).is_none() {
        return (chosen, true);
    }
    let limited = [
        (&mut names.service, chosen.service, MAX_NAME),
        (&mut names.operation, chosen.operation, MAX_NAME),
        (&mut names.resource, chosen.resource, MAX_RESOURCE),
        (&mut names.span_type, chosen.span_type, MAX_NAME),
    ];
    for (name, own, limit) in limited {
        if name.is_empty() {
            *name = own;
        } else if name.len() > limit {
            *name = cut(name, limit).to_owned().into();
        }
    }
    (names, false)
}
