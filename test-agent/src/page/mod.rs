//! The page for people at `/`: one HTML file, and the data that it asks for below `/page/`.
//!
//! A page of another site must not read what arrives here. Browsers send `Host` and `Origin` truthfully, so both are
//! compared with the names of this machine; a name that merely resolves to it is foreign.
mod board;
mod feed;
mod rates;
mod trace;
mod view;

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use hyper::http::request::Parts;
use hyper::http::uri::Authority;

pub(super) use self::board::{Board, tracer};
use super::answer::Answer;

/// The page, with `{nonce}` where its script and its style prove that they are its own.
const HTML: &str = include_str!("page.html");

/// The places of the nonce.
const NONCE: &str = "{nonce}";

/// The names under which a browser on this machine finds it.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The page and the data behind it.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) board: Arc<Board>,
    /// The host names that a browser may use.
    hosts: BTreeSet<String>,
    /// The number of browsers that follow.
    followers: Arc<AtomicUsize>,
}

impl Page {
    /// Returns the page for these hosts beside loopback.
    pub(super) fn new(hosts: impl IntoIterator<Item = String>) -> Self {
        let own = LOOPBACK.into_iter().map(str::to_owned);
        Self {
            board: Arc::new(Board::new(random())),
            hosts: own.chain(hosts.into_iter().map(|host| host.to_ascii_lowercase())).collect(),
            followers: Arc::default(),
        }
    }

    /// Answers a request for the page or its data; `None` if it is for neither.
    pub(super) fn answer(&self, head: &Parts) -> Option<Answer> {
        let path = head.uri.path();
        let is_page = path == "/" || path.strip_prefix("/trace/").is_some_and(|id| !id.is_empty());
        let data = path.strip_prefix("/page/");
        if !is_page && data.is_none() {
            return None;
        }
        if !self.is_own(head, is_page) {
            let text = "this page answers to the names of this machine only; see --allow-host\n";
            return Some(Answer::new(403, text.to_owned()));
        }
        let answer = match (head.method.as_str(), data) {
            ("GET" | "HEAD", None) => html(),
            ("GET", Some("events")) => feed::answer(&self.board, &self.followers, head),
            ("GET", Some("statistics")) => json(self.board.statistics()),
            ("POST", Some("clear")) => {
                self.board.clear();
                Answer::new(204, String::new())
            }
            ("GET", Some(data)) => match data.strip_prefix("trace/") {
                Some(id) => self.board.trace(id).map_or_else(Answer::not_found, json),
                None => Answer::not_found(),
            },
            _ => Answer::new(405, String::new()),
        };
        Some(secured(answer))
    }

    /// Returns whether a request comes from this page, or asks for it under a name of this machine.
    fn is_own(&self, head: &Parts, is_page: bool) -> bool {
        let header = |name| head.headers.get(name).map(|value| value.to_str().unwrap_or("?"));
        let Some(host) = header("host").or(head.uri.authority().map(Authority::as_str)) else {
            return false;
        };
        let is_known = self.hosts.contains(&name_of(host).to_ascii_lowercase());
        let is_same_origin = header("origin").is_none_or(|origin| {
            origin.strip_prefix("http://").is_some_and(|origin| origin.eq_ignore_ascii_case(host))
        });
        // A link on another page may open this one, but nothing else there may ask for anything.
        let is_opened = is_page && header("sec-fetch-dest") == Some("document");
        let is_fetched_here =
            matches!(header("sec-fetch-site"), None | Some("same-origin" | "none"));
        is_known && is_same_origin && (is_opened || is_fetched_here)
    }
}

/// Returns a host without its port.
fn name_of(host: &str) -> &str {
    let end = host.rfind(':').filter(|colon| !host[*colon..].contains(']'));
    end.map_or(host, |end| &host[..end])
}

/// Returns the page with a nonce of its own.
fn html() -> Answer {
    let nonce = random();
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    );
    Answer::new(200, HTML.replace(NONCE, &nonce))
        .with("content-type", "text/html; charset=utf-8")
        .with("content-security-policy", &policy)
}

fn json(text: String) -> Answer {
    Answer::new(200, text).with("content-type", "application/json")
}

/// Adds the headers that keep other pages out.
fn secured(answer: Answer) -> Answer {
    [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
    ]
    .into_iter()
    .fold(answer, |answer, (name, value)| answer.with(name, value))
}

/// Returns a text that cannot be guessed: the standard library seeds its maps from the system's randomness.
fn random() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_told_from_its_port() {
        for (host, name) in [
            ("localhost:8126", "localhost"),
            ("localhost", "localhost"),
            ("[::1]:8126", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(name_of(host), name);
        }
    }

    #[test]
    fn random_texts_differ() {
        assert_ne!(random(), random());
        assert_eq!(random().len(), 32);
    }
}
