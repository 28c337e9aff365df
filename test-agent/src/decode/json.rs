//! JSON as the Agent reads it: strict in syntax and types, lenient in text encoding.
//!
//! Written by hand because the rules are narrower and wider than those of a general reader: an
//! integer must be written as one, broken UTF-8 and lone surrogates are repaired, and documents
//! may nest 10,000 levels deep without a deep stack.
use super::{DecodeError, Open, Reader, Result, Room, repaired};

/// The deepest nesting that the Agent reads.
const DEPTH_MAX: usize = 10_000;

/// Walks over a JSON document.
#[derive(Debug)]
pub(super) struct JsonReader<'a> {
    body: &'a [u8],
    at: usize,
    depth: usize,
    room: Room,
}

impl<'a> JsonReader<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { body, at: 0, depth: 0, room: Room::of(body.len()) }
    }

    /// Returns the number of bytes read so far.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn byte(&self) -> Result<u8> {
        self.body.get(self.at).copied().ok_or(DecodeError::Incomplete)
    }

    /// Returns the next byte that is not white space, without taking it.
    fn token(&mut self) -> Result<u8> {
        while matches!(self.byte()?, b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
        self.byte()
    }

    fn expect(&mut self, wanted: u8) -> Result<()> {
        let found = self.token()?;
        if found != wanted {
            return Err(self.unexpected(&format!("`{}`", char::from(wanted))));
        }
        self.at += 1;
        Ok(())
    }

    fn unexpected(&self, wanted: &str) -> DecodeError {
        let found = self.body.get(self.at).map_or(' ', |byte| char::from(*byte));
        DecodeError::Invalid(format!("expected {wanted} at byte {}, found {found:?}", self.at))
    }

    fn word(&mut self, word: &str) -> Result<()> {
        for wanted in word.bytes() {
            if self.byte()? != wanted {
                return Err(self.unexpected(word));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(DecodeError::Invalid("exceeded the maximum depth".to_owned()));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// Reads a number and returns it as it is written.
    fn number(&mut self) -> Result<&'a str> {
        let start = self.at;
        if self.byte()? == b'-' {
            self.at += 1;
        }
        if self.byte()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.body.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.body.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte()?, b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(std::str::from_utf8(&self.body[start..self.at]).unwrap_or_default())
    }

    fn digits(&mut self) -> Result<()> {
        if !self.byte()?.is_ascii_digit() {
            return Err(self.unexpected("a digit"));
        }
        while matches!(self.body.get(self.at), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        Ok(())
    }

    fn number_token(&mut self, wanted: &str) -> Result<&'a str> {
        match self.token()? {
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(self.unexpected(wanted)),
        }
    }

    /// Reads a string and hands on its content, piece by piece.
    fn string(&mut self, mut push: impl FnMut(&[u8])) -> Result<()> {
        self.expect(b'"')?;
        loop {
            let start = self.at;
            while !matches!(self.byte()?, b'"' | b'\\' | ..0x20) {
                self.at += 1;
            }
            push(&self.body[start..self.at]);
            match self.byte()? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => {
                    self.at += 1;
                    let escaped = self.escape()?;
                    push(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => return Err(self.unexpected("no raw control character")),
            }
        }
    }

    /// Reads an escape after its backslash.
    fn escape(&mut self) -> Result<char> {
        let escaped = match self.byte()? {
            byte @ (b'"' | b'\\' | b'/') => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.code_point();
            }
            _ => return Err(self.unexpected("an escape")),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// Reads the digits of a `\u` escape, and of a second one where they make a pair.
    fn code_point(&mut self) -> Result<char> {
        let first = self.hex()?;
        if !(0xd800..0xdc00).contains(&first) || !self.body[self.at..].starts_with(b"\\u") {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let back = self.at;
        self.at += 2;
        let second = self.hex()?;
        if !(0xdc00..0xe000).contains(&second) {
            self.at = back;
            return Ok(char::REPLACEMENT_CHARACTER);
        }
        let pair = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        Ok(char::from_u32(pair).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Result<u32> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = char::from(self.byte()?).to_digit(16);
            value = value * 16 + digit.ok_or_else(|| self.unexpected("a hex digit"))?;
            self.at += 1;
        }
        Ok(value)
    }

    fn skip_key(&mut self) -> Result<()> {
        self.string(|_| ())?;
        self.expect(b':')
    }

    /// Returns whether another item or key follows in what ends with `closer`.
    fn follows(&mut self, open: &mut Open, closer: u8) -> Result<bool> {
        if self.token()? == closer {
            self.leave();
            return Ok(false);
        }
        if !std::mem::take(&mut open.first) {
            self.expect(b',')?;
        }
        Ok(true)
    }

    fn open(&mut self, opener: u8) -> Result<Open> {
        self.expect(opener)?;
        self.enter()?;
        Ok(Open { left: 0, first: true })
    }
}

impl Reader for JsonReader<'_> {
    const MERGES_MAPS: bool = true;
    const ANY_CASE: bool = true;
    const LENIENT_NULL: bool = true;

    fn null(&mut self) -> Result<bool> {
        let found = self.token()? == b'n';
        if found {
            self.word("null")?;
        }
        Ok(found)
    }

    fn open_list(&mut self) -> Result<Open> {
        self.open(b'[')
    }

    fn next_item(&mut self, open: &mut Open) -> Result<bool> {
        self.follows(open, b']')
    }

    fn open_map(&mut self) -> Result<Open> {
        self.open(b'{')
    }

    fn next_key(&mut self, open: &mut Open) -> Result<Option<String>> {
        if !self.follows(open, b'}')? {
            return Ok(None);
        }
        let key = self.text()?;
        self.expect(b':')?;
        Ok(Some(key))
    }

    fn text(&mut self) -> Result<String> {
        let mut text = Vec::new();
        self.string(|piece| text.extend_from_slice(piece))?;
        Ok(repaired(text))
    }

    fn bytes(&mut self) -> Result<Vec<u8>> {
        let text = self.text()?;
        base64(&text).ok_or_else(|| DecodeError::Invalid("illegal base64 data".to_owned()))
    }

    fn unsigned(&mut self) -> Result<u64> {
        let number = self.number_token("an unsigned integer")?;
        number.parse().map_err(|_| {
            DecodeError::Invalid(format!("{number} is not an unsigned integer of 64 bits"))
        })
    }

    fn signed(&mut self) -> Result<i64> {
        let number = self.number_token("an integer")?;
        number
            .parse()
            .map_err(|_| DecodeError::Invalid(format!("{number} is not an integer of 64 bits")))
    }

    fn float(&mut self) -> Result<f64> {
        let number = self.number_token("a number")?;
        match number.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(DecodeError::Invalid(format!("{number} is out of range"))),
        }
    }

    fn boolean(&mut self) -> Result<bool> {
        match self.token()? {
            b't' => self.word("true").map(|()| true),
            b'f' => self.word("false").map(|()| false),
            _ => Err(self.unexpected("true or false")),
        }
    }

    fn room(&mut self) -> &mut Room {
        &mut self.room
    }

    fn skip(&mut self) -> Result<()> {
        let mut closers = Vec::new();
        loop {
            match self.token()? {
                opener @ (b'[' | b'{') => {
                    self.at += 1;
                    self.enter()?;
                    // In ASCII both closing brackets stand two places after the opening one.
                    let closer = opener + 2;
                    if self.token()? != closer {
                        closers.push(closer);
                        if closer == b'}' {
                            self.skip_key()?;
                        }
                        continue;
                    }
                    self.leave();
                }
                b'"' => self.string(|_| ())?,
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                b'n' => self.word("null")?,
                b'-' | b'0'..=b'9' => {
                    self.number()?;
                }
                _ => return Err(self.unexpected("a value")),
            }
            // A value is complete: close what ends here, up to the next value.
            loop {
                let Some(&closer) = closers.last() else { return Ok(()) };
                if self.token()? != closer {
                    self.expect(b',')?;
                    if closer == b'}' {
                        self.skip_key()?;
                    }
                    break;
                }
                closers.pop();
                self.leave();
            }
        }
    }
}

/// Decodes padded base64 in the standard alphabet.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    if text.len() % 4 != 0 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for (n, four) in text.chunks(4).enumerate() {
        let last = (n + 1) * 4 == text.len();
        let digits = four.iter().take_while(|byte| **byte != b'=').count();
        let padded = four[digits..].iter().all(|byte| *byte == b'=');
        if digits < 2 || !padded || (digits < 4 && !last) {
            return None;
        }
        let mut bits = 0;
        for byte in &four[..digits] {
            bits = (bits << 6) | u32::from(sextet(*byte)?);
        }
        bits <<= 6 * (4 - digits);
        bytes.extend_from_slice(&bits.to_be_bytes()[1..digits]);
    }
    Some(bytes)
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}
