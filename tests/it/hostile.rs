//! Bad input: whatever a span holds, nothing panics, the Agent takes the request, nothing in it is
//! wrong, and the good spans of the same batch arrive as they do without it.

use std::time::{Duration, UNIX_EPOCH};

use opentelemetry::trace::{Event, Link, SpanKind, Status};
use opentelemetry::{Array, InstrumentationScope, KeyValue, SpanId, StringValue, Value};
use opentelemetry_datadog_agent::testing::{Span, TestAgent};
use opentelemetry_datadog_agent::{DatadogExporter, DatadogExporterBuilder};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use crate::support::{SOON, agent, block_on, context, span};

/// The trace of the good spans.
const GOOD: u128 = 0xaaaa_0000_0000_0000_0000_0000_0000_00a0;
/// The trace that a bad span has to itself, unless its ids are what is bad.
const BAD: u128 = 0xb0;
/// The id of a bad span, likewise.
const BAD_ID: u64 = 0xb1;

/// One bad span, and what becomes of it.
struct Case {
    name: &'static str,
    span: SpanData,
    check: fn(Option<&Span>),
}

fn case(name: &'static str, change: impl FnOnce(&mut SpanData), check: fn(Option<&Span>)) -> Case {
    let mut span = span();
    span.span_context = context(BAD, BAD_ID);
    change(&mut span);
    Case { name, span, check }
}

/// A bad span whose attributes are what is bad.
fn tagged<const N: usize>(
    name: &'static str,
    attributes: [(&str, Value); N],
    check: fn(Option<&Span>),
) -> Case {
    let list = attributes.into_iter().map(|(key, value)| KeyValue::new(key.to_owned(), value));
    let list = list.collect();
    case(name, |span| span.attributes = list, check)
}

/// Sends each bad span between good ones: in a trace of its own, then in theirs.
fn check(build: impl Fn(DatadogExporterBuilder) -> DatadogExporterBuilder, cases: Vec<Case>) {
    let agent = agent();
    let builder = build(DatadogExporter::builder().with_agent_url(agent.url()));
    let mut exporter = builder.build().unwrap();
    exporter.set_resource(&resource());
    let alone = export(&agent, &exporter, good().into(), "no bad span");
    assert_eq!(alone.len(), 2);
    for Case { name, span, check } in cases {
        let mut together = span.clone();
        if span.span_context.trace_id() == context(BAD, 1).trace_id() {
            let id = u64::from_be_bytes(span.span_context.span_id().to_bytes());
            together.span_context = context(GOOD, id);
            if span.parent_span_id == SpanId::INVALID {
                together.parent_span_id = SpanId::from(0xa1);
            }
        }
        for bad in [span, together] {
            let [first, second] = good();
            let mut arrived = export(&agent, &exporter, vec![first, bad, second], name);
            let at = arrived.iter().position(|span| ![0xa1, 0xa2].contains(&span.span_id));
            let bad = at.map(|at| arrived.remove(at));
            assert_eq!(arrived.len(), alone.len(), "{name}");
            for good in &alone {
                assert!(arrived.contains(good), "{name}: {good:?} is not in {arrived:?}");
            }
            check(bad.as_ref());
        }
    }
    exporter.shutdown().unwrap();
}

/// Exports a batch and returns what arrived, once it is clear that nothing is wrong with it.
fn export(
    agent: &TestAgent,
    exporter: &DatadogExporter,
    batch: Vec<SpanData>,
    name: &str,
) -> Vec<Span> {
    agent.clear();
    block_on(exporter.export(batch)).unwrap_or_else(|error| panic!("{name}: {error}"));
    exporter.handle().flush(SOON).unwrap();
    for request in agent.requests() {
        assert_eq!((request.status, &request.decode_error), (Some(200), &None), "{name}");
        assert_eq!(request.violations(), Vec::<String>::new(), "{name}");
    }
    agent.spans()
}

/// A root and its child, with tags that a bad neighbour might disturb.
fn good() -> [SpanData; 2] {
    let attributes = |id: u64| {
        vec![
            KeyValue::new("http.request.method", "GET"),
            KeyValue::new("user.id", id.to_string()),
            KeyValue::new("items", 3),
        ]
    };
    let root = SpanData {
        span_context: context(GOOD, 0xa1),
        span_kind: SpanKind::Server,
        name: "good root".into(),
        attributes: attributes(0xa1),
        ..span()
    };
    let child = SpanData {
        span_context: context(GOOD, 0xa2),
        parent_span_id: SpanId::from(0xa1),
        name: "good child".into(),
        attributes: attributes(0xa2),
        ..span()
    };
    [root, child]
}

fn resource() -> Resource {
    let attributes = [
        KeyValue::new("service.name", "shop"),
        KeyValue::new("region", "eu"),
        KeyValue::new("host.name", "box"),
    ];
    Resource::builder_empty().with_attributes(attributes).build()
}

/// Fails unless the span was left out.
fn left_out(span: Option<&Span>) {
    assert_eq!(span, None);
}

/// Fails unless the span arrived.
fn arrived(span: Option<&Span>) {
    assert!(span.is_some());
}

#[track_caller]
fn meta<'a>(span: Option<&'a Span>, key: &str) -> Option<&'a str> {
    span.expect("the span arrived").meta.get(key).map(String::as_str)
}

#[track_caller]
fn metric(span: Option<&Span>, key: &str) -> Option<f64> {
    span.expect("the span arrived").metrics.get(key).copied()
}

/// A text tag without a metric of its name, or the other way round.
#[track_caller]
fn assert_tag(span: Option<&Span>, key: &str, text: Option<&str>, number: Option<f64>) {
    assert_eq!((meta(span, key), metric(span, key)), (text, number), "{key}");
}

fn floats(items: &[f64]) -> Value {
    Value::Array(Array::F64(items.to_vec()))
}

fn texts(items: &[&str]) -> Value {
    Value::Array(Array::String(
        items.iter().map(|item| StringValue::from((*item).to_owned())).collect(),
    ))
}

#[test]
fn bad_ids_cost_no_other_span() {
    let equal = 0xb0;
    check(
        |builder| builder,
        vec![
            case("trace id 0", |span| span.span_context = context(0, BAD_ID), left_out),
            case("span id 0", |span| span.span_context = context(BAD, 0), left_out),
            case("both 0", |span| span.span_context = context(0, 0), left_out),
            case("low half 0", |span| span.span_context = context(5 << 64, BAD_ID), left_out),
            case(
                "largest ids",
                |span| span.span_context = context(u128::MAX, u64::MAX),
                |span| {
                    assert_eq!(span.unwrap().trace_id, u64::MAX);
                    assert_eq!(span.unwrap().span_id, u64::MAX);
                    assert_eq!(meta(span, "_dd.p.tid"), Some("ffffffffffffffff"));
                    assert_eq!(
                        meta(span, "otel.trace_id"),
                        Some("ffffffffffffffffffffffffffffffff")
                    );
                },
            ),
            case(
                "its own parent",
                |span| span.parent_span_id = SpanId::from(BAD_ID),
                |span| {
                    assert_eq!(span.unwrap().parent_id, 0);
                    assert_eq!(metric(span, "_dd.top_level"), Some(1.0));
                },
            ),
            case("span id as trace id", |span| span.span_context = context(equal, 0xb0), arrived),
            case(
                "span id as parent of nobody",
                |span| span.parent_span_id = 7.into(),
                |span| {
                    assert_eq!(span.unwrap().parent_id, 7);
                },
            ),
        ],
    );
}

#[test]
fn bad_times_are_clamped() {
    /// Some 35,000 years.
    const LONG: Duration = Duration::from_secs(1 << 40);
    let second = Duration::from_secs(1);
    check(
        |builder| builder,
        vec![
            case(
                "starts before 1970",
                |span| {
                    span.start_time = UNIX_EPOCH - second;
                    span.end_time = UNIX_EPOCH + second;
                },
                |span| {
                    let span = span.unwrap();
                    assert_eq!((span.start, span.duration), (0, 2_000_000_000));
                },
            ),
            case(
                "ends before 1970",
                |span| {
                    span.start_time = UNIX_EPOCH - 3 * second;
                    span.end_time = UNIX_EPOCH - second;
                },
                |span| assert_eq!(span.unwrap().start, 0),
            ),
            case(
                "ends before its start",
                |span| span.end_time = span.start_time - second,
                |span| assert_eq!(span.unwrap().duration, 0),
            ),
            case(
                "starts in a far future",
                |span| {
                    span.start_time = UNIX_EPOCH + LONG;
                    span.end_time = span.start_time + second;
                },
                |span| assert_eq!((span.unwrap().start, span.unwrap().duration), (i64::MAX, 0)),
            ),
            case(
                "ends in a far future",
                |span| span.end_time = UNIX_EPOCH + LONG,
                |span| {
                    let span = span.unwrap();
                    assert_eq!(span.start + span.duration, i64::MAX);
                },
            ),
            case(
                "has an event before 1970",
                |span| span.events.events = vec![Event::new("e", UNIX_EPOCH - second, vec![], 0)],
                |span| assert_eq!(json(span, "events")[0]["name"], "e"),
            ),
        ],
    );
}

/// Returns a text tag that holds JSON.
#[track_caller]
fn json(span: Option<&Span>, key: &str) -> serde_json::Value {
    serde_json::from_str(meta(span, key).unwrap()).unwrap()
}

#[test]
fn numbers_that_are_none_become_text() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let events = |span: &mut SpanData| {
        let attributes =
            vec![KeyValue::new("n", f64::NAN), KeyValue::new("a", floats(&[f64::INFINITY]))];
        span.events.events = vec![Event::new("e", UNIX_EPOCH, attributes, 0)];
    };
    let links = |span: &mut SpanData| {
        let attributes = vec![KeyValue::new("n", f64::NEG_INFINITY)];
        span.links.links = vec![Link::new(context(1, 2), attributes, 0)];
    };
    check(
        |builder| builder,
        vec![
            tagged(
                "attributes",
                [("nan", odd[0].into()), ("up", odd[1].into()), ("down", odd[2].into())],
                |span| {
                    assert_tag(span, "nan", Some("NaN"), None);
                    assert_tag(span, "up", Some("Infinity"), None);
                    assert_tag(span, "down", Some("-Infinity"), None);
                },
            ),
            tagged("an array", [("array", floats(&odd))], |span| {
                assert_eq!(json(span, "array").to_string(), r#"["NaN","Infinity","-Infinity"]"#);
            }),
            case("an event", events, |span| {
                let attributes = &json(span, "events")[0]["attributes"];
                assert_eq!(
                    (&attributes["n"], &attributes["a"][0]),
                    (&"NaN".into(), &"Infinity".into())
                );
            }),
            case("a link", links, |span| {
                assert_eq!(json(span, "_dd.span_links")[0]["attributes"]["n"], "-Infinity");
            }),
            tagged(
                "keys that decide something",
                [
                    ("sampling.priority", f64::NAN.into()),
                    ("http.response.status_code", f64::INFINITY.into()),
                    ("_sampling_priority_v1", f64::NEG_INFINITY.into()),
                    ("_dd.top_level", f64::NAN.into()),
                    ("_sample_rate", f64::NAN.into()),
                    ("process_id", f64::NAN.into()),
                    ("datadog.error", f64::NAN.into()),
                    ("analytics.event", f64::NAN.into()),
                    ("rpc.grpc.status_code", f64::NAN.into()),
                ],
                arrived,
            ),
            tagged(
                "numbers at the limits",
                [("max", i64::MAX.into()), ("min", i64::MIN.into()), ("tiny", 5e-324.into())],
                |span| {
                    assert_tag(span, "max", None, Some(9_223_372_036_854_775_807.0));
                    assert_tag(span, "min", None, Some(-9_223_372_036_854_775_808.0));
                    assert_tag(span, "tiny", None, Some(5e-324));
                },
            ),
        ],
    );
}

#[test]
fn of_keys_that_come_twice_the_last_goes_out_once() {
    check(
        |builder| builder,
        vec![
            tagged("texts", [("k", "one".into()), ("k", "two".into())], |span| {
                assert_tag(span, "k", Some("two"), None);
            }),
            tagged("text, then number", [("k", "one".into()), ("k", 2.into())], |span| {
                assert_tag(span, "k", None, Some(2.0));
            }),
            tagged("number, then text", [("k", 1.into()), ("k", "two".into())], |span| {
                assert_tag(span, "k", Some("two"), None);
            }),
            tagged("number, then NaN", [("k", 1.into()), ("k", f64::NAN.into())], |span| {
                assert_tag(span, "k", Some("NaN"), None);
            }),
            tagged(
                "a known key, text, then number",
                [("http.route", "/a".into()), ("http.route", 2.into())],
                |span| assert_tag(span, "http.route", None, Some(2.0)),
            ),
            tagged(
                "a known key, number, then text",
                [("http.url", 1.into()), ("http.url", "/b".into())],
                |span| assert_tag(span, "http.url", Some("/b"), None),
            ),
            tagged(
                "the new convention, then the old",
                [("http.request.method", "PUT".into()), ("http.method", "GET".into())],
                |span| {
                    assert_tag(span, "http.method", Some("PUT"), None);
                    assert_tag(span, "http.request.method", None, None);
                },
            ),
            tagged(
                "the old convention, then the new",
                [("http.method", "GET".into()), ("http.request.method", "PUT".into())],
                |span| assert_tag(span, "http.method", Some("PUT"), None),
            ),
            tagged(
                "both conventions as number and text",
                [("http.status_code", "500".into()), ("http.response.status_code", 404.into())],
                |span| assert_tag(span, "http.status_code", Some("500"), Some(500.0)),
            ),
            tagged(
                "headers of both spellings",
                [
                    ("http.request.header.x-id", "one".into()),
                    ("http.request.headers.x-id", "two".into()),
                ],
                |span| assert_tag(span, "http.request.headers.x-id", Some("two"), None),
            ),
            tagged(
                "names of the span",
                [
                    ("service.name", "one".into()),
                    ("service.name", "two".into()),
                    ("resource.name", "three".into()),
                    ("resource.name", "four".into()),
                ],
                |span| {
                    assert_eq!(
                        (&*span.unwrap().service, &*span.unwrap().resource),
                        ("two", "four")
                    );
                },
            ),
            tagged(
                "tags that the exporter writes",
                [
                    ("span.kind", "x".into()),
                    ("span.kind", "y".into()),
                    ("otel.trace_id", "x".into()),
                    ("language", 1.into()),
                    ("runtime-id", "x".into()),
                    ("runtime-id", 2.into()),
                    ("process_id", "x".into()),
                    ("process_id", 3.into()),
                ],
                |span| {
                    assert_tag(span, "span.kind", Some("internal"), None);
                    assert_tag(span, "otel.trace_id", Some("x"), None);
                },
            ),
            tagged(
                "keys that are equal once they are cut",
                [
                    (&*format!("{}a", "k".repeat(200)), 1.into()),
                    (&*format!("{}b", "k".repeat(200)), 2.into()),
                ],
                |span| assert_tag(span, &format!("{}...", "k".repeat(200)), None, Some(2.0)),
            ),
        ],
    );
}

#[test]
fn texts_are_cut_at_their_limits_between_characters() {
    /// One byte, then characters of two: every even limit falls into a character.
    fn wide(bytes: usize) -> String {
        format!("a{}", "é".repeat(bytes / 2))
    }
    check(
        |builder| builder,
        vec![
            tagged("service", [("service.name", wide(300).into())], |span| {
                assert_eq!(span.unwrap().service, wide(98));
            }),
            tagged("service override", [("datadog.service", wide(300).into())], |span| {
                assert_eq!(span.unwrap().service, wide(98));
            }),
            tagged("operation", [("operation.name", wide(300).into())], |span| {
                assert_eq!(span.unwrap().name, wide(98));
            }),
            tagged("operation override", [("datadog.name", wide(300).into())], |span| {
                assert_eq!(span.unwrap().name, wide(98));
            }),
            tagged("type", [("span.type", wide(300).into())], |span| {
                assert_eq!(span.unwrap().span_type, wide(98));
            }),
            tagged("type override", [("datadog.type", wide(300).into())], |span| {
                assert_eq!(span.unwrap().span_type, wide(98));
            }),
            tagged("resource", [("resource.name", wide(6_000).into())], |span| {
                assert_eq!(span.unwrap().resource, wide(4_998));
            }),
            case(
                "span name",
                |span| span.name = wide(6_000).into(),
                |span| {
                    assert_eq!(span.unwrap().resource, wide(4_998));
                },
            ),
            tagged("exactly a resource", [("resource.name", "r".repeat(5_000).into())], |span| {
                assert_eq!(span.unwrap().resource, "r".repeat(5_000));
            }),
            tagged("key", [(&*wide(300), "v".into())], |span| {
                assert_eq!(meta(span, &format!("{}...", wide(198))), Some("v"));
            }),
            tagged("key of a number", [(&*wide(300), 5.into())], |span| {
                assert_eq!(metric(span, &format!("{}...", wide(198))), Some(5.0));
            }),
            tagged("exactly a key", [(&*"k".repeat(200), "v".into())], |span| {
                assert_eq!(meta(span, &"k".repeat(200)), Some("v"));
            }),
            tagged("value", [("k", wide(30_000).into())], |span| {
                assert_eq!(meta(span, "k"), Some(&*format!("{}...", wide(24_998))));
            }),
            tagged("value of a known key", [("http.url", wide(30_000).into())], |span| {
                assert_eq!(meta(span, "http.url"), Some(&*format!("{}...", wide(24_998))));
            }),
            tagged("exactly a value", [("k", "v".repeat(25_000).into())], |span| {
                assert_eq!(meta(span, "k").map(str::len), Some(25_000));
            }),
            tagged("env", [("env", wide(30_000).into())], arrived),
            tagged("version", [("version", wide(30_000).into())], arrived),
            tagged("array", [("k", texts(&[&wide(30_000), "b"]))], |span| {
                assert!(meta(span, "k").unwrap().len() <= 25_003);
            }),
            case(
                "status",
                |span| span.status = Status::error(wide(30_000)),
                |span| {
                    let cut = format!("{}...", wide(24_998));
                    assert_eq!(meta(span, "error.message"), Some(&*cut));
                    assert_eq!(meta(span, "otel.status_description"), Some(&*cut));
                },
            ),
            case(
                "scope",
                |span| {
                    let scope = InstrumentationScope::builder(wide(30_000));
                    let tag = KeyValue::new(wide(300), wide(30_000));
                    let scope = scope.with_version(wide(30_000)).with_attributes([tag]);
                    span.instrumentation_scope = scope.build();
                },
                |span| {
                    let cut = format!("{}...", wide(24_998));
                    assert_eq!(meta(span, "otel.scope.name"), Some(&*cut));
                    assert_eq!(meta(span, &format!("{}...", wide(198))), Some(&*cut));
                },
            ),
        ],
    );
}

#[test]
fn a_service_of_the_configuration_is_cut_too() {
    check(
        |builder| builder.with_service("é".repeat(60)),
        vec![tagged("none", [], |span| {
            assert_eq!(span.unwrap().service, "é".repeat(50));
        })],
    );
}

#[test]
fn configured_texts_of_any_length_are_taken() {
    let long = "é".repeat(20_000);
    let configure = |builder: DatadogExporterBuilder| {
        builder
            .with_env(&*long)
            .with_version(&*long)
            .with_tag(&*long, &*long)
            .with_tag("\0\"", "\u{1}")
    };
    check(
        configure,
        vec![tagged("none", [], |span| {
            assert_eq!(meta(span, "\0\""), Some("\u{1}"));
            let cut = format!("{}...", "é".repeat(12_500));
            assert_eq!(meta(span, &format!("{}...", "é".repeat(100))), Some(&*cut));
        })],
    );
}

#[test]
fn characters_that_need_escapes_arrive_as_they_are() {
    const ODD: &str = "\0\u{1}\t\n\r\u{1f}\"\\/\u{7f}\u{2028}\u{fffd}\u{ffff}😀<script>";
    check(
        |builder| builder,
        vec![
            tagged(
                "attributes",
                [(ODD, ODD.into()), ("text", ODD.into()), ("list", texts(&[ODD]))],
                |span| {
                    assert_eq!(meta(span, ODD), Some(ODD));
                    assert_eq!(meta(span, "text"), Some(ODD));
                    assert_eq!(json(span, "list")[0], ODD);
                },
            ),
            tagged("the key of a number", [(ODD, 1.into())], |span| {
                assert_eq!(metric(span, ODD), Some(1.0));
            }),
            case(
                "the name",
                |span| span.name = ODD.into(),
                |span| {
                    assert_eq!(span.unwrap().resource, ODD);
                },
            ),
            tagged("names", [("datadog.name", ODD.into()), ("datadog.type", ODD.into())], |span| {
                assert_eq!((&*span.unwrap().name, &*span.unwrap().span_type), (ODD, ODD));
            }),
            case(
                "an event and a link",
                |span| {
                    let tags = || vec![KeyValue::new(ODD, ODD)];
                    span.events.events = vec![Event::new(ODD, UNIX_EPOCH, tags(), 0)];
                    span.links.links = vec![Link::new(context(1, 2), tags(), 0)];
                },
                |span| {
                    assert_eq!(json(span, "events")[0]["attributes"][ODD], ODD);
                    assert_eq!(json(span, "_dd.span_links")[0]["attributes"][ODD], ODD);
                },
            ),
            case(
                "the status",
                |span| span.status = Status::error(ODD),
                |span| {
                    assert_eq!(meta(span, "error.message"), Some(ODD));
                },
            ),
            case(
                "the scope",
                |span| {
                    let scope = InstrumentationScope::builder(ODD).with_version(ODD);
                    span.instrumentation_scope =
                        scope.with_attributes([KeyValue::new(ODD, ODD)]).build();
                },
                |span| {
                    assert_eq!(meta(span, "otel.scope.version"), Some(ODD));
                    assert_eq!(meta(span, ODD), Some(ODD));
                },
            ),
        ],
    );
}

#[test]
fn sizes_beyond_all_sense_are_taken() {
    const MEGABYTE: usize = 1 << 20;
    let many = |span: &mut SpanData| {
        let tags = (0..10_000).map(|i| KeyValue::new(format!("key {i}"), format!("value {i}")));
        span.attributes = tags.collect();
    };
    let same = |span: &mut SpanData| {
        span.attributes = (0..10_000).map(|i| KeyValue::new("key", i)).collect();
    };
    let events = |span: &mut SpanData| {
        let tags = || vec![KeyValue::new("exception.message", "no")];
        let event = || Event::new("exception", UNIX_EPOCH, tags(), u32::MAX);
        span.events.events = (0..5_000).map(|_| event()).collect();
        span.events.dropped_count = u32::MAX;
        span.dropped_attributes_count = u32::MAX;
    };
    let links = |span: &mut SpanData| {
        span.links.links = (0..5_000).map(|_| Link::new(context(0, 0), vec![], u32::MAX)).collect();
    };
    check(
        |builder| builder,
        vec![
            case("10,000 attributes", many, |span| {
                assert_eq!(meta(span, "key 0"), Some("value 0"));
                assert_eq!(meta(span, "key 9999"), Some("value 9999"));
            }),
            case("10,000 times one key", same, |span| {
                assert_tag(span, "key", None, Some(9_999.0));
            }),
            case("5,000 events", events, |span| {
                assert!(json(span, "events").as_array().unwrap().len() > 10);
                assert_eq!(meta(span, "_dd.span_events.has_exception"), Some("true"));
            }),
            case("5,000 links", links, |span| {
                assert!(json(span, "_dd.span_links").as_array().unwrap().len() > 10);
            }),
            tagged("a value of 1 MB", [("k", "v".repeat(MEGABYTE).into())], |span| {
                assert_eq!(meta(span, "k").map(str::len), Some(25_003));
            }),
            tagged("a key of 1 MB", [(&*"k".repeat(MEGABYTE), 1.into())], |span| {
                assert_eq!(metric(span, &format!("{}...", "k".repeat(200))), Some(1.0));
            }),
            case(
                "a name of 1 MB",
                |span| span.name = "n".repeat(MEGABYTE).into(),
                |span| {
                    assert_eq!(span.unwrap().resource.len(), 5_000);
                },
            ),
            tagged("a service of 1 MB", [("service.name", "s".repeat(MEGABYTE).into())], |span| {
                assert_eq!(span.unwrap().service.len(), 100);
            }),
        ],
    );
}

#[test]
fn empty_texts_are_no_hole_in_the_span() {
    check(
        |builder| builder,
        vec![
            case(
                "an empty name",
                |span| span.name = "".into(),
                |span| {
                    assert_eq!(
                        (&*span.unwrap().name, &*span.unwrap().resource),
                        ("Internal", "Internal")
                    );
                },
            ),
            tagged(
                "empty names in attributes",
                [
                    ("service.name", "".into()),
                    ("operation.name", "".into()),
                    ("resource.name", "".into()),
                    ("span.type", "".into()),
                    ("datadog.service", "".into()),
                    ("datadog.name", "".into()),
                    ("datadog.resource", "".into()),
                    ("datadog.type", "".into()),
                ],
                |span| {
                    let span = span.unwrap();
                    assert_eq!(
                        [&*span.service, &*span.name, &*span.resource, &*span.span_type],
                        ["shop", "Internal", "work", "custom"]
                    );
                },
            ),
            tagged("names of which nothing is left", [("service.name", "!!!".into())], arrived),
            tagged(
                "an operation of which nothing is left",
                [("operation.name", "!".into())],
                |span| assert_eq!(span.unwrap().name, "unnamed_operation"),
            ),
            tagged("an empty key", [("", "v".into())], |span| {
                assert_eq!(meta(span, ""), Some("v"));
            }),
            tagged("an empty value", [("k", "".into())], |span| {
                assert_eq!(meta(span, "k"), Some(""));
            }),
            tagged("an empty value of the resource's key", [("region", "".into())], |span| {
                assert_eq!(meta(span, "region"), Some("eu"));
            }),
            tagged("an empty list", [("k", texts(&[]))], |span| {
                assert_eq!(meta(span, "k"), Some("[]"));
            }),
            case(
                "an empty description",
                |span| span.status = Status::error(""),
                |span| {
                    assert_eq!(span.unwrap().error, 1);
                },
            ),
            case(
                "an empty event and link",
                |span| {
                    span.events.events = vec![Event::new("", UNIX_EPOCH, vec![], 0)];
                    span.links.links = vec![Link::new(context(0, 0), vec![], 0)];
                },
                |span| {
                    assert_eq!(json(span, "events").as_array().map(Vec::len), Some(1));
                    assert_eq!(json(span, "_dd.span_links").as_array().map(Vec::len), Some(1));
                },
            ),
        ],
    );
}

#[test]
fn of_tags_from_several_places_one_wins_and_none_comes_twice() {
    let scoped = |attributes: &[(&'static str, &'static str)]| {
        let list = attributes.iter().map(|(key, value)| KeyValue::new(*key, *value));
        InstrumentationScope::builder("scope").with_attributes(list).build()
    };
    let scope = scoped(&[("k", "scope"), ("region", "scope"), ("http.route", "scope")]);
    let reserved = scoped(&[
        ("span.kind", "scope"),
        ("_dd.p.tid", "scope"),
        ("_dd.hostname", "scope"),
        ("otel.trace_id", "scope"),
        ("otel.scope.name", "scope"),
        ("_sampling_priority_v1", "scope"),
        ("_dd.top_level", "scope"),
        ("events", "scope"),
        ("language", "scope"),
        ("runtime-id", "scope"),
        ("process_id", "scope"),
        ("http.status_code", "scope"),
        ("http.response.status_code", "scope"),
        ("service.name", "scope"),
        ("env", "scope"),
        ("version", "scope"),
    ]);
    check(
        |builder| builder,
        vec![
            tagged(
                "resource and span",
                [("region", "span".into()), ("host.name", 5.into())],
                |span| {
                    assert_tag(span, "region", Some("span"), None);
                    assert_eq!(metric(span, "host.name"), Some(5.0));
                },
            ),
            tagged("the same text in both", [("region", "eu".into())], |span| {
                assert_tag(span, "region", Some("eu"), None);
            }),
            case(
                "scope, span and resource",
                |span| {
                    let keys = ["k", "region", "http.route"];
                    span.attributes = keys.map(|key| KeyValue::new(key, "span")).into();
                    span.instrumentation_scope = scope;
                },
                |span| {
                    for key in ["k", "region", "http.route"] {
                        assert_tag(span, key, Some("scope"), None);
                    }
                },
            ),
            case(
                "a scope with reserved names",
                |span| span.instrumentation_scope = reserved,
                arrived,
            ),
        ],
    );
}

#[test]
fn attributes_with_reserved_names_break_nothing() {
    let wrong: [Value; 6] =
        ["text".into(), "".into(), true.into(), 7.into(), 0.5.into(), texts(&["a"])];
    let keys = [
        "_dd.p.tid",
        "_dd.top_level",
        "_dd.measured",
        "_dd.hostname",
        "_dd.base_service",
        "_dd.span_links",
        "_dd.span_events.has_exception",
        "_sample_rate",
        "_top_level",
        "analytics.event",
        "datadog.env",
        "datadog.error",
        "datadog.error.msg",
        "datadog.http_status_code",
        "datadog.span.kind",
        "datadog.version",
        "datadog.unheard.of",
        "env",
        "error",
        "error.message",
        "error.msg",
        "error.stack",
        "error.type",
        "events",
        "http.response.status_code",
        "http.status_code",
        "language",
        "meta",
        "otel.trace_id",
        "process_id",
        "runtime-id",
        "sampling.priority",
        "span.kind",
        "span_id",
        "trace_id",
        "type",
        "version",
        "w3c.tracestate",
    ];
    let cases = keys.into_iter().flat_map(|key| {
        wrong.clone().into_iter().map(move |value| tagged(key, [(key, value)], arrived))
    });
    check(|builder| builder, cases.collect());
}

#[test]
fn a_priority_of_the_user_is_kept_within_what_the_agent_understands() {
    let rows: [(Value, f64); 8] = [
        (0.5.into(), 0.0),
        (1.9.into(), 1.0),
        (99.into(), 2.0),
        ((-99).into(), -1.0),
        (1e300.into(), 2.0),
        (i64::MIN.into(), -1.0),
        (f64::NAN.into(), 1.0),
        ("2".into(), 1.0),
    ];
    for (value, expected) in rows {
        let agent = agent();
        let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
        let mut span = span();
        span.attributes = vec![KeyValue::new("sampling.priority", value)];
        let arrived = export(&agent, &exporter, vec![span], "priority");
        assert_eq!(metric(arrived.first(), "_sampling_priority_v1"), Some(expected));
    }
}

/// The Agent takes env from the last span without a parent, and from it for the whole request.
#[test]
fn traces_whose_roots_disagree_about_env_share_no_request_with_others() {
    let agent = agent();
    let exporter =
        DatadogExporter::builder().with_agent_url(agent.url()).with_env("one").build().unwrap();
    let of = |trace: u128, id: u64, env: Option<&'static str>| SpanData {
        span_context: context(trace, id),
        attributes: env.map(|env| KeyValue::new("env", env)).into_iter().collect(),
        ..span()
    };
    let batch = vec![of(1, 1, None), of(2, 2, None), of(2, 3, Some("two")), of(3, 4, Some("two"))];
    let arrived = export(&agent, &exporter, batch, "two roots");
    assert_eq!(arrived.len(), 4);
    let requests = agent.requests();
    let traces = |number: usize| requests[number].traces.iter().map(|chunk| chunk[0].trace_id);
    assert_eq!(requests.len(), 2);
    assert_eq!(traces(0).collect::<Vec<_>>(), [1]);
    assert_eq!(traces(1).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn an_empty_batch_is_no_request() {
    let agent = agent();
    let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
    block_on(exporter.export(Vec::new())).unwrap();
    let mut bad = span();
    bad.span_context = context(0, 0);
    block_on(exporter.export(vec![bad.clone(), bad])).unwrap();
    exporter.shutdown().unwrap();
    assert_eq!(agent.requests().len(), 0);
    assert_eq!(agent.connections(), 0);
}

#[test]
fn a_hook_that_panics_costs_no_name() {
    let agent = agent();
    let exporter = DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_service("shop")
        .with_names(|span, names| {
            names.resource = "half done".into();
            assert!(span.name != "work", "expected: the hook of this test panics");
        })
        .build()
        .unwrap();
    let mut other = span();
    other.name = "other".into();
    other.span_context = context(0x11, 0x23);
    let arrived = export(&agent, &exporter, vec![span(), other, span_of(0x24)], "a panic");
    let resources: Vec<_> = arrived.iter().map(|span| &*span.resource).collect();
    assert_eq!(resources, ["work", "half done", "work"]);
    let again = export(&agent, &exporter, vec![span()], "the next batch");
    assert_eq!(again[0].resource, "work");
}

fn span_of(id: u64) -> SpanData {
    SpanData { span_context: context(0x11, id), ..span() }
}

#[test]
fn a_hook_can_neither_empty_a_name_nor_exceed_its_limit() {
    type Fill = fn(usize) -> String;
    let rows: [(&str, Fill, [&str; 4]); 2] = [
        ("empty", |_| String::new(), ["shop", "Internal", "work", "custom"]),
        ("short", |_| "x".to_owned(), ["x", "x", "x", "x"]),
    ];
    for (case, fill, expected) in rows {
        let span = with_hook(case, fill);
        assert_eq!([&*span.service, &*span.name, &*span.resource, &*span.span_type], expected);
    }
    let span = with_hook("too long", |limit| format!("a{}", "é".repeat(limit)));
    let lengths = [&span.service, &span.name, &span.resource, &span.span_type].map(String::len);
    assert_eq!(lengths, [99, 99, 4_999, 99]);
    let span = with_hook("odd characters", |_| "\0\"\\\u{7f}".to_owned());
    assert_eq!(span.name, "\0\"\\\u{7f}");
}

/// Exports a span whose names are all replaced by what `fill` makes of their limit.
fn with_hook(case: &str, fill: fn(usize) -> String) -> Span {
    let agent = agent();
    let exporter = DatadogExporter::builder()
        .with_agent_url(agent.url())
        .with_service("shop")
        .with_names(move |_, names| {
            names.service = fill(100).into();
            names.name = fill(100).into();
            names.resource = fill(5_000).into();
            names.span_type = fill(100).into();
        })
        .build()
        .unwrap();
    export(&agent, &exporter, vec![span()], case).remove(0)
}
