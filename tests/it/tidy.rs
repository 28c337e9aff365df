//! Rules of the project that no compiler checks, as tests over its files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the crate.
pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The longest source file, in lines. One that is longer wants to be two.
const MAX_LINES: usize = 500;

/// The longest file of an example, in lines: what can be read without scrolling back.
const MAX_EXAMPLE_LINES: usize = 70;

/// The most crates that a user's build gets, ours not counted: SECURITY.md has the numbers.
const MAX_CRATES: usize = if cfg!(windows) { 92 } else { 89 };

/// Words that the code of a folder must not hold, and the folders that may all the same.
#[rustfmt::skip]
const WALLS: &[(&str, &[&str], &[&str])] = &[
    ("src/encoding", &["opentelemetry"],                        &[]),
    ("src/protocol", &["SpanData", "reqwest", "tokio", "opentelemetry_sdk"], &[]),
    ("src/delivery", &["SpanData", "opentelemetry_sdk::trace", "DatadogSampler"], &[]),
    ("src/mapping",  &["reqwest", "Vec<u8>"],                   &[]),
    ("src/datadog",  &["crate::"],                              &[]),
    ("src",          &["std::env"],                             &["src/config.rs", "src/config/", "src/delivery/tests.rs"]),
    ("src",          &["fs::"],                                 &["src/delivery/identity.rs", "src/delivery/tests.rs", "src/mapping/reference.rs", "src/propagation/tests.rs", "src/sampling/settings.rs"]),
    ("src",          &["global::"],                             &["src/delivery/metrics.rs"]),
    ("test-agent",   &["opentelemetry", "SpanData"],            &[]),
    ("test-agent/src", &["env::var"],                           &["test-agent/src/waterfall.rs"]),
];

#[test]
fn the_walls_between_the_stages_hold() {
    let mut found = Vec::new();
    for (folder, words, exceptions) in WALLS {
        let files = sources(folder);
        assert!(!files.is_empty(), "{folder} has moved");
        for (file, text) in files {
            if exceptions.iter().any(|exception| file.starts_with(exception)) {
                continue;
            }
            for (number, line) in text.lines().enumerate() {
                let hits = words.iter().filter(|word| code(line).contains(**word));
                found.extend(hits.map(|word| format!("{file}:{}: names `{word}`", number + 1)));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_folder_imports_in_a_circle() {
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in sources("src") {
        let from = room(&file["src/".len()..]).to_owned();
        let lines = text.lines().map(code).filter(|line| line.contains("use crate::"));
        let imports = lines.filter_map(|line| line.split("use crate::").nth(1)).map(room);
        let others = imports.filter(|to| *to != from && is_room(to)).map(str::to_owned);
        let others: Vec<_> = others.collect();
        graph.entry(from).or_default().extend(others);
    }
    assert!(graph["mapping"].contains("datadog"), "{graph:?}");
    // A room that imports no other one that is left is in no circle.
    while let Some(free) = graph.iter().find(|(_, others)| others.is_empty()) {
        let free = free.0.clone();
        graph.remove(&free);
        for others in graph.values_mut() {
            others.remove(&free);
        }
    }
    assert!(graph.is_empty(), "these import in a circle, or are imported by one: {graph:?}");
}

/// Returns the file or folder below `src` that a path begins with.
fn room(path: &str) -> &str {
    path.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or(path)
}

/// Returns true if `src` has a file or folder of this name; other imports are names that `lib.rs` exports.
fn is_room(name: &str) -> bool {
    let src = Path::new(ROOT).join("src");
    !name.is_empty() && (src.join(name).is_dir() || src.join(name).with_extension("rs").is_file())
}

#[test]
fn no_comment_begins_in_the_middle() {
    assert_eq!(
        begun_in_the_middle("/// Most bytes.\n// A key.\n// Who: it?\n\n//! What is\n// Which?"),
        [1, 5]
    );
    let found: Vec<_> = ["src", "test-agent", "tests", "benches", "examples", "fuzz"]
        .into_iter()
        .flat_map(sources)
        .flat_map(|(file, text)| {
            begun_in_the_middle(&text).into_iter().map(move |line| format!("{file}:{line}"))
        })
        .collect();
    assert!(found.is_empty(), "start with the noun or the verb:\n{}", found.join("\n"));
}

/// Returns the numbers of the lines at which a sentence of a comment begins without its subject. Questions may.
fn begun_in_the_middle(source: &str) -> Vec<usize> {
    const WORDS: [&str; 10] =
        ["How", "Most", "What", "Whatever", "When", "Where", "Whether", "Which", "Who", "Whoever"];
    let mut found = Vec::new();
    let mut before = "";
    for (number, line) in source.lines().enumerate() {
        let comment = line.trim_start().strip_prefix("//").unwrap_or("");
        let comment = comment.trim_start_matches(['/', '!']).trim();
        let word = comment.split(|c: char| !c.is_alphabetic()).next().unwrap_or("");
        let is_start = before.is_empty() || before.ends_with(['.', ':', '?']);
        let is_question = comment.ends_with('?') || comment.contains("? ");
        if is_start && WORDS.contains(&word) && !is_question {
            found.push(number + 1);
        }
        before = comment;
    }
    found
}

#[test]
fn no_source_file_is_too_long() {
    let long: Vec<_> = ["src", "test-agent/src"]
        .into_iter()
        .flat_map(sources)
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .collect();
    assert!(long.is_empty(), "longer than {MAX_LINES} lines: {long:?}");
}

#[test]
fn no_example_is_too_long() {
    let long: Vec<_> = sources("examples")
        .into_iter()
        .map(|(file, text)| (file, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_EXAMPLE_LINES)
        .collect();
    assert!(long.is_empty(), "longer than {MAX_EXAMPLE_LINES} lines: {long:?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    let folders = ["src", "tests/it", "examples", "test-agent"];
    let silent: Vec<_> = folders
        .into_iter()
        .flat_map(sources)
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(file, _)| file)
        .collect();
    assert!(silent.is_empty(), "no `//!` at the start: {silent:?}");
}

#[test]
fn the_settings_page_lists_exactly_the_variables_that_are_read() {
    let config = read("src/config/variables.rs");
    let (_, table) = config.split_once("const VARIABLES").expect("the table has moved");
    let (table, _) = table.split_once("];").unwrap();
    let page = read("src/docs/configuration.md");
    let rows = page.lines().filter(|line| line.starts_with('|')).collect::<String>();
    let (read, listed) = (variables(table), variables(&rows));
    assert!(read.len() > 5, "{read:?}");
    assert_eq!(read, listed, "left: src/config/variables.rs, right: src/docs/configuration.md");
}

/// Returns the names of variables in a text.
fn variables(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(|word| word.len() > 3 && word.starts_with("DD_"))
        .collect()
}

#[test]
fn this_version_has_a_changelog_entry() {
    let heading = concat!("## ", env!("CARGO_PKG_VERSION"));
    let changelog = read("CHANGELOG.md");
    let mut headings = changelog.lines().filter(|line| line.starts_with("## "));
    let first = headings.next().expect("no entry at all");
    let rest = first.strip_prefix(heading).unwrap_or("?");
    assert!(rest.is_empty() || rest.starts_with(' '), "the first entry is {first:?}");
}

#[test]
fn the_code_of_the_readme_is_code_that_is_compiled() {
    let readme = read("README.md");
    let blocks: Vec<_> = readme
        .split("```rust\n")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("```")?.0))
        .collect();
    let [tracing, provider, complete] = blocks[..] else { panic!("{blocks:?}") };
    let docs: String = read("src/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .filter(|line| !line.starts_with("# ") || line.starts_with("# For"))
        .flat_map(|line| [line, "\n"])
        .collect();
    for code in [tracing, provider] {
        assert!(docs.contains(code), "not in the docs of src/lib.rs:\n{code}");
    }
    let example = read("examples/complete.rs");
    let (_, body) = example.split_once("// snippet: complete\n").expect("a beginning");
    let (body, _) = body.split_once("    // end\n").expect("an end");
    assert_eq!(body.replace("\n    ", "\n").trim_start(), complete, "left: the example");
}

#[test]
fn a_users_build_stays_small_and_brings_no_tls() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "-p",
            "opentelemetry-datadog-agent",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--offline",
        ])
        .current_dir(ROOT)
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    // Name and version; behind them a path, `(proc-macro)` or the mark of a repetition.
    let crates: BTreeSet<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, rest)| (name, rest.split(' ').next().unwrap_or(rest)))
        .collect();
    let names: BTreeSet<_> = crates.iter().map(|(name, _)| *name).collect();
    assert!(names.contains("reqwest"), "{names:?}");
    assert!(crates.len() <= MAX_CRATES + 1, "{} crates: {names:?}", crates.len());
    for tls in ["rustls", "native-tls", "openssl", "openssl-sys", "ring", "aws-lc-rs"] {
        assert!(!names.contains(tls), "{tls} is in the tree");
    }
}

/// Returns the Rust files below a folder, each with its path from the root and its text.
pub(crate) fn sources(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = vec![Path::new(ROOT).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let short = path.strip_prefix(ROOT).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((short, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort_unstable();
    files
}

/// Returns the text of a file, with the line ends of Unix.
pub(crate) fn read(file: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(file)).unwrap().replace("\r\n", "\n")
}

/// Returns a line without its comment. A `//` after a colon is part of an address.
fn code(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// The pages whose tables name for each claim the test or the command that holds it.
const CLAIMS: [&str; 2] = ["SECURITY.md", "docs/claims.md"];

#[test]
fn each_claim_names_a_test_or_a_command_that_is_there() {
    let code: String = ["src", "tests", "test-agent"]
        .into_iter()
        .flat_map(sources)
        .map(|(_, text)| text)
        .collect();
    for page in CLAIMS {
        let text = read(page);
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| ")).collect();
        // A line of dashes follows the first one and begins otherwise.
        let (_, claims) = rows.split_first().expect("a table");
        assert!(claims.len() > 20, "{page}: only {} claims", claims.len());
        for claim in claims {
            let cells: Vec<_> = claim.trim_matches(['|', ' ']).split(" | ").collect();
            let names: Vec<_> = cells.last().unwrap().split('`').skip(1).step_by(2).collect();
            assert!(cells.len() > 1 && !names.is_empty(), "{page}: nothing holds {claim}");
            for name in names {
                assert!(is_there(name, &code), "{page}: there is no {name}");
            }
        }
    }
}

/// Returns true if a test of this name is in the code, or a path exists, or each path of a command does.
fn is_there(name: &str, code: &str) -> bool {
    let mut words = name.split(' ');
    let exists = |path: &str| Path::new(ROOT).join(path).exists();
    match words.next().unwrap_or("") {
        "bash" | "cargo" => words.filter(|word| word.contains('/')).all(exists),
        _ if name.contains('/') => exists(name),
        _ => code.contains(&format!("fn {name}(")),
    }
}
