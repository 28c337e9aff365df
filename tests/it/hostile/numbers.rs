//! NaN, infinity, and numbers beyond the Agent's range.

use std::time::UNIX_EPOCH;

use opentelemetry::trace::{Event, Link};
use opentelemetry::{KeyValue, Value};
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::trace::SpanData;

use super::{arrived, assert_tag, case, check, export, floats, json, metric, tagged};
use crate::support::{agent, context, span};

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
                "a status that is no code",
                [("http.response.status_code", 9_007_199_254_740_993.into())],
                |span| assert_tag(span, "http.status_code", Some("9007199254740993"), None),
            ),
            tagged(
                "texts of numbers in keys that the exporter writes",
                [("_dd.top_level", "0".into()), ("_sample_rate", "0.5".into())],
                |span| {
                    assert_tag(span, "_dd.top_level", None, Some(0.0));
                    assert_tag(span, "_sample_rate", None, Some(0.5));
                },
            ),
            tagged(
                "numbers at the limits",
                [("max", i64::MAX.into()), ("min", i64::MIN.into()), ("tiny", 5e-324.into())],
                |span| {
                    assert_tag(span, "max", Some("9223372036854775807"), None);
                    assert_tag(span, "min", Some("-9223372036854775808"), None);
                    assert_tag(span, "tiny", None, Some(5e-324));
                },
            ),
        ],
    );
}

#[test]
fn a_priority_of_the_user_is_kept_within_what_the_agent_understands() {
    let rows: [(Value, f64); 12] = [
        (0.5.into(), 0.0),
        (1.9.into(), 1.0),
        (99.into(), 2.0),
        ((-99).into(), -1.0),
        (1e300.into(), 2.0),
        (i64::MIN.into(), -1.0),
        (f64::NAN.into(), 1.0),
        ("2".into(), 2.0),
        ("-1".into(), -1.0),
        ("99".into(), 2.0),
        ("high".into(), 1.0),
        (false.into(), 0.0),
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
