//! A stand-in for the Agent: takes every request, counts what it carries, answers at once.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Every span has this once, whatever the encoding: the start of an attribute's value.
const MARK: &[u8] = b"peers-session-";
/// A requester may end before its last request is read here.
const PATIENCE: Duration = Duration::from_secs(2);

/// The requests since the last look.
#[derive(Clone, Copy, Default)]
pub struct Totals {
    /// Bytes of the bodies with spans.
    pub bytes: u64,
    pub spans: u64,
}

pub struct Sink {
    pub url: String,
    totals: Arc<Mutex<Totals>>,
}

impl Sink {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let totals = Arc::new(Mutex::new(Totals::default()));
        let shared = Arc::clone(&totals);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let totals = Arc::clone(&shared);
                thread::spawn(move || serve(&stream, &totals));
            }
        });
        Self { url, totals }
    }

    /// Waits for that many spans, but not for ever, and starts to count anew.
    pub fn take(&self, spans: u64) -> Totals {
        let start = Instant::now();
        while lock(&self.totals).spans < spans && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
        std::mem::take(&mut *lock(&self.totals))
    }
}

/// The count is right even if a thread died over a bad request.
fn lock(totals: &Mutex<Totals>) -> MutexGuard<'_, Totals> {
    totals.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(stream: &TcpStream, totals: &Mutex<Totals>) {
    let mut reader = BufReader::with_capacity(256 * 1024, stream);
    let mut body = Vec::new();
    while let Some(path) = read_request(&mut reader, &mut body) {
        if path.ends_with("/traces") {
            let spans = marks(&body);
            let mut totals = lock(totals);
            totals.bytes += body.len() as u64;
            totals.spans += spans;
        }
        let mut stream = stream;
        if stream.write_all(answer(&path).as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads one request and returns its path; `None` when the connection is closed.
fn read_request(reader: &mut BufReader<&TcpStream>, body: &mut Vec<u8>) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
    let path = line.split(' ').nth(1).expect("a request line").to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        assert!(!header.starts_with("transfer-encoding"), "a body without a length: {path}");
        assert!(!header.starts_with("content-encoding"), "a compressed body: {path}");
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    body.resize(length, 0);
    reader.read_exact(body).ok()?;
    Some(path)
}

/// Returns what the real one would answer, as far as a peer looks.
fn answer(path: &str) -> String {
    let (status, kind, body) = match path {
        "/v0.3/traces" => ("200 OK", "text/plain", "OK\n"),
        "/v1/traces" => ("200 OK", "application/x-protobuf", ""),
        path if path.ends_with("/traces") => {
            ("200 OK", "application/json", r#"{"rate_by_service":{"service:,env:":1}}"#)
        }
        _ => ("404 Not Found", "text/plain", ""),
    };
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// Counts [`MARK`], skipping as far as the last byte of each window allows (Horspool).
fn marks(body: &[u8]) -> u64 {
    let last = MARK.len() - 1;
    let mut skips = [MARK.len(); 256];
    for (at, byte) in MARK[..last].iter().enumerate() {
        skips[usize::from(*byte)] = last - at;
    }
    let (mut at, mut found) = (0, 0);
    while let Some(window) = body.get(at..at + MARK.len()) {
        found += u64::from(window == MARK);
        at += skips[usize::from(window[last])];
    }
    found
}
