//! actix-web with `tracing-actix-web`.

use actix_web::{App, HttpResponse, HttpServer, web};

use crate::{Outcome, calls, shop};

// snippet: actix-web
use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderMap;
use opentelemetry::{global::get_text_map_propagator as propagator, propagation::Extractor};
use tracing::Span;
use tracing_actix_web::{DefaultRootSpanBuilder, RootSpanBuilder, root_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// `TracingLogger::<Continued>::new()` is the middleware. It continues the caller's trace by hand:
/// `tracing-actix-web` 0.7 knows OpenTelemetry 0.32 at most.
pub(crate) struct Continued;

impl RootSpanBuilder for Continued {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let span = root_span!(request);
        let _ = span.set_parent(propagator(|all| all.extract(&Headers(request.headers()))));
        span
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        DefaultRootSpanBuilder::on_request_end(span, outcome);
    }
}

/// The headers of actix are not those that `opentelemetry-http` reads.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}
// end

impl actix_web::ResponseError for shop::Declined {}

async fn pay() -> Result<HttpResponse, shop::Declined> {
    shop::pay().map(|()| HttpResponse::Ok().finish())
}

/// Serves on a thread of actix's own until the calls have their answers.
pub(crate) async fn run() -> Outcome {
    let make = || {
        App::new()
            .wrap(tracing_actix_web::TracingLogger::<Continued>::new())
            .route("/orders/{id}", web::get().to(async || "3 pears"))
            .route("/orders/{id}/pay", web::post().to(pay))
    };
    let server = HttpServer::new(make).workers(1).disable_signals().bind(("127.0.0.1", 0))?;
    let address = server.addrs()[0];
    let server = server.run();
    let (handle, served) = (server.handle(), tokio::spawn(server));
    let outcome = calls::make(address).await;
    handle.stop(true).await;
    served.await??;
    outcome
}
