//! Delivery: a payload in, delivered or counted out.
//!
//! `export` hands payloads to the [`buffer`] and pokes the [`worker`], a thread of ours. It waits, asks the [`policy`]
//! and acts: the oldest payload goes first, and what the Agent does not take is kept. Requests run on a second thread
//! ([`sender`]), log lines on a third that comes and goes ([`reporter`]), since both run foreign code. Callers wait on a
//! `futures` channel or a `Condvar`, never on a tokio primitive: under `block_on` inside a tokio task
//! those use up tokio's budget and never wake again. Not here: spans, and what a receiver takes
//! ([`crate::protocol`]). This folder moves bytes.

mod address;
mod buffer;
mod client;
mod http;
mod identity;
#[cfg(feature = "metrics")]
mod metrics;
mod policy;
mod reporter;
mod resolver;
mod sender;
mod shared;
mod log_queue;
mod stats;
mod worker;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use opentelemetry_http::HttpClient;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

use crate::BuildError;
use crate::encoding::{Payload, WireKind};
#[cfg(feature = "metrics")]
use crate::guard;
use crate::protocol::Protocol;
use crate::stats::{Concentrator, OmittedP0s, Rules, Sender};
use shared::Shared;

pub(crate) use address::{Addresses, AgentAddress};
pub(crate) use shared::wall_time;
pub use stats::{DroppedSpans, ExporterStats};

/// The longest wait of [`Delivery::export`] for the Agent's answer. It waits only if nothing else is outstanding.
const EXPORT_WAIT: Duration = Duration::from_millis(100);

/// The time by which the worker ends before the caller's deadline of a shutdown.
const SHUTDOWN_MARGIN: Duration = Duration::from_millis(100);

/// Settings of delivery.
#[derive(Debug)]
pub(crate) struct DeliverySettings {
    /// The addresses at which the Agent may be.
    pub(crate) addresses: Addresses,
    /// An HTTP client of the user's own, in place of ours.
    pub(crate) http_client: Option<Arc<dyn HttpClient>>,
    /// The endpoint and the encoding.
    pub(crate) protocol: Protocol,
    /// The longest time of a request.
    pub(crate) timeout: Duration,
    /// The most memory of buffered payloads, in bytes.
    pub(crate) buffer_bytes: usize,
    /// The most bytes of a document.
    pub(crate) payload_bytes: usize,
    /// The description of this process by a Kubernetes admission controller.
    pub(crate) external_env: Option<String>,
    /// The sender of client statistics, if they are wanted. Its service is that of the spans.
    pub(crate) stats: Option<Sender>,
}

/// Service, env and version as they are written; empty if unknown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identity {
    pub(crate) service: String,
    pub(crate) env: String,
    pub(crate) version: String,
}

/// The exporter's side of delivery.
#[derive(Debug)]
pub(crate) struct Delivery {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Delivery {
    /// Starts the worker.
    pub(crate) fn start(settings: DeliverySettings) -> Result<Self, BuildError> {
        let DeliverySettings { buffer_bytes, payload_bytes, protocol, stats, .. } = &settings;
        let shared = Shared::new(*buffer_bytes, *payload_bytes, *protocol, stats.is_some());
        let shared = Arc::new(shared);
        shared.lock().show_protocol();
        let (started, start) = std::sync::mpsc::sync_channel(1);
        let work = {
            let shared = Arc::clone(&shared);
            move || worker::run(&settings, &shared, &started)
        };
        let thread = sender::spawn("datadog-exporter", work)
            .map_err(|error| BuildError::start("the exporter's thread", error))?;
        start.recv().unwrap_or_else(|_| {
            Err(BuildError::start("the exporter's thread", "it ended early"))
        })?;
        // A meter provider is foreign code.
        #[cfg(feature = "metrics")]
        guard::catch(|| metrics::observe(&shared));
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Returns a handle for flushing and counters.
    pub(crate) fn handle(&self) -> ExporterHandle {
        ExporterHandle { shared: Arc::clone(&self.shared), first: None }
    }

    /// Fails where the worker is not: in a process that was forked off.
    pub(crate) fn check_process(&self) -> OTelSdkResult {
        self.shared.check_process()
    }

    /// Says whose the spans are: service and environment as the Agent stores them, and all as written.
    pub(crate) fn belongs_to(&self, service: &str, env: &str, identity: Identity) {
        self.shared.rates.belong_to(service, &identity.service, env);
        self.shared.lock().identity = identity;
    }

    /// Counts spans that cannot be sent.
    pub(crate) fn skip(&self, spans: u64) {
        self.shared.lock().buffer.skip(spans);
    }

    /// Counts spans that are not sent: all of them, and those of priority 0.
    pub(crate) fn omit(&self, spans: u64, p0s: OmittedP0s) {
        self.shared.lock().buffer.omit(spans, p0s);
    }

    /// The counting of spans.
    pub(crate) fn concentrator(&self) -> &Mutex<Concentrator> {
        &self.shared.concentrator
    }

    /// Has the worker look when numbers are to be sent.
    pub(crate) fn look_at_stats(&self) {
        self.shared.poke.notify_one();
    }

    /// Returns the wire to write in, and how spans are counted, if they are. The first call waits until the receiver
    /// has said what it takes, but not for long.
    pub(crate) async fn form_and_counting(&self) -> (WireKind, Option<Arc<Rules>>) {
        if let Some(choice) = self.shared.first_choice(EXPORT_WAIT) {
            // The worker lets go in any case; if it is gone, its last word counts.
            let _ = choice.await;
        }
        let state = self.shared.lock();
        (state.form.wire, state.counting.clone())
    }

    /// Returns the form in use.
    #[cfg(fuzzing)]
    pub(crate) fn form(&self) -> &'static crate::protocol::Form {
        self.shared.lock().form
    }

    /// Returns the memory of a payload that is delivered, if there is any.
    pub(crate) fn spare(&self) -> Option<Payload> {
        self.shared.lock().buffer.spare()
    }

    /// Takes payloads in. If nothing else is outstanding it waits for the Agent's answer, but not for
    /// long: `begin` is when the export began. Payloads that are kept for a later try are no error.
    pub(crate) async fn export(&self, payloads: Vec<Payload>, begin: Instant) -> OTelSdkResult {
        match self.shared.push(payloads, begin + EXPORT_WAIT)? {
            // The worker always answers; the spans are counted anyway.
            Some(answer) => answer.await.unwrap_or(Err(OTelSdkError::AlreadyShutdown)),
            None => Ok(()),
        }
    }

    /// Refuses what comes from now on, delivers what waits until the time is over, and ends the worker.
    pub(crate) fn shutdown(&self, timeout: Duration) -> OTelSdkResult {
        self.check_process()?;
        let deadline = deadline_in(timeout);
        let margin = SHUTDOWN_MARGIN.min(timeout / 2);
        let Some(before) = self.shared.close(deadline_in(timeout.saturating_sub(margin))) else {
            return Err(OTelSdkError::AlreadyShutdown);
        };
        let joined = if self.shared.wait_for_end(deadline) {
            let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Its last act was to say that it ends.
            thread.map_or(Ok(()), JoinHandle::join)
        } else {
            // The machine is so busy that the worker did not end in time.
            self.shared.end();
            Ok(())
        };
        let after = self.shared.lock().buffer.given_up();
        match (after - before, joined) {
            (0, Ok(())) => Ok(()),
            (0, Err(_)) => {
                Err(OTelSdkError::InternalFailure("the exporter's thread panicked".to_owned()))
            }
            (spans, _) => {
                let cause = self.handle().stats().last_error;
                let cause =
                    cause.unwrap_or_else(|| "the time was over before a first try".to_owned());
                Err(OTelSdkError::InternalFailure(format!(
                    "spans dropped at shutdown: {spans}; {cause}"
                )))
            }
        }
    }
}

/// Returns the moment after this time, or one far away if a clock cannot tell it.
fn deadline_in(timeout: Duration) -> Instant {
    const FAR_AWAY: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    Instant::now() + timeout.min(FAR_AWAY)
}

/// Flushes one exporter and reads its counters. Cheap to clone; outlives the exporter.
#[derive(Clone)]
#[must_use = "a handle does nothing until it is asked"]
pub struct ExporterHandle {
    shared: Arc<Shared>,
    /// Says what the exporter has to say before a flush.
    first: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl ExporterHandle {
    /// A handle of an exporter that is switched off: nothing to flush, nothing to count.
    pub(crate) fn of_nothing() -> Self {
        let shared = Shared::new(0, 0, Protocol::Auto, false);
        Self { shared: Arc::new(shared), first: None }
    }

    /// Returns a handle that does this before it flushes.
    pub(crate) fn first(self, first: impl Fn() + Send + Sync + 'static) -> Self {
        Self { first: Some(Arc::new(first)), ..self }
    }

    /// Waits until every span accepted so far is delivered.
    ///
    /// It blocks the thread. A batch processor holds spans back: flush the provider first, then this.
    ///
    /// # Errors
    ///
    /// `Timeout` if spans still wait when the time is over (they go on waiting for the Agent);
    /// `InternalFailure` if spans were dropped meanwhile; `AlreadyShutdown` if the exporter ended and
    /// some were lost.
    pub fn flush(&self, timeout: Duration) -> OTelSdkResult {
        if let Some(first) = &self.first {
            first();
        }
        self.shared.flush(timeout)
    }

    /// Returns service, env and version of the exporter.
    pub(crate) fn identity(&self) -> Identity {
        match self.shared.check_process() {
            Ok(()) => self.shared.lock().identity.clone(),
            Err(_) => Identity::default(),
        }
    }

    /// Asks for the Agent's rates; false if the protocol has none.
    pub(crate) fn want_rates(&self) -> bool {
        self.shared.want_rates()
    }

    /// Returns the fraction of traces that the Agent wants of a service, or of the application's own, if it
    /// has said so.
    pub(crate) fn rate(&self, service: Option<&str>) -> Option<f64> {
        self.shared.rates.rate(service)
    }

    /// Shows the application's own service as it was written; empty if there is no exporter.
    pub(crate) fn read_service<R>(&self, read: impl FnOnce(&str) -> R) -> R {
        self.shared.rates.read_service(read)
    }

    /// Returns the counters as they are now, also after the exporter ended. In a child that was forked they are zero,
    /// and `last_error` says why.
    pub fn stats(&self) -> ExporterStats {
        self.shared.stats()
    }
}

impl fmt::Debug for ExporterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExporterHandle").field("stats", &self.stats()).finish()
    }
}

#[cfg(test)]
mod tests;
