//! Memory and time under requests that are made to use them up.
use std::io::Write;
use std::time::{Duration, Instant};

use datadog_test_agent::TestAgent;

use super::client::{ONE_SPAN, SOON, connect, put_json, put_msgpack, read_answer};

/// The length of the large bodies, in bytes.
const LARGE: usize = 2_000_000;

/// Returns a list of one list with as many of these items as fit into a body.
fn json_of(item: &str) -> Vec<u8> {
    let items = vec![item; LARGE / (item.len() + 1)].join(",");
    format!("[[{items}]]").into_bytes()
}

/// Returns one span whose field holds as many of these members as fit into a body.
#[cfg(target_os = "linux")]
fn json_field(field: &str, open: char, close: char, member: fn(usize) -> String) -> Vec<u8> {
    let count = LARGE / 12;
    let members: Vec<String> = (0..count).map(member).collect();
    format!(r#"[[{{"trace_id":1,"{field}":{open}{}{close}}}]]"#, members.join(",")).into_bytes()
}

/// Bodies that stand for far more memory than they have bytes.
#[cfg(target_os = "linux")]
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("empty spans", json_of("{}")),
        ("null spans", json_of("null")),
        ("tags", json_field("meta", '{', '}', |n| format!(r#""{n:x}":"""#))),
        ("numbers", json_field("metrics", '{', '}', |n| format!(r#""{n:x}":0"#))),
        ("links", json_field("span_links", '[', ']', |_| "{}".to_owned())),
        ("repeated tags", json_field("meta", '{', '}', |_| r#""a":"""#.to_owned())),
        ("empty traces", format!("[{}]", vec!["[]"; LARGE / 3].join(",")).into_bytes()),
    ]
}

/// Returns the largest memory that a process has had so far, in MiB.
#[cfg(target_os = "linux")]
fn peak(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() / 1024
}

#[cfg(target_os = "linux")]
#[test]
fn no_body_costs_more_than_its_share_of_memory() {
    use super::picture::plain_line;
    use super::process::Running;
    use super::program::{program, send};

    let mut tool = Running::start(program().arg("0"));
    let listening = tool.line_with("listening on http://");
    let url = listening.split([' ', ',']).nth(2).unwrap();
    for (title, body) in bodies() {
        send(url, ("attacker", "/v0.3/traces", "application/json"), &body);
        let peak = peak(tool.id());
        assert!(peak < 200, "{title}: {peak} MiB");
    }
    tool.interrupt();
    let summary = tool.rest();
    let is_row = |line: &str| plain_line(line) == "attacker 1.2.3 /v0.3/traces 7 0";
    assert!(summary.lines().any(is_row), "{summary}");
    assert!(tool.wait().success());
}

#[test]
fn spans_that_are_not_kept_are_counted_and_reported() {
    let agent = TestAgent::start().unwrap();
    assert_eq!(put_json(&agent, &json_of("{}")).status, Some(200));
    let kept = agent.spans().len();
    let sent = LARGE / 3;
    assert!(kept > 10_000 && kept < sent, "{kept}");
    assert_eq!(agent.forgotten().spans, sent - kept);
    let violations = agent.requests()[0].violations();
    let told = format!("{} spans and 0 tags", sent - kept);
    assert!(violations.iter().any(|what| what.contains(&told)), "{violations:.3?}");
    assert!(violations.len() < 2_000);
}

#[test]
fn the_newest_requests_are_kept() {
    let agent = TestAgent::builder().with_memory_limit(100_000).start().unwrap();
    for n in 0..1_000 {
        put_msgpack(
            &agent,
            &[b"\x91\x91\x81\xa8trace_id\xcd".as_slice(), &u16::to_be_bytes(n)].concat(),
        );
    }
    let (kept, forgotten) = (agent.requests().len(), agent.forgotten());
    assert!((20..200).contains(&kept), "{kept}");
    assert_eq!((forgotten.requests, forgotten.spans), (1_000 - kept, 1_000 - kept));
    assert_eq!(agent.spans().last().unwrap().trace_id, 999);
    let error = agent.wait_for_spans(1_000, Duration::ZERO).unwrap_err().to_string();
    assert!(error.contains(&format!("{} spans were forgotten", 1_000 - kept)), "{error}");
    // One request that is larger than the limit is kept alone.
    put_json(&agent, format!("[[{}1]]", " ".repeat(200_000)).as_bytes());
    assert_eq!((agent.requests().len(), agent.forgotten().requests), (1, 1_000));
    agent.clear();
    assert_eq!(agent.forgotten().requests, 0);
}

#[test]
fn slow_and_endless_clients_hold_nobody_up() {
    let agent =
        TestAgent::builder().with_read_timeout(Duration::from_millis(1_500)).start().unwrap();
    let mut hostile: Vec<_> = (0..100).map(|_| connect(&agent)).collect();
    for (n, stream) in hostile.iter_mut().enumerate() {
        let request = match n % 5 {
            0 => "PUT /v0.3/tra",
            1 => "PUT /v0.3/traces HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n[",
            2 => {
                "PUT /v0.3/traces HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[["
            }
            3 => "GET /info HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n",
            _ => {
                "PUT /v0.4/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/msgpack\r\nContent-Length: 20000000\r\n\r\n\x7f"
            }
        };
        stream.write_all(request.as_bytes()).unwrap();
    }
    let begin = Instant::now();
    for _ in 0..20 {
        assert_eq!(put_json(&agent, ONE_SPAN.as_bytes()).status, Some(200));
    }
    assert!(begin.elapsed() < Duration::from_millis(1_500), "{:?}", begin.elapsed());
    // All of them come to an end.
    for stream in hostile.into_iter().filter(|stream| stream.set_read_timeout(Some(SOON)).is_ok()) {
        let status = read_answer(stream).status;
        assert!(matches!(status, None | Some(200 | 408)), "{status:?}");
    }
}

#[test]
fn a_large_body_holds_no_small_one_up() {
    let agent = TestAgent::start().unwrap();
    let large = json_of("{}");
    let (took, small) = std::thread::scope(|scope| {
        let large = scope.spawn(|| {
            let begin = Instant::now();
            assert_eq!(put_json(&agent, &large).status, Some(200));
            begin.elapsed()
        });
        std::thread::sleep(Duration::from_millis(100));
        let mut longest = Duration::ZERO;
        while !large.is_finished() {
            let begin = Instant::now();
            assert_eq!(put_json(&agent, ONE_SPAN.as_bytes()).status, Some(200));
            longest = longest.max(begin.elapsed());
            std::thread::sleep(Duration::from_millis(10));
        }
        (large.join().unwrap(), longest)
    });
    assert!(small < took / 2 || small < Duration::from_millis(300), "{small:?} of {took:?}");
}
