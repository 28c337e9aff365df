//! One order through a small shop, sent to the Agent and shown here.
//!
//! `cargo run --example quickstart`: the spans go to the Agent that `DD_*` names (or the default one), if
//! it answers, and to an embedded one that shows what arrives. No account and no Agent are needed.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::error::Error;
use std::thread::sleep;
use std::time::Duration;

use opentelemetry::trace::{
    SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_datadog_agent::testing::TestAgent;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

const TAKEN: &str = "Your Agent took the trace too: look for service `shop`, env `demo`.";
const NOT_TAKEN: &str = "No Agent answered at the configured address: the embedded one drew this.";

fn main() -> Result<(), Box<dyn Error>> {
    let agent = TestAgent::start()?;
    let shop =
        || DatadogExporter::builder().with_service("shop").with_env("demo").with_version("1.0.0");
    let configured = shop().build()?;
    let handle = configured.handle();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(shop().with_agent_url(agent.url()).build()?)
        .with_batch_exporter(configured)
        .build();

    place_order(&provider.tracer("quickstart"));
    provider.force_flush()?;
    let delivered = handle.stats().spans_exported > 0;
    // Where no Agent is, these spans are lost, and this says so.
    let _ = provider.shutdown();

    println!("{}\n", agent.waterfall().to_string().trim_end());
    let failed = agent.spans().into_iter().find(|span| span.error == 1).ok_or("no span failed")?;
    println!("The failed span, as it was sent:\n{}\n", failed.to_json());
    println!("{}", if delivered { TAKEN } else { NOT_TAKEN });
    Ok(())
}

/// A request that reads a cache and a database, asks for a payment that is declined, and queues a mail.
fn place_order(tracer: &SdkTracer) {
    use SpanKind::{Client, Internal, Producer, Server};
    let span = |name, kind, attributes: &[(&'static str, &'static str)], work: &dyn Fn()| {
        let attributes = attributes.iter().map(|(key, value)| KeyValue::new(*key, *value));
        let span =
            tracer.span_builder(name).with_kind(kind).with_attributes(attributes).start(tracer);
        let _active = Context::current_with_span(span).attach();
        work();
    };
    let wait = |milliseconds| sleep(Duration::from_millis(milliseconds));

    span(
        "POST",
        Server,
        &[("http.request.method", "POST"), ("http.route", "/orders/{id}")],
        &|| {
            wait(1);
            span(
                "GET",
                Client,
                &[("db.system.name", "redis"), ("db.operation.name", "GET")],
                &|| wait(2),
            );
            span(
                "price",
                Internal,
                &[("operation.name", "shop.price"), ("shop.currency", "EUR")],
                &|| {
                    let query =
                        [("db.system.name", "postgresql"), ("db.query.summary", "SELECT articles")];
                    span("SELECT articles", Client, &query, &|| wait(6));
                    wait(3);
                },
            );
            let call = [
                ("http.request.method", "POST"),
                ("url.template", "/payments"),
                ("peer.service", "bank"),
            ];
            span("POST", Client, &call, &|| {
                wait(8);
                let context = Context::current();
                context.span().record_error(&std::io::Error::other("card declined"));
                context.span().set_attribute(KeyValue::new("http.response.status_code", 402));
                context.span().set_status(Status::error("payment failed"));
            });
            let queue = [
                ("messaging.system", "kafka"),
                ("messaging.operation.type", "send"),
                ("messaging.destination.name", "mails"),
            ];
            span("send mails", Producer, &queue, &|| wait(1));
            Context::current()
                .span()
                .set_attribute(KeyValue::new("http.response.status_code", 200));
        },
    );
}
