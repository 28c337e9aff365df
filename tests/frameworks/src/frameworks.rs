//! A module for each framework, with the lines that the page shows.

mod actix;
mod axum_shop;
mod axum_tower_http;
mod axum_tower_otel;
mod axum_tracing_otel;
mod graphql;
mod mongodb_driver;
mod redis_server;
pub(crate) mod reqwest_client;
mod sea_orm_sqlite;
mod sqlx_sqlite;
mod tonic_health;

use std::pin::Pin;

use crate::Outcome;

/// A framework at work: its name on the page, and its work.
pub(crate) struct Framework {
    pub(crate) name: &'static str,
    pub(crate) run: fn() -> Pin<Box<dyn Future<Output = Outcome>>>,
}

/// Every framework, in the order of the page.
#[rustfmt::skip]
pub(crate) const ALL: &[Framework] = &[
    Framework { name: "axum with tower-http", run: || Box::pin(axum_tower_http::run()) },
    Framework { name: "axum with tower-otel", run: || Box::pin(axum_tower_otel::run()) },
    Framework { name: "axum with axum-tracing-opentelemetry", run: || Box::pin(axum_tracing_otel::run()) },
    Framework { name: "actix-web", run: || Box::pin(actix::run()) },
    Framework { name: "tonic", run: || Box::pin(tonic_health::run()) },
    Framework { name: "reqwest", run: || Box::pin(reqwest_client::run()) },
    Framework { name: "sqlx", run: || Box::pin(sqlx_sqlite::run()) },
    Framework { name: "sea-orm", run: || Box::pin(sea_orm_sqlite::run()) },
    Framework { name: "mongodb", run: || Box::pin(mongodb_driver::run()) },
    Framework { name: "redis", run: || Box::pin(redis_server::run()) },
    Framework { name: "async-graphql", run: || Box::pin(graphql::run()) },
];
