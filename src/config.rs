//! Search for settings: code over `DD_*` over the OpenTelemetry resource over the default.
//!
//! [`Settings::resolve`] is given the variables by a function, so that tests need no process
//! environment. A bad value in code is an error; a bad variable is one warning, and the next source
//! counts. A variable that is set but empty is unset. Sampling and propagation find their own
//! settings with the same [`Variables`]. Not here: what the resource says ([`crate::mapping`]), and
//! how an address is reached ([`crate::delivery`]).

mod git;
mod variables;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_http::HttpClient;

use crate::BuildError;
use crate::delivery::{Addresses, AgentAddress, DeliverySettings};
use crate::mapping::{
    ErrorStatuses, NamesHook, Obfuscation, Options, QuerySecrets, RedactQuery, STATUSES_FORM,
    SpanTypes,
};
use crate::protocol::Protocol;
use crate::stats::Sender;
use variables::{ADDRESS_FORM, MAX_TIMEOUT, TIMEOUT_FORM, without_credentials};

#[cfg(fuzzing)]
pub(crate) use variables::VARIABLES;
pub(crate) use variables::{Unified, Variables, of_process};

/// The most memory of buffered spans: a minute without an Agent at 5,000 spans/s, with room to spare.
const DEFAULT_BUFFER_BYTES: usize = 64 * MIB;
/// The smallest buffer: a smaller one would hardly hold one batch.
const MIN_BUFFER_BYTES: usize = MIB;
/// Size of a document: large enough to amount to few requests, far below the Agent's limit.
const DEFAULT_PAYLOAD_BYTES: usize = 4 * MIB;
/// The allowed sizes of a document. The Agent refuses 25 MiB and more.
const PAYLOAD_BYTES: std::ops::RangeInclusive<usize> = 16 * 1024..=24 * MIB;
const MIB: usize = 1024 * 1024;

/// Settings of an exporter as code gives them.
#[derive(Clone, Default)]
pub(crate) struct ExporterInputs {
    pub(crate) agent_url: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) env: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) git: Option<(String, String)>,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) buffer_bytes: Option<usize>,
    pub(crate) payload_bytes: Option<usize>,
    pub(crate) http_client: Option<Arc<dyn HttpClient>>,
    pub(crate) types: SpanTypes,
    pub(crate) obfuscation: Obfuscation,
    pub(crate) query_redaction: Option<RedactQuery>,
    pub(crate) server_errors: Option<String>,
    pub(crate) names: Option<NamesHook>,
    pub(crate) client_stats: Option<bool>,
}

/// Everything that is decided before the first span.
#[derive(Debug)]
pub(crate) struct Settings {
    /// The settings of delivery.
    pub(crate) delivery: DeliverySettings,
    /// True if spans are sent.
    pub(crate) enabled: bool,
    /// The settings of the mapping.
    pub(crate) options: Options,
    /// Variables that are set and mean nothing here.
    pub(crate) not_followed: Vec<&'static str>,
    /// Warnings about the environment, a sentence each.
    pub(crate) warnings: Vec<String>,
}

impl Settings {
    /// Finds every setting in the environment of this process.
    pub(crate) fn of_process(inputs: ExporterInputs) -> Result<Self, BuildError> {
        Self::resolve(inputs, of_process)
    }

    /// Finds every setting: `variable` looks up the environment.
    pub(crate) fn resolve(
        inputs: ExporterInputs,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, BuildError> {
        let (mut inputs, mut variables) = (inputs, Variables::of(variable));
        let mut delivery = delivery(&mut inputs, &mut variables)?;
        let wants_stats = inputs
            .client_stats
            .unwrap_or_else(|| variables.flag("DD_TRACE_STATS_COMPUTATION_ENABLED", false));
        let options = options(inputs, &mut variables)?;
        delivery.stats = wants_stats.then(|| Sender {
            hostname: options.hostname.clone().unwrap_or_default(),
            runtime_id: options.runtime_id.clone(),
            service: String::new(),
            git_commit_sha: options.git.commit_sha.clone().unwrap_or_default(),
        });
        let enabled = variables.flag("DD_TRACE_ENABLED", true);
        let not_followed = variables.not_followed();
        Ok(Self { delivery, enabled, options, not_followed, warnings: variables.warnings })
    }
}

/// Finds the settings of delivery.
fn delivery(
    inputs: &mut ExporterInputs,
    variables: &mut Variables<impl Fn(&str) -> Option<String>>,
) -> Result<DeliverySettings, BuildError> {
    let addresses = match &inputs.agent_url {
        Some(url) => AgentAddress::parse(url).map(Addresses::configured).ok_or_else(|| {
            BuildError::setting("with_agent_url", without_credentials(url), ADDRESS_FORM)
        })?,
        None => variables.addresses(),
    };
    let timeout = match inputs.timeout {
        Some(timeout) => checked_timeout(timeout)?,
        None => variables.timeout(),
    };
    let (buffer_bytes, payload_bytes) = checked_sizes(inputs.buffer_bytes, inputs.payload_bytes)?;
    Ok(DeliverySettings {
        addresses,
        http_client: inputs.http_client.take(),
        protocol: inputs.protocol.unwrap_or_else(|| variables.protocol()),
        timeout,
        buffer_bytes,
        payload_bytes,
        external_env: variables.external_env(),
        stats: None,
    })
}

/// Finds the settings of the mapping.
fn options(
    inputs: ExporterInputs,
    variables: &mut Variables<impl Fn(&str) -> Option<String>>,
) -> Result<Options, BuildError> {
    let mut tags = checked_tags(inputs.tags)?;
    // A tag in code is code, whatever it is about.
    let [code_env, code_version] = ["env", "version"].map(|key| text_of(&tags, key));
    let in_code = Unified {
        service: checked("with_service", inputs.service)?,
        env: checked("with_env", inputs.env)?.or(code_env),
        version: checked("with_version", inputs.version)?.or(code_version),
    };
    let (Unified { service, env, version }, mut from_variable) = variables.unified(in_code);
    let git = git::find(inputs.git, variables, &mut from_variable)?;
    tags.extend(from_variable);
    Ok(Options {
        service,
        unknown_service: unknown_service(),
        env,
        version,
        tags,
        git,
        hostname: variables.hostname(),
        types: inputs.types,
        obfuscation: inputs.obfuscation,
        server_query: variables.query(&["DD_HTTP_SERVER_TAG_QUERY_STRING"]),
        // Tracers differ about the name.
        client_query: variables
            .query(&["DD_TRACE_HTTP_CLIENT_TAG_QUERY_STRING", "DD_HTTP_CLIENT_TAG_QUERY_STRING"]),
        query_secrets: match inputs.query_redaction {
            Some(own) => QuerySecrets::Own(own),
            None => variables.query_secrets(),
        },
        server_errors: match inputs.server_errors {
            Some(statuses) => checked_statuses(&statuses)?,
            None => variables.server_errors(),
        },
        names: inputs.names,
        runtime_id: runtime_id(),
        process_id: std::process::id(),
    })
}

/// Returns a time-out given in code, if it is possible.
fn checked_timeout(timeout: Duration) -> Result<Duration, BuildError> {
    if timeout.is_zero() || timeout > MAX_TIMEOUT {
        return Err(BuildError::setting("with_timeout", format!("{timeout:?}"), TIMEOUT_FORM));
    }
    Ok(timeout)
}

/// A request takes at most this part of the buffer: it is not compressed while it is under way, and what
/// comes meanwhile needs room.
const REQUEST_SHARE: usize = 4;

/// Returns the sizes of the buffer and of a request, if they are possible.
fn checked_sizes(
    buffer: Option<usize>,
    payload: Option<usize>,
) -> Result<(usize, usize), BuildError> {
    let buffer = buffer.unwrap_or(DEFAULT_BUFFER_BYTES);
    if buffer < MIN_BUFFER_BYTES {
        return Err(BuildError::setting(
            "with_max_buffer_bytes",
            buffer.to_string(),
            "at least 1048576 bytes (1 MiB)",
        ));
    }
    let payload = payload.unwrap_or(DEFAULT_PAYLOAD_BYTES);
    if !PAYLOAD_BYTES.contains(&payload) {
        return Err(BuildError::setting(
            "with_max_payload_bytes",
            payload.to_string(),
            "16384 to 25165824 bytes (16 KiB to 24 MiB)",
        ));
    }
    Ok((buffer, payload.min(buffer / REQUEST_SHARE)))
}

/// Returns the tags given in code, the one set last first.
fn checked_tags(mut tags: Vec<(String, String)>) -> Result<Vec<(String, String)>, BuildError> {
    if tags.iter().any(|(key, _)| key.is_empty()) {
        return Err(BuildError::setting("with_tag", "", "a key that is not empty"));
    }
    tags.reverse();
    Ok(tags)
}

/// Returns the statuses that a list in code names, if all of it can be read.
fn checked_statuses(text: &str) -> Result<ErrorStatuses, BuildError> {
    match ErrorStatuses::parse(text) {
        (statuses, bad) if bad.is_empty() => Ok(statuses),
        _ => Err(BuildError::setting("with_http_server_error_statuses", text, STATUSES_FORM)),
    }
}

/// Returns what a list of tags says for a key, unless it is empty.
fn text_of(tags: &[(String, String)], key: &str) -> Option<String> {
    let (_, text) = tags.iter().find(|(name, text)| name == key && !text.is_empty())?;
    Some(text.clone())
}

/// Returns a value given in code, unless it is empty.
pub(crate) fn checked(
    name: &'static str,
    value: Option<String>,
) -> Result<Option<String>, BuildError> {
    match value {
        Some(value) if value.trim().is_empty() => {
            Err(BuildError::setting(name, value, "a text that is not empty"))
        }
        value => Ok(value),
    }
}

/// Returns what the SDK calls a service that nobody named.
fn unknown_service() -> String {
    let executable = std::env::current_exe().ok();
    match executable.as_deref().and_then(|path| path.file_name()?.to_str()) {
        Some(name) => format!("unknown_service:{name}"),
        None => "unknown_service".to_owned(),
    }
}

/// Returns a random UUID (version 4), the same for the whole process.
fn runtime_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    use std::sync::OnceLock;

    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| {
        let random = || u128::from(RandomState::new().hash_one(std::process::id()));
        let bits = random() << 64 | random();
        let bits = bits & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
        let hex = format!("{bits:032x}");
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    })
    .clone()
}

#[cfg(test)]
pub(crate) mod tests;
