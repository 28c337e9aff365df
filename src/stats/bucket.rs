//! [`Bucket`]: the groups of a span of time, bounded in number.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::group::{BLOCKED, Counted, Group, Key, PARTS, Part, rewritten};

/// The most keys of a bucket; what is beyond shares one key. Those of dd-trace-go, as the next two.
const MAX_KEYS: usize = 7_000;
/// The most resources of a bucket; further ones share one.
const MAX_RESOURCES: usize = 1_024;
/// The most sets of peer tags of a bucket; further ones share one.
const MAX_PEERS: usize = 512;

/// The most memory of a bucket, in bytes, for which it takes new keys: 8 MiB but for the group beyond all limits, which
/// has two sketches.
const MAX_BYTES: usize = (8 * 1024 - 64) * 1024;

/// The text of peer tags that are beyond a limit.
const BLOCKED_PEERS: &str = "tracer_blocked_value\0";

/// Takes a number that is random already as it is.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers of 64 bits are hashed")
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

type Hashes = BuildHasherDefault<AsItIs>;

/// The groups of a span of time.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// In nanoseconds since 1970.
    pub(super) start: u64,
    groups: Vec<Group>,
    /// The memory of the groups, in bytes.
    bytes: usize,
    /// The place of each group by the hash of its key. Where two keys have one hash the second has the next number.
    places: HashMap<u64, u32, Hashes>,
    /// Hashes of what was let in so far: whole keys, resources, sets of peer tags.
    keys: HashSet<u64, Hashes>,
    resources: HashSet<u64, Hashes>,
    peers: HashSet<u64, Hashes>,
}

/// Memory and randomness that all buckets share.
#[derive(Debug, Default)]
pub(super) struct Tools {
    random: RandomState,
    text: String,
}

impl Bucket {
    pub(super) fn new(start: u64) -> Self {
        Self { start, ..Self::default() }
    }

    /// Counts a span. Nothing is allocated for a group that is known, but for new bins.
    pub(super) fn add(&mut self, origin: u32, span: &Counted<'_>, weight: f64, tools: &mut Tools) {
        let at = self.place(origin, &span.key, tools);
        let group = &mut self.groups[at];
        let before = group.memory();
        group.values.add(span, weight);
        self.bytes += group.memory() - before;
    }

    /// Adds the numbers of a group whose key passed the limits of another bucket. Beyond the limits of this one the
    /// numbers of new keys go where those beyond other limits are.
    pub(super) fn merge(&mut self, group: Group, tools: &mut Tools) {
        let hash = hash(group.origin, &group.key(), &tools.random);
        let at = match self.find(group.origin, &group.key(), hash) {
            Ok(at) => at,
            Err(free) if self.has_room(group.memory()) => {
                self.keys.insert(hash);
                self.insert(group, free);
                return;
            }
            Err(_) => self.blocked_place(group.origin, &group.key(), tools),
        };
        let target = &mut self.groups[at];
        let before = target.memory();
        target.values.merge(&group.values);
        self.bytes += target.memory() - before;
    }

    /// Returns true if another key has room, with a group of this size.
    fn has_room(&self, bytes: usize) -> bool {
        self.places.len() < MAX_KEYS && self.bytes + bytes <= MAX_BYTES
    }

    /// Takes the groups out.
    pub(super) fn into_groups(self) -> Vec<Group> {
        self.groups
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Bytes that it takes.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.bytes
    }

    /// Returns the place of a group for this key, or for what stands for it beyond the limits.
    fn place(&mut self, origin: u32, key: &Key<'_>, tools: &mut Tools) -> usize {
        let whole = hash(origin, key, &tools.random);
        let free = match self.find(origin, key, whole) {
            Ok(at) => return at,
            Err(free) => free,
        };
        let is_full = self.bytes + key.text.len() > MAX_BYTES;
        if is_full || !admit(&mut self.keys, whole, MAX_KEYS) {
            return self.blocked_place(origin, key, tools);
        }
        let of = |part: Part| tools.random.hash_one(key.part(part));
        let resource = key.part(Part::Resource).is_empty()
            || admit(&mut self.resources, of(Part::Resource), MAX_RESOURCES);
        let peers =
            key.part(Part::Peers).is_empty() || admit(&mut self.peers, of(Part::Peers), MAX_PEERS);
        if resource && peers {
            return self.insert(Group::new(origin, key), free);
        }
        self.stand_in(origin, key, tools, |part| match part {
            Part::Resource if !resource => Some(BLOCKED),
            Part::Peers if !peers => Some(BLOCKED_PEERS),
            _ => None,
        })
    }

    /// Returns the place of the group beyond all limits.
    fn blocked_place(&mut self, origin: u32, key: &Key<'_>, tools: &mut Tools) -> usize {
        let key = Key { http_status: 0, root: 0, synthetics: false, ..*key };
        self.stand_in(origin, &key, tools, |part| match part {
            Part::Grpc => Some(""),
            Part::Peers => Some(BLOCKED_PEERS),
            _ => Some(BLOCKED),
        })
    }

    /// Returns the place of the group for a key that differs from another in some parts.
    fn stand_in(
        &mut self,
        origin: u32,
        key: &Key<'_>,
        Tools { random, text }: &mut Tools,
        part_of: impl Fn(Part) -> Option<&'static str>,
    ) -> usize {
        let key = rewritten(key, text, part_of);
        match self.find(origin, &key, hash(origin, &key, random)) {
            Ok(at) => at,
            Err(free) => self.insert(Group::new(origin, &key), free),
        }
    }

    /// Returns the place of a group, or the number under which there is none yet.
    fn find(&self, origin: u32, key: &Key<'_>, mut hash: u64) -> Result<usize, u64> {
        while let Some(at) = self.places.get(&hash) {
            let group = &self.groups[*at as usize];
            if group.origin == origin && group.key() == *key {
                return Ok(*at as usize);
            }
            hash = hash.wrapping_add(1);
        }
        Err(hash)
    }

    fn insert(&mut self, group: Group, free: u64) -> usize {
        let at = self.groups.len();
        self.bytes += group.memory();
        self.groups.push(group);
        self.places.insert(free, u32::try_from(at).unwrap_or(u32::MAX));
        at
    }
}

/// Returns true if a hash is in a set of at most so many, or has room there.
fn admit(set: &mut HashSet<u64, Hashes>, hash: u64, most: usize) -> bool {
    if set.contains(&hash) {
        return true;
    }
    let has_room = set.len() < most;
    if has_room {
        set.insert(hash);
    }
    has_room
}

fn hash(origin: u32, key: &Key<'_>, random: &RandomState) -> u64 {
    let mut hasher = random.build_hasher();
    hasher.write(key.text.as_bytes());
    // Texts of equal sums and other borders are told apart by the comparison of keys.
    let numbers = u64::from(key.http_status) << 32
        | u64::from(key.parts[PARTS - 2]) << 8
        | u64::from(key.root) << 1
        | u64::from(key.synthetics);
    hasher.write_u64(numbers ^ u64::from(origin) << 56);
    hasher.finish()
}
