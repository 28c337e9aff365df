//! Traces as a picture for people: the tree on the left, the time on the right.
//!
//! Columns are as wide as their content, then the widest give way until a line fits. Every span is
//! printed exactly once, whatever the parent ids say: a span whose parent is missing stands at the
//! top, and a cycle is opened at its earliest span. Widths count characters, not what a terminal
//! makes of wide ones.
use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Write};
use std::io::IsTerminal;

use super::span::{ReceivedSpan, trace_id_high};

/// The longest line, in characters.
const LINE_MAX: usize = 120;
/// The shortest line that a picture fits into, in characters.
const LINE_MIN: usize = 72;
/// The width of the time scale, in cells.
const BAR_CELLS: usize = 24;
/// The width of the time scale where lines are shorter than the longest, in cells.
const NARROW_BAR_CELLS: usize = 12;
/// The steps within one cell of a bar.
const STEPS: usize = 8;
/// A cell filled by no to seven eighths.
const PARTIAL: [char; STEPS] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
/// The gap between two columns, in characters.
const GAP: usize = 2;
/// The indentation that is drawn; deeper levels lose their outermost lines.
const INDENT_MAX: usize = 24;

/// The tags that tell what went wrong, the best first.
const ERROR_TAGS: [&str; 3] = ["error.message", "error.msg", "error.type"];

/// The colours that tell services apart, as ANSI codes.
const SERVICE_COLORS: [&str; 5] = ["36", "32", "35", "34", "33"];
const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";

/// The columns that give way when a line is too long, in this order, with the width that each keeps.
const SHRINKABLE: [(usize, usize); 12] = [
    (RESOURCE, 20),
    (ERROR, 24),
    (NAME, 28),
    (RESOURCE, 14),
    (SERVICE, 10),
    (KIND, 6),
    (ERROR, 19),
    (NAME, 20),
    (RESOURCE, 10),
    (KIND, 0),
    (ERROR, 12),
    (NAME, 12),
];
const NAME: usize = 0;
const RESOURCE: usize = 1;
const SERVICE: usize = 2;
const KIND: usize = 3;
const DURATION: usize = 4;
const ERROR: usize = 5;
const COLUMNS: usize = 6;

/// Traces as a text for people: a line per span, as a tree, with bars for the time.
///
/// Made by [`TestAgent::waterfall`](super::TestAgent::waterfall). No line is longer than 120
/// characters, or than a terminal is wide, down to 72.
///
/// # Examples
///
/// ```
/// use datadog_test_agent::{ReceivedSpan, Waterfall};
///
/// let span = ReceivedSpan {
///     name: "web.request".to_owned(),
///     resource: "GET /".to_owned(),
///     service: "shop".to_owned(),
///     duration: 5_000_000,
///     ..ReceivedSpan::default()
/// };
/// let text = Waterfall::new(vec![vec![span]]).to_string();
/// assert!(text.contains("web.request  GET /  shop"));
/// assert!(text.contains("5.00 ms"));
/// ```
#[derive(Clone, Debug)]
pub struct Waterfall {
    traces: Vec<Vec<ReceivedSpan>>,
    colors: bool,
    /// The longest line, in characters.
    width: usize,
}

impl Waterfall {
    /// Returns the picture of these traces, each a list of spans in any order, without colours.
    pub fn new(traces: Vec<Vec<ReceivedSpan>>) -> Self {
        Self { traces, colors: false, width: LINE_MAX }
    }

    /// Returns the picture as wide as the terminal, and in colours if standard output is a terminal and the
    /// environment variable `NO_COLOR` is not set, or if `CLICOLOR_FORCE` is set and not `0`.
    pub fn for_stdout(traces: Vec<Vec<ReceivedSpan>>) -> Self {
        let value = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let is_usual = std::io::stdout().is_terminal() && value("NO_COLOR").is_none();
        let is_forced = value("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let width = terminal_size::terminal_size().map_or(LINE_MAX, |(width, _)| width.0.into());
        Self::new(traces).with_colors(is_usual || is_forced).with_width(width)
    }

    /// Sets the longest line, in characters, between 72 and 120.
    #[must_use]
    pub fn with_width(mut self, width: usize) -> Self {
        self.width = width.clamp(LINE_MIN, LINE_MAX);
        self
    }

    /// Returns the width of the time scale, in cells.
    fn bar_cells(&self) -> usize {
        if self.width < LINE_MAX { NARROW_BAR_CELLS } else { BAR_CELLS }
    }

    /// Sets whether the text has ANSI colours: one per service, and red for errors.
    #[must_use]
    pub fn with_colors(mut self, colors: bool) -> Self {
        self.colors = colors;
        self
    }

    /// Wraps a text in a colour, if there are colours.
    fn paint(&self, color: &str, text: &str) -> String {
        if self.colors && !text.is_empty() {
            format!("\x1b[{color}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn trace(&self, spans: &[ReceivedSpan], out: &mut String) {
        let rows: Vec<Row> =
            tree(spans).into_iter().map(|(span, indent)| Row::new(&spans[span], &indent)).collect();
        let scale = Scale::of(spans, self.bar_cells());
        let mut services = Vec::new();
        for row in &rows {
            if !services.contains(&row.cells[SERVICE]) {
                services.push(row.cells[SERVICE].clone());
            }
        }
        self.header(spans, &services, &scale, out);
        let widths = widths(&rows, self.width - scale.cells);
        for row in &rows {
            let service = services.iter().position(|service| *service == row.cells[SERVICE]);
            let color = SERVICE_COLORS[service.unwrap_or(0) % SERVICE_COLORS.len()];
            self.row(row, &widths, color, &scale, out);
        }
    }

    fn header(&self, spans: &[ReceivedSpan], services: &[String], scale: &Scale, out: &mut String) {
        let high = trace_id_high(spans).unwrap_or(0);
        let low = spans.first().map_or(0, |span| span.trace_id);
        let count =
            if spans.len() == 1 { "1 span".to_owned() } else { format!("{} spans", spans.len()) };
        let id = format!("trace {high:016x}{low:016x}");
        let length = duration(scale.length);
        let room = self.width.saturating_sub(id.len() + count.len() + length.len() + 3 * 3);
        let facts = [count, cut(&services.join(", "), room), length];
        out.push_str(&self.paint(BOLD, &id));
        for fact in facts.iter().filter(|fact| !fact.is_empty()) {
            out.push_str(&self.paint(DIM, " · "));
            out.push_str(fact);
        }
        out.push('\n');
    }

    fn row(
        &self,
        row: &Row,
        widths: &[usize; COLUMNS],
        color: &str,
        scale: &Scale,
        out: &mut String,
    ) {
        let color = if row.failed { RED } else { color };
        let mut line = String::new();
        for column in [NAME, RESOURCE, SERVICE, KIND] {
            if widths[column] == 0 {
                continue;
            }
            let text = cut(&row.cells[column], widths[column]);
            let gap = widths[column] - text.chars().count() + GAP;
            let painted = match column {
                NAME => {
                    let (tree, name) = text.split_at(row.indent.min(text.len()));
                    format!(
                        "{}{}",
                        self.paint(DIM, tree),
                        self.paint(if row.failed { RED } else { BOLD }, name)
                    )
                }
                SERVICE => self.paint(color, &text),
                KIND => self.paint(DIM, &text),
                _ => text,
            };
            let _ = write!(line, "{painted}{:gap$}", "");
        }
        let _ = write!(line, "{:>1$}{2:3$}", row.cells[DURATION], widths[DURATION], "", GAP);
        let bar = scale.bar(row.start, row.duration);
        let used = bar.chars().count();
        line.push_str(&self.paint(color, &bar));
        if row.failed {
            let _ = write!(line, "{:1$}", "", scale.cells - used + GAP);
            line.push_str(&self.paint(RED, &cut(&row.cells[ERROR], widths[ERROR])));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

impl fmt::Display for Waterfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for trace in self.traces.iter().filter(|trace| !trace.is_empty()) {
            if !text.is_empty() {
                text.push('\n');
            }
            self.trace(trace, &mut text);
        }
        if text.is_empty() {
            text.push_str("no traces\n");
        }
        f.write_str(text.trim_end())
    }
}

/// One line: its texts, and where its bar stands.
struct Row {
    cells: [String; COLUMNS],
    /// The length of the tree glyphs before the name, in bytes.
    indent: usize,
    failed: bool,
    start: i64,
    duration: i64,
}

impl Row {
    fn new(span: &ReceivedSpan, indent: &str) -> Self {
        let mut cells: [String; COLUMNS] = Default::default();
        cells[NAME] = format!("{indent}{}", printable(&span.name));
        cells[RESOURCE] = printable(&span.resource);
        cells[SERVICE] = printable(&span.service);
        cells[KIND] = printable(&span.span_type);
        cells[DURATION] = duration(span.duration);
        if span.error != 0 {
            let message = ERROR_TAGS.iter().find_map(|key| span.meta.get(*key));
            cells[ERROR] = printable(&format!("ERROR {}", message.map_or("", String::as_str)));
        }
        Self {
            cells,
            indent: indent.len(),
            failed: span.error != 0,
            start: span.start,
            duration: span.duration.max(0),
        }
    }
}

/// Returns the text in one line: white space and control characters become single spaces, so that
/// a tag can neither break a line nor talk to the terminal.
fn printable(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Returns the text in at most `width` characters.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// Returns the widths of the columns, such that they fit beside the time scale.
fn widths(rows: &[Row], room: usize) -> [usize; COLUMNS] {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(&row.cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let gaps = GAP * widths.iter().filter(|width| **width > 0).count();
    let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(room);
    for (column, kept) in SHRINKABLE {
        let given = widths[column].saturating_sub(kept).min(excess);
        widths[column] -= given;
        excess -= given;
    }
    widths
}

/// Returns a duration of nanoseconds with three significant digits.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
fn duration(nanoseconds: i64) -> String {
    const UNITS: [(i64, &str); 3] = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")];
    if nanoseconds < 0 {
        return "<0 ns".to_owned();
    }
    let Some((unit, name)) = UNITS.into_iter().find(|(unit, _)| nanoseconds >= *unit) else {
        return format!("{nanoseconds} ns");
    };
    let value = nanoseconds as f64 / unit as f64;
    let digits = match value {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {name}")
}

/// The time that the bars of one trace share.
struct Scale {
    start: i64,
    length: i64,
    /// The width, in cells.
    cells: usize,
}

impl Scale {
    fn of(spans: &[ReceivedSpan], cells: usize) -> Self {
        let start = spans.iter().map(|span| span.start).min().unwrap_or(0);
        let end = spans.iter().map(ReceivedSpan::end).max().unwrap_or(0);
        Self { start, length: end.saturating_sub(start), cells }
    }

    /// Returns how many steps of `steps` a time is.
    fn steps(&self, time: i64, steps: usize) -> usize {
        let steps = i128::try_from(steps).unwrap_or(0);
        let length = i128::from(self.length.max(1));
        let scaled = (i128::from(time) * steps * 2 + length) / (length * 2);
        usize::try_from(scaled.clamp(0, steps)).unwrap_or(0)
    }

    /// Returns the bar of a span: blank up to its start, then filled, at least one step.
    fn bar(&self, start: i64, length: i64) -> String {
        let filled = self.steps(length, self.cells * STEPS).max(1);
        let cells = filled.div_ceil(STEPS);
        let offset =
            self.steps(start.saturating_sub(self.start), self.cells).min(self.cells - cells);
        let mut bar = " ".repeat(offset);
        bar.push_str(&"█".repeat(filled / STEPS));
        if filled % STEPS > 0 {
            bar.push(PARTIAL[filled % STEPS]);
        }
        bar
    }
}

/// Returns the spans in the order of the tree, each with the glyphs before its name.
fn tree(spans: &[ReceivedSpan]) -> Vec<(usize, String)> {
    let mut places = HashMap::new();
    for (place, span) in spans.iter().enumerate() {
        places.entry(span.span_id).or_insert(place);
    }
    // Before all others, the spans without a parent here; then whatever a cycle hides from them.
    let parent = |place: usize| {
        places.get(&spans[place].parent_id).copied().filter(|parent| *parent != place)
    };
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); spans.len()];
    let mut by_start: Vec<usize> = (0..spans.len()).collect();
    by_start.sort_by_key(|place| spans[*place].start);
    for &place in &by_start {
        if let Some(parent) = parent(place) {
            children[parent].push(place);
        }
    }
    let mut left: BTreeSet<usize> = (0..spans.len()).collect();
    let mut lines = Vec::with_capacity(spans.len());
    let tops = by_start.iter().filter(|place| parent(**place).is_none());
    for &top in tops.chain(&by_start) {
        branch(top, &children, &mut left, &mut lines);
    }
    lines
}

/// Appends a span and all below it that were not printed yet.
fn branch(
    top: usize,
    children: &[Vec<usize>],
    left: &mut BTreeSet<usize>,
    lines: &mut Vec<(usize, String)>,
) {
    if !left.remove(&top) {
        return;
    }
    let mut pending = vec![(top, String::new(), String::new())];
    while let Some((place, glyphs, below)) = pending.pop() {
        lines.push((place, glyphs));
        // Taken out now, so that no other path reaches them.
        let fresh: Vec<usize> =
            children[place].iter().copied().filter(|child| left.remove(child)).collect();
        for (n, child) in fresh.iter().rev().enumerate() {
            let (corner, line) = if n == 0 { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            pending.push((*child, innermost(&below, corner), innermost(&below, line)));
        }
    }
}

/// Returns the indentation with one more level, without the outermost ones where it is too wide.
fn innermost(indent: &str, level: &str) -> String {
    let deeper = format!("{indent}{level}");
    let surplus = deeper.chars().count().saturating_sub(INDENT_MAX);
    deeper.chars().skip(surplus).collect()
}
