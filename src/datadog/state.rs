//! The data for Datadog in a span context: its sampled flag, and the `dd` member of its trace state.
//!
//! An exporter sees nothing else of the caller, so all that a trace carries stands in `dd`: priority,
//! origin, trace tags, the last parent that Datadog knows of. It is read in place, item by item. A sampler
//! may have changed the flag after `dd` was written, so neither is trusted without the other. Not here:
//! headers, and how `dd` is written ([`crate::propagation`]).
//!
//! Sources: `DataDog/system-tests`, `tests/parametric/test_headers_tracestate_dd.py`; `DataDog/dd-trace-go`,
//! `ddtrace/tracer/textmap.go`.

use std::fmt;

use opentelemetry::trace::SpanContext;

/// The key of Datadog's member in a trace state.
pub(crate) const MEMBER: &str = "dd";
/// The value of a `p` item if the caller has no span. With it, a parent that equals the low half of the trace id is
/// only a stand-in. Without it that parent is real: some tracers give a root span the id of its trace.
pub(crate) const NO_PARENT: &str = "0000000000000000";
/// The prefix of a trace tag's name, everywhere but in `dd`.
pub(crate) const TAG_PREFIX: &str = "_dd.p.";
/// The name of the tag that says who decided about sampling.
pub(crate) const DECISION_MAKER: &str = "dm";
/// The name of the tag that says which fraction of traces a rule or the Agent's rate keeps.
pub(crate) const KEPT_RATE: &str = "ksr";
/// The name of the tag with the high half of the trace id, which travels as part of the id.
pub(crate) const HIGH_HALF: &str = "tid";

/// The decision maker where a flag overrules the priority: nobody in particular.
const DEFAULT_DECISION_MAKER: CallerText<'static> = CallerText::plain("-0");
/// The decision maker where an attribute of the span decides.
const MANUAL_DECISION_MAKER: CallerText<'static> = CallerText::plain("-4");
/// The decision makers that go by a rate: the Agent's, rules, and both set from afar. A trace that somebody keeps
/// by hand may still name the rate that was there before. Source: `DataDog/libdatadog`, `libdd-sampling`.
const BY_RATE: [&str; 7] = ["-1", "-2", "-3", "-6", "-7", "-11", "-12"];
/// The item of `dd` that holds the priority.
pub(crate) const PRIORITY_ITEM: &str = "s";
/// The item of `dd` that holds the origin.
pub(crate) const ORIGIN_ITEM: &str = "o";
/// The item of `dd` that holds the last span that Datadog knows of.
pub(crate) const PARENT_ITEM: &str = "p";
/// The prefix of a trace tag's name in `dd`.
pub(crate) const TAG_ITEM: &str = "t.";
/// The least and the most digits of a mechanism number.
const MECHANISM_DIGITS: std::ops::RangeInclusive<usize> = 1..=3;

/// The flag of a span context with the items of its `dd` member.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State<'a> {
    sampled: bool,
    items: &'a str,
    /// True if an attribute of the user decided the flag.
    by_user: bool,
}

impl<'a> State<'a> {
    /// Reads a span context.
    pub(crate) fn of(context: &'a SpanContext) -> Self {
        Self::new(context.is_sampled(), context.trace_state().get(MEMBER).unwrap_or(""))
    }

    /// Joins a flag with the items of a `dd` member.
    pub(crate) fn new(sampled: bool, items: &'a str) -> Self {
        Self { sampled, items, by_user: false }
    }

    /// The same items, with a flag that somebody decided later.
    pub(crate) fn decided(self, sampled: bool) -> Self {
        Self { sampled, ..self }
    }

    /// The same items, with a flag that an attribute of the user decided.
    pub(crate) fn decided_by_user(self, sampled: bool) -> Self {
        Self { sampled, by_user: true, ..self }
    }

    /// Returns true if there is a `dd` member.
    pub(crate) fn has_items(self) -> bool {
        !self.items.is_empty()
    }

    /// Returns the priority that `dd` asks for, whatever the flag says.
    pub(crate) fn asked(self) -> Option<i8> {
        self.item(PRIORITY_ITEM)?.parse().ok()
    }

    /// Returns the priority: what `dd` asks for where the flag agrees, else what the flag says.
    pub(crate) fn priority(self) -> i8 {
        let of_flag = i8::from(self.sampled);
        self.asked().filter(|asked| (*asked > 0) == self.sampled).unwrap_or(of_flag)
    }

    /// Returns where the trace comes from: `rum`, `synthetics` and others.
    pub(crate) fn origin(self) -> Option<CallerText<'a>> {
        self.item(ORIGIN_ITEM).map(CallerText::escaped)
    }

    /// Returns the id of the last span that Datadog knows of, opaque.
    pub(crate) fn last_parent(self) -> Option<&'a str> {
        self.item(PARENT_ITEM)
    }

    /// Returns the tags of the trace, names without prefix, each once: of several the first.
    pub(crate) fn tags(self) -> impl Iterator<Item = (&'a str, CallerText<'a>)> {
        // If flag and priority differ, the decision maker of the priority did not decide the flag.
        let overruled =
            self.by_user || self.asked().is_some_and(|asked| (asked > 0) != self.sampled);
        let maker = if self.by_user { MANUAL_DECISION_MAKER } else { DEFAULT_DECISION_MAKER };
        let maker = (overruled && self.sampled).then_some((DECISION_MAKER, maker));
        let written = self.raw_tags().enumerate().filter(move |(number, (name, value))| {
            let seen = self.raw_tags().take(*number).any(|(other, _)| other == *name);
            match *name {
                HIGH_HALF => false,
                DECISION_MAKER => !seen && !overruled && is_decision_maker(value.text),
                _ => !seen,
            }
        });
        maker.into_iter().chain(written.map(|(_, tag)| tag))
    }

    /// Returns the rate by which the trace was kept, as text, if a rate decided and its decision stands.
    pub(crate) fn kept_rate(self) -> Option<&'a str> {
        let tag = |wanted| self.raw_tags().find(|(name, _)| *name == wanted);
        let by_rate = tag(DECISION_MAKER).is_none_or(|(_, maker)| BY_RATE.contains(&maker.text));
        let stands = self.asked().is_none_or(|asked| (asked > 0) == self.sampled);
        (by_rate && stands).then(|| tag(KEPT_RATE)).flatten().map(|(_, rate)| rate.text)
    }

    /// Returns the items that a new decision leaves as they are.
    pub(crate) fn undecided(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        /// The tags that a decision says anew.
        const DECIDED: [&str; 2] = [DECISION_MAKER, KEPT_RATE];
        let is_decided = |tag: &str| DECIDED.contains(&tag);
        self.items().filter(move |(name, _)| {
            *name != PRIORITY_ITEM && !name.strip_prefix(TAG_ITEM).is_some_and(is_decided)
        })
    }

    fn raw_tags(self) -> impl Iterator<Item = (&'a str, CallerText<'a>)> {
        self.items().filter_map(|(name, value)| {
            let name = name.strip_prefix(TAG_ITEM).filter(|name| !name.is_empty())?;
            Some((name, CallerText::escaped(value)))
        })
    }

    fn item(self, name: &str) -> Option<&'a str> {
        self.items().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Returns every item that says something.
    fn items(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        // Nothing is split without a member, as on most spans: 190 instructions less a span (callgrind).
        let items = (!self.items.is_empty()).then(|| self.items.split(';'));
        items.into_iter().flatten().filter_map(|item| {
            let (name, value) = trim(item).split_once(':')?;
            (!value.is_empty()).then_some((name, value))
        })
    }
}

/// Returns true if a text names a decision maker: `-` and the number of a mechanism.
pub(crate) fn is_decision_maker(text: &str) -> bool {
    let number = text.strip_prefix('-');
    number.is_some_and(|digits| {
        MECHANISM_DIGITS.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Returns a text without blanks around it, as HTTP defines them.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A text of a caller: as it is, or from `dd`, where `~` stands for `=`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallerText<'a> {
    text: &'a str,
    escaped: bool,
}

impl<'a> CallerText<'a> {
    /// A text as it is.
    pub(crate) const fn plain(text: &'a str) -> Self {
        Self { text, escaped: false }
    }

    /// A text from `dd`.
    pub(crate) const fn escaped(text: &'a str) -> Self {
        Self { text, escaped: true }
    }

    /// Returns true if the text is empty.
    pub(crate) fn is_empty(self) -> bool {
        self.text.is_empty()
    }

    /// Returns its length in bytes.
    pub(crate) fn len(self) -> usize {
        self.text.len()
    }

    /// Returns the characters that are meant.
    pub(crate) fn chars(self) -> impl Iterator<Item = char> {
        self.text.chars().map(move |c| if self.escaped && c == '~' { '=' } else { c })
    }
}

impl fmt::Display for CallerText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.escaped {
            return f.write_str(self.text);
        }
        for (number, part) in self.text.split('~').enumerate() {
            f.write_str(if number == 0 { "" } else { "=" })?;
            f.write_str(part)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(sampled: bool, items: &str) -> Vec<String> {
        let state = State::new(sampled, items);
        state.tags().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn the_flag_overrules_a_priority_that_differs() {
        let rows = [
            (true, "", 1),
            (true, "s:2", 2),
            (true, "s:-1", 1),
            (true, "s:127", 127),
            (true, "s:128", 1),
            (false, "", 0),
            (false, "s:-1", -1),
            (false, "s:2", 0),
            (false, "s:x", 0),
        ];
        for (sampled, items, priority) in rows {
            assert_eq!(State::new(sampled, items).priority(), priority, "{sampled} {items}");
        }
    }

    #[test]
    fn an_overruled_decision_maker_is_replaced_or_removed() {
        assert_eq!(tags(true, "s:2;t.dm:-4"), ["dm=-4"]);
        assert_eq!(tags(true, "s:0;t.dm:-4;t.a:b"), ["dm=-0", "a=b"]);
        assert_eq!(tags(true, "s:0;t.a:b"), ["dm=-0", "a=b"]);
        assert_eq!(tags(false, "s:2;t.dm:-4;t.a:b"), ["a=b"]);
        assert_eq!(tags(true, "t.dm:-4"), ["dm=-4"]);
    }

    #[test]
    fn a_later_decision_of_the_user_has_its_own_mechanism() {
        for (items, keep, expected) in [
            ("s:1;t.dm:-1;t.a:b", true, vec!["dm=-4", "a=b"]),
            ("s:-1;t.a:b", true, vec!["dm=-4", "a=b"]),
            ("", true, vec!["dm=-4"]),
            ("s:1;t.dm:-1;t.a:b", false, vec!["a=b"]),
            ("s:0", false, vec![]),
        ] {
            let state = State::new(true, items).decided_by_user(keep);
            let tags = state.tags().map(|(name, value)| format!("{name}={value}"));
            assert_eq!(tags.collect::<Vec<_>>(), expected, "{items} {keep}");
        }
    }

    #[test]
    fn a_rate_is_known_where_a_rate_decided() {
        for (sampled, items, rate) in [
            (true, "s:2;t.dm:-3;t.ksr:0.1", Some("0.1")),
            (true, "s:1;t.dm:-1;t.ksr:0.25", Some("0.25")),
            (true, "s:1;t.ksr:0.5", Some("0.5")),
            (false, "s:-1;t.ksr:0.1", Some("0.1")),
            (true, "s:2;t.dm:-4;t.ksr:0.1", None),
            (true, "s:2;t.dm:-5;t.ksr:0.1", None),
            (true, "s:-1;t.ksr:0.1", None),
            (false, "s:2;t.dm:-3;t.ksr:0.1", None),
            (true, "s:2;t.dm:-3", None),
            (true, "", None),
        ] {
            assert_eq!(State::new(sampled, items).kept_rate(), rate, "{sampled} {items}");
        }
    }

    #[test]
    fn tags_come_once_and_only_if_they_say_something() {
        let items = "t.a:1;t.a:2;t.:x;t.b:; t.c:x~~:y ;t.tid:12;t.dm:4;junk;t.d";
        assert_eq!(tags(true, items), ["a=1", "c=x==:y"]);
        assert_eq!(tags(true, "t.dm:4;t.dm:-1"), Vec::<String>::new());
    }
}
