//! The thread of the embedded Agent: listener, connections, and the two clocks of a connection.
//!
//! One loop owns the listener and all connections, so that pausing is dropping both. A connection
//! has two limits: a request must be complete within the read timeout, and a connection without a
//! request is closed after the idle timeout. The body's share of the first is in `service`.
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc as reply};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::service::{Limits, Service};

/// The largest head of a request: the default of the Agent's HTTP server, in bytes.
const HEAD_BYTES_MAX: usize = 1024 * 1024 + 4096;

/// The pause after a failed accept, lest a lack of descriptors spins.
const ACCEPT_RETRY: Duration = Duration::from_millis(10);

/// A bound address, before it belongs to the runtime.
#[derive(Debug)]
pub(super) enum Bound {
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

/// A command to the thread.
#[derive(Debug)]
pub(super) enum Command {
    /// Closes the listener and resets the connections.
    Pause(reply::Sender<()>),
    /// Accepts connections again.
    Resume(Bound, reply::Sender<io::Result<()>>),
    /// Ends the thread.
    Stop,
}

/// Keeps a port from everyone who asks for any, without listening: a client is refused as if it were free.
fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Runs the Agent until it is told to stop.
pub(super) async fn run(service: Arc<Service>, mut commands: mpsc::UnboundedReceiver<Command>) {
    let mut listener: Option<Listener> = None;
    // While nobody listens, nobody else may get the port.
    let mut held: Option<TcpSocket> = None;
    let mut connections = JoinSet::new();
    let resetting = Arc::new(AtomicBool::new(false));
    loop {
        let event = poll_fn(|cx| {
            while let Poll::Ready(Some(_)) = connections.poll_join_next(cx) {}
            if let Poll::Ready(command) = commands.poll_recv(cx) {
                return Poll::Ready(Event::Command(command.unwrap_or(Command::Stop)));
            }
            let Some(listener) = &listener else { return Poll::Pending };
            listener.poll_accept(cx).map(Event::Accepted)
        });
        match event.await {
            Event::Command(Command::Stop) => return,
            Event::Command(Command::Pause(done)) => {
                let address = listener.take().and_then(Listener::tcp_address);
                held = address.and_then(|address| hold(address).ok());
                resetting.store(true, Ordering::SeqCst);
                connections.shutdown().await;
                let _ = done.send(());
            }
            Event::Command(Command::Resume(bound, done)) => {
                resetting.store(false, Ordering::SeqCst);
                let outcome = Listener::new(bound).map(|open| listener = Some(open));
                drop(held.take());
                let _ = done.send(outcome);
            }
            Event::Accepted(Ok(stream)) => {
                service.store.connected();
                let (service, resetting) = (service.clone(), resetting.clone());
                let connection = Connection::new(service.limits);
                match stream {
                    Stream::Tcp(stream) => {
                        let _ = stream.set_nodelay(true);
                        connections.spawn(connection.serve(stream, service, resetting))
                    }
                    #[cfg(unix)]
                    Stream::Unix(stream) => {
                        connections.spawn(connection.serve(stream, service, resetting))
                    }
                };
            }
            Event::Accepted(Err(_)) => sleep(ACCEPT_RETRY).await,
        }
    }
}

enum Event {
    Command(Command),
    Accepted(io::Result<Stream>),
}

enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listener {
    fn new(bound: Bound) -> io::Result<Self> {
        match bound {
            Bound::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                TcpListener::from_std(listener).map(Self::Tcp)
            }
            #[cfg(unix)]
            Bound::Unix(listener) => {
                listener.set_nonblocking(true)?;
                UnixListener::from_std(listener).map(Self::Unix)
            }
        }
    }

    /// Returns the address, if it has a port; the port is free then.
    fn tcp_address(self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        match self {
            Self::Tcp(listener) => {
                listener.poll_accept(cx).map_ok(|(stream, _)| Stream::Tcp(stream))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                listener.poll_accept(cx).map_ok(|(stream, _)| Stream::Unix(stream))
            }
        }
    }
}

/// The state of a connection.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Waiting for a request.
    Idle(Instant),
    /// Reading the head of a request.
    Reading(Instant),
    /// The request is in the hands of the service.
    Answering,
}

/// The clocks of one connection, shared by its socket, its loop and the service.
#[derive(Debug)]
pub(super) struct Connection {
    phase: Mutex<Phase>,
    limits: Limits,
}

impl Connection {
    fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { phase: Mutex::new(Phase::Idle(Instant::now())), limits })
    }

    fn phase(&self) -> Phase {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_phase(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    /// Notes that bytes came in.
    fn received(&self) {
        if let Phase::Idle(_) = self.phase() {
            self.set_phase(Phase::Reading(Instant::now()));
        }
    }

    /// Notes that a head is complete and returns when the whole request must be.
    pub(super) fn begin(&self) -> Instant {
        let start = match self.phase() {
            Phase::Reading(start) => start,
            // The head was in the buffer already, behind the request before it.
            Phase::Idle(_) | Phase::Answering => Instant::now(),
        };
        self.set_phase(Phase::Answering);
        start + self.limits.read_timeout
    }

    /// Notes that the answer is decided.
    pub(super) fn end(&self) {
        self.set_phase(Phase::Idle(Instant::now()));
    }

    fn deadline(&self) -> Option<Instant> {
        match self.phase() {
            Phase::Idle(since) => Some(since + self.limits.idle_timeout),
            Phase::Reading(since) => Some(since + self.limits.read_timeout),
            Phase::Answering => None,
        }
    }

    /// Serves the requests of one connection, one after the other.
    async fn serve<S: Socket>(
        self: Arc<Self>,
        stream: S,
        service: Arc<Service>,
        resetting: Arc<AtomicBool>,
    ) {
        let io = Io { inner: TokioIo::new(stream), connection: self.clone(), resetting };
        let handler = service_fn(|request| service.clone().handle(request, self.clone()));
        let mut http = http1::Builder::new();
        http.header_read_timeout(None).max_buf_size(HEAD_BYTES_MAX);
        let mut serving = std::pin::pin!(http.serve_connection(io, handler));
        let mut timer = std::pin::pin!(sleep_until(Instant::now()));
        poll_fn(|cx| {
            if serving.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            // The poll above makes every change of the phase, so this sees each of them.
            let Some(deadline) = self.deadline() else { return Poll::Pending };
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            timer.as_mut().poll(cx)
        })
        .await;
    }
}

/// A stream that can end with a reset.
trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes closing the stream a reset.
    fn reset_on_close(&self);
}

impl Socket for TcpStream {
    #[allow(
        deprecated,
        reason = "a zero linger does not block, and its successor is newer than the oldest tokio we take"
    )]
    fn reset_on_close(&self) {
        let _ = self.set_linger(Some(Duration::ZERO));
    }
}

#[cfg(unix)]
impl Socket for UnixStream {
    fn reset_on_close(&self) {}
}

/// The socket as the HTTP server sees it: reading starts a clock, closing may be a reset.
struct Io<S: Socket> {
    inner: TokioIo<S>,
    connection: Arc<Connection>,
    resetting: Arc<AtomicBool>,
}

impl<S: Socket> Drop for Io<S> {
    fn drop(&mut self) {
        if self.resetting.load(Ordering::SeqCst) {
            self.inner.inner().reset_on_close();
        }
    }
}

impl<S: Socket> Read for Io<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_read(cx, buf);
        if outcome.is_ready() {
            self.connection.received();
        }
        outcome
    }
}

impl<S: Socket> Write for Io<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
