//! Redaction of any text: without literals of statements, and without user, password and secrets of URLs.
//!
//! Statements go where the exporter obfuscates ([`Obfuscation::Exporter`]); user names and passwords of URLs go
//! always, secrets in query strings unless that is switched off. A text with neither is returned as it is. Not here:
//! the languages ([`super::obfuscate`]).

use std::borrow::Cow;

use opentelemetry::{Array, StringValue, Value};

use super::Obfuscation;
use super::attributes::{Attribute, Rule, Speaks};
use super::drivers::{self, Holds, Source};
use super::errors::Split;
use super::obfuscate::{
    self, Guarded, Language, PlainTexts, Query, QuerySecrets, Read, SOME_SQL, Signs,
    StatementCache, push_address, push_connection, push_query, push_statement, push_url,
};
use super::tags::Name;
use super::text;

/// The sign between a message and the statement in it.
const COLON: &str = ": ";

/// The words in a message that say that a statement follows.
const BEFORE_SQL: [&str; 2] = ["query", "statement"];

/// The stand-in for values, however many they are.
const VALUES: &str = "?";

/// The sign that begins a document in a message.
const BRACE: char = '{';

/// The beginning of the only text of `sqlx::query` that is a message.
const SLOW: &str = "slow statement: ";

/// Redacts texts, with what it keeps from one text to the next.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    obfuscation: Obfuscation,
    secrets: QuerySecrets,
    statements: StatementCache,
    /// Texts without statements.
    plain: PlainTexts,
    out: String,
    list: String,
}

impl Redactor {
    /// Returns one for the texts with this obfuscation.
    pub(crate) fn new(obfuscation: Obfuscation, secrets: &QuerySecrets) -> Self {
        Self { obfuscation, secrets: secrets.clone(), ..Self::default() }
    }

    /// Sets whose statements are taken out, and what becomes of secrets in query strings.
    pub(crate) fn set(&mut self, obfuscation: Obfuscation, secrets: &QuerySecrets) {
        self.obfuscation = obfuscation;
        self.secrets.clone_from(secrets);
    }

    /// Gives memory back that long texts left over.
    pub(crate) fn shrink(&mut self) {
        self.statements.shrink();
        text::shrink(&mut self.out);
        text::shrink(&mut self.list);
    }

    /// Returns a text as it may be shown.
    #[inline]
    pub(crate) fn shown<'t>(&'t mut self, text: &'t str) -> &'t str {
        let signs = Signs::of(text);
        if signs.is_empty() { text } else { self.redacted(text, signs) }
    }

    /// Returns a name without user, password and secrets of URLs.
    pub(crate) fn name<'t>(&self, text: &'t str) -> Cow<'t, str> {
        obfuscate::without_secrets(text, &self.secrets)
    }

    fn redacted<'t>(&'t mut self, text: &'t str, signs: Signs) -> &'t str {
        let Self { obfuscation, secrets, statements, plain, out, .. } = self;
        let is_searched =
            *obfuscation == Obfuscation::Exporter && signs.of_statement() && !plain.has(text);
        if !is_searched && !signs.of_url() {
            return text;
        }
        out.clear();
        let mut read =
            |out: &mut String, statement: &str| statements.push_statement(out, statement, SOME_SQL);
        let read: Option<Read<'_>> = if is_searched { Some(&mut read) } else { None };
        if obfuscate::push_redacted(out, text, signs, read, secrets) {
            return out;
        }
        if is_searched {
            plain.note(text);
        }
        text
    }

    /// Returns the value of an attribute, as the text of its tag, as it may be shown.
    pub(crate) fn tag<'t>(
        &'t mut self,
        known: Option<Attribute>,
        value: &'t Value,
        query: Query,
        buffer: &'t mut String,
    ) -> &'t str {
        match value {
            Value::String(text) => self.text(known, text.as_str(), query),
            Value::Array(Array::String(items)) => {
                buffer.clear();
                self.push_list(buffer, items);
                buffer
            }
            other => text::of(other, buffer),
        }
    }

    /// Appends a list of texts as they may be shown.
    pub(crate) fn push_list(&mut self, out: &mut String, items: &[StringValue]) {
        text::push_texts(out, items, |out, item| text::push_json_str(out, self.shown(item)));
    }

    fn text<'t>(&'t mut self, known: Option<Attribute>, text: &'t str, query: Query) -> &'t str {
        let signs = Signs::of(text);
        self.out.clear();
        match known {
            Some(known) if known.is_url() => {
                if query == Query::Kept && !signs.of_url() {
                    return text;
                }
                push_url(&mut self.out, text, query, &self.secrets);
            }
            Some(known) if known.is_query() => push_query(&mut self.out, text, &self.secrets),
            Some(known) if known.is_address() => {
                if !signs.of_url() {
                    return text;
                }
                push_address(&mut self.out, text, &self.secrets);
            }
            Some(Attribute::DbConnectionString) => push_connection(&mut self.out, text),
            _ if signs.is_empty() => return text,
            _ => return self.redacted(text, signs),
        }
        &self.out
    }

    /// Returns a text of an event or a link as it may be shown, if anything of it may.
    pub(crate) fn nested<'t>(
        &'t mut self,
        key: &str,
        text: &'t str,
        nest: &Nest<'_>,
    ) -> Option<&'t str> {
        let row = Name::of(key).row();
        if self.obfuscation == Obfuscation::Exporter {
            if Name::of(key).is_parameter() {
                return None;
            }
            if let Some(holds) = self.holds(key, text, &nest.source) {
                return self.of_driver(text, holds);
            }
            if let Some((_, Rule::Statement(speaks))) = row {
                return self.statement(text, speaks, nest.language);
            }
        }
        if matches!(row, Some((_, Rule::Query))) && nest.query == Query::Removed {
            return None;
        }
        Some(self.text(row.map(|(known, _)| known.tag()), text, nest.query))
    }

    /// Returns true if nothing may be shown of an attribute of an event or a link that is no text.
    pub(crate) fn hides(&self, key: &str, nest: &Nest<'_>) -> bool {
        self.obfuscation == Obfuscation::Exporter
            && (Name::of(key).is_secret(self.obfuscation)
                || drivers::find(key, &nest.source).is_some())
    }

    /// Returns an attribute of an event, or its text, without the values that a driver wrote there, if anything
    /// is left; any other is returned as it is.
    pub(crate) fn without_values<'t>(
        &'t mut self,
        key: &str,
        text: &'t str,
        source: &Source<'_>,
    ) -> Option<&'t str> {
        match self.holds(key, text, source) {
            Some(holds) => self.of_driver(text, holds),
            None => Some(text),
        }
    }

    /// Returns the name of an event, which under `tracing` is its text, as it may be shown.
    pub(crate) fn event_name<'t>(&'t mut self, name: &'t str, source: &Source<'_>) -> &'t str {
        match self.holds(drivers::TEXT, name, source) {
            Some(holds) => self.of_driver(name, holds).unwrap_or(""),
            None => self.shown(name),
        }
    }

    /// Returns the contents of an attribute or a text that a driver wrote.
    fn holds(&self, key: &str, text: &str, source: &Source<'_>) -> Option<Holds> {
        let is_message = key == drivers::TEXT && text.starts_with(SLOW);
        let is_read = self.obfuscation == Obfuscation::Exporter && !is_message;
        is_read.then(|| drivers::find(key, source)).flatten()
    }

    /// Returns a statement, or the name of one, without its literals, if it can be read.
    pub(crate) fn statement<'t>(
        &'t mut self,
        text: &'t str,
        speaks: Speaks,
        system: Language,
    ) -> Option<&'t str> {
        let language = speaks.language(system)?;
        if speaks != Speaks::Summary {
            return self.statements.statement(text, language);
        }
        self.out.clear();
        match obfuscate::guard(&mut self.out, text, language) {
            Guarded::AsItIs => Some(self.shown(text)),
            Guarded::Written => Some(&self.out),
            Guarded::Hidden => None,
        }
    }

    /// Returns what may be shown of a text that a driver wrote, if anything may.
    pub(crate) fn of_driver<'t>(&'t mut self, text: &'t str, holds: Holds) -> Option<&'t str> {
        self.out.clear();
        match holds {
            Holds::Values => None,
            Holds::Sql => self.statements.statement(text, SOME_SQL),
            Holds::Json => push_statement(&mut self.out, text, Language::Json).then_some(&self.out),
            Holds::MessageAndSql => Some(self.message_and_sql(text)),
            Holds::MessageAndValues => {
                let end = text.find(COLON).map(|at| at + COLON.len());
                Some(self.up_to(text, end))
            }
            Holds::MessageAndDocument => Some(self.up_to(text, text.find(BRACE))),
        }
    }

    fn message_and_sql<'t>(&'t mut self, text: &'t str) -> &'t str {
        let Some((message, rest)) = text.split_once(COLON) else { return self.shown(text) };
        if !BEFORE_SQL.iter().any(|word| message.contains(word)) {
            return self.shown(text);
        }
        let start = text.len() - rest.trim_start_matches('`').len();
        let Self { statements, out, secrets, .. } = self;
        let read: Read<'_> =
            &mut |out, statement| statements.push_statement(out, statement, SOME_SQL);
        obfuscate::push_message(out, text, start, read, secrets);
        &self.out
    }

    /// Shows a message up to a place, and [`VALUES`] for the rest.
    fn up_to<'t>(&'t mut self, text: &'t str, end: Option<usize>) -> &'t str {
        let Some(end) = end else { return self.shown(text) };
        let mut list = std::mem::take(&mut self.list);
        list.clear();
        list.push_str(self.shown(&text[..end]));
        list.push_str(VALUES);
        self.list = list;
        &self.list
    }
}

/// The surroundings of a text in an event or a link.
#[derive(Clone, Copy)]
pub(crate) struct Nest<'a> {
    /// The writer of the event or the link.
    pub(crate) source: Source<'a>,
    /// The language of the database system of the span.
    pub(crate) language: Language,
    /// The rule for the query string of a URL.
    pub(crate) query: Query,
    /// A text that the error tags hold in two parts.
    pub(crate) split: Option<Split<'a>>,
}

#[cfg(test)]
mod tests {
    use opentelemetry::{KeyValue, StringValue};

    use super::*;

    #[test]
    fn texts_of_drivers_lose_their_values() {
        for (holds, text, left) in [
            (Holds::Sql, "PRAGMA key='secret'", Some("PRAGMA key = ?")),
            (Holds::Sql, "\n\nSELECT 'secret'\n", Some("SELECT ?")),
            (Holds::Sql, "", None),
            (Holds::Json, r#"{"find":"secret"}"#, Some(r#"{"find":"?"}"#)),
            (Holds::Json, r#"{"find":"secre..."#, None),
            (Holds::Values, "secret", None),
            (
                Holds::MessageAndSql,
                "preparing query s0: lock tables t, 'secret'",
                Some("preparing query s0: lock tables t, ?"),
            ),
            (
                Holds::MessageAndSql,
                "Failed to execute query: `x 'secret' -- binds: [\"secret\"]`, error: no table",
                Some("Failed to execute query: `x ?`, error: no table"),
            ),
            (
                Holds::MessageAndSql,
                "Established connected to `postgres://u:secret@host/db`",
                Some("Established connected to `postgres://host/db`"),
            ),
            (
                Holds::MessageAndValues,
                "executing statement s0 with parameters: [\"secret\"]",
                Some("executing statement s0 with parameters: ?"),
            ),
            (
                Holds::MessageAndDocument,
                "Kind: E11000 duplicate key: { email: \"secret\" }",
                Some("Kind: E11000 duplicate key: ?"),
            ),
            (Holds::MessageAndDocument, "Kind: I/O error", Some("Kind: I/O error")),
        ] {
            let mut redactor = Redactor::default();
            assert_eq!(redactor.of_driver(text, holds), left, "{text}");
        }
    }

    #[test]
    fn each_text_of_a_list_is_redacted() {
        let list: Vec<StringValue> = vec!["SELECT 'secret'".into(), "a://u:secret@b".into()];
        let list = KeyValue::new("k", Value::Array(list.into())).value;
        for (obfuscation, left) in [
            (Obfuscation::Exporter, r#"["SELECT ?","a://b"]"#),
            (Obfuscation::Agent, r#"["SELECT 'secret'","a://b"]"#),
        ] {
            let mut redactor = Redactor::new(obfuscation, &QuerySecrets::Redacted);
            assert_eq!(redactor.tag(None, &list, Query::Kept, &mut String::new()), left);
        }
    }
}
