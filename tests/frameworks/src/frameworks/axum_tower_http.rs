//! axum with tower-http's `TraceLayer`, whose span is made by hand.

use tokio::net::TcpListener;

use super::axum_shop;
use crate::Outcome;

// snippet: axum with tower-http
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use opentelemetry::global::get_text_map_propagator as propagator;
use opentelemetry_http::HeaderExtractor;
use tower_http::trace::TraceLayer;
use tracing::{Span, field::Empty, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

pub(crate) fn traced(routes: Router) -> Router {
    let layer = TraceLayer::new_for_http().make_span_with(request_span).on_response(answered);
    // Without its own line about a failure, the last line of level `error` is one of yours.
    routes.layer(layer.on_failure(()))
}

/// Makes the span of a request, in the trace that its headers name.
fn request_span(request: &Request) -> Span {
    let span = info_span!(
        "request",
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = request.method().as_str(),
        http.route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str),
        http.response.status_code = Empty,
    );
    let caller = propagator(|headers| headers.extract(&HeaderExtractor(request.headers())));
    let _ = span.set_parent(caller);
    span
}

fn answered(response: &Response, _: Duration, span: &Span) {
    span.record("http.response.status_code", i64::from(response.status().as_u16()));
    if response.status().is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}
// end

pub(crate) async fn run() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    axum_shop::serve_and_call(traced(axum_shop::routes()), listener).await
}
