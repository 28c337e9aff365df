//! The route in the name of an HTTP span.
//!
//! Instrumentation that has no attribute for the route often names the span after it: `GET /users/{id}`, and
//! with `HTTP` before it in actix. That name is the best resource there is. Only a template counts: a path
//! without a placeholder may be a raw one, with as many values as there are ids, and perhaps a secret.

/// Longest part of a route that may be a word. Routes have names; tokens are longer.
const MAX_WORD: usize = 40;
/// The most digits in a word, as in `v1beta1`. An id has more.
const MAX_DIGITS: usize = 3;

/// The characters that open and close a placeholder: `{id}`, `<id>`, `[id]`.
const BRACKETS: [(char, char); 3] = [('{', '}'), ('<', '>'), ('[', ']')];

/// Returns the route that the name of a span with this HTTP method holds.
///
/// The name is the route, or the method and the route with a blank between, or that after `HTTP `. A route
/// begins with `/`, and is `/` alone or has a placeholder: a part in brackets, or one that begins with `:` or
/// `*`. All its other parts are words: they begin with no digit, have few digits and are not long.
pub(super) fn of<'a>(span_name: &'a str, method: &str) -> Option<&'a str> {
    let name = span_name.strip_prefix("HTTP ").unwrap_or(span_name);
    let route = match name.split_once(' ') {
        Some((first, rest)) if first.eq_ignore_ascii_case(method) => rest,
        Some(_) => return None,
        None => name,
    };
    let parts = route.strip_prefix('/').filter(|_| !route.contains("//"))?;
    if parts.is_empty() {
        return Some(route);
    }
    let mut has_placeholder = false;
    for part in parts.split('/') {
        has_placeholder |= placeholders(part)? > 0;
    }
    has_placeholder.then_some(route)
}

/// Returns how many placeholders a part of a route has, or nothing if the rest of it is no word.
fn placeholders(part: &str) -> Option<usize> {
    if let Some(name) = part.strip_prefix('*') {
        let name = name.trim_start_matches('*');
        return (name.is_empty() || is_name(name)).then_some(1);
    }
    if let Some(rest) = part.strip_prefix(':') {
        let end = rest.find(|c: char| !is_in_name(c)).unwrap_or(rest.len());
        let (name, suffix) = rest.split_at(end);
        return (is_name(name) && is_word(suffix)).then_some(1);
    }
    let (mut count, mut rest) = (0, part);
    while let Some((word, open, close, after)) = split_at_bracket(rest) {
        let end = end_of_bracket(after, open, close)?;
        if !is_word(word) || !is_parameter(&after[..end]) {
            return None;
        }
        (count, rest) = (count + 1, &after[end + close.len_utf8()..]);
    }
    is_word(rest).then_some(count)
}

/// Splits a text at its first bracket: what stands before it, the pair, what stands behind it.
fn split_at_bracket(text: &str) -> Option<(&str, char, char, &str)> {
    let at = text.find(BRACKETS.map(|(open, _)| open))?;
    let (open, close) = BRACKETS.into_iter().find(|(open, _)| text[at..].starts_with(*open))?;
    Some((&text[..at], open, close, &text[at + open.len_utf8()..]))
}

/// Returns where a bracket ends that was opened before this text; a pattern in it may have some of its own.
fn end_of_bracket(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 1_usize;
    let end = text.char_indices().find(|(_, character)| {
        depth += usize::from(*character == open);
        depth -= usize::from(*character == close);
        depth == 0
    });
    end.map(|(at, _)| at)
}

/// Returns true if a text in brackets names a parameter: `id`, `*rest`, `path..`, or a name with a type or a pattern.
fn is_parameter(text: &str) -> bool {
    let name = text.trim_start_matches('*');
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    is_name(name.trim_end_matches('.'))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.len() <= MAX_WORD
        && text.chars().all(is_in_name)
        && text.bytes().filter(u8::is_ascii_digit).count() <= MAX_DIGITS
}

fn is_in_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Returns true if a part of a route is a word of its author, and no id.
fn is_word(text: &str) -> bool {
    text.len() <= MAX_WORD
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().filter(u8::is_ascii_digit).count() <= MAX_DIGITS
        && text.chars().all(|c| is_in_name(c) || "-.~".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_in_the_name_is_the_route() {
        for route in [
            "/",
            "/users/{id}",
            "/users/:id",
            "/users/<id>",
            "/users/<int:id>",
            "/users/[id]",
            "/users/{user_id}/orders/{order_id}/",
            "/api/v1/users/{id}",
            "/v1beta1/{name}",
            "/files/*",
            "/files/*path",
            "/files/{*path}",
            "/files/<path..>",
            "/{name}.json",
            "/{from}-{to}",
            r"/users/{id:\d{4}}",
            "/shop.Orders/{method}",
        ] {
            for name in
                ["GET ", "get ", "HTTP GET ", "HTTP ", ""].map(|before| before.to_owned() + route)
            {
                assert_eq!(of(&name, "GET"), Some(route), "{name}");
            }
        }
    }

    #[test]
    fn a_name_that_is_no_template_is_no_route() {
        for name in [
            "",
            "GET",
            "HTTP GET",
            "GET ",
            "POST /users/{id}",
            "GET users/{id}",
            "GET  /users/{id}",
            "GET /users/{id} HTTP/1.1",
            "fetch /users/{id}",
            "/users",
            "GET /health",
            "GET /users/42",
            "GET /users/42/orders/{id}",
            "GET /u/alice",
            "GET /users/{id}?token=SECRET",
            "GET /users/{id}#top",
            "GET https://shop/users/{id}",
            "GET //shop/users/{id}",
            "GET /a@b.c/{id}",
            "GET /{550e8400-e29b-41d4-a716-446655440000}",
            "GET /{abe84000-e29b-41d4-a716-446655440000}",
            "GET /9f2b833506aa6973/{id}",
            "GET /af2b833506aa6973/{id}",
            "GET /v1/models/{name}:predict",
            r#"GET /{"a":1}"#,
            "GET /users/{id",
            "GET /users/{}",
            "GET /users/:",
            "GET /a=b/{id}",
            "GET /a%20b/{id}",
            "GET /üser/{id}",
        ] {
            assert_eq!(of(name, "GET"), None, "{name}");
        }
    }
}
