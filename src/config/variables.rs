//! The environment: every variable that is read, in what form, and what was wrong in it.

use std::path::PathBuf;
use std::time::Duration;

use crate::delivery::{Addresses, AgentAddress};
use crate::mapping::{ErrorStatuses, Query, QuerySecrets, STATUSES_FORM};
use crate::protocol::Protocol;

/// Every variable that is read. The table of `docs/configuration.md` has the same.
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
    "DD_TRACE_HTTP_CLIENT_TAG_QUERY_STRING",
    "DD_HTTP_CLIENT_TAG_QUERY_STRING",
    "DD_TRACE_OBFUSCATION_QUERY_STRING_REGEXP",
    "DD_TRACE_HTTP_SERVER_ERROR_STATUSES",
    "DD_TRACE_SAMPLE_RATE",
    "DD_TRACE_SAMPLING_RULES",
    "DD_TRACE_RATE_LIMIT",
    "DD_SPAN_SAMPLING_RULES",
    "DD_SPAN_SAMPLING_RULES_FILE",
    "DD_TRACE_STATS_COMPUTATION_ENABLED",
    "DD_GIT_REPOSITORY_URL",
    "DD_GIT_COMMIT_SHA",
    "DD_TRACE_GIT_METADATA_ENABLED",
    "DD_TRACE_REPORT_HOSTNAME",
    "DD_HOSTNAME",
    "DD_EXTERNAL_ENV",
    "DD_TRACE_PROPAGATION_STYLE",
    "DD_TRACE_PROPAGATION_STYLE_EXTRACT",
    "DD_TRACE_PROPAGATION_STYLE_INJECT",
    "DD_TRACE_PROPAGATION_EXTRACT_FIRST",
    "DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT",
    "DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH",
    "DD_TRACE_BAGGAGE_TAG_KEYS",
    "DD_DBM_PROPAGATION_MODE",
    "OTEL_PROPAGATORS",
];

/// Variables that users of Datadog's tracers set and that mean nothing to this crate.
#[rustfmt::skip]
pub(crate) const NOT_FOLLOWED: &[&str] = &[
    "DD_APM_TRACING_ENABLED", "DD_LOGS_INJECTION", "DD_PROFILING_ENABLED",
    "DD_RUNTIME_METRICS_ENABLED", "DD_SERVICE_MAPPING", "DD_TRACE_128_BIT_TRACEID_GENERATION_ENABLED",
    "DD_TRACE_CLIENT_IP_ENABLED", "DD_TRACE_DEBUG", "DD_TRACE_HEADER_TAGS",
    "DD_TRACE_HTTP_CLIENT_ERROR_STATUSES", "DD_TRACE_PARTIAL_FLUSH_ENABLED", "DD_TRACE_PEER_SERVICE_MAPPING",
    "DD_TRACE_REMOVE_INTEGRATION_SERVICE_NAMES_ENABLED",
    "DD_TRACE_SAMPLING_RULES_FORMAT", "DD_TRACE_SPAN_ATTRIBUTE_SCHEMA",
];

/// The Agent's socket unless configured otherwise: looked for first.
pub(crate) const DEFAULT_SOCKET: &str = "/var/run/datadog/apm.socket";
/// The host where the Agent listens if it has no socket.
pub(crate) const DEFAULT_HOST: &str = "localhost";
/// See [`DEFAULT_HOST`].
pub(crate) const DEFAULT_PORT: u16 = 8126;

/// The longest time of a request, unless configured. The Agent itself stops reading one after 5 s.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest time-out: the Agent closes a request that is not complete after 5 s.
pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(5);

/// The form of an Agent address, for messages.
pub(crate) const ADDRESS_FORM: &str = if cfg!(feature = "rustls") {
    "http://host:port, https://host:port or unix:///path/to/socket"
} else {
    "http://host:port or unix:///path/to/socket (https needs the feature `rustls`)"
};
/// The form of a time-out, for messages.
pub(crate) const TIMEOUT_FORM: &str = "more than 0 and at most 5 seconds";

/// Returns a variable of this process. Invalid UTF-8 becomes U+FFFD, which `text` rejects.
pub(crate) fn of_process(name: &str) -> Option<String> {
    Some(std::env::var_os(name)?.to_string_lossy().into_owned())
}

/// The environment, and warnings about it.
pub(crate) struct Variables<F> {
    variable: F,
    /// Warnings, a sentence each.
    pub(crate) warnings: Vec<String>,
}

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    pub(crate) fn of(variable: F) -> Self {
        Self { variable, warnings: Vec::new() }
    }

    /// Returns a variable that is not empty.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
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
    pub(crate) fn read<T>(
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

    /// Returns the variables that are set and not followed.
    pub(crate) fn not_followed(&self) -> Vec<&'static str> {
        let is_set = |name: &&&str| (self.variable)(name).is_some_and(|value| !value.is_empty());
        NOT_FOLLOWED.iter().filter(is_set).copied().collect()
    }

    pub(crate) fn warn(&mut self, name: &str, value: &str, expected: &str) {
        /// The most characters of a value that a message shows.
        const SHOWN: usize = 200;
        let end = value.char_indices().nth(SHOWN).map_or(value.len(), |(at, _)| at);
        let value = &value[..end];
        self.warnings.push(format!("ignored `{name}` = {value:?}: expected {expected}"));
    }

    pub(crate) fn flag(&mut self, name: &'static str, default: bool) -> bool {
        self.flag_if_set(name).unwrap_or(default)
    }

    fn flag_if_set(&mut self, name: &'static str) -> Option<bool> {
        let read = |value: &str| match value.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        self.read(name, "true or false", read)
    }

    /// Finds what becomes of query strings: the first of the names that is set says it.
    pub(crate) fn query(&mut self, names: &[&'static str]) -> Query {
        let is_kept = names.iter().find_map(|name| self.flag_if_set(name));
        if is_kept.unwrap_or(true) { Query::Kept } else { Query::Removed }
    }

    /// Finds what becomes of secrets in query strings. The only variable that says something when it is empty.
    pub(crate) fn query_secrets(&mut self) -> QuerySecrets {
        const NAME: &str = "DD_TRACE_OBFUSCATION_QUERY_STRING_REGEXP";
        match (self.variable)(NAME) {
            None => QuerySecrets::Redacted,
            Some(value) if value.is_empty() => {
                self.warnings.push(format!("`{NAME}` is empty: secrets in query strings are sent"));
                QuerySecrets::Kept
            }
            // Not shown: it may name what is secret.
            Some(_) => {
                self.warnings.push(format!(
                    "ignored `{NAME}`: expressions are followed through `with_query_redaction` only, and the built-in rules hold"
                ));
                QuerySecrets::Redacted
            }
        }
    }

    /// Reads the list of statuses; of a list that is bad in part the rest counts.
    pub(crate) fn server_errors(&mut self) -> ErrorStatuses {
        const NAME: &str = "DD_TRACE_HTTP_SERVER_ERROR_STATUSES";
        let text = self.text(NAME).unwrap_or_default();
        let (statuses, bad) = ErrorStatuses::parse(&text);
        if !bad.is_empty() {
            self.warn(NAME, &bad.join(","), STATUSES_FORM);
        }
        statuses
    }

    pub(crate) fn protocol(&mut self) -> Protocol {
        let read = |text: &str| text.parse::<Protocol>().ok();
        self.read("DD_TRACE_API_VERSION", "auto, v0.3 or v0.4", read).unwrap_or_default()
    }

    pub(crate) fn timeout(&mut self) -> Duration {
        const NAME: &str = "DD_TRACE_AGENT_TIMEOUT_SECONDS";
        let read = |value: &str| {
            let seconds = value.parse().ok()?;
            Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero())
        };
        let timeout = self.read(NAME, TIMEOUT_FORM, read).unwrap_or(DEFAULT_TIMEOUT);
        if timeout > MAX_TIMEOUT {
            let most = MAX_TIMEOUT.as_secs();
            self.warnings.push(format!(
                "`{NAME}` counts as {most}: the Agent closes a request that takes longer"
            ));
        }
        timeout.min(MAX_TIMEOUT)
    }

    /// Finds the Agent in the order of the official tracers. Without any variable it is looked for.
    pub(crate) fn addresses(&mut self) -> Addresses {
        if let Some(address) = self.read("DD_TRACE_AGENT_URL", ADDRESS_FORM, AgentAddress::parse) {
            return Addresses::configured(address);
        }
        let host = self.read("DD_AGENT_HOST", "a host name or an IP address", |host| {
            AgentAddress::of_host(host, DEFAULT_PORT).map(|_| host.to_owned())
        });
        let port = self.read("DD_TRACE_AGENT_PORT", "a port from 1 to 65535", |port| {
            port.parse().ok().filter(|port: &u16| *port != 0)
        });
        let is_default = host.is_none() && port.is_none();
        let socket = is_default.then(|| AgentAddress::Unix(PathBuf::from(DEFAULT_SOCKET)));
        let host = host.as_deref().unwrap_or(DEFAULT_HOST);
        let host = AgentAddress::of_host(host, port.unwrap_or(DEFAULT_PORT));
        let host = host.expect("the host was checked");
        let candidates = socket.filter(|_| cfg!(unix)).into_iter().chain([host]).collect();
        Addresses { candidates, is_default }
    }

    /// Finds what an admission controller says of the container; all of it may stand in a header.
    pub(crate) fn external_env(&mut self) -> Option<String> {
        let read = |text: &str| {
            text.bytes().all(|byte| matches!(byte, b' '..=b'~')).then(|| text.to_owned())
        };
        self.read("DD_EXTERNAL_ENV", "visible ASCII", read)
    }

    pub(crate) fn hostname(&mut self) -> Option<String> {
        if !self.flag("DD_TRACE_REPORT_HOSTNAME", false) {
            return None;
        }
        let hostname = self.text("DD_HOSTNAME");
        if hostname.is_none() {
            let line = "`DD_TRACE_REPORT_HOSTNAME` is true and `DD_HOSTNAME` is not set: no host name is sent";
            self.warnings.push(line.to_owned());
        }
        hostname
    }

    /// Finds what code does not say of service, env and version, and the other tags of `DD_TAGS`, the
    /// preferred first.
    pub(crate) fn unified(&mut self, in_code: Unified) -> (Unified, Vec<(String, String)>) {
        let ([service, env, version], tags) = self.tags();
        let mut first =
            |in_code: Option<String>, name, tag| in_code.or_else(|| self.text(name)).or(tag);
        let unified = Unified {
            service: first(in_code.service, "DD_SERVICE", service),
            env: first(in_code.env, "DD_ENV", env),
            version: first(in_code.version, "DD_VERSION", version),
        };
        (unified, tags)
    }

    /// Finds the service alone.
    pub(crate) fn service(&mut self) -> Option<String> {
        self.text("DD_SERVICE").or_else(|| {
            let ([service, ..], _) = self.tags();
            service
        })
    }

    /// Reads `DD_TAGS`: service, env and version, and all others.
    fn tags(&mut self) -> ([Option<String>; 3], Vec<(String, String)>) {
        let (mut unified, mut tags) = ([None, None, None], Vec::new());
        let list = self.text("DD_TAGS").unwrap_or_default();
        let separator = if list.contains(',') { ',' } else { ' ' };
        let mut bad = 0;
        for item in list.split(separator).map(str::trim).filter(|item| !item.is_empty()) {
            let (key, value) = match item.split_once(':') {
                Some((key, _)) if key.trim().is_empty() => {
                    bad += 1;
                    continue;
                }
                Some((key, value)) => (key.trim(), value.trim()),
                None => (item, ""),
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

/// Service, env and version.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unified {
    /// The service.
    pub(crate) service: Option<String>,
    /// The environment.
    pub(crate) env: Option<String>,
    /// The version.
    pub(crate) version: Option<String>,
}

impl Unified {
    /// Finds them in the environment of this process.
    pub(crate) fn of_process() -> Self {
        Variables::of(of_process).unified(Self::default()).0
    }
}

/// Returns a URL without user name and password, for messages. It need not be a good URL.
pub(crate) fn without_credentials(url: &str) -> String {
    let Some(at) = url.rfind('@') else { return url.to_owned() };
    // Text before a later `://` is no scheme: a password may contain `://`.
    let is_in_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let end = url.find(|c| !is_in_scheme(c)).unwrap_or(at);
    let scheme = if url[end..].starts_with("://") { &url[..end + "://".len()] } else { "" };
    format!("{scheme}...{}", &url[at..])
}
