//! The second table: the host's cost of the same spans, in the exporter and in the real Agent behind it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs, thread};

use crate::{median, runs};

/// Runs of each row; odd, for the median.
const RUNS: usize = 3;

/// The time that the Agent gets to bring the last spans to its intake.
const SETTLES: Duration = Duration::from_secs(2);

/// Package, variant, and the address of the Agent that it speaks to.
type Row = (&'static str, &'static str, &'static str);

/// The table of exporters.
pub const HOST: &[Row] = &[
    ("ours", "auto", "url"),
    ("ours", "json", "url"),
    ("old", "v0.3", "url"),
    ("old", "v0.5", "url"),
    ("otlp-grpc", "", "otlp"),
];

/// The table of what is rejected: every span is recorded, this many percent are kept, and the Agent or the exporter
/// counts.
pub const SAMPLED: &[Row] = &[
    // The floor: spans are made and recorded, and dropped.
    ("bare", "", "url"),
    ("ours", "recorded-100", "url"),
    ("ours", "counted-100", "url"),
    ("ours", "recorded-10", "url"),
    ("ours", "counted-10", "url"),
    ("ours", "recorded-1", "url"),
    ("ours", "counted-1", "url"),
];

/// Measures and prints a table.
pub fn print(rows: &[Row]) {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let target = build(rows);
    let mut measured: Vec<Vec<(f64, f64)>> = vec![Vec::new(); rows.len()];
    for turn in 1..=RUNS {
        eprintln!("host, run {turn} of {RUNS}");
        for ((package, variant, address), into) in rows.iter().zip(&mut measured) {
            let program = target.join(format!("peers-{package}"));
            into.push(run(&program, variant, address, cores));
        }
    }
    println!(
        "| exporter | CPU of the exporter, µs/span | CPU of the Agent, µs/span | together |\n\
         |---|--:|--:|--:|"
    );
    for ((package, variant, _), runs) in rows.iter().zip(&measured) {
        let exporter = median(runs.iter().map(|(exporter, _)| *exporter));
        let agent = median(runs.iter().map(|(_, agent)| *agent));
        println!(
            "| `{package}` {variant} | {exporter:.2} | {agent:.1} | {:.1} |",
            exporter + agent
        );
    }
}

/// Builds the peers of some rows and the Agent; returns the folder of the programs.
fn build(rows: &[Row]) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--quiet"]).current_dir(&folder);
    command
        .args(rows.iter().flat_map(|(package, ..)| ["-p".to_owned(), format!("peers-{package}")]));
    assert!(command.status().expect("cargo starts").success(), "{command:?} failed");
    let mut command = Command::new("go");
    command.args(["build", "-o", "../target/tools/real-agent", "."]);
    command.current_dir(folder.join("../agent/go"));
    assert!(command.status().expect("go starts").success(), "{command:?} failed");
    let target = env::var_os("CARGO_TARGET_DIR").map_or(folder.join("target"), PathBuf::from);
    target.join("release")
}

/// The real Agent with an intake that discards, in a process that ends with this value.
struct Agent {
    process: Child,
    addresses: String,
}

impl Agent {
    fn start(cores: usize) -> Self {
        let program =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agent/target/tools/real-agent");
        let mut command = Command::new("taskset");
        command.args(["-c", &format!("1-{}", cores.saturating_sub(1).max(1))]).arg(program);
        command.arg("--discard").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the Agent starts");
        let mut addresses = String::new();
        let said = process.stdout.take().expect("it is piped");
        BufReader::new(said).read_line(&mut addresses).expect("its addresses");
        Self { process, addresses }
    }

    fn address(&self, name: &str) -> &str {
        let (_, rest) = self.addresses.split_once(&format!("\"{name}\":\"")).expect("an address");
        rest.split('"').next().expect("the address ends")
    }

    /// The CPU time of the process so far, in microseconds.
    fn cpu(&self) -> f64 {
        let stat =
            fs::read_to_string(format!("/proc/{}/stat", self.process.id())).expect("it runs");
        let (_, fields) = stat.rsplit_once(") ").expect("the name ends");
        // User and system time, in ticks of the clock.
        let ticks: f64 = fields
            .split(' ')
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<f64>().expect("ticks"))
            .sum();
        // SAFETY: the call has no preconditions.
        let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
        ticks * 1e6 / per_second as f64
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends the spans once; returns the CPU for a span, in microseconds, of the exporter's process and of the Agent.
fn run(program: &Path, variant: &str, address: &str, cores: usize) -> (f64, f64) {
    let agent = Agent::start(cores);
    let before = agent.cpu();
    let said = runs::output(program, "host", agent.address(address), variant);
    thread::sleep(SETTLES);
    let agent_cpu = agent.cpu() - before;
    let sent = said["sent"];
    (said["cpu_ns"] / said["measured"] / 1e3, agent_cpu / sent)
}
