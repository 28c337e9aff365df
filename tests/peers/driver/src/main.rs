//! Peers, side by side: builds every peer, runs the same spans through each against one local sink,
//! and prints one table. `README.md` says what each column is.

mod builds;
mod host;
mod rows;
mod runs;
mod sink;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs, process, thread};

use builds::Built;
use rows::{PACKAGES, ROWS, Row};
use runs::{Run, run};
use sink::Sink;

/// Runs of `export` of each row; odd, for the median.
const EXPORT_RUNS: usize = 5;
/// Runs through a provider of each row, four seconds each.
const PROVIDER_RUNS: usize = 3;

fn main() {
    match env::args().nth(1).as_deref() {
        Some("host") => return host::print(host::HOST),
        Some("sampled") => return host::print(host::SAMPLED),
        _ => {}
    }
    let scratch = Scratch::new();
    let built: BTreeMap<&str, Built> = PACKAGES
        .iter()
        .map(|package| {
            eprintln!("building {}", package.folder);
            (package.folder, builds::build(package, &scratch.0))
        })
        .collect();
    let sink = Sink::start();
    let cores = thread::available_parallelism().map_or(1, usize::from);
    runs::leave_the_first_core(cores);
    let measured = measure(&built, &sink);

    print_surroundings(&measured, cores);
    print_table(&built, &measured);
    println!("\nWhat each leaves out:\n");
    for row in ROWS {
        println!("- {} {}: {}", built[row.package].version, row.variant, row.leaves_out);
    }
}

/// A folder for the builds, removed at the end, whatever the end is.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = env::temp_dir().join(format!("peers-{}", process::id()));
        fs::create_dir(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// All runs of a row.
#[derive(Default)]
struct Measured {
    export: Vec<Run>,
    allocations: f64,
    provider: Vec<Run>,
    /// The CPU per span of making spans, in the same turns.
    floor: Vec<f64>,
}

/// Runs everything, the rows taking turns so that a slow minute hits all.
fn measure(built: &BTreeMap<&str, Built>, sink: &Sink) -> Vec<Measured> {
    let mut measured: Vec<Measured> = ROWS.iter().map(|_| Measured::default()).collect();
    let go = |row: &Row, mode| run(&built[row.package].program, mode, row, sink);
    for turn in 1..=EXPORT_RUNS {
        eprintln!("export, run {turn} of {EXPORT_RUNS}");
        for (row, into) in ROWS.iter().zip(&mut measured).filter(|(row, _)| row.is_exporter) {
            into.export.push(go(row, "export"));
        }
    }
    eprintln!("allocations");
    for (row, into) in ROWS.iter().zip(&mut measured).filter(|(row, _)| row.is_exporter) {
        into.allocations = go(row, "allocations").allocations;
    }
    for turn in 1..=PROVIDER_RUNS {
        eprintln!("through a provider, run {turn} of {PROVIDER_RUNS}");
        // One for each version of the SDK.
        let mut floors = BTreeMap::new();
        for row in ROWS {
            floors
                .entry(row.floor)
                .or_insert_with(|| run(&built[row.floor].program, "api", row, sink).cpu_us);
        }
        for (row, into) in ROWS.iter().zip(&mut measured) {
            into.provider.push(go(row, "end-to-end"));
            into.floor.push(floors[row.floor]);
        }
    }
    measured
}

fn print_table(built: &BTreeMap<&str, Built>, measured: &[Measured]) {
    println!(
        "| exporter | CPU of `export`, µs/span | through a provider, µs/span | bytes/span \
         | allocations/span | peak memory, MiB | crates | clean build, s (CPU s) | binary, MiB |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|"
    );
    for (row, measured) in ROWS.iter().zip(measured) {
        let Built { version, crates, time, cpu, bytes, .. } = &built[row.package];
        let export = |text: String| if row.is_exporter { text } else { "-".to_owned() };
        println!(
            "| `{version}` {} | {} | {:.2} | {:.0} | {} | {:.1} | {crates} | {:.0} ({:.0}) | {:.1} |",
            row.variant,
            export(format!("{:.2}", median(measured.export.iter().map(|run| run.cpu_us)))),
            median(
                measured
                    .provider
                    .iter()
                    .zip(&measured.floor)
                    .map(|(run, floor)| run.cpu_us - floor)
            ),
            median(measured.provider.iter().map(|run| run.bytes)),
            export(format!("{:.1}", measured.allocations)),
            median(measured.provider.iter().map(|run| run.peak_mib)),
            time.as_secs_f64(),
            cpu.as_secs_f64(),
            *bytes as f64 / 1_048_576.0,
        );
    }
}

/// Prints what the figures depend on.
fn print_surroundings(measured: &[Measured], cores: usize) {
    let rustc = Command::new("rustc").arg("--version").output().expect("rustc starts").stdout;
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    println!(
        "{}, {}, built on {cores} cores. Making a span costs {:.2} µs; that is taken off. Runs of one row \
         lie {:.0} % apart at most.\n",
        cpu.map_or("an unknown CPU", |(_, name)| name),
        String::from_utf8_lossy(&rustc).trim(),
        median(measured[0].floor.iter().copied()),
        measured
            .iter()
            .flat_map(|row| [spread(&row.export), spread(&row.provider)])
            .fold(0.0, f64::max),
    );
}

/// Returns how much more the dearest run cost than the cheapest, in percent.
fn spread(runs: &[Run]) -> f64 {
    let costs = || runs.iter().map(|run| run.cpu_us);
    let cheapest = costs().fold(f64::INFINITY, f64::min);
    costs().fold(0.0, |most: f64, cost| most.max(100.0 * (cost / cheapest - 1.0)))
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    if values.is_empty() {
        return f64::NAN;
    }
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
