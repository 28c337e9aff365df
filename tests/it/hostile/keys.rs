//! Keys that come twice, from several places, or with a meaning of their own.

use opentelemetry::{InstrumentationScope, KeyValue, Value};

use super::{arrived, assert_tag, case, check, metric, tagged, texts};

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
