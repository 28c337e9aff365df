//! Table: words of SQL with a meaning to those who take literals out.

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

/// The words, in upper case.
#[rustfmt::skip]
const WORDS: &[(&str, Meaning)] = {
    use Keyword::{As, BeforeName, Other, Query, Savepoint};
    use Meaning::{Keyword as Word, Literal};
    &[
        ("AS",        Word(As)),
        ("NULL",      Literal), ("TRUE", Literal), ("FALSE", Literal),
        ("FROM",      Word(BeforeName)), ("INTO", Word(BeforeName)), ("JOIN", Word(BeforeName)),
        ("SELECT",    Word(Query)), ("DELETE", Word(Query)), ("UPDATE",   Word(Query)),
        ("ALTER",     Word(Other)), ("BEGIN",  Word(Other)), ("COMMIT",   Word(Other)),
        ("CREATE",    Word(Other)), ("DROP",   Word(Other)), ("GRANT",    Word(Other)),
        ("INSERT",    Word(Other)), ("LIMIT",  Word(Other)), ("REVOKE",   Word(Other)),
        ("TRUNCATE",  Word(Other)),
        ("SAVEPOINT", Word(Savepoint)),
    ]
};

/// The lengths of [`WORDS`]: most words are none of them.
const LENGTHS: std::ops::RangeInclusive<usize> = 2..=9;

/// Returns what a word means.
pub(super) fn meaning(word: &str) -> Meaning {
    if !LENGTHS.contains(&word.len()) {
        return Meaning::Name;
    }
    let first = word.as_bytes()[0].to_ascii_uppercase();
    if !is_first(first) {
        return Meaning::Name;
    }
    let is_it = |(name, _): &&(&str, Meaning)| {
        name.len() == word.len() && name.as_bytes()[0] == first && name.eq_ignore_ascii_case(word)
    };
    WORDS.iter().find(is_it).map_or(Meaning::Name, |(_, meaning)| *meaning)
}

/// Whether one of [`WORDS`] begins with it.
fn is_first(letter: u8) -> bool {
    matches!(letter, b'A'..=b'D' | b'F' | b'G' | b'I' | b'J' | b'L' | b'N' | b'R'..=b'U')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_in_any_case_and_no_other() {
        for (word, expected) in WORDS {
            assert!(LENGTHS.contains(&word.len()) && is_first(word.as_bytes()[0]), "{word}");
            assert_eq!(meaning(word), *expected, "{word}");
            assert_eq!(meaning(&word.to_lowercase()), *expected, "{word}");
        }
        for word in ["a", "asset", "nul", "selects", "users"] {
            assert_eq!(meaning(word), Meaning::Name, "{word}");
        }
    }
}
