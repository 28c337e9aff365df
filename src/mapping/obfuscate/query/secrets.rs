//! The secrets that a query may hold: where one begins, and where it ends.
//!
//! Every match is decided by a bounded look at the place where it begins. Those whose end may be far away are only
//! announced ([`End::Later`]). A secret that Datadog's tracers do not hide, or not as far, is a loose one: the walk ends it
//! where another begins.

use super::{Bounds, State, Walk};

/// Words that begin a key, `-` for `-`, `_` or nothing.
const BEFORE_PASSWORD: [&str; 2] = ["old-", "new-"];

/// Keys of passwords.
const PASSWORDS: [&str; 4] = ["pwd", "pword", "passwd", "password"];

/// The ends that the key of a password may have.
const BEHIND_PASSWORD: [&str; 2] = ["1", "2"];

/// Words before `key` and `key-id`.
const BEFORE_KEY: [&str; 7] =
    ["api-", "private-", "public-", "access-", "secret-", "app-", "application-"];

/// The other keys.
#[rustfmt::skip]
const KEYS: [&str; 13] = [
    "pass", "pass-phrase", "secret", "token", "consumer-id", "consumer-key", "consumer-secret",
    "sign", "signed", "signature", "auth", "authentication", "authorization",
];

/// Words in a value that say that the secret follows behind a blank.
const SCHEMES: [&str; 2] = ["bearer", "basic"];

/// Fewest bytes of the body of a public SSH key.
const MIN_SSH_KEY: usize = 100;

/// The first two letters of everything that may be a secret.
const PAIRS: [&[u8; 2]; 19] = [
    b"ol", b"ne", b"pw", b"pa", b"se", b"to", b"si", b"ap", b"pr", b"pu", b"ac", b"co", b"au",
    b"be", b"gh", b"ey", b"ec", b"ss", b"--",
];

/// By the first byte, the second bytes of [`PAIRS`] as a set of bits: most bytes of a query need no other look.
static SECOND: [u32; 256] = {
    let mut table = [0; 256];
    let mut row = 0;
    while row < PAIRS.len() {
        let [first, second] = *PAIRS[row];
        let bit = 1 << (second & 31);
        table[first as usize] |= bit;
        table[first.to_ascii_uppercase() as usize] |= if first == b'-' { 0 } else { bit };
        row += 1;
    }
    (table[b'"' as usize], table[b'%' as usize]) = (u32::MAX, u32::MAX);
    table
};

/// Returns true if a secret may begin at a place.
#[inline]
pub(super) fn may_begin(bytes: &[u8], at: usize) -> bool {
    let second = bytes.get(at + 1).copied().unwrap_or_default();
    SECOND[usize::from(bytes[at])] & (1 << (second & 31)) != 0
}

/// A secret whose end is looked for when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// The value of a parameter.
    Value,
    /// The value of a parameter in quotes.
    Quoted,
    /// A text in JSON.
    Json,
    /// A private key.
    Pem,
    /// An access token.
    Access,
    /// Letters and digits.
    Letters,
}

/// The end of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    At(usize),
    /// It goes on from here.
    Later(usize, State),
}

/// A step within a loose secret.
pub(super) enum Step {
    /// So many bytes belong to it.
    On(usize),
    /// It ends here.
    End(usize),
}

impl Walk {
    /// Returns the end of the secret that begins at a place.
    pub(super) fn secret(&self, bytes: &[u8], at: usize) -> Option<End> {
        let key = quote(bytes, at).unwrap_or(at);
        self.parameter(bytes, key).or_else(|| match bytes[at].to_ascii_lowercase() {
            b'b' => bearer(bytes, at),
            b't' => colon_token(bytes, at),
            b'g' => github_token(bytes, at),
            b'e' => web_token(bytes, at, self.floor).or_else(|| ssh_key(bytes, at)).map(End::At),
            b's' => ssh_key(bytes, at).map(End::At).or_else(|| self.signature(bytes, at)),
            b'-' => private_key(bytes, at),
            _ => None,
        })
    }

    /// Returns the end of a key that OpenTelemetry alone names, with its value.
    fn signature(&self, bytes: &[u8], at: usize) -> Option<End> {
        match self.value(bytes, starts(bytes, at, "sig")?)? {
            End::Later(from, State::In(Tail::Value)) => {
                Some(End::Later(from, State::InLoose(Tail::Value)))
            }
            end => Some(end),
        }
    }

    /// Returns the end of a key with its value.
    fn parameter(&self, bytes: &[u8], at: usize) -> Option<End> {
        let separated = |end: usize| self.value(bytes, end);
        let password = BEFORE_PASSWORD.iter().find_map(|word| starts(bytes, at, word));
        let behind = password.unwrap_or(at);
        for end in PASSWORDS.iter().filter_map(|word| starts(bytes, behind, word)) {
            let longer = BEHIND_PASSWORD.iter().find_map(|word| starts(bytes, end, word));
            if let Some(end) = longer.and_then(separated).or_else(|| separated(end)) {
                return Some(end);
            }
        }
        for before in BEFORE_KEY.iter().filter_map(|word| starts(bytes, at, word)) {
            let Some(end) = starts(bytes, before, "key") else { continue };
            let longer = starts(bytes, end, "-id");
            if let Some(end) = longer.and_then(separated).or_else(|| separated(end)) {
                return Some(end);
            }
        }
        KEYS.iter().filter_map(|word| starts(bytes, at, word)).find_map(separated)
    }

    /// Returns the end of the value behind a key.
    fn value(&self, bytes: &[u8], key_end: usize) -> Option<End> {
        // A `+` behind a key is more often a sum than a blank.
        let is_space = |byte: u8| is_blank(byte) && byte != b'+';
        let equals = run(bytes, key_end, is_space, &[b"20"]);
        if let Some(from) = sign(bytes, equals, b'=', *b"3D") {
            let tail = match bytes.get(from)? {
                b'&' => return None,
                byte if self.bounds == Bounds::Word && byte.is_ascii_whitespace() => return None,
                b'"' if self.bounds == Bounds::Word => {
                    return Some(End::Later(from + 1, State::In(Tail::Quoted)));
                }
                _ => Tail::Value,
            };
            return Some(End::Later(from, State::In(tail)));
        }
        let colon = blanks(bytes, quote(bytes, key_end)?);
        let from = quote(bytes, blanks(bytes, sign(bytes, colon, b':', *b"3A")?))?;
        if quote(bytes, from).is_some() || from == bytes.len() {
            return None;
        }
        let is_loose = bytes[key_end..from].contains(&b'+');
        let state = if is_loose { State::InLoose } else { State::In };
        Some(End::Later(from, state(Tail::Json)))
    }
}

impl Tail {
    /// Returns where the secret ends, if it does as in Datadog's tracers.
    pub(super) fn end(self, bytes: &[u8], from: usize, bounds: Bounds) -> Option<usize> {
        match self {
            Self::Value if bounds != Bounds::Word => find(bytes, from, |byte| byte == b'&'),
            Self::Value => end_of_word(bytes, from),
            Self::Quoted => find(bytes, from, |byte| byte == b'"').map(|at| at + 1),
            Self::Json => end_of_json(bytes, from),
            Self::Pem => {
                let at = find(bytes, from, |byte| byte == b'-').filter(|at| *at > from)?;
                end_of_private_key(bytes, at).filter(|end| !bytes[at..*end].contains(&b'+'))
            }
            Self::Access | Self::Letters => None,
        }
    }

    /// Goes a step within a loose secret.
    pub(super) fn step(self, bytes: &[u8], at: usize) -> Step {
        let is_one = |is_one: bool| if is_one { Step::On(1) } else { Step::End(at) };
        let byte = bytes[at];
        match self {
            Self::Value => is_one(!byte.is_ascii_whitespace() && !b"&\"<>`".contains(&byte)),
            Self::Quoted => is_one(byte != b'"'),
            Self::Json => json_step(bytes, at),
            Self::Pem => end_of_private_key(bytes, at).map_or(Step::On(1), Step::End),
            Self::Access => match is_access(byte) {
                false if [b"2B", b"2F", b"3D"].iter().any(|code| is_encoded(bytes, at, **code)) => {
                    Step::On(3)
                }
                is_access => is_one(is_access),
            },
            Self::Letters => is_one(byte.is_ascii_alphanumeric()),
        }
    }
}

/// Returns the end of a value in a text of any kind: a blank behind the name of a scheme is none.
fn end_of_word(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let end = find(bytes, at, |byte| byte.is_ascii_whitespace() || b"&\"<>`".contains(&byte))?;
        let is_scheme = |word: &&str| {
            let start = end.checked_sub(word.len()).filter(|start| *start >= at);
            start.is_some_and(|start| starts(bytes, start, word).is_some())
        };
        if !bytes[end].is_ascii_whitespace() || !SCHEMES.iter().any(is_scheme) {
            return Some(end);
        }
        at = find(bytes, end, |byte| !byte.is_ascii_whitespace())?;
    }
}

/// Returns the place behind the quote that ends a text in JSON.
fn end_of_json(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at < bytes.len() {
        match json_step(bytes, at) {
            Step::On(length) => at += length,
            Step::End(end) => return Some(end),
        }
    }
    None
}

/// Goes a step within a text in JSON. A sign in percent-encoding is read as one sign.
fn json_step(bytes: &[u8], at: usize) -> Step {
    match bytes[at..] {
        [b'"', ..] => Step::End(at + 1),
        [b'%', b'2', b'2', ..] => Step::End(at + 3),
        [b'%', b'2', _, ..] => Step::On(3),
        [b'%', _, ..] => Step::On(2),
        _ => Step::On(1),
    }
}

/// Returns true if a byte may be in an access token: RFC 6750.
fn is_access(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-~+/=".contains(&byte)
}

/// Returns the end of an access token behind `bearer`, as far as Datadog's tracers hide it.
fn bearer(bytes: &[u8], at: usize) -> Option<End> {
    let word_end = starts(bytes, at, "bearer")?;
    let start = blanks(bytes, word_end);
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let end = run(bytes, start, is_token, &[]);
    if start == word_end || end == start {
        return None;
    }
    let is_loose = bytes[word_end..start].contains(&b'+');
    Some(End::Later(if is_loose { start } else { end }, State::InLoose(Tail::Access)))
}

/// Returns the end of `token:` and the letters and digits behind it, as far as Datadog's tracers hide them.
fn colon_token(bytes: &[u8], at: usize) -> Option<End> {
    const LENGTH: usize = 13;
    letters(bytes, sign(bytes, starts(bytes, at, "token")?, b':', *b"3A")?, LENGTH)
}

/// Returns the end of a token of GitHub, as far as Datadog's tracers hide it.
fn github_token(bytes: &[u8], at: usize) -> Option<End> {
    const LENGTH: usize = 36;
    let kind = starts(bytes, at, "gh").filter(|at| bytes.get(at + 1) == Some(&b'_'))?;
    let is_kind = b"opsu".contains(&bytes[kind].to_ascii_lowercase());
    letters(bytes, kind + 2, LENGTH).filter(|_| is_kind)
}

/// Returns the end of so many letters and digits.
fn letters(bytes: &[u8], from: usize, length: usize) -> Option<End> {
    let end = from + length;
    let found = bytes.get(from..end)?;
    let are_letters = found.iter().all(u8::is_ascii_alphanumeric);
    are_letters.then_some(End::Later(end, State::InLoose(Tail::Letters)))
}

/// Returns the end of a JSON web token, which does not begin within a word, nor where another secret ended.
fn web_token(bytes: &[u8], at: usize, floor: usize) -> Option<usize> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let is_encoded = || {
        let sign = at.checked_sub(3).filter(|start| *start >= floor).map(|start| &bytes[start..at]);
        matches!(sign, Some([b'%', high, low]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    };
    let is_free = at
        .checked_sub(1)
        .is_none_or(|before| before >= floor && !is_word(bytes[before]) && bytes[before] != b'%');
    if !is_free && !is_encoded() {
        return None;
    }
    let part = |at: usize| {
        let start = starts(bytes, at, "ey")?;
        let is_open = matches!(bytes.get(start)?.to_ascii_lowercase(), b'i'..=b'l');
        let end = run(bytes, start + 1, is_word, &[]);
        let padded = run(bytes, end, |byte| byte == b'=', &[b"3D"]);
        (is_open && end > start + 1).then_some(padded)
    };
    let body = part(at).filter(|end| bytes.get(*end) == Some(&b'.'))?;
    let end = part(body + 1)?;
    let is_signature = |byte: u8| is_word(byte) || b".+/=".contains(&byte);
    let signature = run(bytes, end + 1, is_signature, &[b"3D", b"2F", b"2B"]);
    let has_signature = bytes.get(end) == Some(&b'.') && signature > end + 1;
    Some(if has_signature { signature } else { end })
}

/// Returns the end of a public key as SSH writes it.
fn ssh_key(bytes: &[u8], at: usize) -> Option<usize> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric();
    let named = ["ssh-rsa", "ssh-dss"].iter().find_map(|word| literal(bytes, at, word));
    let curve = || {
        let first = literal(bytes, at, "ecdsa-")?;
        let second = run(bytes, first, is_name, &[]);
        let end = run(bytes, second + 1, is_name, &[]);
        (second > first && bytes.get(second) == Some(&b'-') && end > second + 1).then_some(end)
    };
    let name_end = named.or_else(curve)?;
    let start = run(bytes, name_end, |byte| is_blank(byte) && byte != b'+', &[b"20", b"09"]);
    let is_body = |byte: u8| byte.is_ascii_alphanumeric() || b"/.+".contains(&byte);
    let end = run(bytes, start, is_body, &[b"2F", b"5C", b"2B"]);
    if start == name_end || end - start < MIN_SSH_KEY {
        return None;
    }
    let end = run(bytes, end, |byte| byte == b'=', &[b"3D"]);
    let comment = run(bytes, end, |byte| is_blank(byte) && byte != b'+', &[b"20", b"09"]);
    let comment_end = run(bytes, comment, |byte| is_name(byte) || b"._-".contains(&byte), &[]);
    Some(if comment > end && comment_end > comment { comment_end } else { end })
}

/// Returns where the private key begins whose first line is at a place.
fn private_key(bytes: &[u8], at: usize) -> Option<End> {
    let start = literal(bytes, at, "-----BEGIN")?;
    let end = end_of_words(bytes, start);
    let words = &bytes[start..end];
    let body = literal(bytes, end, "-----").filter(|_| is_private_key(words))?;
    let state = if words.contains(&b'+') { State::InLoose } else { State::In };
    Some(End::Later(body, state(Tail::Pem)))
}

/// Returns the end of the last line of a private key that begins at a place.
fn end_of_private_key(bytes: &[u8], at: usize) -> Option<usize> {
    let start = literal(bytes, at, "-----END")?;
    let end = end_of_words(bytes, start);
    let end = (start..=end).rev().find(|end| is_private_key(&bytes[start..*end]))?;
    let end = literal(bytes, end, "-----").unwrap_or(end);
    Some(sign(bytes, end, b'\n', *b"0A").unwrap_or(end))
}

/// Returns the end of letters and blanks.
fn end_of_words(bytes: &[u8], from: usize) -> usize {
    let is_part = |byte: u8| byte.is_ascii_alphabetic() || is_blank(byte);
    run(bytes, from, is_part, &[b"20"])
}

/// Returns true if words end as those of a private key do.
fn is_private_key(words: &[u8]) -> bool {
    let key =
        words.len().checked_sub("key".len()).filter(|at| literal(words, *at, "key").is_some());
    let blank = key.and_then(|key| {
        [1, 3]
            .iter()
            .filter_map(|length| key.checked_sub(*length))
            .find(|at| blanks(words, *at) == key)
    });
    let private = blank.and_then(|blank| blank.checked_sub("private".len()));
    private.is_some_and(|at| literal(words, at, "private").is_some())
}

/// Returns the place behind a word in any case; a `-` in it stands for `-`, `_` or nothing.
fn starts(bytes: &[u8], at: usize, word: &str) -> Option<usize> {
    let mut at = at;
    for letter in word.bytes() {
        let is_there = bytes.get(at).is_some_and(|byte| match letter {
            b'-' => matches!(byte, b'-' | b'_'),
            letter => byte.to_ascii_lowercase() == letter,
        });
        if is_there {
            at += 1;
        } else if letter != b'-' {
            return None;
        }
    }
    Some(at)
}

/// Returns the place behind a text in any case.
fn literal(bytes: &[u8], at: usize, text: &str) -> Option<usize> {
    let end = at + text.len();
    bytes.get(at..end).filter(|found| found.eq_ignore_ascii_case(text.as_bytes())).map(|_| end)
}

/// Returns the place behind a sign, or behind `%` and its code.
fn sign(bytes: &[u8], at: usize, sign: u8, code: [u8; 2]) -> Option<usize> {
    match bytes.get(at)? {
        first if *first == sign => Some(at + 1),
        _ => is_encoded(bytes, at, code).then_some(at + 3),
    }
}

/// Returns true if `%` and a code stand at a place.
fn is_encoded(bytes: &[u8], at: usize, code: [u8; 2]) -> bool {
    match bytes.get(at..at + 3) {
        Some([b'%', high, low]) => [*high, *low].eq_ignore_ascii_case(&code),
        _ => false,
    }
}

/// Returns the place behind a double quote.
fn quote(bytes: &[u8], at: usize) -> Option<usize> {
    sign(bytes, at, b'"', *b"22")
}

/// Returns true if a byte is a blank, which a query may write as `+`.
fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b || byte == b'+'
}

/// Returns the place behind blanks.
fn blanks(bytes: &[u8], at: usize) -> usize {
    run(bytes, at, is_blank, &[b"20"])
}

/// Returns the place behind bytes of a kind, and `%` with one of these codes.
fn run(bytes: &[u8], at: usize, is_one: impl Fn(u8) -> bool, codes: &[&[u8; 2]]) -> usize {
    let mut at = at;
    while let Some(byte) = bytes.get(at) {
        if is_one(*byte) {
            at += 1;
        } else if codes.iter().any(|code| is_encoded(bytes, at, **code)) {
            at += 3;
        } else {
            break;
        }
    }
    at
}

fn find(bytes: &[u8], from: usize, is_one: impl Fn(u8) -> bool) -> Option<usize> {
    let at = bytes.get(from..)?.iter().position(|byte| is_one(*byte))?;
    Some(from + at)
}
