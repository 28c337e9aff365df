//! Makes an SVG of what a program prints in a terminal, with its colours.
//!
//! `CLICOLOR_FORCE=1 cargo run --example quickstart | cargo run --example terminal_svg > quickstart.svg`
//!
//! Each text is as wide as its cells in any font, and the background is its own: for light and dark pages.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::io;

/// The width of a cell, the height of a line, and the margin around all, in pixels.
const SIZES: [usize; 3] = [8, 18, 16];

/// Colours by their code in the terminal: bold, dim, red, green, yellow, blue, magenta, cyan.
const STYLE: &str = "rect{fill:#14161b}text{font:13px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;\
    fill:#d7dae0;white-space:pre}.c1{fill:#fff;font-weight:bold}.c2{fill:#8b919d}.c31{fill:#ff6b68}\
    .c32{fill:#7bd88f}.c33{fill:#e8c266}.c34{fill:#7aa8ff}.c35{fill:#d59bf6}.c36{fill:#56c8d8}";

fn main() -> io::Result<()> {
    let [cell, line, margin] = SIZES;
    let text = io::read_to_string(io::stdin())?;
    let lines: Vec<_> = text.trim().lines().map(pieces).collect();
    let ends = lines.iter().flatten().map(|(_, column, piece)| column + piece.chars().count());
    let width = ends.max().unwrap_or(0) * cell + 2 * margin;
    let height = lines.len() * line + 2 * margin;
    println!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width}' viewBox='0 0 {width} {height}'>"
    );
    println!("<style>{STYLE}</style><rect width='100%' height='100%' rx='8'/>");
    for (row, pieces) in lines.iter().enumerate() {
        println!("<text y='{}'>", margin + line * row + line * 3 / 4);
        for (code, column, piece) in pieces {
            let (x, length) = (margin + column * cell, piece.chars().count() * cell);
            let piece = piece.replace('&', "&amp;").replace('<', "&lt;");
            let place = format!("x='{x}' textLength='{length}' lengthAdjust='spacingAndGlyphs'");
            println!("<tspan class='c{code}' {place}>{piece}</tspan>");
        }
        println!("</text>");
    }
    println!("</svg>");
    Ok(())
}

/// Returns the texts of a line between colours and wide gaps, each with its colour's code and its column.
fn pieces(line: &str) -> Vec<(&str, usize, &str)> {
    let (mut pieces, mut column) = (Vec::new(), 0);
    for (nth, part) in line.split("\x1b[").enumerate() {
        let colored = if nth > 0 { part.split_once('m') } else { None };
        let (code, text) = colored.unwrap_or(("0", part));
        for piece in text.split_inclusive("  ") {
            let shown = piece.trim_start();
            let start = column + piece.chars().count() - shown.chars().count();
            if !shown.is_empty() {
                pieces.push((code, start, shown.trim_end()));
            }
            column += piece.chars().count();
        }
    }
    pieces
}
