//! [`Rules`]: what the Agent says about counting.

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
