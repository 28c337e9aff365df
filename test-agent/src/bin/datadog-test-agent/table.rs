//! Numbers under their names, as a text for people who look at a terminal.

use std::collections::BTreeMap;
use std::fmt;

/// The most names of a table. Others are counted together.
const ROWS_MAX: usize = 1_000;

/// The longest name, in characters.
const NAME_MAX: usize = 100;

/// The name that stands for all others once a table is full.
const OTHERS: &str = "(others)";

/// Two numbers for each name, under three headings.
pub(crate) struct Table {
    headings: [&'static str; 3],
    rows: BTreeMap<String, [usize; 2]>,
}

impl Table {
    pub(crate) fn new(headings: [&'static str; 3]) -> Self {
        Self { headings, rows: BTreeMap::new() }
    }

    /// Counts one under this name, and if it is bad, in the second column too.
    pub(crate) fn count(&mut self, name: &str, is_bad: bool) {
        let mut name = printable(&name.chars().take(NAME_MAX).collect::<String>());
        if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(&name) {
            OTHERS.clone_into(&mut name);
        }
        let [all, bad] = self.rows.entry(name).or_default();
        (*all, *bad) = (*all + 1, *bad + usize::from(is_bad));
    }

    /// Returns the sums of both columns.
    pub(crate) fn sums(&self) -> [usize; 2] {
        self.rows.values().fold([0; 2], |[all, bad], row| [all + row[0], bad + row[1]])
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [names, all, bad] = self.headings;
        let longest = self.rows.keys().map(|name| name.chars().count()).max();
        let width = longest.unwrap_or(0).max(names.len());
        write!(f, "{names:width$}  {all:>8}  {bad:>8}")?;
        for (name, [all, bad]) in &self.rows {
            write!(f, "\n{name:width$}  {all:>8}  {bad:>8}")?;
        }
        Ok(())
    }
}

/// Returns a text that cannot talk to the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_limit_are_counted_together() {
        let mut table = Table::new(["name", "all", "bad"]);
        for n in 0..2 * ROWS_MAX {
            table.count(&n.to_string(), n % 2 == 0);
        }
        assert_eq!(table.rows.len(), ROWS_MAX + 1);
        assert_eq!(table.rows[OTHERS], [ROWS_MAX, ROWS_MAX / 2]);
        assert_eq!(table.sums(), [2 * ROWS_MAX, ROWS_MAX]);
    }
}
