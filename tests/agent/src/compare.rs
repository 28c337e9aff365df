//! Comparing two forms of one span, field by field and tag by tag, against a table of the differences that
//! are meant. Anything else fails, and so does a row that nothing needs.

use std::collections::{BTreeMap, BTreeSet};

/// A span as fields: `service`, `meta.env`, `metrics._top_level`, ...
pub(crate) type Fields = BTreeMap<String, String>;

/// A number that JSON cannot hold.
pub(crate) const NOT_FINITE: &str = "not finite";

/// A difference that is meant.
pub(crate) struct Row {
    /// The field, or its start if it ends with `*`.
    pub(crate) field: &'static str,
    /// The reason why it is right.
    pub(crate) why: &'static str,
    /// Returns whether this is the difference: ours and theirs, empty where there is none.
    pub(crate) is_meant: fn(&Pair<'_>) -> bool,
}

/// Two values of a field that differ, and both spans.
pub(crate) struct Pair<'a> {
    pub(crate) left: &'a str,
    pub(crate) right: &'a str,
    pub(crate) left_span: &'a Fields,
    pub(crate) right_span: &'a Fields,
}

impl Pair<'_> {
    /// Returns whether only the left span has the field.
    pub(crate) fn only_left(&self) -> bool {
        self.right.is_empty()
    }

    /// Returns whether only the right span has the field.
    pub(crate) fn only_right(&self) -> bool {
        self.left.is_empty()
    }
}

/// Collects what two forms of many spans differ in.
pub(crate) struct Comparison {
    rows: &'static [Row],
    used: BTreeSet<usize>,
    /// Differences that were not meant, by field.
    unexplained: BTreeMap<String, Vec<String>>,
    compared: usize,
}

impl Comparison {
    pub(crate) fn new(rows: &'static [Row]) -> Self {
        Self { rows, used: BTreeSet::new(), unexplained: BTreeMap::new(), compared: 0 }
    }

    /// Compares two forms of the span that is called `title`.
    pub(crate) fn add(&mut self, title: &str, left: &Fields, right: &Fields) {
        self.compared += 1;
        let fields: BTreeSet<_> = left.keys().chain(right.keys()).collect();
        for field in fields {
            let side = |span: &'_ Fields| span.get(field).cloned().unwrap_or_default();
            let (one, two) = (side(left), side(right));
            if one == two {
                continue;
            }
            let pair = Pair { left: &one, right: &two, left_span: left, right_span: right };
            let found = self.rows.iter().position(|row| {
                let fits = match row.field.strip_suffix('*') {
                    Some(start) => field.starts_with(start),
                    None => field == row.field,
                };
                fits && (row.is_meant)(&pair)
            });
            match found {
                Some(row) => drop(self.used.insert(row)),
                None => {
                    let found = self.unexplained.entry(field.clone()).or_default();
                    found.push(format!("{title}: {one:?} -> {two:?}"));
                }
            }
        }
    }

    /// Fails if anything was not meant, or if a row was not needed.
    pub(crate) fn finish(self, at_least: usize) {
        /// Examples of each field.
        const SHOWN: usize = 3;
        let shown = self.unexplained.iter().map(|(field, found)| {
            let examples = found[..found.len().min(SHOWN)].join("\n    ");
            format!("{field}: {} differences\n    {examples}", found.len())
        });
        let shown: Vec<_> = shown.collect();
        assert!(shown.is_empty(), "what was not meant:\n{}", shown.join("\n"));
        assert!(self.compared >= at_least, "only {} spans were compared", self.compared);
        let idle: Vec<_> = (0..self.rows.len()).filter(|row| !self.used.contains(row)).collect();
        let idle: Vec<_> =
            idle.iter().map(|row| (self.rows[*row].field, self.rows[*row].why)).collect();
        assert!(idle.is_empty(), "rows that nothing needs: {idle:#?}");
    }
}

/// The fields that both kinds of span have.
macro_rules! named {
    ($span:expr) => {
        [
            ("service", $span.service.clone()),
            ("name", $span.name.clone()),
            ("resource", $span.resource.clone()),
            ("type", $span.span_type.clone()),
            ("trace_id", $span.trace_id.to_string()),
            ("span_id", $span.span_id.to_string()),
            ("parent_id", $span.parent_id.to_string()),
            ("start", $span.start.to_string()),
            ("duration", $span.duration.to_string()),
            ("error", $span.error.to_string()),
        ]
    };
}

/// Returns the fields of a span as it left the exporter.
pub(crate) fn sent(span: &datadog_test_agent::ReceivedSpan) -> Fields {
    fields(named!(span), &span.meta, &span.metrics)
}

/// Returns the fields of a span as it arrived at the intake.
pub(crate) fn arrived(span: &crate::real_agent::Span) -> Fields {
    let mut found =
        fields(named!(span), span.meta.as_ref().unwrap_or(&BTreeMap::new()), &span.metrics);
    for (name, number) in [("links", span.links), ("events", span.events)] {
        found.extend((number > 0).then(|| (name.to_owned(), number.to_string())));
    }
    let not_finite = span.not_finite.iter();
    found.extend(not_finite.map(|key| (format!("metrics.{key}"), NOT_FINITE.to_owned())));
    found
}

fn fields<const N: usize>(
    named: [(&str, String); N],
    meta: &BTreeMap<String, String>,
    metrics: &BTreeMap<String, f64>,
) -> Fields {
    let named = named.into_iter().map(|(name, value)| (name.to_owned(), value));
    let meta = meta.iter().map(|(key, text)| (format!("meta.{key}"), text.clone()));
    let metrics = metrics.iter().map(|(key, value)| (format!("metrics.{key}"), value.to_string()));
    named.chain(meta).chain(metrics).filter(|(_, value)| !value.is_empty()).collect()
}
