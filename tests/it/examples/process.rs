//! An example as a process: its arguments and variables, what it prints, how it ends.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::SOON;

/// How often the end of a process is looked for: nothing tells of it with a limit.
const LOOK: Duration = Duration::from_millis(10);

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

/// A process that ends with the test.
pub(super) struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    pub(super) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, lines }
    }

    /// Returns the next line that holds this text.
    pub(super) fn line_with(&self, text: &str) -> String {
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(SOON) {
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line with {text:?}, but\n{}", seen.join("\n"));
    }

    /// Returns all lines up to the end of the process.
    pub(super) fn rest(&self) -> String {
        let mut text = String::new();
        while let Ok(line) = self.lines.recv_timeout(SOON) {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    /// Does what Ctrl-C does.
    #[cfg(unix)]
    pub(super) fn interrupt(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    }

    /// Waits for the end.
    pub(super) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
