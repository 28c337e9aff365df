//! A client that sends exactly what it is told to, well-formed or not.
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use datadog_test_agent::TestAgent;

/// The longest time of any wait before the test fails.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// The bytes that came back on a connection until it ended, as an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `None` if the connection ended without a status line.
    pub(crate) status: Option<u16>,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub(crate) fn connect(agent: &TestAgent) -> TcpStream {
    try_connect(agent).unwrap()
}

pub(crate) fn try_connect(agent: &TestAgent) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(agent.url().strip_prefix("http://").unwrap())?;
    stream.set_read_timeout(Some(SOON))?;
    Ok(stream)
}

/// Reads until the connection ends, also by a reset.
pub(crate) fn read_answer(mut stream: impl Read) -> Answer {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(len) => bytes.extend_from_slice(&piece[..len]),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
                ) =>
            {
                break;
            }
            Err(error) => panic!("no end of the answer: {error}"),
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let Some(end) = text.find("\r\n\r\n") else {
        return Answer { status: None, head: String::new(), body: bytes };
    };
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer { status, head: text[..end].to_owned(), body: bytes[end + 4..].to_vec() }
}

/// Returns the bytes of a request on a connection of its own.
pub(crate) fn request(path: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut request =
        format!("PUT {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").into_bytes();
    for header in headers {
        write!(request, "{header}\r\n").unwrap();
    }
    write!(request, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
    request.extend_from_slice(body);
    request
}

/// Sends bytes on a new connection and returns the answer.
pub(crate) fn send(agent: &TestAgent, bytes: &[u8]) -> Answer {
    let mut stream = connect(agent);
    stream.write_all(bytes).unwrap();
    read_answer(stream)
}

/// Sends a JSON body to `/v0.3/traces`.
pub(crate) fn put_json(agent: &TestAgent, body: &[u8]) -> Answer {
    send(agent, &request("/v0.3/traces", &["Content-Type: application/json"], body))
}

/// Sends a MessagePack body to `/v0.3/traces`.
pub(crate) fn put_msgpack(agent: &TestAgent, body: &[u8]) -> Answer {
    send(agent, &request("/v0.3/traces", &["Content-Type: application/msgpack"], body))
}

/// A request body with one unremarkable span.
pub(crate) const ONE_SPAN: &str = r#"[[{"service":"shop","name":"web.request","resource":"GET /","type":"web",
"trace_id":1,"span_id":2,"start":1700000000000000000,"duration":5000000,
"metrics":{"_sampling_priority_v1":1}}]]"#;
