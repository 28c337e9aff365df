//! Statements, commands and URLs -> the same texts without what must not leave the process.
//!
//! The Agent obfuscates statements only under its own span types; under the documented ones nobody else
//! does. Each function appends to a buffer that all spans reuse. What it cannot read it does not pass on:
//! then there is no text at all. Not here: which tags hold statements ([`super::attributes`]), and which
//! system speaks which language ([`super::naming`]).

mod commands;
mod json;
mod names;
mod seen;
mod sql;
mod tokens;
mod url;
mod words;

pub(crate) use self::seen::Seen;
pub(crate) use self::url::{Query, push_url};
use tokens::{Backslash, DoubleQuotes, Hash};

/// What a database system understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// SQL, in one of its dialects.
    Sql(Dialect),
    /// Commands of one word, then keys and values: redis, valkey, memcached.
    Commands,
    /// Documents in JSON: MongoDB, Elasticsearch, OpenSearch.
    Json,
    /// Nobody knows: SQL if it looks like it.
    Unknown,
}

impl Language {
    /// Whether a text of any kind can be read in it: then it needs no other guard.
    pub(crate) fn is_read(self) -> bool {
        matches!(self, Self::Sql(_) | Self::Commands)
    }
}

/// Where the dialects of SQL differ about what is a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    backslash: Backslash,
    double_quotes: DoubleQuotes,
    hash: Hash,
    brackets: bool,
}

impl Dialect {
    /// The standard: PostgreSQL, Oracle, SQLite and most others.
    pub(crate) const STANDARD: Self = Self {
        backslash: Backslash::Plain,
        double_quotes: DoubleQuotes::Name,
        hash: Hash::Operator,
        brackets: false,
    };
    /// MySQL and its kin: a backslash escapes, double quotes hold texts, `#` begins a comment.
    pub(crate) const MYSQL: Self = Self {
        backslash: Backslash::Escapes,
        double_quotes: DoubleQuotes::Text,
        hash: Hash::Comment,
        brackets: false,
    };
    /// SQL Server: names in brackets, temporary tables with `#`.
    pub(crate) const TRANSACT: Self = Self { hash: Hash::Letter, brackets: true, ..Self::STANDARD };
    /// Oracle and DB2: names may have `#` in them.
    pub(crate) const HASHED: Self = Self { hash: Hash::Letter, ..Self::STANDARD };
    /// Informix and Sybase: texts stand in double quotes unless an option is set.
    pub(crate) const QUOTING: Self = Self { double_quotes: DoubleQuotes::Unknown, ..Self::HASHED };
    /// Redshift: an old PostgreSQL, in which a backslash may escape.
    pub(crate) const ESCAPING: Self = Self { backslash: Backslash::Unknown, ..Self::STANDARD };
    /// Systems that nobody knows: what may be a literal is taken for one.
    pub(crate) const UNKNOWN: Self = Self {
        backslash: Backslash::Unknown,
        double_quotes: DoubleQuotes::Unknown,
        hash: Hash::Comment,
        brackets: false,
    };
}

/// Appends a statement or command without its literals; false, and nothing, if it cannot be read.
pub(crate) fn push_statement(out: &mut String, text: &str, language: Language) -> bool {
    let start = out.len();
    let is_read = match language {
        Language::Sql(dialect) => sql::push(out, text, dialect),
        Language::Commands => commands::push(out, text),
        Language::Json => json::push(out, text),
        Language::Unknown => sql::looks_like_sql(text) && sql::push(out, text, Dialect::UNKNOWN),
    };
    if !is_read {
        out.truncate(start);
    }
    is_read
}

/// Whether a text is a statement in SQL.
pub(crate) fn looks_like_sql(text: &str) -> bool {
    sql::looks_like_sql(text)
}
