//! Weights: a kept trace stands for several, so that all weights together make up the traces seen.
//!
//! A rate rejects by trace id, so a kept trace stands for `1 / rate` traces whatever it is. A limit rejects by
//! the moment, and a caller for reasons of its own: there the rejected traces of a name wait for the next kept
//! ones of that name. Both are counted in a [`Ledger`]: the traces seen, less the weights given. The rest in a ledger
//! corrects the weights that follow, so errors do not add up. Counting takes no lock and no memory.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

use super::rate::Rate;

/// The weight of a trace that stands for itself alone.
pub(super) const ALONE: f64 = 1.0;

/// Kept traces that share what a limit rejects: no single one stands for all of a burst, and after thirty kept
/// traces 2 % of it is left.
pub(super) const SPREAD: f64 = 8.0;

/// The part of what a ledger owes that the next trace kept by a known rate takes over. With all of it, weights would
/// be as uneven as the gaps between kept traces; with half, the sum still errs by `1.2 / rate` traces only (one
/// standard deviation), however long it runs.
pub(super) const KNOWN_SHARE: f64 = 0.5;

/// Parts of a trace that ledgers count in, so that sums stay exact.
const UNITS: f64 = 65_536.0;

/// The largest number of names with a ledger of their own. Together they owe what arrives in a third of a second.
const MAX_NAMES: f64 = 32.0;

/// Kept traces a second that each name can hope for; a low limit has fewer ledgers, so that none waits long.
const KEPT_FOR_EACH_NAME: f64 = 3.0;

/// Places that are tried for a name before it joins the rest.
const PROBES: u64 = 8;

/// Counts traces seen less weights given; below zero if the weights ran ahead.
#[derive(Debug, Default)]
struct Ledger(AtomicI64);

/// The ledger of a name.
#[derive(Debug, Default)]
struct Named {
    /// The hash of the name, or 0 for a free place.
    key: AtomicU64,
    ledger: Ledger,
}

/// The ledgers of a sampler.
#[derive(Debug)]
pub(super) struct Weights {
    /// One for each source of a rate: the rate of a source weighs alike.
    rates: Box<[Ledger]>,
    /// Hashes names: callers choose some of them, and could choose two that share a ledger.
    secret: RandomState,
    /// Set once any name has a ledger.
    is_named: AtomicBool,
    names: Box<[Named]>,
    /// The ledger of every name that found no place.
    rest: Named,
}

/// A kept trace before its ledger corrects its weight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// The traces that it counted for when it arrived here: the least that it can stand for.
    pub(super) own: f64,
    /// The traces that it stands for by all that is known.
    pub(super) expected: f64,
    /// The part of its ledger's debt that it takes over.
    pub(super) share: f64,
}

impl Ledger {
    /// Counts a trace that is rejected.
    fn reject(&self, weight: f64) {
        self.0.fetch_add(units(weight), Relaxed);
    }

    /// Counts a trace that is kept, and returns its weight.
    fn keep(&self, Kept { own, expected, share }: Kept) -> f64 {
        let own = units(own);
        let mut weight = own;
        let settle = |owed: i64| {
            #[expect(clippy::cast_precision_loss, reason = "a share needs no 64 bits")]
            let taken = units(expected + share * (owed as f64 / UNITS));
            weight = taken.max(own);
            Some(owed.saturating_add(own).saturating_sub(weight))
        };
        // The closure always has an answer.
        let _ = self.0.fetch_update(Relaxed, Relaxed, settle);
        traces(weight)
    }
}

impl Weights {
    /// Returns ledgers that owe nothing: one for each source of rates, and of names as many as a limit of kept
    /// traces a second can serve.
    pub(super) fn new(sources: usize, limit: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 32")]
        let names = (limit / KEPT_FOR_EACH_NAME).clamp(1.0, MAX_NAMES) as usize;
        Self {
            rates: (0..sources).map(|_| Ledger::default()).collect(),
            secret: RandomState::new(),
            is_named: AtomicBool::new(false),
            names: (0..names).map(|_| Named::default()).collect(),
            rest: Named::default(),
        }
    }

    /// Counts a trace that the rate of a source rejects.
    pub(super) fn reject_by_rate(&self, source: usize, rate: Rate) {
        // Nothing is ever kept to stand for it.
        if rate > Rate::NONE {
            self.rates[source].reject(ALONE);
        }
    }

    /// Returns the weight of a trace that the rate of a source keeps.
    pub(super) fn keep_by_rate(&self, source: usize, rate: Rate) -> f64 {
        let kept = Kept { own: ALONE, expected: rate.weight(), share: KNOWN_SHARE };
        self.rates[source].keep(kept)
    }

    /// Counts a trace that is rejected for a reason other than its id.
    pub(super) fn reject_by_name(&self, weight: f64, name: impl Hash) {
        self.is_named.store(true, Relaxed);
        self.of_name(name, true).unwrap_or(&self.rest).ledger.reject(weight);
    }

    /// Returns the weight of a trace that is kept beside others that are not.
    ///
    /// As long as no trace of that name is rejected here, the weight is what is known.
    pub(super) fn keep_by_name(&self, kept: Kept, name: impl Hash) -> f64 {
        let is_named = self.is_named.load(Relaxed);
        let named = is_named.then(|| self.of_name(name, false)).flatten();
        named.map_or(kept.expected.max(kept.own), |named| named.ledger.keep(kept))
    }

    /// Returns the ledger of a name, if it has one, or if it may `claim` one.
    fn of_name(&self, name: impl Hash, claim: bool) -> Option<&Named> {
        // 0 is a free place.
        let key = self.secret.hash_one(name).max(1);
        let places = self.names.len() as u64;
        for probe in 0..PROBES.min(places) {
            let at = usize::try_from((key % places + probe) % places).unwrap_or(0);
            let named = &self.names[at];
            let found = match named.key.load(Relaxed) {
                0 if !claim => return None,
                0 => named.key.compare_exchange(0, key, Relaxed, Relaxed).err().unwrap_or(key),
                found => found,
            };
            if found == key {
                return Some(named);
            }
        }
        if claim {
            self.rest.key.store(key, Relaxed);
        }
        (self.rest.key.load(Relaxed) != 0).then_some(&self.rest)
    }

    /// Returns the traces seen that no weight stands for yet.
    #[cfg(test)]
    pub(super) fn owed(&self) -> f64 {
        let named = self.names.iter().chain([&self.rest]).map(|named| &named.ledger);
        self.rates.iter().chain(named).map(|ledger| traces(ledger.0.load(Relaxed))).sum()
    }
}

/// Returns the units of so many traces.
#[expect(clippy::cast_possible_truncation, reason = "saturates")]
fn units(traces: f64) -> i64 {
    (traces * UNITS).round() as i64
}

/// Returns the traces of so many units.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^37 traces")]
fn traces(units: i64) -> f64 {
    units as f64 / UNITS
}
