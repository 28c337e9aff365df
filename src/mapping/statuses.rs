//! The HTTP statuses that make a span an error, in Datadog's form: `500-599,404`.

use std::ops::RangeInclusive;

/// The form of a list of statuses, for messages.
pub(crate) const STATUSES_FORM: &str =
    "statuses and ranges of them from 100 to 999, separated by commas, such as 500-599,404";

/// Statuses have three digits.
const STATUSES: RangeInclusive<u16> = 100..=999;

/// HTTP statuses that make a span an error; without one the status of the span alone decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorStatuses(Vec<RangeInclusive<u16>>);

impl ErrorStatuses {
    /// Reads a list of statuses and ranges; an empty text is an empty list. Returns the items that are neither
    /// too: Datadog's tracers leave them out, and so does this list.
    pub(crate) fn parse(text: &str) -> (Self, Vec<&str>) {
        let (mut ranges, mut bad) = (Vec::new(), Vec::new());
        for item in text.split(',').map(str::trim).filter(|_| !text.trim().is_empty()) {
            match range(item) {
                Some(range) => ranges.push(range),
                None => bad.push(item),
            }
        }
        (Self(ranges), bad)
    }

    /// Returns true if the list is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns true if the list has this status.
    pub(crate) fn has(&self, code: i64) -> bool {
        let code = u16::try_from(code).ok();
        code.is_some_and(|code| self.0.iter().any(|range| range.contains(&code)))
    }
}

fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (status(first)?, status(last)?);
    Some(first.min(last)..=first.max(last))
}

fn status(text: &str) -> Option<u16> {
    let text = text.trim();
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|code| is_number && STATUSES.contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_holds_single_statuses_and_ranges() {
        let (statuses, bad) = ErrorStatuses::parse(" 500-503 , 404,419 - 418");
        assert!(bad.is_empty(), "{bad:?}");
        for code in [404, 418, 419, 500, 502, 503] {
            assert!(statuses.has(code), "{code}");
        }
        for code in [-1, 0, 200, 403, 405, 417, 420, 499, 504, 66_036] {
            assert!(!statuses.has(code), "{code}");
        }
        assert_eq!(ErrorStatuses::parse(" "), (ErrorStatuses::default(), vec![]));
    }

    #[test]
    fn a_bad_item_is_left_out_and_named() {
        for item in ["5xx", "500-", "-599", "500-599-600", "", "99", "1000", "+500", "500 599"] {
            let text = format!("404,{item}");
            let (statuses, bad) = ErrorStatuses::parse(&text);
            assert_eq!((statuses, bad), (ErrorStatuses(vec![404..=404]), vec![item]));
        }
    }
}
