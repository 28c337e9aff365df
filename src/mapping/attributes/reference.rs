//! The table of attributes as Markdown, for the page `src/docs/mapping.md`.

use super::{ROWS, Rule, Speaks};
use crate::mapping::reference::{code, table};

/// Returns the keys that never become tags.
pub(in crate::mapping) fn removed() -> String {
    list(|rule| rule == Rule::Note)
}

/// Returns the keys that decide something and stay tags.
pub(in crate::mapping) fn read() -> String {
    list(|rule| matches!(rule, Rule::Tag | Rule::Query))
}

/// Returns the keys that a rule of the exporter writes.
pub(in crate::mapping) fn owned() -> String {
    list(|rule| rule == Rule::Late)
}

/// Returns the keys that get another name.
pub(in crate::mapping) fn renamed() -> String {
    let rows = ROWS.iter().filter_map(|(key, _, rule)| match rule {
        Rule::Rename(target) => Some([code(key), code(target.key())]),
        _ => None,
    });
    table(["attribute", "in Datadog"], rows)
}

/// Returns the keys that hold statements.
pub(in crate::mapping) fn statements() -> String {
    let rows = ROWS.iter().filter_map(|(key, _, rule)| {
        let Rule::Statement(speaks) = rule else { return None };
        let language = match speaks {
            Speaks::System => "the language of the database system",
            Speaks::Sql => "SQL",
            Speaks::Json => "JSON",
            Speaks::Summary => "that language, if it is a statement and no name",
            Speaks::Nothing => "nothing: left out",
        };
        Some([code(key), language.to_owned()])
    });
    table(["attribute", "read as"], rows)
}

fn list(belongs: impl Fn(Rule) -> bool) -> String {
    let rows = ROWS.iter().filter(|(.., rule)| belongs(*rule));
    let keys: Vec<_> = rows.map(|(key, ..)| code(key)).collect();
    keys.join(", ") + "\n"
}
