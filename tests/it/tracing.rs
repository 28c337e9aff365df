//! The way most applications make spans: `tracing` in front, `tracing-opentelemetry` between.

use std::sync::{Arc, Mutex};
use std::thread;

use datadog_test_agent::{ReceivedSpan, TestAgent};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tracing::span::{Attributes, Id};
use tracing::{Subscriber, info_span, instrument, trace_span};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::Registry;

use crate::support::{SOON, agent};
use crate::tidy::read;

#[derive(Debug)]
struct Declined;

impl std::fmt::Display for Declined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("card declined")
    }
}

impl std::error::Error for Declined {}

#[instrument(err)]
fn charge(amount: i64) -> Result<(), Declined> {
    if amount > 100 { Err(Declined) } else { Ok(()) }
}

#[instrument(
    err,
    fields(otel.kind = "server", otel.name = "a job", http.request.method = "PUT", http.route = "/jobs")
)]
fn job() -> Result<(), Declined> {
    Err(Declined)
}

fn provider(agent: &TestAgent) -> SdkTracerProvider {
    let exporter = DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_service("shop")
        .build()
        .unwrap();
    SdkTracerProvider::builder().with_batch_exporter(exporter).build()
}

/// Runs `work` under a subscriber of its own and returns the spans that arrived.
pub(crate) fn traced(work: impl FnOnce()) -> Vec<ReceivedSpan> {
    traced_through(|layer| layer, work)
}

/// The layer that makes spans.
pub(crate) type SpanLayer = OpenTelemetryLayer<Registry, SdkTracer>;

/// As [`traced`], with settings of the layer.
pub(crate) fn traced_through(
    set: impl FnOnce(SpanLayer) -> SpanLayer,
    work: impl FnOnce(),
) -> Vec<ReceivedSpan> {
    let agent = agent();
    let provider = provider(&agent);
    let layer = set(tracing_opentelemetry::layer().with_tracer(provider.tracer("app")));
    tracing::subscriber::with_default(Registry::default().with(layer), work);
    provider.shutdown().unwrap();
    for request in agent.requests() {
        assert_eq!(request.violations(), Vec::<String>::new());
    }
    agent.spans()
}

/// Returns the names of a span: operation, resource, type.
fn names(span: &ReceivedSpan) -> [&str; 3] {
    [&span.name, &span.resource, &span.span_type]
}

#[test]
fn a_failed_function_within_a_request_arrives_as_an_error_with_its_message() {
    let spans = traced(|| {
        let request = info_span!(
            "request",
            otel.kind = "server",
            otel.name = "place an order",
            http.request.method = "POST",
            http.route = "/orders/{id}",
        );
        let _entered = request.enter();
        charge(50).unwrap();
        charge(500).unwrap_err();
    });
    assert_eq!(spans.len(), 3);
    let [request, paid, failed] = [&spans[0], &spans[1], &spans[2]];

    assert_eq!(names(request), ["http.server.request", "POST /orders/{id}", "web"]);
    assert_eq!((request.error, request.parent_id), (0, 0));
    assert_eq!(request.meta["span.kind"], "server");
    assert!(!request.meta.keys().any(|key| key == "otel.kind" || key == "otel.name"));

    for (span, amount) in [(paid, 50.0), (failed, 500.0)] {
        assert_eq!(names(span), ["Internal", "charge", "custom"]);
        assert_eq!((span.service.as_str(), span.parent_id), ("shop", request.span_id));
        assert_eq!(span.metrics.get("amount"), Some(&amount));
    }
    assert_eq!(paid.error, 0);
    assert!(!paid.meta.contains_key("error.message"));
    assert_error(failed);
}

#[test]
fn a_failed_request_arrives_as_an_error_with_its_message() {
    let spans = traced(|| assert!(job().is_err()));
    assert_eq!(spans.len(), 1);
    assert_eq!(names(&spans[0]), ["http.server.request", "PUT /jobs", "web"]);
    assert_error(&spans[0]);
}

/// Fails unless a span is the error that `#[instrument(err)]` records.
///
/// That is an event `exception` with `exception.message`, and a status with the same text. There is no
/// `exception.type` in it: the module that reported the error stands in for it.
fn assert_error(span: &ReceivedSpan) {
    assert_eq!(span.error, 1);
    assert_eq!(span.meta["error.message"], "card declined");
    assert_eq!(span.meta["error.msg"], "card declined");
    assert_eq!(span.meta["otel.status_code"], "Error");
    assert_eq!(span.meta["_dd.span_events.has_exception"], "true");
    let events: serde_json::Value = serde_json::from_str(&span.meta["events"]).unwrap();
    assert_eq!(events[0]["name"], "exception");
    assert_eq!(events[0]["attributes"]["exception.message"], "card declined");
    assert_eq!(span.meta["error.type"], module_path!());
}

#[test]
fn the_causes_of_an_error_arrive_as_its_stack() {
    #[derive(Debug)]
    struct Declined(std::io::Error);
    impl std::fmt::Display for Declined {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("card declined")
        }
    }
    impl std::error::Error for Declined {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let spans = traced(|| {
        let _entered = info_span!("charge").entered();
        let error = Declined(std::io::Error::other("limit reached"));
        tracing::error!(error = &error as &dyn std::error::Error);
    });
    assert_eq!(spans[0].error, 1);
    assert_eq!(spans[0].meta["error.message"], "card declined");
    assert_eq!(spans[0].meta["error.stack"], "limit reached");
}

/// Notes every span: its name, and the name of the thread that made it.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Note>>>);

type Note = (String, Option<String>);

impl<S: Subscriber> Layer<S> for Notes {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let thread = thread::current().name().map(str::to_owned);
        self.0.lock().unwrap().push((attributes.metadata().name().to_owned(), thread));
    }
}

/// The subscriber is the one of the whole process, and has no filter: it sees the worker's thread too.
#[test]
fn exporting_makes_no_span_about_itself() {
    const SPANS: usize = 20;
    let agent = agent();
    let provider = provider(&agent);
    let notes = Notes::default();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("app"));
    tracing::subscriber::set_global_default(Registry::default().with(layer).with(notes.clone()))
        .unwrap();
    for number in 0..SPANS {
        trace_span!("work", number).in_scope(|| tracing::trace!("working"));
        provider.force_flush().unwrap();
    }
    provider.shutdown().unwrap();
    let spans = agent.wait_for_spans(SPANS, SOON).unwrap();
    assert!(spans.iter().all(|span| span.resource == "work"), "{spans:?}");
    assert_eq!(spans.len(), SPANS);
    let notes = notes.0.lock().unwrap();
    let of_worker: Vec<_> =
        notes.iter().filter(|(_, thread)| thread.as_deref() == Some("datadog-exporter")).collect();
    assert!(of_worker.is_empty(), "{of_worker:?}");
}

/// Returns the bytes of a request with one span that has so many log lines.
fn bytes(lines: usize, set: fn(SpanLayer) -> SpanLayer) -> usize {
    let agent = agent();
    let provider = provider(&agent);
    let layer = set(tracing_opentelemetry::layer().with_tracer(provider.tracer("app")));
    tracing::subscriber::with_default(Registry::default().with(layer), || {
        info_span!("place-order", otel.kind = "server", http.route = "/orders/{id}").in_scope(
            || {
                for article in 0..lines {
                    tracing::info!(article, "reserved an article for the order");
                }
            },
        );
    });
    provider.shutdown().unwrap();
    agent.requests()[0].body.len()
}

#[test]
fn a_log_line_in_a_span_takes_as_many_bytes_as_the_pages_say() {
    let plain = |layer: SpanLayer| {
        layer.with_location(false).with_threads(false).with_tracked_inactivity(false)
    };
    let [none, ten] = [0, 10].map(|lines| bytes(lines, plain));
    let [none_located, ten_located] = [0, 10].map(|lines| bytes(lines, |layer| layer));
    let (line, located) = ((ten - none) / 10, (ten_located - none_located) / 10);
    assert!(line.abs_diff(150) < 25 && located.abs_diff(250) < 40, "{line} and {located} bytes");
    assert!((3 * none..=4 * none).contains(&ten), "{none} bytes without a line, {ten} with ten");
    // A span has its place, its thread and its times as well.
    assert!((100..=250).contains(&(none_located - none)), "{none_located} and {none} bytes");
    for (page, text) in [
        ("from_opentelemetry_datadog", "some 150 bytes for each line, 250 with the place"),
        ("from_opentelemetry_datadog", "ten lines in a span make it three to four times as long"),
        ("frameworks", "save some 150 bytes for each span, 100 for each log line"),
    ] {
        let page = read(&format!("src/docs/{page}.md")).replace('\n', " ");
        assert!(page.contains(text), "{text}");
    }
}
