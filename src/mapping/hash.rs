//! A fast hash of short texts, and the set of keys that a span has used.
//!
//! The hash need not resist attackers: equality is always checked on the key itself, and the SDK
//! bounds the attributes of a span (128 by default).

/// Odd constants with well mixed bits: the fractional parts of the golden ratio and of pi.
const MULTIPLIERS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0x243f_6a88_85a3_08d3];

/// Hashes a text, eight bytes at a time; the last eight may overlap those before. Usable by the
/// compiler, for tables. Words put together byte by byte cost 1,700 instructions a span more (callgrind).
#[inline]
pub(crate) const fn hash(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let length = bytes.len();
    let mut state = length as u64;
    if length >= 8 {
        let mut at = 0;
        while at + 8 < length {
            state = fold(state ^ word(bytes, at));
            at += 8;
        }
        state = fold(state ^ word(bytes, length - 8));
    } else if length >= 4 {
        let (first, last) = (half_word(bytes, 0), half_word(bytes, length - 4));
        state = fold(state ^ (first | last << 32));
    } else if length > 0 {
        let (middle, last) = (bytes[length / 2] as u64, bytes[length - 1] as u64);
        state = fold(state ^ (bytes[0] as u64 | middle << 8 | last << 16));
    }
    fold(state ^ MULTIPLIERS[1])
}

/// Reads eight bytes from `at` as a number; zero if they are not there.
const fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.split_at(at).1.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => 0,
    }
}

/// Reads four bytes from `at` as a number; zero if they are not there.
const fn half_word(bytes: &[u8], at: usize) -> u64 {
    match bytes.split_at(at).1.first_chunk() {
        Some(half) => u32::from_le_bytes(*half) as u64,
        None => 0,
    }
}

/// Multiplies to 128 bits and folds both halves, so that every bit reaches every other.
const fn fold(value: u64) -> u64 {
    let wide = value as u128 * MULTIPLIERS[0] as u128;
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are taken on purpose")]
    {
        wide as u64 ^ (wide >> 64) as u64
    }
}

/// A rough set of hashes: what it does not hold was never added.
#[derive(Debug, Default)]
pub(crate) struct Filter([u64; Filter::WORDS]);

impl Filter {
    /// Words of 64 bits: with a dozen keys added, one foreign key of a hundred is taken for one of them.
    const WORDS: usize = 16;

    /// Adds a hash.
    pub(crate) fn add(&mut self, hash: u64) {
        let (word, bit) = Self::place(hash);
        self.0[word] |= bit;
    }

    /// Whether a hash may have been added.
    #[inline]
    pub(crate) fn may_hold(&self, hash: u64) -> bool {
        let (word, bit) = Self::place(hash);
        self.0[word] & bit != 0
    }

    fn place(hash: u64) -> (usize, u64) {
        let word = (hash >> 60) as usize;
        (word, 1 << ((hash >> 54) & 63))
    }
}

/// The keys that one span has used: an open-addressing table that is emptied in one step.
///
/// It stores numbers, not texts, so it lives longer than any batch; the caller compares the keys.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    slots: Vec<Slot>,
    /// Slots of earlier spans carry earlier rounds and count as empty.
    round: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    round: u32,
    hash: u32,
    entry: usize,
}

impl KeySet {
    /// Empties the set and makes room for `keys` keys.
    pub(crate) fn reset(&mut self, keys: usize) {
        let wanted = (keys * 2).next_power_of_two().max(64);
        if self.slots.len() < wanted || self.round == u32::MAX {
            self.slots.clear();
            self.slots.resize(wanted, Slot::default());
            self.round = 0;
        }
        self.round += 1;
    }

    /// Adds `entry`, in place of the one with this hash for which `same` holds.
    pub(crate) fn put(&mut self, hash: u64, entry: usize, same: impl Fn(usize) -> bool) {
        let (Ok(at) | Err(at)) = self.probe(hash, same);
        self.slots[at] = Slot { round: self.round, hash: tag(hash), entry };
    }

    /// Returns the entry of the key with this hash for which `same` holds.
    #[inline]
    pub(crate) fn get(&self, hash: u64, same: impl Fn(usize) -> bool) -> Option<usize> {
        self.probe(hash, same).ok().map(|at| self.slots[at].entry)
    }

    /// Adds `entry` unless `same` holds for one with this hash; says whether it was added.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, entry: usize, same: impl Fn(usize) -> bool) -> bool {
        let Err(free) = self.probe(hash, same) else {
            return false;
        };
        self.slots[free] = Slot { round: self.round, hash: tag(hash), entry };
        true
    }

    /// Returns the slot of the key, or the free one where it would go.
    #[inline]
    fn probe(&self, hash: u64, same: impl Fn(usize) -> bool) -> Result<usize, usize> {
        let mask = self.slots.len() - 1;
        #[expect(clippy::cast_possible_truncation, reason = "a slot needs only the low bits")]
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot.round != self.round {
                return Err(at);
            }
            if slot.hash == tag(hash) && same(slot.entry) {
                return Ok(at);
            }
            at = (at + 1) & mask;
        }
    }
}

/// The half of the hash that is kept to compare.
fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_added_since_its_reset() {
        let keys: Vec<String> = (0..1_000).map(|i| format!("key.{i}")).collect();
        let mut set = KeySet::default();
        for _ in 0..3 {
            set.reset(keys.len());
            for (i, key) in keys.iter().enumerate() {
                let same = |entry: usize| keys[entry] == *key;
                assert_eq!(set.get(hash(key), same), None);
                assert!(set.insert(hash(key), i, same));
                assert!(!set.insert(hash(key), i, same));
                assert_eq!(set.get(hash(key), same), Some(i));
            }
        }
    }

    #[test]
    fn similar_texts_have_different_hashes() {
        let mut seen = std::collections::HashSet::new();
        for i in 0..10_000 {
            assert!(seen.insert(hash(&format!("http.request.header.x-{i}"))));
        }
        assert_ne!(hash(""), hash("\0"));
    }
}
