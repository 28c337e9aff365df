//! [`Info`]: what a receiver says of itself at `GET /info`. Nothing in it is trusted.
//!
//! Source: `pkg/trace/api/info.go` of `DataDog/datadog-agent`, 7.85; the serverless agents send a part of it.

use serde_json::Value;

use super::STATS_PATH;
use crate::stats::{Filter, Rules};

/// The most bytes of an answer that are read: the Agent's own has some 5 KiB.
const MAX_BYTES: usize = 1024 * 1024;

/// The introduction of a receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Info {
    endpoints: Vec<String>,
    /// True if rejected traces need not be sent.
    drops_p0s: bool,
    /// Kinds of filters on whole traces that only the Agent can evaluate.
    own_filters: Option<&'static str>,
    rules: Rules,
}

impl Info {
    /// Reads an answer; nothing if it is no introduction: HTML, other JSON, more than 1 MiB.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        if body.len() > MAX_BYTES {
            return None;
        }
        let answer: Value = serde_json::from_slice(body).ok()?;
        let endpoints = answer.get("endpoints")?.as_array()?;
        let endpoints = endpoints.iter().filter_map(|path| Some(path.as_str()?.to_owned()));
        let own_filters = ["filter_tags_regex", "ignore_resources"];
        let [require, reject] = ["require", "reject"].map(|list| {
            let tags = answer.get("filter_tags").map(|filters| texts(filters, list));
            tags.unwrap_or_default().iter().map(|tag| Filter::read(tag)).collect()
        });
        let rules = Rules {
            kinds: texts(&answer, "span_kinds_stats_computed"),
            peer_tags: texts(&answer, "peer_tags"),
            require,
            reject,
        };
        Some(Self {
            endpoints: endpoints.collect(),
            drops_p0s: answer.get("client_drop_p0s").and_then(Value::as_bool) == Some(true),
            own_filters: own_filters.into_iter().find(|name| says_something(answer.get(name))),
            rules: rules.ordered(),
        })
    }

    /// Returns how spans are to be counted by the client, or why they are not.
    pub(super) fn counting(&self) -> Result<&Rules, &'static str> {
        match self.own_filters {
            _ if !self.lists(STATS_PATH) => Err("it takes no client statistics"),
            _ if !self.drops_p0s => Err("its `client_drop_p0s` is not true"),
            Some(filter) => Err(filter),
            None if self.rules.are_too_many() => Err("it has more rules than are followed"),
            None => Ok(&self.rules),
        }
    }

    /// Returns true if the receiver lists an endpoint.
    pub(super) fn lists(&self, path: &str) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint == path)
    }
}

/// Returns the texts of a list.
fn texts(answer: &Value, name: &str) -> Vec<String> {
    let list = answer.get(name).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Returns true for a list or a map that holds something, at whatever depth.
fn says_something(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(fields)) => fields.values().any(|value| says_something(Some(value))),
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_counted_where_everything_allows_it() {
        let info = |more: &str| {
            let body = format!(r#"{{"endpoints":["/v0.6/stats"],{more}}}"#);
            Info::read(body.as_bytes()).unwrap()
        };
        let full = r#""client_drop_p0s":true,"peer_tags":["peer.x","a","a.b"],
            "span_kinds_stats_computed":["server"],"filter_tags":{"require":["team"],"reject":["a: b","c:"]},
            "filter_tags_regex":{"require":null,"reject":[]},"ignore_resources":[]"#;
        let filter = |key: &str, value: Option<&str>| Filter {
            key: key.to_owned(),
            value: value.map(str::to_owned),
        };
        let expected = Rules {
            kinds: vec!["server".to_owned()],
            peer_tags: ["a.b", "a", "peer.x"].map(str::to_owned).to_vec(),
            require: vec![filter("team", None)],
            reject: vec![filter("a", Some("b")), filter("c", None)],
        };
        assert_eq!(info(full).counting(), Ok(&expected));
        for (more, cause) in [
            (r#""client_drop_p0s":false"#, "client_drop_p0s"),
            (r#""x":1"#, "client_drop_p0s"),
            (r#""client_drop_p0s":true,"ignore_resources":["GET /x"]"#, "ignore_resources"),
            (
                r#""client_drop_p0s":true,"filter_tags_regex":{"reject":["a:.*"]}"#,
                "filter_tags_regex",
            ),
        ] {
            assert!(info(more).counting().unwrap_err().contains(cause), "{more}");
        }
        let many: Vec<String> = (0..1_025).map(|number| format!("\"tag.{number}\"")).collect();
        let many = format!(r#""client_drop_p0s":true,"peer_tags":[{}]"#, many.join(","));
        assert!(info(&many).counting().unwrap_err().contains("more rules"));
        let none = Info::read(br#"{"endpoints":[],"client_drop_p0s":true}"#).unwrap();
        assert!(none.counting().is_err());
    }

    #[test]
    fn an_introduction_lists_endpoints_whatever_else_it_holds() {
        let info = Info::read(br#"{"version":7,"endpoints":["/v0.4/traces",7,null],"x":[{}]}"#);
        let info = info.unwrap();
        assert!(info.lists("/v0.4/traces") && !info.lists("/v0.3/traces"));
    }

    #[test]
    fn anything_else_is_no_introduction() {
        let deep = "[".repeat(100_000);
        let long = format!(r#"{{"endpoints":[],"x":"{}"}}"#, "x".repeat(MAX_BYTES));
        for body in ["", "<html></html>", "[]", "{}", r#"{"endpoints":{}}"#, "7", &deep, &long] {
            assert_eq!(Info::read(body.as_bytes()), None, "{body:.40}");
        }
    }
}
