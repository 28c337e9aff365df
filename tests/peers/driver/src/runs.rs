//! Runs one measurement in a process of its own and checks that every span arrived.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::{self, Command, Stdio};

use crate::rows::Row;
use crate::sink::Sink;

/// The figures of a run, per span where that makes sense.
pub struct Run {
    pub cpu_us: f64,
    pub allocations: f64,
    pub peak_mib: f64,
    pub bytes: f64,
}

/// Provider runs of a peer that drops spans when the machine stalls.
const ATTEMPTS: usize = 3;

/// Sends this process with its sink to the other cores, if there are any.
pub fn leave_the_first_core(cores: usize) {
    let others = format!("1-{}", cores.saturating_sub(1));
    let mut taskset = Command::new("taskset");
    taskset.args(["-a", "-c", "-p", &others, &process::id().to_string()]);
    if !taskset.output().is_ok_and(|output| output.status.success()) {
        eprintln!("cannot keep the sink off the first core");
    }
}

/// Runs a program in a mode; again if spans were lost, and not for ever.
///
/// # Panics
///
/// Panics if the program fails, or if spans are lost in every attempt.
pub fn run(program: &Path, mode: &str, row: &Row, sink: &Sink) -> Run {
    for _ in 0..ATTEMPTS {
        match attempt(program, mode, row, sink) {
            Ok(run) => return run,
            Err(lost) => eprintln!("{} {} {mode}: {lost}", row.package, row.variant),
        }
    }
    panic!("{} {} loses spans", row.package, row.variant);
}

/// Runs a program once, on the first core alone. The error says how many spans did not arrive.
fn attempt(program: &Path, mode: &str, row: &Row, sink: &Sink) -> Result<Run, String> {
    let said = output(program, mode, &sink.url, row.variant);
    let number = |key: &str| said.get(key).copied().unwrap_or_default();
    let measured = number("measured");

    let sent = if row.sends && mode != "api" { number("sent") as u64 } else { 0 };
    let totals = sink.take(sent);
    if totals.spans != sent {
        return Err(format!("{} spans arrived of {sent}", totals.spans));
    }
    Ok(Run {
        cpu_us: number("cpu_ns") / measured / 1e3,
        allocations: number("allocations") / measured,
        peak_mib: number("peak_kib") / 1024.0,
        bytes: totals.bytes as f64 / sent.max(1) as f64,
    })
}

/// Runs a program on the first core and returns the numbers that it prints.
pub fn output(program: &Path, mode: &str, url: &str, variant: &str) -> BTreeMap<String, f64> {
    let mut command = Command::new("taskset");
    // Nothing of the surroundings: no proxy, no settings of either kind.
    command
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .args(["-c", "0"])
        .arg(program)
        .args([mode, url, variant])
        .stderr(Stdio::inherit());
    let output = command.output().expect("`taskset` starts");
    assert!(output.status.success(), "{command:?} failed");
    let said = String::from_utf8(output.stdout).expect("text");
    let said: BTreeMap<String, f64> = said
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(key, value)| (key.to_owned(), value.parse().expect("a number")))
        .collect();
    assert!(said.get("measured").is_some_and(|spans| *spans > 0.0), "{command:?} said nothing");
    said
}
