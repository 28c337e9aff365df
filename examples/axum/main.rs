//! A web service: continues its caller's trace, passes it on, writes log lines with the ids, ends in order.
//!
//! `cargo run --example axum --features json-logs`, then `curl -X POST localhost:3000/orders/7`, then Ctrl-C. Its
//! second line begins with `{"dd.service":"shop","dd.trace_id":"` and the trace's id. The Agent gets:
//!
//! ```text
//! http.server.request        POST /orders/{id}  shop  web
//! └─ http.client.request     GET /stock/{id}    shop  custom
//!    └─ http.server.request  GET /stock/{id}    shop  web
//! ```
#[expect(dead_code, reason = "its own `main`")]
#[path = "../log_correlation.rs"]
mod log_correlation;
mod trace;

use std::{env::args, error::Error, io::stdout, net::SocketAddr};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Router, middleware};
use opentelemetry::global;
use opentelemetry_datadog_agent::{DatadogExporter, DatadogPropagator, LogCorrelation};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::{net::TcpListener, signal::ctrl_c, task::spawn_blocking};
use tracing::info;

/// The address of the service, unless an argument names another.
const ADDRESS: &str = "127.0.0.1:3000";

/// Places an order, if the stock's service (here this one too) has something left.
async fn order(Path(id): Path<u64>, State(own): State<SocketAddr>) -> Result<String, StatusCode> {
    let answer = trace::get(own, "/stock/{id}", &format!("/stock/{id}")).await;
    let left = answer.map_err(|_| StatusCode::BAD_GATEWAY)?;
    info!(id, left, "order placed");
    Ok(format!("order {id} placed, {left} left\n"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let exporter = DatadogExporter::builder().with_service("shop").build()?;
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    global::set_text_map_propagator(DatadogPropagator::builder().build());
    let logs = LogCorrelation::from_env().with_service("shop");
    tracing::subscriber::set_global_default(log_correlation::subscriber(&provider, logs, stdout))?;

    let listener = TcpListener::bind(args().nth(1).as_deref().unwrap_or(ADDRESS)).await?;
    let own = listener.local_addr()?;
    let app = Router::new()
        .route("/orders/{id}", post(order))
        .route("/stock/{id}", get(async || "3"))
        .layer(middleware::from_fn(trace::continued))
        .with_state(own);
    info!(address = %own, "listening");
    axum::serve(listener, app).with_graceful_shutdown(async { drop(ctrl_c().await) }).await?;
    // Requests have ended. It blocks until their spans are sent: not for a thread of the runtime.
    Ok(spawn_blocking(move || provider.shutdown()).await??)
}
