//! The body of a request to `/v0.6/stats`: `MessagePack`, as the Agent reads it.
//!
//! Source: `pkg/proto/pbgo/trace/stats_gen.go` of `DataDog/datadog-agent`, 7.85.

use super::BUCKET;
use super::concentrator::StatsRequest;
use super::group::{Group, Part};
use super::sketch::Sketch;
use crate::encoding::{MessagePack, Text, Wire as _};

/// Facts of the process that sends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sender {
    /// The host; empty if it is not reported.
    pub(crate) hostname: String,
    pub(crate) runtime_id: String,
    /// The service of the application.
    pub(crate) service: String,
    /// The commit that it was built from; empty if unknown.
    pub(crate) git_commit_sha: String,
}

impl StatsRequest {
    /// Returns the body.
    pub(crate) fn body(&self, sender: &Sender) -> Vec<u8> {
        let mut out = Writer(Vec::new());
        let texts = [
            ("Hostname", sender.hostname.as_str()),
            ("Env", &self.env),
            ("Version", &self.version),
            ("Lang", "rust"),
            ("TracerVersion", env!("CARGO_PKG_VERSION")),
            ("RuntimeID", &sender.runtime_id),
            ("Service", &sender.service),
            ("GitCommitSha", &sender.git_commit_sha),
        ];
        let said = texts.iter().filter(|(key, text)| *key != "Hostname" || !text.is_empty());
        let map = MessagePack::open_map(&mut out.0);
        let mut entries = 2;
        for (key, text) in said {
            out.text(key, text);
            entries += 1;
        }
        out.number("Sequence", self.sequence);
        out.list("Stats", &self.buckets, |out, (start, groups)| {
            let map = MessagePack::open_map(&mut out.0);
            out.number("Start", *start);
            out.number("Duration", BUCKET);
            out.list("Stats", groups, Writer::group);
            MessagePack::close_map(&mut out.0, map, 3);
        });
        MessagePack::close_map(&mut out.0, map, entries);
        out.0
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn group(&mut self, group: &Group) {
        let (key, values) = (group.key(), &group.values);
        let map = MessagePack::open_map(&mut self.0);
        let texts = [
            ("Service", Part::Service),
            ("Name", Part::Name),
            ("Resource", Part::Resource),
            ("Type", Part::Type),
            ("SpanKind", Part::Kind),
            ("GRPCStatusCode", Part::Grpc),
            ("srv_src", Part::Source),
        ];
        for (name, part) in texts {
            self.text(name, key.part(part));
        }
        for name in ["DBType", "HTTPMethod", "HTTPEndpoint"] {
            self.text(name, "");
        }
        self.number("HTTPStatusCode", key.http_status.into());
        self.number("IsTraceRoot", key.root.into());
        let sums = [
            ("Hits", values.hits),
            ("Errors", values.errors),
            ("Duration", values.duration),
            ("TopLevelHits", values.top_level),
        ];
        for (name, sum) in sums {
            self.number(name, rounded(sum));
        }
        self.key("Synthetics");
        self.0.push(if key.synthetics { TRUE } else { FALSE });
        let peers: Vec<&str> = key.part(Part::Peers).split_terminator('\0').collect();
        self.list("PeerTags", &peers, |out, tag| MessagePack::text(&mut out.0, Text::Str(tag)));
        self.sketch("OkSummary", &values.ok);
        self.sketch("ErrorSummary", &values.failed);
        // Seven texts, three that stay empty, two numbers, four sums, and four more.
        MessagePack::close_map(&mut self.0, map, 7 + 3 + 2 + 4 + 4);
    }

    fn key(&mut self, name: &'static str) {
        MessagePack::key(&mut self.0, Text::Plain(name));
    }

    fn text(&mut self, name: &'static str, text: &str) {
        self.key(name);
        MessagePack::text(&mut self.0, Text::Str(text));
    }

    fn number(&mut self, name: &'static str, number: u64) {
        self.key(name);
        MessagePack::uint(&mut self.0, number);
    }

    fn list<T>(&mut self, name: &'static str, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.key(name);
        let at = MessagePack::open_list(&mut self.0);
        for item in items {
            write(self, item);
        }
        MessagePack::close_list(&mut self.0, at, u32::try_from(items.len()).unwrap_or(u32::MAX));
    }

    fn sketch(&mut self, name: &'static str, sketch: &Sketch) {
        self.key(name);
        let header = self.0.len();
        self.0.extend_from_slice(&[BIN_32, 0, 0, 0, 0]);
        let start = self.0.len();
        sketch.write(&mut self.0);
        let length = u32::try_from(self.0.len() - start).unwrap_or(u32::MAX);
        self.0[header + 1..start].copy_from_slice(&length.to_be_bytes());
    }
}

const FALSE: u8 = 0xc2;
const TRUE: u8 = 0xc3;
const BIN_32: u8 = 0xc6;

/// Returns a sum of weights as a number of spans.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sums of weights are not negative, and saturate"
)]
fn rounded(sum: f64) -> u64 {
    sum.round() as u64
}
