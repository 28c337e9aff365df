//! Texts that are too long, empty, or full of characters that need escapes.

use std::time::UNIX_EPOCH;

use opentelemetry::trace::{Event, Link, Status};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_datadog_agent::DatadogExporterBuilder;
use opentelemetry_sdk::trace::SpanData;

use super::{arrived, assert_tag, case, check, json, meta, metric, tagged, texts};
use crate::support::context;

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
            tagged("env", [("datadog.env", wide(30_000).into())], arrived),
            tagged("version", [("datadog.version", wide(30_000).into())], arrived),
            tagged("plain env", [("env", wide(30_000).into())], arrived),
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
            .with_tag("http.url", &*long)
            .with_tag("\0\"", "\u{1}")
    };
    check(
        configure,
        vec![tagged("none", [], |span| {
            assert_eq!(meta(span, "\0\""), Some("\u{1}"));
            let cut = format!("{}...", "é".repeat(12_500));
            for key in [&*format!("{}...", "é".repeat(100)), "http.url"] {
                assert_eq!(meta(span, key), Some(&*cut), "{key}");
            }
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
                assert_eq!(meta(span, "k"), None);
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
