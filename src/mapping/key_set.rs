//! The set of keys that a span has used.
//!
//! Callers choose keys and ids, so the hash has a secret: else they could choose them so that all share a slot.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

/// The prime that hashes are counted to: 2^61 - 1.
const PRIME: u64 = (1 << 61) - 1;

/// Hashes the bytes of a key or an id with a secret of this process.
///
/// They are the coefficients of a polynomial, seven bytes each, and its value at the secret is the hash: whoever
/// chose two texts of a kilobyte, the chance that they share one is below 2^-53. The hash of `std` takes three times
/// as long, some 1,000 instructions of a span (callgrind).
#[inline]
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    static SECRET: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(()) % PRIME);
    let secret = *SECRET;
    let step = |hash: u64, word: u64| {
        let product = u128::from(hash + word) * u128::from(secret);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "split into the low 61 bits and the others"
        )]
        let sum = (product as u64 & PRIME) + (product >> 61) as u64;
        (sum & PRIME) + (sum >> 61)
    };
    // Without the length, zeros at the end would make no difference.
    let mut hash = step(0, bytes.len() as u64);
    let mut rest = bytes;
    while let Some(eight) = rest.first_chunk() {
        hash = step(hash, u64::from_le_bytes(*eight) & (u64::MAX >> 8));
        rest = &rest[7..];
    }
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    // Keys that count up are spread over all slots, whatever the secret.
    let spread = step(hash, u64::from_le_bytes(last)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    spread ^ (spread >> 32)
}

/// The keys that one span has used: an open-addressing table that is emptied in one step.
///
/// It stores numbers, not texts, so it lives longer than any batch; the caller compares the keys, and hashes
/// them ([`hash`]).
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

    /// Gives the memory back that more than `keys` keys took.
    pub(crate) fn shrink(&mut self, keys: usize) {
        if self.slots.len() > (keys * 2).next_power_of_two() {
            *self = Self::default();
        }
    }

    /// Adds `entry`, in place of the one with this hash for which `same` holds.
    pub(crate) fn put(&mut self, hash: u64, entry: usize, same: impl Fn(usize) -> bool) {
        let (Ok(at) | Err(at)) = self.probe(hash, same);
        self.slots[at] = self.slot(hash, entry);
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
        self.slots[free] = self.slot(hash, entry);
        true
    }

    /// Returns the entry of the key with this hash for which `same` holds; adds `entry` if there is none.
    #[inline]
    pub(crate) fn first(&mut self, hash: u64, entry: usize, same: impl Fn(usize) -> bool) -> usize {
        match self.probe(hash, same) {
            Ok(at) => self.slots[at].entry,
            Err(at) => {
                self.slots[at] = self.slot(hash, entry);
                entry
            }
        }
    }

    fn slot(&self, hash: u64, entry: usize) -> Slot {
        Slot { round: self.round, hash: tag(hash), entry }
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
    fn texts_that_differ_in_one_byte_or_in_zeros_at_the_end_have_different_hashes() {
        let mut hashes = std::collections::HashSet::new();
        let zeros = [0; 40];
        for length in 0..=zeros.len() {
            assert!(hashes.insert(hash(&zeros[..length])), "{length}");
            for (at, byte) in (0..length).flat_map(|at| [1, 0x80, 0xff].map(|byte| (at, byte))) {
                let mut text = zeros;
                text[at] = byte;
                assert!(hashes.insert(hash(&text[..length])), "{length} {at} {byte}");
            }
        }
    }

    #[test]
    fn keys_that_count_up_are_spread_over_all_slots() {
        let mut counts = [0; 16];
        for key in 0..16_000 {
            let slot = hash(format!("key.{key}").as_bytes()) % 16;
            counts[usize::try_from(slot).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (500..2_000).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_set_holds_what_was_added_since_its_reset() {
        let keys: Vec<String> = (0..1_000).map(|i| format!("key.{i}")).collect();
        let mut set = KeySet::default();
        for _ in 0..3 {
            set.reset(keys.len());
            for (i, key) in keys.iter().enumerate() {
                let same = |entry: usize| keys[entry] == *key;
                assert_eq!(set.get(hash(key.as_bytes()), same), None);
                assert!(set.insert(hash(key.as_bytes()), i, same));
                assert!(!set.insert(hash(key.as_bytes()), i, same));
                assert_eq!(set.get(hash(key.as_bytes()), same), Some(i));
            }
        }
    }
}
