//! The resource by which the Agent counts a span: without literals, whoever takes them out of what is sent.
//!
//! Source: `pkg/trace/agent/obfuscate.go` of `DataDog/datadog-agent`, 7.85, which obfuscates before it counts.

use super::naming::NON_PARSABLE;
use super::obfuscate::{Dialect, Language, StatementCache};

/// Types whose resource the Agent obfuscates, and what it is read as.
const TYPES: [(&str, Language); 4] = [
    ("sql", Language::Sql(Dialect::UNKNOWN)),
    ("cassandra", Language::Sql(Dialect::CASSANDRA)),
    ("redis", Language::Commands),
    ("valkey", Language::Commands),
];

/// Finds the resources of keys, with what was read lately.
#[derive(Debug, Default)]
pub(crate) struct StoredResources(StatementCache);

impl StoredResources {
    /// Gives memory back that long statements left over.
    pub(crate) fn shrink(&mut self) {
        self.0.shrink();
    }

    /// Appends the resource by which a span is counted; false, and nothing, if the Agent counts it as it is.
    pub(crate) fn push(&mut self, span_type: &str, resource: &str, out: &mut String) -> bool {
        let Some((_, language)) = TYPES.into_iter().find(|(known, _)| *known == span_type) else {
            return false;
        };
        if !self.0.push_statement(out, resource, language) {
            let unread = if matches!(language, Language::Sql(_)) { NON_PARSABLE } else { resource };
            out.push_str(unread);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_tell_no_groups_apart() {
        let mut resources = StoredResources::default();
        for (span_type, resource, expected) in [
            ("sql", "SELECT a FROM t WHERE b = 7", "SELECT a FROM t WHERE b = ?"),
            ("cassandra", "SELECT a FROM t WHERE b = 'x'", "SELECT a FROM t WHERE b = ?"),
            ("redis", "GET user:7", "GET"),
            ("valkey", "SET a b", "SET"),
            ("db", "SELECT 7", ""),
            ("web", "GET /7", ""),
        ] {
            let mut out = String::new();
            assert_eq!(resources.push(span_type, resource, &mut out), !expected.is_empty());
            assert_eq!(out, expected, "{resource}");
        }
    }
}
