//! A service in a process of its own, seen from outside.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{ChildStdout, Command, Stdio};
use std::{env, fs, process};

use crate::SERVICE;

/// A service that runs.
pub(crate) struct Child {
    process: process::Child,
    output: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

/// The counters that a service ends with.
pub(crate) type Report = BTreeMap<String, u64>;

/// The resources that a process uses at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sample {
    pub(crate) resident_kib: u64,
    pub(crate) threads: u64,
    pub(crate) files: usize,
}

impl Child {
    /// Starts a service that exports to this Agent, or to none.
    pub(crate) fn start(url: Option<&str>) -> Self {
        let program = env::current_exe().expect("a program");
        let mut process = Command::new(program)
            .arg(SERVICE)
            .args(url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut output = BufReader::new(process.stdout.take().expect("an output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        let address = line.trim().parse().expect("an address");
        Self { process, output, address }
    }

    /// Looks at what the process takes.
    pub(crate) fn sample(&self) -> Sample {
        let folder = format!("/proc/{}", self.process.id());
        let status = fs::read_to_string(format!("{folder}/status")).expect("Linux");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.split_whitespace().next().expect("a number").parse().expect("a number")
        };
        Sample {
            resident_kib: number("VmRSS:"),
            threads: number("Threads:"),
            files: fs::read_dir(format!("{folder}/fd")).expect("files").count(),
        }
    }

    /// Ends the service and returns what it says about its spans.
    pub(crate) fn end(&mut self) -> Report {
        drop(self.process.stdin.take());
        let mut text = String::new();
        self.output.read_to_string(&mut text).expect("a report");
        assert!(self.process.wait().expect("an end").success(), "the service failed");
        let row = |line: &str| {
            let (name, count) = line.split_once(' ').expect("a counter");
            (name.to_owned(), count.parse().expect("a number"))
        };
        text.lines().map(row).collect()
    }
}

/// A service that nobody ended ends with its input, when this does.
impl Drop for Child {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}
