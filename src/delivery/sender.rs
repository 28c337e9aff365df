//! [`Sender`]: the HTTP thread, on which every request runs.
//!
//! It owns the client and a runtime. The worker hands a request over and waits for the answer as long as it likes,
//! so a client that blocks its thread, panics, or keeps a core busy holds up nothing but requests.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use opentelemetry::Context;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::dispatcher::{self, Dispatch};

use super::DeliverySettings;
use super::address::AgentInUse;
use super::client::{Answer, Client, Request, SendError};
use super::http::OwnClient;
use crate::{BuildError, guard};

/// The longest wait of the worker's end for the end of the HTTP thread.
const END_LIMIT: Duration = Duration::from_millis(50);

/// A request on its way to the HTTP thread.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: Request,
    /// The longest time that it may take.
    pub(super) limit: Duration,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// The worker's side of the HTTP thread, which ends when this goes.
pub(super) type Jobs = mpsc::UnboundedSender<Job>;

/// Starts the HTTP thread.
pub(super) fn start(
    settings: &DeliverySettings,
    agent: &Arc<AgentInUse>,
) -> Result<(Jobs, JoinHandle<()>), BuildError> {
    let client = match &settings.http_client {
        Some(client) => {
            Client::Users(Arc::clone(client), settings.addresses.for_requests().clone())
        }
        None => OwnClient::new(Arc::clone(agent), settings.timeout)
            .map(Client::Own)
            .map_err(|error| BuildError::start("the HTTP client", error))?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| BuildError::start("the exporter's runtime", error))?;
    let (jobs, mut receiver) = mpsc::unbounded_channel();
    let serve = move || {
        let _guard = Context::enter_telemetry_suppressed_scope();
        // A subscriber that panics or blocks at a line of the HTTP library would break the request.
        let is_own = matches!(client, Client::Own(_));
        let _silent = is_own.then(|| dispatcher::set_default(&Dispatch::none()));
        let client = Arc::new(client);
        runtime.block_on(async {
            while let Some(job) = receiver.recv().await {
                // A task of its own: its panic ends there.
                tokio::spawn(run(Arc::clone(&client), job));
            }
        });
        // Work that a client has begun must not hold the thread.
        runtime.shutdown_background();
        guard::catch(|| drop(client));
    };
    let thread = spawn("datadog-exporter-http", serve)
        .map_err(|error| BuildError::start("the exporter's HTTP thread", error))?;
    Ok((jobs, thread))
}

/// Waits for the end of the thread; false if a client blocks it.
pub(super) fn ends_soon(thread: &JoinHandle<()>) -> bool {
    let deadline = Instant::now() + END_LIMIT;
    while !thread.is_finished() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    thread.is_finished()
}

/// Sends a request, unless the worker has stopped waiting for it. A client drops it when its time is over.
async fn run(client: Arc<Client>, job: Job) {
    let Job { request, limit, answer } = job;
    if answer.is_closed() {
        return;
    }
    let progress = Arc::clone(&request.progress);
    let sent = timeout(limit, client.send(request)).await;
    let sent = sent.unwrap_or_else(|_| Err(SendError::timed_out(&progress, limit)));
    // The worker may have stopped waiting.
    let _ = answer.send(sent);
}

/// Starts a thread of the exporter. It fails where the system has none left.
pub(super) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(run)
}
