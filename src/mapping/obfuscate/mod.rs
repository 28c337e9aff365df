//! Statements, commands and URLs -> the same texts without what must not leave the process.
//!
//! The Agent obfuscates statements only under its own span types; under the documented ones nobody else
//! does. Each function appends to a buffer that all spans reuse, and appends nothing for a text that it cannot read.
//! Not here: which tags hold statements ([`super::attributes`]), and which system speaks which language
//! ([`super::systems`]).

mod commands;
mod context;
mod dialect;
mod json;
mod kinds;
mod names;
mod places;
mod plain_texts;
mod query;
mod quotes;
mod statement_cache;
mod signs;
mod sql;
mod steps;
mod tokens;
mod url;
mod within;
mod words;

pub(crate) use self::commands::is_route;
pub(crate) use self::dialect::Dialect;
pub(crate) use self::plain_texts::PlainTexts;
pub(crate) use self::query::{QuerySecrets, RedactQuery};
pub(crate) use self::signs::Signs;
pub(crate) use self::statement_cache::StatementCache;
pub(crate) use self::url::{Query, push_address, push_connection, push_query, push_url};
pub(crate) use self::within::Read;

use std::borrow::Cow;

use super::normalize::{self, cut};

/// The language that a database system understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// SQL, in one of its dialects.
    Sql(&'static Dialect),
    /// Commands of one word, then keys and values: redis, valkey, memcached.
    Commands,
    /// Documents in JSON: MongoDB, Elasticsearch, OpenSearch.
    Json,
    /// Nobody knows: SQL if it looks like it.
    Unknown,
}

impl Language {
    /// Returns whether a text of any kind can be read in it: then it needs no other guard.
    pub(crate) fn is_read(self) -> bool {
        matches!(self, Self::Sql(_) | Self::Commands)
    }
}

/// The most bytes of a text that are read: ten times what a tag holds, since most of a long statement is
/// literals. Behind them the text counts as cut, which shows no literal.
const MAX_READ: usize = 256 * 1_024;

/// The most bytes that are written, but for the last token: no tag holds more.
const MAX_WRITTEN: usize = normalize::MAX_VALUE;

/// The part of a text that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Whole,
    Cut,
}

/// Returns what is read of a text.
fn read(text: &str) -> (&str, Length) {
    let read = cut(text, MAX_READ);
    (read, if read.len() == text.len() { Length::Whole } else { Length::Cut })
}

/// Appends a statement or command without its literals; false, and nothing, if it cannot be read.
pub(crate) fn push_statement(out: &mut String, text: &str, language: Language) -> bool {
    let start = out.len();
    let (text, length) = read(text);
    let is_read = match language {
        Language::Sql(dialect) => sql::push(out, text, dialect, length),
        Language::Commands => commands::push(out, text),
        Language::Json => json::push(out, text, length),
        Language::Unknown => {
            sql::looks_like_sql(text) && sql::push(out, text, Dialect::UNKNOWN, length)
        }
    };
    if !is_read {
        out.truncate(start);
    } else if out[start..].contains("://") {
        // A name in quotes may be a URL. So rare that it may cost an allocation.
        let shown = out.split_off(start);
        url::push_text(out, &shown, false, &QuerySecrets::Redacted);
    }
    is_read
}

/// Returns a text without user names, passwords and secrets of URLs. For names, which hardly ever have any: then that
/// costs an allocation.
pub(crate) fn without_secrets<'t>(text: &'t str, secrets: &QuerySecrets) -> Cow<'t, str> {
    if !Signs::of(text).of_url() {
        return text.into();
    }
    // No name is shown as far as that.
    let read = cut(text, url::MAX_READ);
    let mut out = String::new();
    let found = url::push_text(&mut out, read, read.len() < text.len(), secrets);
    if found { out.into() } else { text.into() }
}

/// SQL of which nobody says the dialect.
pub(crate) const SOME_SQL: Language = Language::Sql(Dialect::UNKNOWN);

/// Appends a text of any kind without user names, passwords and secrets of URLs, and if there is a reader, without
/// the literals of statements. Returns false if there are none; what was appended then means nothing.
pub(crate) fn push_redacted(
    out: &mut String,
    text: &str,
    signs: Signs,
    read: Option<Read<'_>>,
    secrets: &QuerySecrets,
) -> bool {
    let was_cut = text.len() > MAX_READ;
    let text = cut(text, MAX_READ);
    let read = read.filter(|_| signs.of_statement());
    if read.is_some_and(|read| within::push(out, text, was_cut, read, secrets)) {
        return true;
    }
    signs.of_url() && url::push_text(out, text, was_cut, secrets)
}

/// Returns a text of any kind as [`push_redacted`] writes it, written into `out` unless it stays as it is.
pub(crate) fn redacted<'t>(
    text: &'t str,
    out: &'t mut String,
    statements: bool,
    secrets: &QuerySecrets,
) -> &'t str {
    let signs = Signs::of(text);
    if signs.is_empty() {
        return text;
    }
    out.clear();
    let mut read = |out: &mut String, text: &str| push_statement(out, text, SOME_SQL);
    let read: Option<Read<'_>> = if statements { Some(&mut read) } else { None };
    if push_redacted(out, text, signs, read, secrets) { out } else { text }
}

/// Appends a message without the literals of the statement that begins at a place.
pub(crate) fn push_message(
    out: &mut String,
    text: &str,
    start: usize,
    read: Read<'_>,
    secrets: &QuerySecrets,
) {
    let text = cut(text, MAX_READ.max(start));
    within::push_from(out, text, start, false, read, secrets);
}

/// The outcome for a text that may be a statement, or a name without any literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guarded {
    /// It is none.
    AsItIs,
    /// It is one, and what may be shown of it was written.
    Written,
    /// It is one, and nothing may be shown of it.
    Hidden,
}

/// Appends what may be shown of a text that may be a statement.
pub(crate) fn guard(out: &mut String, text: &str, language: Language) -> Guarded {
    let (looked_at, _) = read(text);
    let is_statement = match language {
        Language::Sql(_) => {
            holds_more_than_words(looked_at)
                || (holds_signs(looked_at) && sql::looks_like_sql(looked_at))
                || sql::may_hide_words(looked_at)
        }
        Language::Commands => commands::looks_like_commands(looked_at),
        Language::Json => json::looks_like_json(looked_at) || sql::looks_like_sql(looked_at),
        Language::Unknown => sql::looks_like_sql(looked_at) || sql::may_hide_words(looked_at),
    };
    // A text that looks like SQL need not be looked at again.
    let known = match language {
        Language::Unknown => Language::Sql(Dialect::UNKNOWN),
        known => known,
    };
    if !is_statement {
        // A quote in a text that nobody can read: perhaps of a literal.
        let is_name = !looked_at.contains(['\'', '"']);
        if is_name { Guarded::AsItIs } else { Guarded::Hidden }
    } else if push_statement(out, text, known) {
        Guarded::Written
    } else {
        Guarded::Hidden
    }
}

/// Returns whether a name holds more than plain words, and so maybe a literal. Names by the semantic conventions
/// (`SELECT shop.orders`, `findAndModify users`, `GET /users/{id}`) are plain words.
pub(crate) fn holds_more_than_words(name: &str) -> bool {
    let plain =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':' | '{' | '}');
    name.split_ascii_whitespace()
        .any(|word| word.as_bytes()[0].is_ascii_digit() || !word.chars().all(plain))
}

/// Returns whether plain words hold a number, or what may begin a comment: without, there is nothing to hide in them.
fn holds_signs(words: &str) -> bool {
    words.bytes().any(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b'/')
}

/// Returns whether a text is a statement in SQL.
pub(crate) fn looks_like_sql(text: &str) -> bool {
    sql::looks_like_sql(read(text).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_a_literal_holds_more_than_words() {
        for name in ["SELECT shop.orders", "GET", "findAndModify users", "shop-db: query {id}"] {
            assert!(!holds_more_than_words(name), "{name}");
        }
        for name in ["SELECT * FROM t", "DELETE FROM t WHERE id = 5", "GET 5", "SET k 'v'", "f(x)"]
        {
            assert!(holds_more_than_words(name), "{name}");
        }
    }

    #[test]
    fn names_stay_and_statements_are_guarded_in_every_language() {
        let sql = Language::Sql(Dialect::STANDARD);
        for (language, text, left) in [
            (sql, "GET /users/{id}", None),
            (sql, "DELETE /mails/from/{id}", None),
            (sql, "SELECT articles", None),
            (sql, "SELECT a-42 FROM t", Some("SELECT a ? FROM t")),
            (sql, "SELECT a --secret", Some("SELECT a")),
            (sql, "SET password = 'secret'", Some("SET password = ?")),
            (Language::Unknown, "place order (5)", None),
            (Language::Unknown, "UPDATE t SET a = 'secret'", Some("UPDATE t SET a = ?")),
            (Language::Commands, "GET /key", Some("GET")),
            (Language::Commands, "GET /users secret", Some("GET")),
            (Language::Commands, "auth /secret", Some("AUTH")),
            (Language::Commands, "GET", None),
            (Language::Commands, "look it up", None),
            (Language::Commands, "get user:7", Some("GET")),
            (Language::Commands, "json.get doc", Some("JSON.GET")),
            (Language::Json, "find users", None),
            (Language::Json, r#"{"a": "secret"}"#, Some(r#"{"a":"?"}"#)),
            (Language::Json, r#"{"a": "secret"#, Some("")),
            (Language::Json, "SELECT a FROM t WHERE b = 'secret'", Some("")),
            (sql, "ALTER USER u IDENTIFIED BY secret", Some("ALTER USER u IDENTIFIED BY ?")),
            (sql, "INSERT INTO t EXEC p secret", Some("INSERT INTO t EXEC p ?")),
            (Language::Unknown, "PRAGMA key = secret", Some("PRAGMA key = ?")),
            (Language::Unknown, "sp_addlogin u, secret", Some("sp_addlogin ?")),
            (Language::Unknown, "call it \"secret\"", Some("call it ?")),
            (Language::Unknown, "open the door", Some("open the door")),
            (Language::Unknown, "find 'secret'", Some("")),
            (Language::Commands, "find 'secret'", Some("")),
        ] {
            let mut out = String::new();
            let expected = match left {
                None => Guarded::AsItIs,
                Some("") => Guarded::Hidden,
                Some(_) => Guarded::Written,
            };
            assert_eq!(guard(&mut out, text, language), expected, "{text}");
            assert_eq!(out, left.unwrap_or(""), "{text}");
        }
    }
}
