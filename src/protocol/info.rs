//! [`Info`]: what a receiver says of itself at `GET /info`. Nothing in it is trusted.
//!
//! Source: `pkg/trace/api/info.go` of `DataDog/datadog-agent`, 7.85; the serverless agents send a part of it.

use serde_json::Value;

/// The most bytes of an answer that are read: the Agent's own has some 5 KiB.
const MAX_BYTES: usize = 1024 * 1024;

/// The introduction of a receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Info {
    endpoints: Vec<String>,
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
        Some(Self { endpoints: endpoints.collect() })
    }

    /// Returns true if the receiver lists an endpoint.
    pub(super) fn lists(&self, path: &str) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
