//! The pictures in `docs`: made by `docs/pictures.sh`, and still what the examples print.

use std::process::Stdio;

use super::command;
use super::picture::plain_line;

/// The picture of the quickstart's output.
pub(super) const QUICKSTART: &str = include_str!("../../../docs/quickstart.svg");

/// Returns the lines of a picture, as far as they are the same in each run.
pub(super) fn lines(svg: &str) -> Vec<String> {
    let lines = svg.split("<text").skip(1).map(|line| {
        let pieces = line.split('<').filter_map(|piece| piece.strip_prefix("tspan"));
        let pieces = pieces.filter_map(|piece| Some(piece.split_once('>')?.1));
        plain_line(&pieces.collect::<Vec<_>>().join(" "))
    });
    lines.filter(|line| !line.is_empty() && !line.starts_with("trace ")).collect()
}

#[test]
fn the_picture_of_the_quickstart_shows_what_it_prints() {
    let mut quickstart = command("quickstart")
        .env("CLICOLOR_FORCE", "1")
        .env("DD_TRACE_AGENT_URL", "http://127.0.0.1:1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let made = command("terminal_svg").stdin(quickstart.stdout.take().unwrap()).output().unwrap();
    assert!(quickstart.wait().unwrap().success() && made.status.success());
    let made = String::from_utf8(made.stdout).unwrap();
    assert!(made.starts_with("<svg ") && made.ends_with("</svg>\n"), "{made}");
    assert!(made.contains("<tspan class='c31' ") && made.contains("ERROR card declined"), "{made}");
    assert_eq!(lines(&made), lines(QUICKSTART), "docs/pictures.sh makes it anew");
}
