//! Writes the value of the `dd` member: 256 bytes at most, what does not fit is skipped.

use std::fmt::Write as _;

use super::context::TraceContext;
use crate::datadog::state::{CallerText, ORIGIN_ITEM, PARENT_ITEM, PRIORITY_ITEM, TAG_ITEM};

/// The most bytes of a member's value: the limit of W3C. The SDK refuses a longer one.
pub(super) const MAX_VALUE: usize = 256;
/// Stands for what must not stand in a member.
const REPLACEMENT: char = '_';

/// Writes what a context says, with `parent` as the last span that Datadog knows of.
pub(super) fn write(context: &TraceContext<'_>, parent: &str) -> String {
    let mut member = Member::default();
    if let Some(priority) = context.priority {
        member.item(|text| {
            write!(text, "{PRIORITY_ITEM}:{priority}").expect("writing to a String cannot fail");
        });
    }
    let parent_len =
        if parent.is_empty() { 0 } else { PARENT_ITEM.len() + parent.len() + ";:".len() };
    member.limit = MAX_VALUE.saturating_sub(parent_len);
    if !context.origin.is_empty() {
        member.item(|text| {
            text.push_str(ORIGIN_ITEM);
            text.push(':');
            // A header may be of any length: one character more than fits tells as much as all of it.
            text.extend(escaped(context.origin).take(MAX_VALUE + 1));
        });
    }
    member.limit = MAX_VALUE;
    if !parent.is_empty() {
        member.item(|text| {
            text.push_str(PARENT_ITEM);
            text.push(':');
            text.extend(escaped(CallerText::plain(parent)));
        });
    }
    for (name, value) in &context.tags {
        member.item(|text| {
            text.push_str(TAG_ITEM);
            text.extend(name.chars().map(|c| if is_in_name(c) { c } else { REPLACEMENT }));
            text.push(':');
            text.extend(escaped(*value));
        });
    }
    member.text
}

/// Items joined by `;`, as many as fit.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) text: String,
    limit: usize,
}

impl Default for Member {
    fn default() -> Self {
        Self { text: String::with_capacity(MAX_VALUE), limit: MAX_VALUE }
    }
}

impl Member {
    /// Adds an item if it fits.
    pub(crate) fn item(&mut self, write: impl FnOnce(&mut String)) {
        let before = self.text.len();
        if before > 0 {
            self.text.push(';');
        }
        write(&mut self.text);
        if self.text.len() > self.limit {
            self.text.truncate(before);
        }
    }
}

/// Returns the characters of a value as they may stand in an item.
fn escaped(value: CallerText<'_>) -> impl Iterator<Item = char> {
    value.chars().map(|c| match c {
        '=' => '~',
        ',' | ';' | '~' => REPLACEMENT,
        ' '..='~' => c,
        _ => REPLACEMENT,
    })
}

/// Returns true if a character may stand in the name of a tag.
fn is_in_name(c: char) -> bool {
    matches!(c, '!'..='~') && !matches!(c, ',' | '=' | ';' | ':')
}
