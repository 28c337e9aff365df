//! An embedded Agent for tests and demos: real sockets, real answers, no installation.
//!
//! [`TestAgent`] listens on a free loopback port or a unix socket, decodes and refuses requests as
//! the Datadog Agent does, follows a script of faults, and keeps what it received as typed spans.
//! It runs on its own thread with its own runtime; every method is synchronous and can be called
//! from anywhere, within a runtime or without.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::time::Duration;
//! use datadog_test_agent::TestAgent;
//!
//! let agent = TestAgent::start()?;
//!
//! // Any client will do: here one that writes the request by hand.
//! let body = r#"[[{"service":"shop","name":"web.request","resource":"GET /","trace_id":1,
//!     "span_id":2,"start":1700000000000000000,"duration":5000000}]]"#;
//! let mut stream = std::net::TcpStream::connect(&agent.url()["http://".len()..])?;
//! write!(stream, "PUT /v0.3/traces HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n")?;
//! write!(stream, "Content-Length: {}\r\n\r\n{body}", body.len())?;
//! let mut answer = String::new();
//! stream.read_to_string(&mut answer)?;
//! assert!(answer.starts_with("HTTP/1.1 200 OK"));
//!
//! let spans = agent.wait_for_spans(1, Duration::from_secs(5))?;
//! assert_eq!(spans[0].resource, "GET /");
//! println!("{}", agent.waterfall());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It does not do: obfuscation, sampling of traces without a priority, computing statistics, and the
//! endpoints of other protocol versions than v0.3 to v0.5.
mod answer;
mod body;
mod builder;
mod decode;
mod fault;
mod head;
mod normalize;
mod page;
mod receiver;
mod request;
mod server;
mod service;
mod sketch;
mod span;
mod stats;
mod store;
mod stored;
mod violations;
mod waterfall;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc as reply_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::mpsc;

use self::builder::Address;
use self::server::{Bound, Command};
use self::service::Service;
use self::store::Store;

pub use self::builder::TestAgentBuilder;
pub use self::fault::Fault;
pub use self::receiver::Receiver;
pub use self::request::TraceRequest;
pub use self::sketch::Sketch;
pub use self::span::ReceivedSpan;
pub use self::stats::{ReceivedStats, StatsBucket, StatsGroup};
pub use self::store::{Forgotten, WaitError};
pub use self::stored::{Decision, StoredSpan, StoredTrace};
pub use self::waterfall::Waterfall;
#[cfg(fuzzing)]
pub use self::{service::record, stored::stored_of};

/// The longest time that dropping an Agent waits for its thread, which only has to finish a decode.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// An embedded Agent that listens until it is dropped.
///
/// See the [module documentation](self) for an example.
#[derive(Debug)]
pub struct TestAgent {
    url: String,
    address: Address,
    store: Arc<Store>,
    commands: mpsc::UnboundedSender<Command>,
    /// Ends, without a message, when the thread does. A mutex makes the Agent shareable.
    ended: Mutex<reply_channel::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestAgent {
    /// Starts an Agent on a free port of 127.0.0.1, with the limits of the real one.
    ///
    /// # Errors
    ///
    /// If no port can be bound or the thread cannot be started.
    pub fn start() -> io::Result<Self> {
        Self::builder().start()
    }

    /// Returns the settings to start an Agent with.
    pub fn builder() -> TestAgentBuilder {
        TestAgentBuilder::default()
    }

    pub(self) fn launch(
        store: Arc<Store>,
        service: Service,
        bound: Bound,
        address: Address,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (commands, inbox) = mpsc::unbounded_channel();
        let (alive, ended) = reply_channel::channel::<()>();
        let thread =
            thread::Builder::new().name("datadog-test-agent".to_owned()).spawn(move || {
                let _alive = alive;
                runtime.block_on(server::run(Arc::new(service), inbox));
                // Connections end with the runtime, before the thread is seen to have ended.
                drop(runtime);
            })?;
        let agent = Self {
            url: address.url(),
            address,
            store,
            commands,
            ended: Mutex::new(ended),
            thread: Some(thread),
        };
        agent.listen(bound)?;
        Ok(agent)
    }

    /// Returns the address: `http://127.0.0.1:41234` or `unix:///path/of/the/socket`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Appends to the script: each entry decides about one coming trace request. When the script
    /// is used up, the default reply applies again.
    pub fn reply_with(&self, replies: impl IntoIterator<Item = Fault>) {
        self.store.extend_script(replies);
    }

    /// Sets the reply that applies while the script is empty. [`Fault::Accept`] resets it.
    pub fn set_default_reply(&self, reply: Fault) {
        self.store.set_default_reply(reply);
    }

    /// Returns how often `GET /info` was asked so far, whatever the reply was.
    pub fn info_requests(&self) -> usize {
        self.store.questions()
    }

    /// Sets the reply to `GET /info`. [`Fault::Accept`] resets it; a reply that is about bodies of requests is
    /// none.
    pub fn set_info_reply(&self, reply: Fault) {
        self.store.set_info_reply(reply);
    }

    /// Becomes another kind of receiver, from the next request on.
    pub fn set_receiver(&self, receiver: Receiver) {
        self.store.set_receiver(receiver);
    }

    /// Sets the sampling rates that `/v0.4/traces` hands out: from `service:<name>,env:<env>` to a
    /// fraction between 0 and 1.
    pub fn set_rates(&self, rates: BTreeMap<String, f64>) {
        self.store.set_rates(rates);
    }

    /// Returns all trace requests so far, in order, the refused ones too.
    pub fn requests(&self) -> Vec<TraceRequest> {
        self.store.requests()
    }

    /// Takes out all trace requests so far, in order, the refused ones too: they are forgotten here,
    /// with their spans. For an Agent that runs for long.
    pub fn take_requests(&self) -> Vec<TraceRequest> {
        self.store.take_requests()
    }

    /// Returns how many requests and spans were forgotten so that memory stays bounded:
    /// [`TestAgentBuilder::with_memory_limit`].
    pub fn forgotten(&self) -> Forgotten {
        self.store.forgotten()
    }

    /// Returns the spans that were accepted, in order of arrival.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.store.chunks().into_iter().flatten().collect()
    }

    /// Returns the spans that were accepted, merged by trace, in order of first arrival.
    ///
    /// Traces are told apart by all 128 bits of their id: a list of spans without `_dd.p.tid` is
    /// one whose high 64 bits are 0.
    pub fn traces(&self) -> Vec<Vec<ReceivedSpan>> {
        let mut places = HashMap::new();
        let mut traces: Vec<Vec<ReceivedSpan>> = Vec::new();
        for chunk in self.store.chunks() {
            let high = span::trace_id_high(&chunk).unwrap_or(0);
            for span in chunk {
                let place = *places.entry((high, span.trace_id)).or_insert(traces.len());
                if place == traces.len() {
                    traces.push(Vec::new());
                }
                traces[place].push(span);
            }
        }
        traces
    }

    /// Returns what the Agent would store of the accepted requests: one entry per list of spans,
    /// in order of arrival, also of those that it would drop by their priority.
    pub fn stored(&self) -> Vec<StoredTrace> {
        self.store.requests().iter().flat_map(stored::of_request).collect()
    }

    /// Returns the statistics that clients have sent to `/v0.6/stats`, in order of arrival.
    ///
    /// The newest are kept, within the memory of [`TestAgentBuilder::with_memory_limit`].
    pub fn stats(&self) -> Vec<ReceivedStats> {
        self.store.stats()
    }

    /// Returns the traces as a picture for people, in colours as
    /// [`Waterfall::for_stdout`] decides.
    pub fn waterfall(&self) -> Waterfall {
        Waterfall::for_stdout(self.traces())
    }

    /// Waits until `count` spans were accepted and returns all that were.
    ///
    /// # Errors
    ///
    /// If fewer spans arrive within `limit`.
    pub fn wait_for_spans(
        &self,
        count: usize,
        limit: Duration,
    ) -> Result<Vec<ReceivedSpan>, WaitError> {
        self.store.wait_for_spans(count, limit)
    }

    /// Waits until `count` trace requests were seen, refused or not, and returns all that were.
    ///
    /// A request is seen when the Agent has made up its mind, just before it answers.
    ///
    /// # Errors
    ///
    /// If fewer requests arrive within `limit`.
    pub fn wait_for_requests(
        &self,
        count: usize,
        limit: Duration,
    ) -> Result<Vec<TraceRequest>, WaitError> {
        self.store.wait_for_requests(count, limit)
    }

    /// Forgets the requests and the rest of the script. The default reply, the rates and the count
    /// of connections stay.
    pub fn clear(&self) {
        self.store.clear();
    }

    /// Returns how many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.store.connections()
    }

    /// Takes the Agent down: nobody listens any more, and the open connections are reset.
    ///
    /// Received requests stay. A unix socket leaves its file behind, as that of the Agent does.
    pub fn pause(&self) {
        let (done, wait) = reply_channel::channel();
        if self.commands.send(Command::Pause(done)).is_ok() {
            // An error means that the thread has ended: that is a pause too.
            let _ = wait.recv();
        }
    }

    /// Listens on the same address again. Does nothing but that: an Agent that was not paused
    /// reports that its address is taken.
    ///
    /// # Errors
    ///
    /// If the address is taken by now.
    pub fn resume(&self) -> io::Result<()> {
        let (bound, _) = self.address.bind()?;
        self.listen(bound)
    }

    fn listen(&self, bound: Bound) -> io::Result<()> {
        let ended = |_| io::Error::other("the thread of the embedded agent has ended");
        let (done, wait) = reply_channel::channel();
        self.commands
            .send(Command::Resume(bound, done))
            .map_err(|_| ended(reply_channel::RecvError))?;
        wait.recv().map_err(ended)?
    }
}

impl Drop for TestAgent {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Stop);
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let outcome = ended.recv_timeout(STOP_TIMEOUT);
        if outcome == Err(reply_channel::RecvTimeoutError::Disconnected) {
            // The thread is at its end: this does not block.
            let _ = self.thread.take().map(JoinHandle::join);
        }
        if let Address::Unix(path) = &self.address {
            let _ = std::fs::remove_file(path);
        }
    }
}
