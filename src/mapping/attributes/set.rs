//! A set of known attributes: one bit for each row of the table, in as many words as the rows need.

use super::{Attribute, ROWS};

/// The bits of a word.
const WORD: usize = u64::BITS as usize;

/// Words for one bit a row: the table may grow, and every set with it.
const WORDS: usize = ROWS.len().div_ceil(WORD);

/// A set of known attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AttributeSet([u64; WORDS]);

impl AttributeSet {
    /// The set without any attribute.
    pub(crate) const EMPTY: Self = Self([0; WORDS]);

    /// Returns the set of these attributes.
    pub(crate) const fn of(list: &[Attribute]) -> Self {
        let (mut set, mut at) = (Self::EMPTY, 0);
        while at < list.len() {
            set = set.with(list[at]);
            at += 1;
        }
        set
    }

    /// Returns the set with one more attribute.
    pub(crate) const fn with(mut self, known: Attribute) -> Self {
        let (word, bit) = place(known);
        self.0[word] |= bit;
        self
    }

    /// Adds an attribute; returns whether it is new.
    #[inline]
    pub(crate) fn insert(&mut self, known: Attribute) -> bool {
        let (word, bit) = place(known);
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    /// Removes an attribute; returns whether it was there.
    #[inline]
    pub(crate) fn remove(&mut self, known: Attribute) -> bool {
        let (word, bit) = place(known);
        let was_there = self.0[word] & bit != 0;
        self.0[word] &= !bit;
        was_there
    }

    /// Returns true if the attribute is in the set.
    #[inline]
    pub(crate) fn has(&self, known: Attribute) -> bool {
        let (word, bit) = place(known);
        self.0[word] & bit != 0
    }

    /// Returns true if both sets have an attribute in common.
    #[inline]
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).fold(0, |common, (one, two)| common | (one & two)) != 0
    }

    /// Removes the attributes of another set, and returns those of them that were there.
    pub(crate) fn split_off(&mut self, other: &Self) -> Self {
        let mut common = *self;
        for ((own, both), wanted) in self.0.iter_mut().zip(&mut common.0).zip(&other.0) {
            *both &= wanted;
            *own &= !wanted;
        }
        common
    }

    /// Removes the first attribute in the order of the table, and returns it.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Attribute> {
        let word = self.0.iter().position(|word| *word != 0)?;
        let bit = self.0[word].trailing_zeros() as usize;
        self.0[word] &= self.0[word] - 1;
        Some(ROWS[word * WORD + bit].1)
    }
}

/// Returns the word and the bit of an attribute.
#[inline]
const fn place(known: Attribute) -> (usize, u64) {
    let row = known as usize;
    (row / WORD, 1 << (row % WORD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_gives_back_each_row_that_was_added_in_the_order_of_the_table() {
        let all: Vec<Attribute> = ROWS.iter().map(|row| row.1).collect();
        let mut set = AttributeSet::EMPTY;
        for known in all.iter().rev() {
            assert!(set.insert(*known) && !set.insert(*known) && set.has(*known));
        }
        assert_eq!(set, AttributeSet::of(&all));
        let popped: Vec<Attribute> = std::iter::from_fn(|| set.pop()).collect();
        assert_eq!(popped, all);
    }

    #[test]
    fn a_split_set_keeps_what_the_other_does_not_have() {
        let (first, last) = (ROWS[0].1, ROWS[ROWS.len() - 1].1);
        let mut set = AttributeSet::of(&[first, last]);
        assert_eq!(set.split_off(&AttributeSet::of(&[last])), AttributeSet::of(&[last]));
        assert!(set.has(first) && !set.has(last) && !set.meets(&AttributeSet::of(&[last])));
        assert!(set.remove(first) && !set.remove(first));
    }
}
