//! The settings of an embedded Agent, and how its address is bound.
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::TestAgent;
use super::page::Page;
use super::receiver::Receiver;
use super::server::Bound;
use super::service::{Limits, Service};
use super::store::{MEMORY_MAX, Store};

/// The largest body that the Agent reads: its default, in bytes.
const MAX_REQUEST_BYTES: usize = 26_214_400;

/// The longest time for a request to arrive: the Agent's default.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest time of a connection without a request: the Agent's default.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// Settings for a [`TestAgent`]. The defaults are those of the real Agent, on a free port.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use datadog_test_agent::TestAgent;
///
/// let agent = TestAgent::builder()
///     .with_max_request_bytes(100_000)
///     .with_idle_timeout(Duration::from_secs(5))
///     .start()?;
/// assert!(agent.url().starts_with("http://127.0.0.1:"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TestAgentBuilder {
    address: Address,
    limits: Limits,
    receiver: Receiver,
    memory_max: usize,
    /// The further host names of the page, if there is one.
    page: Option<Vec<String>>,
}

/// The address at which an Agent listens.
#[derive(Clone, Debug)]
pub(super) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Default for TestAgentBuilder {
    fn default() -> Self {
        Self {
            address: Address::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            limits: Limits::default(),
            receiver: Receiver::default(),
            memory_max: MEMORY_MAX,
            page: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_request_bytes: MAX_REQUEST_BYTES,
            read_timeout: READ_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
        }
    }
}

impl TestAgentBuilder {
    /// Listens on this TCP address instead of a free port of 127.0.0.1. Port 0 is a free port.
    #[must_use]
    pub fn with_address(mut self, address: SocketAddr) -> Self {
        self.address = Address::Tcp(address);
        self
    }

    /// Listens on a unix socket at this path instead of TCP.
    ///
    /// A socket that nobody listens on is replaced, as the Agent does; any other file is left alone, and
    /// [`start`](Self::start) fails. The socket is removed when the Agent is dropped.
    #[must_use]
    pub fn with_unix_socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.address = Address::Unix(path.into());
        self
    }

    /// Sets the kind of receiver that is played; [`Receiver::Agent`] by default.
    #[must_use]
    pub fn with_receiver(mut self, receiver: Receiver) -> Self {
        self.receiver = receiver;
        self
    }

    /// Sets the largest body that is read, in bytes; 26,214,400 by default.
    #[must_use]
    pub fn with_max_request_bytes(mut self, bytes: usize) -> Self {
        self.limits.max_request_bytes = bytes;
        self
    }

    /// Sets how much memory the requests may take that are kept, in bytes; 512 MiB by default.
    ///
    /// The newest are kept. [`TestAgent::forgotten`] tells how many are not.
    #[must_use]
    pub fn with_memory_limit(mut self, bytes: usize) -> Self {
        self.memory_max = bytes;
        self
    }

    /// Serves the page for people at `/`, under the names of this machine and these: a browser that comes by another
    /// name is answered with 403.
    #[must_use]
    pub fn with_page(mut self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.page = Some(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Sets how long a request may take to arrive, head and body together; 5 s by default.
    ///
    /// A head that is late ends the connection, a body that is late is answered with 408.
    #[must_use]
    pub fn with_read_timeout(mut self, timeout: Duration) -> Self {
        self.limits.read_timeout = timeout;
        self
    }

    /// Sets how long a connection may stay open without a request; 60 s by default. Old Agents
    /// have 5 s.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.limits.idle_timeout = timeout;
        self
    }

    /// Starts the Agent. It accepts connections when this returns.
    ///
    /// # Errors
    ///
    /// If the address is taken or cannot be bound, or the thread cannot be started. Unix sockets
    /// are an error where the standard library has none.
    pub fn start(self) -> io::Result<TestAgent> {
        let store = Arc::new(Store::new(self.memory_max));
        store.set_receiver(self.receiver);
        let (bound, address) = self.address.bind()?;
        let page = self.page.map(|hosts| Page::new(hosts.into_iter().chain(address.host())));
        let service = Service::new(store.clone(), self.limits, page);
        TestAgent::launch(store, service, bound, address)
    }
}

impl Address {
    /// Binds the address and returns it with the port that it got.
    pub(super) fn bind(&self) -> io::Result<(Bound, Self)> {
        match self {
            Self::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                let address = listener.local_addr()?;
                Ok((Bound::Tcp(listener), Self::Tcp(address)))
            }
            Self::Unix(path) => Ok((bind_unix(path)?, self.clone())),
        }
    }

    /// Returns the host of the address as a browser writes it, unless it stands for all.
    fn host(&self) -> Option<String> {
        match self {
            Self::Tcp(SocketAddr::V4(address)) => Some(address.ip().to_string()),
            Self::Tcp(SocketAddr::V6(address)) => Some(format!("[{}]", address.ip())),
            Self::Unix(_) => None,
        }
        .filter(|host| !matches!(host.as_str(), "0.0.0.0" | "[::]"))
    }

    /// Returns the address in the form that clients take.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Tcp(address) => format!("http://{address}"),
            Self::Unix(path) => format!("unix://{}", path.display()),
        }
    }
}

#[cfg(unix)]
fn bind_unix(path: &Path) -> io::Result<Bound> {
    use std::os::unix::fs::FileTypeExt as _;
    use std::os::unix::net::{UnixListener, UnixStream};
    let is_socket =
        || std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let listener = match UnixListener::bind(path) {
        Err(error)
            if error.kind() == io::ErrorKind::AddrInUse
                && is_socket()
                && is_stale(UnixStream::connect(path)) =>
        {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        outcome => outcome?,
    };
    Ok(Bound::Unix(listener))
}

/// Returns whether this attempt shows a socket that nobody listens on.
#[cfg(unix)]
fn is_stale<T>(attempt: io::Result<T>) -> bool {
    attempt.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(not(unix))]
fn bind_unix(path: &Path) -> io::Result<Bound> {
    let message = format!("cannot listen on {}: no unix sockets here", path.display());
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
}
