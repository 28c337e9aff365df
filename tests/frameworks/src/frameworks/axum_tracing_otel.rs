//! axum with the layer of `axum-tracing-opentelemetry`.

use tokio::net::TcpListener;

use super::axum_shop;
use crate::Outcome;

// snippet: axum with axum-tracing-opentelemetry
use axum::Router;
use axum_tracing_opentelemetry::middleware::OtelAxumLayer;

pub(crate) fn traced(routes: Router) -> Router {
    // Its spans are of level `trace` under the target `otel::tracing`: the filter must let them through.
    routes.layer(OtelAxumLayer::default())
}
// end

pub(crate) async fn run() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    axum_shop::serve_and_call(traced(axum_shop::routes()), listener).await
}
