//! Table: attribute key -> what to do with it.
//!
//! Every key that decides something or has a name of its own is a row of [`ROWS`]; all other keys
//! become tags under their own name. The compiler makes a decision tree of lengths and bytes from the
//! table, so a longer table costs nothing. Not here: what the values decide ([`super::naming`], [`super::status`]).
//!
//! Sources: `DataDog/datadog-agent`, `pkg/trace/semantics/mappings.json` (registry v20260630) and
//! `pkg/opentelemetry-mapping-go/otlp/attributes/attributes.go`; `datadog.*` overrides:
//! `DataDog/dd-trace-rs`, `datadog-opentelemetry/src/mappings`.

#[cfg(test)]
pub(super) mod reference;
mod set;

use super::obfuscate::{Language, SOME_SQL};
pub(crate) use set::AttributeSet;

/// The treatment of an attribute that has a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Decides something and never becomes a tag.
    Note,
    /// Decides something and is a tag under its own name.
    Tag,
    /// Is written after the pass, by the rule that owns the name.
    Late,
    /// As [`Rule::Late`], under the older name of the target.
    Rename(Attribute),
    /// A statement or command: as [`Rule::Tag`] where the Agent obfuscates it, else without its literals.
    Statement(Speaks),
    /// The query string of a URL, or its fragment: as [`Rule::Tag`], unless it is not wanted.
    Query,
    /// A tag, but where a database driver writes statements under it: then as [`Rule::Statement`].
    Driver,
}

/// The language of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// That of the database system.
    System,
    /// SQL.
    Sql,
    /// JSON.
    Json,
    /// That of the database system if it is a statement at all: by the conventions it is a name.
    Summary,
    /// One whose arguments go, so nothing would be left.
    Nothing,
}

/// Declares [`Attribute`], its table and its names from one list of rows.
macro_rules! attributes {
    ($($known:ident $key:literal $rule:expr,)+) => {
        /// An attribute with a meaning of its own.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Attribute { $($known,)+ }

        #[rustfmt::skip]
        const ROWS: &[(&str, Attribute, Rule)] = {
            use Attribute::*;
            use Rule::*;
            use Speaks::{Json, Nothing, Sql, Summary, System};
            &[$(($key, Attribute::$known, $rule),)+]
        };

        /// The keys as patterns: of bytes, since the compiler compares texts one row after the other.
        #[allow(non_upper_case_globals, reason = "each has the name of its row")]
        mod keys {
            $(pub(super) const $known: &[u8] = $key.as_bytes();)+
        }

        /// Finds the row of a key. A second row of one key is a pattern that nothing reaches.
        #[deny(unreachable_patterns)]
        pub(crate) fn find(key: &str) -> Option<(Attribute, Rule)> {
            use Attribute::*;
            use Rule::*;
            use Speaks::{Json, Nothing, Sql, Summary, System};
            match key.as_bytes() {
                $(keys::$known => Some((Attribute::$known, $rule)),)+
                _ => None,
            }
        }
    };
}

#[rustfmt::skip]
attributes! {
    // Fields of the span: span attribute, then resource attribute; never tags.
    ServiceName                "service.name"                        Note,
    OperationName              "operation.name"                      Note,
    ResourceName               "resource.name"                       Note,
    SpanType                   "span.type"                           Note,
    // Overrides, on the span only; removed. (Other `datadog.*` keys are removed by prefix.)
    DatadogService             "datadog.service"                     Note,
    DatadogName                "datadog.name"                        Note,
    DatadogResource            "datadog.resource"                    Note,
    DatadogType                "datadog.type"                        Note,
    DatadogEnv                 "datadog.env"                         Note,
    DatadogVersion             "datadog.version"                     Note,
    DatadogSpanKind            "datadog.span.kind"                   Note,
    DatadogHttpStatusCode      "datadog.http_status_code"            Note,
    DatadogError               "datadog.error"                       Note,
    DatadogErrorMessage        "datadog.error.msg"                   Note,
    DatadogErrorType           "datadog.error.type"                  Note,
    DatadogErrorStack          "datadog.error.stack"                 Note,
    // Environment and version. Plain ones are settings of the resource; of a span and a scope they are
    // any fact of that name, such as an argument of `#[instrument]`.
    Env                        "env"                                 Rename(OtelEnv),
    Version                    "version"                             Rename(OtelVersion),
    OtelEnv                    "otel.env"                            Late,
    OtelVersion                "otel.version"                        Late,
    DeploymentEnvironmentName  "deployment.environment.name"         Tag,
    DeploymentEnvironment      "deployment.environment"              Tag,
    ServiceVersion             "service.version"                     Tag,
    // HTTP: the stable key is written under the older name that Datadog reads.
    HttpMethod                 "http.method"                         Late,
    HttpUrl                    "http.url"                            Late,
    HttpUserAgent              "http.useragent"                      Late,
    HttpClientIp               "http.client_ip"                      Late,
    HttpServerName             "http.server_name"                    Late,
    HttpVersion                "http.version"                        Late,
    HttpRequestLength          "http.request.content_length"         Late,
    HttpResponseLength         "http.response.content_length"        Late,
    HttpReferrer               "http.referrer"                       Late,
    HttpRequestMethod          "http.request.method"                 Rename(HttpMethod),
    UrlFull                    "url.full"                            Rename(HttpUrl),
    UserAgentOriginal          "user_agent.original"                 Rename(HttpUserAgent),
    ClientAddress              "client.address"                      Rename(HttpClientIp),
    ServerAddress              "server.address"                      Rename(HttpServerName),
    NetworkProtocolVersion     "network.protocol.version"            Rename(HttpVersion),
    HttpRequestBodySize        "http.request.body.size"              Rename(HttpRequestLength),
    HttpResponseBodySize       "http.response.body.size"             Rename(HttpResponseLength),
    HttpRequestHeaderReferrer  "http.request.header.referrer"        Rename(HttpReferrer),
    HttpStatusCode             "http.status_code"                    Late,
    HttpResponseStatusCode     "http.response.status_code"           Rename(HttpStatusCode),
    HttpRoute                  "http.route"                          Tag,
    UrlTemplate                "url.template"                        Tag,
    UrlQuery                   "url.query"                           Query,
    UrlFragment                "url.fragment"                        Query,
    HttpQueryString            "http.query.string"                   Query,
    HttpTarget                 "http.target"                         Tag,
    // Addresses, which may have user and password as those in a URL do.
    HttpHost                   "http.host"                           Tag,
    NetPeerName                "net.peer.name"                       Tag,
    NetHostName                "net.host.name"                       Tag,
    // Databases.
    DbSystemName               "db.system.name"                      Tag,
    DbSystem                   "db.system"                           Tag,
    DbStatement                "db.statement"                        Statement(System),
    DbQueryText                "db.query.text"                       Statement(System),
    SqlQuery                   "sql.query"                           Statement(Sql),
    MongodbQuery               "mongodb.query"                       Statement(Json),
    RedisRawCommand            "redis.raw_command"                   Statement(Nothing),
    ValkeyRawCommand           "valkey.raw_command"                  Statement(Nothing),
    MemcachedCommand           "memcached.command"                   Statement(Nothing),
    ElasticsearchBody          "elasticsearch.body"                  Statement(Json),
    OpensearchBody             "opensearch.body"                     Statement(Json),
    DbQuerySummary             "db.query.summary"                    Statement(Summary),
    DbNamespace                "db.namespace"                        Tag,
    DbName                     "db.name"                             Tag,
    DbOperationName            "db.operation.name"                   Tag,
    DbOperation                "db.operation"                        Tag,
    DbCollectionName           "db.collection.name"                  Tag,
    DbSqlTable                 "db.sql.table"                        Tag,
    DbMongodbCollection        "db.mongodb.collection"               Tag,
    DbCassandraTable           "db.cassandra.table"                  Tag,
    DbCosmosdbContainer        "db.cosmosdb.container"               Tag,
    DbStoredProcedureName      "db.stored_procedure.name"            Tag,
    DbConnectionString         "db.connection_string"                Tag,
    MysqlAsyncQuerySql         "mysql_async.query.sql"               Statement(Sql),
    MysqlAsyncQueryParams      "mysql_async.query.params"            Statement(Nothing),
    // Attributes that drivers write under `tracing`; see the table of drivers.
    Command                    "command"                             Driver,
    Contents                   "contents"                            Driver,
    Failure                    "failure"                             Driver,
    Meta                       "meta"                                Driver,
    PartitionKey               "partition_key"                       Driver,
    Reply                      "reply"                               Driver,
    Sql                        "sql"                                 Driver,
    Stmt                       "stmt"                                Driver,
    Summary                    "summary"                             Driver,
    // Messaging.
    MessagingSystem            "messaging.system"                    Tag,
    MessagingOperation         "messaging.operation"                 Tag,
    MessagingOperationType     "messaging.operation.type"            Tag,
    MessagingOperationName     "messaging.operation.name"            Tag,
    MessagingDestination       "messaging.destination"               Tag,
    MessagingDestinationName   "messaging.destination.name"          Tag,
    MessagingDestinationTemplate "messaging.destination.template"    Tag,
    // RPC.
    RpcSystem                  "rpc.system"                          Tag,
    RpcSystemName              "rpc.system.name"                     Tag,
    RpcService                 "rpc.service"                         Tag,
    RpcMethod                  "rpc.method"                          Tag,
    RpcGrpcStatusCode          "rpc.grpc.status_code"                Late,
    GrpcCode                   "grpc.code"                           Tag,
    RpcGrpcStatusCodeDotted    "rpc.grpc.status.code"                Tag,
    GrpcStatusCode             "grpc.status.code"                    Tag,
    RpcResponseStatusCode      "rpc.response.status_code"            Tag,
    // Functions, GraphQL, protocol.
    FaasInvokedProvider        "faas.invoked_provider"               Tag,
    FaasInvokedName            "faas.invoked_name"                   Tag,
    FaasTrigger                "faas.trigger"                        Tag,
    GraphqlOperationType       "graphql.operation.type"              Tag,
    GraphqlOperationName       "graphql.operation.name"              Tag,
    NetworkProtocolName        "network.protocol.name"               Tag,
    // The service on the other side: Datadog reads the older name.
    PeerService                "peer.service"                        Late,
    ServicePeerName            "service.peer.name"                   Rename(PeerService),
    // Sampling and statistics.
    AnalyticsEvent             "analytics.event"                     Note,
    Analysed                   "_dd1.sr.eausr"                       Late,
    AskedSamplingPriority  "sampling.priority"                   Late,
    SamplingPriority           "_sampling_priority_v1"               Late,
    ManualKeep                 "manual.keep"                         Tag,
    ManualDrop                 "manual.drop"                         Tag,
    SampleRate                 "_sample_rate"                        Late,
    Measured                   "_dd.measured"                        Late,
    TopLevel                   "_dd.top_level"                       Late,
    // Errors.
    ErrorMessage               "error.message"                       Late,
    ErrorMsg                   "error.msg"                           Late,
    ErrorType                  "error.type"                          Late,
    ErrorStack                 "error.stack"                         Late,
    ExceptionMessage           "exception.message"                   Tag,
    ExceptionType              "exception.type"                      Tag,
    ExceptionStacktrace        "exception.stacktrace"                Tag,
    // Tags that the exporter writes itself; an attribute of that name is seen first.
    SpanKind                   "span.kind"                           Late,
    W3cTracestate              "w3c.tracestate"                      Late,
    OtelTraceId                "otel.trace_id"                       Late,
    Events                     "events"                              Late,
    HasException               "_dd.span_events.has_exception"       Late,
    SpanLinks                  "_dd.span_links"                      Late,
    DroppedEvents              "otel.dropped_events_count"           Late,
    DroppedLinks               "otel.dropped_links_count"            Late,
    ScopeName                  "otel.scope.name"                     Late,
    ScopeVersion               "otel.scope.version"                  Late,
    LibraryName                "otel.library.name"                   Late,
    LibraryVersion             "otel.library.version"                Late,
    StatusCode                 "otel.status_code"                    Late,
    StatusDescription          "otel.status_description"             Late,
    BaseService                "_dd.base_service"                    Late,
    Language                   "language"                            Late,
    RuntimeId                  "runtime-id"                          Late,
    ProcessId                  "process_id"                          Late,
    Origin                     "_dd.origin"                          Late,
    LastParent                 "_dd.parent_id"                       Late,
    GitRepositoryUrl           "_dd.git.repository_url"              Late,
    GitCommitSha               "_dd.git.commit.sha"                  Late,
    // The Agent reads these from one span for its whole trace or request: only ours are true.
    TraceIdHigh                "_dd.p.tid"                           Note,
    Hostname                   "_dd.hostname"                        Note,
}

impl Speaks {
    /// Returns the language of a statement on a span with a database system that understands `system`.
    pub(crate) fn language(self, system: Language) -> Option<Language> {
        match (self, system) {
            (Self::System | Self::Summary, _) | (Self::Sql, Language::Sql(_)) => Some(system),
            (Self::Sql, _) => Some(SOME_SQL),
            (Self::Json, _) => Some(Language::Json),
            (Self::Nothing, _) => None,
        }
    }
}

impl Attribute {
    /// The number of known attributes.
    pub(crate) const COUNT: usize = ROWS.len();

    /// Returns the attribute's key.
    #[inline]
    pub(crate) fn key(self) -> &'static str {
        ROWS[self as usize].0
    }

    /// Returns the name under which the attribute is a tag.
    pub(crate) fn tag(self) -> Self {
        match ROWS[self as usize].2 {
            Rule::Rename(target) => target,
            _ => self,
        }
    }

    /// Returns which language the statement is in that this attribute holds, if it holds one.
    pub(crate) fn speaks(self) -> Option<Speaks> {
        match ROWS[self as usize].2 {
            Rule::Statement(speaks) => Some(speaks),
            _ => None,
        }
    }

    /// Returns true if this attribute holds a URL.
    pub(crate) fn is_url(self) -> bool {
        matches!(self, Self::HttpUrl | Self::HttpTarget)
    }

    /// Returns true if this attribute holds the query string or the fragment of a URL.
    pub(crate) fn is_query(self) -> bool {
        matches!(ROWS[self as usize].2, Rule::Query)
    }

    /// Returns true if this attribute holds the address of a server.
    pub(crate) fn is_address(self) -> bool {
        matches!(
            self,
            Self::HttpServerName | Self::HttpHost | Self::NetPeerName | Self::NetHostName
        )
    }
}

/// The statements, as a set.
pub(crate) const STATEMENTS: AttributeSet = {
    let (mut row, mut set) = (0, AttributeSet::EMPTY);
    while row < ROWS.len() {
        if let Rule::Statement(_) = ROWS[row].2 {
            set = set.with(ROWS[row].1);
        }
        row += 1;
    }
    set
};

/// The attributes that drivers write, as a set.
pub(crate) const OF_DRIVERS: AttributeSet = {
    let (mut row, mut set) = (0, AttributeSet::EMPTY);
    while row < ROWS.len() {
        if let Rule::Driver = ROWS[row].2 {
            set = set.with(ROWS[row].1);
        }
        row += 1;
    }
    set
};

/// The renamed keys, each with the name it is written under.
pub(crate) const RENAMES: [(Attribute, Attribute); RENAME_COUNT] = {
    let mut renames = [(Attribute::HttpMethod, Attribute::HttpMethod); RENAME_COUNT];
    let (mut row, mut at) = (0, 0);
    while row < ROWS.len() {
        if let Rule::Rename(target) = ROWS[row].2 {
            renames[at] = (ROWS[row].1, target);
            at += 1;
        }
        row += 1;
    }
    renames
};

const RENAME_COUNT: usize = {
    let (mut row, mut count) = (0, 0);
    while row < ROWS.len() {
        count += matches!(ROWS[row].2, Rule::Rename(_)) as usize;
        row += 1;
    }
    count
};

/// Returns every key with a row.
#[cfg(fuzzing)]
pub fn keys() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|(key, ..)| *key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_finds_its_own_row_and_no_other() {
        for &(key, known, rule) in ROWS {
            assert_eq!(find(key), Some((known, rule)), "{key}");
            assert_eq!(known.key(), key);
            let longer = format!("{key}x");
            assert_eq!(find(&longer), None);
        }
    }
}
