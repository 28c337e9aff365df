//! [`Rules`]: what the Agent says about counting.

/// The most filters of a kind: a bit each.
const MAX_FILTERS: usize = 64;

/// The most kinds of spans and the most peer tags. The Agent has some forty.
const MAX_TAGS: usize = 1_024;

/// Rules by which spans are counted, from the introduction of the Agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Kinds of spans that count whatever else they are, in lower case.
    pub(crate) kinds: Vec<String>,
    /// Keys of tags that name the other side.
    pub(crate) peer_tags: Vec<String>,
    /// Tags of a root span that its trace needs.
    pub(crate) require: Vec<Filter>,
    /// Tags of a root span that its trace must not have.
    pub(crate) reject: Vec<Filter>,
}

impl Rules {
    /// Brings peer tags into the order of the texts that are made of them, each once.
    pub(crate) fn ordered(mut self) -> Self {
        self.peer_tags.sort_by_cached_key(|key| format!("{key}:"));
        self.peer_tags.dedup();
        self
    }

    /// Returns a bit for each tag that a trace needs.
    pub(crate) fn all_required(&self) -> u64 {
        self.require.iter().fold(0, |bits, _| bits << 1 | 1)
    }

    /// Returns true if there are more rules than are followed.
    pub(crate) fn are_too_many(&self) -> bool {
        let filters = self.require.len().max(self.reject.len());
        filters > MAX_FILTERS || self.peer_tags.len().max(self.kinds.len()) > MAX_TAGS
    }
}

/// A tag that a filter asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) key: String,
    /// The value; nothing if any will do.
    pub(crate) value: Option<String>,
}

impl Filter {
    /// Reads `key` or `key:value`.
    pub(crate) fn read(text: &str) -> Self {
        match text.split_once(':') {
            Some((key, value)) if !value.trim().is_empty() => {
                Self { key: key.trim().to_owned(), value: Some(value.trim().to_owned()) }
            }
            Some((key, _)) => Self { key: key.trim().to_owned(), value: None },
            None => Self { key: text.trim().to_owned(), value: None },
        }
    }

    /// Returns true if a tag of this value is the one.
    pub(crate) fn fits(&self, value: &str) -> bool {
        self.value.as_ref().is_none_or(|wanted| wanted == value)
    }
}
