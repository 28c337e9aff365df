//! The shop's routes for axum, and the calls that are made to it.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::{Outcome, calls, shop};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/orders/{id}", get(async || "3 pears"))
        .route("/orders/{id}/pay", post(pay))
}

async fn pay() -> StatusCode {
    shop::pay().map_or(StatusCode::INTERNAL_SERVER_ERROR, |()| StatusCode::OK)
}

/// Serves until the calls have their answers.
pub(crate) async fn serve_and_call(app: Router, listener: TcpListener) -> Outcome {
    let address = listener.local_addr()?;
    let server = tokio::spawn(async { axum::serve(listener, app).await });
    let outcome = calls::make(address).await;
    server.abort();
    outcome
}
