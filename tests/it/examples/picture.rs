//! Lines of a picture without durations, bars and widths of columns, which differ from run to run.

/// The glyphs of a bar.
const BAR: &str = "█▏▎▍▌▋▊▉";
/// The units of a duration.
const UNITS: [&str; 4] = ["ns", "µs", "ms", "s"];

/// Returns the words of a line that are the same in each run.
pub(crate) fn plain_line(line: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for word in line.split_whitespace() {
        let is_time = kept.last().is_some_and(|last| last.parse::<f64>().is_ok());
        if is_time && UNITS.contains(&word) {
            kept.pop();
        } else if !word.chars().all(|glyph| BAR.contains(glyph)) {
            kept.push(word);
        }
    }
    kept.join(" ")
}
