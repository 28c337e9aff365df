//! The key of a group of spans, and the numbers of the group.

use super::sketch::Sketch;

/// The word in place of what is beyond a limit.
pub(super) const BLOCKED: &str = "tracer_blocked_value";

/// The parts of a key that are texts, in the order in which they stand in [`Key::text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum Part {
    Service,
    Name,
    Resource,
    Type,
    Kind,
    Grpc,
    Source,
    /// All peer tags, each ended by a zero byte.
    Peers,
}

/// The number of parts.
pub(super) const PARTS: usize = 8;

/// The ends of the parts of a key, in bytes.
pub(crate) type Parts = [u32; PARTS];

/// The facts that spans of a group share. The texts stand one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key<'a> {
    pub(crate) text: &'a str,
    pub(crate) parts: Parts,
    pub(crate) http_status: u32,
    /// The place in the trace: 1 at the root, 2 below it, 0 unknown.
    pub(crate) root: u8,
    pub(crate) synthetics: bool,
}

impl Key<'_> {
    pub(super) fn part(&self, part: Part) -> &str {
        let start = (part as usize).checked_sub(1).map_or(0, |before| self.parts[before]);
        &self.text[start as usize..self.parts[part as usize] as usize]
    }
}

/// Writes a key that differs from another in some parts.
pub(super) fn rewritten<'t>(
    key: &Key<'_>,
    text: &'t mut String,
    part_of: impl Fn(Part) -> Option<&'static str>,
) -> Key<'t> {
    use Part::{Grpc, Kind, Name, Peers, Resource, Service, Source, Type};

    text.clear();
    let mut parts = Parts::default();
    for part in [Service, Name, Resource, Type, Kind, Grpc, Source, Peers] {
        text.push_str(part_of(part).unwrap_or(key.part(part)));
        parts[part as usize] = u32::try_from(text.len()).unwrap_or(u32::MAX);
    }
    Key { text, parts, ..*key }
}

/// A span to count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted<'a> {
    pub(crate) key: Key<'a>,
    /// The end, in nanoseconds since 1970.
    pub(crate) end: u64,
    /// In nanoseconds.
    pub(crate) duration: u64,
    pub(crate) is_error: bool,
    pub(crate) is_top_level: bool,
}

/// The numbers of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    /// Sums of weights.
    pub(super) hits: f64,
    pub(super) errors: f64,
    pub(super) top_level: f64,
    /// The sum of all durations in nanoseconds, weighed.
    pub(super) duration: f64,
    pub(super) ok: Sketch,
    pub(super) failed: Sketch,
}

impl Values {
    /// Counts a span that stands for so many.
    pub(super) fn add(&mut self, span: &Counted<'_>, weight: f64) {
        self.hits += weight;
        self.errors += if span.is_error { weight } else { 0.0 };
        self.top_level += if span.is_top_level { weight } else { 0.0 };
        #[expect(clippy::cast_precision_loss, reason = "as the Agent")]
        let duration = span.duration as f64;
        self.duration += duration * weight;
        let sketch = if span.is_error { &mut self.failed } else { &mut self.ok };
        sketch.add(span.duration);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.hits += other.hits;
        self.errors += other.errors;
        self.top_level += other.top_level;
        self.duration += other.duration;
        self.ok.merge(&other.ok);
        self.failed.merge(&other.failed);
    }

    /// The number of spans, each as one.
    pub(super) fn spans(&self) -> u64 {
        self.ok.count() + self.failed.count()
    }
}

/// A group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The number of its environment and version.
    pub(super) origin: u32,
    text: Box<str>,
    parts: Parts,
    http_status: u32,
    root: u8,
    synthetics: bool,
    pub(super) values: Values,
}

impl Group {
    pub(super) fn new(origin: u32, key: &Key<'_>) -> Self {
        let Key { text, parts, http_status, root, synthetics } = *key;
        Self {
            origin,
            text: text.into(),
            parts,
            http_status,
            root,
            synthetics,
            values: Values::default(),
        }
    }

    pub(super) fn key(&self) -> Key<'_> {
        Key {
            text: &self.text,
            parts: self.parts,
            http_status: self.http_status,
            root: self.root,
            synthetics: self.synthetics,
        }
    }

    /// The memory that it takes, in bytes, with its part of the tables.
    pub(super) fn memory(&self) -> usize {
        /// A key is in up to four tables, which are half empty at times.
        const TABLES: usize = 4 * 2 * size_of::<u128>();

        let sketches = self.values.ok.memory() + self.values.failed.memory();
        size_of::<Self>() + self.text.len() + sketches + TABLES
    }
}
