//! Statements that were seen lately, with what is left of them.
//!
//! A service sends few different statements, with placeholders, again and again: to find one of 80 bytes
//! here costs 530 instructions in place of 9,600 (callgrind), where the export of a span takes some 22,000. A
//! statement with its literals in it is another one each time; then it costs that much more.

use super::{Language, push_statement};
use crate::mapping::key_set::hash;
use crate::mapping::text;

/// The most statements in the cache: those of a large service, in 256 KiB at most.
const KEPT: usize = 128;

/// The longest statement in the cache, in bytes.
const MAX_LENGTH: usize = 1_024;

/// The statements, each in the slot of its hash.
#[derive(Default)]
pub(crate) struct StatementCache {
    slots: Vec<Slot>,
    /// The text without literals of a statement that is not cached.
    other: String,
}

#[derive(Clone, Default)]
struct Slot {
    given: String,
    /// The language of the statement; `None` as long as the slot is free.
    language: Option<Language>,
    shown: String,
    is_read: bool,
}

impl StatementCache {
    /// Returns a statement or command without its literals, if it can be read.
    pub(crate) fn statement(&mut self, text: &str, language: Language) -> Option<&str> {
        // Commands and documents hold their values, so hardly any comes twice.
        let is_kept = matches!(language, Language::Sql(_) | Language::Unknown);
        if !is_kept || text.len() > MAX_LENGTH {
            self.other.clear();
            return push_statement(&mut self.other, text, language).then_some(&*self.other);
        }
        if self.slots.is_empty() {
            self.slots.resize(KEPT, Slot::default());
        }
        #[expect(clippy::cast_possible_truncation, reason = "a slot needs only the low bits")]
        let slot = &mut self.slots[hash(text.as_bytes()) as usize % KEPT];
        if slot.language != Some(language) || slot.given != text {
            slot.read(text, language);
        }
        slot.is_read.then_some(&slot.shown)
    }
}

impl StatementCache {
    /// Gives memory back that a long statement left over.
    pub(crate) fn shrink(&mut self) {
        text::shrink(&mut self.other);
    }

    /// Appends a statement without its literals; false, and nothing, if it cannot be read.
    pub(crate) fn push_statement(
        &mut self,
        out: &mut String,
        text: &str,
        language: Language,
    ) -> bool {
        let shown = self.statement(text, language);
        out.push_str(shown.unwrap_or(""));
        shown.is_some()
    }
}

impl Slot {
    fn read(&mut self, text: &str, language: Language) {
        text.clone_into(&mut self.given);
        self.language = Some(language);
        self.shown.clear();
        self.is_read = push_statement(&mut self.shown, text, language);
    }
}

/// Shows no statement.
impl std::fmt::Debug for StatementCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatementCache").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::obfuscate::Dialect;

    const STANDARD: Language = Language::Sql(Dialect::STANDARD);

    #[test]
    fn a_statement_reads_the_same_the_second_time_and_in_another_language() {
        let mut statements = StatementCache::default();
        let text = "SELECT a FROM t WHERE b = \"secret\" AND c > \"d\"";
        for _ in 0..2 {
            let shown = statements.statement(text, STANDARD);
            assert_eq!(shown, Some("SELECT a FROM t WHERE b = ? AND c > d"));
            let shown = statements.statement(text, Language::Sql(Dialect::MYSQL));
            assert_eq!(shown, Some("SELECT a FROM t WHERE b = ? AND c > ?"));
            assert_eq!(statements.statement("GET secret", Language::Unknown), None);
        }
    }

    #[test]
    fn a_full_cache_changes_no_statement() {
        let mut statements = StatementCache::default();
        for round in 0..2 {
            for number in 0..4 * KEPT {
                let name = "x".repeat(number);
                let text = format!("SELECT {name}{number} FROM t WHERE a = 'secret {round}'");
                let mut alone = String::new();
                assert!(push_statement(&mut alone, &text, STANDARD));
                assert_eq!(statements.statement(&text, STANDARD), Some(&*alone));
            }
        }
        let kept =
            statements.slots.iter().map(|slot| slot.given.capacity() + slot.shown.capacity());
        assert!(kept.sum::<usize>() <= 256 * 1_024);
    }
}
