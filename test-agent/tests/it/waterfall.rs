//! The picture, as text.
use datadog_test_agent::{ReceivedSpan, Waterfall};

/// Returns a span of a trace, its times in microseconds.
fn span(id: u64, parent: u64, start: i64, duration: i64, texts: [&str; 4]) -> ReceivedSpan {
    let [name, resource, service, kind] = texts.map(str::to_owned);
    ReceivedSpan {
        trace_id: 0xa3ce_929d_0e0e_4736,
        span_id: id,
        parent_id: parent,
        name,
        resource,
        service,
        span_type: kind,
        start: 1_700_000_000_000_000_000 + start * 1_000,
        duration: duration * 1_000,
        ..ReceivedSpan::default()
    }
}

fn failed(mut span: ReceivedSpan, message: &str) -> ReceivedSpan {
    span.error = 1;
    span.meta.insert("error.message".to_owned(), message.to_owned());
    span
}

fn order() -> Vec<ReceivedSpan> {
    let mut spans = vec![
        span(7, 5, 101_000, 36_000, ["charge.capture", "capture", "payments", "custom"]),
        span(1, 0, 0, 142_000, ["http.server.request", "POST /orders/{id}", "checkout", "web"]),
        span(4, 1, 42_000, 99_000, ["http.client.request", "POST", "checkout", "http"]),
        span(2, 1, 2_000, 38_000, ["cart.load", "cart.load", "checkout", "custom"]),
        span(3, 2, 3_000, 1_200, ["redis.command", "GET", "checkout", "redis"]),
        span(5, 4, 50_000, 88_000, ["http.server.request", "POST /charge", "payments", "web"]),
        span(
            6,
            5,
            52_000,
            48_000,
            ["postgresql.query", "INSERT INTO charges\n  (id, amount)", "payments", "sql"],
        ),
    ];
    spans[0] = failed(spans[0].clone(), "card declined");
    spans[1].meta.insert("_dd.p.tid".to_owned(), "4bf92f3577b34da6".to_owned());
    spans
}

#[track_caller]
fn assert_picture(traces: Vec<Vec<ReceivedSpan>>, expected: &str) {
    let text = Waterfall::new(traces).to_string();
    assert!(text == expected.trim_matches('\n'), "got:\n{text}\n\nexpected:\n{expected}");
}

#[test]
fn a_trace_is_a_tree_with_bars_and_errors() {
    assert_picture(
        vec![order()],
        "
trace 4bf92f3577b34da6a3ce929d0e0e4736 · 7 spans · checkout, payments · 142 ms
http.server.request        POST /orders/{id}    checkout  web      142 ms  ████████████████████████
├─ cart.load               cart.load            checkout  custom  38.0 ms  ██████▍
│  └─ redis.command        GET                  checkout  redis   1.20 ms   ▎
└─ http.client.request     POST                 checkout  http    99.0 ms         ████████████████▊
   └─ http.server.request  POST /charge         payments  web     88.0 ms          ██████████████▉
      ├─ postgresql.query  INSERT INTO charge…  payments  sql     48.0 ms           ████████▏
      └─ charge.capture    capture              payments  custom  36.0 ms                   ██████▏  ERROR card declined
",
    );
}

#[test]
fn no_parent_id_hides_a_span_or_hangs() {
    let texts = |name| [name, "", "jobs", ""];
    assert_picture(
        vec![vec![
            span(1, 2, 5, 10, texts("cycle.late")),
            span(2, 1, 1, 10, texts("cycle.early")),
            span(3, 3, 2, 10, texts("own.parent")),
            span(4, 99, 3, 10, texts("orphan")),
            span(4, 99, 4, 10, texts("same.id")),
            span(5, 4, 6, 10, texts("child")),
        ]],
        "
trace 0000000000000000a3ce929d0e0e4736 · 6 spans · jobs · 15.0 µs
own.parent     jobs  10.0 µs    ████████████████
orphan         jobs  10.0 µs     ████████████████
└─ child       jobs  10.0 µs          ████████████████
same.id        jobs  10.0 µs       ████████████████
cycle.early    jobs  10.0 µs  ████████████████
└─ cycle.late  jobs  10.0 µs        ████████████████
",
    );
}

#[test]
fn several_traces_stand_apart_and_none_is_said_so() {
    let lone = |trace_id, nanoseconds| ReceivedSpan {
        trace_id,
        span_id: 1,
        duration: nanoseconds,
        ..span(1, 0, 0, 0, ["a", "b", "c", "d"])
    };
    assert_picture(
        vec![vec![lone(1, 999)], vec![], vec![lone(2, 61_500_000_000)]],
        "
trace 00000000000000000000000000000001 · 1 span · c · 999 ns
a  b  c  d  999 ns  ████████████████████████

trace 00000000000000000000000000000002 · 1 span · c · 61.5 s
a  b  c  d  61.5 s  ████████████████████████
",
    );
    assert_picture(vec![], "no traces");
}

#[test]
fn every_span_is_printed_in_at_most_120_characters() {
    let long = "wide ".repeat(50);
    let mut spans: Vec<_> = (1..3_000)
        .map(|id| failed(span(id, id - 1, 0, i64::MAX / 1_000, [&long; 4]), &long))
        .collect();
    spans[5].duration = i64::MIN;
    spans[6].start = i64::MIN;
    let text = Waterfall::new(vec![spans]).to_string();
    assert_eq!(text.lines().count(), 3_000);
    for line in text.lines() {
        assert!(line.chars().count() <= 120, "{line}");
    }
}

#[test]
fn a_narrow_terminal_has_shorter_lines_with_everything_that_matters() {
    for (width, longest) in [(80, 80), (100, 100), (10, 72), (500, 120)] {
        let text = Waterfall::new(vec![order()]).with_width(width).to_string();
        for line in text.lines() {
            assert!(line.chars().count() <= longest, "{width}: {line}");
        }
        assert_eq!(text.lines().count(), order().len() + 1);
        for part in ["payments", "142 ms", "ERROR card", "█"] {
            assert!(text.contains(part), "{width}: {part}\n{text}");
        }
    }
}

#[test]
fn a_failed_span_says_what_it_can() {
    for (key, expected) in [
        ("error.message", "ERROR boom"),
        ("error.msg", "ERROR boom"),
        ("error.type", "ERROR boom"),
        ("x", "ERROR"),
    ] {
        let mut span = span(1, 0, 0, 1, ["a", "b", "c", "d"]);
        span.error = 1;
        span.meta.insert(key.to_owned(), "boom".to_owned());
        assert!(Waterfall::new(vec![vec![span]]).to_string().ends_with(expected), "{key}");
    }
}

#[test]
fn colours_are_there_only_on_request_and_change_no_text() {
    let plain = Waterfall::new(vec![order()]);
    let colored = plain.clone().with_colors(true).to_string();
    assert!(colored.contains("\x1b[31mERROR card declined\x1b[0m"));
    let mut text = String::new();
    for (n, part) in colored.split("\x1b[").enumerate() {
        text.push_str(if n == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(text, plain.to_string());
}

#[test]
fn no_tag_can_talk_to_the_terminal() {
    let text =
        Waterfall::new(vec![vec![span(1, 0, 0, 1, ["a\x1b[31mb", "c\r\nd", "\u{9b}e", "f"])]])
            .to_string();
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    assert!(text.contains("c d"));
}
