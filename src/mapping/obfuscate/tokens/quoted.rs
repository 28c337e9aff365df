//! Tokens between quotes, brackets and dollars: texts in some readings, names in others.

use super::super::dialect::Answer;
use super::super::kinds::is_sensitive;
use super::super::{quotes, words};
use super::{Token, Tokens};

impl<'a> Tokens<'a> {
    /// A text behind a word that says how it is to be read.
    pub(super) fn prefixed(&mut self, word: &str) -> Option<Token<'a>> {
        let prefix = word.rsplit(['@', '.', '#']).next().unwrap_or("");
        let is_one_of = |known: &[&str]| known.iter().any(|one| one.eq_ignore_ascii_case(prefix));
        let start = self.at;
        let has_escape =
            |escapes| self.has_escape(start, quotes::quoted(self.bytes(), start, escapes));
        // A raw text: nothing escapes in it, or its quotes must be escaped all the same.
        let may_be_raw = self.dialect.triple_quotes != Answer::No;
        if may_be_raw && is_one_of(&["r", "br", "rb"]) && has_escape(self.escapes) {
            return Some(self.give_up());
        }
        if !self.is_at_text() {
            return None;
        }
        if is_one_of(&["q", "nq"]) {
            let end = quotes::bracket_text(self.text, start);
            if self.dialect.bracket_texts == Answer::Yes {
                return Some(self.take_to(end, Token::Literal));
            }
            let is_same = end == quotes::quoted(self.bytes(), start, self.escapes);
            return (!is_same || has_escape(self.escapes)).then(|| self.give_up());
        }
        if is_one_of(&["e"]) {
            if self.dialect.escape_texts == Answer::Yes {
                let end = quotes::quoted(self.bytes(), start, true);
                return Some(self.take_to(end, Token::Literal));
            }
            return has_escape(true).then(|| self.give_up());
        }
        None
    }

    pub(super) fn has_escape(&self, start: usize, end: Option<usize>) -> bool {
        quotes::has_escape(&self.bytes()[start..end.unwrap_or(self.text.len())])
    }

    /// A text between quotes.
    pub(super) fn text_literal(&mut self, escapes: bool) -> Token<'a> {
        let (start, bytes) = (self.at, self.bytes());
        let end = quotes::quoted(bytes, start, escapes);
        if self.findings.doubt.is_none()
            && self.has_escape(start, end)
            && end != quotes::quoted(bytes, start, !escapes)
        {
            self.findings.doubt = Some(start);
        }
        let may_be_triple = self.dialect.triple_quotes != Answer::No;
        if may_be_triple && quotes::is_triple(bytes, start) && quotes::triple(bytes, start) != end {
            return self.give_up();
        }
        self.take_to(end, Token::Literal)
    }

    /// A name or a text. Where that depends, it is a name only where no text can stand.
    pub(super) fn double_quoted(&mut self) -> Token<'a> {
        let start = self.at;
        match self.dialect.double_texts {
            Answer::Yes => self.text_literal(self.escapes),
            Answer::No => {
                let name = self.quoted_name();
                // As in the Agent: a column is hardly compared with another one in quotes.
                let last = self.last_text();
                if last == "=" || is_sensitive(last) { Token::Literal } else { name }
            }
            Answer::Unknown => {
                let literal = self.text_literal(self.escapes);
                if self.findings.gave_up {
                    return literal;
                }
                let name = &self.text[start + 1..self.at - 1];
                let is_name = is_plain(name) && self.is_name_place();
                if is_name { Token::Name(name) } else { literal }
            }
        }
    }

    /// Returns whether only a name can stand at the place of the text in quotes that was just taken.
    pub(super) fn is_name_place(&self) -> bool {
        let last = self.last_text();
        last == "."
            || self.peek(0) == b'.'
            || self.places.is_before_name(words::meaning_of(last))
            || (matches!(last, "," | "(")
                && self.places.is_column(last, self.rest().trim_ascii_start()))
    }

    /// A name between quotes; an empty one keeps them.
    pub(super) fn quoted_name(&mut self) -> Token<'a> {
        let start = self.at;
        let end = quotes::quoted(self.bytes(), start, false);
        let Some(end) = end else { return self.ends_inside() };
        self.at = end;
        let name = &self.text[start + 1..end - 1];
        Token::Name(if name.trim().is_empty() { &self.text[start..end] } else { name })
    }

    /// A name between backticks: a literal where it may be one.
    pub(super) fn backticked(&mut self) -> Token<'a> {
        let start = self.at;
        let name = self.quoted_name();
        if quotes::has_escape(&self.bytes()[start..self.at]) {
            return self.give_up();
        }
        let may_be_text = self.dialect.backtick_texts != Answer::No
            && matches!(self.last_text(), "=" | "<>" | "!=" | "<" | ">" | "<=" | ">=")
            && self.peek(0) != b'.';
        if may_be_text { Token::Literal } else { name }
    }

    /// A placeholder (`$1`), a text (`$tag$..$tag$`) or a name (`$action`).
    pub(super) fn dollar(&mut self) -> Token<'a> {
        let (start, bytes) = (self.at, self.bytes());
        self.at += 1;
        if self.peek(0).is_ascii_digit() || self.peek(0) == b'?' {
            self.at += 1;
            self.take_while(|byte| byte.is_ascii_digit());
            return Token::Literal;
        }
        self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii());
        if self.peek(0) != b'$' {
            return self.parameter(start);
        }
        self.at += 1;
        let end = quotes::find(bytes, self.at, &bytes[start..self.at]);
        let is_certain = self.dialect.dollar_texts == Answer::Yes;
        let inside = &bytes[self.at..end.unwrap_or(bytes.len())];
        // The tag at the end has dollars of its own.
        let inside = inside.strip_suffix(&bytes[start..self.at]).unwrap_or(inside);
        if !is_certain && (end.is_none() || quotes::opens_something(inside)) {
            return self.give_up();
        }
        self.take_to(end, Token::Literal)
    }

    /// A name in brackets, or an index. A name that rather holds literals counts as one.
    pub(super) fn bracketed(&mut self) -> Token<'a> {
        let start = self.at;
        if start > 0 && self.bytes()[start - 1] == b'&' {
            // The key of a member in MDX: a value.
            return self.give_up();
        }
        if self.dialect.bracket_names == Answer::Unknown {
            self.places.watch_bracket(self.text, start);
            return self.sign();
        }
        let end = quotes::find(self.bytes(), start + 1, b"]");
        self.take_to(end, Token::Literal);
        match end {
            None => Token::Literal,
            // A bracket in the name in one system, the end of it in another.
            Some(_) if self.peek(0) == b']' => self.give_up(),
            Some(end) => Token::Bracketed(shown_in_brackets(&self.text[start + 1..end - 1])),
        }
    }
}

/// Returns whether a name in quotes is made of what names are made of.
fn is_plain(name: &str) -> bool {
    name.chars().all(|c| c.is_alphanumeric() || "_-.$# ".contains(c)) && !name.trim().is_empty()
}

/// Returns a name in brackets, unless it rather is a list of literals or the address of a database.
fn shown_in_brackets(name: &str) -> &str {
    let is_name =
        !name.starts_with(|c: char| c.is_ascii_digit()) && !name.contains(['\'', '"', ';', '=']);
    if is_name { name } else { "?" }
}
