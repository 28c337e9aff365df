//! Keeps the tables of the page `src/docs/mapping.md` equal to those of the code.
//!
//! After a change of a table, `GOLDEN=write cargo test --lib reference` writes the page anew: read the
//! difference before it is committed.

use super::normalize::{CUT_MARK, MAX_KEY, MAX_NAME, MAX_RESOURCE, MAX_VALUE};
use super::{attributes, drivers, errors, naming, systems};

/// The page.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/docs/mapping.md");

/// The text before a table in the page: this, the name of the table, and [`NAME_END`].
const BEGIN: &str = "<!-- table: ";
/// See [`BEGIN`].
const NAME_END: &str = " -->\n";
/// The text after a table in the page.
const END: &str = "<!-- end -->";

/// Returns the tables by the names that the page calls them.
fn tables() -> [(&'static str, String); 14] {
    [
        ("concepts", naming::reference::concepts()),
        ("operations", naming::reference::operations()),
        ("resources", naming::reference::resources()),
        ("types", naming::reference::types()),
        ("systems", systems::reference()),
        ("errors", errors::reference::errors()),
        ("error words", errors::reference::words()),
        ("removed", attributes::reference::removed()),
        ("renamed", attributes::reference::renamed()),
        ("statements", attributes::reference::statements()),
        ("drivers", drivers::reference()),
        ("read", attributes::reference::read()),
        ("owned", attributes::reference::owned()),
        ("limits", limits()),
    ]
}

fn limits() -> String {
    let row = |what: &str, limit: usize, cut: String| [what.to_owned(), limit.to_string(), cut];
    let marked = format!("is cut and ends with `{CUT_MARK}`");
    table(
        ["what", "most bytes", "a longer one"],
        [
            row("service, operation name, type", MAX_NAME, "is cut".to_owned()),
            row("resource", MAX_RESOURCE, "is cut".to_owned()),
            row("key of a tag or a number", MAX_KEY, marked.clone()),
            row("text of a tag", MAX_VALUE, marked),
        ],
    )
}

/// Returns a table as Markdown.
pub(super) fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut lines = vec![format!("| {} |\n", head.join(" | ")), "|---".repeat(N) + "|\n"];
    lines.extend(rows.into_iter().map(|row| format!("| {} |\n", row.join(" | "))));
    lines.concat()
}

/// Returns a text as code in Markdown.
pub(super) fn code(text: &str) -> String {
    format!("`{text}`")
}

#[test]
fn the_page_shows_the_tables_of_the_code() {
    let page = std::fs::read_to_string(FILE).unwrap().replace("\r\n", "\n");
    let mut expected = page.clone();
    for (name, table) in tables() {
        let begin = format!("{BEGIN}{name}{NAME_END}");
        let (before, rest) = expected.split_once(&begin).expect(&begin);
        let (_, after) = rest.split_once(END).expect(name);
        expected = format!("{before}{begin}\n{table}\n{END}{after}");
    }
    assert_eq!(expected.matches(BEGIN).count(), tables().len(), "the page has a table of its own");
    if option_env!("GOLDEN") == Some("write") {
        std::fs::write(FILE, &expected).unwrap();
    } else {
        assert!(
            page == expected,
            "GOLDEN=write cargo test --lib reference; it is now:\n{expected}"
        );
    }
}
