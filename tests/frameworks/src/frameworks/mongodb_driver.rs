//! The driver of MongoDB, against a server that knows the few commands it needs.

use mongodb::options::ClientOptions;

use crate::Outcome;
use crate::servers::mongo::MongoServer;

// snippet: mongodb
use mongodb::bson::{Document, doc};
use mongodb::{Collection, error::Result};
use tracing::instrument;

/// Finds an order in a span. The driver itself makes events only (`tracing-unstable`), two for each command; its
/// feature `opentelemetry` is of OpenTelemetry 0.31 and joins no trace.
#[instrument(
    name = "find",
    err,
    skip_all,
    fields(
        otel.kind = "client",
        db.system.name = "mongodb",
        db.operation.name = "find",
        db.collection.name = orders.name(),
        db.namespace = orders.namespace().db,
    )
)]
async fn find(orders: &Collection<Document>, item: &str) -> Result<Option<Document>> {
    orders.find_one(doc! { "item": item }).await
}
// end

pub(crate) async fn run() -> Outcome {
    let server = MongoServer::start().await?;
    let options = ClientOptions::parse(server.url()).await?;
    let client = mongodb::Client::with_options(options)?;
    let shop = client.database("shop");
    let found = find(&shop.collection("orders"), "SECRET").await?;
    let failed = find(&shop.collection("broken"), "SECRET").await;
    client.shutdown().await;
    match (found, failed) {
        (Some(_), Err(_)) => Ok(()),
        other => Err(format!("answered {other:?}").into()),
    }
}
