//! async-graphql with its extension `Tracing`.

use async_graphql::Object;

use crate::{Outcome, shop};

struct Query;

#[Object]
impl Query {
    async fn order(&self, id: i32, #[graphql(secret)] token: String) -> Order {
        let _ = token;
        Order(id)
    }
}

struct Order(i32);

#[Object]
impl Order {
    async fn item(&self) -> String {
        format!("{} pears", self.0)
    }

    async fn payment(&self) -> async_graphql::Result<bool> {
        Ok(shop::pay().map(|()| true)?)
    }
}

// snippet: async-graphql
use async_graphql::{
    EmptyMutation, EmptySubscription, Request, Response, Schema, extensions::Tracing,
};
use tracing::{Instrument as _, field::Empty, info_span};

fn schema() -> Schema<Query, EmptyMutation, EmptySubscription> {
    Schema::build(Query, EmptyMutation, EmptySubscription).extension(Tracing).finish()
}

/// Answers a request in a span that names it. Put it in the handler of the web framework.
async fn answer(
    schema: &Schema<Query, EmptyMutation, EmptySubscription>,
    request: Request,
) -> Response {
    let span = info_span!(
        "graphql",
        graphql.operation.type = "query",
        graphql.operation.name = request.operation_name,
        otel.status_code = Empty,
        error.message = Empty,
    );
    let response = schema.execute(request).instrument(span.clone()).await;
    if let Some(error) = response.errors.first() {
        span.record("otel.status_code", "ERROR").record("error.message", &error.message);
    }
    response
}
// end

pub(crate) async fn run() -> Outcome {
    let schema = schema();
    let ask = |fields: &str| {
        let text = format!("query Order {{ order(id: 7, token: \"SECRET\") {{ {fields} }} }}");
        Request::new(text).operation_name("Order")
    };
    if !answer(&schema, ask("item")).await.is_ok() {
        return Err("no item".into());
    }
    let failed = answer(&schema, ask("payment")).await;
    if failed.is_err() { Ok(()) } else { Err("the payment went through".into()) }
}
