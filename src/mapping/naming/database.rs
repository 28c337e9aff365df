//! The database that a span calls: its system, and its statement as it may be shown.

use super::{DB_STATEMENT, DB_SYSTEM, NameBuffers};
use crate::mapping::SpanTypes;
use crate::mapping::lookup::Lookup;
use crate::mapping::obfuscate::{Language, Seen};
use crate::mapping::systems::{self, System};

/// What is known of the database that a span called, before it is named.
#[derive(Clone, Copy)]
pub(crate) struct Database<'a> {
    pub(super) system: Option<&'static System>,
    /// The statement as it was given.
    given: Option<&'a str>,
    /// The statement as it may be shown.
    pub(crate) statement: Option<&'a str>,
}

impl Database<'_> {
    /// Whether the statement was read from this very text.
    pub(crate) fn is_read_from(&self, text: &str) -> bool {
        self.given.is_some_and(|given| std::ptr::eq(given, text))
    }

    /// Returns what the system understands.
    pub(crate) fn language(&self) -> Language {
        self.system.map_or(Language::Unknown, |system| system.language)
    }
}

/// Finds the database system and the statement: without its literals where the Agent would not obfuscate it.
pub(crate) fn database<'a>(
    attributes: &Lookup<'_, 'a>,
    types: SpanTypes,
    buffers: &mut NameBuffers,
    seen: &'a mut Seen,
) -> Database<'a> {
    let name = attributes.text(DB_SYSTEM);
    let system = name.map(|name| systems::find(name, &mut buffers.name));
    let given = attributes.text(DB_STATEMENT);
    let database = Database { system, given, statement: given };
    match given {
        Some(given) if types == SpanTypes::Documented => {
            Database { statement: seen.statement(given, database.language()), ..database }
        }
        _ => database,
    }
}
