//! Statistics that a client has computed itself: the body of `/v0.6/stats`, typed.
use super::decode::StatsReader;
use super::sketch::Sketch;

/// One request to `/v0.6/stats`.
///
/// # Examples
///
/// ```
/// use datadog_test_agent::TestAgent;
///
/// let agent = TestAgent::start()?;
/// // ... let a tracer that computes statistics run against `agent.url()` ...
/// for stats in agent.stats() {
///     for group in stats.buckets.iter().flat_map(|bucket| &bucket.groups) {
///         println!("{} {}: {} hits, p95 {:?} ns", stats.env, group.resource, group.hits, group.ok_summary.quantile(0.95));
///     }
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ReceivedStats {
    /// The headers in order; the names are in lower case.
    pub headers: Vec<(String, String)>,
    /// The host, where the client reports it.
    pub hostname: String,
    /// The environment.
    pub env: String,
    /// The version of the application.
    pub version: String,
    /// The language of the tracer.
    pub lang: String,
    /// The version of the tracer.
    pub tracer_version: String,
    /// The id of the process.
    pub runtime_id: String,
    /// The number of the request, counted by the client.
    pub sequence: u64,
    /// The service of the application.
    pub service: String,
    /// The commit that the application was built from.
    pub git_commit_sha: String,
    /// The numbers, by time.
    pub buckets: Vec<StatsBucket>,
    /// The estimated memory, in bytes.
    pub(super) memory: usize,
}

/// The numbers of a span of time.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StatsBucket {
    /// The start, in nanoseconds since 1970.
    pub start: u64,
    /// The length, in nanoseconds.
    pub duration: u64,
    /// The numbers, by what is counted apart.
    pub groups: Vec<StatsGroup>,
}

/// The numbers of spans that have everything but their durations in common.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct StatsGroup {
    /// The service.
    pub service: String,
    /// The operation name.
    pub name: String,
    /// The resource.
    pub resource: String,
    /// The kind of component; the field `Type` on the wire.
    pub span_type: String,
    /// The kind of database.
    pub db_type: String,
    /// The status of HTTP; 0 for none.
    pub http_status_code: u64,
    /// The number of spans, weighed.
    pub hits: u64,
    /// The number of failed spans, weighed.
    pub errors: u64,
    /// The sum of all durations in nanoseconds, weighed.
    pub duration: u64,
    /// The durations of the spans that did not fail.
    pub ok_summary: Sketch,
    /// The durations of the spans that failed.
    pub error_summary: Sketch,
    /// A synthetic test made the request.
    pub synthetics: bool,
    /// The number of spans that are the entry of their service, weighed.
    pub top_level_hits: u64,
    /// The kind of span.
    pub span_kind: String,
    /// The tags of the other side, as `key:value`.
    pub peer_tags: Vec<String>,
    /// The place of the spans in their traces: 0 unknown, 1 at the root, 2 below it.
    pub is_trace_root: u64,
    /// The status of gRPC, as a text.
    pub grpc_status_code: String,
    /// The method of HTTP.
    pub http_method: String,
    /// The route of HTTP.
    pub http_endpoint: String,
    /// The integration that set the service.
    pub service_source: String,
}

/// The memory of a group beside its bins, in bytes.
const GROUP: usize = 2 * size_of::<StatsGroup>() + 500;

/// The memory of a bin, in bytes.
const BIN: usize = 32;

impl ReceivedStats {
    /// Reads a body; the text says why it is none.
    pub(super) fn decode(body: &[u8], headers: Vec<(String, String)>) -> Result<Self, String> {
        let mut reader = StatsReader::new(body);
        let mut stats = Self { headers, ..Self::default() };
        reader.map(|reader, key| {
            match key {
                "Hostname" => stats.hostname = reader.text()?,
                "Env" => stats.env = reader.text()?,
                "Version" => stats.version = reader.text()?,
                "Lang" => stats.lang = reader.text()?,
                "TracerVersion" => stats.tracer_version = reader.text()?,
                "RuntimeID" => stats.runtime_id = reader.text()?,
                "Sequence" => stats.sequence = reader.number()?,
                "Service" => stats.service = reader.text()?,
                "GitCommitSha" => stats.git_commit_sha = reader.text()?,
                "Stats" => stats.buckets = reader.list(bucket)?,
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        stats.memory = size_of::<Self>() + 2 * body.len() + reader.used();
        Ok(stats)
    }
}

fn bucket(reader: &mut StatsReader<'_>) -> Result<(StatsBucket, usize), String> {
    let mut bucket = StatsBucket::default();
    reader.map(|reader, key| {
        match key {
            "Start" => bucket.start = reader.number()?,
            "Duration" => bucket.duration = reader.number()?,
            "Stats" => bucket.groups = reader.list(group)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    Ok((bucket, 2 * size_of::<StatsBucket>()))
}

fn group(reader: &mut StatsReader<'_>) -> Result<(StatsGroup, usize), String> {
    let mut group = StatsGroup::default();
    reader.map(|reader, key| {
        match key {
            "Service" => group.service = reader.text()?,
            "Name" => group.name = reader.text()?,
            "Resource" => group.resource = reader.text()?,
            "Type" => group.span_type = reader.text()?,
            "DBType" => group.db_type = reader.text()?,
            "HTTPStatusCode" => group.http_status_code = reader.number()?,
            "Hits" => group.hits = reader.number()?,
            "Errors" => group.errors = reader.number()?,
            "Duration" => group.duration = reader.number()?,
            "OkSummary" => group.ok_summary = sketch(reader, key)?,
            "ErrorSummary" => group.error_summary = sketch(reader, key)?,
            "Synthetics" => group.synthetics = reader.boolean()?,
            "TopLevelHits" => group.top_level_hits = reader.number()?,
            "SpanKind" => group.span_kind = reader.text()?,
            "PeerTags" => {
                group.peer_tags =
                    reader.list(|reader| Ok((reader.text()?, 2 * size_of::<String>())))?;
            }
            "IsTraceRoot" => group.is_trace_root = reader.number()?,
            "GRPCStatusCode" => group.grpc_status_code = reader.text()?,
            "HTTPMethod" => group.http_method = reader.text()?,
            "HTTPEndpoint" => group.http_endpoint = reader.text()?,
            "srv_src" => group.service_source = reader.text()?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    let bins = group.ok_summary.bins() + group.error_summary.bins();
    Ok((group, GROUP + bins * BIN))
}

fn sketch(reader: &mut StatsReader<'_>, key: &str) -> Result<Sketch, String> {
    Sketch::from_protobuf(&reader.bytes()?).map_err(|why| format!("{key} is no sketch: {why}"))
}
