//! Secrets in the query strings of URLs -> `<redacted>`.
//!
//! The rules are those of Datadog's tracers, whose users write them as one regular expression. Here each
//! alternative is a row or a small function, and the walk is linear: a match is decided by the bytes where it
//! begins, and its end is looked for once. Not here: where a URL begins in a text ([`super::url`]).
//!
//! Source: the default of `DD_TRACE_OBFUSCATION_QUERY_STRING_REGEXP` in `DataDog/dd-trace-py` 4.16, and the four
//! keys that the semantic conventions of OpenTelemetry name for `url.query`. A test in `tests/agent` compares
//! both and lists each difference.

mod secrets;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::guard;
use secrets::{End, Step, Tail, may_begin};

/// The text that stands for a secret.
pub(crate) const REDACTED: &str = "<redacted>";

/// The signs that a query or a fragment begins behind.
pub(super) const BEGINS: [char; 2] = ['?', '#'];

/// A function of the user that redacts a query string.
pub(crate) type RedactQuery = Arc<dyn for<'q> Fn(&'q str) -> Cow<'q, str> + Send + Sync>;

/// The treatment of secrets in query strings.
#[derive(Clone, Default)]
pub(crate) enum QuerySecrets {
    /// They become [`REDACTED`].
    #[default]
    Redacted,
    /// They stay.
    Kept,
    /// A function of the user decides.
    Own(RedactQuery),
}

impl fmt::Debug for QuerySecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redacted => "Redacted",
            Self::Kept => "Kept",
            Self::Own(_) => "Own",
        })
    }
}

/// The end of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bounds {
    /// With the text, which is a URL.
    Url,
    /// With the text, which is all query.
    Query,
    /// With the word: the text is any text.
    Word,
}

/// The walk over one text, in pieces.
#[derive(Debug)]
pub(super) struct Walk {
    bounds: Bounds,
    state: State,
    /// The end of the last secret, or the beginning of the query.
    floor: usize,
}

/// The place of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Outside,
    Inside,
    /// In a secret that was announced already.
    In(Tail),
    /// In one that Datadog's tracers do not hide, or not as far. It ends where another begins: so nothing that they
    /// hide is shown.
    InLoose(Tail),
}

impl Walk {
    /// Begins a walk.
    pub(super) fn new(bounds: Bounds) -> Self {
        let state = if bounds == Bounds::Query { State::Inside } else { State::Outside };
        Self { bounds, state, floor: 0 }
    }

    /// Appends the next piece of the text without secrets; says whether there were any.
    pub(super) fn push(&mut self, out: &mut String, text: &str) -> bool {
        let bytes = text.as_bytes();
        let (mut written, mut at, mut found) = (0, 0, false);
        self.floor = 0;
        loop {
            match self.state {
                State::Outside => match text[at..].find(BEGINS) {
                    Some(begin) => {
                        self.floor = at + begin;
                        (at, self.state) = (self.floor + 1, State::Inside);
                    }
                    None => break,
                },
                State::Inside => match self.next(bytes, at) {
                    Next::Secret(start, end) => {
                        out.push_str(&text[written..start]);
                        out.push_str(REDACTED);
                        found = true;
                        match end {
                            End::At(end) => {
                                (at, written) = (end, end);
                                self.floor = end;
                            }
                            End::Later(from, state) => {
                                (at, self.state) = (from, state);
                                self.floor = from;
                            }
                        }
                    }
                    Next::Outside(end) => (at, self.state) = (end, State::Outside),
                    Next::Nothing => break,
                },
                State::In(tail) => match tail.end(bytes, at, self.bounds) {
                    Some(end) => {
                        (at, written, self.state) = (end, end, State::Inside);
                        self.floor = end;
                    }
                    None if matches!(tail, Tail::Json | Tail::Pem) => {
                        self.state = State::InLoose(tail);
                    }
                    // Its name was in an earlier piece, perhaps.
                    None => return true,
                },
                State::InLoose(tail) => match self.loose_end(tail, bytes, at) {
                    Some(end) => (at, written, self.state) = (end, end, State::Inside),
                    None => return true,
                },
            }
        }
        out.push_str(&text[written..]);
        found
    }

    /// Returns true if a text that ends here ends within a query.
    pub(super) fn is_inside(&self) -> bool {
        self.state == State::Inside
    }

    /// Looks for the next secret of the query.
    fn next(&self, bytes: &[u8], from: usize) -> Next {
        for (at, byte) in bytes.iter().enumerate().skip(from) {
            if self.bounds == Bounds::Word && byte.is_ascii_whitespace() {
                return Next::Outside(at);
            }
            if may_begin(bytes, at) {
                if let Some(end) = self.secret(bytes, at) {
                    return Next::Secret(at, end);
                }
            }
        }
        Next::Nothing
    }

    /// Returns where a loose secret ends, if it does.
    fn loose_end(&self, tail: Tail, bytes: &[u8], from: usize) -> Option<usize> {
        let mut at = from;
        while at < bytes.len() {
            let length = match tail.step(bytes, at) {
                Step::On(length) => length,
                Step::End(end) => return Some(end),
            };
            let next = (at + length).min(bytes.len());
            let begins = |at: &usize| may_begin(bytes, *at) && self.secret(bytes, *at).is_some();
            if let Some(end) = (at..next).find(begins) {
                return Some(end);
            }
            at = next;
        }
        None
    }
}

/// The next part of a query.
enum Next {
    Secret(usize, End),
    Outside(usize),
    Nothing,
}

/// Appends a text with its queries as a function of the user returns them.
pub(super) fn push_own(out: &mut String, text: &str, bounds: Bounds, own: &RedactQuery) {
    let mut rest = text;
    loop {
        let begin = match bounds {
            Bounds::Query => Some(0),
            Bounds::Url | Bounds::Word => rest.find('?').map(|at| at + 1),
        };
        let Some(begin) = begin else { return out.push_str(rest) };
        let (before, query) = rest.split_at(begin);
        let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '`');
        let end = match bounds {
            Bounds::Query => None,
            Bounds::Url => query.find('#'),
            Bounds::Word => query.find(is_end),
        };
        let (query, after) = query.split_at(end.unwrap_or(query.len()));
        out.push_str(before);
        // It is foreign code: what it cannot read goes.
        match guard::run_quiet(|| own(query)) {
            Some(shown) => out.push_str(&shown),
            None => out.push_str(REDACTED),
        }
        if bounds != Bounds::Word {
            return out.push_str(after);
        }
        rest = after;
    }
}
