//! tonic with the layers of `tonic-tracing-opentelemetry`, around its health service.

use std::error::Error;

use tonic::Code;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::{ServingStatus, server::health_reporter};

use crate::Outcome;

// snippet: tonic
use tonic::transport::{Channel, Server};
use tonic_health::pb::health_client::HealthClient;
use tonic_tracing_opentelemetry::middleware::{client, server};
use tower::ServiceBuilder;
use tower::layer::util::{Identity, Stack};

/// Makes a client whose calls are spans and pass the trace on.
fn health(channel: Channel) -> HealthClient<client::OtelGrpcService<Channel>> {
    HealthClient::new(ServiceBuilder::new().layer(client::OtelGrpcLayer).service(channel))
}

/// Makes a server whose calls are spans in the caller's trace.
fn traced() -> Server<Stack<server::OtelGrpcLayer, Identity>> {
    Server::builder().layer(server::OtelGrpcLayer::default())
}
// end

/// Asks for a service that is well, for one that nobody knows, and at a server without the health service.
pub(crate) async fn run() -> Outcome {
    let (reporter, service) = health_reporter();
    reporter.set_service_status("shop", ServingStatus::Serving).await;
    let with_health = serve(Routes::new(service))?;
    expect(health(with_health.clone()), "shop", Code::Ok).await?;
    expect(health(with_health), "bank", Code::NotFound).await?;
    expect(health(serve(Routes::default())?), "shop", Code::Unimplemented).await
}

/// Serves on loopback and returns a channel to it.
fn serve(routes: Routes) -> Result<Channel, Box<dyn Error + Send + Sync>> {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse()?)?;
    let channel =
        Channel::from_shared(format!("http://{}", incoming.local_addr()?))?.connect_lazy();
    tokio::spawn(traced().add_routes(routes).serve_with_incoming(incoming));
    Ok(channel)
}

async fn expect(
    mut client: HealthClient<client::OtelGrpcService<Channel>>,
    service: &str,
    code: Code,
) -> Outcome {
    let answer = client.check(HealthCheckRequest { service: service.to_owned() }).await;
    let got = answer.map_or_else(|status| status.code(), |_| Code::Ok);
    if got == code { Ok(()) } else { Err(format!("answered {got:?}, not {code:?}").into()) }
}
