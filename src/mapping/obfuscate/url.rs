//! URLs, and texts that hold some -> the same texts without user name and password, without secrets of the query
//! string ([`super::query`]), and without the query string where it is not wanted.
//!
//! One walk over the text. Without an `@` and a `://`, and without a `?` and a `#`, there is nothing to do.

use std::ops::Range;

use super::query::{Bounds, QuerySecrets, REDACTED, Walk, push_own};
use crate::mapping::normalize::{MAX_VALUE, cut};
use crate::mapping::text;

/// Limit of the bytes of a text that are read: as many as a tag shows, behind as many of a password.
pub(super) const MAX_READ: usize = 2 * MAX_VALUE;

/// The sign before the authority of a URL.
const BEFORE_AUTHORITY: &str = "://";

/// The signs that end the authority of a URL.
const AFTER_AUTHORITY: [char; 4] = ['/', '?', '#', '\\'];

/// The signs before the options of a connection string, which may hold a password.
const BEFORE_OPTIONS: [char; 2] = ['?', ';'];

/// The treatment of the query string of a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Query {
    /// It stays.
    #[default]
    Kept,
    /// It goes, the fragment behind it too.
    Removed,
}

/// Appends a URL, or as much of it as is worth it. The part of its authority before an `@` is never passed on.
pub(crate) fn push_url(out: &mut String, url: &str, query: Query, secrets: &QuerySecrets) {
    let (whole, url) = (url, cut(url, MAX_READ));
    let was_cut = url.len() < whole.len();
    let mut rest = url;
    if let Some(after) = url.strip_prefix("//") {
        out.push_str("//");
        if let UserInfo::Is(length) = user_info(after, was_cut) {
            rest = &after[length..];
        } else {
            rest = after;
        }
    }
    let start = out.len();
    push(out, rest, was_cut, Bounds::Url, secrets);
    if query == Query::Removed {
        let shown = out[start..].find(['?', '#']).map_or(out.len(), |at| start + at);
        out.truncate(shown);
    }
}

/// Appends the query string or the fragment of a URL, or as much of it as is worth it.
pub(crate) fn push_query(out: &mut String, query: &str, secrets: &QuerySecrets) {
    let read = cut(query, MAX_READ);
    push(out, read, read.len() < query.len(), Bounds::Query, secrets);
}

/// Appends the address of a server, which may be an authority.
pub(crate) fn push_address(out: &mut String, address: &str, secrets: &QuerySecrets) {
    if address.contains(BEFORE_AUTHORITY) {
        return push_url(out, address, Query::Kept, secrets);
    }
    let host = text::fitting(out, &address[address.rfind('@').map_or(0, |at| at + 1)..]);
    push_text(out, host, false, secrets);
}

/// Appends a connection string if it is a URL, without its options: passwords stand there too. Any other
/// form is left out.
pub(crate) fn push_connection(out: &mut String, connection: &str) {
    if connection.contains(BEFORE_AUTHORITY) {
        let start = out.len();
        let read = cut(connection, MAX_READ);
        // Its query goes as a whole.
        push_text(out, read, read.len() < connection.len(), &QuerySecrets::Kept);
        let shown = out[start..].find(BEFORE_OPTIONS).map_or(out.len(), |at| start + at);
        out.truncate(shown);
    }
}

/// Appends a text without user names, passwords and secrets of its URLs; of a text that was cut, also without the
/// authority or the parameter at its end, which may be the beginning of one. Returns true if there were any.
pub(crate) fn push_text(
    out: &mut String,
    text: &str,
    was_cut: bool,
    secrets: &QuerySecrets,
) -> bool {
    push(out, text, was_cut, Bounds::Word, secrets)
}

fn push(
    out: &mut String,
    text: &str,
    was_cut: bool,
    bounds: Bounds,
    secrets: &QuerySecrets,
) -> bool {
    let start = out.len();
    let mut walk = match secrets {
        QuerySecrets::Redacted => Some(Walk::new(bounds)),
        QuerySecrets::Kept | QuerySecrets::Own(_) => None,
    };
    let mut write = |out: &mut String, piece: &str| {
        if let Some(walk) = &mut walk {
            return walk.push(out, piece);
        }
        out.push_str(piece);
        false
    };
    let (mut rest, mut found) = (text, false);
    while let Some(user) = next(rest, was_cut) {
        write(out, &rest[..user.start]);
        rest = &rest[user.end..];
        found = true;
    }
    found |= write(out, rest);
    if was_cut && walk.is_some_and(|walk| walk.is_inside()) {
        let last = out[start..].rfind(['?', '#', '&']).map_or(start, |at| start + at + 1);
        out.truncate(last);
        out.push_str(REDACTED);
    }
    if let QuerySecrets::Own(own) = secrets {
        // Rare enough for a temporary.
        let shown = out.split_off(start);
        push_own(out, &shown, bounds, own);
        found |= out[start..] != shown;
    }
    found
}

/// Returns where the next user name is, with the password and the `@` behind it.
fn next(text: &str, was_cut: bool) -> Option<Range<usize>> {
    let (mut from, mut clear_to) = (0, 0);
    while let Some(at) = text[from..].find(BEFORE_AUTHORITY) {
        let start = from + at + BEFORE_AUTHORITY.len();
        let rest = &text[start..];
        let length = match user_info(rest, was_cut) {
            UserInfo::Is(length) => Some(length),
            UserInfo::Nothing => None,
            // The text is not searched again for an `@` where there was none before.
            UserInfo::Unended if start < clear_to => None,
            UserInfo::Unended => match rest.find(['@', '\n']) {
                Some(at) if rest.as_bytes()[at] == b'@' => Some(at + 1),
                end => {
                    clear_to = end.map_or(text.len(), |end| start + end);
                    None
                }
            },
        };
        if let Some(length) = length {
            return Some(start..start + length);
        }
        from = start;
    }
    None
}

/// The part of a URL before its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UserInfo {
    Nothing,
    /// So many bytes, the `@` behind it included.
    Is(usize),
    /// It looks like a password with blanks or quotes in it: it goes up to the next `@` of its line.
    Unended,
}

/// Reads what stands before the host of a URL.
fn user_info(rest: &str, was_cut: bool) -> UserInfo {
    let is_outside = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>');
    let length = rest.find(|c| AFTER_AUTHORITY.contains(&c) || is_outside(c)).unwrap_or(rest.len());
    let authority = &rest[..length];
    // Text behind the colon that is no port is a password with a sign that should have been escaped.
    let host = authority.rsplit('@').next().unwrap_or("");
    let host = host.trim_end_matches(|c: char| c.is_ascii_punctuation() && c != ']');
    let is_password = |(_, port): (&str, &str)| !port.bytes().all(|byte| byte.is_ascii_digit());
    if !host.ends_with(']') && host.rsplit_once(':').is_some_and(is_password) {
        let behind = &rest[length..];
        let behind = &behind[..behind.find(is_outside).unwrap_or(behind.len())];
        let behind = &behind[..behind.find(BEFORE_AUTHORITY).unwrap_or(behind.len())];
        return match rest[..length + behind.len()].rfind('@') {
            Some(at) => UserInfo::Is(at + 1),
            None if was_cut => UserInfo::Is(rest.len()),
            None => UserInfo::Unended,
        };
    }
    match authority.rfind('@') {
        Some(at) => UserInfo::Is(at + 1),
        None if was_cut && length == rest.len() && length > 0 => UserInfo::Is(length),
        None => UserInfo::Nothing,
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
            ("/path?token=x", "/path?<redacted>", "/path"),
            ("http://host?u=http://a:b@c", "http://host?u=http://c", "http://host"),
            ("http://user:sec/ret@host/a", "http://host/a", "http://host/a"),
            ("http://user:sec#ret@host", "http://host", "http://host"),
            ("http://user:sec?ret@host/a?b", "http://host/a?b", "http://host/a"),
            ("http://user:x://y@host", "http://host", "http://host"),
            ("http://[::1]/a@b", "http://[::1]/a@b", "http://[::1]/a@b"),
            ("http://u:p@[::1]:80/", "http://[::1]:80/", "http://[::1]:80/"),
            ("", "", ""),
        ] {
            for (query, left) in [(Query::Kept, kept), (Query::Removed, removed)] {
                let mut out = String::new();
                push_url(&mut out, url, query, &QuerySecrets::Redacted);
                assert_eq!(out, left, "{url}");
            }
        }
    }

    #[test]
    fn user_info_never_stays_in_the_middle_of_a_text() {
        for (text, left) in [
            (
                "cannot reach postgres://user:secret@host/db: refused",
                "cannot reach postgres://host/db: refused",
            ),
            ("`redis://:secret@host` is down", "`redis://host` is down"),
            (
                "url=\"amqp://u:secret@host/%2f\", mongodb+srv://u:se cret@host/db",
                "url=\"amqp://host/%2f\", mongodb+srv://host/db",
            ),
            ("http://u:a\"secret@host and http://u2@host2", "http://host and http://host2"),
            ("(http://host:8080), ask bob@example.com", "(http://host:8080), ask bob@example.com"),
            ("bob@example.com reads https://host/@bob", "bob@example.com reads https://host/@bob"),
            ("ü://ü:ü@ü", "ü://ü"),
            ("://@", "://"),
        ] {
            let mut out = String::new();
            let found = push_text(&mut out, text, false, &QuerySecrets::Redacted);
            assert_eq!(out, left, "{text}");
            assert_eq!(found, text != left, "{text}");
        }
    }

    #[test]
    fn a_cut_text_does_not_end_in_a_password() {
        for (text, left) in [
            ("see http://user:secr", "see http://"),
            ("see http://user:secr/et", "see http://"),
            ("see http://host/user", "see http://host/user"),
        ] {
            let mut out = String::new();
            push_text(&mut out, text, true, &QuerySecrets::Redacted);
            assert_eq!(out, left, "{text}");
        }
    }

    #[test]
    fn addresses_and_connection_strings_lose_their_secrets() {
        fn address(out: &mut String, text: &str) {
            push_address(out, text, &QuerySecrets::Redacted);
        }
        for (push, text, left) in [
            (address as fn(&mut String, &str), "user:secret@host:80", "host:80"),
            (address, "host", "host"),
            (address, "http://user:secret@host", "http://host"),
            (
                push_connection,
                "postgres://user:secret@host/db?password=secret",
                "postgres://host/db",
            ),
            (push_connection, "jdbc:sqlserver://host;password=secret", "jdbc:sqlserver://host"),
            (push_connection, "Server=host;Password=secret", ""),
        ] {
            let mut out = String::new();
            push(&mut out, text);
            assert_eq!(out, left, "{text}");
        }
    }

    #[test]
    fn many_urls_take_linear_time() {
        for piece in ["a://b:c ", "a://b:c@d ", "a://b@", "://", "a://b:c\n"] {
            let mut out = String::new();
            let text = piece.repeat(200_000);
            push_text(&mut out, &text, false, &QuerySecrets::Redacted);
            assert!(out.len() <= text.len());
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
            push_url(&mut out, &url, Query::Kept, &QuerySecrets::Redacted);
            assert!(
                out.starts_with(left) && !out.contains("se") && !out.contains("word"),
                "{left}"
            );
            assert_eq!(out.len() > MAX_VALUE, left != "http://");
            assert!(out.len() <= MAX_READ);
        }
    }
}
