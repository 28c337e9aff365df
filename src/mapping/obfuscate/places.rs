//! Places in a statement: those of names, and those where another reading ends a bracket or a brace.
//!
//! Everything here is decided for the few dialects that need it, and costs the others a comparison for each
//! token.

use super::quotes;
use super::words::{Keyword, is_word};

/// No such place.
const NOWHERE: usize = usize::MAX;

/// The places of one statement.
#[derive(Debug)]
pub(super) struct Places {
    /// A bit for each open parenthesis, the innermost lowest: a query has begun in it. Those of more than 63
    /// are forgotten, so that a text in quotes is no name there.
    queries: u64,
    depth: u32,
    /// The place behind the last `INTO`, until a parenthesis opens.
    into: usize,
    /// The innermost parenthesis holds the columns of an `INSERT`.
    is_columns: bool,
    /// The depth of the assignments behind a `SET`.
    assignments: Option<u32>,
    bracket: Watched,
    brace: Watched,
    /// The nearer of both.
    nearest: usize,
}

/// The end of a bracket or a brace in another reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    /// None was looked for.
    Unasked,
    At(usize),
    /// There is no more.
    Nowhere,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            queries: 0,
            depth: 0,
            into: NOWHERE,
            is_columns: false,
            assignments: None,
            bracket: Watched::Unasked,
            brace: Watched::Unasked,
            nearest: NOWHERE,
        }
    }
}

impl Places {
    /// Notes a word that ends at `end`.
    #[inline]
    pub(super) fn see(&mut self, keyword: Keyword, end: usize) {
        match keyword {
            Keyword::Query | Keyword::Update => self.queries |= 1,
            Keyword::Into => self.into = end,
            Keyword::Set if self.queries & 1 == 1 => self.assignments = Some(self.depth),
            Keyword::Clause | Keyword::From => self.assignments = None,
            _ => {}
        }
    }

    /// Notes an opening parenthesis.
    #[inline]
    pub(super) fn open(&mut self, text: &str, at: usize) {
        self.queries <<= 1;
        self.depth = self.depth.saturating_add(1);
        if self.into != NOWHERE {
            self.is_columns = is_one_name(text[self.into..at].trim());
            self.into = NOWHERE;
        }
    }

    /// Notes a closing parenthesis.
    #[inline]
    pub(super) fn close(&mut self) {
        self.queries >>= 1;
        self.depth = self.depth.saturating_sub(1);
        self.is_columns = false;
    }

    /// Returns whether only a name can follow a word. Behind a `FROM` in a function stands a text.
    pub(super) fn is_before_name(&self, word: Option<Keyword>) -> bool {
        match word {
            Some(Keyword::From) => self.queries & 1 == 1,
            Some(Keyword::Into | Keyword::BeforeName | Keyword::Update) => true,
            Some(Keyword::Set) => self.assignments == Some(self.depth),
            _ => false,
        }
    }

    /// Returns whether a text in quotes behind a comma or a parenthesis is a column of an `INSERT` or an `UPDATE`.
    pub(super) fn is_column(&self, last: &str, next: &[u8]) -> bool {
        self.is_columns
            || (last == "," && self.assignments == Some(self.depth) && next.first() == Some(&b'='))
    }

    /// Watches the end of the name that a bracket may begin.
    pub(super) fn watch_bracket(&mut self, text: &str, at: usize) {
        if self.bracket == Watched::Unasked {
            self.bracket = find(text, at, b']');
            self.set_nearest();
        }
    }

    /// Watches the end of the comment that a brace may begin, and returns it.
    pub(super) fn watch_brace(&mut self, text: &str, at: usize) -> Option<usize> {
        if self.brace == Watched::Unasked {
            self.brace = find(text, at, b'}');
            self.set_nearest();
        }
        match self.brace {
            Watched::At(end) => Some(end),
            _ => None,
        }
    }

    /// Returns whether a token lies across a watched end. An end that is a token of its own is passed.
    #[inline]
    pub(super) fn is_across(&mut self, text: &str, start: usize, end: usize) -> bool {
        end > self.nearest && (start != self.nearest || self.pass(text, start))
    }

    /// Looks for the next end behind the one at `at`.
    fn pass(&mut self, text: &str, at: usize) -> bool {
        if self.brace == Watched::At(at) {
            self.brace = Watched::Unasked;
        } else {
            // In some systems two brackets are one in the name, which goes on.
            let is_doubled = text.as_bytes().get(at + 1) == Some(&b']');
            self.bracket = if is_doubled { find(text, at + 2, b']') } else { Watched::Unasked };
        }
        self.set_nearest();
        false
    }

    fn set_nearest(&mut self) {
        let place = |watched| match watched {
            Watched::At(at) => at,
            Watched::Unasked | Watched::Nowhere => NOWHERE,
        };
        self.nearest = place(self.bracket).min(place(self.brace));
    }
}

fn find(text: &str, at: usize, close: u8) -> Watched {
    let found = quotes::find_byte(text.as_bytes(), at, |byte| byte == close);
    found.map_or(Watched::Nowhere, Watched::At)
}

/// Returns whether a piece of text is the name of a table.
fn is_one_name(piece: &str) -> bool {
    !piece.is_empty() && piece.bytes().all(|byte| is_word(byte) || b"\"`[]-".contains(&byte))
}
