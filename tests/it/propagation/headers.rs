//! Headers as a server sees them, for the tests of the crate's inside too (`src/propagation/tests.rs`).

use opentelemetry::propagation::Extractor;

/// Headers in any order, repeats allowed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers(pub(crate) Vec<(String, String)>);

impl Extractor for Headers {
    fn get(&self, key: &str) -> Option<&str> {
        Some(self.get_all(key)?[0])
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let same = |(name, _): &&(String, String)| name.eq_ignore_ascii_case(key);
        let values: Vec<_> = self.0.iter().filter(same).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then_some(values)
    }
}
