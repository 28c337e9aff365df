//! [`Concentrator`]: counts spans in buckets of ten seconds, and hands out what is complete.

use super::BUCKET;
use super::bucket::{Bucket, Tools};
use super::group::{BLOCKED, Counted, Group};

/// The time from its start after which a bucket is sent, in nanoseconds: late spans have ten seconds.
const OPEN: u64 = 2 * BUCKET;

/// The most groups of a request. That of dd-trace-go.
const MAX_GROUPS: usize = 4_000;

/// The most memory of the groups of a request, in bytes, some more than its body has: well below the Agent's 25 MiB.
const MAX_REQUEST: usize = 4 * 1024 * 1024;

/// Requests that are taken after one that was too large, until larger ones are tried again.
const RAISE_AFTER: u32 = 64;

/// The most pairs of environment and version that are told apart at a time.
const MAX_ORIGINS: usize = 64;

/// The most open buckets: three come of time alone, and a clock that jumps may make more.
const MAX_OPEN: usize = 8;

/// Counts spans. It knows the time only as it is told.
#[derive(Debug)]
pub(crate) struct Concentrator {
    /// In the order of their starts.
    open: Vec<Bucket>,
    /// Complete buckets. Those that wait for longer are one.
    closed: Vec<Bucket>,
    /// The start of the oldest bucket that may be open.
    oldest: u64,
    /// The time to look for complete buckets again.
    close_at: u64,
    /// Pairs of environment and version, whose places are in the keys; nothing at a place that is free.
    origins: Vec<Option<(String, String)>>,
    sequence: u64,
    /// The most groups of a request; less once a request was too large.
    max_groups: usize,
    /// Requests that were taken since then.
    since_refusal: u32,
    /// The spans of the request that is on its way; it knows the places of its pairs.
    lent: Option<u64>,
    tools: Tools,
}

/// Numbers on their way to the Agent: groups of one environment and version.
#[derive(Debug)]
pub(crate) struct StatsRequest {
    pub(crate) env: String,
    pub(crate) version: String,
    pub(crate) sequence: u64,
    /// The start of each bucket, and its groups.
    pub(super) buckets: Vec<(u64, Vec<Group>)>,
}

impl StatsRequest {
    /// The number of spans that are counted in it.
    pub(crate) fn spans(&self) -> u64 {
        self.groups().map(|group| group.values.spans()).sum()
    }

    /// The number of groups.
    pub(crate) fn group_count(&self) -> usize {
        self.groups().count()
    }

    fn groups(&self) -> impl Iterator<Item = &Group> {
        self.buckets.iter().flat_map(|(_, groups)| groups)
    }
}

impl Concentrator {
    /// Starts at a time in nanoseconds since 1970, as all times here.
    pub(crate) fn new(now: u64) -> Self {
        Self {
            open: Vec::new(),
            closed: Vec::new(),
            oldest: align(now),
            close_at: now + BUCKET,
            origins: Vec::new(),
            sequence: 0,
            max_groups: MAX_GROUPS,
            since_refusal: 0,
            lent: None,
            tools: Tools::default(),
        }
    }

    /// Counts the spans of a chunk, of which each stands for so many.
    pub(crate) fn book<'a>(
        &mut self,
        (env, version): (&str, &str),
        weight: f64,
        spans: impl Iterator<Item = Counted<'a>>,
        now: u64,
    ) {
        let origin = self.origin(env, version);
        for span in spans {
            let at = self.bucket(span.end, now);
            self.open[at].add(origin, &span, weight, &mut self.tools);
        }
        if self.open.len() > MAX_OPEN {
            self.close(now, false);
        }
    }

    /// Returns the time at which buckets may be complete; nothing if there are none.
    pub(crate) fn close_at(&self) -> Option<u64> {
        (!self.open.is_empty()).then_some(self.close_at)
    }

    /// Returns true if nothing is counted that was not sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closed.is_empty() && self.lent.is_none()
    }

    /// Returns true if something is complete.
    pub(crate) fn has_closed(&self) -> bool {
        !self.closed.is_empty()
    }

    /// Closes the buckets that are complete, or all of them.
    pub(crate) fn close(&mut self, now: u64, all: bool) {
        // A clock that was set back leaves buckets of a time to come: they are complete.
        let is_open = |bucket: &Bucket| {
            !all && bucket.start + OPEN > now && bucket.start <= now.saturating_add(BUCKET)
        };
        let (open, complete) = std::mem::take(&mut self.open).into_iter().partition(is_open);
        self.open = open;
        self.oldest = align(now).saturating_sub(BUCKET);
        self.close_at = now + BUCKET;
        let was_waiting = !self.closed.is_empty();
        self.closed.extend::<Vec<_>>(complete);
        if was_waiting {
            self.merge_closed();
        }
        self.free_origins();
    }

    /// Takes a part of what is complete. [`Self::sent`], [`Self::put_back`] or [`Self::take_lent`] ends it.
    pub(crate) fn take(&mut self) -> Option<StatsRequest> {
        let origin = self.closed.first()?.groups().first()?.origin;
        let (mut room, mut bytes) = (self.max_groups, 0);
        let mut buckets = Vec::new();
        for bucket in std::mem::take(&mut self.closed) {
            let start = bucket.start;
            let (mut taken, mut left) = (Vec::new(), Bucket::new(start));
            for group in bucket.into_groups() {
                // The first one goes whatever its size is.
                let fits = bytes == 0 || bytes + group.memory() <= MAX_REQUEST;
                if group.origin == origin && room > 0 && fits {
                    room -= 1;
                    bytes += group.memory();
                    taken.push(group);
                } else {
                    left.merge(group, &mut self.tools);
                }
            }
            if !taken.is_empty() {
                buckets.push((start, taken));
            }
            if !left.groups().is_empty() {
                self.closed.push(left);
            }
        }
        self.sequence += 1;
        let (env, version) = self.origins[origin as usize].clone().unwrap_or_default();
        let request = StatsRequest { env, version, sequence: self.sequence, buckets };
        self.lent = Some(request.spans());
        Some(request)
    }

    /// The Agent has the request.
    pub(crate) fn sent(&mut self) {
        self.lent = None;
        self.since_refusal += 1;
        if self.since_refusal == RAISE_AFTER {
            self.since_refusal = 0;
            self.max_groups = (2 * self.max_groups).min(MAX_GROUPS);
        }
    }

    /// Forgets the request that is on its way, if there is one; returns how many spans were counted there.
    pub(crate) fn take_lent(&mut self) -> u64 {
        self.lent.take().unwrap_or(0)
    }

    /// Puts back what was certainly not taken; it becomes one bucket with all that waits. What was too large goes out
    /// in halves.
    pub(crate) fn put_back(&mut self, request: StatsRequest, was_too_large: bool) {
        if was_too_large {
            self.max_groups = (request.group_count() / 2).max(1);
            self.since_refusal = 0;
        }
        if self.lent.take().is_none() {
            // It was given up meanwhile.
            return;
        }
        let back = request.buckets.into_iter().map(|(start, groups)| {
            let mut bucket = Bucket::new(start);
            for group in groups {
                bucket.merge(group, &mut self.tools);
            }
            bucket
        });
        self.closed = back.chain(std::mem::take(&mut self.closed)).collect();
        if !was_too_large {
            self.merge_closed();
        }
    }

    /// Gives up what is complete, or all; returns how many spans were counted there.
    pub(crate) fn give_up(&mut self, all: bool) -> u64 {
        let mut buckets = std::mem::take(&mut self.closed);
        if all {
            buckets.append(&mut self.open);
        }
        let groups = buckets.iter().flat_map(Bucket::groups);
        let spans: u64 = groups.map(|group| group.values.spans()).sum();
        spans + if all { self.take_lent() } else { 0 }
    }

    /// Merges complete buckets into one, within the bound.
    fn merge_closed(&mut self) {
        let mut closed = std::mem::take(&mut self.closed).into_iter();
        let Some(mut merged) = closed.next() else { return };
        for group in closed.flat_map(Bucket::into_groups) {
            merged.merge(group, &mut self.tools);
        }
        self.closed.push(merged);
    }

    /// Returns the place of a pair of environment and version.
    fn origin(&mut self, env: &str, version: &str) -> u32 {
        let is_it = |origin: &Option<(String, String)>| {
            origin.as_ref().is_some_and(|(e, v)| e == env && v == version)
        };
        let known = self.origins.iter().position(is_it);
        let at = known.unwrap_or_else(|| {
            let free = self.origins.iter().take(MAX_ORIGINS).position(Option::is_none);
            let at = free.unwrap_or(self.origins.len()).min(MAX_ORIGINS);
            self.origins.resize(self.origins.len().max(at + 1), None);
            let text = |text: &str| if at < MAX_ORIGINS { text } else { BLOCKED }.to_owned();
            self.origins[at] = Some((text(env), text(version)));
            at
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// Frees the places of pairs that no group has.
    fn free_origins(&mut self) {
        if self.lent.is_some() {
            return;
        }
        let mut used = [false; MAX_ORIGINS + 1];
        let buckets = self.open.iter().chain(&self.closed);
        for group in buckets.flat_map(Bucket::groups) {
            used[group.origin as usize] = true;
        }
        for (origin, is_used) in self.origins.iter_mut().zip(used) {
            *origin = origin.take().filter(|_| is_used);
        }
    }

    /// Returns the place of the bucket of a span that ended then.
    fn bucket(&mut self, end: u64, now: u64) -> usize {
        let oldest = self.oldest.min(align(now));
        let start = if align(end) > now { align(now) } else { align(end) }.max(oldest);
        match self.open.binary_search_by_key(&start, |bucket| bucket.start) {
            Ok(at) => at,
            Err(at) => {
                self.open.insert(at, Bucket::new(start));
                at
            }
        }
    }

    /// Bytes of all buckets.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.open.iter().chain(&self.closed).map(Bucket::memory).sum()
    }
}

/// Returns the start of the bucket of a time.
fn align(time: u64) -> u64 {
    time - time % BUCKET
}
