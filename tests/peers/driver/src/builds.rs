//! Builds each peer from nothing in a folder of its own: time, size, crates.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use crate::rows::Package;

/// A peer, built.
pub struct Built {
    pub version: String,
    pub crates: usize,
    pub time: Duration,
    /// CPU time of all compilers together: less at the mercy of what else runs.
    pub cpu: Duration,
    pub bytes: u64,
    pub program: PathBuf,
}

/// Builds a package. What it needs is downloaded before the clock starts.
pub fn build(package: &Package, scratch: &Path) -> Built {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(package.folder);
    let manifest = manifest.join("Cargo.toml");
    let name = format!("peers-{}", package.folder);
    cargo(&["fetch"], &manifest);
    let crates = crates(&manifest);
    let target = scratch.join(package.folder);
    let (start, cpu) = (Instant::now(), children_cpu());
    let path = target.to_str().expect("a path of text");
    cargo(
        &["build", "--release", "--quiet", "--offline", "--package", &name, "--target-dir", path],
        &manifest,
    );
    let (time, cpu) = (start.elapsed(), children_cpu() - cpu);
    let program = scratch.join(&name);
    fs::copy(target.join("release").join(&name), &program).expect("a program");
    fs::remove_dir_all(&target).expect("a folder");
    let bytes = fs::metadata(&program).expect("a size").len();
    let shown =
        crates.iter().find_map(|entry| entry.strip_prefix(package.shows)?.strip_prefix(" v"));
    let version = format!("{} {}", package.shows, shown.expect("its own version"));
    // The package itself is not the peer's.
    Built { version, crates: crates.len() - 1, time, cpu, bytes, program }
}

/// Returns names and versions of everything that is compiled in, or runs while compiling.
fn crates(manifest: &Path) -> BTreeSet<String> {
    let tree =
        cargo(&["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}"], manifest);
    // Behind name and version: a path, `(proc-macro)` or the mark of a repetition.
    tree.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect()
}

/// Returns the CPU time of all processes that this one started and that have ended.
fn children_cpu() -> Duration {
    // SAFETY: all zeros is a value of this type, and the pointer is that of a local variable.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage), 0, "a clock");
        usage
    };
    let time = |part: libc::timeval| {
        Duration::from_secs(part.tv_sec as u64) + Duration::from_micros(part.tv_usec as u64)
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

fn cargo(arguments: &[&str], manifest: &Path) -> String {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).arg("--manifest-path").arg(manifest);
    let output = command.output().expect("cargo starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{errors}");
    String::from_utf8(output.stdout).expect("text")
}
