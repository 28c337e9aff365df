//! The embedded Agent is as strict as the real one: the same bodies, the same statuses.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use datadog_test_agent::TestAgent;

use crate::probe_list::{Probe, probes};
use crate::real_agent::{MODELS, RealAgent};

/// The longest wait for an answer.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn the_embedded_agent_answers_every_body_as_the_real_one() {
    for model in MODELS {
        let real = RealAgent::start(model);
        let embedded = TestAgent::start().unwrap();
        let mut differences = Vec::new();
        let mut asked = 0;
        for probe in probes() {
            let (theirs, ours) = (status(real.url(), &probe), status(embedded.url(), &probe));
            let expected = probe.status;
            if theirs != expected || ours != expected {
                differences.push(format!(
                    "{}: real {theirs}, embedded {ours}, listed {expected}",
                    probe.title
                ));
            }
            asked += 1;
        }
        // It is still there, whatever it got.
        real.stop();
        assert!(differences.is_empty(), "{model:?}:\n{}", differences.join("\n"));
        assert!(asked >= 80, "only {asked} bodies");
    }
}

/// Sends a body and returns the status; 0 if the connection ends without one.
fn status(url: &str, probe: &Probe) -> u16 {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let head = format!(
        "PUT /v0.3/traces HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        probe.content_type,
        probe.body.len()
    );
    stream.write_all(&[head.as_bytes(), &probe.body].concat()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    text.split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
}
