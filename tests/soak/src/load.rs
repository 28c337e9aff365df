//! The client: a few connections, each asks one service after the other at a steady pace.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::child::{Child, Sample};

/// Clients at a time.
const CLIENTS: u64 = 4;
/// Rounds of each client in a second, with one request to every service: a third of what two cores can do.
const ROUNDS_PER_SECOND: u32 = 100;
/// The time between two looks at the processes.
const SAMPLE_EVERY: Duration = Duration::from_millis(500);

/// The measurements of one service under load.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// The time of each request.
    pub(crate) latencies: Vec<Duration>,
    /// The resources that the process used, in order.
    pub(crate) samples: Vec<Sample>,
}

/// Asks all services for a while.
pub(crate) fn run(services: &[&Child], time: Duration) -> Vec<Loaded> {
    let start = Instant::now();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| scope.spawn(move || ask(services, number, start, time)))
            .collect();
        let mut all: Vec<Loaded> = services.iter().map(|_| Loaded::default()).collect();
        while start.elapsed() < time {
            for (service, loaded) in services.iter().zip(&mut all) {
                loaded.samples.push(service.sample());
            }
            thread::sleep(SAMPLE_EVERY);
        }
        for client in clients {
            for (latencies, loaded) in client.join().expect("a client").into_iter().zip(&mut all) {
                loaded.latencies.extend(latencies);
            }
        }
        all
    })
}

/// Asks one service after the other, as one client; returns how long each took.
fn ask(services: &[&Child], client: u64, start: Instant, time: Duration) -> Vec<Vec<Duration>> {
    let mut connections: Vec<_> = services
        .iter()
        .map(|service| BufReader::new(TcpStream::connect(service.address).expect("a connection")))
        .collect();
    connections.iter().for_each(|c| c.get_ref().set_nodelay(true).expect("no delay"));
    let mut latencies = vec![Vec::new(); services.len()];
    for round in 0_u32.. {
        let due = start + Duration::from_secs(1) * round / ROUNDS_PER_SECOND;
        if due >= start + time {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let id = u64::from(round) * CLIENTS + client;
        // Each in its turn goes first, so that none always runs behind the same one.
        for turn in 0..services.len() {
            let service = (turn + round as usize) % services.len();
            let before = Instant::now();
            request(&mut connections[service], id);
            latencies[service].push(before.elapsed());
        }
    }
    latencies
}

/// Makes a request and reads the answer.
fn request(connection: &mut BufReader<TcpStream>, id: u64) {
    let text = format!("GET /orders/{id} HTTP/1.1\r\nHost: soak\r\n\r\n");
    connection.get_mut().write_all(text.as_bytes()).expect("a request");
    let (mut line, mut length, mut is_ok) = (String::new(), 0, false);
    while line != "\r\n" {
        line.clear();
        assert!(connection.read_line(&mut line).expect("an answer") > 0, "the service closed");
        is_ok |= line.starts_with("HTTP/1.1 200 ");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    assert!(is_ok, "the service failed");
    connection.read_exact(&mut vec![0; length]).expect("a body");
}
