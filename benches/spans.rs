//! The cost of a span: `cargo bench --bench spans`.
//!
//! Mapping alone, encoding alone, export into nothing, export over loopback, and end to end through a
//! provider; small, typical and hostile spans; batches of 1 to 10,000; 1 to 10,000 attributes. Figures are
//! for a whole batch; the throughput line is spans per second. Allocations stand below the times.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on says where")]

#[path = "../src/datadog/mod.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unnameable_types,
    reason = "a part of the crate"
)]
mod datadog;
#[path = "../src/encoding/mod.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unnameable_types,
    reason = "a part of the crate"
)]
mod encoding;
#[path = "../src/guard.rs"]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "a part of the crate")]
mod guard;
#[path = "../src/mapping/mod.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    unnameable_types,
    reason = "a part of the crate"
)]
mod mapping;
#[path = "support/spans.rs"]
mod spans;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use divan::counter::ItemsCount;
use divan::{AllocProfiler, Bencher};
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, Tracer as _, TracerProvider as _};
use opentelemetry_datadog_agent::{DatadogExporter, Protocol};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter,
};

use encoding::{Fields, Json, MessagePack, Payloads, Sink, Text, Wire};
use mapping::obfuscate::{Dialect, Language, StatementCache, push_statement};
use mapping::{Options, Place, ResourceFacts, Scratch};
use spans::{Shape, batch, resource};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// The batch processor's default.
const BATCH: usize = 512;
const SHAPES: [Shape; 3] = [Shape::Small, Shape::Typical, Shape::Hostile];

fn main() {
    divan::main();
}

/// Takes the output of the mapping and does nothing with it.
struct Nothing;

impl Sink for Nothing {
    type Prepared = ();

    fn prepare(_: &[(&str, &str)]) {}

    fn tag(&mut self, key: &'static str, value: &str) {
        divan::black_box((key, value));
    }

    fn text(&mut self, key: &str, value: &str) {
        divan::black_box((key, value));
    }

    fn meta(&mut self, key: Text<'_>, value: Text<'_>) {
        divan::black_box((key, value));
    }

    fn prepared(&mut self, (): &()) {}

    fn metric(&mut self, key: Text<'_>, value: f64) {
        divan::black_box((key, value));
    }

    fn finish(self, fields: &Fields<'_>) {
        divan::black_box(fields);
    }
}

#[divan::bench(args = SHAPES)]
fn map(bencher: Bencher<'_, '_>, shape: Shape) {
    let batch = batch(shape, BATCH);
    let options = Options::default();
    let facts = ResourceFacts::new::<Nothing>(&resource(), &options);
    let mut scratch = Scratch::default();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for span in &batch {
            mapping::map(span, Place::Later, &facts, &options, None, &mut scratch, Nothing);
        }
    });
}

/// One statement of each language, by the system that speaks it.
const STATEMENTS: [(&str, &str); 4] = [
    (
        "sql",
        "SELECT u.id, u.name, o.total FROM users u JOIN orders o ON o.user_id = u.id WHERE u.email = \
         'me@example.com' AND o.state IN (1, 2, 3) ORDER BY o.total DESC LIMIT 10",
    ),
    (
        "insert",
        r#"INSERT INTO "orders" ("user_id", "total", "note") VALUES ($1, $2, $3) RETURNING "id""#,
    ),
    ("redis", "SET user:1234:session 5f2b EX 3600"),
    ("mongodb", r#"{"find": "users", "filter": {"email": "me@example.com"}, "limit": 1}"#),
];

/// Statements without their literals: the throughput line is statements per second.
#[divan::bench(args = ["sql", "insert", "redis", "mongodb"])]
fn obfuscate(bencher: Bencher<'_, '_>, what: &str) {
    let language = match what {
        "redis" => Language::Commands,
        "mongodb" => Language::Json,
        _ => Language::Sql(Dialect::STANDARD),
    };
    let (_, statement) = STATEMENTS.into_iter().find(|(name, _)| *name == what).unwrap();
    let mut out = String::new();
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        out.clear();
        push_statement(&mut out, divan::black_box(statement), language)
    });
}

/// The same statement again, as services send it.
#[divan::bench(args = ["sql", "insert"])]
fn obfuscate_again(bencher: Bencher<'_, '_>, what: &str) {
    let (_, statement) = STATEMENTS.into_iter().find(|(name, _)| *name == what).unwrap();
    let mut statements = StatementCache::default();
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        let language = Language::Sql(Dialect::STANDARD);
        statements.statement(divan::black_box(statement), language).is_some()
    });
}

#[divan::bench(types = [Json, MessagePack])]
fn encode<W: Wire>(bencher: Bencher<'_, '_>) {
    let tags: Vec<(String, String)> = (0..24)
        .map(|at| (format!("a.common.key.{at}"), format!("a typical value of tag {at}")))
        .collect();
    let mut payloads = Payloads::new(usize::MAX);
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        payloads.start(None, false);
        payloads.trace::<W, _>(&[(); BATCH], |(), _, mut writer, _| {
            for (key, value) in &tags {
                writer.text(key, value);
            }
            for key in ["http.status_code", "_dd.measured", "thread.id"] {
                writer.metric(key.into(), 7.0);
            }
            writer.finish(&Fields {
                service: "checkout",
                name: "http.server.request",
                ..Fields::default()
            });
        });
        payloads.finish()
    });
}

/// Takes every request and keeps nothing.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl HttpClient for Nowhere {
    async fn send_bytes(&self, _: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        Ok(Response::new(Bytes::from_static(INFO)))
    }
}

/// An Agent that lets clients count.
const INFO: &[u8] = br#"{"endpoints":["/v0.3/traces","/v0.6/stats"],"client_drop_p0s":true,
    "peer_tags":["peer.service","db.name","db.system","server.address","out.host"],
    "span_kinds_stats_computed":["server","consumer","client","producer"]}"#;

fn to_nowhere(protocol: Protocol) -> DatadogExporter {
    let builder = DatadogExporter::builder().with_protocol(protocol).with_http_client(Nowhere);
    let mut exporter = builder.build().unwrap();
    exporter.set_resource(&resource());
    exporter
}

fn export(bencher: Bencher<'_, '_>, exporter: &DatadogExporter, batch: &[SpanData]) {
    bencher
        .counter(ItemsCount::new(batch.len()))
        .with_inputs(|| batch.to_vec())
        .bench_local_values(|batch| {
            futures_executor::block_on(exporter.export(batch)).unwrap();
        });
}

#[divan::bench(args = SHAPES)]
fn export_json_to_nowhere(bencher: Bencher<'_, '_>, shape: Shape) {
    export(bencher, &to_nowhere(Protocol::V03Json), &batch(shape, BATCH));
}

#[divan::bench(args = SHAPES)]
fn export_msgpack_to_nowhere(bencher: Bencher<'_, '_>, shape: Shape) {
    export(bencher, &to_nowhere(Protocol::V03MessagePack), &batch(shape, BATCH));
}

/// The difference is the cost of counting.
#[divan::bench(args = [false, true])]
fn export_with_client_stats(bencher: Bencher<'_, '_>, counts: bool) {
    let builder = DatadogExporter::builder().with_client_stats(counts).with_http_client(Nowhere);
    let mut exporter = builder.with_protocol(Protocol::V03MessagePack).build().unwrap();
    exporter.set_resource(&resource());
    export(bencher, &exporter, &batch(Shape::Typical, BATCH));
}

#[divan::bench(args = [1, 8, 64, 512, 4_096, 10_000])]
fn export_batches_of(bencher: Bencher<'_, '_>, size: usize) {
    export(bencher, &to_nowhere(Protocol::V03Json), &batch(Shape::Typical, size));
}

#[divan::bench(args = [1, 10, 100, 1_000, 10_000])]
fn export_one_span_with_attributes(bencher: Bencher<'_, '_>, count: usize) {
    let mut batch = batch(Shape::Small, 1);
    batch[0].attributes =
        (0..count).map(|at| KeyValue::new(format!("key.{at}"), "value")).collect();
    let exporter = to_nowhere(Protocol::V03Json);
    bencher.counter(ItemsCount::new(count)).with_inputs(|| batch.clone()).bench_local_values(
        |batch| {
            futures_executor::block_on(exporter.export(batch)).unwrap();
        },
    );
}

/// Starts a server that reads requests and answers 200.
fn sink() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || serve(BufReader::new(stream.unwrap())));
        }
    });
    url
}

fn serve(mut stream: BufReader<std::net::TcpStream>) {
    let mut body = Vec::new();
    loop {
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            if stream.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        body.resize(length, 0);
        stream.read_exact(&mut body).unwrap();
        stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nOK\n").unwrap();
    }
}

#[divan::bench(args = [Protocol::V03Json, Protocol::V03MessagePack])]
fn export_over_loopback(bencher: Bencher<'_, '_>, protocol: Protocol) {
    let mut exporter =
        DatadogExporter::builder().with_protocol(protocol).with_agent_url(sink()).build().unwrap();
    exporter.set_resource(&resource());
    export(bencher, &exporter, &batch(Shape::Typical, BATCH));
}

/// The tracer API with a processor that drops everything is the bare cost; the rest is ours.
#[divan::bench(args = ["bare", "json", "msgpack"])]
fn end_to_end(bencher: Bencher<'_, '_>, what: &str) {
    const SPANS: usize = 10_000;
    let builder = SdkTracerProvider::builder().with_resource(resource());
    let exporter = match what {
        "json" => Some(to_nowhere(Protocol::V03Json)),
        "msgpack" => Some(to_nowhere(Protocol::V03MessagePack)),
        _ => None,
    };
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(2 * SPANS)
        .with_scheduled_delay(Duration::from_secs(60))
        .build();
    let provider = match exporter {
        Some(exporter) => builder
            .with_span_processor(
                BatchSpanProcessor::builder(exporter).with_batch_config(config).build(),
            )
            .build(),
        None => builder.build(),
    };
    let tracer = provider.tracer("end to end");
    bencher.counter(ItemsCount::new(SPANS)).bench_local(|| {
        for number in 0..SPANS {
            let attributes = [
                KeyValue::new("http.request.method", "GET"),
                KeyValue::new("http.route", "/users/{id}"),
                KeyValue::new("http.response.status_code", 200),
                KeyValue::new("enduser.id", i64::try_from(number).unwrap()),
            ];
            drop(
                tracer
                    .span_builder("GET")
                    .with_kind(SpanKind::Server)
                    .with_attributes(attributes)
                    .start(&tracer),
            );
        }
        provider.force_flush().unwrap();
    });
}
