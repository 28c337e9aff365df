//! Hits, errors and percentiles by service, operation and resource.
use std::collections::HashMap;

use serde_json::{Value, json};

use crate::sketch::Sketch;
use crate::span::ReceivedSpan;

/// The most rows. Others are counted together.
const ROWS_MAX: usize = 1_000;

/// The longest text of a key, in characters.
const TEXT_MAX: usize = 200;

/// The service that stands for all others once the table is full.
const OTHERS: &str = "(others)";

/// A table of rates since the start.
#[derive(Debug, Default)]
pub(super) struct Rates {
    rows: HashMap<[String; 3], Row>,
}

#[derive(Debug, Default)]
struct Row {
    hits: u64,
    errors: u64,
    durations: Sketch,
}

impl Rates {
    fn row(&mut self, key: [&String; 3]) -> &mut Row {
        let mut key = key.map(|text| text.chars().take(TEXT_MAX).collect());
        if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(&key) {
            key = [OTHERS.to_owned(), String::new(), String::new()];
        }
        self.rows.entry(key).or_default()
    }

    /// Counts a span.
    #[expect(clippy::cast_precision_loss, reason = "a sketch has 1 % accuracy")]
    pub(super) fn add(&mut self, span: &ReceivedSpan) {
        let row = self.row([&span.service, &span.name, &span.resource]);
        row.hits = row.hits.saturating_add(1);
        row.errors = row.errors.saturating_add(u64::from(span.error != 0));
        row.durations.add(span.duration as f64);
    }

    /// Adds a group of client statistics.
    pub(super) fn add_group(
        &mut self,
        key: [&String; 3],
        hits: u64,
        errors: u64,
        durations: &Sketch,
    ) {
        let row = self.row(key);
        row.hits = row.hits.saturating_add(hits);
        row.errors = row.errors.saturating_add(errors);
        row.durations.merge(durations);
    }

    /// Returns the rows as JSON, durations in nanoseconds.
    pub(super) fn rows(&self) -> Vec<Value> {
        let row = |([service, name, resource], row): (&[String; 3], &Row)| {
            let part = |fraction| row.durations.quantile(fraction).unwrap_or(0.0);
            json!({
                "service": service, "name": name, "resource": resource, "hits": row.hits, "errors": row.errors,
                "p50": part(0.5), "p95": part(0.95), "p99": part(0.99),
            })
        };
        self.rows.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_beyond_the_limit_are_counted_together() {
        let mut rates = Rates::default();
        for n in 0..2 * ROWS_MAX {
            let span = ReceivedSpan { resource: n.to_string(), ..ReceivedSpan::default() };
            rates.add(&span);
        }
        assert_eq!(rates.rows.len(), ROWS_MAX + 1);
        let others = rates.rows().into_iter().find(|row| row["service"] == OTHERS).unwrap();
        assert_eq!(others["hits"], ROWS_MAX);
    }
}
