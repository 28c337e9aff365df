//! A distribution of durations: counts in bins whose bounds grow by a constant factor.
use std::collections::BTreeMap;

/// The factor between the bounds of two bins: 1 % accuracy, as in every tracer and in the Agent.
const GAMMA: f64 = 1.01 / 0.99;

/// The most bins of a sketch. The Agent's own have 2,048.
const BINS_MAX: usize = 4_096;

/// A sketch of durations in nanoseconds: a `DDSketch`, as client statistics carry it.
///
/// # Examples
///
/// ```
/// use datadog_test_agent::Sketch;
///
/// let mut sketch = Sketch::default();
/// for milliseconds in 1..=100 {
///     sketch.add(f64::from(milliseconds) * 1e6);
/// }
/// let p95 = sketch.quantile(0.95).unwrap();
/// assert!((p95 / 95e6 - 1.0).abs() < 0.01, "{p95}");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    mapping: Mapping,
    bins: BTreeMap<i32, f64>,
    /// The values that are too small for a bin.
    zeros: f64,
}

/// The bounds of the bins.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mapping {
    gamma: f64,
    offset: f64,
    /// The logarithm is drawn straight between two powers of two.
    is_linear: bool,
}

impl Default for Sketch {
    fn default() -> Self {
        let mapping = Mapping { gamma: GAMMA, offset: 0.0, is_linear: false };
        Self { mapping, bins: BTreeMap::new(), zeros: 0.0 }
    }
}

impl Mapping {
    #[expect(clippy::cast_possible_truncation, reason = "logarithms are small")]
    fn index(self, value: f64) -> i32 {
        (value.ln() / self.gamma.ln() + self.offset).floor() as i32
    }

    /// Returns the value that stands for a bin.
    fn value(self, index: i32) -> f64 {
        let position = f64::from(index) - self.offset;
        let lower = if self.is_linear {
            let log = position * self.gamma.log2();
            log.floor().exp2() * (1.0 + log - log.floor())
        } else {
            (position * self.gamma.ln()).exp()
        };
        lower * 2.0 * self.gamma / (1.0 + self.gamma)
    }
}

impl Sketch {
    /// Counts a value.
    pub fn add(&mut self, value: f64) {
        if value >= 1.0 {
            let index = self.mapping.index(value);
            *self.bins.entry(index).or_default() += 1.0;
        } else {
            self.zeros += 1.0;
        }
    }

    /// Returns the number of values.
    pub fn count(&self) -> f64 {
        self.zeros + self.bins.values().sum::<f64>()
    }

    /// Returns the value below which this fraction of all values is; `None` if there are none.
    pub fn quantile(&self, fraction: f64) -> Option<f64> {
        let count = self.count();
        if count <= 0.0 {
            return None;
        }
        let rank = fraction.clamp(0.0, 1.0) * (count - 1.0).max(0.0);
        let mut below = self.zeros;
        if rank < below {
            return Some(0.0);
        }
        for (index, number) in &self.bins {
            below += number;
            if below > rank {
                return Some(self.mapping.value(*index));
            }
        }
        self.bins.last_key_value().map(|(index, _)| self.mapping.value(*index))
    }

    /// Counts the values of another sketch, too, which may have other bins.
    pub fn merge(&mut self, other: &Self) {
        self.zeros += other.zeros;
        for (index, number) in &other.bins {
            let index = if self.mapping == other.mapping {
                *index
            } else {
                self.mapping.index(other.mapping.value(*index).max(1.0))
            };
            *self.bins.entry(index).or_default() += number;
        }
        // The shortest durations are told apart no longer, as in every sketch of limited size.
        while self.bins.len() > BINS_MAX {
            let (_, shortest) = self.bins.pop_first().unwrap_or_default();
            if let Some(mut next) = self.bins.first_entry() {
                *next.get_mut() += shortest;
            }
        }
    }

    /// Returns the number of bins.
    pub(crate) fn bins(&self) -> usize {
        self.bins.len()
    }

    /// Reads a sketch in Protocol Buffers; the text says why it is none.
    pub(crate) fn from_protobuf(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut sketch = Self::default();
        for field in fields(bytes) {
            match field? {
                (1, Field::Bytes(mapping)) => sketch.mapping = Mapping::from_protobuf(mapping)?,
                (2, Field::Bytes(store)) => sketch.read_bins(store)?,
                (4, Field::Fixed(zeros)) => sketch.zeros = number(zeros)?,
                _ => {}
            }
        }
        Ok(sketch)
    }

    fn read_bins(&mut self, store: &[u8]) -> Result<(), &'static str> {
        let (mut row, mut first) = (&[][..], 0);
        for field in fields(store) {
            match field? {
                (1, Field::Bytes(entry)) => {
                    let (mut index, mut count) = (0, 0.0);
                    for field in fields(entry) {
                        match field? {
                            (1, Field::Varint(value)) => index = zigzag(value)?,
                            (2, Field::Fixed(value)) => count = number(value)?,
                            _ => {}
                        }
                    }
                    self.put(index, count)?;
                }
                (2, Field::Bytes(packed)) => row = packed,
                (3, Field::Varint(value)) => first = zigzag(value)?,
                _ => {}
            }
        }
        for (n, count) in row.chunks(8).enumerate() {
            let count = count.try_into().map_err(|_| "a count is cut off")?;
            let count = number(u64::from_le_bytes(count))?;
            let index = i32::try_from(n).ok().and_then(|n| first.checked_add(n));
            self.put(index.ok_or("a bin is out of range")?, count)?;
        }
        Ok(())
    }

    fn put(&mut self, index: i32, count: f64) -> Result<(), &'static str> {
        if count > 0.0 {
            *self.bins.entry(index).or_default() += count;
        }
        if self.bins.len() > BINS_MAX { Err("it has too many bins") } else { Ok(()) }
    }
}

impl Mapping {
    fn from_protobuf(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut mapping = Self { gamma: GAMMA, offset: 0.0, is_linear: false };
        for field in fields(bytes) {
            match field? {
                (1, Field::Fixed(gamma)) => mapping.gamma = f64::from_bits(gamma),
                (2, Field::Fixed(offset)) => mapping.offset = f64::from_bits(offset),
                // Other interpolations differ from the logarithm by less than the accuracy.
                (3, Field::Varint(interpolation)) => mapping.is_linear = interpolation == 1,
                _ => {}
            }
        }
        let is_valid = mapping.gamma > 1.0 && mapping.gamma < 4.0 && mapping.offset.is_finite();
        if is_valid { Ok(mapping) } else { Err("its bins have no bounds") }
    }
}

/// Returns a count.
fn number(bits: u64) -> Result<f64, &'static str> {
    let value = f64::from_bits(bits);
    if value.is_finite() && value >= 0.0 { Ok(value) } else { Err("a count is no number") }
}

/// Returns a signed number of 32 bits.
fn zigzag(value: u64) -> Result<i32, &'static str> {
    let half = i64::try_from(value >> 1).map_err(|_| "a number is out of range")?;
    let signed = if value & 1 == 0 { half } else { -half - 1 };
    i32::try_from(signed).map_err(|_| "a number is out of range")
}

/// A value in Protocol Buffers.
enum Field<'a> {
    Varint(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
    /// One of a kind that no sketch has.
    Other,
}

/// Returns the numbers and values of a message.
fn fields(bytes: &[u8]) -> impl Iterator<Item = Result<(u64, Field<'_>), &'static str>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = next_field(&mut rest);
        if field.is_none() {
            rest = &[];
        }
        Some(field.ok_or("it is cut off"))
    })
}

fn next_field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Field<'a>)> {
    let key = varint(rest)?;
    let value = match key & 7 {
        0 => Field::Varint(varint(rest)?),
        1 => Field::Fixed(u64::from_le_bytes(take(rest, 8)?.try_into().ok()?)),
        2 => {
            let length = varint(rest)?;
            Field::Bytes(take(rest, length)?)
        }
        5 => {
            take(rest, 4)?;
            Field::Other
        }
        _ => return None,
    };
    Some((key >> 3, value))
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = left;
    Some(taken)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in 0..10 {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a message with one field.
    fn message(number: u8, kind: u8, value: &[u8]) -> Vec<u8> {
        let mut bytes = vec![(number << 3) | kind];
        if kind == 2 {
            bytes.push(u8::try_from(value.len()).unwrap());
        }
        bytes.extend_from_slice(value);
        bytes
    }

    fn mapping(interpolation: u8) -> Vec<u8> {
        let gamma = message(1, 1, &GAMMA.to_le_bytes());
        message(1, 2, &[gamma, message(3, 0, &[interpolation])].concat())
    }

    #[test]
    fn the_bins_of_a_message_are_read() {
        let counts = [1.0_f64, 0.0, 3.0].map(f64::to_le_bytes).concat();
        let row = [message(2, 2, &counts), message(3, 0, &[0xb0, 0x0a])].concat();
        let zeros = message(4, 1, &2.0_f64.to_le_bytes());
        let sketch =
            Sketch::from_protobuf(&[mapping(0), message(2, 2, &row), zeros].concat()).unwrap();
        assert_eq!(sketch.bins, BTreeMap::from([(664, 1.0), (666, 3.0)]));
        assert!((sketch.zeros - 2.0).abs() + (sketch.count() - 6.0).abs() < 1e-9, "{sketch:?}");
        let median = sketch.quantile(0.5).unwrap();
        assert!((median - 588_000.0).abs() < 10_000.0, "{median}");
        assert_eq!(sketch.quantile(0.0), Some(0.0));
    }

    #[test]
    fn single_bins_and_straight_logarithms_are_read() {
        let entry = [message(1, 0, &[20]), message(2, 1, &1.0_f64.to_le_bytes())].concat();
        let store = message(2, 2, &message(1, 2, &entry));
        let value = |interpolation| {
            let bytes = [mapping(interpolation), store.clone()].concat();
            Sketch::from_protobuf(&bytes).unwrap().quantile(0.5).unwrap()
        };
        assert!((value(0) - 1.2337).abs() < 0.001, "{}", value(0));
        assert!((value(1) - 1.3016).abs() < 0.001, "{}", value(1));
    }

    #[test]
    fn bytes_that_are_no_sketch_are_refused() {
        let nan = message(4, 1, &f64::NAN.to_le_bytes());
        let flat = message(1, 2, &message(1, 1, &1.0_f64.to_le_bytes()));
        let many = [1_u8; 8 * 8].repeat(100);
        let mut long = vec![0x12, 0x80, 0x32];
        long.extend_from_slice(&many);
        for bytes in [nan, flat, long, vec![0x0a, 0x7f], vec![0xff; 11], vec![0x0b]] {
            assert!(Sketch::from_protobuf(&bytes).is_err(), "{bytes:?}");
        }
        assert_eq!(Sketch::from_protobuf(&[]).unwrap().quantile(0.5), None);
    }

    #[test]
    fn sketches_with_other_bins_are_merged_by_value() {
        let mapping = Mapping { gamma: 1.1, offset: 3.0, is_linear: false };
        let mut other = Sketch { mapping, ..Sketch::default() };
        other.add(1e6);
        let mut sketch = Sketch::default();
        sketch.add(1e6);
        sketch.merge(&other);
        assert!((sketch.count() - 2.0).abs() < 1e-9);
        assert!((sketch.quantile(1.0).unwrap() / 1e6 - 1.0).abs() < 0.06);
    }
}
