//! Vectors of secrets in queries, and of queries without any.

use super::*;

/// Returns a text without its secrets.
fn shown(text: &str, bounds: Bounds) -> String {
    let (mut out, mut walk) = (String::new(), Walk::new(bounds));
    let found = walk.push(&mut out, text);
    assert_eq!(found, out != text, "{text}");
    out
}

#[test]
fn each_alternative_is_found_in_a_query() {
    let github = format!("q=ghp_{}", "a1".repeat(18));
    let ssh = format!("k=ssh-rsa%20{}==%20me-1&b=2", "Ab/+".repeat(30));
    for (query, left) in [
        ("token=x&q=1&api_key=y", "<redacted>&q=1&<redacted>"),
        ("access_token=x&sig=y", "access_<redacted>&<redacted>"),
        ("xtoken=1", "x<redacted>"),
        ("old_password2%3Dx%20y&b", "<redacted>&b"),
        ("new-pwd=x", "<redacted>"),
        ("my_passwd1=x", "my_<redacted>"),
        ("pass_phrase=x&pass=y&passes=z", "<redacted>&<redacted>&passes=z"),
        ("APPLICATION_KEY_ID=x&publickey=y", "<redacted>&<redacted>"),
        ("consumer-id=x&consumersecret=y", "<redacted>&<redacted>"),
        (
            "AWSAccessKeyId=x&Signature=y&X-Goog-Signature=z",
            "AWS<redacted>&<redacted>&X-Goog-<redacted>",
        ),
        (
            "sign=x&signed=y&auth=z&authorization%20=a",
            "<redacted>&<redacted>&<redacted>&<redacted>",
        ),
        (r#"d={"token":"x","a":"b"}"#, r#"d={<redacted>,"a":"b"}"#),
        ("d=%7B%22secret%22%20%3A%20%22x%27y%22%7D", "d=%7B<redacted>%7D"),
        (r#"d={"token":"x"#, "d={<redacted>"),
        ("h=Bearer%20a.b-c&b=1", "h=<redacted>&b=1"),
        ("h=bearer+a/b==&b=1", "h=<redacted>&b=1"),
        ("q=token:abcdefghijklm&b", "q=<redacted>&b"),
        ("q=token%3Aabcdefghijklmnop", "q=<redacted>"),
        (&github, "q=<redacted>"),
        ("j=eyJhbGci.eyJzdWIi.c2ln-_&b", "j=<redacted>&b"),
        ("j=%22eyJhbGci.eyJzdWIi%22", "j=%22<redacted>%22"),
        ("eyJhbGci%3D.eyJzdWIi", "<redacted>"),
        (
            "k=-----BEGIN%20RSA%20PRIVATE%20KEY-----MIIx-----END%20RSA%20PRIVATE%20KEY-----%0A&b",
            "k=<redacted>&b",
        ),
        ("k=-----BEGIN+PRIVATE+KEY-----MII-x&b", "k=<redacted>"),
        (&ssh, "k=<redacted>&b=2"),
    ] {
        assert_eq!(shown(query, Bounds::Query), left, "{query}");
        let url = format!("https://host/a?{query}");
        let left = format!("https://host/a?{left}");
        assert_eq!(shown(&url, Bounds::Url), left);
        let text = shown(&format!("see {url} now"), Bounds::Word);
        assert!(text.starts_with(&format!("see {left}")), "{text}");
    }
}

#[test]
fn a_query_without_a_secret_stays() {
    let almost = format!("q=ghp_{}&k=ssh-rsa+{}", "a".repeat(35), "b".repeat(99));
    for query in [
        "",
        "q=1&page=2",
        "token=&q=1",
        "token",
        "tokens=5",
        "keyword=secret",
        "authors=a&passenger=b&key=c",
        "token:abcdefghijkl",
        "bearer=",
        "bearer%20",
        "q=xeyJhbGci.eyJzdWIi",
        "q=eyXhbGci.eyJzdWIi",
        "q=eyJhbGci",
        r#""token":"""#,
        "-----BEGIN CERTIFICATE-----MII",
        "é=ü&%",
        &almost,
    ] {
        for bounds in [Bounds::Query, Bounds::Url, Bounds::Word] {
            assert_eq!(shown(query, bounds), query);
            let url = format!("/path?{query}");
            assert_eq!(shown(&url, bounds), url);
        }
    }
}

#[test]
fn a_url_in_a_text_ends_with_its_word() {
    for (text, left) in [
        ("GET /a?token=x 500", "GET /a?<redacted> 500"),
        ("url (http://h/a?token=x&b=1): timed out", "url (http://h/a?<redacted>&b=1): timed out"),
        (r#"{"url":"/a?token=x","code":5}"#, r#"{"url":"/a?<redacted>","code":5}"#),
        (r#"/a?token="x y"&b"#, "/a?<redacted>&b"),
        ("/a?auth=Bearer x y", "/a?<redacted> y"),
        ("/a?b#access_token=x then", "/a?b#access_<redacted> then"),
        ("is it? token=x", "is it? token=x"),
        ("token=x", "token=x"),
        ("what?/token= x", "what?/token= x"),
    ] {
        assert_eq!(shown(text, Bounds::Word), left, "{text}");
    }
}

#[test]
fn a_secret_may_go_on_in_the_next_piece() {
    let (mut out, mut walk) = (String::new(), Walk::new(Bounds::Url));
    for piece in ["/a?token=http://", "host/b", "&c=1"] {
        walk.push(&mut out, piece);
    }
    assert_eq!(out, "/a?<redacted>&c=1");
}

#[test]
fn a_function_of_the_user_gets_each_query() {
    let own: RedactQuery = Arc::new(|query| match query {
        "panic" => std::panic::panic_any("expected: the function of this test panics"),
        query => query.replace("pin", "***").into(),
    });
    for (bounds, text, left) in [
        (Bounds::Url, "/pin?pin=1#pin", "/pin?***=1#pin"),
        (Bounds::Query, "pin=1", "***=1"),
        (Bounds::Word, "GET /pin?pin=1 pin /?pin", "GET /pin?***=1 pin /?***"),
        (Bounds::Word, "pin", "pin"),
        (Bounds::Url, "/a?panic", "/a?<redacted>"),
    ] {
        let mut out = String::new();
        push_own(&mut out, text, bounds, &own);
        assert_eq!(out, left, "{text}");
    }
}

#[test]
fn long_queries_take_linear_time() {
    for piece in [
        "token ",
        "token%20",
        "\"token\":\"",
        "eyJ%3D",
        "=eyJa.eyJ",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ",
        "ecdsa-",
        "bearer ",
        "ghp_",
        "pass",
        "?",
        "?token=x ",
        "/?auth=bearer ",
        "secret_",
    ] {
        let text = format!("?{}", piece.repeat(100_000 / piece.len()));
        for bounds in [Bounds::Query, Bounds::Url, Bounds::Word] {
            let (mut out, mut walk) = (String::new(), Walk::new(bounds));
            walk.push(&mut out, &text);
            assert!(out.len() <= 4 * text.len());
        }
    }
}
