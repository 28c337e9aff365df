//! The two halves of one trace of a call: a middleware around the services, and a client's call.

use axum::{extract::Request, middleware::Next, response::Response};
use opentelemetry::global::get_text_map_propagator as propagator;
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tracing::{Instrument as _, Span, field::Empty, info_span, instrument};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Serves a call within a span, which continues the trace in the call's metadata.
pub(crate) async fn continued(request: Request, next: Next) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    let (service, method) = path.split_once('/').unwrap_or((path, ""));
    let span = info_span!(
        "call",
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = Empty,
    );
    let caller = propagator(|headers| headers.extract(&HeaderExtractor(request.headers())));
    let _ = span.set_parent(caller);
    let response = next.run(request).instrument(span.clone()).await;
    // A call that fails at once has its code in the head; one that succeeds has it at the end.
    let failed = Status::from_header_map(response.headers());
    span.record("rpc.grpc.status_code", failed.map_or(0, |status| i32::from(status.code())));
    response
}

/// Asks whether a service is healthy, within a span that the metadata pass on.
#[instrument(
    err(Debug),
    skip(client),
    fields(
        otel.kind = "client",
        rpc.system = "grpc",
        rpc.service = "grpc.health.v1.Health",
        rpc.method = "Check",
        rpc.grpc.status_code = 0,
    )
)]
pub(crate) async fn check(client: &mut HealthClient<Channel>, service: &str) -> Result<(), Code> {
    let mut request = tonic::Request::new(HealthCheckRequest { service: service.to_owned() });
    let (context, headers) = (Span::current().context(), request.metadata_mut().as_mut());
    propagator(|all| all.inject_context(&context, &mut HeaderInjector(headers)));
    let failed = |status: Status| {
        Span::current().record("rpc.grpc.status_code", i32::from(status.code()));
        status.code()
    };
    client.check(request).await.map(drop).map_err(failed)
}
