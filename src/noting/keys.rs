//! [`Keys`]: the tags that statistics and span rules look for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sampling::SpanRules;
use crate::stats::{Filter, Rules};

/// The meaning of a tag or number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The status of HTTP; of several the first counts.
    HttpStatus(u8),
    /// The status of gRPC; likewise.
    GrpcStatus(u8),
    /// The status of gRPC if [`Self::RpcSystem`] says so.
    RpcStatus,
    RpcSystem,
    Kind,
    Origin,
    ServiceSource,
    BaseService,
    TopLevel,
    Measured,
    PartialVersion,
    SampleRate,
    Priority,
    /// The Agent keeps a span with it alone.
    KeptAlone,
}

use Meaning::{
    BaseService, GrpcStatus, HttpStatus, KeptAlone, Kind, Measured, Origin, PartialVersion,
    Priority, RpcStatus, RpcSystem, SampleRate, ServiceSource, TopLevel,
};

/// The tag of a span that a span rule keeps: its mechanism.
pub(super) const MECHANISM: &str = "_dd.span_sampling.mechanism";

/// Meanings that statistics know. Source: `pkg/trace/stats` and `pkg/trace/semantics` of `DataDog/datadog-agent`, 7.85.
#[rustfmt::skip]
const MEANINGS: &[(&str, Meaning)] = &[
    ("http.status_code", HttpStatus(1)), ("http.response.status_code", HttpStatus(0)),
    ("rpc.grpc.status_code", GrpcStatus(3)), ("grpc.code", GrpcStatus(2)),
    ("rpc.grpc.status.code", GrpcStatus(1)), ("grpc.status.code", GrpcStatus(0)),
    ("rpc.response.status_code", RpcStatus), ("rpc.system", RpcSystem), ("rpc.system.name", RpcSystem),
    ("span.kind", Kind),
    ("_dd.origin", Origin),
    ("_dd.svc_src", ServiceSource),
    ("_dd.base_service", BaseService),
    ("_dd.top_level", TopLevel),
    ("_dd.measured", Measured),
    ("_dd.partial_version", PartialVersion),
    ("_sample_rate", SampleRate),
    ("_sampling_priority_v1", Priority),
    (MECHANISM, KeptAlone), ("_dd1.sr.eausr", KeptAlone),
];

/// Meanings that span rules know without statistics.
const FOR_RULES: [Meaning; 2] = [Priority, KeptAlone];

/// The roles of one tag.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Roles {
    pub(super) meaning: Option<Meaning>,
    /// Its place among the peer tags.
    pub(super) peer: Option<u16>,
    /// Its place among the tags that span rules ask for.
    pub(super) rule: Option<u16>,
    /// A filter of the Agent asks for it.
    pub(super) is_filter: bool,
}

/// The tags that are looked for, by name.
#[derive(Debug)]
pub(super) struct Keys {
    /// A number for this set of keys.
    pub(super) question: u64,
    pub(super) rules: Option<Arc<Rules>>,
    pub(super) span_rules: Option<Arc<SpanRules>>,
    /// Names of the tags that span rules ask for.
    pub(super) rule_tags: Vec<String>,
    /// The names, by their marks.
    names: Vec<(Box<str>, Roles)>,
    /// The place of the first name of each mark, and behind the last one. Most other names have a mark without any.
    firsts: Vec<usize>,
}

impl Keys {
    pub(super) fn new(rules: Option<Arc<Rules>>, span_rules: Option<Arc<SpanRules>>) -> Self {
        static QUESTIONS: AtomicU64 = AtomicU64::new(1);

        let mut names: Vec<(String, Roles)> = Vec::new();
        let known =
            MEANINGS.iter().filter(|(_, known)| rules.is_some() || FOR_RULES.contains(known));
        for (name, meaning) in known {
            of(&mut names, name).meaning = Some(*meaning);
        }
        let peers = rules.iter().flat_map(|rules| &rules.peer_tags);
        for (at, name) in (0..).zip(peers) {
            of(&mut names, name).peer = Some(at);
        }
        let filters = rules.iter().flat_map(|rules| rules.require.iter().chain(&rules.reject));
        for Filter { key, .. } in filters {
            of(&mut names, key).is_filter = true;
        }
        let mut rule_tags: Vec<String> = Vec::new();
        for name in span_rules.iter().flat_map(|rules| rules.tag_keys()) {
            if !rule_tags.iter().any(|known| known == name) {
                of(&mut names, name).rule = u16::try_from(rule_tags.len()).ok();
                rule_tags.push(name.to_owned());
            }
        }
        names.sort_by_key(|(name, _)| mark(name));
        let firsts = (0..=usize::from(u8::MAX) + 1)
            .map(|wanted| names.partition_point(|(name, _)| usize::from(mark(name)) < wanted));
        Self {
            question: QUESTIONS.fetch_add(1, Ordering::Relaxed),
            rules,
            span_rules,
            rule_tags,
            firsts: firsts.collect(),
            names: names.into_iter().map(|(name, roles)| (name.into(), roles)).collect(),
        }
    }

    /// Returns the roles of a tag that is looked for. Without a hash: that is some 1,000 instructions less for a span
    /// (callgrind).
    pub(super) fn find(&self, name: &str) -> Option<Roles> {
        let mark = usize::from(mark(name));
        let (first, end) = (self.firsts[mark], self.firsts[mark + 1]);
        let found = self.names[first..end].iter().find(|(known, _)| **known == *name);
        found.map(|(_, roles)| *roles)
    }
}

/// Returns the roles of a name, new ones if it has none.
fn of<'n>(names: &'n mut Vec<(String, Roles)>, name: &str) -> &'n mut Roles {
    let known = names.iter().position(|(known, _)| known == name);
    let at = known.unwrap_or_else(|| {
        names.push((name.to_owned(), Roles::default()));
        names.len() - 1
    });
    &mut names[at].1
}

/// Returns a number for a name that is cheap to find and mostly another one for another name.
#[expect(clippy::cast_possible_truncation, reason = "any eight bits will do")]
fn mark(name: &str) -> u8 {
    let bytes = name.as_bytes();
    let last = bytes.last().copied().unwrap_or(0);
    let middle = bytes.get(bytes.len() / 2).copied().unwrap_or(0);
    (bytes.len() as u8).wrapping_mul(37) ^ last.wrapping_mul(11) ^ middle.wrapping_mul(151)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sampling::SpanRule;

    #[test]
    fn every_name_is_found_with_all_its_roles_and_no_other() {
        let rules = Rules {
            peer_tags: vec!["peer.service".to_owned(), "_dd.base_service".to_owned()],
            require: vec![Filter::read("team:a")],
            reject: vec![Filter::read("peer.service")],
            ..Rules::default()
        };
        let span_rules = vec![SpanRule::new(1.0).with_tag("team", "*").with_tag("x", "*")];
        let span_rules = SpanRules::new(span_rules).unwrap().map(Arc::new);
        let keys = Keys::new(Some(Arc::new(rules)), span_rules.clone());
        for (name, meaning) in MEANINGS {
            assert_eq!(keys.find(name).unwrap().meaning, Some(*meaning), "{name}");
        }
        let of = |name| keys.find(name).map(|roles| (roles.peer, roles.rule, roles.is_filter));
        assert_eq!(of("peer.service"), Some((Some(0), None, true)));
        assert_eq!(of("_dd.base_service"), Some((Some(1), None, false)));
        assert_eq!(of("team"), Some((None, Some(0), true)));
        assert_eq!(of("x"), Some((None, Some(1), false)));
        for other in ["", "y", "http.url", "peer.servicf", "team.a"] {
            assert_eq!(of(other), None, "{other}");
        }
        let keys = Keys::new(None, span_rules);
        assert!(keys.find("span.kind").is_none() && keys.find("x").is_some());
    }
}
