//! Golden lists: the drawings on the page, and every tag in `golden/`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::arrived::Traces;

/// The page, whose drawings are golden lists too.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/docs/frameworks.md");

/// Returns the number of spans that a framework makes.
pub(crate) fn span_count(framework: &str) -> usize {
    let page = fs::read_to_string(PAGE).unwrap_or_default();
    drawing(&page, framework)
        .map_or(0, |(_, text)| text.lines().filter(|line| !line.is_empty()).count())
}

/// Compares what arrived with the page and the list, or writes both anew.
pub(crate) fn compare(framework: &str, traces: &Traces, is_update: bool) -> Vec<String> {
    let page = fs::read_to_string(PAGE).expect("the page");
    let list = list_of(framework);
    let Some((at, drawn)) = drawing(&page, framework) else {
        return vec![format!("the page has no drawing of {framework}")];
    };
    let listed = fs::read_to_string(&list).unwrap_or_default();
    let got = [traces.drawn(), traces.listed()];
    if is_update {
        fs::write(PAGE, format!("{}{}{}", &page[..at], got[0], &page[at + drawn.len()..]))
            .expect("the page");
        fs::write(&list, &got[1]).expect("the list");
        return Vec::new();
    }
    let mut faults = difference("src/docs/frameworks.md", drawn, &got[0]);
    faults.extend(difference(&list.display().to_string(), &listed, &got[1]));
    faults
}

/// Returns the lines that only one of two texts has.
fn difference(name: &str, wanted: &str, got: &str) -> Vec<String> {
    if wanted == got {
        return Vec::new();
    }
    let only = |mark: char, text: &str, other: &str| -> Vec<String> {
        let other: Vec<_> = other.lines().collect();
        let lines = text.lines().filter(|line| !other.contains(line));
        lines.map(|line| format!("{mark} {line}")).collect()
    };
    let mut lines = vec![format!(
        "not as in {name} (- wanted, + got; lines that are elsewhere are not shown):"
    )];
    lines.extend(only('-', wanted, got));
    lines.extend(only('+', got, wanted));
    lines
}

/// Returns the text between the marks of a framework's drawing, with its place on the page.
fn drawing<'a>(page: &'a str, framework: &str) -> Option<(usize, &'a str)> {
    let mark = format!("<!-- arrives: {framework} -->\n\n```text\n");
    let at = page.find(&mark)? + mark.len();
    let end = page[at..].find("```\n")?;
    Some((at, &page[at..at + end]))
}

fn list_of(framework: &str) -> PathBuf {
    let file = format!("golden/{}.txt", framework.replace(' ', "-"));
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}
