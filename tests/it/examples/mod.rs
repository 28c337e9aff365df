//! The examples, run as a user runs them, against the embedded Agent.
//!
//! The texts that an example's documentation shows are checked: what it prints, and the picture of what the
//! Agent gets, apart from ids and times. `cargo test` builds the binaries; `cargo test --test it` takes them as
//! they are.

mod one_shot;
mod picture;
mod pictures;
mod process;
mod web;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use datadog_test_agent::{TestAgent, Waterfall};

use self::picture::plain_line;
use self::process::Running;

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
#[cfg(all(unix, feature = "json-logs"))]
fn answer(request: reqwest::RequestBuilder) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { request.send().await.unwrap().text().await.unwrap() })
}

/// Returns the command that runs an example, with no variable of ours set.
pub(super) fn command(name: &str) -> Command {
    // target/debug/deps/it-... -> target/debug/examples/<name>
    let own = std::env::current_exe().unwrap();
    let target = own.parent().and_then(|deps| deps.parent()).expect("it is below `target`");
    let program: PathBuf = target.join("examples").join(name);
    assert!(program.exists(), "{} is missing: `cargo test` builds it", program.display());
    let mut command = Command::new(program);
    for (key, _) in std::env::vars_os() {
        let key_text = key.to_string_lossy();
        if key_text.starts_with("DD_") || key_text.starts_with("OTEL_") {
            command.env_remove(&key);
        }
    }
    command.env_remove("CLICOLOR_FORCE");
    command
}

/// Runs a command to its end and returns what it printed.
pub(super) fn output(command: &mut Command) -> String {
    let mut running = Running::start(command);
    let status = running.wait();
    let text = running.rest();
    assert!(status.success(), "{status}: {text}");
    text
}
