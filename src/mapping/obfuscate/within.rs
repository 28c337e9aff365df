//! Statements within texts of any kind: messages of log events, texts of errors, arguments of functions.
//!
//! A text is searched for the words that begin a statement. The statement reaches to the end of the text,
//! since nothing else tells where a message goes on: when in doubt, its end goes with it. Not here: texts
//! that a key or a driver says to be statements ([`crate::mapping::drivers`]).

use super::query::QuerySecrets;
use super::url::push_text;
use super::words::is_word;

/// The ends of statements in messages. The text behind is that of an error.
const ENDS: &[&str] = &["`, error: "];

/// The quotes that messages put around statements.
const QUOTES: [char; 3] = ['`', '"', '\''];

/// The stand-in for a statement of which nothing can be shown.
const STATEMENT: &str = "?";

/// A word that begins a statement.
struct Beginning {
    word: &'static str,
    /// True if it does so in capitals only, since it is a word of English too.
    capitals: bool,
    /// The words of which one must follow; any, if there are none.
    next: &'static [&'static str],
    /// The words or signs of which one must stand anywhere behind; none, if it is zero.
    needs: Needs,
}

/// A set of [`NEEDED`].
type Needs = u16;

/// Words that only statements have behind their first one.
const NEEDED: &[&str] =
    &["FROM", "SET", "USING", "AS", "WHERE", "IDENTIFIED", "PASSWORD", "VALUES", "ON"];
const FROM: Needs = 1;
const SET: Needs = 1 << 1;
const USING: Needs = 1 << 2;
const AS: Needs = 1 << 3;
const WHERE: Needs = 1 << 4;
const SECRET: Needs = 1 << 5 | 1 << 6;
const VALUES: Needs = 1 << 7;
const ON: Needs = 1 << 8;
/// A quote.
const QUOTE: Needs = 1 << 9;
/// The number of bits.
const NEEDS: usize = NEEDED.len() + 1;

const fn any_case(word: &'static str, next: &'static [&'static str], needs: Needs) -> Beginning {
    Beginning { word, capitals: false, next, needs }
}

const fn capitals(word: &'static str, needs: Needs) -> Beginning {
    Beginning { word, capitals: true, next: &[], needs }
}

/// Kinds of things that only statements create.
#[rustfmt::skip]
const THINGS: &[&str] = &[
    "TABLE", "TEMP", "TEMPORARY", "UNLOGGED", "EXTERNAL", "FOREIGN", "VIRTUAL", "INDEX", "UNIQUE", "VIEW", "MATERIALIZED", "DATABASE",
    "SCHEMA", "KEYSPACE", "FUNCTION", "PROCEDURE", "TRIGGER", "SEQUENCE", "EXTENSION", "SUBSCRIPTION", "OR",
];

/// Kinds of things that have passwords.
const PEOPLE: &[&str] = &[
    "USER",
    "ROLE",
    "LOGIN",
    "SECRET",
    "SERVER",
    "CREDENTIAL",
    "MASTER",
    "PERSISTENT",
    "CONNECTION",
    "LINK",
];

/// The beginnings, in order of their first letters. Behind words in capitals less is needed.
#[rustfmt::skip]
const BEGINNINGS: &[Beginning] = &[
    any_case("ALTER",    THINGS, 0),               any_case("ALTER",   PEOPLE, SECRET | QUOTE), capitals("ALTER", 0),
    any_case("ATTACH",   &["DATABASE"], 0),        capitals("ATTACH",  0),
    capitals("BACKUP",   0),
    capitals("CALL",     0),                       capitals("CHANGE",  SECRET | QUOTE),         capitals("COMMENT", ON),
    capitals("COPY",     0),
    any_case("CREATE",   THINGS, 0),               any_case("CREATE",  PEOPLE, SECRET | QUOTE), capitals("CREATE", 0),
    capitals("DECLARE",  0),                       any_case("DELETE",  &["FROM"], 0),           capitals("DELETE", FROM | WHERE),
    any_case("DROP",     THINGS, 0),               capitals("DROP",    0),
    capitals("EXEC",     0),                       capitals("EXECUTE", 0),                      capitals("EXPLAIN", 0),
    capitals("GRANT",    0),
    capitals("IMPORT",   0),                       any_case("INSERT",  &["INTO", "OR", "IGNORE", "OVERWRITE"], 0),
    capitals("INSERT",   VALUES | SET),
    capitals("LOAD",     0),
    capitals("MATCH",    WHERE | QUOTE),           any_case("MERGE",   &["INTO"], 0),           any_case("MERGE", &[], USING),
    any_case("PRAGMA",   &[], 0),                  capitals("PREPARE", 0),
    any_case("REPLACE",  &["INTO"], 0),            capitals("REPLACE", VALUES | SET),           capitals("RESTORE", 0),
    capitals("REVOKE",   0),
    // No statement, but an answer of MongoDB as its driver's errors write it: all its values, in hexadecimal digits.
    any_case("RawDocumentBuf", &[], 0),
    any_case("SELECT",   &[], FROM | QUOTE),       capitals("SELECT",  0),
    any_case("SET",      &["PASSWORD"], QUOTE),    capitals("SET",     0),
    any_case("TRUNCATE", &["TABLE"], 0),           capitals("TRUNCATE", 0),
    any_case("UPDATE",   &[], SET),                any_case("UPSERT",  &["INTO"], 0),
    capitals("VALUES",   0),
    capitals("WITH",     AS),
];

/// The rows of each letter: the first of them, and the first behind them.
const ROWS: [(usize, usize); 26] = {
    let (mut rows, mut row) = ([(0, 0); 26], 0);
    while row < BEGINNINGS.len() {
        let letter = (BEGINNINGS[row].word.as_bytes()[0] - b'A') as usize;
        let (begin, end) = rows[letter];
        assert!(end == 0 || end == row, "rows of one letter stand together");
        rows[letter] = (if end == 0 { row } else { begin }, row + 1);
        row += 1;
    }
    rows
};

/// The letters that may end a first word behind two others, as sets of bits, by these two.
static LAST: [u32; 1 << 10] = {
    let (mut letters, mut row) = ([0; 1 << 10], 0);
    while row < BEGINNINGS.len() {
        let word = BEGINNINGS[row].word.as_bytes();
        let (pair, last) = (pair(word[word.len() - 3], word[word.len() - 2]), word[word.len() - 1]);
        letters[pair] |= 1 << (last & 31);
        row += 1;
    }
    letters
};

const fn pair(first: u8, second: u8) -> usize {
    ((first & 31) as usize) << 5 | (second & 31) as usize
}

/// Reads a statement: appends what may be shown of it, or returns false.
pub(crate) type Read<'r> = &'r mut dyn FnMut(&mut String, &str) -> bool;

/// Appends a text without the literals of the statements in it; false, and nothing, if there are none.
pub(super) fn push(
    out: &mut String,
    text: &str,
    was_cut: bool,
    read: Read<'_>,
    secrets: &QuerySecrets,
) -> bool {
    let start = find(text);
    if let Some(start) = start {
        push_from(out, text, start, was_cut, read, secrets);
    }
    start.is_some()
}

/// Appends a text without the literals of the statement that begins at a place.
pub(super) fn push_from(
    out: &mut String,
    text: &str,
    start: usize,
    was_cut: bool,
    read: Read<'_>,
    secrets: &QuerySecrets,
) {
    let (message, rest) = text.split_at(start);
    let end = ENDS.iter().find_map(|end| rest.rfind(end)).unwrap_or(rest.len());
    let (statement, after) = rest.split_at(end);
    push_text(out, message, false, secrets);
    if !read(out, within_quotes(message, statement)) {
        out.push_str(STATEMENT);
    }
    // There is no end in it any more, so this goes no deeper.
    if !push(out, after, was_cut, read, secrets) {
        push_text(out, after, was_cut, secrets);
    }
}

/// Returns the part of a statement that can be read. Without the quote that ends it as one began it, and
/// without what follows a backslash: the message may be escaped as a whole, and then a quote does not end
/// what it seems to end.
fn within_quotes<'t>(message: &str, statement: &'t str) -> &'t str {
    let statement = &statement[..statement.find('\\').unwrap_or(statement.len())];
    let quote = message.chars().next_back().filter(|quote| QUOTES.contains(quote));
    quote.and_then(|quote| statement.strip_suffix(quote)).unwrap_or(statement)
}

/// Returns where the first statement of a text begins, the comment before it included.
///
/// Eight bytes at a time: only where a word ends before a blank or a sign, its letters are looked at. A walk by
/// bytes takes four times as long (callgrind), and stacks of errors are long.
pub(super) fn find(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut before) = (0, 0);
    let mut around = Around::default();
    while at < bytes.len() {
        let word = match (bytes[at..].first_chunk(), bytes.last_chunk()) {
            (Some(word), _) => *word,
            // The last bytes: those among them that were looked at before do no harm.
            (None, Some(word)) => {
                (at, before) = (bytes.len() - word.len(), 0);
                *word
            }
            (None, None) => short(bytes),
        };
        let Chunk { letters, ends } = Chunk::of(u64::from_le_bytes(word));
        let mut ends = ends & (letters << 8 | before >> 56);
        while ends != 0 {
            let end = at + (ends.trailing_zeros() / 8) as usize;
            ends &= ends - 1;
            let start = match bytes.get(..end) {
                Some(word) if may_be_first(word) => start_of(word),
                _ => continue,
            };
            if start < end && begins(text, start, &mut around) {
                return Some(with_comment(text, start));
            }
        }
        (at, before) = (at + word.len(), letters);
    }
    None
}

/// Returns a text of less than eight bytes with dots behind it, which end no word.
fn short(bytes: &[u8]) -> [u8; 8] {
    let mut word = [b'.'; 8];
    word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    word
}

/// Eight bytes of a text, each as the highest bit of a byte.
struct Chunk {
    /// ASCII letters.
    letters: u64,
    /// The signs that may follow a first word: blanks, quotes, brackets and others.
    ends: u64,
}

impl Chunk {
    #[inline]
    fn of(word: u64) -> Self {
        const ONES: u64 = u64::MAX / 255;
        const HIGH: u64 = ONES * 0x80;
        // The bit of each byte from `first` on.
        let from = |word: u64, first: u8| word + ONES * u64::from(0x80 - first);
        let low = word & !HIGH;
        let lower = low | (ONES * 0x20);
        let letters = from(lower, b'a') & !from(lower, b'z' + 1);
        let ends = !from(low, b'.') | (from(low, b'?') & !letters);
        let is_ascii = !word & HIGH;
        Self { letters: letters & is_ascii, ends: ends & is_ascii }
    }
}

/// Returns true if the last three letters of a word are those of a row.
#[inline]
fn may_be_first(word: &[u8]) -> bool {
    match word {
        &[.., first, second, last] => LAST[pair(first, second)] & (1 << (last & 31)) != 0,
        _ => false,
    }
}

/// Returns where the last word of a text begins.
fn start_of(text: &[u8]) -> usize {
    text.iter().rposition(|byte| !byte.is_ascii_alphabetic()).map_or(0, |at| at + 1)
}

/// Returns how long the word is that a text begins with.
#[inline]
fn word_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !is_word(*byte)).unwrap_or(bytes.len())
}

/// Returns true if the word at a place begins a statement.
fn begins(text: &str, start: usize, around: &mut Around) -> bool {
    let (before, word) = text.as_bytes().split_at(start);
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_word = |row: &&Beginning| {
        let length = row.word.len();
        word.get(..length).is_some_and(|word| word.eq_ignore_ascii_case(row.word.as_bytes()))
            && word.get(length).is_some_and(|byte| !is_part(*byte))
    };
    let (first, end) = ROWS[usize::from(word[0] & 31) - 1];
    let mut rows = BEGINNINGS[first..end].iter().filter(is_word).peekable();
    let Some(row) = rows.peek() else { return false };
    let (word, rest) = text[start..].split_at(row.word.len());
    if before.last().is_some_and(|byte| is_part(*byte)) || !may_go_on(rest) {
        return false;
    }
    let next = rest.trim_ascii_start();
    let next = &next[..word_length(next.as_bytes())];
    let is_capital = word.bytes().all(|byte| byte.is_ascii_uppercase());
    rows.any(|row| {
        (is_capital || !row.capitals)
            && (row.next.is_empty() || row.next.iter().any(|word| word.eq_ignore_ascii_case(next)))
            && (row.needs == 0 || around.has(text, start + word.len(), row.needs))
    })
}

/// Returns true if this may follow the first word of a statement; in `SELECT: 5` and `DELETE /mails/from/{id}` it may
/// not.
fn may_go_on(rest: &str) -> bool {
    let next = rest.trim_ascii_start();
    match next.as_bytes() {
        [] => false,
        [b'/', after, ..] => *after == b'*',
        [sign, ..] => next.len() < rest.len() || b"\"'`(*[$@?#{+-\\".contains(sign),
    }
}

/// The other words of a text. It is walked once for all questions.
#[derive(Default)]
struct Around {
    found: Option<([usize; NEEDS], Option<usize>)>,
}

impl Around {
    /// Returns true if one of the needed words stands behind a place, or a comment before it.
    fn has(&mut self, text: &str, at: usize, needs: Needs) -> bool {
        let (last, comment) = self.found.get_or_insert_with(|| {
            let comment = ["--", "/*"].iter().filter_map(|sign| text.find(sign)).min();
            (last_needed(text), comment)
        });
        comment.is_some_and(|comment| comment < at)
            || last.iter().enumerate().any(|(bit, place)| needs & (1 << bit) != 0 && *place > at)
    }
}

/// Returns where each of the needed words ends last, and the last quote; zero if there is none.
fn last_needed(text: &str) -> [usize; NEEDS] {
    let bytes = text.as_bytes();
    let mut last = [0; NEEDS];
    let mut at = 0;
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            if matches!(bytes[at], b'\'' | b'"' | b'`' | b'$') {
                last[NEEDED.len()] = at;
            }
            at += 1;
            continue;
        }
        let end = at + word_length(&bytes[at..]);
        let word = &text[at..end];
        if let Some(found) = NEEDED.iter().position(|known| known.eq_ignore_ascii_case(word)) {
            last[found] = end;
        }
        at = end;
    }
    last
}

/// Returns where the comment or the statement begins that stands before a statement, or the statement.
fn with_comment(text: &str, start: usize) -> usize {
    let before = &text[..start];
    let last = before.trim_end_matches(|c: char| c == '(' || c.is_whitespace());
    if last.ends_with(';')
        || ["#", "--"].iter().any(|sign| before.trim_ascii_start().starts_with(sign))
    {
        return 0;
    }
    let block = last.ends_with("*/").then(|| before.find("/*"));
    let line = || before.contains('\n').then(|| before.find("--"));
    block.or_else(line).flatten().unwrap_or(start)
}

#[cfg(test)]
mod tests {
    use super::super::{SOME_SQL, push_statement};
    use super::*;

    fn shown(text: &str) -> Option<String> {
        let mut out = String::new();
        let mut read = |out: &mut String, text: &str| push_statement(out, text, SOME_SQL);
        push(&mut out, text, false, &mut read, &QuerySecrets::Redacted).then_some(out)
    }

    #[test]
    fn statements_are_found_in_messages_of_drivers() {
        for (text, left) in [
            ("SELECT a FROM t WHERE b = 'secret'", "SELECT a FROM t WHERE b = ?"),
            ("\n\nselect a from t where b = 7\n", "\n\nselect a from t where b = ?"),
            (
                "preparing query s0: SELECT a FROM t WHERE b = 'secret'",
                "preparing query s0: SELECT a FROM t WHERE b = ?",
            ),
            (
                "Finished query: `INSERT INTO t VALUES ('secret') -- binds: [\"secret\"]`",
                "Finished query: `INSERT INTO t VALUES ( ? )",
            ),
            (
                "Failed to execute query: `SELECT `a` FROM t WHERE b = 5`, error: no such table: t",
                "Failed to execute query: `SELECT a FROM t WHERE b = ?`, error: no such table: t",
            ),
            (
                "near \"FORM\": syntax error in SELECT a FORM t WHERE b = 'secret' at offset 9",
                "near \"FORM\": syntax error in SELECT a FORM t WHERE b = ? at offset ?",
            ),
            (
                "Statement { sql: \"SELECT \\\"a\\\", 'secret'\", values: [secret] }",
                "Statement { sql: \"SELECT",
            ),
            ("/* secret */ SELECT 1", "SELECT ?"),
            ("-- secret\nSELECT 1", "SELECT ?"),
            ("set a = 'secret'; select 1 from t", "set a = ? select ? from t"),
            (
                "see postgres://u:secret@host, then CALL f(5)",
                "see postgres://host, then CALL f ( ? )",
            ),
            ("update t set a = 'secret'", "update t set a = ?"),
            ("(SELECT 1)", "(SELECT ? )"),
            (
                "server response: Some(RawDocumentBuf { data: \"590000\" })",
                "server response: Some(RawDocumentBuf ? )",
            ),
        ] {
            assert_eq!(shown(text).as_deref(), Some(left), "{text}");
        }
    }

    #[test]
    fn plain_english_and_names_are_no_statements() {
        for text in [
            "",
            "select the cheapest of 5 offers",
            "update 7 of 9 items",
            "Create order 42",
            "call 5 customers with 3 retries",
            "failed to execute job 17: timed out",
            "DELETE /mails/from/{id}",
            "GET /users/7",
            "SELECT: 5",
            "SELECT",
            "drop 5 items, insert 3",
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0)",
            "preselect 5 FROM",
            "duplicate key value violates unique constraint \"users_email_key\"",
            "set 'dark mode'",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn many_beginnings_take_linear_time() {
        for piece in ["update ", "select x ", "CREATE", "with ", "SELECT ", "`, error: SELECT "] {
            let text = piece.repeat(100_000);
            let _ = shown(&text);
        }
    }
}
