//! Commands of redis, valkey and memcached -> their names.
//!
//! The form is the Agent's: upper case, at most three, and a mark that there were more. Source:
//! `DataDog/datadog-agent`, `pkg/obfuscate/redis.go`.

use super::names;

/// The most commands that are named.
const MAX_COMMANDS: usize = 3;

/// Longest word that can be a command: what is longer is a key or a value.
const MAX_WORD: usize = 32;

/// The mark for more commands, or for a text that a client cut.
const MORE: &str = "...";

/// Commands of two words.
const COMPOUND: [&str; 6] = ["CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "SCRIPT"];

/// Appends the names of the commands, one a line; false if there are none.
pub(super) fn push(out: &mut String, text: &str) -> bool {
    let start = out.len();
    let (mut count, mut was_cut) = (0, false);
    let is_known = |word: &str| names::contains(word) || names::is_of_module(word);
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(command) = words.next() else { continue };
        if count == MAX_COMMANDS {
            break;
        }
        // A value may hold an end of line, and anything may stand in it: each word must be known.
        if !is_command(command) || !is_known(command) {
            was_cut = true;
            continue;
        }
        push_upper(out, start, command);
        if COMPOUND.iter().any(|known| known.eq_ignore_ascii_case(command)) {
            if let Some(second) = words.next().filter(|word| names::is_second(word)) {
                push_upper(out, start, second);
            }
        }
        count += 1;
        was_cut = false;
    }
    if count == MAX_COMMANDS || (was_cut && count > 0) {
        out.push(' ');
        out.push_str(MORE);
    }
    count > 0
}

/// Returns whether a text begins with a command and its first argument.
pub(super) fn looks_like_commands(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let is_known = |word| names::contains(word) || names::is_of_module(word);
    words.next().is_some_and(is_known) && words.next().is_some()
}

/// Returns whether a text is the HTTP method that is a command too, and a path.
pub(crate) fn is_route(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    words.next() == Some("GET")
        && words.next().is_some_and(|word| word.starts_with('/'))
        && words.next().is_none()
}

fn push_upper(out: &mut String, start: usize, word: &str) {
    if out.len() > start {
        out.push(' ');
    }
    out.extend(word.chars().map(|c| c.to_ascii_uppercase()));
}

/// Returns whether a word can be a command; a cut text ends in dots.
fn is_command(word: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphabetic() || b"._-".contains(&byte);
    let may_follow = |byte: u8| is_plain(byte) || byte.is_ascii_digit();
    word.len() <= MAX_WORD
        && !word.ends_with(MORE)
        && word.bytes().next().is_some_and(is_plain)
        && word.bytes().all(may_follow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_commands_are_left() {
        for (text, names) in [
            ("GET user:7", "GET"),
            ("set k 'secret'", "SET"),
            ("SET k v\nGET k", "SET GET"),
            ("client list id 7", "CLIENT LIST"),
            ("MULTI\nSET a 1\nEXEC\nGET b", "MULTI SET EXEC ..."),
            ("FT.SEARCH idx secret", "FT.SEARCH"),
            ("SET k v\nGE...", "SET ..."),
            ("\n  GET  a\n\n", "GET"),
            ("config 'secret'", "CONFIG"),
            ("client secret", "CLIENT"),
            ("AUTH secret", "AUTH"),
            ("HELLO 3 AUTH user secret", "HELLO"),
            ("ACL SETUSER user on >secret", "ACL"),
            ("'a\nsecret' b\nGET secret", "GET"),
            ("SET k one\nsecret two\nGET k", "SET GET"),
            ("SET k 'one\nclient secret'", "SET CLIENT"),
            ("MULTI\nconfig set a secret", "MULTI CONFIG SET"),
        ] {
            let mut out = String::new();
            assert!(push(&mut out, text), "{text}");
            assert_eq!(out, names, "{text}");
        }
    }

    #[test]
    fn text_without_a_command_is_refused() {
        for text in
            ["", "  \n", "'secret'", "secret 1", "7", "{\"a\":1}", "pass=word", &"k".repeat(33)]
        {
            assert!(!push(&mut String::new(), text), "{text}");
        }
    }
}
