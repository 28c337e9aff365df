//! One order through a small shop, sent to the Agent and shown here.
//!
//! `cargo run --example quickstart`: the spans go to the Agent that `DD_*` names (or the default one), if it
//! answers, and to an embedded one, which draws `docs/quickstart.svg`. No account and no Agent are needed.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::{error::Error, thread::sleep, time::Duration};

use SpanKind::{Client, Internal, Producer, Server};
use datadog_test_agent::TestAgent;
use opentelemetry::trace::{SpanKind, SpanRef, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue, trace::TracerProvider as _};
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

fn main() -> Result<(), Box<dyn Error>> {
    let agent = TestAgent::start()?;
    let exporter = || DatadogExporter::builder().with_service("shop").with_env("demo");
    let configured = exporter().build()?;
    let handle = configured.handle();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter().with_agent_url(agent.url()).build()?)
        .with_batch_exporter(configured)
        .build();

    place_order(&provider.tracer("quickstart"));
    provider.force_flush()?;
    let taken = if handle.stats().spans_delivered > 0 { "has it too" } else { "did not answer" };
    let _ = provider.shutdown(); // without an Agent, its copy is lost
    println!("{}\n\nYour Agent {taken} (service `shop`, env `demo`).", agent.waterfall());
    Ok(())
}

/// A request that reads a cache and a database, asks for a payment that is declined, and queues a mail.
fn place_order(tracer: &SdkTracer) {
    let span = |kind, name: &'static str, tags: &str, work: &dyn Fn(SpanRef<'_>)| {
        let tags = tags.split(", ").filter_map(|tag| tag.split_once('='));
        let tags = tags.map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned()));
        let span = tracer.span_builder(name).with_kind(kind).with_attributes(tags).start(tracer);
        let context = Context::current_with_span(span);
        let _active = context.clone().attach();
        work(context.span());
    };
    let wait = |milliseconds| sleep(Duration::from_millis(milliseconds));
    span(Server, "POST", "http.request.method=POST, http.route=/orders/{id}", &|_| {
        wait(1);
        span(Client, "GET", "db.system.name=redis, db.operation.name=GET", &|_| wait(2));
        span(Internal, "price", "operation.name=shop.price, shop.currency=EUR", &|_| {
            let query = "db.system.name=postgresql, db.query.summary=SELECT articles";
            span(Client, "SELECT articles", query, &|_| wait(6));
            wait(3);
        });
        span(Client, "POST", "http.request.method=POST, url.template=/payments", &|payment| {
            wait(8);
            payment.set_status(Status::error("card declined"));
        });
        let mails = "messaging.operation.type=send, messaging.destination.name=mails";
        span(Producer, "send mails", &format!("messaging.system=kafka, {mails}"), &|_| wait(1));
    });
}
