//! A fast hash of short texts, and the set of keys that a span has used.
//!
//! Tables that the compiler builds need a hash that everybody can compute ([`Hashed`]). Sets of keys and ids need
//! one with a secret ([`hash`], [`hash_id`]): callers choose both, and could choose them so that all share a slot.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::LazyLock;

use opentelemetry::TraceId;

/// Well mixed bits, so that no text makes a factor of zero by its looks: the fractional parts of the
/// golden ratio and of pi.
const MASKS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0x243f_6a88_85a3_08d3];

/// A text as a few numbers. Usable by the compiler, for tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashed {
    /// The hash of the whole text.
    pub(crate) hash: u64,
    length: usize,
    /// The first sixteen bytes and the last.
    ends: [u64; 4],
}

impl Hashed {
    /// Longest text that is all in its ends, which may overlap.
    pub(crate) const WHOLE: usize = 32;

    /// Reads a text.
    #[inline]
    pub(crate) const fn of(text: &str) -> Self {
        Self::seeded(text, Seed::NONE)
    }

    /// Reads a text, sixteen bytes at a time.
    #[inline]
    const fn seeded(text: &str, seed: Seed) -> Self {
        let Seed([one, two]) = seed;
        let bytes = text.as_bytes();
        let length = bytes.len();
        let mut state = length as u64 ^ one;
        let ends = match (bytes.split_first_chunk::<16>(), bytes.last_chunk::<16>()) {
            (Some((first, mut rest)), Some(last)) => {
                while rest.len() > 16 {
                    let Some((pair, after)) = rest.split_first_chunk::<16>() else { break };
                    state = fold(word(pair, 0) ^ state, word(pair, 8) ^ two);
                    rest = after;
                }
                [word(first, 0), word(first, 8), word(last, 0), word(last, 8)]
            }
            _ => short_ends(bytes),
        };
        let hash = fold(fold(ends[0] ^ state, ends[1] ^ two) ^ ends[2], ends[3] ^ one);
        Self { hash, length, ends }
    }

    /// Whether both are of the same text, which has at most [`Hashed::WHOLE`] bytes. Word by word, without
    /// a call or a loop, so that the processor has nothing to guess.
    #[inline]
    pub(crate) const fn is_same(&self, other: &Self) -> bool {
        let (one, two) = (&self.ends, &other.ends);
        let differ = (one[0] ^ two[0]) | (one[1] ^ two[1]) | (one[2] ^ two[2]) | (one[3] ^ two[3]);
        self.length == other.length && differ == 0
    }
}

/// Whether two texts are equal. As `==`, but short ones need no call: the C library's, which loads with
/// masks, took 9 % of all time for one name a span (by sampling: AMD EPYC, glibc 2.36).
#[inline]
pub(crate) fn same(one: &str, two: &str) -> bool {
    match one.len() {
        length if length != two.len() => false,
        0..=Hashed::WHOLE => Hashed::of(one).is_same(&Hashed::of(two)),
        _ => one == two,
    }
}

/// Hashes a text with the secret of this process.
#[inline]
pub(crate) fn hash(text: &str) -> u64 {
    Hashed::seeded(text, *SECRET).hash
}

/// Hashes a trace id with the secret of this process.
#[inline]
pub(crate) fn hash_id(id: TraceId) -> u64 {
    SECRET.hash_id(id)
}

/// Returns the ends of a text that is shorter than sixteen bytes.
const fn short_ends(bytes: &[u8]) -> [u64; 4] {
    match bytes.len() {
        0 => [0; 4],
        length @ 1..4 => [bytes[0] as u64, bytes[length / 2] as u64, bytes[length - 1] as u64, 0],
        length @ 4..8 => [half_word(bytes, 0), half_word(bytes, length - 4), 0, 0],
        length => [word(bytes, 0), word(bytes, length - 8), 0, 0],
    }
}

/// A secret of this process.
static SECRET: LazyLock<Seed> = LazyLock::new(|| {
    let random = RandomState::new();
    Seed([random.hash_one(0), random.hash_one(1)])
});

/// What a hash begins with.
#[derive(Clone, Copy)]
struct Seed([u64; 2]);

impl Seed {
    /// The seed of hashes that the compiler computes.
    const NONE: Self = Self([0; 2]);

    #[inline]
    fn hash_id(self, id: TraceId) -> u64 {
        let Self([one, two]) = self;
        let id = id.to_bytes();
        fold(word(&id, 0) ^ one, word(&id, 8) ^ two)
    }
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

/// Multiplies two words to 128 bits and folds both halves, so that every bit reaches every other.
const fn fold(one: u64, two: u64) -> u64 {
    let wide = (one ^ MASKS[0]) as u128 * (two ^ MASKS[1]) as u128;
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
/// It stores numbers, not texts, so it lives longer than any batch; the caller compares the keys, and hashes
/// them with a secret ([`hash`]).
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

    /// A pair of words of which the first makes every product zero, whatever the second is.
    fn colliding_id(number: u64) -> TraceId {
        let bytes = [MASKS[0].to_le_bytes(), number.to_le_bytes()].concat();
        TraceId::from(u128::from_be_bytes(bytes.try_into().unwrap()))
    }

    /// Returns the start of keys of [`Hashed::WHOLE`] bytes that share a hash: behind it the first factor is zero.
    fn colliding_start() -> String {
        let starts = (0..100_000).map(|number| format!("{number:016}"));
        let mut found = starts.filter_map(|start| {
            let (one, two) = (word(start.as_bytes(), 0), word(start.as_bytes(), 8));
            let state = fold(one ^ Hashed::WHOLE as u64, two) ^ MASKS[0];
            let end = String::from_utf8(state.to_le_bytes().into()).ok()?;
            Some(start + &end)
        });
        found.next().unwrap()
    }

    #[test]
    fn keys_and_ids_that_share_a_hash_have_different_ones_with_the_secret() {
        const COUNT: u64 = 20_000;
        let distinct = |hash: &dyn Fn(u64) -> u64| {
            (0..COUNT).map(hash).collect::<std::collections::HashSet<_>>().len()
        };
        let (start, all) = (colliding_start(), usize::try_from(COUNT).unwrap());
        for (seed, expected) in [(Seed::NONE, 1), (*SECRET, all)] {
            assert_eq!(distinct(&|number| seed.hash_id(colliding_id(number))), expected);
            let key = |number: u64| format!("{start}{number:08}");
            assert_eq!(distinct(&|number| Hashed::seeded(&key(number), seed).hash), expected);
        }
    }

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
