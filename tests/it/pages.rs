//! The pages of `src/docs`: what they quote is what the source says.

use std::fs;
use std::path::Path;

/// The folder of the crate.
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_old_names_of_the_migration_guide_are_those_that_the_vectors_check() {
    let guide = names_hooks(&read("src/docs/from_opentelemetry_datadog.md"));
    let tested = names_hooks(&read("tests/it/vectors.rs"));
    assert_eq!(tested.len(), 1, "which of them is meant?");
    assert_eq!(guide.first(), tested.first(), "left: the guide, right: tests/it/vectors.rs");
}

/// Returns the lines of each `with_names` call in a text, without their indentation.
fn names_hooks(text: &str) -> Vec<Vec<String>> {
    let hook = |start: &str| {
        let lines = start.lines().map(|line| line.trim().to_owned());
        lines.take_while(|line| line != "})").collect()
    };
    text.split(".with_names(").skip(1).map(hook).collect()
}

#[test]
fn each_page_is_in_the_list_of_pages() {
    let list = read("src/docs.rs");
    for (file, text) in pages() {
        let name = file.trim_end_matches(".md");
        for entry in [format!("| [`{name}`] |"), format!("include_str!(\"docs/{file}\")")] {
            assert!(list.contains(&entry), "src/docs.rs has no {entry}");
        }
        let first = text.lines().next().unwrap_or("");
        assert!(first.ends_with('.') && !first.starts_with('#'), "{file} begins with: {first}");
    }
}

/// Returns the pages, each with its file name and its text.
fn pages() -> Vec<(String, String)> {
    let files = fs::read_dir(Path::new(ROOT).join("src/docs")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<_> = names
        .map(|name| {
            let text = read(&format!("src/docs/{name}"));
            (name, text)
        })
        .collect();
    assert!(!pages.is_empty());
    pages.sort_unstable();
    pages
}

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(file)).unwrap().replace("\r\n", "\n")
}
