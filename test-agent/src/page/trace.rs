//! One trace of the page: its spans as JSON, and its line in the list.
use std::collections::{BTreeSet, HashSet};
use std::hash::{BuildHasher, RandomState};

use serde_json::json;

use crate::normalize::cut;
use crate::span::ReceivedSpan;

/// The most text of one trace that the search sees, in bytes.
const SEARCH_MAX: usize = 16 << 10;

/// The longest text in the list, in characters.
const TEXT_MAX: usize = 200;

/// The most services, types or findings of one trace that are told apart.
const NAMES_MAX: usize = 50;

/// The memory of a trace beside its texts, in bytes: an estimate.
const OVERHEAD: usize = 1_000;

/// The memory of a line that the search sees beside its text, in bytes.
const LINE: usize = 24;

/// A trace as far as it has arrived.
#[derive(Debug)]
pub(super) struct Trace {
    pub(super) id: (u64, u64),
    pub(super) edition: u64,
    /// The spans as JSON, in the order of their arrival.
    spans: Vec<String>,
    left_out: usize,
    bytes: usize,
    head: Head,
    errors: usize,
    start: i64,
    end: i64,
    services: Vec<String>,
    types: Vec<String>,
    /// Findings about the requests and lists of spans, not about single spans.
    findings: BTreeSet<String>,
    warnings: usize,
    /// Names, resources and tags in lower case, a line each, every line once.
    text: String,
    /// The hashes of the lines.
    lines: HashSet<u64>,
    hasher: RandomState,
    /// A line found no room: the search sees no further ones.
    is_full: bool,
}

/// The span that gives a trace its name.
#[derive(Debug, Default)]
struct Head {
    service: String,
    name: String,
    resource: String,
    /// The lower the better: whether it has a parent, then its start.
    rank: Option<(bool, i64)>,
}

impl Trace {
    pub(super) fn new(id: (u64, u64)) -> Self {
        Self {
            id,
            edition: 0,
            spans: Vec::new(),
            left_out: 0,
            bytes: OVERHEAD,
            head: Head::default(),
            errors: 0,
            start: i64::MAX,
            end: i64::MIN,
            services: Vec::new(),
            types: Vec::new(),
            findings: BTreeSet::new(),
            warnings: 0,
            text: String::new(),
            lines: HashSet::new(),
            hasher: RandomState::new(),
            is_full: false,
        }
    }

    /// Returns the number of spans.
    pub(super) fn spans(&self) -> usize {
        self.spans.len()
    }

    /// Returns the memory that it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keeps the findings that are about no single span.
    pub(super) fn note<'a>(&mut self, findings: impl Iterator<Item = &'a &'a str>) {
        for what in findings {
            if self.findings.len() < NAMES_MAX && self.findings.insert((*what).to_owned()) {
                self.bytes += what.len();
                self.warnings += 1;
            }
        }
    }

    /// Takes in a span and its JSON.
    pub(super) fn add(&mut self, span: &ReceivedSpan, json: String, findings: usize) {
        self.look_at(span);
        self.warnings += findings;
        self.bytes += json.len() + size_of::<String>();
        self.spans.push(json);
        let before = self.text.len();
        for text in [&span.service, &span.name, &span.resource, &span.span_type] {
            self.search(text);
        }
        let tags = span.meta.iter().map(|(key, value)| format!("{key}:{value}"));
        let numbers = span.metrics.iter().map(|(key, value)| format!("{key}:{value}"));
        for tag in tags.chain(numbers) {
            if self.is_full {
                break;
            }
            self.search(&tag);
        }
        self.bytes += self.text.len() - before;
    }

    /// Counts a span that there is no room for.
    pub(super) fn leave_out(&mut self, span: &ReceivedSpan) {
        self.look_at(span);
        self.left_out += 1;
    }

    /// Takes from a span what the line in the list says.
    fn look_at(&mut self, span: &ReceivedSpan) {
        self.errors += usize::from(span.error != 0);
        self.start = self.start.min(span.start);
        self.end = self.end.max(span.end());
        let rank = Some((span.parent_id != 0, span.start));
        if self.head.rank.is_none() || rank < self.head.rank {
            let [service, name, resource] =
                [&span.service, &span.name, &span.resource].map(|text| short(text));
            self.head = Head { service, name, resource, rank };
        }
        for (names, name) in
            [(&mut self.services, &span.service), (&mut self.types, &span.span_type)]
        {
            let name = short(name);
            if !name.is_empty() && names.len() < NAMES_MAX && !names.contains(&name) {
                names.push(name);
            }
        }
    }

    /// Makes a text searchable, unless it is already, or the room is used up.
    fn search(&mut self, text: &str) {
        if text.is_empty() || self.is_full || !self.lines.insert(self.hasher.hash_one(text)) {
            return;
        }
        let room = SEARCH_MAX.saturating_sub(self.text.len());
        self.is_full = text.len() >= room;
        self.text.push_str(&cut(text, room).to_lowercase());
        self.text.push('\n');
        self.bytes += LINE;
    }

    /// Returns the id in 32 hexadecimal digits.
    fn hex(&self) -> String {
        format!("{:016x}{:016x}", self.id.0, self.id.1)
    }

    /// Returns the line in the list as JSON.
    pub(super) fn line(&self, place: u64) -> String {
        json!({
            "seq": place,
            "id": self.hex(),
            "service": self.head.service,
            "name": self.head.name,
            "resource": self.head.resource,
            "services": self.services,
            "types": self.types,
            "start": self.start.to_string(),
            "duration": self.end.saturating_sub(self.start).max(0),
            "spans": self.spans.len() + self.left_out,
            "errors": self.errors,
            "warnings": self.warnings,
            "text": self.text,
        })
        .to_string()
    }

    /// Returns the whole trace as JSON.
    pub(super) fn json(&self) -> String {
        let (id, findings, left_out) = (self.hex(), json!(self.findings), self.left_out);
        let spans = self.spans.join(",");
        format!(r#"{{"id":"{id}","left_out":{left_out},"findings":{findings},"spans":[{spans}]}}"#)
    }
}

/// Returns the beginning of a text.
fn short(text: &str) -> String {
    text.chars().take(TEXT_MAX).collect()
}
