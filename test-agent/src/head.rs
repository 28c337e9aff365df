//! The head of a request: what it alone decides, and what it tells.
use std::time::SystemTime;

use hyper::Version;
use hyper::http::request::Parts;

use super::answer::Answer;
use super::decode::Unkept;
use super::receiver::Habits;
use super::request::TraceRequest;

/// Returns the answer to a request that is refused by its head.
pub(super) fn turned_down(head: &Parts, is_endpoint: bool) -> Option<Answer> {
    let header = |name| head.headers.get(name).map(hyper::header::HeaderValue::as_bytes);
    if head.version == Version::HTTP_11 && header("host").is_none() {
        let body = "400 Bad Request: missing required Host header".to_owned();
        return Some(Answer::new(400, body).closing());
    }
    if header("expect").is_some_and(|expect| !expect.eq_ignore_ascii_case(b"100-continue")) {
        return Some(Answer::expectation_failed());
    }
    let cross_site = header("sec-fetch-site").is_some_and(|site| site == b"cross-site");
    (is_endpoint && cross_site)
        .then(|| Answer::traces(403, "cross-site request rejected\n".to_owned()))
}

/// Returns the answer of a receiver that does not take requests with this head.
pub(super) fn unfit(head: &Parts, habits: &Habits) -> Option<Answer> {
    if !habits.traces.contains(&head.uri.path()) {
        return None;
    }
    let has_length = head.headers.contains_key("content-length");
    if !habits.methods.is_empty() && !habits.methods.contains(&head.method.as_str()) {
        return Some(Answer::new(405, String::new()));
    }
    (habits.needs_length && !has_length).then(|| Answer::new(411, String::new()).closing())
}

/// Returns the request as far as its head tells.
pub(super) fn seen(head: &Parts) -> TraceRequest {
    let headers = head.headers.iter();
    TraceRequest {
        method: head.method.to_string(),
        path: head
            .uri
            .path_and_query()
            .map_or_else(|| head.uri.path().to_owned(), ToString::to_string),
        headers: headers
            .map(|(name, value)| {
                (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect(),
        body: Vec::new(),
        traces: Vec::new(),
        status: None,
        decode_error: None,
        has_null_span: false,
        body_read: false,
        reads: None,
        findings: Vec::new(),
        memory: 0,
        unkept: Unkept::default(),
        received: SystemTime::now(),
    }
}

/// Returns the path without empty, `.` and `..` segments.
pub(super) fn clean(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    let slash = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    format!("/{}{slash}", segments.join("/"))
}
