//! The meaning of variables, and the tags that they lead to: good, odd and bad values, in our crate and in Datadog's
//! official tracers for Python and Node. The same, or a row that says what we do and why.

mod ours;
mod rows;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::env;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value as Json, json};

use crate::tracer::Peer;
use rows::{ROWS, Row};

/// The headers of a caller that says two things: the styles differ about the trace.
const CALLER: [(&str, &str); 6] = [
    ("x-datadog-trace-id", "1"),
    ("x-datadog-parent-id", "2"),
    ("x-datadog-sampling-priority", "2"),
    ("x-datadog-tags", "_dd.p.dm=-4,_dd.p.team=a"),
    ("traceparent", "00-00000000000000000000000000000003-0000000000000004-01"),
    ("baggage", "user.id=7,User.Id=8,tenant=a%20b,account.id=9"),
];

/// The headers of each style.
const STYLES: [(&str, &[(&str, &str)]); 2] = [
    ("datadog", &[("x-datadog-trace-id", "1"), ("x-datadog-parent-id", "2")]),
    ("tracecontext", &[("traceparent", "00-00000000000000000000000000000001-0000000000000002-01")]),
];

/// The answers of a server.
const STATUSES: [i64; 7] = [399, 400, 404, 499, 500, 503, 599];
/// Traces about which samplers decide.
const IDS: [u64; 12] =
    [1, 2, 3, 5, 7, 77, 1_000_000_007, 12_345_678_901_234, 1 << 40, 1 << 50, 1 << 52, 1 << 33];
/// Databases: a label, then service, host, name and peer service.
const DATABASES: [(&str, [&str; 4]); 3] = [
    ("plain", ["orders-db", "db.host", "orders", "peer"]),
    ("signs", ["a b/c'*/", "", "", ""]),
    ("letters", ["caf\u{e9}", "", "", ""]),
];
/// A URL with a secret in its query.
const URL: &str = "https://host.example/a?q=1&token=secret";
/// The trace and the span of each query.
const TRACE: u64 = 77;
/// See [`TRACE`].
const SPAN: u64 = 78;

fn headers() -> HashMap<String, String> {
    CALLER.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// The inputs that every tracer gets.
fn inputs() -> Json {
    let styles: Map<_, _> = STYLES
        .iter()
        .map(|(style, headers)| {
            let headers: Map<_, _> =
                headers.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
            ((*style).to_owned(), headers.into())
        })
        .collect();
    let databases: HashMap<_, _> = DATABASES.into_iter().collect();
    json!({
        "headers": headers(), "styles": styles, "statuses": STATUSES, "ids": IDS, "url": URL,
        "databases": databases, "trace": TRACE, "span": SPAN,
    })
}

/// The variables of an environment: `NAME=value`, one a line.
fn variables(environment: &str) -> impl Iterator<Item = (&str, &str)> {
    environment.lines().map(|line| line.split_once('=').unwrap())
}

/// Runs a program in an environment and with the inputs. Returns the object that it prints, and its log.
fn said(mut command: Command, environment: &str) -> (Json, String) {
    let own =
        command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let own: Vec<_> = own.collect();
    let mut process = command
        .env_clear()
        .envs(own)
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .envs(variables(environment))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // Less than a pipe holds.
    serde_json::to_writer(process.stdin.take().unwrap(), &inputs()).unwrap();
    let output = process.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().rev().find(|line| line.starts_with('{'));
    let line = line.unwrap_or_else(|| panic!("{environment}: {output:?}"));
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    (serde_json::from_str(line).unwrap(), log)
}

fn theirs(peer: Peer, environment: &str) -> Json {
    fields(said(peer.program("variables"), environment).0)
}

/// Returns what we make of an environment, and the number of warnings.
fn ours(environment: &str) -> (Json, usize) {
    let mut child = Command::new(env::current_exe().unwrap());
    child.args(["variables::ours::child", "--exact", "--ignored", "--nocapture"]);
    let (mut said, log) = said(child, environment);
    // The first exporter is that of the variables.
    let line = log.lines().find(|line| line.contains("DatadogExporter.Built")).unwrap();
    let setting = |name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=\"")).unwrap();
        rest.split('"').next().unwrap()
    };
    let timeout = setting("timeout").trim_end_matches('s').parse::<f64>().unwrap();
    said["agent"] = setting("agent").into();
    said["timeout"] = timeout.into();
    said["protocol"] = match setting("protocol") {
        "v03json" => "v0.3",
        "v04" => "v0.4",
        other => other,
    }
    .into();
    (fields(said), log.lines().filter(|line| line.contains(" WARN ")).count())
}

/// Returns the fields that are compared, in one form whoever said them.
fn fields(said: Json) -> Json {
    let Json::Object(mut said) = said else { panic!("{said}") };
    if said.contains_key("fails") {
        return said.into();
    }
    let mut take = |field: &str| said.remove(field).unwrap_or_default();
    let mut meta: BTreeMap<String, String> =
        serde_json::from_value(take("meta")).unwrap_or_default();
    let git = ["_dd.git.repository_url", "_dd.git.commit.sha"];
    let git = git.map(|key| meta.remove(key).unwrap_or_default());
    let [env, version, hostname] = ["env", "version", "_dd.hostname"].map(|key| meta.remove(key));
    let is_own = |key: &str| OWN.iter().any(|start| key.starts_with(start));
    let (baggage, tags): (BTreeMap<_, _>, BTreeMap<_, _>) = meta
        .into_iter()
        .filter(|(key, _)| !is_own(key))
        .partition(|(key, _)| key.starts_with("baggage."));
    let (passed, agent, urls) = (take("passed"), take("agent"), take("urls"));
    let (continues, comments) = (take("continues"), take("comments"));
    let agent = agent.as_str().unwrap_or_default().trim_end_matches('/');
    let mut fields = json!({
        "git": git, "env": env, "version": version, "hostname": hostname,
        "baggage": baggage, "tags": tags,
        "passed": passed.as_str().is_some_and(|tags| tags.contains("_dd.p.team=a")),
        // Nothing listens at the socket that comes first.
        "agent": agent.strip_prefix("unix:///var/run/datadog/apm.socket or ").unwrap_or(agent),
        "server url": urls[0], "client url": urls[1],
        "continues": continues[0] == 1, "links": continues[1],
        "limit": take("limit").as_f64(), "timeout": take("timeout").as_f64(),
    });
    for (label, both) in comments.as_object().into_iter().flatten() {
        fields[format!("comment {label}")] = json!([items(both[0].as_str().unwrap()), both[1]]);
    }
    said.extend(fields.as_object().unwrap().clone());
    said.into()
}

/// Tags of the span itself.
#[rustfmt::skip]
const OWN: [&str; 9] = [
    "otel.", "http.", "_dd.", "error.", "span.kind", "language", "runtime-id", "service", "w3c.",
];

/// Returns the items of a comment that say something; their order means nothing.
fn items(statement: &str) -> Json {
    let comment = statement.strip_prefix("/*").and_then(|rest| rest.rsplit_once("*/ "));
    let Some((comment, _)) = comment else { return Json::Null };
    let items =
        comment.trim_end_matches('\'').split("',").map(|item| item.split_once("='").unwrap());
    let items = items.filter(|(_, text)| !text.is_empty());
    items.map(|(key, text)| (key.to_owned(), json!(text))).collect::<Map<_, _>>().into()
}

#[test]
fn variables_mean_what_they_mean_to_the_official_tracers() {
    let mut rows = BTreeMap::<&str, Vec<&Row>>::new();
    for row in ROWS {
        rows.entry(row.environment).or_default().push(row);
    }
    let rows: Vec<_> = rows.into_iter().collect();
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(rows) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = faults_of(rows);
                    faults.lock().unwrap().extend(found);
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Returns what is wrong about the rows of an environment.
fn faults_of((environment, rows): &(&str, Vec<&Row>)) -> Vec<String> {
    let (own, warnings) = ours(environment);
    let others = Peer::ALL.map(|peer| (peer, theirs(peer, environment)));
    let mut faults = Vec::new();
    for row in rows {
        let mut check = |is_right: bool, what: String| {
            if !is_right {
                faults.push(format!("{environment:?} {}: {what}", row.field));
            }
        };
        let own = own.get(row.field).expect("a field of that name");
        if let Some(expected) = row.ours {
            let expected: Json = serde_json::from_str(expected).unwrap();
            check(*own == expected, format!("ours {own}, expected {expected}"));
        }
        for (peer, said) in &others {
            let other = said.get(row.field).or(said.get("fails")).cloned().unwrap_or_default();
            match row.reasons.iter().find(|(peers, _)| peers.contains(peer)) {
                None => check(*own == other, format!("ours {own}, {peer:?} {other}")),
                Some((_, reason)) => {
                    check(*own != other, format!("{peer:?} has the same: {reason:?}"));
                    check(!reason.is_said || warnings > 0, format!("not said: {reason:?}"));
                }
            }
        }
    }
    faults
}

#[test]
fn every_variable_that_is_read_is_compared_with_good_and_odd_and_bad_values() {
    /// One of each.
    const VALUES: usize = 3;
    let source = include_str!("../../../../src/config/variables.rs");
    let (_, table) = source.split_once("VARIABLES: &[&str] = &[").unwrap();
    let (table, _) = table.split_once("];").unwrap();
    let names: Vec<_> = table.split('"').skip(1).step_by(2).collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        let values: BTreeSet<_> = ROWS
            .iter()
            .flat_map(|row| variables(row.environment))
            .filter(|(other, _)| *other == name)
            .collect();
        assert!(values.len() >= VALUES, "{name}: {values:?}");
    }
}
