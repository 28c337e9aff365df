//! [`Sketch`]: durations in bins whose bounds grow by a constant factor, with the accuracy of the Agent's.
//!
//! By hand: crates of this accuracy write another form, and do not show their bins. Source: `sketches-go`, which the
//! Agent uses: logarithmic mapping, relative accuracy 0.01, 2,048 contiguous bins of which the lowest collapse.

/// The factor between the bounds of two bins, for an accuracy of 1 %.
const GAMMA: f64 = 1.01 / 0.99;

/// The most bins between the lowest and the highest, both included, as in the Agent.
const MAX_BINS: i16 = 2_048;

/// The bits of a duration that the Agent keeps: sign, exponent and the first bits of the mantissa.
const KEPT_BITS: u64 = 0xffff_f800_0000_0000;

/// Durations in nanoseconds. The bins that hold something stand in order: most groups have few.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sketch {
    bins: Vec<(i16, u32)>,
    zeros: u32,
}

impl Sketch {
    /// Adds a duration in nanoseconds.
    pub(super) fn add(&mut self, duration: u64) {
        if duration == 0 {
            self.zeros = self.zeros.saturating_add(1);
        } else {
            self.put(index(duration), 1);
        }
    }

    /// Adds the durations of another sketch.
    pub(super) fn merge(&mut self, other: &Self) {
        self.zeros = self.zeros.saturating_add(other.zeros);
        for (index, count) in &other.bins {
            self.put(*index, *count);
        }
    }

    /// The number of durations.
    pub(super) fn count(&self) -> u64 {
        self.bins.iter().map(|(_, count)| u64::from(*count)).sum::<u64>() + u64::from(self.zeros)
    }

    /// The memory that the bins take, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bins.capacity() * size_of::<(i16, u32)>()
    }

    fn put(&mut self, index: i16, count: u32) {
        let highest = self.bins.last().map_or(index, |(highest, _)| index.max(*highest));
        let lowest = highest.saturating_sub(MAX_BINS - 1);
        let index = index.max(lowest);
        match self.bins.binary_search_by_key(&index, |(bin, _)| *bin) {
            Ok(at) => self.bins[at].1 = self.bins[at].1.saturating_add(count),
            Err(at) => self.bins.insert(at, (index, count)),
        }
        // Bins too far below the highest one join the lowest that is left.
        let below = self.bins.partition_point(|(bin, _)| *bin < lowest);
        if below > 0 {
            let sum = self.bins.drain(..below).map(|(_, count)| count).fold(0, u32::saturating_add);
            self.put(lowest, sum);
        }
    }

    /// Appends the sketch in Protocol Buffers, as `sketches-go` reads it.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        /// Field 1 of type 64-bit, fields 1 to 4 as they stand in the messages.
        const FIXED_1: u8 = 1 << 3 | 1;
        const BYTES_1: u8 = 1 << 3 | 2;
        const BYTES_2: u8 = 2 << 3 | 2;
        const VARINT_3: u8 = 3 << 3;
        const BYTES_3: u8 = 3 << 3 | 2;
        const FIXED_4: u8 = 4 << 3 | 1;
        const FIXED_FIELD: u8 = 9;

        out.extend_from_slice(&[BYTES_1, FIXED_FIELD, FIXED_1]);
        out.extend_from_slice(&GAMMA.to_le_bytes());
        out.push(BYTES_2);
        match (self.bins.first(), self.bins.last()) {
            (Some((first, _)), Some((last, _))) => {
                // Lengths first: the counts, the index of the first one.
                let counts = 8 * (u64::from(first.abs_diff(*last)) + 1);
                let first_index = zigzag(*first);
                let length = 1 + varint_len(counts) + counts + 1 + varint_len(first_index);
                push_varint(out, length);
                out.push(BYTES_2);
                push_varint(out, counts);
                let mut next = *first;
                for (index, count) in &self.bins {
                    while next < *index {
                        out.extend_from_slice(&0_f64.to_le_bytes());
                        next += 1;
                    }
                    out.extend_from_slice(&f64::from(*count).to_le_bytes());
                    next += 1;
                }
                out.push(VARINT_3);
                push_varint(out, first_index);
            }
            _ => out.push(0),
        }
        out.extend_from_slice(&[BYTES_3, 0, FIXED_4]);
        out.extend_from_slice(&f64::from(self.zeros).to_le_bytes());
    }
}

/// Returns the bin of a duration that is not zero.
#[expect(clippy::cast_precision_loss, reason = "ten bits of it are kept")]
#[expect(clippy::cast_possible_truncation, reason = "logarithms are small")]
fn index(duration: u64) -> i16 {
    let kept = f64::from_bits((duration as f64).to_bits() & KEPT_BITS);
    (kept.ln() * (1.0 / GAMMA.ln())).floor() as i16
}

/// Returns a signed number as Protocol Buffers write it.
fn zigzag(number: i16) -> u64 {
    let twice = 2 * u64::from(number.unsigned_abs());
    if number < 0 { twice - 1 } else { twice }
}

fn varint_len(number: u64) -> u64 {
    u64::from((number | 1).ilog2() / 7 + 1)
}

fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return out.push(low & 0x7f);
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest duration of a span.
    const LONGEST: u64 = i64::MAX.unsigned_abs();

    #[test]
    fn durations_fall_into_the_bins_of_the_agent() {
        // From `sketches-go` 1.4 with accuracy 0.01, after the Agent's cut of the mantissa.
        for (duration, bin) in
            [(1, 0), (2, 34), (1_000, 345), (1_000_000, 690), (1_000_000_000, 1_036)]
        {
            assert_eq!(index(duration), bin, "{duration}");
        }
        assert_eq!(index(1_048_575), index(1_048_064), "ten bits of the mantissa are kept");
    }

    #[test]
    fn the_lowest_bins_collapse() {
        let mut sketch = Sketch::default();
        sketch.add(1);
        sketch.add(2);
        sketch.add(LONGEST);
        let highest = index(LONGEST);
        assert_eq!(sketch.bins, [(highest - MAX_BINS + 1, 2), (highest, 1)]);
        sketch.add(1);
        assert_eq!(sketch.bins[0], (highest - MAX_BINS + 1, 3));
        assert_eq!(sketch.count(), 4);
    }

    #[test]
    fn a_sketch_is_written_as_protocol_buffers() {
        let mut sketch = Sketch::default();
        for duration in [0, 1, 1, 2] {
            sketch.add(duration);
        }
        let mut bytes = Vec::new();
        sketch.write(&mut bytes);
        let counts: Vec<u8> = (0..35_u32)
            .map(|bin| f64::from([2, 0, 1][usize::from(bin > 0) + usize::from(bin == 34)]))
            .flat_map(f64::to_le_bytes)
            .collect();
        let mut expected = vec![0x0a, 9, 0x09];
        expected.extend_from_slice(&GAMMA.to_le_bytes());
        // 280 bytes of counts, the index 0.
        expected.extend_from_slice(&[0x12, 0x9d, 0x02, 0x12, 0x98, 0x02]);
        expected.extend_from_slice(&counts);
        expected.extend_from_slice(&[0x18, 0, 0x1a, 0, 0x21]);
        expected.extend_from_slice(&1_f64.to_le_bytes());
        assert_eq!(bytes, expected);
    }

    #[test]
    fn merged_sketches_hold_all_durations() {
        let (mut all, mut parts) = (Sketch::default(), [Sketch::default(), Sketch::default()]);
        for number in 0..1_000_u64 {
            let duration = number * number * 977;
            all.add(duration);
            parts[usize::from(number % 3 == 0)].add(duration);
        }
        let [mut first, second] = parts;
        first.merge(&second);
        assert_eq!(first, all);
    }
}
