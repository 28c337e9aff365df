//! The first look at a text: whether it can hold a literal of a statement, or user, password and query of a URL.
//!
//! Nearly every text of a span is asked, and few have any of these signs. So it is done eight bytes at a time.

use super::url::MAX_READ;

/// Shorter texts hold no literal in a statement: `SET a`.
const SHORTEST: usize = 6;

const ONES: u64 = u64::MAX / 255;

/// The signs of a text: not zero if there are any.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Signs {
    statement: u64,
    url: u64,
}

impl Signs {
    /// Looks for them; a text that is too long to be looked through has all.
    #[inline]
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let (Some((first, mut rest)), Some(last)) = (bytes.split_first_chunk(), bytes.last_chunk())
        else {
            return Self::of_short(bytes);
        };
        if text.len() > MAX_READ {
            return Self { statement: 1, url: 1 };
        }
        let mut signs = Self::default();
        signs.add(*first);
        signs.add(*last);
        while let Some((word, after)) = rest.split_first_chunk() {
            signs.add(*word);
            rest = after;
        }
        signs
    }

    fn of_short(bytes: &[u8]) -> Self {
        let mut signs = Self::default();
        let mut word = [b'x'; 8];
        word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        signs.add(word);
        if bytes.len() < SHORTEST {
            signs.statement = 0;
        }
        signs
    }

    #[inline]
    fn add(&mut self, bytes: [u8; 8]) {
        let word = u64::from_le_bytes(bytes);
        // The highest bit of each byte below a limit.
        let below =
            |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word & (ONES << 7);
        self.statement |= below(word, b')');
        let is = |sign: u8| below(word ^ (ONES * u64::from(sign)), 1);
        self.url |= is(b'@') | is(b'?') | is(b'#');
    }

    /// Returns true if there are none.
    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.statement | self.url == 0
    }

    /// Returns true if a statement may be in it: there is a blank, a quote or a bracket.
    pub(crate) fn of_statement(self) -> bool {
        self.statement != 0
    }

    /// Returns true if a user name or a query of a URL may be in it: there is an `@`, a `?` or a `#`.
    #[inline]
    pub(crate) fn of_url(self) -> bool {
        self.url != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_found_wherever_they_stand() {
        for length in 0..40 {
            let plain = "é/{}.:~-0Zz".chars().cycle().take(length).collect::<String>();
            assert!(Signs::of(&plain).is_empty(), "{plain}");
            for at in plain.char_indices().map(|(at, _)| at) {
                for (sign, of_statement, of_url) in [
                    (' ', true, false),
                    ('\n', true, false),
                    ('\'', true, false),
                    ('"', true, false),
                    ('(', true, false),
                    ('@', false, true),
                    ('?', false, true),
                    ('#', true, true),
                ] {
                    let mut text = plain.clone();
                    text.insert(at, sign);
                    let signs = Signs::of(&text);
                    let is_long = text.len() >= SHORTEST;
                    assert_eq!(signs.of_statement(), of_statement && is_long, "{text}");
                    assert_eq!(signs.of_url(), of_url, "{text}");
                }
            }
        }
    }
}
