//! [`Span`]: what is known of the span that is being written.

use std::fmt::Write as _;
use std::ops::Range;

use super::keys::{Meaning, Roles};
use crate::datadog::HTTP_STATUSES;
use crate::encoding::{Fields, whole};
use crate::sampling::{Glob, Subject};
use crate::stats::{Filter, Rules, grpc_code, push_without_addresses};

/// The kinds of spans that the Agent tells apart, and the word for every other one.
const KINDS: [&str; 5] = ["internal", "server", "client", "producer", "consumer"];
/// See [`KINDS`].
const UNKNOWN_KIND: &str = "unknown";
/// The kinds whose peers count.
const KINDS_WITH_PEERS: [&str; 3] = ["client", "producer", "consumer"];
/// The only tag of the other side that an internal span may have.
const BASE_SERVICE: &str = "_dd.base_service";
/// The start of the origin of a request that a synthetic test makes.
const SYNTHETICS: &str = "synthetics";

/// The place of the resource among the parts of a key.
pub(super) const RESOURCE: usize = 2;

/// A text in the buffer of the span.
type At = Range<usize>;

/// The span that is being written.
#[derive(Debug, Default)]
pub(super) struct Span {
    facts: Facts,
    values: String,
    peers: Vec<(u16, At)>,
    /// The values of the tags that span rules ask for.
    rule_tags: Vec<Option<At>>,
    /// For names and values that have to be formatted.
    buffers: (String, String),
}

#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own")]
struct Facts {
    kind: Option<&'static str>,
    is_synthetic: bool,
    /// The rank of the key that the status was read from, and the status.
    http: Option<(u8, u32)>,
    grpc: Option<(u8, At)>,
    /// A status of gRPC, if the system of the call is gRPC.
    rpc: Option<At>,
    is_grpc: bool,
    source: At,
    base_service: At,
    is_top_level: bool,
    is_measured: bool,
    is_partial: bool,
    is_alone: bool,
    sample_rate: Option<f64>,
    priority: Option<f64>,
    is_rejected: bool,
    /// A bit for each tag that a trace needs and its root has.
    required: u64,
}

/// A span that is written.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own")]
pub(super) struct Finished {
    /// In nanoseconds since 1970.
    pub(super) end: u64,
    /// In nanoseconds.
    pub(super) duration: u64,
    pub(super) is_error: bool,
    pub(super) is_top_level: bool,
    pub(super) has_parent: bool,
    /// A synthetic test made the request.
    pub(super) is_synthetic: bool,
    pub(super) sample_rate: Option<f64>,
    pub(super) priority: Option<f64>,
    /// The Agent keeps it alone.
    pub(super) is_alone: bool,
    /// It has a tag that the Agent rejects.
    pub(super) is_rejected: bool,
    /// A bit for each tag that a trace needs and its root has.
    pub(super) required: u64,
}

impl Finished {
    /// Returns the number of traces that it stands for, as the Agent weighs them.
    pub(super) fn weight(&self) -> f64 {
        let rate = self.sample_rate.filter(|rate| *rate > 0.0 && *rate <= 1.0);
        rate.map_or(1.0, f64::recip)
    }
}

impl Span {
    /// Starts another span; span rules ask for so many tags.
    pub(super) fn start(&mut self, rule_tags: usize) {
        self.facts = Facts::default();
        self.values.clear();
        self.peers.clear();
        self.rule_tags.clear();
        self.rule_tags.resize(rule_tags, None);
    }

    /// Gives memory back that long texts left over.
    pub(super) fn shrink(&mut self, kept: usize) {
        self.values.shrink_to(kept);
        self.buffers.0.shrink_to(kept);
        self.buffers.1.shrink_to(kept);
    }

    pub(super) fn take_buffers(&mut self) -> (String, String) {
        std::mem::take(&mut self.buffers)
    }

    pub(super) fn put_buffers(&mut self, buffers: (String, String)) {
        self.buffers = buffers;
    }

    pub(super) fn priority(&self) -> Option<f64> {
        self.facts.priority
    }

    pub(super) fn is_alone(&self) -> bool {
        self.facts.is_alone
    }

    pub(super) fn http_status(&self) -> u32 {
        self.facts.http.map_or(0, |(_, status)| status)
    }

    /// Takes a text tag.
    pub(super) fn text(&mut self, found: Roles, key: &str, value: &str, rules: Option<&Rules>) {
        let start = self.values.len();
        self.values.push_str(value);
        let at = start..self.values.len();
        match found.meaning {
            Some(Meaning::HttpStatus(rank)) => self.http_status_of(2 * rank, value.parse().ok()),
            Some(Meaning::Kind) => {
                let known = KINDS.iter().find(|kind| kind.eq_ignore_ascii_case(value));
                self.facts.kind = known.copied();
            }
            Some(Meaning::Origin) => self.facts.is_synthetic = value.starts_with(SYNTHETICS),
            Some(Meaning::ServiceSource) => self.facts.source = at.clone(),
            Some(Meaning::BaseService) => self.facts.base_service = at.clone(),
            Some(Meaning::RpcSystem) => self.facts.is_grpc |= value == "grpc",
            _ => self.status_of_rpc(found.meaning, &at),
        }
        self.tag(found, key, at, rules);
    }

    /// Takes a number.
    pub(super) fn number(&mut self, found: Roles, key: &str, value: f64, rules: Option<&Rules>) {
        let facts = &mut self.facts;
        let is_one = (value - 1.0).abs() < f64::EPSILON;
        match found.meaning {
            Some(Meaning::HttpStatus(rank)) => {
                let status = whole(value).and_then(|whole| u32::try_from(whole).ok());
                self.http_status_of(2 * rank + 1, status);
            }
            Some(Meaning::TopLevel) => facts.is_top_level = is_one,
            Some(Meaning::Measured) => facts.is_measured = is_one,
            Some(Meaning::PartialVersion) => facts.is_partial = value >= 0.0,
            Some(Meaning::SampleRate) => facts.sample_rate = Some(value),
            Some(Meaning::Priority) => facts.priority = Some(value),
            Some(Meaning::KeptAlone) => facts.is_alone |= value > 0.0,
            _ => {}
        }
        let is_rpc = matches!(found.meaning, Some(Meaning::GrpcStatus(_) | Meaning::RpcStatus));
        if is_rpc || found.peer.is_some() || found.rule.is_some() || found.is_filter {
            let start = self.values.len();
            write!(self.values, "{value}").expect("writing to a String cannot fail");
            let at = start..self.values.len();
            self.status_of_rpc(found.meaning, &at);
            self.tag(found, key, at, rules);
        }
    }

    fn http_status_of(&mut self, rank: u8, status: Option<u32>) {
        let is_better = self.facts.http.is_none_or(|(known, _)| known < rank);
        let status = status.filter(|status| HTTP_STATUSES.contains(&i64::from(*status)));
        if let Some(status) = status.filter(|_| is_better) {
            self.facts.http = Some((rank, status));
        }
    }

    fn status_of_rpc(&mut self, meaning: Option<Meaning>, at: &At) {
        let facts = &mut self.facts;
        let is_better = |rank: u8| facts.grpc.as_ref().is_none_or(|(known, _)| *known < rank);
        match meaning {
            Some(Meaning::GrpcStatus(rank)) if is_better(rank) && !at.is_empty() => {
                facts.grpc = Some((rank, at.clone()));
            }
            Some(Meaning::RpcStatus) => facts.rpc = Some(at.clone()),
            _ => {}
        }
    }

    fn tag(&mut self, found: Roles, key: &str, at: At, rules: Option<&Rules>) {
        if let Some(rules) = rules.filter(|_| found.is_filter) {
            let value = &self.values[at.clone()];
            let asks = |filter: &&Filter| filter.key == key && filter.fits(value);
            self.facts.is_rejected |= rules.reject.iter().any(|filter| asks(&filter));
            for (at, _) in rules.require.iter().enumerate().filter(|(_, filter)| asks(filter)) {
                self.facts.required |= 1 << at;
            }
        }
        if let Some(rule) = found.rule {
            self.rule_tags[usize::from(rule)] = Some(at.clone());
        }
        if let Some(peer) = found.peer.filter(|_| !at.is_empty()) {
            self.peers.push((peer, at));
        }
    }

    /// Returns true if the span counts.
    pub(super) fn counts(&self, rules: &Rules) -> bool {
        let Facts { kind, is_top_level, is_measured, is_partial, .. } = self.facts;
        let by_kind = || kind.is_some_and(|kind| rules.kinds.iter().any(|known| known == kind));
        (is_top_level || is_measured || by_kind()) && !is_partial
    }

    /// Returns what a chunk has to know of the span.
    pub(super) fn finish(&mut self, fields: &Fields<'_>) -> Finished {
        self.peers.sort_by_key(|(peer, _)| *peer);
        self.peers.dedup_by_key(|(peer, _)| *peer);
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        let facts = &self.facts;
        Finished {
            end: number(fields.start).saturating_add(number(fields.duration)),
            duration: number(fields.duration),
            is_error: fields.error != 0,
            is_top_level: facts.is_top_level,
            has_parent: fields.parent_id != 0,
            is_synthetic: facts.is_synthetic,
            sample_rate: facts.sample_rate,
            priority: facts.priority,
            is_alone: facts.is_alone,
            is_rejected: facts.is_rejected,
            required: facts.required,
        }
    }

    /// Appends a part of the key of the span. The order of parts is that of [`crate::stats::Key`].
    pub(super) fn push_part(
        &self,
        part: usize,
        fields: &Fields<'_>,
        rules: &Rules,
        out: &mut String,
    ) {
        let facts = &self.facts;
        match part {
            0 => out.push_str(fields.service),
            1 => out.push_str(fields.name),
            RESOURCE => out.push_str(fields.resource),
            3 => out.push_str(fields.span_type),
            4 => out.push_str(facts.kind.unwrap_or(UNKNOWN_KIND)),
            5 => {
                let of_rpc = facts.rpc.as_ref().filter(|_| facts.is_grpc);
                let status = facts.grpc.as_ref().map(|(_, at)| at).or(of_rpc);
                if let Some(status) = status {
                    grpc_code(&self.values[status.clone()], out);
                }
            }
            6 => out.push_str(&self.values[facts.source.clone()]),
            _ => self.push_peers(rules, out),
        }
    }

    fn push_peers(&self, rules: &Rules, out: &mut String) {
        let kind = self.facts.kind.unwrap_or(UNKNOWN_KIND);
        let mut push = |key: &str, at: &At| {
            out.push_str(key);
            out.push(':');
            // A zero byte ends a tag.
            for (number, piece) in self.values[at.clone()].split('\0').enumerate() {
                out.push_str(if number == 0 { "" } else { "\u{fffd}" });
                push_without_addresses(piece, out);
            }
            out.push('\0');
        };
        if KINDS_WITH_PEERS.contains(&kind) {
            for (peer, at) in &self.peers {
                push(&rules.peer_tags[usize::from(*peer)], at);
            }
        } else if kind == KINDS[0] && !rules.peer_tags.is_empty() {
            let base = &self.facts.base_service;
            if !base.is_empty() {
                push(BASE_SERVICE, base);
            }
        }
    }

    /// Returns the span as span rules see it.
    pub(super) fn named<'s>(
        &'s self,
        fields: &'s Fields<'s>,
        rule_tags: &'s [String],
    ) -> Named<'s> {
        Named { span: self, fields, rule_tags }
    }
}

/// A span as span rules see it.
#[derive(Debug)]
pub(super) struct Named<'s> {
    span: &'s Span,
    fields: &'s Fields<'s>,
    rule_tags: &'s [String],
}

impl Subject for Named<'_> {
    fn service_fits(&self, pattern: &Glob) -> bool {
        pattern.fits(self.fields.service)
    }

    fn name_fits(&self, pattern: &Glob) -> bool {
        pattern.fits(self.fields.name)
    }

    fn resource_fits(&self, pattern: &Glob) -> bool {
        pattern.fits(self.fields.resource)
    }

    fn tag_fits(&self, key: &str, pattern: &Glob) -> bool {
        let at = self.rule_tags.iter().position(|known| known == key);
        let value = at.and_then(|at| self.span.rule_tags.get(at)?.clone());
        value.is_some_and(|value| pattern.fits(&self.span.values[value]))
    }
}
