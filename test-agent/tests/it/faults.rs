//! The script of replies, outages, waiting and the end.
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use datadog_test_agent::{Fault, TestAgent};

use super::client::{ONE_SPAN, SOON, connect, put_json, read_answer, request, send, try_connect};

/// The reply, the status and body of the answer (0: none), and whether the spans are kept.
fn replies() -> Vec<(Fault, u16, &'static str, bool)> {
    vec![
        (Fault::Accept, 200, "OK\n", true),
        (Fault::Status(503), 503, "Service Unavailable\n", false),
        (Fault::Status(429), 429, "OK\n", false),
        (Fault::Status(413), 413, "payload-too-large\n", false),
        (Fault::Status(404), 404, "404 page not found\n", false),
        (Fault::StatusAndBody(502, "bad gateway".to_owned()), 502, "bad gateway", false),
        (Fault::Slow(Duration::from_millis(1)), 200, "OK\n", true),
        (Fault::Close, 0, "", false),
        (Fault::CloseAfterIngest, 0, "", true),
        (Fault::Overloaded, 200, "OK\n", false),
    ]
}

#[test]
fn each_entry_of_the_script_decides_about_one_request() {
    let agent = TestAgent::start().unwrap();
    agent.reply_with(replies().into_iter().map(|(reply, ..)| reply));
    let mut spans = 0;
    for (reply, status, body, kept) in replies() {
        let answer = put_json(&agent, ONE_SPAN.as_bytes());
        assert_eq!((answer.status.unwrap_or(0), answer.text()), (status, body), "{reply:?}");
        spans += usize::from(kept);
        assert_eq!(agent.spans().len(), spans, "{reply:?}");
    }
    assert_eq!(put_json(&agent, ONE_SPAN.as_bytes()).status, Some(200));
    assert_eq!(agent.requests().len(), replies().len() + 1);
}

#[test]
fn the_default_reply_applies_when_the_script_is_empty() {
    let agent = TestAgent::start().unwrap();
    agent.set_default_reply(Fault::Status(500));
    agent.reply_with([Fault::Accept]);
    let statuses: Vec<_> = (0..3).map(|_| put_json(&agent, b"[]").status).collect();
    assert_eq!(statuses, [Some(200), Some(500), Some(500)]);
    agent.set_default_reply(Fault::Accept);
    assert_eq!(put_json(&agent, b"[]").status, Some(200));
}

#[test]
fn an_overload_is_honest_only_to_those_who_ask() {
    let agent = TestAgent::start().unwrap();
    agent.set_default_reply(Fault::Overloaded);
    for (value, status) in
        [("1", 429), ("true", 429), ("no", 429), ("0", 200), ("false", 200), ("F", 200)]
    {
        let header = format!("Datadog-Send-Real-Http-Status: {value}");
        let answer = send(&agent, &request("/v0.3/traces", &[&header], ONE_SPAN.as_bytes()));
        assert_eq!((answer.status, answer.text()), (Some(status), "OK\n"), "{value}");
    }
    assert!(agent.spans().is_empty());
}

#[test]
fn a_slow_agent_keeps_the_spans_before_it_answers() {
    let agent = TestAgent::start().unwrap();
    agent.reply_with([Fault::Slow(Duration::from_millis(200))]);
    let begin = Instant::now();
    assert_eq!(put_json(&agent, ONE_SPAN.as_bytes()).status, Some(200));
    assert!(begin.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_hanging_agent_reads_and_never_answers() {
    let agent = TestAgent::start().unwrap();
    agent.reply_with([Fault::Hang]);
    let mut stream = connect(&agent);
    stream.write_all(&request("/v0.3/traces", &[], ONE_SPAN.as_bytes())).unwrap();
    let requests = agent.wait_for_requests(1, SOON).unwrap();
    assert_eq!((requests[0].status, requests[0].traces.len()), (None, 0));
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    // Others are served meanwhile, and the end of the agent is the end of the wait.
    assert_eq!(put_json(&agent, b"[]").status, Some(200));
    drop(agent);
    assert_eq!(read_answer(stream).status, None);
}

#[test]
fn an_answer_can_break_off_in_the_middle() {
    let agent = TestAgent::start().unwrap();
    agent.reply_with([Fault::CloseMidResponse]);
    let answer = put_json(&agent, ONE_SPAN.as_bytes());
    let announced: usize = answer.header("content-length").unwrap().parse().unwrap();
    assert_eq!((answer.status, answer.text()), (Some(200), "OK\n"));
    assert!(announced > answer.body.len());
    assert_eq!(agent.spans().len(), 1);
}

#[test]
fn an_early_413_resets_a_client_that_is_still_writing() {
    let agent = TestAgent::start().unwrap();
    agent.reply_with([Fault::EarlyPayloadTooLarge]);
    let mut stream = connect(&agent);
    let body = vec![b' '; 20_000_000];
    stream.write_all(&request("/v0.3/traces", &[], &body)).unwrap_err();
    assert_eq!(agent.requests()[0].status, Some(413));
    assert!(agent.requests()[0].body.is_empty());
}

#[test]
fn a_paused_agent_is_gone_and_comes_back_at_the_same_address() {
    let agent = TestAgent::start().unwrap();
    let mut open = connect(&agent);
    open.write_all(b"PUT /v0.3/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").unwrap();
    put_json(&agent, ONE_SPAN.as_bytes());
    agent.pause();
    assert_eq!(try_connect(&agent).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(open.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(agent.spans().len(), 1);
    agent.resume().unwrap();
    assert_eq!(put_json(&agent, ONE_SPAN.as_bytes()).status, Some(200));
    assert_eq!((agent.spans().len(), agent.connections()), (2, 3));
    assert_eq!(agent.resume().unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[test]
fn waiting_ends_when_the_spans_are_there_or_the_time_is_up() {
    let agent = TestAgent::start().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| put_json(&agent, ONE_SPAN.as_bytes()));
        assert_eq!(agent.wait_for_spans(1, SOON).unwrap()[0].name, "web.request");
    });
    let error = agent.wait_for_spans(3, Duration::from_millis(20)).unwrap_err();
    assert_eq!((error.wanted(), error.seen()), (3, 1));
    assert!(error.to_string().ends_with("for 3 spans, saw 1"), "{error}");
    let error = agent.wait_for_requests(2, Duration::ZERO).unwrap_err();
    assert!(error.to_string().ends_with("for 2 requests, saw 1"), "{error}");
    agent.clear();
    assert_eq!(agent.wait_for_spans(1, Duration::ZERO).unwrap_err().seen(), 0);
}

#[test]
fn it_can_be_used_and_dropped_within_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let agent = TestAgent::start().unwrap();
        assert_eq!(put_json(&agent, ONE_SPAN.as_bytes()).status, Some(200));
        agent.pause();
        agent.resume().unwrap();
        agent.wait_for_spans(1, SOON).unwrap();
    });
}

#[test]
fn a_dropped_agent_frees_its_address() {
    let agent = TestAgent::start().unwrap();
    let address = agent.url()["http://".len()..].parse().unwrap();
    let open = connect(&agent);
    drop(agent);
    assert_eq!(read_answer(open).status, None);
    TestAgent::builder().with_address(address).start().unwrap();
}

#[cfg(unix)]
#[test]
fn a_unix_socket_replaces_a_stale_one_and_leaves_no_file() {
    use std::os::unix::net::{UnixListener, UnixStream};

    let path = std::env::temp_dir().join(format!("test-agent-{}.socket", std::process::id()));
    drop(UnixListener::bind(&path).unwrap());
    let agent = TestAgent::builder().with_unix_socket(&path).start().unwrap();
    assert_eq!(agent.url(), format!("unix://{}", path.display()));
    let put = || {
        let mut stream = UnixStream::connect(&path)?;
        stream.write_all(&request("/v0.3/traces", &[], ONE_SPAN.as_bytes()))?;
        std::io::Result::Ok(read_answer(stream).status)
    };
    assert_eq!(put().unwrap(), Some(200));
    let second = TestAgent::builder().with_unix_socket(&path).start().unwrap_err();
    assert_eq!(second.kind(), ErrorKind::AddrInUse);
    agent.pause();
    assert_eq!(put().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    agent.resume().unwrap();
    assert_eq!(put().unwrap(), Some(200));
    assert_eq!(agent.spans().len(), 2);
    drop(agent);
    assert!(!path.exists());
}
