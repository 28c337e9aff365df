//! The database that a span calls: its system, and its statement as it may be shown.

use super::{CLIENT, DB_STATEMENT, DB_SYSTEM, HTTP_METHOD, NameBuffers, Source};
use crate::mapping::Obfuscation;
use crate::mapping::lookup::Lookup;
use crate::mapping::normalize;
use crate::mapping::obfuscate::{
    self, Guarded, Language, StatementCache, guard, is_route, push_statement,
};
use crate::mapping::systems::{self, System};

/// The Agent's resource for a statement that it cannot read.
pub(crate) const NON_PARSABLE: &str = "Non-parsable SQL query";

/// Facts about the database that a span called, known before the span has its names.
#[derive(Clone, Copy)]
pub(crate) struct Database<'a> {
    /// The name of the system as it was given.
    name: Option<&'a str>,
    pub(super) system: Option<&'static System>,
    /// The statement as it was given.
    given: Option<&'a str>,
    /// The statement as it may be shown.
    pub(crate) statement: Option<&'a str>,
}

impl<'a> Database<'a> {
    /// Returns true if the statement was read from this very text.
    pub(crate) fn is_read_from(&self, text: &str) -> bool {
        self.given.is_some_and(|given| std::ptr::eq(given, text))
    }

    /// Returns what the system understands.
    pub(crate) fn language(&self) -> Language {
        self.system.map_or(Language::Unknown, |system| system.language)
    }

    /// Returns the resource of a span that knows of a database as it may be shown, wherever it came from:
    /// that of a call as the Agent would store it under its own obfuscation, that of another span as it is unless
    /// it is a statement.
    pub(super) fn without_literals(
        &self,
        resource: &'a str,
        source: &Source<'_, 'a>,
        out: &'a mut String,
    ) -> &'a str {
        let Source { kind, attributes, secrets, .. } = source;
        let language = self.language();
        let has_database = self.system.is_some() || self.given.is_some();
        if self.statement == Some(resource) {
            return resource;
        }
        if !has_database {
            return obfuscate::redacted(resource, out, true, secrets);
        }
        out.clear();
        // An HTTP span may know of a database.
        let is_of_http = || attributes.text(HTTP_METHOD).is_some();
        let guarded = match *kind == CLIENT && language.is_read() {
            true if push_statement(out, resource, language) => Guarded::Written,
            true => Guarded::Hidden,
            false if language == Language::Commands && is_route(resource) && is_of_http() => {
                Guarded::AsItIs
            }
            false => guard(out, resource, language),
        };
        match (guarded, language) {
            (Guarded::AsItIs, _) => obfuscate::redacted(resource, out, true, secrets),
            (Guarded::Written, _) => out,
            (Guarded::Hidden, Language::Sql(_) | Language::Unknown) => NON_PARSABLE,
            (Guarded::Hidden, _) => {
                self.push_query(out);
                out
            }
        }
    }

    /// Appends what stands for a text of which nothing may be shown: `<system>.query`.
    pub(super) fn push_query(&self, out: &mut String) {
        normalize::push_tag_value(out, self.name.unwrap_or(""));
        out.push_str(".query");
    }
}

/// Finds the database system and the statement: without its literals where the Agent would not obfuscate it.
pub(crate) fn database<'a>(
    attributes: &Lookup<'_, 'a>,
    obfuscation: Obfuscation,
    buffers: &mut NameBuffers,
    statements: &'a mut StatementCache,
) -> Database<'a> {
    let name = attributes.text(DB_SYSTEM);
    let system = name.map(|name| systems::find(name, &mut buffers.name));
    let given = attributes.text(DB_STATEMENT);
    let database = Database { name, system, given, statement: given };
    match given {
        Some(given) if obfuscation == Obfuscation::Exporter => {
            Database { statement: statements.statement(given, database.language()), ..database }
        }
        _ => database,
    }
}
