//! A span as the page gets it: the fields of the wire, numbers that a browser cannot hold as texts.
use serde_json::{Value, json};

use crate::span::ReceivedSpan;

/// The text tag with span links, where a tracer does not send them as a field.
const LINKS: &str = "_dd.span_links";

/// The text tag with span events, where a tracer does not send them as a field.
const EVENTS: &str = "events";

/// The most links, and the most events, of one span.
const LISTED_MAX: usize = 500;

/// Returns the span as JSON, with its findings, and its links and events in one form.
pub(super) fn span(span: &ReceivedSpan, findings: &[&str], tracer: &str) -> String {
    let mut view = json!({
        "service": span.service,
        "name": span.name,
        "resource": span.resource,
        "type": span.span_type,
        "trace_id": span.trace_id.to_string(),
        "span_id": span.span_id.to_string(),
        "parent_id": span.parent_id.to_string(),
        "start": span.start.to_string(),
        "duration": span.duration,
        "error": span.error,
        "meta": span.meta,
        "metrics": span.metrics,
        "links": links(span),
        "events": events(span),
        "findings": findings,
        "tracer": tracer,
    });
    if !span.meta_struct.is_empty() {
        let sizes = span.meta_struct.iter().map(|(key, value)| (key.clone(), value.len()));
        view["meta_struct"] = sizes.collect();
    }
    if !span.span_links.is_empty() {
        view["span_links"] = span.span_links.iter().take(LISTED_MAX).map(exact).collect();
    }
    if !span.span_events.is_empty() {
        view["span_events"] = span.span_events.iter().take(LISTED_MAX).map(exact).collect();
    }
    view.to_string()
}

/// Returns a value whose large whole numbers are texts.
fn exact(value: &Value) -> Value {
    const EXACT: u64 = 1 << 53;
    match value {
        Value::Number(number) if number.as_u64().is_some_and(|number| number > EXACT) => {
            Value::from(number.to_string())
        }
        Value::Array(items) => items.iter().map(exact).collect(),
        Value::Object(items) => {
            items.iter().map(|(key, item)| (key.clone(), exact(item))).collect()
        }
        other => other.clone(),
    }
}

/// Returns the list that a text tag holds in JSON.
fn listed(span: &ReceivedSpan, key: &str) -> Vec<Value> {
    let text = span.meta.get(key).map_or("", String::as_str);
    serde_json::from_str(text).unwrap_or_default()
}

/// Returns the links: the trace in hexadecimal digits, the span in decimal ones.
fn links(span: &ReceivedSpan) -> Vec<Value> {
    let native = span.span_links.iter().map(|link| {
        let part = |name| link.get(name).and_then(Value::as_u64).unwrap_or(0);
        let trace = format!("{:016x}{:016x}", part("trace_id_high"), part("trace_id"));
        (trace, part("span_id").to_string(), link.get("attributes").cloned())
    });
    let tagged = listed(span, LINKS).into_iter().map(|link| {
        let part = |name| link.get(name).and_then(Value::as_str).unwrap_or("0").to_owned();
        let id = u64::from_str_radix(&part("span_id"), 16).unwrap_or(0).to_string();
        (part("trace_id"), id, link.get("attributes").cloned())
    });
    let link = |(trace, span, attributes): (String, String, Option<Value>)| json!({ "trace": trace, "span": span, "attributes": attributes.as_ref().map(exact) });
    native.chain(tagged).take(LISTED_MAX).map(link).collect()
}

/// Returns the events: name, time in nanoseconds since 1970 as a text, attributes as plain values.
fn events(span: &ReceivedSpan) -> Vec<Value> {
    let native = span.span_events.iter().cloned().map(|mut event| {
        if let Some(Value::Object(attributes)) = event.get_mut("attributes") {
            attributes.values_mut().for_each(|typed| *typed = untyped(typed));
        }
        event
    });
    let event = |event: Value| {
        let time = event.get("time_unix_nano").and_then(Value::as_u64).unwrap_or(0);
        json!({
            "name": event.get("name"),
            "time": time.to_string(),
            "attributes": event.get("attributes").map(exact),
        })
    };
    native.chain(listed(span, EVENTS)).take(LISTED_MAX).map(event).collect()
}

/// Returns the value of an attribute that names its type.
fn untyped(typed: &Value) -> Value {
    const FIELDS: [&str; 4] = ["string_value", "bool_value", "int_value", "double_value"];
    if let Some(Value::Array(values)) = typed.pointer("/array_value/values") {
        return values.iter().map(untyped).collect();
    }
    FIELDS.iter().find_map(|field| typed.get(field)).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_events_have_one_form_however_they_were_sent() {
        let link = json!({"trace_id": 10, "trace_id_high": 11, "span_id": u64::MAX, "attributes": {"a": "b"}});
        let event = json!({"time_unix_nano": 7, "name": "e", "attributes": {
            "n": {"type": 2, "int_value": 5},
            "l": {"type": 4, "array_value": {"values": [{"type": 0, "string_value": "x"}]}},
        }});
        let native = ReceivedSpan {
            span_links: vec![link],
            span_events: vec![event],
            ..ReceivedSpan::default()
        };
        let mut tagged = ReceivedSpan::default();
        let text = r#"[{"trace_id":"000000000000000b000000000000000a","span_id":"ffffffffffffffff","attributes":{"a":"b"}}]"#;
        tagged.meta.insert(LINKS.to_owned(), text.to_owned());
        let text = r#"[{"name":"e","time_unix_nano":7,"attributes":{"n":5,"l":["x"]}}]"#;
        tagged.meta.insert(EVENTS.to_owned(), text.to_owned());
        assert_eq!(links(&native), links(&tagged));
        assert_eq!(links(&native)[0]["trace"], "000000000000000b000000000000000a");
        assert_eq!(links(&native)[0]["span"], "18446744073709551615");
        assert_eq!(events(&native), events(&tagged));
        assert_eq!(events(&native)[0]["attributes"], json!({"n": 5, "l": ["x"]}));
        tagged.meta.insert(LINKS.to_owned(), "no JSON".to_owned());
        assert_eq!(links(&tagged), Vec::<Value>::new());
    }
}
