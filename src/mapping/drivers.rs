//! Table: where database drivers write statements, parameters and replies under `tracing`.
//!
//! Drivers write them as events of the current span, the text of the event included, and as fields of spans
//! of their own. The rows are what their sources do: `sqlx` 0.6 to 0.9, `sea-orm` 1.1 and 2.0,
//! `diesel-tracing` 0.4, `tokio-postgres` 0.7, `mongodb` 3.9, `mysql_async` 0.37, `scylla` 1.9, `tiberius` 0.12,
//! `fred` 10.1. `redis`, `rusqlite`, `elasticsearch` and `clickhouse` write none.
//! Attributes that the semantic conventions know are rows of [`super::attributes`].

use opentelemetry::KeyValue;

use super::lookup::string;
use super::tags::Name;

/// The attribute that `tracing-opentelemetry` makes of the module that wrote an event or a span.
const TARGET: &str = "target";
/// The attribute that it makes of the level of an event.
const LEVEL: &str = "level";
/// The `key` of the text of an event, which is its name in OpenTelemetry.
pub(crate) const TEXT: &str = "";

/// A place where a driver writes something.
struct Place {
    when: When,
    key: &'static str,
    holds: Holds,
}

/// The events and spans that a row is for.
#[derive(Clone, Copy)]
enum When {
    /// Those of a module and the modules in it.
    Of(&'static str),
    /// Those of them at level `TRACE`.
    TraceOf(&'static str),
    /// All that have an attribute which is a statement by the conventions.
    BesideStatement,
}

/// The contents of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// A statement in SQL, whole or its beginning.
    Sql,
    /// A message, a colon and a statement in SQL.
    MessageAndSql,
    /// A message, a colon and values.
    MessageAndValues,
    /// A document in JSON.
    Json,
    /// A message, and documents behind it.
    MessageAndDocument,
    /// Values, or rows of a result.
    Values,
}

use Holds::{Json, MessageAndDocument, MessageAndSql, MessageAndValues, Sql, Values};
use When::{BesideStatement, Of, TraceOf};

const fn place(when: When, key: &'static str, holds: Holds) -> Place {
    Place { when, key, holds }
}

/// The places. The first row that fits counts.
#[rustfmt::skip]
const PLACES: &[Place] = &[
    place(Of("sqlx::query"),                  "summary",       Sql),
    place(Of("sqlx::query"),                  "db.statement",  Sql),
    place(Of("sqlx::query"),                  TEXT,            Sql),
    place(Of("sqlx::explain"),                TEXT,            Values),
    place(BesideStatement,                    "summary",       Sql),
    place(Of("sea_orm"),                      "stmt",          Values),
    place(Of("sea_orm"),                      "sql",           Sql),
    place(Of("sea_orm::driver"),              TEXT,            Sql),
    place(Of("sea_orm::database"),            TEXT,            Sql),
    place(Of("diesel_tracing"),               TEXT,            MessageAndSql),
    place(Of("tokio_postgres::prepare"),      TEXT,            MessageAndSql),
    place(Of("tokio_postgres::simple_query"), TEXT,            MessageAndSql),
    place(Of("tokio_postgres::query"),        TEXT,            MessageAndValues),
    place(Of("mongodb::command"),             "command",       Json),
    place(Of("mongodb::command"),             "reply",         Json),
    place(Of("mongodb::command"),             "failure",       MessageAndDocument),
    place(Of("scylla"),                       "contents",      Sql),
    place(Of("scylla"),                       "partition_key", Values),
    place(TraceOf("tiberius"),                TEXT,            Values),
    place(TraceOf("tiberius"),                "meta",          Values),
    place(TraceOf("fred"),                    TEXT,            Values),
];

/// Returns what an attribute of an event or a span holds, or its text, if a driver wrote it there.
pub(crate) fn find(key: &str, source: &Source<'_>) -> Option<Holds> {
    let fits = |place: &&Place| place.key == key && source.is(place.when);
    PLACES.iter().find(fits).map(|place| place.holds)
}

/// The writer of an event or a span.
#[derive(Clone, Copy, Default)]
pub(crate) struct Source<'a> {
    target: &'a str,
    level: &'a str,
    /// True if an attribute is a statement by the conventions.
    has_statement: bool,
}

impl<'a> Source<'a> {
    /// Reads who wrote these attributes.
    pub(crate) fn of(attributes: &'a [KeyValue]) -> Self {
        let text = |key: &str| {
            let found = attributes.iter().find(|attribute| attribute.key.as_str() == key);
            found.and_then(|attribute| string(&attribute.value)).unwrap_or("")
        };
        let is_statement = |pair: &KeyValue| Name::of(pair.key.as_str()).is_statement();
        let has_statement = attributes.iter().any(is_statement);
        Self { target: text(TARGET), level: text(LEVEL), has_statement }
    }

    fn is(&self, when: When) -> bool {
        let is_of = |module: &str| {
            let rest = self.target.strip_prefix(module);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        match when {
            Of(module) => is_of(module),
            TraceOf(module) => self.level == "TRACE" && is_of(module),
            BesideStatement => self.has_statement,
        }
    }
}

/// Returns the table as Markdown, for the page `src/docs/mapping.md`.
#[cfg(test)]
pub(super) fn reference() -> String {
    use super::reference::{code, table};

    let row = |place: &Place| {
        let when = match place.when {
            Of(module) => code(module),
            TraceOf(module) => format!("{}, level `TRACE`", code(module)),
            BesideStatement => "beside a statement".to_owned(),
        };
        let key = if place.key == TEXT { "its text".to_owned() } else { code(place.key) };
        let how = match place.holds {
            Sql => "SQL",
            MessageAndSql => "SQL behind the first colon",
            MessageAndValues => "left out behind the first colon",
            Json => "JSON",
            MessageAndDocument => "left out from the first brace on",
            Values => "left out",
        };
        [when, key, how.to_owned()]
    };
    table(["event or span of", "attribute", "read as"], PLACES.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::super::attributes::{self, Rule};
    use super::*;

    #[test]
    fn a_row_counts_for_its_module_and_the_modules_in_it() {
        for (target, level, key, holds) in [
            ("sqlx::query", "DEBUG", "summary", Some(Sql)),
            ("sqlx::queryx", "DEBUG", "summary", None),
            ("sea_orm::driver::rusqlite", "DEBUG", TEXT, Some(Sql)),
            ("tiberius::tds::stream::token", "TRACE", TEXT, Some(Values)),
            ("tiberius::tds::stream::token", "ERROR", TEXT, None),
            ("", "", "summary", None),
        ] {
            let list = [KeyValue::new("level", level), KeyValue::new("target", target)];
            assert_eq!(find(key, &Source::of(&list)), holds, "{target} {key}");
        }
        let beside = Source { has_statement: true, ..Source::default() };
        assert_eq!(find("summary", &beside), Some(Sql));
    }

    #[test]
    fn every_attribute_of_a_driver_waits_on_a_span_until_its_module_is_known() {
        for place in PLACES.iter().filter(|place| place.key != TEXT) {
            let rule = attributes::find(place.key).map(|(_, rule)| rule);
            assert!(matches!(rule, Some(Rule::Driver | Rule::Statement(_))), "{}", place.key);
        }
    }
}
