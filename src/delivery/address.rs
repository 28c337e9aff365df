//! [`AgentAddress`]: parsed once, so that nobody tests strings later. [`Addresses`]: the places to look for the Agent.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Url;

/// The address of an Agent.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum AgentAddress {
    /// An HTTP server. The path is a prefix and ends with a slash.
    Http(Url),
    /// A unix socket.
    Unix(PathBuf),
    /// A Windows named pipe, by its full path.
    Pipe(String),
}

/// The addresses at which the Agent may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// Tried in this order whenever none answers. There is at least one.
    pub(crate) candidates: Vec<AgentAddress>,
    /// Nobody configured them.
    pub(crate) is_default: bool,
}

impl Addresses {
    /// The one address that somebody configured.
    pub(crate) fn configured(address: AgentAddress) -> Self {
        Self { candidates: vec![address], is_default: false }
    }

    /// The address that the requests of a foreign client name: it knows nothing of a socket that nobody configured.
    pub(crate) fn for_requests(&self) -> &AgentAddress {
        let is_http = |address: &&AgentAddress| matches!(address, AgentAddress::Http(_));
        self.candidates.iter().find(is_http).unwrap_or(&self.candidates[0])
    }
}

/// Shows the candidates in order.
impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, address) in self.candidates.iter().enumerate() {
            let separator = if number == 0 { "" } else { " or " };
            write!(f, "{separator}{address}")?;
        }
        Ok(())
    }
}

/// The addresses, and the one that is in use. The HTTP thread changes it, the worker tells it.
#[derive(Debug)]
pub(super) struct AgentInUse {
    addresses: Addresses,
    /// The number of the address that answered last, from 1 on; 0 before the first answer.
    current: AtomicUsize,
}

impl AgentInUse {
    pub(super) fn new(addresses: Addresses) -> Self {
        Self { addresses, current: AtomicUsize::new(0) }
    }

    pub(super) fn candidates(&self) -> &[AgentAddress] {
        &self.addresses.candidates
    }

    /// Returns the number of the address that answered last.
    pub(super) fn current(&self) -> Option<usize> {
        self.current.load(Ordering::Relaxed).checked_sub(1)
    }

    pub(super) fn use_from_now_on(&self, number: usize) {
        self.current.store(number + 1, Ordering::Relaxed);
    }
}

/// Shows the address in use, and what chose it; all addresses before one has answered.
impl fmt::Display for AgentInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.current() {
            Some(number) => write!(f, "{}", self.candidates()[number])?,
            None => write!(f, "{}", self.addresses)?,
        }
        let origin = " (found by itself; DD_TRACE_AGENT_URL decides)";
        f.write_str(if self.addresses.is_default { origin } else { "" })
    }
}

impl AgentAddress {
    /// Reads `http://host:port/prefix`, `unix:///path` or, on Windows, `windows:\\.\pipe\name`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(pipe) = text.strip_prefix("windows:") {
            return (cfg!(windows) && pipe.starts_with(r"\\.\pipe\"))
                .then(|| Self::Pipe(pipe.to_owned()));
        }
        match text.split_once("://")? {
            (scheme, path) if scheme.eq_ignore_ascii_case("unix") => {
                (path.starts_with('/') && path.len() > 1 && is_socket_path(path))
                    .then(|| Self::Unix(path.into()))
            }
            (scheme, _) if scheme.eq_ignore_ascii_case("http") => Self::http(text),
            (scheme, _) if cfg!(feature = "rustls") && scheme.eq_ignore_ascii_case("https") => {
                Self::http(text)
            }
            _ => None,
        }
    }

    /// Returns the address of a host that is no URL; an IPv6 address may have brackets or not.
    pub(crate) fn of_host(host: &str, port: u16) -> Option<Self> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let url = if bare.parse::<std::net::Ipv6Addr>().is_ok() {
            format!("http://[{bare}]:{port}")
        } else if !host.chars().all(|c| c.is_alphanumeric() || "._-".contains(c)) {
            return None;
        } else {
            format!("http://{host}:{port}")
        };
        Self::http(&url)
    }

    /// Returns the URL of a path on the Agent. Over a socket or a pipe the host name means nothing.
    pub(crate) fn url(&self, path: &str) -> Url {
        let path = path.trim_start_matches('/');
        match self {
            Self::Http(base) => base.join(path).expect("a base and a plain path join"),
            Self::Unix(_) | Self::Pipe(_) => Url::parse("http://localhost/")
                .and_then(|base| base.join(path))
                .expect("a base and a plain path join"),
        }
    }

    /// Returns true if requests to it are encrypted.
    #[cfg(feature = "rustls")]
    pub(super) fn is_https(&self) -> bool {
        matches!(self, Self::Http(base) if base.scheme() == "https")
    }

    fn http(text: &str) -> Option<Self> {
        let mut url = Url::parse(text).ok()?;
        url.host()?;
        if behind_host(text).contains('@') {
            // A password with a slash in it, of which nobody would know that it is one.
            return None;
        }
        url.set_query(None);
        url.set_fragment(None);
        // One slash between base and path: without one it is a 404, with two a redirect.
        let prefix = format!("{}/", url.path().trim_end_matches('/'));
        url.set_path(&prefix);
        Some(Self::Http(url))
    }
}

/// Returns whether the system can connect to a socket at this path: Linux takes 107 bytes, macOS 103.
#[cfg(unix)]
fn is_socket_path(path: &str) -> bool {
    std::os::unix::net::SocketAddr::from_pathname(path).is_ok()
}

/// There are no unix sockets on this system.
#[cfg(not(unix))]
fn is_socket_path(_: &str) -> bool {
    false
}

/// Returns what follows the host in a URL, as it is written.
fn behind_host(url: &str) -> &str {
    let host = url.split_once(':').map_or("", |(_, rest)| rest.trim_start_matches(['/', '\\']));
    host.find(['/', '\\', '?', '#']).map_or("", |end| &host[end..])
}

/// As [`fmt::Display`], so that nothing shows credentials.
impl fmt::Debug for AgentAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Shows the address without credentials.
impl fmt::Display for AgentAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => {
                let mut url = url.clone();
                let cleared = url.set_username("").and_then(|()| url.set_password(None));
                debug_assert!(cleared.is_ok(), "an http URL has a host");
                write!(f, "{}", url.as_str().trim_end_matches('/'))
            }
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Pipe(name) => write!(f, "windows:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(text: &str) -> Option<String> {
        AgentAddress::parse(text).map(|address| address.url("v0.3/traces").to_string())
    }

    #[test]
    fn base_and_path_join_with_one_slash() {
        for (base, url) in [
            ("http://localhost:8126", "http://localhost:8126/v0.3/traces"),
            ("http://localhost:8126/", "http://localhost:8126/v0.3/traces"),
            (" HTTP://agent:1//?x#y", "http://agent:1/v0.3/traces"),
            ("http://[::1]:8126", "http://[::1]:8126/v0.3/traces"),
            ("http://proxy/agent", "http://proxy/agent/v0.3/traces"),
            ("unix:///tmp/apm.socket", "http://localhost/v0.3/traces"),
        ] {
            assert_eq!(traces(base).as_deref(), Some(url), "{base}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "localhost:8126",
            "ftp://x",
            "unix://",
            "unix://relative",
            "http://",
            "http://:1",
            "http://a:99999",
            "http://user:80/secret@host",
            "http://user:/secret@host",
            "http://user/:secret?@host",
            "http://user/:secret#@host",
            "http://user/:secret/a@host/..",
        ] {
            assert_eq!(traces(text), None, "{text}");
        }
        assert_eq!(traces("https://x").is_some(), cfg!(feature = "rustls"));
    }

    #[test]
    fn hosts_may_be_names_or_addresses() {
        let shown =
            |host: &str| AgentAddress::of_host(host, 8126).map(|address| address.to_string());
        assert_eq!(shown("agent").as_deref(), Some("http://agent:8126"));
        assert_eq!(shown("127.0.0.1").as_deref(), Some("http://127.0.0.1:8126"));
        assert_eq!(shown("::1").as_deref(), Some("http://[::1]:8126"));
        assert_eq!(shown("[fe80::1]").as_deref(), Some("http://[fe80::1]:8126"));
        for host in ["http://agent", "a b", "a\\b", "a\tb", "agent:8126", "a@b", "", "[::g]"] {
            assert_eq!(shown(host), None, "{host}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        let address = AgentAddress::parse("http://user:secret@agent:8126").unwrap();
        assert_eq!(address.to_string(), "http://agent:8126");
    }
}
