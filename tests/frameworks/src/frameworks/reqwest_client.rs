//! reqwest with `reqwest-middleware` and `reqwest-tracing`.

use tokio::net::TcpListener;

use super::axum_shop;
use crate::Outcome;

// snippet: reqwest
use http::Extensions;
use opentelemetry::global::get_text_map_propagator as propagator;
use opentelemetry_http::HeaderInjector;
use reqwest::{Request, Response};
use reqwest_middleware::{
    ClientBuilder, ClientWithMiddleware, Extension, Middleware, Next, Result,
};
use reqwest_tracing::{OtelPathNames, TracingMiddleware};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

pub(crate) fn client() -> anyhow::Result<ClientWithMiddleware> {
    let names = OtelPathNames::known_paths(["/orders/{id}", "/orders/{id}/pay"])?;
    Ok(ClientBuilder::new(reqwest::Client::new())
        .with_init(Extension(names))
        .with(TracingMiddleware::default())
        .with(PassOn) // by hand: `reqwest-tracing` 0.7 knows OpenTelemetry 0.32 at most
        .build())
}

/// Writes the trace of the span around it into the headers of each request.
struct PassOn;

#[async_trait::async_trait]
impl Middleware for PassOn {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let context = Span::current().context();
        propagator(|all| all.inject_context(&context, &mut HeaderInjector(request.headers_mut())));
        next.run(request, extensions).await
    }
}
// end

/// Calls a server that is there, in vain one that is not, and one that has no such order.
pub(crate) async fn run() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (client, closed) = (client()?, listener.local_addr()?);
    drop(listener);
    if client.get(format!("http://buyer:SECRET@{closed}/orders/7")).send().await.is_ok() {
        return Err("a closed port answered".into());
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/orders/7?token=SECRET", listener.local_addr()?);
    let server = tokio::spawn(async { axum::serve(listener, axum_shop::routes()).await });
    let outcome = client.delete(url).send().await;
    server.abort();
    match outcome?.status().as_u16() {
        405 => Ok(()),
        other => Err(format!("answered {other}").into()),
    }
}
