//! The newest semantic conventions of OpenTelemetry against the tables of the mapping.
//!
//! The crate `opentelemetry-semantic-conventions` is read as data: its source says of each attribute whether
//! it is stable, and what replaces it. The keys that the exporter knows are those of `src/docs/mapping.md`.
//! An attribute of the conventions without a row is a decision, and stands in a list here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use datadog_test_agent::ReceivedSpan;
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use opentelemetry_semantic_conventions::SCHEMA_URL;
use serde_json::Value as Json;

use crate::support::{agent, block_on, context, span};
use crate::tidy::{ROOT, read};

/// Replacements of known attributes that have no row.
const NEW_WITHOUT_ROW: &[(&str, &str)] = &[
    ("server.port", "the number in an old address, which holds no password"),
    ("url.path", "half of `http.target`: without the query there is nothing to hide"),
    (
        "feature_flag.error.message",
        "an example of the conventions for what may replace `error.message`",
    ),
];

/// Attributes that known ones replace and that have no row, here and in the Agent: plain tags.
const OLD_WITHOUT_ROW: &[&str] = &[
    "db.elasticsearch.cluster.name",
    "http.flavor",
    "http.request_content_length_uncompressed",
    "http.response_content_length_uncompressed",
    "http.user_agent",
    "net.protocol.name",
    "net.protocol.version",
    "rpc.connect_rpc.error_code",
    "rpc.jsonrpc.error_code",
    "tls.client.server_name",
];

/// Stable attributes of spans without a row, by key or by the start of it (`*`): plain tags that decide nothing.
const STABLE_WITHOUT_ROW: &[&str] = &[
    "client.port",
    "db.operation.batch.size",
    "db.response.status_code",
    // Known by their start: they are renamed one by one.
    "http.request.header",
    "http.request.method_original",
    "http.request.resend_count",
    "http.response.header",
    "network.local.*",
    "network.peer.*",
    "network.transport",
    "network.type",
    "server.port",
    "url.path",
    "url.scheme",
];

/// One attribute of the conventions.
#[derive(Debug)]
struct Attribute {
    is_stable: bool,
    /// The note of the conventions to those who still use it.
    deprecated: Option<String>,
}

impl Attribute {
    /// The attributes that replace this one.
    fn replacements<'c>(&'c self, all: &'c Conventions) -> impl Iterator<Item = &'c str> {
        let words = self.deprecated.iter().flat_map(|note| note.split('`').skip(1).step_by(2));
        words.filter(|word| all.attributes.contains_key(*word))
    }
}

/// The conventions, as the newest crate has them.
struct Conventions {
    attributes: BTreeMap<String, Attribute>,
    /// The keys that spans use.
    of_spans: BTreeSet<String>,
}

impl Conventions {
    fn newest() -> Self {
        let folder = folder_of("opentelemetry-semantic-conventions");
        let source = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
        let (mut attributes, mut keys) = (BTreeMap::new(), BTreeMap::new());
        // The note on a constant stands before it, behind the value of the constant before.
        let mut said = "";
        let text = source("attribute.rs");
        for piece in text.split("pub const ") {
            if let Some((constant, rest)) = piece.split_once(": &str") {
                let key = rest.split('"').nth(1).expect("a key");
                let deprecated = said.split_once("#[deprecated(").map(|(_, note)| {
                    note.split_once(")]").expect("the end of the note").0.to_owned()
                });
                let is_stable = deprecated.is_none() && !said.contains("semconv_experimental");
                keys.insert(constant.to_owned(), key.to_owned());
                attributes.insert(key.to_owned(), Attribute { is_stable, deprecated });
            }
            said = piece.split_once("\";").map_or(piece, |(_, after)| after);
        }
        let traces = source("trace.rs");
        let constants = traces.split("crate::attribute::").skip(1);
        let of_spans = constants.map(|rest| keys[rest.split(';').next().unwrap()].clone());
        let of_spans: BTreeSet<String> = of_spans.collect();
        assert!(attributes.len() > 800 && of_spans.len() > 200, "the crate is written otherwise");
        Self { attributes, of_spans }
    }
}

/// Returns the folder with the source of a crate that the tests depend on.
fn folder_of(name: &str) -> PathBuf {
    let cargo = |arguments: &[&str]| {
        let done = Command::new(env!("CARGO")).args(arguments).current_dir(ROOT).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    // The crates of other platforms may not be there.
    let version = cargo(&["--version", "--verbose"]);
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let arguments = ["metadata", "--format-version", "1", "--offline", "--filter-platform", host];
    let metadata: Json = serde_json::from_str(&cargo(&arguments)).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == name).unwrap();
    Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().join("src")
}

/// Returns the keys of the page's tables of attributes, which are those of the code.
fn known() -> BTreeSet<String> {
    let page = read("src/docs/mapping.md");
    let mut known = BTreeSet::new();
    for table in ["removed", "renamed", "statements", "read", "owned"] {
        let (_, rest) = page.split_once(&format!("<!-- table: {table} -->")).unwrap();
        let (table, _) = rest.split_once("<!-- end -->").unwrap();
        let words = table.split('`').skip(1).step_by(2);
        known.extend(words.filter(|word| !word.contains(' ')).map(str::to_owned));
    }
    assert!(known.len() > 100, "{known:?}");
    known
}

/// Fails unless the list names all that is missing, and nothing else.
fn compare(missing: &BTreeSet<String>, listed: &[&str]) {
    let fits = |entry: &str, key: &str| match entry.strip_suffix('*') {
        Some(start) => key.starts_with(start),
        None => entry == key,
    };
    let new: Vec<_> =
        missing.iter().filter(|key| !listed.iter().any(|entry| fits(entry, key))).collect();
    assert!(new.is_empty(), "{SCHEMA_URL}: no row and not in the list: {new:#?}");
    let idle: Vec<_> =
        listed.iter().filter(|entry| !missing.iter().any(|key| fits(entry, key))).collect();
    assert!(idle.is_empty(), "in the list for nothing: {idle:?}");
}

#[test]
fn the_replacement_of_a_known_attribute_is_known_too() {
    let (all, known) = (Conventions::newest(), known());
    let replaced = all.attributes.iter().filter(|(key, _)| known.contains(*key));
    let missing = replaced.flat_map(|(_, attribute)| attribute.replacements(&all));
    let missing = missing.filter(|key| !known.contains(*key)).map(str::to_owned).collect();
    compare(&missing, &NEW_WITHOUT_ROW.iter().map(|row| row.0).collect::<Vec<_>>());
}

#[test]
fn an_attribute_that_a_known_one_replaces_is_known_too() {
    let (all, known) = (Conventions::newest(), known());
    let old = all.attributes.iter().filter(|(key, attribute)| {
        !known.contains(*key) && attribute.replacements(&all).any(|new| known.contains(new))
    });
    compare(&old.map(|(key, _)| key.clone()).collect(), OLD_WITHOUT_ROW);
}

#[test]
fn each_stable_attribute_of_spans_is_known_or_a_plain_tag_on_purpose() {
    let (all, known) = (Conventions::newest(), known());
    let stable = all.of_spans.iter().filter(|key| all.attributes[*key].is_stable);
    let missing = stable.filter(|key| !known.contains(*key)).cloned().collect();
    compare(&missing, STABLE_WITHOUT_ROW);
}

/// Attributes beside the one under test: with them it has something to decide.
const COMPANIONS: &[&[(&str, &str)]] = &[
    &[],
    &[("http.request.method", "GET")],
    &[("db.system.name", "mysql")],
    &[("messaging.system", "nats")],
    &[("messaging.system", "nats"), ("messaging.operation.type", "send")],
    &[("rpc.system.name", "grpc"), ("rpc.method", "shop.Orders/Place")],
];

#[test]
fn an_attribute_and_the_one_that_replaces_it_decide_the_same() {
    let (all, known) = (Conventions::newest(), known());
    let pairs = all.attributes.iter().filter_map(|(old, attribute)| {
        let (_, new) = attribute.deprecated.as_ref()?.split_once("renamed_to: ")?;
        Some((old.as_str(), new.split('}').next()?))
    });
    let pairs: Vec<_> =
        pairs.filter(|(old, new)| known.contains(*old) && known.contains(*new)).collect();
    assert!(pairs.len() > 15, "{pairs:?}");
    for (old, new) in pairs {
        for (old_span, new_span) in exported(old, new).iter().zip(&exported(new, old)) {
            let facts = |span: &ReceivedSpan| {
                let text = |key: &str| span.meta.get(key).cloned();
                let names = [&span.service, &span.name, &span.resource, &span.span_type];
                (names.map(String::clone), text("env"), text("version"), span.error)
            };
            assert_eq!(facts(old_span), facts(new_span), "{old} and {new}: {:?}", new_span.meta);
        }
    }
}

/// Exports spans that have this attribute, one of each kind with all companions but those that are
/// one of the pair.
fn exported(key: &str, other: &str) -> Vec<ReceivedSpan> {
    const KINDS: [SpanKind; 5] = [
        SpanKind::Client,
        SpanKind::Server,
        SpanKind::Producer,
        SpanKind::Consumer,
        SpanKind::Internal,
    ];
    let agent = agent();
    let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
    let mut batch = Vec::new();
    let is_of_pair = |(companion, _): &(&str, &str)| [key, other].contains(companion);
    for companions in COMPANIONS.iter().filter(|list| !list.iter().any(is_of_pair)) {
        for kind in KINDS {
            let mut attributes: Vec<_> =
                companions.iter().map(|(key, text)| KeyValue::new(*key, *text)).collect();
            attributes.push(KeyValue::new(key.to_owned(), "x"));
            let span_context = context(batch.len() as u128 + 1, 1);
            batch.push(SpanData { span_context, span_kind: kind, attributes, ..span() });
        }
    }
    let count = batch.len();
    block_on(exporter.export(batch)).unwrap();
    exporter.shutdown().unwrap();
    let mut spans = agent.spans();
    spans.sort_unstable_by_key(|span| span.trace_id);
    assert_eq!(spans.len(), count);
    spans
}

/// Renamed attributes of which the older name counts: the Agent asks for it first.
const OLDER_COUNTS: [&str; 1] = ["http.response.status_code"];

#[test]
fn of_both_names_of_a_renamed_attribute_the_one_on_the_left_counts() {
    let page = read("src/docs/mapping.md");
    let (text, rest) = page.split_once("<!-- table: renamed -->").unwrap();
    let (table, _) = rest.split_once("<!-- end -->").unwrap();
    let paragraph = text.rsplit("\n\n").find(|text| text.starts_with("**Renamed.**")).unwrap();
    let agent = agent();
    let mut checked = 0;
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let names: Vec<_> = row.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        let [left, right] = &names[..] else { panic!("{row}") };
        let older = OLDER_COUNTS.contains(&&**left);
        assert_eq!(paragraph.contains(&format!("`{right}`")), older, "{paragraph}");
        for turned in [false, true] {
            let mut attributes =
                vec![KeyValue::new(left.clone(), "201"), KeyValue::new(right.clone(), "202")];
            if turned {
                attributes.reverse();
            }
            agent.clear();
            let exporter = DatadogExporter::builder().with_agent_url(agent.url()).build().unwrap();
            block_on(exporter.export(vec![SpanData { attributes, ..span() }])).unwrap();
            exporter.shutdown().unwrap();
            let meta = &agent.spans()[0].meta;
            assert_eq!(meta[right], if older { "202" } else { "201" }, "{row}");
            assert!(!meta.contains_key(left), "{row}");
        }
        checked += 1;
    }
    assert!(checked > 10, "only {checked} rows");
}
