//! [`DatadogExporterBuilder`]: takes settings, and reads nothing before `build`. Not here: what a setting
//! is if it is not given ([`crate::config`]).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_http::HttpClient;
use opentelemetry_sdk::trace::SpanData;

use crate::config::{ExporterInputs, Settings, of_process};
use crate::mapping::{Obfuscation, SpanNames, SpanTypes};
use crate::protocol::Protocol;
use crate::sampling::{SpanRule, find_span_rules};
use crate::{BuildError, DatadogExporter};

/// Builds a [`DatadogExporter`].
///
/// Setters only take values; [`build`](Self::build) reads the `DD_*` variables, checks everything and
/// starts the exporter. A value behind "otherwise" counts if the setter is not called. A variable
/// that is set but empty is not set, except `DD_TRACE_OBFUSCATION_QUERY_STRING_REGEXP`; a bad one is one warning
/// (`DatadogExporter.BadVariable`), and the next source counts.
///
/// The variables are those of Datadog's own tracers, and mean the same; `tests/agent` lists where an odd or a bad value does
/// not.
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct DatadogExporterBuilder {
    pub(crate) inputs: ExporterInputs,
    pub(crate) span_rules: Vec<SpanRule>,
}

impl DatadogExporterBuilder {
    /// Sets where the Agent is: `http://host:port`, or `unix:///path` for its socket.
    ///
    /// A path after an `http` address is kept as a prefix, a query is not; without a port it is 80.
    /// `localhost` tries every address it has. `https://` needs the feature `rustls`, and
    /// `windows:\\.\pipe\name` is a named pipe on Windows.
    /// Any other form is an error of [`build`](Self::build). User name and password are sent as basic authorisation, and
    /// are never in an error or a log line.
    ///
    /// Otherwise `DD_TRACE_AGENT_URL`, or `DD_AGENT_HOST` with `DD_TRACE_AGENT_PORT`. Without any of them the Agent is
    /// looked for at the socket `/var/run/datadog/apm.socket` and at `http://localhost:8126`, anew whenever it does
    /// not answer. A configured address is the only one that is tried.
    #[doc(alias = "with_agent_endpoint")]
    #[doc(alias = "with_endpoint")]
    #[doc(alias = "set_trace_agent_url")]
    pub fn with_agent_url(mut self, url: impl Into<String>) -> Self {
        self.inputs.agent_url = Some(url.into());
        self
    }

    /// Sets the service, as written (the Agent lower-cases it, and cuts it at 100 bytes). An empty text is an
    /// error of [`build`](Self::build).
    ///
    /// Otherwise `DD_SERVICE`, `service` in `DD_TAGS`, `service.name` of the resource unless it starts with
    /// `unknown_service`, or `unknown_service:<executable>`. The attributes `service.name` and
    /// `datadog.service` of a span beat all.
    #[doc(alias = "with_service_name")]
    #[doc(alias = "set_service")]
    pub fn with_service(mut self, service: impl Into<String>) -> Self {
        self.inputs.service = Some(service.into());
        self
    }

    /// Sets the environment, as written (the Agent lower-cases it). An empty text is an error of
    /// [`build`](Self::build).
    ///
    /// Otherwise `env` set by [`with_tag`](Self::with_tag), `DD_ENV`, `env` in `DD_TAGS`, then
    /// `deployment.environment.name`, `deployment.environment` or `env` of the resource. Without any the Agent
    /// writes its own, or `none`. `datadog.env` or `deployment.environment.name` on a span beats all; a plain
    /// `env` there is a tag, `otel.env`.
    pub fn with_env(mut self, env: impl Into<String>) -> Self {
        self.inputs.env = Some(env.into());
        self
    }

    /// Sets the version of the application, as written. An empty text is an error of [`build`](Self::build).
    ///
    /// Otherwise `version` set by [`with_tag`](Self::with_tag), `DD_VERSION`, `version` in `DD_TAGS`, then
    /// `service.version` or `version` of the resource. `datadog.version` or `service.version` on a span beats
    /// all; a plain `version` there is a tag, `otel.version`.
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.inputs.version = Some(version.into());
        self
    }

    /// Adds a tag to every span. Of equal keys the one set last counts. An empty key is an error of
    /// [`build`](Self::build); a key of more than 200 bytes and a value of more than 25,000 are cut.
    ///
    /// It beats `DD_TAGS` and the resource attribute of the same name; a span attribute beats it. `env` and
    /// `version` beat `DD_ENV` and `DD_VERSION` too.
    pub fn with_tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.inputs.tags.push((key.into(), value.into()));
        self
    }

    /// Sets the repository and the commit that the program was built from, so that Datadog links errors and profiles to
    /// the code. They stand on the first span of each chunk, the URL without user and password. An empty text is an
    /// error of [`build`](Self::build).
    ///
    /// Otherwise, one by one, `DD_GIT_REPOSITORY_URL` and `DD_GIT_COMMIT_SHA`; `git.repository_url` and `git.commit.sha`
    /// in `DD_TAGS`, which are no other tags then; or the same two variables as they were when this crate was compiled.
    /// A cached build layer keeps old values: set them at run time there. `DD_TRACE_GIT_METADATA_ENABLED=false` switches
    /// all of it off.
    #[doc(alias = "with_commit")]
    pub fn with_git(
        mut self,
        repository_url: impl Into<String>,
        commit_sha: impl Into<String>,
    ) -> Self {
        self.inputs.git = Some((repository_url.into(), commit_sha.into()));
        self
    }

    /// Adds tags, each as [`with_tag`](Self::with_tag) does.
    #[doc(alias = "set_global_tags")]
    pub fn with_tags<K: Into<String>, V: Into<String>>(
        mut self,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.inputs.tags.extend(tags.into_iter().map(|(key, value)| (key.into(), value.into())));
        self
    }

    /// Sets the endpoint and the encoding. The Agent stores the same spans from all of them. An explicit choice
    /// never changes by itself: what the receiver refuses then is dropped.
    ///
    /// Otherwise `DD_TRACE_API_VERSION` (`auto`; `v0.3` is [`Protocol::V03Json`], `v0.4` is [`Protocol::V04`]), or
    /// [`Protocol::Auto`].
    #[doc(alias = "with_api_version")]
    #[doc(alias = "with_encoding")]
    pub fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.inputs.protocol = Some(protocol);
        self
    }

    /// Sets how long one request to the Agent may take: more than 0 and at most 5 s, since the Agent
    /// itself stops reading a request after 5 s. Anything else is an error of [`build`](Self::build).
    ///
    /// A request that is not answered in time may have arrived: it is sent again 3 times at most.
    ///
    /// Otherwise `DD_TRACE_AGENT_TIMEOUT_SECONDS`, of which more than 5 counts as 5, or 3 s.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.inputs.timeout = Some(timeout);
        self
    }

    /// Sets how much memory buffered spans may take, in bytes: at least 1 MiB, by default 64 MiB. Less is an error of
    /// [`build`](Self::build).
    ///
    /// Buffered spans are compressed, typical ones to a fifth or less. A full buffer drops its oldest spans and
    /// counts them. A request under way cannot be taken back: then the oldest after it go.
    pub fn with_max_buffer_bytes(mut self, bytes: usize) -> Self {
        self.inputs.buffer_bytes = Some(bytes);
        self
    }

    /// Sets how large the body of a request may be, in bytes: 16 KiB to 24 MiB, by default 4 MiB. Any other size is an
    /// error of [`build`](Self::build). A quarter of the buffer is the most that is used, whatever is set.
    ///
    /// Larger batches are cut between traces, then between spans; a single larger span is sent alone.
    /// If the Agent, or a proxy before it, refuses a body as too large, it is halved and sent again.
    pub fn with_max_payload_bytes(mut self, bytes: usize) -> Self {
        self.inputs.payload_bytes = Some(bytes);
        self
    }

    /// Sets an HTTP client of your own. The time-out, retries and the buffer stay the exporter's.
    ///
    /// The exporter calls it on a thread of its own, inside a current-thread tokio runtime with time and I/O
    /// enabled, one request at a time. It must be asynchronous (one that blocks its thread holds up the requests
    /// that follow, and nothing else) and built without redirects and proxies, since each span would follow them. It gets
    /// `http://host:port/path` of the Agent's address; with a socket or pipe address `http://localhost/path`. Without
    /// an address that somebody configured it gets `http://localhost:8126/path`.
    ///
    /// A `reqwest::Error` (0.13) with `is_connect`, or a refused connection among the sources of an error, means
    /// that nothing was sent, and the spans are kept for as long as the buffer has room. After any other error the
    /// Agent may have the spans, and they are sent again 3 times at most.
    ///
    /// Otherwise HTTP/1.1 to the Agent, without a proxy, redirects or compression.
    ///
    /// # Examples
    ///
    /// ```
    /// use async_trait::async_trait;
    /// use opentelemetry_datadog_agent::DatadogExporter;
    /// use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
    ///
    /// /// Takes everything and keeps nothing.
    /// #[derive(Debug)]
    /// struct Nowhere;
    ///
    /// #[async_trait]
    /// impl HttpClient for Nowhere {
    ///     async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    ///         let path = request.uri().path();
    ///         assert!(path.ends_with("/traces") || ["/info", "/v0.6/stats"].contains(&path));
    ///         Ok(Response::new(Bytes::new()))
    ///     }
    /// }
    ///
    /// let exporter = DatadogExporter::builder().with_http_client(Nowhere).build()?;
    /// # Ok::<(), opentelemetry_datadog_agent::BuildError>(())
    /// ```
    pub fn with_http_client(mut self, client: impl HttpClient + 'static) -> Self {
        self.inputs.http_client = Some(Arc::new(client));
        self
    }

    /// Sets which span types are sent; otherwise the four documented ones, [`SpanTypes::Documented`].
    pub fn with_span_types(mut self, types: SpanTypes) -> Self {
        self.inputs.types = types;
        self
    }

    /// Sets where literals are taken out of statements; otherwise here, [`Obfuscation::Exporter`].
    pub fn with_obfuscation(mut self, obfuscation: Obfuscation) -> Self {
        self.inputs.obfuscation = obfuscation;
        self
    }

    /// Sets a function that redacts query strings, in place of the built-in rules. It gets each query without the
    /// `?` before it, and returns the text that is sent; `|query| query.into()` switches redaction off. If it panics,
    /// `<redacted>` is sent for the whole query.
    ///
    /// It is called for `http.url`, `url.full`, `http.target`, `url.query`, and for each word with a `?` in any other
    /// text of a span, on the thread that exports.
    ///
    /// Otherwise the secrets that Datadog's tracers and the semantic conventions name become `<redacted>`
    /// (`token=...`, `api_key=...`, JSON web tokens and others), in fragments too. An empty
    /// `DD_TRACE_OBFUSCATION_QUERY_STRING_REGEXP` switches that off. Any other value is not followed: an expression
    /// needs an engine, which only this function can bring.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), opentelemetry_datadog_agent::BuildError> {
    /// use opentelemetry_datadog_agent::DatadogExporter;
    ///
    /// // With the crate `regex`: `move |query| secrets.replace_all(query, "<redacted>")`.
    /// let exporter = DatadogExporter::builder()
    ///     .with_query_redaction(|query| match query.split_once("session=") {
    ///         Some((before, _)) => format!("{before}session=<redacted>").into(),
    ///         None => query.into(),
    ///     })
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_query_redaction<F>(mut self, redact: F) -> Self
    where
        F: for<'q> Fn(&'q str) -> Cow<'q, str> + Send + Sync + 'static,
    {
        self.inputs.query_redaction = Some(Arc::new(redact));
        self
    }

    /// Sets the HTTP statuses that make a server span an error: numbers from 100 to 999 and ranges of
    /// them, as in `500-599,404`. An empty text lists none. A text of another form is an error of
    /// [`build`](Self::build).
    ///
    /// A listed status counts whatever the status of the span is, `Ok` too. It clears no error, and the
    /// attribute `datadog.error` of a span beats it.
    ///
    /// Otherwise `DD_TRACE_HTTP_SERVER_ERROR_STATUSES`, or none: the status of the span alone decides.
    pub fn with_http_server_error_statuses(mut self, statuses: impl Into<String>) -> Self {
        self.inputs.server_errors = Some(statuses.into());
        self
    }

    /// Sets a function that may replace the service, name, resource and type of each span.
    ///
    /// It sees the span and the names the mapping chose, and has the last word: over attributes too. A name that it
    /// leaves empty is that of the mapping, one that is too long is cut: 100 bytes, the resource 5,000. Literals
    /// of statements that it puts into a name are sent. Users, passwords and secrets of URLs are still removed.
    ///
    /// It runs for each span on the thread that exports, so it should be quick; it may borrow from the
    /// span. If it panics, the span keeps the names of the mapping.
    ///
    /// It may call this exporter and its handle. A span that it starts is not recorded, and spans that it exports keep
    /// the names of the mapping: otherwise it would run for its own spans. Under the SDK's simple processor, which
    /// holds a lock during `export`, it must not end a span that began elsewhere, nor shut the provider down.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), opentelemetry_datadog_agent::BuildError> {
    /// use opentelemetry_datadog_agent::DatadogExporter;
    ///
    /// let exporter = DatadogExporter::builder()
    ///     .with_names(|span, names| {
    ///         if names.operation == "Internal" {
    ///             names.operation = span.instrumentation_scope.name().into();
    ///         }
    ///     })
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "with_name_mapping")]
    #[doc(alias = "with_resource_mapping")]
    #[doc(alias = "with_service_name_mapping")]
    pub fn with_names<F>(mut self, names: F) -> Self
    where
        F: for<'a> Fn(&'a SpanData, &mut SpanNames<'a>) + Send + Sync + 'static,
    {
        self.inputs.names = Some(Arc::new(names));
        self
    }

    /// Sets whether the exporter counts spans itself and leaves rejected traces out: exact trace metrics for the cost
    /// of recording.
    ///
    /// It is done only while the Agent allows it: where `/info` says `client_drop_p0s: true` and lists `/v0.6/stats`,
    /// and has no `filter_tags_regex` and no `ignore_resources`. Elsewhere every span is sent, and one line says so
    /// (`DatadogExporter.NoStatistics`). What is sent does not change otherwise: hits, errors and durations of every
    /// recorded span are counted by service, operation, resource and what else the Agent tells apart, in buckets of
    /// 10 s, and a trace of priority 0 without an error, or of priority -1, is not sent. Each span is counted once,
    /// here or in the Agent. Spans that no sampler records are counted by weight, as ever.
    ///
    /// In 10 s at most 7,000 groups, 1,024 resources and 512 sets of peers are told apart; what is beyond has
    /// `tracer_blocked_value` in place of it. While the Agent is away the numbers wait in 8 MiB at most. A process
    /// that dies loses those of its last 20 s; [`flush`](crate::ExporterHandle::flush) and a shutdown send all.
    ///
    /// Rejected traces must be recorded for this: a sampler with
    /// [`RejectedTraces::Recorded`](crate::RejectedTraces::Recorded), and [`ForwardRejected`](crate::ForwardRejected)
    /// around the processor, as below. Without them they never reach the exporter, and the setting saves next to nothing.
    ///
    /// Otherwise `DD_TRACE_STATS_COMPUTATION_ENABLED`, or off.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use opentelemetry_datadog_agent::{
    ///     DatadogExporter, DatadogSampler, ForwardRejected, RejectedTraces, SpanRule,
    /// };
    /// use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider};
    ///
    /// # fn main() -> Result<(), opentelemetry_datadog_agent::BuildError> {
    /// let exporter = DatadogExporter::builder()
    ///     .with_client_stats(true)
    ///     .with_span_rule(SpanRule::errors())
    ///     .build()?;
    /// let sampler = DatadogSampler::builder()
    ///     .with_agent_rates(&exporter.handle())
    ///     .with_rejected_traces(RejectedTraces::Recorded)
    ///     .build()?;
    /// let processor = ForwardRejected::new(BatchSpanProcessor::builder(exporter).build());
    /// let provider =
    ///     SdkTracerProvider::builder().with_sampler(sampler).with_span_processor(processor).build();
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "set_trace_stats_computation_enabled")]
    pub fn with_client_stats(mut self, enabled: bool) -> Self {
        self.inputs.client_stats = Some(enabled);
        self
    }

    /// Adds a rule that keeps single spans of rejected traces; the first that fits decides. See [`SpanRule`] for what it
    /// needs. A rate that is not from 0 to 1, or a limit that is negative or not finite, is an error of
    /// [`build`](Self::build).
    ///
    /// Otherwise `DD_SPAN_SAMPLING_RULES`, else the file that `DD_SPAN_SAMPLING_RULES_FILE` names: a JSON list of at most
    /// 1,000 rules, the file of at most 1 MiB. With any rule in code neither is read.
    #[doc(alias = "span_sampling_rules")]
    pub fn with_span_rule(mut self, rule: SpanRule) -> Self {
        self.span_rules.push(rule);
        self
    }

    /// Reads the `DD_*` variables, checks every setting and starts the exporter.
    ///
    /// # Errors
    ///
    /// Fails if a setting in code cannot be used (the error names it, its value and what was expected), or if
    /// the thread, its runtime or the HTTP client cannot be started. A missing Agent is no error: spans wait for it.
    ///
    /// Nothing is logged here, since the subscriber may not exist yet: the settings (`DatadogExporter.Built`) and
    /// bad variables are said at the first export, flush or shutdown.
    pub fn build(self) -> Result<DatadogExporter, BuildError> {
        let mut settings = Settings::of_process(self.inputs)?;
        let (span_rules, warnings) = find_span_rules(self.span_rules, of_process)?;
        settings.warnings.extend(warnings);
        DatadogExporter::start(settings, span_rules)
    }
}

impl fmt::Debug for DatadogExporterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatadogExporterBuilder")
            .field("service", &self.inputs.service)
            .field("env", &self.inputs.env)
            .field("version", &self.inputs.version)
            .field("protocol", &self.inputs.protocol)
            .field("timeout", &self.inputs.timeout)
            .field("types", &self.inputs.types)
            .field("obfuscation", &self.inputs.obfuscation)
            .field("server_errors", &self.inputs.server_errors)
            .field("query_redaction", &self.inputs.query_redaction.is_some())
            .field("names", &self.inputs.names.is_some())
            .field("client_stats", &self.inputs.client_stats)
            .field("span_rules", &self.span_rules.len())
            .finish_non_exhaustive()
    }
}
