//! Words of a statement that are literals although they look like names: passwords, arguments, inline rows.
//!
//! In a statement that works with rows every word is a name, and this costs nothing. In all others words of
//! the grammar stay, and of the rest only those that cannot be secret. Not here: the tables
//! ([`super::kinds`]).

use super::dialect::{Answer, Dialect};
use super::kinds::{self, Kind};
use super::tokens::Token;
use super::words::Keyword;

/// Beginnings of the names of procedures in SQL Server and Sybase.
const SYSTEM_PROCEDURES: [&str; 2] = ["sp_", "xp_"];

/// The decision about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The token is what it looks like.
    Shown,
    /// The token is a literal.
    Hidden,
    /// The token and all behind it are literals.
    Rest,
}

/// The part of a statement that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Before the first word.
    Start,
    /// Words are names.
    Rows,
    /// Behind `CREATE` and its kin: the kind of an object follows.
    Object,
    /// The name of an object with a secret follows.
    Holder,
    /// Behind that name, or a piece of it.
    Held,
    /// Words are names up to the first sensitive one; behind `SET` up to the first sign, too.
    Manage { sets: bool },
    /// A password may stand anywhere; after some words only that.
    Guarded { is_announced: bool },
    /// Behind `IDENTIFIED`.
    Identified,
    /// The name of a procedure follows; `CALL` has its arguments in parentheses.
    Procedure { is_call: bool },
    /// Behind that name, or a piece of it.
    Called { is_call: bool },
    /// Arguments of a procedure, in so many parentheses of a `CALL`.
    Arguments { depth: Option<u32> },
    /// Behind `FORMAT` in an `INSERT`.
    Format,
    /// Behind `STDIN` in a `COPY`; options may follow, or have begun.
    Stdin { has_options: bool },
    /// Rows in a language of their own.
    InlineRows,
}

/// Follows a text from token to token.
#[derive(Debug)]
pub(super) struct Context {
    part: Part,
    inline_rows: Answer,
    bare_calls: Answer,
    /// An `INSERT` has begun.
    inserts: bool,
    /// The statement is a `COPY`.
    copies: bool,
    /// The statement is an `ALTER`: another one in it is about a column.
    alters: bool,
}

#[expect(clippy::inline_always, reason = "see `Tokens`: one loop without calls")]
impl Context {
    /// Starts before the first statement.
    pub(super) fn new(dialect: &Dialect) -> Self {
        let &Dialect { inline_rows, bare_calls, .. } = dialect;
        let (inserts, copies, alters) = (false, false, false);
        Self { part: Part::Start, inline_rows, bare_calls, inserts, copies, alters }
    }

    /// Decides about the next token.
    #[inline(always)]
    pub(super) fn judge(&mut self, token: Token<'_>) -> Verdict {
        if self.part != Part::Rows {
            return self.judge_slowly(token);
        }
        match token {
            Token::Keyword(keyword, _) => self.turn(keyword),
            Token::Sign(";") => self.start(),
            _ => {}
        }
        Verdict::Shown
    }

    fn start(&mut self) {
        self.part = Part::Start;
        (self.inserts, self.copies, self.alters) = (false, false, false);
    }

    /// Follows a keyword where words are names.
    fn turn(&mut self, keyword: Keyword) {
        match keyword {
            Keyword::Insert => self.inserts = true,
            Keyword::Define if !self.alters => self.part = Part::Object,
            Keyword::Execute => self.part = Part::Procedure { is_call: false },
            Keyword::Identified => self.part = Part::Identified,
            Keyword::Block => self.part = Part::Start,
            Keyword::Format if self.inserts && self.inline_rows != Answer::No => {
                self.part = Part::Format;
            }
            Keyword::Stdin if self.copies => self.part = Part::Stdin { has_options: false },
            _ => {}
        }
    }

    #[inline(never)]
    fn judge_slowly(&mut self, token: Token<'_>) -> Verdict {
        if token == Token::Comment {
            return Verdict::Shown;
        }
        if token == Token::Sign(";") {
            return self.end();
        }
        match self.part {
            Part::Start => self.first(token),
            Part::Rows => self.judge(token),
            Part::Object => self.object(token),
            Part::Holder => self.holder(token),
            Part::Held => self.held(token),
            Part::Manage { sets } => self.manage(token, sets),
            Part::Guarded { is_announced } => self.guarded(token, is_announced),
            Part::Identified => match word(token) {
                Some(word) if kinds::is_behind_identified(word) => self.guarded(token, false),
                _ => self.as_in_rows(token),
            },
            Part::Procedure { is_call } => self.procedure(token, is_call),
            Part::Called { is_call } => self.called(token, is_call),
            Part::Arguments { depth } => self.argument(token, depth),
            Part::Format => match token {
                Token::Name(_) => self.shown(Part::InlineRows),
                _ => self.as_in_rows(token),
            },
            Part::Stdin { has_options: true } => Verdict::Shown,
            Part::Stdin { has_options: false } => self.stdin(token),
            Part::InlineRows => Verdict::Rest,
        }
    }

    /// Shows a token, behind which a part begins.
    fn shown(&mut self, part: Part) -> Verdict {
        self.part = part;
        Verdict::Shown
    }

    /// Decides about a token as one between names.
    fn as_in_rows(&mut self, token: Token<'_>) -> Verdict {
        self.part = Part::Rows;
        self.judge(token)
    }

    /// Follows a semicolon.
    fn end(&mut self) -> Verdict {
        match self.part {
            Part::Stdin { .. } => return self.shown(Part::InlineRows),
            Part::InlineRows => return Verdict::Rest,
            _ => self.start(),
        }
        Verdict::Shown
    }

    /// Follows the first word of a statement.
    fn first(&mut self, token: Token<'_>) -> Verdict {
        let word = match token {
            Token::Keyword(Keyword::Query | Keyword::Update, _) => return self.shown(Part::Rows),
            Token::Literal
            | Token::Sign(_)
            | Token::Comment
            | Token::Keyword(Keyword::Block, _) => return Verdict::Shown,
            Token::Name(word) | Token::Keyword(_, word) => word,
            Token::Bracketed(_) => return self.shown(Part::Called { is_call: false }),
        };
        let kind = kinds::kind(word);
        self.copies = kind == Some(Kind::Copy);
        self.inserts = matches!(token, Token::Keyword(Keyword::Insert, _));
        self.alters = word.eq_ignore_ascii_case("ALTER");
        self.shown(match kind {
            Some(Kind::Rows | Kind::Copy) => Part::Rows,
            Some(Kind::Define) => Part::Object,
            Some(Kind::Set) => Part::Manage { sets: true },
            Some(Kind::Call) => Part::Procedure { is_call: true },
            Some(Kind::Execute) => Part::Procedure { is_call: false },
            Some(Kind::Connect) => Part::Guarded { is_announced: true },
            None if self.bare_calls == Answer::Yes || is_system_procedure(word) => {
                Part::Called { is_call: false }
            }
            Some(Kind::Manage) | None => Part::Manage { sets: false },
        })
    }

    /// Follows what may be the kind of an object.
    fn object(&mut self, token: Token<'_>) -> Verdict {
        let part = match word(token) {
            Some(word) if word.eq_ignore_ascii_case("PASSWORD") => {
                Part::Guarded { is_announced: true }
            }
            Some(word) if kinds::has_secret(word) => Part::Holder,
            Some(word) if kinds::is_modifier(word) => Part::Object,
            _ => Part::Rows,
        };
        self.shown(part)
    }

    /// Decides about what may be the name of an object with a secret.
    fn holder(&mut self, token: Token<'_>) -> Verdict {
        match word(token) {
            Some(word) if kinds::is_before_object(word) => Verdict::Shown,
            Some(word) if kinds::is_grammar(word) || kinds::is_sensitive(word) => {
                self.guarded(token, false)
            }
            None if matches!(token, Token::Sign(_)) => self.guarded(token, false),
            _ => self.shown(Part::Held),
        }
    }

    /// Decides about what stands behind the name of an object with a secret.
    fn held(&mut self, token: Token<'_>) -> Verdict {
        match token {
            Token::Sign(".") => self.shown(Part::Holder),
            Token::Literal => Verdict::Shown,
            Token::Name(host) if host.starts_with('@') => Verdict::Shown,
            _ => self.guarded(token, false),
        }
    }

    /// Follows a word that may announce a password.
    fn manage(&mut self, token: Token<'_>, sets: bool) -> Verdict {
        // Settings of an application's own have a dot in their names.
        let announces = |word| kinds::is_sensitive(word) || (sets && word.contains('.'));
        if word(token).is_some_and(announces) {
            return self.shown(Part::Guarded { is_announced: true });
        }
        match token {
            Token::Sign("=") if sets => self.part = Part::Rows,
            Token::Keyword(Keyword::Query | Keyword::Update, _) => self.part = Part::Rows,
            Token::Keyword(keyword, _) => self.turn(keyword),
            _ => {}
        }
        Verdict::Shown
    }

    /// Decides about a token where a password may stand.
    fn guarded(&mut self, token: Token<'_>, is_announced: bool) -> Verdict {
        let (is_shown, announces) = match token {
            Token::Name(word) | Token::Keyword(_, word) => {
                let is_plain =
                    if is_announced { kinds::is_announcement } else { kinds::is_grammar };
                (is_plain(word) || word.starts_with(':'), kinds::announces(word))
            }
            Token::Bracketed(_) => (false, false),
            Token::Sign(sign) => (true, sign == "=" || (is_announced && sign == "(")),
            Token::Literal => (true, false),
            Token::Comment => (true, is_announced),
        };
        self.part = Part::Guarded { is_announced: announces };
        if is_shown { Verdict::Shown } else { Verdict::Hidden }
    }

    /// Follows what may be the name of a procedure.
    fn procedure(&mut self, token: Token<'_>, is_call: bool) -> Verdict {
        let part = match token {
            Token::Name(word) if word.starts_with('@') || kinds::is_before_procedure(word) => {
                self.part
            }
            // `GRANT EXECUTE ON`.
            Token::Name(word) if word.eq_ignore_ascii_case("ON") => Part::Rows,
            Token::Name(_) | Token::Bracketed(_) => Part::Called { is_call },
            Token::Sign("=" | "." | "[") => self.part,
            Token::Sign("(") => Part::Arguments { depth: None },
            _ => Part::Rows,
        };
        self.shown(part)
    }

    /// Decides about what stands behind the name of a procedure.
    fn called(&mut self, token: Token<'_>, is_call: bool) -> Verdict {
        match token {
            Token::Sign(".") => self.shown(Part::Procedure { is_call }),
            Token::Sign("]") => Verdict::Shown,
            Token::Sign("(") if is_call => self.shown(Part::Arguments { depth: Some(1) }),
            _ if is_call => self.as_in_rows(token),
            _ => self.argument(token, None),
        }
    }

    /// Decides about an argument of a procedure.
    fn argument(&mut self, token: Token<'_>, depth: Option<u32>) -> Verdict {
        self.part = match (token, depth) {
            (Token::Sign("("), Some(depth)) => Part::Arguments { depth: Some(depth + 1) },
            (Token::Sign(")"), Some(1)) => Part::Rows,
            (Token::Sign(")"), Some(depth)) => Part::Arguments { depth: Some(depth - 1) },
            _ => Part::Arguments { depth },
        };
        match token {
            Token::Keyword(keyword, _) if keyword.begins_statement() => self.as_in_rows(token),
            Token::Name(word) if word.starts_with(['@', ':']) || kinds::is_argument(word) => {
                Verdict::Shown
            }
            Token::Keyword(Keyword::As | Keyword::Into | Keyword::From, _)
            | Token::Literal
            | Token::Sign(_)
            | Token::Comment => Verdict::Shown,
            Token::Keyword(..) | Token::Name(_) | Token::Bracketed(_) => Verdict::Hidden,
        }
    }

    /// Decides about what stands behind `STDIN`.
    fn stdin(&mut self, token: Token<'_>) -> Verdict {
        let has_options = token == Token::Sign("(")
            || word(token).is_some_and(|word| word.eq_ignore_ascii_case("WITH"));
        if has_options { self.shown(Part::Stdin { has_options }) } else { Verdict::Rest }
    }
}

/// Returns whether a word is the name of a procedure of SQL Server or Sybase itself.
pub(super) fn is_system_procedure(word: &str) -> bool {
    let name = word.rsplit('.').next().unwrap_or("");
    SYSTEM_PROCEDURES
        .iter()
        .any(|start| name.get(..start.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(start)))
}

/// Returns the word that a token is.
fn word(token: Token<'_>) -> Option<&str> {
    match token {
        Token::Name(word) | Token::Keyword(_, word) => Some(word),
        Token::Literal | Token::Bracketed(_) | Token::Sign(_) | Token::Comment => None,
    }
}
