//! How settings are found: code over `DD_*` over the OpenTelemetry resource over the default.
//!
//! [`Settings::resolve`] is given the variables by a function, so that tests need no process
//! environment. A bad value in code is an error; a bad variable is one warning, and the next source
//! counts. A variable that is set but empty is unset. Not here: what the resource says
//! ([`crate::mapping`]), and how an address is reached ([`crate::delivery`]).

mod propagation;
mod sampling;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::BuildError;
use crate::builder::DatadogExporterBuilder;
use crate::delivery::{AgentAddress, ApiVersion, DeliverySettings};
use crate::encoding::Encoding;
use crate::mapping::{Options, Query};

pub(crate) use propagation::{PropagationSettings, Unified};
pub(crate) use sampling::SamplingSettings;

/// Where the Agent's socket is unless configured otherwise.
const DEFAULT_SOCKET: &str = "/var/run/datadog/apm.socket";
/// Where the Agent listens if it has no socket.
const DEFAULT_HOST: &str = "localhost";
/// See [`DEFAULT_HOST`].
const DEFAULT_PORT: u16 = 8126;

/// How long one request may take. The Agent itself gives up reading one after 5 s.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest time-out: the Agent closes a request that is not complete after 5 s.
const MAX_TIMEOUT: Duration = Duration::from_secs(5);

/// Memory that waiting spans may take: a minute without an Agent at 5,000 spans/s, with room to spare.
const DEFAULT_BUFFER_BYTES: usize = 64 * MIB;
/// The smallest buffer: below this hardly a batch could wait.
const MIN_BUFFER_BYTES: usize = MIB;
/// Size of a request's body: large enough to amount to few requests, far below the Agent's limit.
const DEFAULT_PAYLOAD_BYTES: usize = 4 * MIB;
/// What a request's body may be set to. The Agent refuses 25 MiB and more.
const PAYLOAD_BYTES: std::ops::RangeInclusive<usize> = 16 * 1024..=24 * MIB;
const MIB: usize = 1024 * 1024;

/// What an agent address looks like, for messages.
const ADDRESS_FORM: &str = if cfg!(feature = "rustls") {
    "http://host:port, https://host:port or unix:///path/to/socket"
} else {
    "http://host:port or unix:///path/to/socket (https needs the feature `rustls`)"
};
/// What a time-out looks like, for messages.
const TIMEOUT_FORM: &str = "more than 0 and at most 5 seconds";

/// Every variable that is read. The README's table has the same.
pub(crate) const VARIABLES: &[&str] = &[
    "DD_SERVICE",
    "DD_ENV",
    "DD_VERSION",
    "DD_TAGS",
    "DD_TRACE_AGENT_URL",
    "DD_AGENT_HOST",
    "DD_TRACE_AGENT_PORT",
    "DD_TRACE_API_VERSION",
    "DD_TRACE_AGENT_TIMEOUT_SECONDS",
    "DD_TRACE_ENABLED",
    "DD_HTTP_SERVER_TAG_QUERY_STRING",
    "DD_HTTP_CLIENT_TAG_QUERY_STRING",
    "DD_TRACE_SAMPLE_RATE",
    "DD_TRACE_SAMPLING_RULES",
    "DD_TRACE_RATE_LIMIT",
    "DD_TRACE_REPORT_HOSTNAME",
    "DD_HOSTNAME",
    "DD_EXTERNAL_ENV",
    "DD_TRACE_PROPAGATION_STYLE",
    "DD_TRACE_PROPAGATION_STYLE_EXTRACT",
    "DD_TRACE_PROPAGATION_STYLE_INJECT",
    "DD_TRACE_PROPAGATION_EXTRACT_FIRST",
    "DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT",
    "DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH",
    "OTEL_PROPAGATORS",
];

/// Everything that is decided before the first span.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What delivery is told.
    pub(crate) delivery: DeliverySettings,
    /// The form of the bodies.
    pub(crate) encoding: Encoding,
    /// Whether spans are sent at all.
    pub(crate) enabled: bool,
    /// What the mapping is told.
    pub(crate) options: Options,
    /// What was wrong in the environment, a sentence each.
    pub(crate) warnings: Vec<String>,
}

impl Settings {
    /// Finds every setting in the environment of this process.
    pub(crate) fn of_process(builder: DatadogExporterBuilder) -> Result<Self, BuildError> {
        Self::resolve(builder, of_process, is_socket)
    }

    /// Finds every setting: `variable` looks up the environment, `is_socket` the file system.
    pub(crate) fn resolve(
        builder: DatadogExporterBuilder,
        variable: impl Fn(&str) -> Option<String>,
        is_socket: impl Fn(&Path) -> bool,
    ) -> Result<Self, BuildError> {
        let mut variables = Variables { variable, warnings: Vec::new() };
        let address = match builder.agent_url {
            Some(url) => AgentAddress::parse(&url).ok_or_else(|| {
                BuildError::setting("with_agent_url", without_credentials(&url), ADDRESS_FORM)
            })?,
            None => variables.address(is_socket),
        };
        let timeout = match builder.timeout {
            Some(timeout) => checked_timeout(timeout)?,
            None => variables.timeout(),
        };
        let (buffer_bytes, payload_bytes) =
            checked_sizes(builder.buffer_bytes, builder.payload_bytes)?;
        let mut tags = checked_tags(builder.tags)?;
        // A tag in code is code, whatever it is about.
        let in_code = ["env", "version"].map(|key| text_of(&tags, key));
        let (unified, from_variable) = variables.tags();
        tags.extend(from_variable);
        let [tag_service, tag_env, tag_version] = unified;
        let [code_env, code_version] = in_code;
        let options = Options {
            service: checked("with_service", builder.service)?
                .or_else(|| variables.text("DD_SERVICE"))
                .or(tag_service),
            unknown_service: unknown_service(),
            env: checked("with_env", builder.env)?
                .or(code_env)
                .or_else(|| variables.text("DD_ENV"))
                .or(tag_env),
            version: checked("with_version", builder.version)?
                .or(code_version)
                .or_else(|| variables.text("DD_VERSION"))
                .or(tag_version),
            tags,
            hostname: variables.hostname(),
            types: builder.types,
            server_query: variables.query("DD_HTTP_SERVER_TAG_QUERY_STRING"),
            client_query: variables.query("DD_HTTP_CLIENT_TAG_QUERY_STRING"),
            names: builder.names,
            runtime_id: runtime_id(),
            process_id: std::process::id(),
        };
        let enabled = variables.flag("DD_TRACE_ENABLED", true);
        let delivery = DeliverySettings {
            address,
            transport: builder.transport,
            api_version: builder.api_version.unwrap_or_else(|| variables.api_version()),
            timeout,
            buffer_bytes,
            payload_bytes,
            external_env: variables.text("DD_EXTERNAL_ENV"),
        };
        Ok(Self {
            delivery,
            encoding: builder.encoding,
            enabled,
            options,
            warnings: variables.warnings,
        })
    }
}

/// Returns a variable of this process. What is no UTF-8 gets a mark, and is refused by it.
fn of_process(name: &str) -> Option<String> {
    Some(std::env::var_os(name)?.to_string_lossy().into_owned())
}

/// The environment, and what was wrong in it.
struct Variables<F> {
    variable: F,
    warnings: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    /// Returns a variable that is not empty.
    fn text(&mut self, name: &'static str) -> Option<String> {
        debug_assert!(VARIABLES.contains(&name), "{name} is not in the table");
        let value = (self.variable)(name)?;
        if value.contains(char::REPLACEMENT_CHARACTER) {
            // Not shown: nobody knows where in it a password or the value of a tag stands.
            self.warnings.push(format!("ignored `{name}`: expected UTF-8"));
            return None;
        }
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Reads a variable, or warns and returns nothing.
    fn read<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.text(name)?;
        let found = read(&value);
        if found.is_none() {
            self.warn(name, &without_credentials(&value), expected);
        }
        found
    }

    fn warn(&mut self, name: &str, value: &str, expected: &str) {
        /// Most characters of a value that a message shows.
        const SHOWN: usize = 200;
        let end = value.char_indices().nth(SHOWN).map_or(value.len(), |(at, _)| at);
        let value = &value[..end];
        self.warnings.push(format!("ignored `{name}` = {value:?}: expected {expected}"));
    }

    fn flag(&mut self, name: &'static str, default: bool) -> bool {
        let read = |value: &str| match value.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        self.read(name, "true or false", read).unwrap_or(default)
    }

    fn query(&mut self, name: &'static str) -> Query {
        if self.flag(name, true) { Query::Kept } else { Query::Removed }
    }

    fn api_version(&mut self) -> ApiVersion {
        let read = |value: &str| match value.to_ascii_lowercase().as_str() {
            "v0.3" => Some(ApiVersion::V03),
            "v0.4" => Some(ApiVersion::V04),
            _ => None,
        };
        self.read("DD_TRACE_API_VERSION", "v0.3 or v0.4", read).unwrap_or_default()
    }

    fn timeout(&mut self) -> Duration {
        let read = |value: &str| {
            let seconds: f64 = value.parse().ok()?;
            Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|timeout| !timeout.is_zero() && *timeout <= MAX_TIMEOUT)
        };
        self.read("DD_TRACE_AGENT_TIMEOUT_SECONDS", TIMEOUT_FORM, read).unwrap_or(DEFAULT_TIMEOUT)
    }

    /// Finds the Agent in the order of the official tracers.
    fn address(&mut self, is_socket: impl Fn(&Path) -> bool) -> AgentAddress {
        if let Some(address) = self.read("DD_TRACE_AGENT_URL", ADDRESS_FORM, AgentAddress::parse) {
            return address;
        }
        let host = self.read("DD_AGENT_HOST", "a host name or an IP address", |host| {
            AgentAddress::of_host(host, DEFAULT_PORT).map(|_| host.to_owned())
        });
        let port = self.read("DD_TRACE_AGENT_PORT", "a port from 1 to 65535", |port| {
            port.parse().ok().filter(|port: &u16| *port != 0)
        });
        let socket = Path::new(DEFAULT_SOCKET);
        if host.is_none() && port.is_none() && is_socket(socket) {
            return AgentAddress::Unix(PathBuf::from(socket));
        }
        let host = host.as_deref().unwrap_or(DEFAULT_HOST);
        AgentAddress::of_host(host, port.unwrap_or(DEFAULT_PORT)).expect("the host was checked")
    }

    fn hostname(&mut self) -> Option<String> {
        if self.flag("DD_TRACE_REPORT_HOSTNAME", false) { self.text("DD_HOSTNAME") } else { None }
    }

    /// Reads `DD_TAGS`: service, env and version, and all others.
    fn tags(&mut self) -> ([Option<String>; 3], Vec<(String, String)>) {
        let (mut unified, mut tags) = ([None, None, None], Vec::new());
        let list = self.text("DD_TAGS").unwrap_or_default();
        let separator = if list.contains(',') { ',' } else { ' ' };
        let mut bad = 0;
        for item in list.split(separator).map(str::trim).filter(|item| !item.is_empty()) {
            let (key, value) = match item.split_once(':') {
                Some((key, value)) if !key.trim().is_empty() => (key.trim(), value.trim()),
                _ => {
                    bad += 1;
                    continue;
                }
            };
            match ["service", "env", "version"].iter().position(|name| *name == key) {
                Some(place) if !value.is_empty() => unified[place] = Some(value.to_owned()),
                Some(_) => {}
                None => tags.push((key.to_owned(), value.to_owned())),
            }
        }
        if bad > 0 {
            // Not shown: they may be parts of values.
            self.warnings.push(format!(
                "ignored {bad} of the items of `DD_TAGS`: expected `key:value` pairs, separated by commas or spaces"
            ));
        }
        tags.reverse();
        (unified, tags)
    }
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
            "with_buffer_bytes",
            buffer.to_string(),
            "at least 1048576",
        ));
    }
    let payload = payload.unwrap_or(DEFAULT_PAYLOAD_BYTES);
    if !PAYLOAD_BYTES.contains(&payload) {
        return Err(BuildError::setting(
            "with_payload_bytes",
            payload.to_string(),
            "16384 to 25165824",
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

/// Returns what a list of tags says for a key, unless it is empty.
fn text_of(tags: &[(String, String)], key: &str) -> Option<String> {
    let (_, text) = tags.iter().find(|(name, text)| name == key && !text.is_empty())?;
    Some(text.clone())
}

/// Returns a value given in code, unless it is empty.
fn checked(name: &'static str, value: Option<String>) -> Result<Option<String>, BuildError> {
    match value {
        Some(value) if value.trim().is_empty() => {
            Err(BuildError::setting(name, value, "a text that is not empty"))
        }
        value => Ok(value),
    }
}

/// Returns a URL without user name and password, for messages. It need not be a good URL.
fn without_credentials(url: &str) -> String {
    let Some(at) = url.rfind('@') else { return url.to_owned() };
    // What stands before a later `://` is no scheme: perhaps a password has one.
    let is_in_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let end = url.find(|c| !is_in_scheme(c)).unwrap_or(at);
    let scheme = if url[end..].starts_with("://") { &url[..end + "://".len()] } else { "" };
    format!("{scheme}...{}", &url[at..])
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

#[cfg(unix)]
fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;

    std::fs::metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

#[cfg(not(unix))]
fn is_socket(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests;
