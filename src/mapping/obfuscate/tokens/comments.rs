//! Comments, and operators that look like their beginnings.

use super::super::dialect::Answer;
use super::super::quotes;
use super::super::words::{self, Keyword};
use super::{Token, Tokens};

/// Ends of lines for some systems and not for others.
const OTHER_LINE_ENDS: [char; 6] = ['\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];

impl<'a> Tokens<'a> {
    /// A comment behind two dashes. Some systems want white space behind them.
    pub(super) fn dashes(&mut self) -> Token<'a> {
        self.line_comment(2, self.dialect.tight_dashes == Answer::Yes || self.peek(2) <= b' ')
    }

    /// A comment to the end of the line. If it may be none or may end sooner, it must not open anything.
    pub(super) fn line_comment(&mut self, mark_length: usize, is_certain: bool) -> Token<'a> {
        let start = self.at + mark_length;
        self.take_while(|byte| byte != b'\n');
        let comment = self.text[start..self.at].trim_ascii_end();
        let may_end_sooner = || comment.contains(OTHER_LINE_ENDS);
        if (!is_certain || may_end_sooner()) && quotes::opens_something(comment.as_bytes()) {
            self.give_up();
        }
        Token::Comment
    }

    /// A comment, or an operator. Behind another operator stands neither: a regular expression, then.
    pub(super) fn slash(&mut self) -> Token<'a> {
        match self.peek(1) {
            b'*' => self.block_comment(),
            // The second one may begin a comment of the other kind.
            b'/' => self.line_comment(1, false),
            _ if self.wants_operand() => self.give_up(),
            _ => self.sign(),
        }
    }

    /// Returns whether something is missing behind the last token.
    pub(super) fn wants_operand(&self) -> bool {
        let last = self.last_text();
        last.ends_with(['=', '<', '>', '!', '~', ',', '(', '+', '-', '*', '/', '%', '&', '|', '^'])
            || last.eq_ignore_ascii_case("SELECT")
            || matches!(
                words::meaning_of(last),
                Some(Keyword::From | Keyword::Into | Keyword::BeforeName)
            )
    }

    /// A comment. Within it may stand another one, or in MySQL code: both may end elsewhere.
    pub(super) fn block_comment(&mut self) -> Token<'a> {
        let (start, bytes) = (self.at, self.bytes());
        let Some(mut end) = quotes::comment(bytes, start, false) else {
            self.ends_inside();
            return Token::Comment;
        };
        let comment = &self.text[start..end];
        let is_code =
            quotes::is_code(comment) && quotes::opens_something(&bytes[start + 2..end - 2]);
        let is_nested = comment[2..].contains("/*");
        if is_code || (is_nested && self.dialect.nested_comments == Answer::Unknown) {
            self.give_up();
            return Token::Comment;
        }
        if is_nested && self.dialect.nested_comments == Answer::Yes {
            end = quotes::comment(bytes, start, true).unwrap_or_else(|| {
                self.findings.is_wrong = true;
                self.findings.gave_up = true;
                bytes.len()
            });
        }
        self.at = end;
        Token::Comment
    }
}
