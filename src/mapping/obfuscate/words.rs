//! Tables: words of SQL with a meaning to those who take literals out, and what words are made of.

/// The meaning of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A word with a meaning.
    Keyword(Keyword),
    /// A value that is written as a word.
    Literal,
    /// Any other.
    Name,
}

/// The meaning of a word to those who write statements again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    /// `SELECT`, `DELETE`: a query begins, also one within another.
    Query,
    /// `UPDATE`: a query begins, and the name of a table follows.
    Update,
    /// An alias follows.
    As,
    /// A name follows that is chosen at will.
    Savepoint,
    /// A name follows, or in a function a text.
    From,
    /// A name follows, and perhaps a list of columns.
    Into,
    /// A name follows.
    BeforeName,
    /// Assignments follow.
    Set,
    /// Assignments end.
    Clause,
    /// Rows follow.
    Insert,
    /// The kind of an object follows.
    Define,
    /// Another statement may follow.
    Block,
    /// A procedure follows.
    Execute,
    /// A password may follow.
    Identified,
    /// The language of rows may follow.
    Format,
    /// Rows may follow.
    Stdin,
    /// None of these.
    Other,
}

impl Keyword {
    /// Returns whether a statement may begin with it, without a sign that ends the one before.
    pub(super) fn begins_statement(self) -> bool {
        matches!(
            self,
            Self::Query
                | Self::Update
                | Self::Insert
                | Self::Define
                | Self::Execute
                | Self::Set
                | Self::Block
                | Self::Other
        )
    }
}

/// The words, in upper case, by their first letters.
#[rustfmt::skip]
const WORDS: &[(&str, Meaning)] = {
    use Keyword::{
        As, BeforeName, Block, Clause, Define, Execute, Format, From, Identified, Insert, Into, Other, Query, Savepoint,
        Set, Stdin, Update,
    };
    use Meaning::{Keyword as Word, Literal};
    &[
        ("ALTER",      Word(Define)),     ("AS",        Word(As)),
        ("BEGIN",      Word(Block)),
        ("COMMIT",     Word(Other)),      ("CREATE",    Word(Define)),
        ("DELETE",     Word(Query)),      ("DROP",      Word(Other)),
        ("EXEC",       Word(Execute)),    ("EXECUTE",   Word(Execute)),
        ("FALSE",      Literal),          ("FROM",      Word(From)),       ("FORMAT",   Word(Format)),
        ("GRANT",      Word(Other)),
        ("IDENTIFIED", Word(Identified)), ("IDENTIFY",  Word(Identified)), ("INSERT",   Word(Insert)),
        ("INTO",       Word(Into)),
        ("JOIN",       Word(BeforeName)),
        ("LIMIT",      Word(Other)),
        ("NULL",       Literal),
        ("ORDER",      Word(Clause)),
        ("REVOKE",     Word(Other)),
        ("SAVEPOINT",  Word(Savepoint)),  ("SELECT",    Word(Query)),      ("SET",      Word(Set)),
        ("STDIN",      Word(Stdin)),
        ("TRUE",       Literal),          ("TRUNCATE",  Word(Other)),
        ("UPDATE",     Word(Update)),
        ("WHERE",      Word(Clause)),
    ]
};

/// The places in [`WORDS`] of the words that begin with a byte: the first of them, and the first that does not.
const ROWS: [(usize, usize); 256] = {
    let (mut rows, mut row) = ([(0, 0); 256], 0);
    while row < WORDS.len() {
        let letter = WORDS[row].0.as_bytes()[0];
        let (begin, end) = rows[letter as usize];
        let all = (if end == 0 { row } else { begin }, row + 1);
        rows[letter as usize] = all;
        rows[letter.to_ascii_lowercase() as usize] = all;
        row += 1;
    }
    rows
};

/// Returns what a word means. Its first letter leaves four words at most to compare with.
#[inline]
pub(super) fn meaning(word: &str) -> Meaning {
    let (begin, end) = ROWS[usize::from(word.as_bytes()[0])];
    let is_it =
        |(name, _): &&(&str, Meaning)| name.len() == word.len() && name.eq_ignore_ascii_case(word);
    WORDS[begin..end].iter().find(is_it).map_or(Meaning::Name, |(_, meaning)| *meaning)
}

/// Returns the meaning of a token that is a word with one.
pub(super) fn meaning_of(token: &str) -> Option<Keyword> {
    if token.is_empty() {
        return None;
    }
    match meaning(token) {
        Meaning::Keyword(keyword) => Some(keyword),
        Meaning::Literal | Meaning::Name => None,
    }
}

/// Returns whether a word may begin with this byte.
pub(super) const fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b'@' || !byte.is_ascii()
}

/// Returns whether a word may have this byte in it.
#[inline]
pub(super) fn is_word(byte: u8) -> bool {
    IS_WORD[byte as usize]
}

/// True for the bytes that words are made of. A table, since most bytes of a statement are looked up.
const IS_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut at = 0;
    while at < table.len() {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 256")]
        let byte = at as u8;
        table[at] = is_word_start(byte) || byte.is_ascii_digit() || byte == b'.' || byte == b'$';
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_in_any_case_and_no_other() {
        for (word, expected) in WORDS {
            assert_eq!(meaning(word), *expected, "{word}");
            assert_eq!(meaning(&word.to_lowercase()), *expected, "{word}");
        }
        for word in ["a", "asset", "nul", "selects", "users", "zone", "@from", "_as", "ünull"] {
            assert_eq!(meaning(word), Meaning::Name, "{word}");
        }
    }
}
