//! The builder, and how settings are found: code over `DD_*` over the OpenTelemetry resource over the
//! default.
//!
//! [`Settings::resolve`] is given the variables by a function, so that tests need no process
//! environment. A bad value in code is an error; a bad variable is one warning, and the next source
//! counts. A variable that is set but empty is unset. Not here: what the resource says
//! ([`crate::mapping`]), and how an address is reached ([`crate::delivery`]).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::{otel_debug, otel_warn};
use opentelemetry_sdk::trace::SpanData;

use crate::delivery::{AgentAddress, DeliverySettings, Transport};
use crate::mapping::{NamesHook, Options, SpanNames, SpanTypes};
use crate::{BuildError, DatadogExporter};

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
/// The smallest buffer: below this not even one request of the default size could wait.
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

/// Every variable that is read, with what it sets. The README's table says the same.
#[rustfmt::skip]
pub(crate) const VARIABLES: &[(&str, &str)] = &[
    ("DD_SERVICE",                     "service"),
    ("DD_ENV",                         "env"),
    ("DD_VERSION",                     "version"),
    ("DD_TAGS",                        "tags"),
    ("DD_TRACE_AGENT_URL",             "agent"),
    ("DD_AGENT_HOST",                  "agent"),
    ("DD_TRACE_AGENT_PORT",            "agent"),
    ("DD_TRACE_AGENT_TIMEOUT_SECONDS", "timeout"),
    ("DD_TRACE_ENABLED",               "on/off"),
    ("DD_TRACE_REPORT_HOSTNAME",       "hostname tag"),
    ("DD_HOSTNAME",                    "hostname tag"),
    ("DD_EXTERNAL_ENV",                "container"),
];

/// Builds a [`DatadogExporter`].
///
/// Setters only take values; [`build`](Self::build) reads the `DD_*` variables, checks everything and
/// starts the exporter.
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct DatadogExporterBuilder {
    agent_url: Option<String>,
    service: Option<String>,
    env: Option<String>,
    version: Option<String>,
    tags: Vec<(String, String)>,
    timeout: Option<Duration>,
    buffer_bytes: Option<usize>,
    payload_bytes: Option<usize>,
    transport: Option<Arc<dyn Transport>>,
    types: SpanTypes,
    names: Option<NamesHook>,
}

impl DatadogExporterBuilder {
    /// Sets where the Agent is: `http://host:port`, or `unix:///path` for its socket.
    ///
    /// A path after an `http` address is kept as a prefix. `localhost` tries every address it has.
    /// Otherwise `DD_TRACE_AGENT_URL`, `DD_AGENT_HOST` with `DD_TRACE_AGENT_PORT`, the socket
    /// `/var/run/datadog/apm.socket` if there is one, or `http://localhost:8126`.
    pub fn with_agent_url(mut self, url: impl Into<String>) -> Self {
        self.agent_url = Some(url.into());
        self
    }

    /// Sets the service, as written (the Agent lower-cases it).
    ///
    /// Otherwise `DD_SERVICE`, then `service.name` of the resource. A span attribute beats all.
    pub fn with_service(mut self, service: impl Into<String>) -> Self {
        self.service = Some(service.into());
        self
    }

    /// Sets the environment, as written (the Agent lower-cases it).
    ///
    /// Otherwise `DD_ENV`, then `deployment.environment.name`, `deployment.environment` or `env` of the
    /// resource. A span attribute beats all.
    pub fn with_env(mut self, env: impl Into<String>) -> Self {
        self.env = Some(env.into());
        self
    }

    /// Sets the version of the application, as written.
    ///
    /// Otherwise `DD_VERSION`, then `service.version` or `version` of the resource. A span attribute
    /// beats all.
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Adds a tag to every span. Of equal keys the one set last counts.
    ///
    /// It beats `DD_TAGS` and the resource attribute of the same name; a span attribute beats it.
    pub fn with_tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }

    /// Sets how long one request to the Agent may take: more than 0 and at most 5 s, since the Agent
    /// itself gives up on a request after 5 s.
    ///
    /// Otherwise `DD_TRACE_AGENT_TIMEOUT_SECONDS`, or 3 s.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets how much memory spans may take that wait for the Agent, in bytes: 1 MiB or more, otherwise
    /// 64 MiB.
    ///
    /// Waiting spans are compressed about tenfold. When the buffer is full the oldest go first, and are
    /// counted.
    pub fn with_buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = Some(bytes);
        self
    }

    /// Sets how large the body of a request may be, in bytes: 16 KiB to 24 MiB, otherwise 4 MiB.
    ///
    /// Larger batches are cut between traces, then between spans; a single larger span is sent alone.
    /// If the Agent, or a proxy before it, refuses a body as too large, it is halved and sent again.
    pub fn with_payload_bytes(mut self, bytes: usize) -> Self {
        self.payload_bytes = Some(bytes);
        self
    }

    /// Sets a transport of your own; address settings then mean nothing.
    pub fn with_transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Sets which span types are sent: the documented four, or the Agent's own.
    pub fn with_span_types(mut self, types: SpanTypes) -> Self {
        self.types = types;
        self
    }

    /// Sets a function that may replace the service, name, resource and type of each span.
    ///
    /// It sees the span and the names the mapping chose, and has the last word: over attributes too.
    /// It runs for each span on the thread that exports, so it should be quick; it may borrow from the
    /// span. If it panics, the span keeps the names of the mapping.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), opentelemetry_datadog_agent::BuildError> {
    /// use opentelemetry_datadog_agent::DatadogExporter;
    ///
    /// let exporter = DatadogExporter::builder()
    ///     .with_names(|span, names| {
    ///         if names.name == "Internal" {
    ///             names.name = span.instrumentation_scope.name().into();
    ///         }
    ///     })
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_names<F>(mut self, names: F) -> Self
    where
        F: for<'a> Fn(&'a SpanData, &mut SpanNames<'a>) + Send + Sync + 'static,
    {
        self.names = Some(Arc::new(names));
        self
    }

    /// Reads the `DD_*` variables, checks every setting and starts the exporter.
    ///
    /// # Errors
    ///
    /// Fails if a setting in code cannot be used, or if the operating system gives no thread.
    pub fn build(self) -> Result<DatadogExporter, BuildError> {
        // What is no UTF-8 gets a mark, and is refused by it.
        let variable = |name: &str| Some(std::env::var_os(name)?.to_string_lossy().into_owned());
        let settings = Settings::resolve(self, variable, is_socket)?;
        for warning in &settings.warnings {
            otel_warn!(name: "DatadogExporter.BadVariable", message = warning.as_str());
        }
        otel_debug!(
            name: "DatadogExporter.Built",
            agent = settings.delivery.address.to_string(),
            timeout = format!("{:?}", settings.delivery.timeout),
            buffer_bytes = settings.delivery.buffer_bytes,
            payload_bytes = settings.delivery.payload_bytes,
            enabled = settings.enabled,
            options = format!("{:?}", settings.options)
        );
        DatadogExporter::start(settings)
    }
}

impl fmt::Debug for DatadogExporterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatadogExporterBuilder")
            .field("service", &self.service)
            .field("env", &self.env)
            .field("version", &self.version)
            .field("timeout", &self.timeout)
            .field("types", &self.types)
            .field("names", &self.names.is_some())
            .finish_non_exhaustive()
    }
}

/// Everything that is decided before the first span.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What delivery is told.
    pub(crate) delivery: DeliverySettings,
    /// Whether spans are sent at all.
    pub(crate) enabled: bool,
    /// What the mapping is told.
    pub(crate) options: Options,
    /// What was wrong in the environment, a sentence each.
    pub(crate) warnings: Vec<String>,
}

impl Settings {
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
            Some(timeout) if timeout.is_zero() || timeout > MAX_TIMEOUT => {
                return Err(BuildError::setting(
                    "with_timeout",
                    format!("{timeout:?}"),
                    TIMEOUT_FORM,
                ));
            }
            Some(timeout) => timeout,
            None => variables.timeout(),
        };
        let buffer_bytes = builder.buffer_bytes.unwrap_or(DEFAULT_BUFFER_BYTES);
        if buffer_bytes < MIN_BUFFER_BYTES {
            return Err(BuildError::setting(
                "with_buffer_bytes",
                buffer_bytes.to_string(),
                "at least 1048576",
            ));
        }
        let payload_bytes = builder.payload_bytes.unwrap_or(DEFAULT_PAYLOAD_BYTES);
        if !PAYLOAD_BYTES.contains(&payload_bytes) {
            return Err(BuildError::setting(
                "with_payload_bytes",
                payload_bytes.to_string(),
                "16384 to 25165824",
            ));
        }
        let mut tags: Vec<_> = builder.tags;
        tags.reverse();
        if let Some((_, value)) = tags.iter().find(|(key, _)| key.is_empty()) {
            return Err(BuildError::setting(
                "with_tag",
                format!(":{value}"),
                "a key that is not empty",
            ));
        }
        let (unified, from_variable) = variables.tags();
        tags.extend(from_variable);
        let [tag_service, tag_env, tag_version] = unified;
        let options = Options {
            service: checked("with_service", builder.service)?
                .or_else(|| variables.text("DD_SERVICE"))
                .or(tag_service),
            unknown_service: unknown_service(),
            env: checked("with_env", builder.env)?.or_else(|| variables.text("DD_ENV")).or(tag_env),
            version: checked("with_version", builder.version)?
                .or_else(|| variables.text("DD_VERSION"))
                .or(tag_version),
            tags,
            hostname: variables.hostname(),
            types: builder.types,
            names: builder.names,
            runtime_id: runtime_id(),
            process_id: std::process::id(),
        };
        let enabled = variables.flag("DD_TRACE_ENABLED", true);
        let delivery = DeliverySettings {
            address,
            transport: builder.transport,
            timeout,
            buffer_bytes,
            payload_bytes,
            external_env: variables.text("DD_EXTERNAL_ENV"),
        };
        Ok(Self { delivery, enabled, options, warnings: variables.warnings })
    }
}

/// The environment, and what was wrong in it.
struct Variables<F> {
    variable: F,
    warnings: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    /// Returns a variable that is not empty.
    fn text(&mut self, name: &'static str) -> Option<String> {
        debug_assert!(
            VARIABLES.iter().any(|(known, _)| *known == name),
            "{name} is not in the table"
        );
        let value = (self.variable)(name)?;
        if value.contains(char::REPLACEMENT_CHARACTER) {
            self.warn(name, &value, "UTF-8");
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
        let mut bad = Vec::new();
        for item in list.split(separator).map(str::trim).filter(|item| !item.is_empty()) {
            let (key, value) = match item.split_once(':') {
                Some((key, value)) if !key.trim().is_empty() => (key.trim(), value.trim()),
                _ => {
                    bad.push(item);
                    continue;
                }
            };
            match ["service", "env", "version"].iter().position(|name| *name == key) {
                Some(place) if !value.is_empty() => unified[place] = Some(value.to_owned()),
                Some(_) => {}
                None => tags.push((key.to_owned(), value.to_owned())),
            }
        }
        if !bad.is_empty() {
            self.warn(
                "DD_TAGS",
                &bad.join(" "),
                "`key:value` pairs, separated by commas or spaces",
            );
        }
        tags.reverse();
        (unified, tags)
    }
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
    let scheme = url.find("://").filter(|end| *end < at).map_or("", |end| &url[..end + 3]);
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
