//! A proxy before an Agent, which breaks connections. The soak's attacks use this file too.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use datadog_test_agent::TestAgent;

/// The fate of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Passes everything on.
    Open,
    /// Closes it at once.
    Closes,
    /// Resets it at once.
    Resets,
    /// Reads the start of the request, then closes it.
    ReadsAndCloses,
    /// Reads the head of a request and resets it if that announces more than a megabyte.
    ResetsLarge,
    /// Answers 503 to a request of more than a megabyte without reading it, and closes.
    AnswersLargeEarly,
}

/// A proxy before an Agent: real sockets, and a gate that a test switches.
pub(crate) struct Proxy {
    /// The address to send to.
    pub(crate) url: String,
    gate: Arc<Mutex<Gate>>,
    /// Connections so far.
    pub(crate) connections: Arc<AtomicUsize>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens on a free port.
    pub(crate) fn new(agent: &TestAgent, gate: Gate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let target = agent.url().trim_start_matches("http://").to_owned();
        let gate = Arc::new(Mutex::new(gate));
        let (connections, is_over) =
            (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (gate_now, count, over) =
            (Arc::clone(&gate), Arc::clone(&connections), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                count.fetch_add(1, Ordering::SeqCst);
                let (gate, target) = (*gate_now.lock().unwrap(), target.clone());
                thread::spawn(move || pass(client, gate, &target));
            }
        });
        Self { url: format!("http://{address}"), gate, connections, is_over, thread: Some(thread) }
    }

    /// Switches the gate for the connections to come.
    pub(crate) fn set(&self, gate: Gate) {
        *self.gate.lock().unwrap() = gate;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.url.trim_start_matches("http://")));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// Handles one connection. A connection that is dropped with unread bytes is reset by the system.
fn pass(mut client: TcpStream, gate: Gate, target: &str) {
    let mut start = vec![0; 4_096];
    match gate {
        Gate::Closes => return,
        Gate::Resets => {
            // One byte stays unread.
            let _ = client.peek(&mut [0]);
            return;
        }
        Gate::ReadsAndCloses => {
            let _ = client.read(&mut start);
            return;
        }
        Gate::Open | Gate::ResetsLarge | Gate::AnswersLargeEarly => {}
    }
    let Ok(read) = client.read(&mut start) else { return };
    start.truncate(read);
    if gate != Gate::Open && announces_a_megabyte(&start) {
        if gate == Gate::AnswersLargeEarly {
            let answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = client.write_all(answer);
        }
        return;
    }
    if start.starts_with(b"GET ") {
        // A question ends its connection, so that the gate sees the head of each payload.
        start = String::from_utf8_lossy(&start).replace("HTTP/1.1", "HTTP/1.0").into_bytes();
    }
    let Ok(mut agent) = TcpStream::connect(target) else { return };
    let copied = agent.write_all(&start);
    let (Ok(mut back), Ok(mut from)) = (client.try_clone(), agent.try_clone()) else { return };
    if copied.is_ok() {
        let answering = thread::spawn(move || drop(std::io::copy(&mut from, &mut back)));
        let _ = std::io::copy(&mut client, &mut agent);
        let _ = agent.shutdown(std::net::Shutdown::Both);
        let _ = answering.join();
    }
}

fn announces_a_megabyte(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    length.and_then(|length| length.parse().ok()).is_some_and(|length: u64| length > 1 << 20)
}
