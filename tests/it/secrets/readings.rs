//! A second reader of SQL, as plain as can be: it knows one reading of one dialect at a time, and tells which
//! pieces of a text are literals or comments in it. It shares nothing with the crate, so that both can be
//! wrong only in different ways. The fuzz target `readings` uses it too.

use std::ops::Range;

/// One way to read SQL.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Reading {
    /// Name, for messages.
    pub(crate) name: &'static str,
    /// A backslash escapes in texts.
    pub(crate) escapes: bool,
    /// Double quotes hold texts, not names.
    pub(crate) double_texts: bool,
    /// Three quotes begin a text that three quotes end.
    pub(crate) triples: bool,
    /// Prefixes of texts in which a backslash escapes: `E`.
    pub(crate) escape_prefix: bool,
    /// Prefixes of texts in which nothing escapes: `R`.
    pub(crate) raw_prefix: bool,
    /// `q'[..]'`.
    pub(crate) bracket_texts: bool,
    /// `$tag$..$tag$`.
    pub(crate) dollars: bool,
    pub(crate) brackets: Brackets,
    /// Comments in comments.
    pub(crate) nests: bool,
    /// `/*! .. */` is code.
    pub(crate) code_comments: bool,
    /// `{ .. }` is a comment.
    pub(crate) braces: bool,
    /// `#` begins a comment.
    pub(crate) hashes: bool,
    /// `//` begins a comment.
    pub(crate) slashes: bool,
    /// `--` needs white space behind it.
    pub(crate) dashes_need_space: bool,
    /// A line ends with a carriage return too.
    pub(crate) carriage_returns: bool,
}

/// The meaning of square brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Brackets {
    /// An index or a list.
    Signs,
    /// A name up to the next one.
    Names,
    /// A name in which two closing ones are one.
    Doubled,
}

/// The standard, with nothing that only some systems have.
pub(crate) const PLAIN: Reading = Reading {
    name: "standard",
    escapes: false,
    double_texts: false,
    triples: false,
    escape_prefix: false,
    raw_prefix: false,
    bracket_texts: false,
    dollars: false,
    brackets: Brackets::Signs,
    nests: false,
    code_comments: false,
    braces: false,
    hashes: false,
    slashes: false,
    dashes_need_space: false,
    carriage_returns: false,
};

/// The readings of each system.
#[rustfmt::skip]
pub(crate) const READINGS: &[(&[&str], Reading)] = &[
    (&["h2", "trino", "derby", "db2", "hanadb"], PLAIN),
    (&["h2", "derby", "db2"], Reading { name: "nesting", nests: true, ..PLAIN }),
    (&["h2"], Reading { name: "H2", dollars: true, slashes: true, ..PLAIN }),
    (&["postgresql", "cockroachdb", "duckdb", "redshift", "edb"], Reading {
        name: "PostgreSQL", escape_prefix: true, dollars: true, nests: true, carriage_returns: true, ..PLAIN
    }),
    (&["redshift"], Reading { name: "Redshift", escapes: true, dollars: true, nests: true, ..PLAIN }),
    (&["oracle"], Reading { name: "Oracle", bracket_texts: true, ..PLAIN }),
    (&["sqlite", "turso"], Reading { name: "SQLite", brackets: Brackets::Names, ..PLAIN }),
    (&["sqlite", "turso"], Reading { name: "SQLite, texts", brackets: Brackets::Names, double_texts: true, ..PLAIN }),
    (&["mssql", "sybase"], Reading { name: "SQL Server", brackets: Brackets::Doubled, nests: true, ..PLAIN }),
    (&["mssql", "sybase"], Reading {
        name: "SQL Server, texts", brackets: Brackets::Doubled, nests: true, double_texts: true, ..PLAIN
    }),
    (&["sybase"], Reading { name: "Sybase", brackets: Brackets::Names, escapes: true, double_texts: true, ..PLAIN }),
    (&["access"], Reading { name: "Access", brackets: Brackets::Names, double_texts: true, ..PLAIN }),
    (&["informix"], Reading { name: "Informix", braces: true, double_texts: true, ..PLAIN }),
    (&["informix"], Reading { name: "Informix, names", braces: true, ..PLAIN }),
    (&["mysql", "mariadb", "tidb"], Reading {
        name: "MySQL", escapes: true, double_texts: true, code_comments: true, hashes: true, dashes_need_space: true, ..PLAIN
    }),
    (&["clickhouse"], Reading {
        name: "ClickHouse", escapes: true, double_texts: true, dollars: true, hashes: true, nests: true, ..PLAIN
    }),
    (&["clickhouse"], Reading { name: "ClickHouse, old", escapes: true, double_texts: true, dollars: true, ..PLAIN }),
    (&["bigquery", "spanner"], Reading {
        name: "BigQuery", escapes: true, double_texts: true, triples: true, hashes: true, ..PLAIN
    }),
    (&["bigquery"], Reading {
        name: "BigQuery, old", escapes: true, double_texts: true, brackets: Brackets::Names, ..PLAIN
    }),
    (&["hive", "databricks"], Reading { name: "Hive", escapes: true, double_texts: true, ..PLAIN }),
    (&["databricks"], Reading { name: "Spark", escapes: true, double_texts: true, raw_prefix: true, nests: true, ..PLAIN }),
    (&["snowflake"], Reading { name: "Snowflake", escapes: true, dollars: true, slashes: true, ..PLAIN }),
    (&["cassandra"], Reading { name: "Cassandra", dollars: true, slashes: true, ..PLAIN }),
];

/// Systems of which nobody knows the dialect: every reading is possible.
pub(crate) const UNKNOWN: &[&str] = &["other_sql", "who.knows", "coldfusion", "spanner"];

/// Returns the readings that are possible for a system.
pub(crate) fn of(system: &str) -> Vec<&'static Reading> {
    let fits = |systems: &[&str]| UNKNOWN.contains(&system) || systems.contains(&system);
    READINGS.iter().filter(|(systems, _)| fits(systems)).map(|(_, reading)| reading).collect()
}

impl Reading {
    /// Returns the literals and comments of a text. What does not end goes to the end of the text.
    pub(crate) fn hidden(&self, text: &str) -> Vec<Range<usize>> {
        let bytes = text.as_bytes();
        let (mut at, mut found, mut within_code) = (0, Vec::new(), false);
        while at < bytes.len() {
            let opens = self.code_comments && text[at..].starts_with("/*!");
            let closes = within_code && text[at..].starts_with("*/");
            within_code = opens || (within_code && !closes);
            if opens || closes {
                at += if opens { 3 } else { 2 };
                continue;
            }
            let (end, is_hidden) = self.piece(text, at);
            if is_hidden {
                found.push(at..end);
            }
            at = end;
        }
        found
    }

    /// Returns the end of the piece that begins at `at`, and whether it is a literal or a comment.
    fn piece(&self, text: &str, at: usize) -> (usize, bool) {
        let bytes = text.as_bytes();
        let rest = &text[at..];
        let line = |at: usize| {
            let ends = if self.carriage_returns { &['\n', '\r'][..] } else { &['\n'] };
            text[at..].find(ends).map_or(text.len(), |length| at + length)
        };
        match bytes[at] {
            b'\'' => (self.text(text, at, self.escapes), true),
            b'"' if self.double_texts => (self.text(text, at, self.escapes), true),
            b'"' | b'`' => (plain(text, at, false), false),
            b'[' if self.brackets != Brackets::Signs => (self.bracket(text, at), false),
            b'{' if self.braces => (end_of(text, at, "}"), true),
            b'$' if self.dollars => match tag(rest) {
                Some(tag) => (end_of(text, at + tag.len(), tag), true),
                None => (at + 1, false),
            },
            b'/' if rest.starts_with("/*") => (self.comment(text, at), true),
            b'/' if rest.starts_with("//") && self.slashes => (line(at), true),
            b'#' if self.hashes => (line(at), true),
            b'-' if rest.starts_with("--") => {
                let is_comment =
                    !self.dashes_need_space || bytes.get(at + 2).is_none_or(|next| *next <= b' ');
                if is_comment { (line(at), true) } else { (at + 1, false) }
            }
            byte if byte.is_ascii_alphabetic() || byte == b'_' || !byte.is_ascii() => {
                self.word(text, at)
            }
            _ => (at + rest.chars().next().map_or(1, char::len_utf8), false),
        }
    }

    /// A word, and the text that it is a prefix of.
    fn word(&self, text: &str, at: usize) -> (usize, bool) {
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let first = text[at..].chars().next().map_or(1, char::len_utf8);
        let rest = &text[at + first..];
        let length = first + rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, end) = (text[at..at + length].to_ascii_lowercase(), at + length);
        if !text[end..].starts_with(['\'', '"']) {
            return (end, false);
        }
        let is_single = text[end..].starts_with('\'');
        match &*word {
            "e" if self.escape_prefix && is_single => (self.text(text, end, true), true),
            "q" | "nq" if self.bracket_texts && is_single => {
                let Some(open) = text[end + 1..].chars().next() else { return (text.len(), true) };
                let close = match open {
                    '[' => ']',
                    '(' => ')',
                    '{' => '}',
                    '<' => '>',
                    same => same,
                };
                (end_of(text, end + 1 + open.len_utf8(), &format!("{close}'")), true)
            }
            "r" if self.raw_prefix => (plain(text, end, false), true),
            _ => (end, false),
        }
    }

    fn text(&self, text: &str, at: usize, escapes: bool) -> usize {
        let quote = &text[at..=at];
        let three = quote.repeat(3);
        if !self.triples || !text[at..].starts_with(&three) {
            return plain(text, at, escapes);
        }
        let mut end = at + 3;
        let bytes = text.as_bytes();
        while end < bytes.len() && !bytes[end..].starts_with(three.as_bytes()) {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        (end + 3).min(text.len())
    }

    fn bracket(&self, text: &str, at: usize) -> usize {
        let mut end = end_of(text, at, "]");
        while self.brackets == Brackets::Doubled
            && text.get(end..).is_some_and(|t| t.starts_with(']'))
        {
            end = end_of(text, end + 1, "]");
        }
        end
    }

    fn comment(&self, text: &str, at: usize) -> usize {
        let (mut end, mut depth) = (at + 2, 1);
        while end < text.len() && depth > 0 {
            let rest = &text.as_bytes()[end..];
            end += match rest {
                [b'*', b'/', ..] => {
                    depth -= 1;
                    2
                }
                [b'/', b'*', ..] if self.nests => {
                    depth += 1;
                    2
                }
                _ => 1,
            };
        }
        end.min(text.len())
    }
}

/// Returns the end of a piece between two equal quotes, which stand doubled in it.
fn plain(text: &str, at: usize, escapes: bool) -> usize {
    let bytes = text.as_bytes();
    let quote = bytes[at];
    let mut end = at + 1;
    while end < bytes.len() {
        match bytes[end] {
            b'\\' if escapes => end += 2,
            byte if byte == quote && bytes.get(end + 1) == Some(&quote) => end += 2,
            byte if byte == quote => return end + 1,
            _ => end += 1,
        }
    }
    bytes.len()
}

/// Returns the end of the first `close` from `at` on, or of the text.
fn end_of(text: &str, at: usize, close: &str) -> usize {
    text.get(at..)
        .and_then(|rest| rest.find(close))
        .map_or(text.len(), |found| at + found + close.len())
}

/// Returns `$tag$`, if the text begins with it.
fn tag(text: &str) -> Option<&str> {
    let length = text[1..].find('$')? + 2;
    let name = &text[1..length - 1];
    let is_name = !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_name.then(|| &text[..length])
}

/// The pieces of which texts are made. `¤` becomes a mark, another one each time.
pub(crate) const PIECES: &[&str] = &[
    "¤", "¤", "¤", "¤", " ¤ ", "'¤'", "\"¤\"", "'", "'", "''", "'''", "\"", "\"\"", "\"\"\"", "`",
    "[", "]", "]]", "{", "}", "$$", "$t$", "$", "\\", "\\'", "\\\"", "\\\\", "--", "-- ", "#",
    "//", "/*", "*/", "/*!", "/* ", " */", "\n", "\r", " E'", " e'", " q'[", "]'", " r'", " R\"",
    " b'''", " N'", "nq'{", "}'", " ", ", ", "(", ")", " = ", "a", ";", "@", "@@", ":", "%", "&",
    "?", "1", " x'", "é", " U&'", "*", " AND ", "<", ">",
];

/// Returns the mark that has a number. None is part of another.
pub(crate) fn mark(number: usize) -> String {
    format!(
        "zqxj{}w",
        char::from(b'a' + u8::try_from(number % 26).unwrap_or(0))
            .to_string()
            .repeat(1 + number / 26)
    )
}

/// Returns a statement of pieces, and the number of its marks.
pub(crate) fn statement(pieces: &[&str]) -> (String, usize) {
    let (mut text, mut marks) = ("SELECT ".to_owned(), 0);
    for piece in pieces {
        if piece.contains('¤') {
            text += &piece.replace('¤', &mark(marks));
            marks += 1;
        } else {
            text += piece;
        }
    }
    (text, marks)
}

/// Returns a mark that is shown although it is part of a literal or a comment in a reading of the system.
pub(crate) fn leak(system: &str, text: &str, marks: usize, shown: &str) -> Option<String> {
    let shown: Vec<_> = (0..marks).map(mark).filter(|mark| shown.contains(mark)).collect();
    of(system).into_iter().find_map(|reading| {
        let hidden = reading.hidden(text);
        let is_hidden = |mark: &&String| {
            text.match_indices(&**mark)
                .any(|(at, _)| hidden.iter().any(|piece| piece.contains(&at)))
        };
        let mark = shown.iter().find(is_hidden)?;
        Some(format!("{mark} is hidden in the reading {:?}", reading.name))
    })
}
