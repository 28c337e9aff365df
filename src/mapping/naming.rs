//! Tables: operation name, resource name, span type, service.
//!
//! Rows stand in order of precedence; the first whose kind fits and whose needs are met gives the
//! name. A case that fits no row is a named function beside the table. Not here: tags.
//!
//! Source of the tables: `DataDog/datadog-agent`, `pkg/trace/transform/otelutil.go` (the rules that
//! are on by default since Agent 7.66).

mod database;
mod route;
#[cfg(test)]
pub(super) mod reference;

use opentelemetry::trace::SpanKind;

use super::attributes::{Attribute, AttributeSet};
use super::lookup::{Concept, Lookup};
use super::names::SpanNames;
use super::normalize::{self, MAX_NAME, MAX_RESOURCE};
use super::obfuscate::{self, QuerySecrets};
use super::text;
use super::{Obfuscation, SpanTypes};
pub(crate) use database::{Database, NON_PARSABLE, database};

/// Buffers for the names of one span, reused by the next.
#[derive(Debug, Default)]
pub(crate) struct NameBuffers {
    service: String,
    name: String,
    resource: String,
    obfuscated: String,
    span_type: String,
}

impl NameBuffers {
    /// Gives memory back that unusual names left over.
    pub(crate) fn shrink(&mut self) {
        let Self { service, name, resource, obfuscated, span_type } = self;
        [service, name, resource, obfuscated, span_type].into_iter().for_each(text::shrink);
    }
}

pub(crate) const SERVICE: Concept = &[Attribute::ServiceName];
pub(crate) const ENVIRONMENT: Concept =
    &[Attribute::DeploymentEnvironmentName, Attribute::DeploymentEnvironment];
pub(crate) const VERSION: Concept = &[Attribute::ServiceVersion];
pub(crate) const DB_NAMESPACE: Concept = &[Attribute::DbNamespace];
pub(crate) const HTTP_STATUS: Concept =
    &[Attribute::HttpStatusCode, Attribute::HttpResponseStatusCode];
const OPERATION_NAME: Concept = &[Attribute::OperationName];
const RESOURCE_NAME: Concept = &[Attribute::ResourceName];
const SPAN_TYPE: Concept = &[Attribute::SpanType];
const HTTP_METHOD: Concept = &[Attribute::HttpRequestMethod, Attribute::HttpMethod];
const HTTP_ROUTE: Concept = &[Attribute::HttpRoute];
const URL_TEMPLATE: Concept = &[Attribute::UrlTemplate];
const DB_SYSTEM: Concept = &[Attribute::DbSystemName, Attribute::DbSystem];
const DB_STATEMENT: Concept = &[Attribute::DbStatement, Attribute::DbQueryText];
const DB_SUMMARY: Concept = &[Attribute::DbQuerySummary];
const DB_OPERATION: Concept = &[Attribute::DbOperationName, Attribute::DbOperation];
const DB_COLLECTION: Concept = &[
    Attribute::DbCollectionName,
    Attribute::DbSqlTable,
    Attribute::DbMongodbCollection,
    Attribute::DbCassandraTable,
    Attribute::DbCosmosdbContainer,
    Attribute::DbStoredProcedureName,
];
const MESSAGING_SYSTEM: Concept = &[Attribute::MessagingSystem];
const MESSAGING_OPERATION: Concept = &[
    Attribute::MessagingOperation,
    Attribute::MessagingOperationType,
    Attribute::MessagingOperationName,
];
// A template stands for many names, and a resource wants few different values.
const MESSAGING_DESTINATION: Concept = &[
    Attribute::MessagingDestination,
    Attribute::MessagingDestinationTemplate,
    Attribute::MessagingDestinationName,
];
const RPC_SYSTEM: Concept = &[Attribute::RpcSystem, Attribute::RpcSystemName];
const RPC_SERVICE: Concept = &[Attribute::RpcService];
const RPC_METHOD: Concept = &[Attribute::RpcMethod];
const FAAS_PROVIDER: Concept = &[Attribute::FaasInvokedProvider];
const FAAS_NAME: Concept = &[Attribute::FaasInvokedName];
const FAAS_TRIGGER: Concept = &[Attribute::FaasTrigger];
const GRAPHQL_TYPE: Concept = &[Attribute::GraphqlOperationType];
const GRAPHQL_NAME: Concept = &[Attribute::GraphqlOperationName];
const PROTOCOL: Concept = &[Attribute::NetworkProtocolName];

/// Span kinds that a row is for, as a set of bits.
type Kinds = u8;
const CLIENT: Kinds = 1;
const SERVER: Kinds = 2;
const PRODUCER: Kinds = 4;
const CONSUMER: Kinds = 8;
const INTERNAL: Kinds = 16;
const ANY: Kinds = 31;

/// A row of a name table.
struct Row {
    /// True if it is only for the documented types, where the Agent would fall back to the span name.
    documented: bool,
    kinds: Kinds,
    needs: &'static [Need],
    /// Attributes of which one must be there for the first need to be met. Asking this set first saves
    /// 135 instructions a span (callgrind).
    asks_for: AttributeSet,
    name: &'static [Part],
}

/// A condition for a row to apply.
enum Need {
    /// The concept has a value.
    Has(Concept),
    /// The concept has this value.
    Is(Concept, &'static str),
    /// There is a statement that may be shown.
    HasStatement,
    /// The span name holds a route: see [`route`].
    RouteInName,
}

/// A piece of a name.
enum Part {
    /// This text.
    Lit(&'static str),
    /// The value of a concept, as a normalised tag value.
    Norm(Concept),
    /// The value of a concept.
    Val(Concept),
    /// A space and the value of a concept, if it has one.
    Then(Concept),
    /// The HTTP method; the placeholder for unknown methods reads `HTTP`.
    Method,
    /// A space and the route in the span name.
    ThenRoute,
    /// The name of the span.
    SpanName,
    /// The statement: as written if the Agent obfuscates it, else without its literals.
    Statement,
    /// The name of a database span, unless it may hold a literal of a language that nobody reads; then
    /// `<system>.query`.
    DbSpanName,
}

use Need::{Has, HasStatement, Is, RouteInName};
use Part::{DbSpanName, Lit, Method, Norm, SpanName, Statement, Then, ThenRoute, Val};

const fn row(kinds: Kinds, needs: &'static [Need], name: &'static [Part]) -> Row {
    Row { documented: false, kinds, needs, asks_for: asks_for(needs), name }
}

const fn documented(needs: &'static [Need], name: &'static [Part]) -> Row {
    Row { documented: true, kinds: ANY, needs, asks_for: asks_for(needs), name }
}

const fn asks_for(needs: &[Need]) -> AttributeSet {
    match needs {
        [] | [RouteInName, ..] => AttributeSet::EMPTY,
        [Has(concept) | Is(concept, _), ..] => AttributeSet::of(concept),
        [HasStatement, ..] => AttributeSet::of(DB_STATEMENT),
    }
}

/// The rows for the operation name of a span.
#[rustfmt::skip]
const OPERATION: &[Row] = &[
    row(ANY,      &[Has(OPERATION_NAME)],                       &[Norm(OPERATION_NAME)]),
    row(SERVER,   &[Has(HTTP_METHOD)],                          &[Lit("http.server.request")]),
    row(CLIENT,   &[Has(HTTP_METHOD)],                          &[Lit("http.client.request")]),
    row(CLIENT,   &[Has(DB_SYSTEM)],                            &[Norm(DB_SYSTEM), Lit(".query")]),
    row(CLIENT | SERVER | PRODUCER | CONSUMER,
                  &[Has(MESSAGING_SYSTEM), Has(MESSAGING_OPERATION)],
                                                                &[Norm(MESSAGING_SYSTEM), Lit("."), Norm(MESSAGING_OPERATION)]),
    row(CLIENT,   &[Is(RPC_SYSTEM, "aws-api"), Has(RPC_SERVICE)],
                                                                &[Lit("aws."), Norm(RPC_SERVICE), Lit(".request")]),
    row(CLIENT,   &[Is(RPC_SYSTEM, "aws-api")],                 &[Lit("aws.client.request")]),
    row(CLIENT,   &[Has(RPC_SYSTEM)],                           &[Norm(RPC_SYSTEM), Lit(".client.request")]),
    row(SERVER,   &[Has(RPC_SYSTEM)],                           &[Norm(RPC_SYSTEM), Lit(".server.request")]),
    row(CLIENT,   &[Has(FAAS_PROVIDER), Has(FAAS_NAME)],        &[Norm(FAAS_PROVIDER), Lit("."), Norm(FAAS_NAME), Lit(".invoke")]),
    row(SERVER,   &[Has(FAAS_TRIGGER)],                         &[Norm(FAAS_TRIGGER), Lit(".invoke")]),
    row(ANY,      &[Has(GRAPHQL_TYPE)],                         &[Lit("graphql.server.request")]),
    row(SERVER,   &[Has(PROTOCOL)],                             &[Norm(PROTOCOL), Lit(".server.request")]),
    row(CLIENT,   &[Has(PROTOCOL)],                             &[Norm(PROTOCOL), Lit(".client.request")]),
    row(SERVER,   &[],                                          &[Lit("server.request")]),
    row(CLIENT,   &[],                                          &[Lit("client.request")]),
    row(PRODUCER, &[],                                          &[Lit("Producer")]),
    row(CONSUMER, &[],                                          &[Lit("Consumer")]),
    row(INTERNAL, &[],                                          &[Lit("Internal")]),
];

/// The rows for the resource of a span: the object of its work.
#[rustfmt::skip]
const RESOURCE: &[Row] = &[
    row(ANY,    &[Has(RESOURCE_NAME)],                          &[Val(RESOURCE_NAME)]),
    row(SERVER, &[Has(HTTP_METHOD), Has(HTTP_ROUTE)],           &[Method, Then(HTTP_ROUTE)]),
    row(CLIENT, &[Has(HTTP_METHOD), Has(URL_TEMPLATE)],         &[Method, Then(URL_TEMPLATE)]),
    // The Agent has only the method here.
    row(ANY,    &[Has(HTTP_METHOD), RouteInName],               &[Method, ThenRoute]),
    row(ANY,    &[Has(HTTP_METHOD)],                            &[Method]),
    row(ANY,    &[Has(MESSAGING_OPERATION)],                    &[Val(MESSAGING_OPERATION), Then(MESSAGING_DESTINATION)]),
    row(ANY,    &[Has(RPC_METHOD)],                             &[Val(RPC_METHOD), Then(RPC_SERVICE)]),
    row(ANY,    &[Has(GRAPHQL_TYPE)],                           &[Val(GRAPHQL_TYPE), Then(GRAPHQL_NAME)]),
    row(ANY,    &[Has(DB_SYSTEM), HasStatement],                &[Statement]),
    documented(&[Has(DB_SYSTEM), Has(DB_SUMMARY)],              &[Val(DB_SUMMARY)]),
    documented(&[Has(DB_SYSTEM), Has(DB_OPERATION)],            &[Val(DB_OPERATION), Then(DB_COLLECTION)]),
    documented(&[Has(DB_SYSTEM)],                               &[DbSpanName]),
    row(ANY,    &[],                                            &[SpanName]),
];

/// The Agent's name for an operation of which nothing is left.
const UNNAMED_OPERATION: &str = "unnamed_operation";

/// Span types of kinds: kind, native type, documented type.
#[rustfmt::skip]
const KIND_TYPES: &[(Kinds, &str, &str)] = &[
    (SERVER, "web",    "web"),
    (CLIENT, "http",   "custom"),
    (ANY,    "custom", "custom"),
];

/// Span types of a span with any `gen_ai.` attribute: native type, documented type.
const GEN_AI_TYPE: (&str, &str) = ("llm", "custom");

/// Chooses the names of a span.
///
/// `span` is its own name and its kind; `service` is the one of the resource or the configuration; `gen_ai`
/// says whether the span has an attribute of the generative AI conventions, and `secrets` what becomes of those in
/// query strings.
pub(crate) fn choose<'a>(
    (span_name, kind): (&'a str, &SpanKind),
    attributes: &Lookup<'_, 'a>,
    database: Database<'a>,
    service: &'a str,
    (types, obfuscation): (SpanTypes, Obfuscation),
    (gen_ai, secrets): (bool, &QuerySecrets),
    buffers: &'a mut NameBuffers,
) -> SpanNames<'a> {
    let own = attributes.span_number(Attribute::Measured);
    let is_call = matches!(kind, SpanKind::Client | SpanKind::Producer);
    let is_measured = own.map_or(is_call, says_yes);
    let kind = kind_bit(kind);
    let NameBuffers { service: service_buffer, name, resource, obfuscated, span_type: own_type } =
        buffers;
    let source = Source { span_name, kind, attributes, database, secrets };
    let service = own_service(attributes, secrets, service_buffer).unwrap_or(service);
    let name = match attributes.span_text(Attribute::DatadogName) {
        Some(own) => obfuscate::redacted(own, name, obfuscation == Obfuscation::Exporter, secrets),
        None => build(OPERATION, &source, types, name),
    };
    let name = if name.is_empty() { UNNAMED_OPERATION } else { name };
    let resource = match attributes.span_text(Attribute::DatadogResource) {
        Some(resource) => resource,
        None => build(RESOURCE, &source, types, resource),
    };
    let resource = if resource.is_empty() { name } else { resource };
    let resource = match obfuscation {
        Obfuscation::Agent => obfuscate::redacted(resource, obfuscated, false, secrets),
        Obfuscation::Exporter => database.without_literals(resource, &source, obfuscated),
    };
    SpanNames {
        service: service.into(),
        operation: normalize::cut(name, MAX_NAME).into(),
        resource: normalize::cut(resource, MAX_RESOURCE).into(),
        span_type: normalize::cut(
            obfuscate::redacted(span_type(&source, types, gen_ai), own_type, false, secrets),
            MAX_NAME,
        )
        .into(),
        measured: is_measured,
    }
}

/// Returns whether a number that is a flag is set.
pub(crate) fn says_yes(number: f64) -> bool {
    number.to_bits() == 1.0_f64.to_bits()
}

/// Returns the kind as Datadog spells it.
pub(crate) fn kind_name(kind: &SpanKind) -> &'static str {
    match kind {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal => "internal",
    }
}

/// Returns the service that the span itself names.
fn own_service<'a>(
    attributes: &Lookup<'_, 'a>,
    secrets: &QuerySecrets,
    out: &'a mut String,
) -> Option<&'a str> {
    let mut own = [Attribute::DatadogService, Attribute::ServiceName].into_iter();
    let service = own.find_map(|known| attributes.span_text(known))?;
    out.clear();
    normalize::push_service(out, &obfuscate::without_secrets(service, secrets));
    Some(out)
}

fn span_type<'a>(source: &Source<'_, 'a>, types: SpanTypes, gen_ai: bool) -> &'a str {
    let Source { kind, attributes, database, .. } = source;
    let native = types == SpanTypes::Agent;
    let pick = |(agent, documented)| if native { agent } else { documented };
    if let Some(own) = attributes.span_text(Attribute::DatadogType) {
        return own;
    }
    // The Agent lets the AI conventions beat an explicit type; the documented types are explicit first.
    if gen_ai && native {
        return pick(GEN_AI_TYPE);
    }
    if let Some(own) = attributes.text(SPAN_TYPE) {
        return own;
    }
    if gen_ai {
        return pick(GEN_AI_TYPE);
    }
    match database.system {
        Some(system) if *kind == CLIENT => pick((system.native, system.documented)),
        _ => {
            let row = KIND_TYPES.iter().find(|(kinds, ..)| kinds & kind != 0);
            row.map_or("custom", |&(_, agent, documented)| pick((agent, documented)))
        }
    }
}

/// The facts that names are made of.
struct Source<'s, 'a> {
    span_name: &'a str,
    kind: Kinds,
    attributes: &'s Lookup<'s, 'a>,
    database: Database<'a>,
    secrets: &'s QuerySecrets,
}

impl<'a> Source<'_, 'a> {
    /// Returns the route that the span name holds.
    fn route(&self) -> Option<&'a str> {
        let method = self.attributes.text(HTTP_METHOD)?;
        // A longer name is no template, and is not looked through.
        Some(self.span_name)
            .filter(|name| name.len() <= MAX_RESOURCE)
            .and_then(|name| route::of(name, method))
    }
}

/// Builds the name of the first row that applies. Every table ends with rows for all kinds.
fn build<'a>(
    table: &'static [Row],
    source: &Source<'_, 'a>,
    types: SpanTypes,
    out: &'a mut String,
) -> &'a str {
    let Source { span_name, kind, attributes, .. } = source;
    let found = table.iter().find(|row| {
        row.kinds & kind != 0
            && !(row.documented && types == SpanTypes::Agent)
            && (row.needs.is_empty() || row.asks_for.meets(&attributes.noted))
            && row.needs.iter().all(|need| match need {
                Has(concept) => attributes.text(concept).is_some(),
                HasStatement => source.database.statement.is_some(),
                RouteInName => source.route().is_some(),
                Is(concept, value) => attributes
                    .text(concept)
                    .is_some_and(|text| normalize::tag_value(text, out) == *value),
            })
    });
    out.clear();
    match found.map_or(&[][..], |row| row.name) {
        [Lit(text)] => return text,
        [Val(concept)] => return attributes.text(concept).unwrap_or(""),
        [SpanName] => return span_name,
        [Statement] => return source.database.statement.unwrap_or(""),
        parts => parts.iter().for_each(|part| push(out, part, source)),
    }
    out
}

fn push(out: &mut String, part: &Part, source: &Source<'_, '_>) {
    let Source { span_name, attributes, database, .. } = source;
    match part {
        Lit(text) => out.push_str(text),
        Norm(concept) => {
            let text = attributes.text(concept).unwrap_or("");
            let text = obfuscate::without_secrets(text, source.secrets);
            normalize::push_tag_value(out, &text);
        }
        Val(concept) => text::push(out, attributes.text(concept).unwrap_or("")),
        Then(concept) => {
            if let Some(value) = attributes.text(concept) {
                out.push(' ');
                text::push(out, value);
            }
        }
        Method => {
            let method = match attributes.text(HTTP_METHOD) {
                Some("_OTHER") => "HTTP",
                method => method.unwrap_or(""),
            };
            text::push(out, method);
        }
        ThenRoute => {
            out.push(' ');
            text::push(out, source.route().unwrap_or(""));
        }
        Statement => text::push(out, database.statement.unwrap_or("")),
        DbSpanName
            if obfuscate::holds_more_than_words(text::fitting("", span_name))
                && !database.language().is_read()
                && !obfuscate::looks_like_sql(span_name) =>
        {
            database.push_query(out);
        }
        SpanName | DbSpanName => text::push(out, span_name),
    }
}

fn kind_bit(kind: &SpanKind) -> Kinds {
    match kind {
        SpanKind::Client => CLIENT,
        SpanKind::Server => SERVER,
        SpanKind::Producer => PRODUCER,
        SpanKind::Consumer => CONSUMER,
        SpanKind::Internal => INTERNAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_and_a_resource_without_any_attribute() {
        for kind in [CLIENT, SERVER, PRODUCER, CONSUMER, INTERNAL] {
            for table in [OPERATION, RESOURCE] {
                assert!(table.iter().any(|row| row.kinds & kind != 0 && row.needs.is_empty()));
            }
        }
    }

    #[test]
    fn documented_types_are_the_documented_four() {
        let documented = ["web", "db", "cache", "custom"];
        let all = KIND_TYPES.iter().map(|row| row.2).chain([GEN_AI_TYPE.1]);
        for name in all {
            assert!(documented.contains(&name), "{name}");
        }
    }
}
