//! The default addresses: looked for anew whenever none answers. Tests cannot use the real ones. And a worker that
//! panics.
#![cfg(unix)]

use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use datadog_test_agent::TestAgent;

use super::*;
use crate::encoding::{Fields, Json, Payloads, Sink as _};

/// Longest wait for something that should come at once.
const SOON: Duration = Duration::from_secs(10);

fn payload(spans: usize) -> Vec<Payload> {
    let mut payloads = Payloads::new(1 << 20);
    payloads.trace::<Json, _>(&vec![(); spans], |(), _, writer, _| {
        writer.finish(&Fields { trace_id: 1, span_id: 2, ..Fields::default() });
    });
    payloads.finish()
}

fn start(candidates: Vec<AgentAddress>, is_default: bool) -> Delivery {
    let delivery = Delivery::start(DeliverySettings {
        addresses: Addresses { candidates, is_default },
        http_client: None,
        protocol: Protocol::Auto,
        timeout: Duration::from_secs(1),
        buffer_bytes: 1 << 20,
        payload_bytes: 1 << 18,
        external_env: None,
        stats: None,
    });
    delivery.unwrap()
}

fn export(delivery: &Delivery, spans: usize) -> OTelSdkResult {
    futures_executor::block_on(delivery.export(payload(spans), Instant::now()))
}

/// Panics as a fault in the worker would, while the lock is held.
pub(super) fn panic_if_asked(state: &mut shared::State) {
    if state.panics > 0 {
        state.panics -= 1;
        panic!("expected: a fault in the worker");
    }
}

#[test]
fn a_worker_that_panics_is_started_again_with_what_was_buffered() {
    let agent = TestAgent::start().unwrap();
    let delivery = start(vec![tcp(&agent)], false);
    for round in 0..5 {
        delivery.shared.lock().panics = 3;
        for _ in 0..100 {
            export(&delivery, 2).unwrap();
        }
        delivery.handle().flush(SOON).unwrap();
        assert_eq!(agent.spans().len(), 200 * (round + 1));
    }
    let stats = delivery.handle().stats();
    assert_eq!((stats.spans_delivered, stats.spans_dropped.total()), (1_000, 0));
    delivery.shutdown(SOON).unwrap();
}

#[test]
fn a_worker_that_panics_without_end_gives_up_with_the_number_of_spans() {
    let agent = TestAgent::start().unwrap();
    let delivery = start(vec![tcp(&agent)], false);
    delivery.shared.lock().panics = u32::MAX;
    export(&delivery, 7).unwrap_err();
    let stats = delivery.handle().stats();
    assert_eq!(
        (stats.spans_received, stats.spans_dropped.total(), stats.spans_buffered),
        (7, 7, 0)
    );
    assert!(matches!(export(&delivery, 1), Err(OTelSdkError::AlreadyShutdown)));
}

/// A path for a socket, in a folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("dd-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("apm.socket")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tcp(agent: &TestAgent) -> AgentAddress {
    AgentAddress::parse(agent.url()).unwrap()
}

/// A file at the place of the socket behind which there is no Agent.
type Make = fn(&Path);

#[test]
fn a_socket_without_an_agent_leads_to_the_port() {
    let cases: [(&str, Make); 5] = [
        ("missing", |_| {}),
        ("stale", |path| drop(UnixListener::bind(path).unwrap())),
        ("datagram", |path| std::mem::forget(UnixDatagram::bind(path).unwrap())),
        ("file", |path| std::fs::write(path, "").unwrap()),
        ("folder", |path| std::fs::create_dir(path).unwrap()),
    ];
    for (name, make) in cases {
        let (folder, agent) = (Folder::new(name), TestAgent::start().unwrap());
        make(&folder.socket());
        let socket = AgentAddress::Unix(folder.socket());
        let delivery = start(vec![socket, tcp(&agent)], true);
        export(&delivery, 3).unwrap();
        delivery.handle().flush(SOON).unwrap();
        assert_eq!(agent.spans().len(), 3, "{name}");
        delivery.shutdown(SOON).unwrap();
    }
}

#[test]
fn an_agent_is_found_where_it_appears() {
    let (folder, port) = (Folder::new("appears"), TestAgent::start().unwrap());
    port.pause();
    let delivery = start(vec![AgentAddress::Unix(folder.socket()), tcp(&port)], true);
    export(&delivery, 3).unwrap();
    let socket = TestAgent::builder().with_unix_socket(folder.socket()).start().unwrap();
    delivery.handle().flush(SOON).unwrap();
    assert_eq!(socket.spans().len(), 3);
    // It goes, and another one comes at the port.
    drop(socket);
    export(&delivery, 2).unwrap();
    port.resume().unwrap();
    delivery.handle().flush(SOON).unwrap();
    assert_eq!(port.spans().len(), 2);
    delivery.shutdown(SOON).unwrap();
}

#[test]
fn an_error_names_every_address_that_was_tried() {
    let (folder, port) = (Folder::new("named"), TestAgent::start().unwrap());
    port.pause();
    let delivery = start(vec![AgentAddress::Unix(folder.socket()), tcp(&port)], true);
    export(&delivery, 1).unwrap();
    let _ = delivery.handle().flush(Duration::from_millis(50));
    let said = delivery.handle().stats().last_error.unwrap();
    assert!(said.contains("apm.socket") && said.contains(port.url()), "{said}");
    let _ = delivery.shutdown(Duration::ZERO);
}
