//! URLs -> the same URLs without user name and password, and without the query string where it is not wanted.

use crate::mapping::normalize::{MAX_VALUE, cut};

/// Most bytes of a URL that are read: what a tag shows, behind a user name and password as long as that.
const MAX_READ: usize = 2 * MAX_VALUE;

/// What becomes of the query string of a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Query {
    /// It stays.
    #[default]
    Kept,
    /// It goes, the fragment behind it too.
    Removed,
}

/// Appends a URL, or as much of it as is worth it. What stands before an `@` in its authority is never passed on.
pub(crate) fn push_url(out: &mut String, url: &str, query: Query) {
    let (whole, url) = (url, cut(url, MAX_READ));
    let Some(start) = authority(url) else { return out.push_str(shown(url, query)) };
    let rest = &url[start..];
    out.push_str(&url[..start]);
    let hidden = user_info(rest, url.len() < whole.len()).unwrap_or(0);
    out.push_str(shown(&rest[hidden..], query));
}

/// Returns what of a URL stays.
fn shown(url: &str, query: Query) -> &str {
    match query {
        Query::Kept => url,
        Query::Removed => &url[..url.find(['?', '#']).unwrap_or(url.len())],
    }
}

/// Returns how long user and password are, the `@` behind them included. Of a URL that was cut that may be all:
/// perhaps the `@` stood behind.
fn user_info(rest: &str, was_cut: bool) -> Option<usize> {
    let length = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let authority = &rest[..length];
    // Where no port stands behind the colon, it is a password with a sign that should have been escaped.
    let host = authority.rsplit('@').next().unwrap_or("");
    let is_cut = host.rsplit_once(':').is_some_and(|(_, port)| {
        !port.ends_with(']') && !port.bytes().all(|byte| byte.is_ascii_digit())
    });
    if was_cut && (is_cut || length == rest.len()) {
        return Some(rest.len());
    }
    let end = if is_cut { rest.rfind('@') } else { authority.rfind('@') };
    end.map(|at| at + 1)
}

/// Returns where the authority of a URL begins, if it has one.
fn authority(url: &str) -> Option<usize> {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    match url[..end].find("//")? {
        0 => Some(2),
        at => url[..at].ends_with(':').then_some(at + 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_info_never_stays_and_a_query_on_request() {
        for (url, kept, removed) in [
            ("http://user:secret@host/a?b=1#c", "http://host/a?b=1#c", "http://host/a"),
            ("https://secret@host:8080", "https://host:8080", "https://host:8080"),
            ("http://a:b@c:secret@host/x@y", "http://host/x@y", "http://host/x@y"),
            ("//user:secret@host/a", "//host/a", "//host/a"),
            ("http://host/a@b?c=@d", "http://host/a@b?c=@d", "http://host/a@b"),
            ("/path?token=x", "/path?token=x", "/path"),
            ("http://host?u=http://a:b@c", "http://host?u=http://a:b@c", "http://host"),
            ("http://user:sec/ret@host/a", "http://host/a", "http://host/a"),
            ("http://user:sec#ret@host", "http://host", "http://host"),
            ("http://[::1]/a@b", "http://[::1]/a@b", "http://[::1]/a@b"),
            ("", "", ""),
        ] {
            for (query, left) in [(Query::Kept, kept), (Query::Removed, removed)] {
                let mut out = String::new();
                push_url(&mut out, url, query);
                assert_eq!(out, left, "{url}");
            }
        }
    }

    #[test]
    fn a_url_is_read_no_further_than_it_is_shown_and_a_cut_password_stays_hidden() {
        let secret = "secret".repeat(MAX_READ);
        for (url, left) in [
            (format!("http://user:{secret}@host/a"), "http://"),
            (format!("http://{secret}@host/a"), "http://"),
            (format!("http://user:pass/{secret}@host/a"), "http://"),
            (format!("http://user:word@host/{}", "path".repeat(MAX_READ)), "http://host/path"),
            (format!("http://host:80/{}@b", "path".repeat(MAX_READ)), "http://host:80/path"),
        ] {
            let mut out = String::new();
            push_url(&mut out, &url, Query::Kept);
            assert!(
                out.starts_with(left) && !out.contains("se") && !out.contains("word"),
                "{left}"
            );
            assert_eq!(out.len() > MAX_VALUE, left != "http://");
            assert!(out.len() <= MAX_READ);
        }
    }
}
