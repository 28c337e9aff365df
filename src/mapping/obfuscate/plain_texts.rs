//! Texts that were seen lately and hold no statement.
//!
//! A service writes the same user agents, routes and error texts again and again, and a span the stack of its error
//! twice: to find a text here takes a sixteenth of an instruction a byte, to look through it for statements six
//! (callgrind). What is known of a text depends on nothing else, so it is never out of date.

/// The most texts that are kept: those of a large service, in 256 KiB at most.
const KEPT: usize = 64;

/// The longest text that is kept, in bytes: longer than nearly every stack.
const MAX_LENGTH: usize = 4 * 1_024;

/// The texts, each in a slot by its length and its ends.
#[derive(Default)]
pub(crate) struct PlainTexts(Vec<String>);

impl PlainTexts {
    /// Returns whether a text is known to hold no statement.
    pub(crate) fn has(&self, text: &str) -> bool {
        self.0.get(slot(text)).is_some_and(|known| known == text && !text.is_empty())
    }

    /// Notes that a text holds no statement.
    pub(crate) fn note(&mut self, text: &str) {
        if text.len() <= MAX_LENGTH {
            self.0.resize(KEPT, String::new());
            text.clone_into(&mut self.0[slot(text)]);
        }
    }
}

/// Returns the place of a text. Whoever chooses texts that share one makes each be looked through, as without it.
#[expect(clippy::cast_possible_truncation, reason = "the highest bits, of which there are few")]
fn slot(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) else {
        return bytes.len();
    };
    let ends = u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(23);
    let mixed = (ends ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (u64::BITS - KEPT.ilog2())) as usize
}

/// Shows no text.
impl std::fmt::Debug for PlainTexts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlainTexts").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_as_long_as_no_other_takes_its_place() {
        let mut plain = PlainTexts::default();
        assert!(!plain.has("") && !plain.has("short"));
        let texts: Vec<String> =
            (0..1_000).map(|number| format!("text {number} of many")).collect();
        for text in &texts {
            plain.note(text);
            assert!(plain.has(text));
        }
        let known = texts.iter().filter(|text| plain.has(text)).count();
        assert!((1..=KEPT).contains(&known), "{known}");
        let same_slot = |at: char| format!("12345678{at}12345678");
        plain.note(&same_slot('a'));
        assert!(plain.has(&same_slot('a')) && !plain.has(&same_slot('b')));
    }

    #[test]
    fn a_long_text_is_not_kept() {
        let mut plain = PlainTexts::default();
        for (length, is_kept) in
            [(0, false), (1, true), (MAX_LENGTH, true), (MAX_LENGTH + 1, false)]
        {
            let text = "x".repeat(length);
            plain.note(&text);
            assert_eq!(plain.has(&text), is_kept, "{length}");
        }
    }
}
