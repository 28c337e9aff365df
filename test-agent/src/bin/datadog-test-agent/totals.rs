//! Numbers of all arrivals so far: in one line, and by service and tracer.

use std::fmt::{self, Write as _};

use datadog_test_agent::{Forgotten, TraceRequest};

use super::table::{Table, printable};

/// Numbers since the start.
pub(crate) struct Totals {
    pub(crate) traces: usize,
    services: Table,
    tracers: Table,
}

impl Totals {
    pub(crate) fn new() -> Self {
        Self {
            traces: 0,
            services: Table::new(["service", "spans", "errors"]),
            tracers: Table::new(["tracer", "requests", "refused"]),
        }
    }

    /// Counts a request, and tells why it was refused, if it was.
    pub(crate) fn add(&mut self, request: &TraceRequest) -> Option<String> {
        for span in request.traces.iter().flatten() {
            self.services.count(&span.service, span.error != 0);
        }
        let language = request.header("Datadog-Meta-Lang").unwrap_or("?");
        let version = request.header("Datadog-Meta-Tracer-Version").unwrap_or("?");
        let tracer = format!("{language} {version} {}", request.path);
        let refusal = request.refusal();
        self.tracers.count(&tracer, refusal.is_some());
        refusal.map(|reason| printable(&format!("refused, of {tracer}: {reason}")))
    }

    /// Returns the numbers in one line, with those that were forgotten before they could be drawn.
    pub(crate) fn line(&self, forgotten: Forgotten) -> String {
        let ([spans, errors], [requests, refused]) = (self.services.sums(), self.tracers.sums());
        let traces = self.traces;
        let mut line = format!(
            "traces {traces} · spans {spans} · errors {errors} · requests {requests} · refused {refused}"
        );
        if forgotten.spans + forgotten.requests > 0 {
            let Forgotten { requests, spans, .. } = forgotten;
            let _ =
                write!(line, " · forgotten for lack of memory: {requests} requests, {spans} spans");
        }
        line
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n\n{}", self.services, self.tracers)
    }
}
