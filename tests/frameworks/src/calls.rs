//! The calls that are made to each web framework, through the traced client.

use std::net::SocketAddr;

use reqwest_middleware::reqwest::StatusCode;

use crate::Outcome;
use crate::frameworks::reqwest_client;

/// Asks for an order and pays it, each in a trace of its own, with secrets wherever a request has room.
pub(crate) async fn make(shop: SocketAddr) -> Outcome {
    let client = reqwest_client::client()?;
    let order = client
        .get(format!("http://buyer:SECRET@{shop}/orders/7?token=SECRET&api_key=SECRET"))
        .header("cookie", "session=SECRET");
    expect(order.send().await?.status(), StatusCode::OK)?;
    let payment = client
        .post(format!("http://{shop}/orders/7/pay?access_token=SECRET"))
        .header("authorization", "Bearer SECRET");
    expect(payment.send().await?.status(), StatusCode::INTERNAL_SERVER_ERROR)
}

fn expect(got: StatusCode, wanted: StatusCode) -> Outcome {
    if got == wanted { Ok(()) } else { Err(format!("answered {got}, not {wanted}").into()) }
}
