//! Tables: words of SQL with a meaning to those who take literals out, and what words are made of.

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A word with a meaning.
    Keyword(Keyword),
    /// A value that is written as a word.
    Literal,
    /// Any other.
    Name,
}

/// What a word means to those who write statements again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    /// It begins a query, also one within another.
    Query,
    /// An alias follows.
    As,
    /// A name follows that is chosen at will.
    Savepoint,
    /// A name must follow.
    BeforeName,
    /// None of these.
    Other,
}

/// The words, in upper case, by their first letters.
#[rustfmt::skip]
const WORDS: &[(&str, Meaning)] = {
    use Keyword::{As, BeforeName, Other, Query, Savepoint};
    use Meaning::{Keyword as Word, Literal};
    &[
        ("ALTER",     Word(Other)),      ("AS",       Word(As)),
        ("BEGIN",     Word(Other)),
        ("COMMIT",    Word(Other)),      ("CREATE",   Word(Other)),
        ("DELETE",    Word(Query)),      ("DROP",     Word(Other)),
        ("FALSE",     Literal),          ("FROM",     Word(BeforeName)),
        ("GRANT",     Word(Other)),
        ("INSERT",    Word(Other)),      ("INTO",     Word(BeforeName)),
        ("JOIN",      Word(BeforeName)),
        ("LIMIT",     Word(Other)),
        ("NULL",      Literal),
        ("REVOKE",    Word(Other)),
        ("SAVEPOINT", Word(Savepoint)),  ("SELECT",   Word(Query)),
        ("TRUE",      Literal),          ("TRUNCATE", Word(Other)),
        ("UPDATE",    Word(Query)),
    ]
};

/// Where the words are in [`WORDS`] that begin with a byte: the first of them, and the first that does not.
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

/// Returns what a word means. Its first letter leaves two words at most to compare with.
#[inline]
pub(super) fn meaning(word: &str) -> Meaning {
    let (begin, end) = ROWS[usize::from(word.as_bytes()[0])];
    let is_it =
        |(name, _): &&(&str, Meaning)| name.len() == word.len() && name.eq_ignore_ascii_case(word);
    WORDS[begin..end].iter().find(is_it).map_or(Meaning::Name, |(_, meaning)| *meaning)
}

/// Whether a word may begin with this byte.
pub(super) const fn is_word_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b'@' || !byte.is_ascii()
}

/// Whether a word may have this byte in it.
#[inline]
pub(super) fn is_word(byte: u8) -> bool {
    IS_WORD[byte as usize]
}

/// What words are made of. As a table: most bytes of a statement are asked.
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
