//! The two halves of one trace across services: a middleware, and an HTTP client's call.

use std::net::SocketAddr;

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::global::get_text_map_propagator as propagator;
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use tracing::{Instrument as _, Span, field::Empty, info_span, instrument};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Serves a request within a span, which continues the trace in the request's headers.
pub(crate) async fn continued(route: MatchedPath, request: Request, next: Next) -> Response {
    let span = info_span!(
        "request",
        otel.kind = "server",
        http.request.method = request.method().as_str(),
        http.route = route.as_str(),
        http.response.status_code = Empty,
    );
    let caller = propagator(|headers| headers.extract(&HeaderExtractor(request.headers())));
    // It fails only where no layer of `tracing-opentelemetry` is: then nobody wants the span.
    let _ = span.set_parent(caller);
    let response = next.run(request).instrument(span.clone()).await;
    span.record("http.response.status_code", response.status().as_u16());
    response
}

/// Gets a text from a service, within a span that its headers pass on.
#[instrument(
    err,
    skip_all,
    fields(
        otel.kind = "client",
        http.request.method = "GET",
        url.template = template,
        http.response.status_code = Empty,
    )
)]
pub(crate) async fn get(at: SocketAddr, template: &str, path: &str) -> reqwest::Result<String> {
    let (context, mut headers) = (Span::current().context(), HeaderMap::new());
    propagator(|all| all.inject_context(&context, &mut HeaderInjector(&mut headers)));
    let request = reqwest::Client::new().get(format!("http://{at}{path}")).headers(headers);
    let response = request.send().await?;
    Span::current().record("http.response.status_code", response.status().as_u16());
    response.error_for_status()?.text().await
}
