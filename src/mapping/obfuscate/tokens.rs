//! SQL text -> tokens, none of which shows a literal.
//!
//! One walk over the text. It rests on one rule: at the start of each token, every reading that the
//! [`Dialect`] allows is outside of literals, names in quotes and comments. A token that two readings end
//! at different places is the last one. Names of rules are those of `DataDog/datadog-agent`,
//! `pkg/obfuscate/sql_tokenizer.go`. Not here: passwords and arguments that look like names
//! ([`super::context`]).

mod comments;
mod quoted;

use super::dialect::{Answer, Dialect, Hash};
use super::places::Places;
use super::quotes;
use super::words::{self, Keyword, Meaning, is_word, is_word_start};

/// A piece of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A text, a number, a placeholder without a name, `NULL`, `TRUE`, `FALSE`.
    Literal,
    /// A name or a placeholder with a name.
    Name(&'a str),
    /// A name in brackets.
    Bracketed(&'a str),
    /// A word with a meaning.
    Keyword(Keyword, &'a str),
    /// An operator or a sign.
    Sign(&'a str),
    /// A comment.
    Comment,
}

/// Signs of more than one character, the longer first.
#[rustfmt::skip]
const SIGNS: &[&str] = &["<=>", "->>", "#>>", "!~*", "<>", "<=", ">=", "!=", "!~", "~*", "::", "->", "#>", "#-"];

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
const UUID_LENGTH: usize = 36;

/// The findings of a walk about a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// The walk ended early: readings differ, or the text ended inside of something.
    pub(super) gave_up: bool,
    /// This reading cannot be right: the text ends inside of a literal or a comment, or there is a
    /// backslash outside of both.
    pub(super) is_wrong: bool,
    /// The start of the first literal that a backslash may end sooner or later than it was taken here.
    pub(super) doubt: Option<usize>,
}

/// Walks over a statement. Its usual path is inlined into the one loop that writes: with the calls a
/// statement costs a fifth more (callgrind).
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    dialect: &'static Dialect,
    /// A backslash escapes in plain literals.
    escapes: bool,
    /// Open braces of an escape sequence around the whole statement.
    braces: u32,
    /// The place of the last token that is no comment.
    last: (usize, usize),
    places: Places,
    findings: Findings,
}

#[expect(clippy::inline_always, reason = "see `Tokens`")]
impl<'a> Tokens<'a> {
    /// Starts a walk in the usual reading of a dialect.
    pub(super) fn new(text: &'a str, dialect: &'static Dialect) -> Self {
        Self {
            text,
            at: 0,
            dialect,
            escapes: dialect.escapes != Answer::No,
            braces: 0,
            last: (0, 0),
            places: Places::default(),
            findings: Findings::default(),
        }
    }

    /// Starts a walk in the other reading of backslashes.
    pub(super) fn new_other(text: &'a str, dialect: &'static Dialect) -> Self {
        let usual = Self::new(text, dialect);
        Self { escapes: !usual.escapes, ..usual }
    }

    /// Returns the findings so far.
    pub(super) fn findings(&self) -> Findings {
        self.findings
    }

    /// Returns the place of the next token, at the earliest.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Returns whether the word that was just taken is the prefix of a text: `N'..'`.
    pub(super) fn is_at_text(&self) -> bool {
        self.peek(0) == b'\''
    }

    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    fn rest(&self) -> &'a [u8] {
        &self.bytes()[self.at..]
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Ends the walk, since the readings differ from here on.
    fn give_up(&mut self) -> Token<'a> {
        self.findings.gave_up = true;
        self.at = self.text.len();
        Token::Literal
    }

    /// Ends the walk, since the text ends inside of something.
    fn ends_inside(&mut self) -> Token<'a> {
        self.findings.is_wrong = true;
        self.give_up()
    }

    /// Takes everything before `end`, if there is one.
    fn take_to(&mut self, end: Option<usize>, token: Token<'a>) -> Token<'a> {
        let Some(end) = end else { return self.ends_inside() };
        self.at = end;
        token
    }

    /// Takes the bytes for which `fits` is true.
    #[inline]
    fn take_while(&mut self, fits: impl Fn(u8) -> bool) {
        let end = quotes::find_byte(self.bytes(), self.at, |byte| !fits(byte));
        self.at = end.unwrap_or(self.text.len());
    }

    #[inline(always)]
    fn scan(&mut self) -> Token<'a> {
        let start = self.at;
        match self.peek(0) {
            b'\'' => self.text_literal(self.escapes),
            b'"' => self.double_quoted(),
            b'`' => self.backticked(),
            b'[' if self.dialect.bracket_names != Answer::No => self.bracketed(),
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' if self.is_uuid() => {
                self.at += UUID_LENGTH;
                Token::Literal
            }
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_ascii_digit() => self.number(),
            b'-' if self.peek(1) == b'-' => self.dashes(),
            b'-' if starts_number(self.peek(1), self.peek(2)) => self.number(),
            b'/' => self.slash(),
            b'#' if self.dialect.hash == Hash::Letter => self.word(),
            b'#' if self.dialect.hash != Hash::Operator => {
                self.line_comment(1, self.dialect.hash == Hash::Comment)
            }
            b'$' => self.dollar(),
            b':' => self.colon(),
            b'%' => self.percent(),
            b'{' => self.brace(),
            b'?' => self.single(Token::Literal),
            b'\\' => self.ends_inside(),
            byte if is_word_start(byte) => self.word(),
            _ => self.sign(),
        }
        .or_give_up_across(self, start)
    }

    fn single(&mut self, token: Token<'a>) -> Token<'a> {
        self.at += 1;
        token
    }

    fn sign(&mut self) -> Token<'a> {
        let start = self.at;
        match self.peek(0) {
            b'(' => self.places.open(self.text, start),
            b')' => self.places.close(),
            b'{' => self.braces += 1,
            b'}' => self.braces = self.braces.saturating_sub(1),
            _ => {}
        }
        self.at += self.sign_length();
        Token::Sign(&self.text[start..self.at])
    }

    fn sign_length(&self) -> usize {
        // The list is only for signs that can begin one of it; most stand alone.
        if !self.peek(1).is_ascii_punctuation()
            || matches!(self.peek(0), b'(' | b')' | b',' | b';' | b'.')
        {
            return 1;
        }
        let long = SIGNS.iter().find(|sign| self.rest().starts_with(sign.as_bytes()));
        match long.map_or(1, |sign| sign.len()) {
            // `#--`: a comment begins in the middle.
            2 if self.rest()[1..].starts_with(b"--") => 1,
            length => length,
        }
    }

    /// A word, and literals with a prefix: `E'..'`, `q'[..]'`.
    #[inline(always)]
    fn word(&mut self) -> Token<'a> {
        let start = self.at;
        if !self.peek(0).is_ascii() && !self.is_letter() {
            // Quotes and signs of currencies of other scripts: literals somewhere.
            return self.give_up();
        }
        self.at += 1;
        let hash = self.dialect.hash == Hash::Letter;
        self.take_while(|byte| is_word(byte) || (hash && byte == b'#'));
        if self.bytes()[start..self.at].contains(&b'$') {
            if self.bytes()[start] == b'@' {
                // A variable, or an operator and a text between dollars.
                return self.give_up();
            }
            self.at = start + before_text(&self.bytes()[start..self.at]);
        }
        // `t.*`, all columns of a table; in `a*5` the sign is an operator.
        if self.peek(0) == b'*' && self.bytes()[self.at - 1] == b'.' {
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        if matches!(self.peek(0), b'\'' | b'"') {
            if let Some(literal) = self.prefixed(word) {
                return literal;
            }
        }
        match words::meaning(word) {
            Meaning::Keyword(keyword) => {
                self.places.see(keyword, self.at);
                Token::Keyword(keyword, word)
            }
            Meaning::Literal => Token::Literal,
            Meaning::Name => Token::Name(word),
        }
    }

    /// Returns whether a character beyond ASCII may stand in a name.
    fn is_letter(&self) -> bool {
        let first = self.text[self.at..].chars().next();
        first.is_some_and(|c| c.is_alphanumeric() || c.is_whitespace())
    }

    /// Returns the last token as it is written. Only its place is kept, since hardly anybody asks.
    fn last_text(&self) -> &'a str {
        &self.text[self.last.0..self.last.1]
    }

    /// A number in any form: the letters and digits that follow belong to it.
    fn number(&mut self) -> Token<'a> {
        self.at += 1;
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_';
        loop {
            self.take_while(is_part);
            let last = self.bytes()[self.at - 1];
            if last.is_ascii_alphabetic() && self.is_at_text() {
                // `1q'[..]'`: the letters may be the prefix of a text.
                return self.give_up();
            }
            let has_sign = matches!(last, b'e' | b'E') && matches!(self.peek(0), b'+' | b'-');
            if !(has_sign && self.peek(1).is_ascii_digit()) {
                if self.peek(0) == b'$' {
                    // `1a$b$`: the end of a word with dollars, or the begin of a text between dollars.
                    return self.give_up();
                }
                return Token::Literal;
            }
            self.at += 1;
        }
    }

    /// A cast (`::`), a placeholder (`:name`) or a sign.
    fn colon(&mut self) -> Token<'a> {
        let start = self.at;
        // A number in `a[2:3]`, not a placeholder.
        let is_slice = self.peek(1).is_ascii_digit()
            && start > 0
            && matches!(self.bytes()[start - 1], b'[' | b']' | b')' | b'0'..=b'9' | b'a'..=b'z');
        if is_slice || !(self.peek(1).is_ascii_alphanumeric() || self.peek(1) == b'_') {
            return self.sign();
        }
        self.at += 1;
        self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.');
        self.parameter(start)
    }

    /// A placeholder with a name. A quote behind it may belong to a text with a prefix.
    fn parameter(&mut self, start: usize) -> Token<'a> {
        if self.is_at_text() { self.give_up() } else { Token::Name(&self.text[start..self.at]) }
    }

    /// A placeholder of a client library (`%s`, `%(name)s`) or a sign.
    fn percent(&mut self) -> Token<'a> {
        let rest = &self.rest()[1..];
        let name = match rest.first() {
            Some(b'(') => {
                rest[1..].iter().position(|byte| !is_word(*byte)).map_or(0, |end| end + 1)
            }
            _ => 0,
        };
        let letter = match (name, rest.get(name)) {
            (0, _) => 0,
            (_, Some(b')')) => name + 1,
            _ => return self.sign(),
        };
        // More letters are a word of their own, perhaps the prefix of a text.
        let is_alone = |next: Option<&u8>| {
            next.is_none_or(|byte| !is_word(*byte) && !matches!(byte, b'\'' | b'"'))
        };
        if rest.get(letter).is_some_and(u8::is_ascii_alphabetic) && is_alone(rest.get(letter + 1)) {
            self.at += letter + 2;
            return Token::Literal;
        }
        self.sign()
    }

    /// The braces around `{call p(?)}`, or a piece in braces: `{d '2024-01-01'}`, a document.
    fn brace(&mut self) -> Token<'a> {
        if self.dialect.brace_comments != Answer::No {
            let comment_end = self.places.watch_brace(self.text, self.at);
            if comment_end.is_none() {
                return self.give_up();
            }
        }
        if self.braces > 0 || (self.last == (0, 0) && self.is_call()) {
            return self.sign();
        }
        self.sign();
        while self.braces > 0 && self.at < self.text.len() {
            let _ = self.scan();
        }
        self.findings.gave_up |= self.braces > 0;
        Token::Literal
    }

    /// Returns whether a call follows the brace: `call p()`, `? = call p()`.
    fn is_call(&self) -> bool {
        let inside = self.rest()[1..].trim_ascii_start();
        inside.first() == Some(&b'?')
            || inside.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"call"))
    }

    /// Returns whether a UUID begins here: Cassandra writes them without quotes.
    fn is_uuid(&self) -> bool {
        if self.peek(8) != b'-' {
            return false;
        }
        let Some(text) = self.rest().get(..UUID_LENGTH) else { return false };
        text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    }
}

impl<'a> Token<'a> {
    /// Gives the walk up if another reading ends a bracket or a brace in the middle of this token.
    #[inline]
    fn or_give_up_across(self, tokens: &mut Tokens<'a>, start: usize) -> Self {
        let is_across = tokens.places.is_across(tokens.text, start, tokens.at);
        if is_across { tokens.give_up() } else { self }
    }
}

#[expect(clippy::inline_always, reason = "see `Tokens`")]
impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Token<'a>> {
        self.take_while(|byte| byte.is_ascii_whitespace() || byte == 0x0b);
        if self.at == self.text.len() {
            return None;
        }
        let start = self.at;
        let token = self.scan();
        if token != Token::Comment {
            self.last = (start, self.at);
        }
        Some(token)
    }
}

/// Returns the length of a word without the text between dollars that an operator or a dot parts from it.
fn before_text(word: &[u8]) -> usize {
    let is_text =
        |bytes: &[u8]| matches!(bytes, [b'@' | b'.', b'$', next] if !next.is_ascii_digit());
    word.windows(3).position(is_text).map_or(word.len(), |at| at + 1)
}

fn starts_number(first: u8, second: u8) -> bool {
    first.is_ascii_digit() || (first == b'.' && second.is_ascii_digit())
}
