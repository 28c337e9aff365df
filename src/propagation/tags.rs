//! The header `x-datadog-tags`: `_dd.p.*` tags as `key=value` pairs, joined by commas.

use std::fmt::Write as _;

use super::context::{PropagationError, Tag, TraceContext, in_order};
use crate::datadog::ids::high_half;
use crate::datadog::state::{
    CallerText, DECISION_MAKER, HIGH_HALF, TAG_PREFIX, is_decision_maker, trim,
};

/// The most bytes of the header, and its limit unless configured: no tracer reads more.
pub(crate) const MAX_HEADER: usize = 512;
/// Digits of the high half of a trace id.
const HIGH_DIGITS: usize = 16;
/// Bytes of the tag with the high half.
const HIGH_LEN: usize = TAG_PREFIX.len() + HIGH_HALF.len() + HIGH_DIGITS + ",=".len();

/// The contents of the header.
#[derive(Debug, Default)]
pub(super) struct Tags<'a> {
    /// The tags in their order, without the high half of the trace id.
    pub(super) list: Vec<Tag<'a>>,
    /// The high half of the trace id; zero without one.
    pub(super) high: u64,
    /// The last error.
    pub(super) error: Option<PropagationError>,
    /// The header is missing, too long or switched off.
    pub(super) is_unread: bool,
}

/// Reads the header of at most `limit` bytes. What cannot be read is left out, and said.
pub(super) fn read(header: &str, limit: usize) -> Tags<'_> {
    let mut tags = Tags::default();
    let header = trim(header);
    tags.is_unread = header.is_empty() || limit == 0 || header.len() > limit;
    if header.is_empty() {
        return tags;
    }
    if limit == 0 || header.len() > limit {
        tags.error = Some(if limit == 0 { "disabled" } else { "extract_max_size" }.into());
        return tags;
    }
    for pair in header.split(',') {
        if let Err(error) = tags.pair(pair) {
            tags.error = Some(error);
        }
    }
    tags.list = in_order(tags.list);
    tags
}

impl<'a> Tags<'a> {
    fn pair(&mut self, pair: &'a str) -> Result<(), PropagationError> {
        const ERROR: PropagationError = PropagationError::Borrowed("decoding_error");
        let (key, value) = pair.split_once('=').ok_or(ERROR)?;
        if key.is_empty() || value.is_empty() {
            return Err(ERROR);
        }
        let Some(name) = key.strip_prefix(TAG_PREFIX) else { return Ok(()) };
        match name {
            HIGH_HALF => self.high = high_digits(value)?,
            DECISION_MAKER if !is_decision_maker(value) => return Err(ERROR),
            _ if is_pair(name, CallerText::plain(value)) => {
                self.list.push((name, CallerText::plain(value)));
            }
            _ => return Err(ERROR),
        }
        Ok(())
    }
}

/// Reads the high half of a trace id.
fn high_digits(text: &str) -> Result<u64, PropagationError> {
    let are_digits = text.len() == HIGH_DIGITS && text.bytes().all(|b| b.is_ascii_hexdigit());
    let number = if are_digits { u64::from_str_radix(text, 16).ok() } else { None };
    number.ok_or_else(|| format!("malformed_tid {text}").into())
}

/// Writes the header of at most `limit` bytes, if there is anything to write, and says what went wrong.
pub(super) fn write(
    context: &TraceContext<'_>,
    limit: usize,
) -> (Option<String>, Option<PropagationError>) {
    let mut error = None;
    let mut high = Some(high_half(context.trace_id)).filter(|high| *high != 0);
    if high.is_none() && context.tags.is_empty() {
        return (None, None);
    }
    if limit == 0 {
        return (None, Some("disabled".into()));
    }
    let length = |(name, value): &Tag<'_>| TAG_PREFIX.len() + name.len() + value.len() + ",=".len();
    let mut header =
        String::with_capacity(HIGH_LEN + context.tags.iter().map(length).sum::<usize>());
    for (name, value) in &context.tags {
        if *name != DECISION_MAKER && *name > HIGH_HALF {
            push_high(&mut header, high.take());
        }
        if is_pair(name, *value) {
            push(&mut header, name, format_args!("{value}"));
        } else {
            error = Some("encoding_error".into());
        }
    }
    push_high(&mut header, high);
    if header.len() > limit {
        return (None, Some("inject_max_size".into()));
    }
    (Some(header).filter(|header| !header.is_empty()), error)
}

fn push_high(header: &mut String, high: Option<u64>) {
    if let Some(high) = high {
        push(header, HIGH_HALF, format_args!("{high:016x}"));
    }
}

fn push(header: &mut String, name: &str, value: std::fmt::Arguments<'_>) {
    let separator = if header.is_empty() { "" } else { "," };
    write!(header, "{separator}{TAG_PREFIX}{name}={value}")
        .expect("writing to a String cannot fail");
}

/// Returns true if name and value can stand in the header.
fn is_pair(name: &str, value: CallerText<'_>) -> bool {
    let is_in_name = |c: char| matches!(c, '!'..='~') && !matches!(c, ',' | '=');
    !name.is_empty()
        && name.chars().all(is_in_name)
        && !value.is_empty()
        && value.chars().all(|c| matches!(c, ' '..='~') && c != ',')
}
