//! The examples, run as a user runs them, against the embedded Agent.
//!
//! The texts that an example's documentation shows are checked: what it prints, and the picture of what the
//! Agent gets, apart from ids and times. `cargo test` builds the binaries; `cargo test --test it` takes them as
//! they are.

mod local_agent;
mod one_shot;
mod pictures;
mod process;
mod web;

use std::fs;
use std::path::Path;

use opentelemetry_datadog_agent::testing::{TestAgent, Waterfall};

/// The glyphs of a bar.
const BAR: &str = "█▏▎▍▌▋▊▉";
/// The units of a duration.
const UNITS: [&str; 4] = ["ns", "µs", "ms", "s"];

/// Returns the texts that the documentation at the top of an example shows, in order.
fn shown(example: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let file = folder.join(format!("{example}.rs"));
    let file = if file.exists() { file } else { folder.join(example).join("main.rs") };
    let text = fs::read_to_string(file).unwrap();
    let docs: Vec<_> = text.lines().map_while(|line| line.strip_prefix("//!")).collect();
    let docs = docs.join("\n").replace("\n ", "\n");
    let blocks = docs.split("```text\n").skip(1);
    blocks.map(|block| block.split("\n```").next().unwrap_or_default().to_owned()).collect()
}

/// Returns a picture without what differs from run to run: headings, durations, bars, widths of columns.
fn plain(picture: &str) -> Vec<String> {
    let lines = picture.lines().filter(|line| !line.is_empty() && !line.starts_with("trace "));
    lines.map(plain_line).collect()
}

fn plain_line(line: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for word in line.split_whitespace() {
        let is_time = kept.last().is_some_and(|last| last.parse::<f64>().is_ok());
        if is_time && UNITS.contains(&word) {
            kept.pop();
        } else if !word.chars().all(|glyph| BAR.contains(glyph)) {
            kept.push(word);
        }
    }
    kept.join(" ")
}

/// Fails unless a picture that the documentation shows is that of what arrived.
fn assert_arrived(agent: &TestAgent, documented: &str) {
    let mut traces = agent.traces();
    traces.sort_by_key(|trace| trace.iter().map(|span| span.start).min());
    let picture = Waterfall::new(traces).to_string();
    assert_eq!(plain(&picture), plain(documented), "it is:\n{picture}");
    for request in agent.requests() {
        assert_eq!(request.violations(), Vec::<String>::new());
    }
}

/// Sends a request with a real client, and returns the text of the answer.
#[cfg(unix)]
fn answer(request: reqwest::RequestBuilder) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { request.send().await.unwrap().text().await.unwrap() })
}
