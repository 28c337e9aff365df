//! SQL -> the same SQL without literals, comments and aliases, lists of values as one.
//!
//! The form is the Agent's, so that resources read the same whoever obfuscated: tokens a space apart,
//! `( ?, ?, ? )` as `( ? )`, `VALUES ( ? ), ( ? )` as `VALUES ( ? )`. Source: `DataDog/datadog-agent`,
//! `pkg/obfuscate/sql.go` (its default mode).

use super::context::{Context, Verdict, is_system_procedure};
use super::dialect::Answer;
use super::kinds::{self, Kind as Statement};
use super::tokens::{Token, Tokens};
use super::words::Keyword;
use super::{Dialect, Length, MAX_WRITTEN};

/// The sign in place of a literal.
const LITERAL: &str = "?";

/// First words of statements, and a word that must follow somewhere, so that no other language is taken
/// for SQL.
#[rustfmt::skip]
const STATEMENTS: &[(&str, &str)] = &[
    ("SELECT", ""), ("WITH", "AS"), ("EXPLAIN", ""), ("CALL", ""), ("EXEC", ""), ("EXECUTE", ""),
    ("INSERT", "INTO"), ("REPLACE", "INTO"), ("MERGE", "INTO"), ("UPSERT", "INTO"), ("UPDATE", "SET"), ("DELETE", "FROM"),
    ("TRUNCATE", "TABLE"), ("CREATE", ""), ("ALTER", ""), ("DROP", ""), ("GRANT", "TO"), ("REVOKE", "FROM"),
];

/// Returns whether a text is a statement in SQL, by its words.
pub(super) fn looks_like_sql(text: &str) -> bool {
    let mut tokens = Tokens::new(text, Dialect::UNKNOWN);
    let mut words = tokens
        .by_ref()
        .filter(|token| !matches!(token, Token::Comment | Token::Sign("(")))
        .map(|token| match token {
            Token::Name(word) | Token::Bracketed(word) | Token::Keyword(_, word) => word,
            Token::Sign("/") => "/",
            Token::Literal | Token::Sign(_) | Token::Comment => "",
        });
    let first = words.next().unwrap_or("");
    let found = STATEMENTS.iter().find(|(word, _)| word.eq_ignore_ascii_case(first));
    let second = words.next();
    let is_sql = match found {
        // `DELETE /mails/from/{id}`: behind an HTTP method stands a path.
        _ if second == Some("/") => return false,
        Some((_, "")) => second.is_some(),
        Some((_, needed)) => {
            second.into_iter().chain(words).any(|word| word.eq_ignore_ascii_case(needed))
        }
        None => return false,
    };
    // The word may stand behind the place where the walk broke off.
    is_sql || tokens.findings().gave_up
}

/// Returns whether words may be literals in a text, if it is a statement.
pub(super) fn may_hide_words(text: &str) -> bool {
    let mut tokens = Tokens::new(text, Dialect::UNKNOWN).filter(|token| *token != Token::Comment);
    let is_special = match tokens.next() {
        Some(Token::Name(word) | Token::Keyword(_, word)) => {
            kinds::kind(word).is_some_and(|kind| kind != Statement::Rows)
                || is_system_procedure(word)
        }
        _ => false,
    };
    is_special
        || tokens
            .any(|token| matches!(token, Token::Keyword(Keyword::Execute | Keyword::Identified, _)))
}

/// Appends a statement without its literals; false if nothing is left of it.
pub(super) fn push(
    out: &mut String,
    text: &str,
    dialect: &'static Dialect,
    length: Length,
) -> bool {
    let start = out.len();
    let end = write(out, Tokens::new(text, dialect), dialect, usize::MAX);
    // A backslash before a quote: perhaps the literal ends there, perhaps not. The text behind it is shown only if
    // the statement makes sense in the usual reading and in no other.
    let is_sure = |_: &usize| {
        dialect.escapes != Answer::Unknown
            && end.is_whole
            && length == Length::Whole
            && is_wrong(Tokens::new_other(text, dialect))
    };
    if let Some(doubt) = end.doubt.filter(|doubt| !is_sure(doubt)) {
        out.truncate(start);
        write(out, Tokens::new(text, dialect), dialect, doubt);
    }
    out.len() > start
}

/// Returns whether a walk finds out that it reads a statement wrong.
fn is_wrong(mut tokens: Tokens<'_>) -> bool {
    tokens.by_ref().for_each(drop);
    tokens.findings().is_wrong
}

/// The end of the part of a statement that was written.
struct End {
    /// It was read to its end, and makes sense.
    is_whole: bool,
    doubt: Option<usize>,
}

/// Writes the tokens up to the one that begins at `end`; then a literal stands for the rest.
fn write(out: &mut String, mut tokens: Tokens<'_>, dialect: &Dialect, end: usize) -> End {
    let start = out.len();
    let mut context = Context::new(dialect);
    let mut writer = Writer { start, out, last: Kind::Other, literals: 0, groups: 0 };
    let mut is_whole = true;
    while let Some(token) = tokens.next() {
        let verdict = context.judge(token);
        let is_behind = tokens.position() > end || verdict == Verdict::Rest;
        let is_prefix = token == Token::Name("N") && tokens.is_at_text();
        let is_hidden = is_behind || (verdict == Verdict::Hidden && !is_prefix);
        writer.token(if is_hidden { Token::Literal } else { token });
        if is_behind || writer.out.len() - start > MAX_WRITTEN {
            is_whole = false;
            break;
        }
    }
    let findings = tokens.findings();
    End { is_whole: is_whole && !findings.gave_up, doubt: findings.doubt }
}

/// The kind of the token before, as far as it matters to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A literal, or something that was dropped with one.
    Literal,
    /// An opening parenthesis that was dropped with a literal.
    LiteralOpen,
    /// Dropped: a comment or an alias.
    Dropped,
    /// Dropped: the opening bracket of an alias and what follows it.
    DroppedBracket,
    As,
    Savepoint,
    Query,
    Name,
    Open,
    Close,
    Comma,
    Colon,
    Other,
}

/// Writes tokens as the Agent does.
struct Writer<'o> {
    out: &'o mut String,
    start: usize,
    last: Kind,
    /// Literals in a row, commas between them not counted.
    literals: u32,
    /// Lists of literals in a row.
    groups: u32,
}

#[expect(clippy::inline_always, reason = "see `Tokens`: one loop without calls")]
impl Writer<'_> {
    #[inline(always)]
    fn token(&mut self, token: Token<'_>) {
        if let Token::Bracketed(name) = token {
            return [Token::Sign("["), Token::Name(name), Token::Sign("]")]
                .into_iter()
                .for_each(|token| self.token(token));
        }
        let (kind, text) = self.filtered(token);
        self.last = self.grouped(kind, text);
    }

    /// Decides what a token is, and what of it is shown.
    #[inline(always)]
    fn filtered<'t>(&self, token: Token<'t>) -> (Kind, &'t str) {
        match self.last {
            Kind::DroppedBracket if token != Token::Sign("]") => return (Kind::DroppedBracket, ""),
            Kind::As if token == Token::Sign("[") => return (Kind::DroppedBracket, ""),
            Kind::As | Kind::DroppedBracket => return (Kind::Dropped, ""),
            Kind::Savepoint if !matches!(token, Token::Comment | Token::Sign(";")) => {
                return (Kind::Literal, LITERAL);
            }
            _ => {}
        }
        match token {
            Token::Comment => (Kind::Dropped, ""),
            Token::Literal => (Kind::Literal, LITERAL),
            Token::Keyword(Keyword::As, _) => (Kind::As, ""),
            Token::Keyword(Keyword::Savepoint, word) => (Kind::Savepoint, word),
            Token::Keyword(Keyword::Query | Keyword::Update, word) => (Kind::Query, word),
            Token::Keyword(
                Keyword::Clause
                | Keyword::Execute
                | Keyword::Format
                | Keyword::Identified
                | Keyword::Set
                | Keyword::Stdin,
                word,
            ) => (Kind::Name, word),
            Token::Keyword(_, word) => (Kind::Other, word),
            Token::Name(name) | Token::Bracketed(name) => (Kind::Name, name),
            Token::Sign(sign) => match sign.as_bytes() {
                [b';'] => (Kind::Literal, ""),
                [b'('] => (Kind::Open, sign),
                [b')'] => (Kind::Close, sign),
                [b','] => (Kind::Comma, sign),
                [b':'] => (Kind::Colon, sign),
                _ => (Kind::Other, sign),
            },
        }
    }

    /// Shows a token unless it repeats what a literal stands for already.
    #[inline(always)]
    fn grouped(&mut self, kind: Kind, text: &str) -> Kind {
        if (self.last == Kind::Open && kind == Kind::Literal)
            || (kind == Kind::Open && self.groups > 0)
        {
            self.groups += 1;
        }
        let is_query = matches!(kind, Kind::Query | Kind::Name);
        match kind {
            _ if self.groups > 0 && self.last == Kind::LiteralOpen && is_query => {
                // Not one more list of literals, but a query in parentheses.
                self.leave_group();
                self.show(Kind::Open, "(");
            }
            Kind::Literal => {
                self.literals += 1;
                if self.literals > 1 {
                    return Kind::Literal;
                }
            }
            Kind::Comma if self.literals > 0 => return Kind::Literal,
            Kind::Open if self.groups > 1 => return Kind::LiteralOpen,
            _ if self.groups > 1 => return Kind::Literal,
            Kind::Comma | Kind::Open | Kind::Close => {}
            _ => self.leave_group(),
        }
        self.show(kind, text);
        kind
    }

    fn leave_group(&mut self) {
        (self.literals, self.groups) = (0, 0);
    }

    fn show(&mut self, kind: Kind, text: &str) {
        if text.is_empty() {
            return;
        }
        let is_close = kind == Kind::Comma || (self.last == Kind::Colon && text == "=");
        if self.out.len() > self.start && !is_close {
            self.out.push(' ');
        }
        self.out.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obfuscated(text: &str, dialect: &'static Dialect) -> String {
        let mut out = String::new();
        push(&mut out, text, dialect, Length::Whole);
        out
    }

    /// Statements in the standard dialect, and what is left of them.
    #[rustfmt::skip]
    const STANDARD: &[(&str, &str)] = &[
        ("SELECT * FROM t WHERE id = 5", "SELECT * FROM t WHERE id = ?"),
        ("select a,b from t where x='it''s' and y = -1.5e-3", "select a, b from t where x = ? and y = ?"),
        ("SELECT \"a\" FROM \"t\" WHERE \"b\" = \"c\"", "SELECT a FROM t WHERE b = ?"),
        ("SELECT `a`.`b` FROM t", "SELECT a . b FROM t"),
        ("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y')", "INSERT INTO t ( a, b ) VALUES ( ? )"),
        ("SELECT a FROM t WHERE id IN (1, 2, 3) AND x", "SELECT a FROM t WHERE id IN ( ? ) AND x"),
        ("SELECT a FROM t WHERE id IN (SELECT 1)", "SELECT a FROM t WHERE id IN ( SELECT ? )"),
        ("SELECT $$secret$$, $f$secret$x$f$, $1", "SELECT ?"),
        ("SELECT x'ff', N'secret', E'se\\'cret', 0xFF, .5", "SELECT x ? N ?"),
        ("SELECT q'[secret]' FROM t", "SELECT q ? FROM t"),
        ("SELECT q'[it's secret]', nq'!sec'ret!' FROM t", "SELECT ?"),
        ("SELECT a AS b, NULL, true -- secret\nFROM t /* secret /* */ */;", "SELECT a, ? FROM t"),
        ("UPDATE t SET a = :name, b = @p WHERE c::text = ?", "UPDATE t SET a = :name, b = @p WHERE c :: text = ?"),
        ("SELECT a->>'secret' FROM t", "SELECT a ->> ? FROM t"),
        ("SAVEPOINT secret", "SAVEPOINT ?"),
        ("SELECT {d 'secret'} FROM t", "SELECT ? FROM t"),
        ("SELECT 'secret", "SELECT ?"),
        ("SELECT a /* secret", "SELECT a"),
        ("SELECT $x$ secret $y$", "SELECT ?"),
        ("SELECT \"secret", "SELECT ?"),
        ("SELECT 'C:\\', 'secret'", "SELECT ?"),
        ("SELECT 'it\\'s secret' FROM t", "SELECT ?"),
        ("x := 1", "x := ?"),
    ];

    #[test]
    fn literals_go_and_the_rest_reads_as_the_agent_writes_it() {
        for (text, left) in STANDARD {
            assert_eq!(obfuscated(text, Dialect::STANDARD), *left, "{text}");
        }
    }

    #[test]
    fn dialects_decide_what_a_literal_is() {
        for (text, dialect, left) in [
            ("SELECT 'it\\'s', \"secret\" # secret", Dialect::MYSQL, "SELECT ?"),
            ("SELECT 'a\\\\', b FROM t", Dialect::MYSQL, "SELECT ? b FROM t"),
            (
                "SELECT [a b] FROM #t WHERE c = [d]",
                Dialect::TRANSACT,
                "SELECT [ a b ] FROM #t WHERE c = [ d ]",
            ),
            ("SELECT q'[it's secret]', nq'!sec'ret!' FROM t", Dialect::ORACLE, "SELECT ? FROM t"),
            ("SELECT a #> '{secret}' FROM t", Dialect::STANDARD, "SELECT a #> ? FROM t"),
            ("SELECT \"secret\" FROM \"t\".\"u\"", Dialect::UNKNOWN, "SELECT ? FROM t . u"),
        ] {
            assert_eq!(obfuscated(text, dialect), left, "{text}");
        }
    }

    /// Statements that a reader of another dialect would take apart elsewhere.
    #[rustfmt::skip]
    const TRAPS: &[(&str, &Dialect, &str)] = &[
        ("SELECT a#it's\nFROM t WHERE b = 'secret'",     Dialect::MYSQL,    "SELECT a FROM t WHERE b = ?"),
        ("SELECT a#42 FROM t",                           Dialect::STANDARD, "SELECT a # ? FROM t"),
        ("SELECT obj# FROM sys.obj$",                    Dialect::ORACLE,   "SELECT obj# FROM sys.obj$"),
        ("SELECT a*42, t.*, count(*)",                   Dialect::STANDARD, "SELECT a * ? t.*, count ( * )"),
        ("SELECT a*E'it\\'s secret', 'a\\'b'",           Dialect::STANDARD, "SELECT a * ?"),
        ("SELECT x %(y + length(')')), 'secret'",        Dialect::STANDARD, "SELECT x % ( y + length ( ? ) )"),
        ("SELECT %(name)s, %s FROM t",                   Dialect::STANDARD, "SELECT ? FROM t"),
        ("SELECT {fn f('}')}, 'secret' FROM t",          Dialect::STANDARD, "SELECT ? FROM t"),
        ("UPDATE t SET m = {'}': 'secret'}, a = 1",      Dialect::STANDARD, "UPDATE t SET m = ? a = ?"),
        ("SELECT a /* /* */ '*/ secret'",                Dialect::STANDARD, "SELECT a"),
        ("SELECT a /*!50000 , '*/secret' */",            Dialect::MYSQL,    "SELECT a"),
        ("SELECT a --'x\nsecret'",                       Dialect::MYSQL,    "SELECT a"),
        ("SELECT a // 'x\nsecret'",                      Dialect::STANDARD, "SELECT a"),
        ("SELECT a # 'x\nsecret'",                       Dialect::UNKNOWN,  "SELECT a"),
        ("SELECT a -- x\rSELECT 'x\nsecret'",            Dialect::STANDARD, "SELECT a"),
        ("SELECT a[2:42], b FROM t WHERE c = :1",        Dialect::STANDARD, "SELECT a [ ? : ? ], b FROM t WHERE c = :1"),
        ("SELECT a FROM t WHERE b = eabfa4a8-3f90-4c93-8f61-eabfa4a803e2", Dialect::STANDARD, "SELECT a FROM t WHERE b = ?"),
        ("SELECT a FROM t WHERE b = 5b6962dd-3f90-4c93-8f61-eabfa4a803e2", Dialect::STANDARD, "SELECT a FROM t WHERE b = ?"),
        ("SELECT [2042] FROM t",                         Dialect::TRANSACT, "SELECT [ ? ] FROM t"),
        ("SELECT a FROM t WHERE b > \"secret\"",         Dialect::QUOTING,  "SELECT a FROM t WHERE b > ?"),
    ];

    #[test]
    fn no_trap_shows_a_literal() {
        for (text, dialect, left) in TRAPS {
            assert_eq!(obfuscated(text, dialect), *left, "{text}");
        }
    }

    #[test]
    fn behind_a_doubtful_backslash_nothing_is_shown() {
        for (text, dialect, left) in [
            ("SELECT a, 'it\\'s secret' FROM t", Dialect::UNKNOWN, "SELECT a, ?"),
            ("SELECT a, 'x\\', 'secret' FROM t", Dialect::UNKNOWN, "SELECT a, ?"),
            // Whichever way the server reads it, and wherever it was cut.
            ("SELECT a, 'it\\'s secret' FROM t", Dialect::STANDARD, "SELECT a, ?"),
            ("SELECT a, 'x\\', 'secret", Dialect::STANDARD, "SELECT a, ?"),
            ("SELECT a, 'x\\', 'secret' FROM t", Dialect::MYSQL, "SELECT a, ?"),
            ("SELECT a, 'x\\' FROM t", Dialect::STANDARD, "SELECT a, ? FROM t"),
            ("SELECT a, 'it\\'s' FROM t", Dialect::MYSQL, "SELECT a, ? FROM t"),
        ] {
            assert_eq!(obfuscated(text, dialect), left, "{text}");
        }
    }

    #[test]
    fn other_languages_are_not_taken_for_sql() {
        for text in [
            "SELECT 1",
            "/* c */ (select 1)",
            "insert into t values (1)",
            "WITH x AS (SELECT 1) SELECT 2",
            "INSERT /* /* */ INTO t",
        ] {
            assert!(looks_like_sql(text), "{text}");
        }
        for text in [
            "",
            "SELECT",
            "GET secret",
            "SET k secret",
            "delete key",
            "MATCH (n) RETURN n",
            "{\"select\": 1}",
            "insert secret",
            "DELETE /mails/from/{id}",
        ] {
            assert!(!looks_like_sql(text), "{text}");
        }
    }
}
