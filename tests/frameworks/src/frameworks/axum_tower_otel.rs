//! axum with the layer of `tower-otel`.

use tokio::net::TcpListener;

use super::axum_shop;
use crate::Outcome;

// snippet: axum with tower-otel
use axum::Router;
use axum::http::header::{AUTHORIZATION, COOKIE};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_otel::trace::HttpLayer;
use tracing::Level;

pub(crate) fn traced(routes: Router) -> Router {
    // The lower of the two runs first: `tower-otel` sends every header that is not marked.
    routes
        .layer(HttpLayer::server(Level::INFO))
        .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION, COOKIE]))
}
// end

pub(crate) async fn run() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    axum_shop::serve_and_call(traced(axum_shop::routes()), listener).await
}
