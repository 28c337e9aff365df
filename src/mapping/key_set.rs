//! The set of keys that a span has used.
//!
//! Callers choose keys and ids, so the hash has a secret: else they could choose them so that all share a slot.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::LazyLock;

/// Hashes a key or an id with a secret of this process.
#[inline]
pub(crate) fn hash(value: impl Hash) -> u64 {
    static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    SECRET.hash_one(value)
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
}
