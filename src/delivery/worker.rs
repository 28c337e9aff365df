//! The worker: one thread that owns the HTTP client, a runtime and a telemetry suppression guard.
//!
//! All three are built, used and dropped there. Callers hand parcels over and wait on channels that
//! are no tokio primitive: under `block_on` inside a tokio task those use up tokio's budget and never
//! wake again.

use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use futures_channel::oneshot;
use opentelemetry::Context;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::http::HttpTransport;
use super::{AgentAddress, SendError};
use crate::BuildError;

/// One request's body, and what its headers say.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// The encoded document.
    pub(crate) body: Vec<u8>,
    /// Its traces.
    pub(crate) chunks: u32,
    /// Its format.
    pub(crate) content_type: &'static str,
}

/// What became of a parcel.
pub(crate) type Reply = Result<(), SendError>;

struct Job {
    parcel: Parcel,
    reply: oneshot::Sender<Reply>,
}

/// The callers' side of the worker.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// Gone once the exporter is shut down. Nobody sends without waiting for the reply, so the queue is
    /// as long as the number of exports under way: one, with the processors of the SDK.
    jobs: Mutex<Option<UnboundedSender<Job>>>,
    /// Disconnected once the worker has ended.
    ended: Mutex<mpsc::Receiver<()>>,
}

impl Delivery {
    /// Starts the worker.
    pub(crate) fn start(address: AgentAddress, timeout: Duration) -> Result<Self, BuildError> {
        let (jobs, queue) = unbounded_channel();
        let (started, start) = mpsc::sync_channel(1);
        let (alive, ended) = mpsc::sync_channel::<()>(0);
        let work = move || {
            let _guard = Context::enter_telemetry_suppressed_scope();
            let _alive = alive;
            match build(&address, timeout) {
                Ok((runtime, transport)) => {
                    let _ = started.send(Ok(()));
                    runtime.block_on(deliver(queue, transport));
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            }
        };
        let thread = thread::Builder::new().name("datadog-exporter".to_owned());
        thread.spawn(work).map_err(|error| BuildError::start("the exporter's thread", error))?;
        start.recv().unwrap_or_else(|_| {
            Err(BuildError::start("the exporter's thread", "it ended early"))
        })?;
        Ok(Self { jobs: Mutex::new(Some(jobs)), ended: Mutex::new(ended) })
    }

    /// Hands a parcel over; the receiver tells what became of it.
    pub(crate) fn send(&self, parcel: Parcel) -> oneshot::Receiver<Reply> {
        let (reply, receiver) = oneshot::channel();
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        match &*jobs {
            // A worker that ended drops the job, and with it the sender: the receiver is told.
            Some(jobs) => drop(jobs.send(Job { parcel, reply })),
            None => drop(reply.send(Err(SendError::Closed))),
        }
        receiver
    }

    /// Lets the worker finish what it has and end; says whether it did so in time.
    pub(crate) fn close(&self, timeout: Duration) -> bool {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.recv_timeout(timeout) == Err(mpsc::RecvTimeoutError::Disconnected)
    }
}

fn build(
    address: &AgentAddress,
    timeout: Duration,
) -> Result<(tokio::runtime::Runtime, HttpTransport), BuildError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| BuildError::start("the exporter's runtime", error))?;
    let transport = HttpTransport::new(address, timeout)
        .map_err(|error| BuildError::start("the HTTP client", error))?;
    Ok((runtime, transport))
}

/// Sends parcels in order until the exporter is closed.
async fn deliver(mut queue: UnboundedReceiver<Job>, transport: HttpTransport) {
    while let Some(Job { parcel, reply }) = queue.recv().await {
        let outcome = transport.send(parcel).await;
        // The caller may have given up; then nobody wants to know.
        let _ = reply.send(outcome);
    }
}
