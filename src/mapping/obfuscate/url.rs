//! URLs -> the same URLs without user name and password, and without the query string where it is not wanted.

/// What becomes of the query string of a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Query {
    /// It stays.
    #[default]
    Kept,
    /// It goes, the fragment behind it too.
    Removed,
}

/// Appends a URL. What stands before an `@` in its authority is never passed on.
pub(crate) fn push_url(out: &mut String, url: &str, query: Query) {
    let end = match query {
        Query::Kept => url.len(),
        Query::Removed => url.find(['?', '#']).unwrap_or(url.len()),
    };
    let url = &url[..end];
    let Some(start) = authority(url) else { return out.push_str(url) };
    let rest = &url[start..];
    let length = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    match rest[..length].rfind('@') {
        Some(at) => {
            out.push_str(&url[..start]);
            out.push_str(&rest[at + 1..]);
        }
        None => out.push_str(url),
    }
}

/// Returns where the authority of a URL begins, if it has one.
fn authority(url: &str) -> Option<usize> {
    match url.find("//")? {
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
            ("", "", ""),
        ] {
            for (query, left) in [(Query::Kept, kept), (Query::Removed, removed)] {
                let mut out = String::new();
                push_url(&mut out, url, query);
                assert_eq!(out, left, "{url}");
            }
        }
    }
}
