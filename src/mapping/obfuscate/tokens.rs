//! SQL text -> tokens, none of which shows a literal.
//!
//! One walk over the text, no memory of its own. Where dialects differ about what a literal is, the
//! [`Dialect`] decides; what ends inside a literal or a comment has no tokens from there on. The names of
//! the rules are those of `DataDog/datadog-agent`, `pkg/obfuscate/sql_tokenizer.go`.

use super::dialect::{Backslash, Dialect, DoubleQuotes, Hash};
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

/// What may begin or end a literal.
const QUOTES: [char; 4] = ['\'', '"', '`', '$'];

/// `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`.
const UUID_LENGTH: usize = 36;

/// What a walk over a statement found out about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// Whether it ended inside a literal or a comment, or has a backslash outside of both.
    pub(super) is_broken: bool,
    /// Where the first literal begins that a backslash may end sooner or later than taken here.
    pub(super) doubt: Option<usize>,
}

/// Walks over a statement. Its usual path is inlined into the one loop that writes: with the calls a
/// statement costs a fifth more (callgrind).
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
    /// Whether a backslash escapes.
    escapes: bool,
    /// Open braces of an escape sequence around the whole statement.
    braces: u32,
    /// Where the last token is that is no comment.
    last: (usize, usize),
    findings: Findings,
}

#[expect(clippy::inline_always, reason = "see `Tokens`")]
impl<'a> Tokens<'a> {
    /// Starts a walk.
    pub(super) fn new(text: &'a str, dialect: Dialect) -> Self {
        Self {
            text,
            at: 0,
            dialect,
            escapes: dialect.backslash != Backslash::Plain,
            braces: 0,
            last: (0, 0),
            findings: Findings::default(),
        }
    }

    /// Returns what was found out so far.
    pub(super) fn findings(&self) -> Findings {
        self.findings
    }

    /// Returns where the next token begins, at the earliest.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Takes everything up to the end, since that is inside of something.
    fn breaks_off(&mut self) {
        self.findings.is_broken = true;
        self.at = self.text.len();
    }

    /// Takes the bytes for which `fits` is true.
    #[inline]
    fn take_while(&mut self, fits: impl Fn(u8) -> bool) {
        let rest = self.rest();
        self.at += rest.iter().position(|byte| !fits(*byte)).unwrap_or(rest.len());
    }

    #[inline(always)]
    fn scan(&mut self) -> Token<'a> {
        let start = self.at;
        match self.peek(0) {
            b'\'' => self.text_literal(b'\'', self.escapes),
            b'"' => self.double_quoted(),
            b'`' => self.quoted_name(b'`'),
            b'[' if self.dialect.brackets => self.bracketed(),
            b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F' if self.is_uuid() => {
                self.at += UUID_LENGTH;
                Token::Literal
            }
            b'0'..=b'9' => self.number(),
            b'.' if self.peek(1).is_ascii_digit() => self.number(),
            b'-' if self.peek(1) == b'-' => self.line_comment(self.is_dashed_comment()),
            b'-' if starts_number(self.peek(1), self.peek(2)) => self.number(),
            b'/' if self.peek(1) == b'*' => self.block_comment(),
            b'/' if self.peek(1) == b'/' => self.line_comment(false),
            b'#' if self.dialect.hash == Hash::Comment => {
                self.line_comment(self.dialect != Dialect::UNKNOWN)
            }
            b'#' if self.dialect.hash == Hash::Letter => self.word(),
            b'$' => self.dollar(),
            b':' => self.colon(),
            b'%' => self.percent(),
            b'{' if start > 0 && self.braces == 0 => self.escape_sequence(),
            b'?' => self.single(Token::Literal),
            byte if is_word_start(byte) => self.word(),
            _ => self.sign(),
        }
    }

    /// Takes a token within another.
    fn skip(&mut self) {
        let _ = self.scan();
    }

    fn single(&mut self, token: Token<'a>) -> Token<'a> {
        self.at += 1;
        token
    }

    fn sign(&mut self) -> Token<'a> {
        let start = self.at;
        match self.peek(0) {
            b'{' => self.braces += 1,
            b'}' => self.braces = self.braces.saturating_sub(1),
            b'\\' => self.findings.is_broken = true,
            _ => {}
        }
        self.at += self.sign_length();
        Token::Sign(&self.text[start..self.at])
    }

    fn sign_length(&self) -> usize {
        // Most signs stand alone: the list is for those that can begin one of it.
        if !self.peek(1).is_ascii_punctuation()
            || matches!(self.peek(0), b'(' | b')' | b',' | b';' | b'.')
        {
            return 1;
        }
        let long = SIGNS.iter().find(|sign| self.rest().starts_with(sign.as_bytes()));
        long.map_or(1, |sign| sign.len())
    }

    /// A word, and what is special behind some of them: `E'..'`, `q'[..]'`.
    #[inline(always)]
    fn word(&mut self) -> Token<'a> {
        let start = self.at;
        self.at += 1;
        let hash = self.dialect.hash == Hash::Letter;
        self.take_while(|byte| is_word(byte) || (hash && byte == b'#'));
        // `t.*`, all columns of a table; in `a*5` the sign is an operator.
        if self.peek(0) == b'*' && self.text.as_bytes()[self.at - 1] == b'.' {
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        if self.peek(0) == b'\'' {
            // The prefix is part of the literal: nothing else tells where that ends.
            match word.rsplit(['@', '.', '#']).next() {
                Some("q" | "Q" | "nq" | "nQ" | "Nq" | "NQ") => return self.oracle_literal(),
                Some("e" | "E") => return self.text_literal(b'\'', true),
                _ => {}
            }
        }
        match words::meaning(word) {
            Meaning::Keyword(keyword) => Token::Keyword(keyword, word),
            Meaning::Literal => Token::Literal,
            Meaning::Name => Token::Name(word),
        }
    }

    /// A text between quotes; a doubled quote is one of the text.
    fn text_literal(&mut self, quote: u8, escapes: bool) -> Token<'a> {
        let start = self.at;
        self.at += 1;
        loop {
            self.take_while(|byte| byte != quote && byte != b'\\');
            match (self.peek(0), self.peek(1)) {
                (b'\\', next) => {
                    if next == quote && self.findings.doubt.is_none() {
                        self.findings.doubt = Some(start);
                    }
                    self.at += 1;
                    if escapes && self.at < self.text.len() {
                        self.at += 1;
                    }
                }
                (one, two) if one == quote && two == quote => self.at += 2,
                (one, _) if one == quote => {
                    self.at += 1;
                    return Token::Literal;
                }
                _ => {
                    self.breaks_off();
                    return Token::Literal;
                }
            }
        }
    }

    /// Oracle's `q'[it's]'`: up to the bracket that belongs to the first one, and a quote.
    fn oracle_literal(&mut self) -> Token<'a> {
        self.at += 1;
        let Some(open) = self.text[self.at..].chars().next() else {
            self.breaks_off();
            return Token::Literal;
        };
        let close = match open {
            '[' => ']',
            '{' => '}',
            '(' => ')',
            '<' => '>',
            other => other,
        };
        self.at += open.len_utf8();
        let mut end = [0; 5];
        let length = close.encode_utf8(&mut end).len();
        end[length] = b'\'';
        self.skip_past(&end[..=length]);
        Token::Literal
    }

    fn double_quoted(&mut self) -> Token<'a> {
        let quotes = self.dialect.double_quotes;
        if quotes == DoubleQuotes::Text {
            return self.text_literal(b'"', self.escapes);
        }
        let start = self.at;
        let name = self.quoted_name(b'"');
        let is_name = match quotes {
            DoubleQuotes::Unknown => self.is_before_name() || self.peek(0) == b'.',
            // As in the Agent: what a column is compared with is hardly another one in quotes.
            _ => self.last_text() != "=",
        };
        if is_name {
            return name;
        }
        self.at = start;
        self.text_literal(b'"', self.escapes && quotes == DoubleQuotes::Unknown)
    }

    /// Returns the last token as it is written. Only its place is kept, since hardly anybody asks.
    fn last_text(&self) -> &'a str {
        &self.text[self.last.0..self.last.1]
    }

    /// Whether only a name can follow the last token.
    fn is_before_name(&self) -> bool {
        let last = self.last_text();
        last == "."
            || last.eq_ignore_ascii_case("UPDATE")
            || (!last.is_empty() && words::meaning(last) == Meaning::Keyword(Keyword::BeforeName))
    }

    /// A name between quotes; an empty one keeps them.
    fn quoted_name(&mut self, close: u8) -> Token<'a> {
        let start = self.at;
        self.at += 1;
        loop {
            self.take_while(|byte| byte != close);
            match (self.peek(0), self.peek(1)) {
                (one, two) if one == close && two == close => self.at += 2,
                (one, _) if one == close => break,
                _ => {
                    self.breaks_off();
                    return Token::Literal;
                }
            }
        }
        self.at += 1;
        let name = &self.text[start + 1..self.at - 1];
        Token::Name(if name.trim().is_empty() { &self.text[start..self.at] } else { name })
    }

    /// A number in any form: the letters and digits that follow belong to it.
    fn number(&mut self) -> Token<'a> {
        self.at += 1;
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_';
        loop {
            self.take_while(is_part);
            let last = self.text.as_bytes()[self.at - 1];
            let has_sign = matches!(last, b'e' | b'E') && matches!(self.peek(0), b'+' | b'-');
            if !(has_sign && self.peek(1).is_ascii_digit()) {
                return Token::Literal;
            }
            self.at += 1;
        }
    }

    /// A comment to the end of the line. Where it may be none, or may end sooner, a quote in it may begin
    /// a literal.
    fn line_comment(&mut self, is_certain: bool) -> Token<'a> {
        let start = self.at;
        self.take_while(|byte| byte != b'\n');
        let comment = self.text[start..self.at].trim_ascii_end();
        if (!is_certain || comment.contains('\r')) && comment.contains(QUOTES) {
            self.breaks_off();
        }
        Token::Comment
    }

    /// Whether `--` begins a comment: MySQL wants white space behind it.
    fn is_dashed_comment(&self) -> bool {
        self.dialect.backslash == Backslash::Plain || self.peek(2) <= b' '
    }

    /// A comment. Within it may stand another one, or in MySQL code: where it ends then, nobody knows.
    fn block_comment(&mut self) -> Token<'a> {
        let start = self.at;
        self.at += 2;
        self.skip_past(b"*/");
        let comment = &self.text[start + 2..self.at];
        let is_nested = self.dialect != Dialect::MYSQL && comment.contains("/*");
        let is_code =
            ["!", "M!"].iter().any(|mark| comment.starts_with(mark)) && comment.contains(QUOTES);
        if is_nested || is_code {
            self.breaks_off();
        }
        Token::Comment
    }

    /// A placeholder (`$1`), a text (`$tag$..$tag$`) or a name (`$action`).
    fn dollar(&mut self) -> Token<'a> {
        let start = self.at;
        self.at += 1;
        if self.peek(0).is_ascii_digit() || self.peek(0) == b'?' {
            self.at += 1;
            self.take_while(|byte| byte.is_ascii_digit());
            return Token::Literal;
        }
        self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii());
        if self.peek(0) != b'$' {
            return Token::Name(&self.text[start..self.at]);
        }
        self.at += 1;
        let tag = &self.text.as_bytes()[start..self.at];
        self.skip_past(tag);
        Token::Literal
    }

    /// A cast (`::`), a placeholder (`:name`) or a sign.
    fn colon(&mut self) -> Token<'a> {
        let start = self.at;
        // A number in `a[2:3]`, not a placeholder.
        let is_slice = self.peek(1).is_ascii_digit()
            && start > 0
            && matches!(self.text.as_bytes()[start - 1], b'[' | b']' | b')' | b'0'..=b'9' | b'a'..=b'z');
        if is_slice || !(self.peek(1).is_ascii_alphanumeric() || self.peek(1) == b'_') {
            return self.sign();
        }
        self.at += 1;
        self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.');
        Token::Name(&self.text[start..self.at])
    }

    /// A placeholder of a client library (`%s`, `%(name)s`) or a sign.
    fn percent(&mut self) -> Token<'a> {
        let is_letter = |byte: u8| byte.is_ascii_alphabetic();
        if self.peek(1) == b'(' {
            let inside = &self.rest()[2..];
            let length = inside.iter().position(|byte| !is_word(*byte)).unwrap_or(inside.len());
            if matches!(inside.get(length..), Some([b')', letter, ..]) if is_letter(*letter)) {
                self.at += length + 4;
                return Token::Literal;
            }
        }
        if is_letter(self.peek(1)) {
            self.at += 2;
            return Token::Literal;
        }
        self.sign()
    }

    /// `{d '2024-01-01'}` and its kin within a statement.
    fn escape_sequence(&mut self) -> Token<'a> {
        self.sign();
        while self.braces > 0 && self.at < self.text.len() {
            self.skip();
        }
        self.findings.is_broken |= self.braces > 0;
        Token::Literal
    }

    /// A name in brackets; what is rather a list of literals counts as one.
    fn bracketed(&mut self) -> Token<'a> {
        match self.quoted_name(b']') {
            Token::Name(name)
                if name.starts_with(|c: char| c.is_ascii_digit()) || name.contains('\'') =>
            {
                Token::Bracketed("?")
            }
            Token::Name(name) => Token::Bracketed(name),
            token => token,
        }
    }

    /// Whether a UUID begins here: Cassandra writes them without quotes.
    fn is_uuid(&self) -> bool {
        if self.peek(8) != b'-' {
            return false;
        }
        let Some(text) = self.rest().get(..UUID_LENGTH) else { return false };
        [13, 18, 23].iter().all(|at| text[*at] == b'-')
            && text.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
    }

    /// Takes everything up to the end of the next `end`.
    fn skip_past(&mut self, end: &[u8]) {
        let rest = self.rest();
        match rest.windows(end.len()).position(|bytes| bytes == end) {
            Some(found) => self.at += found + end.len(),
            None => self.breaks_off(),
        }
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

fn starts_number(first: u8, second: u8) -> bool {
    first.is_ascii_digit() || (first == b'.' && second.is_ascii_digit())
}
