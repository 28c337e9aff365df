//! The dialects of SQL: what a literal is differs from one to the other.

/// Where the dialects of SQL differ about what is a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(super) backslash: Backslash,
    pub(super) double_quotes: DoubleQuotes,
    pub(super) hash: Hash,
    /// Whether brackets hold names.
    pub(super) brackets: bool,
}

impl Dialect {
    /// The standard: PostgreSQL, Oracle, SQLite and most others.
    pub(crate) const STANDARD: Self = Self {
        backslash: Backslash::Plain,
        double_quotes: DoubleQuotes::Name,
        hash: Hash::Operator,
        brackets: false,
    };
    /// MySQL and its kin: a backslash escapes, double quotes hold texts, `#` begins a comment.
    pub(crate) const MYSQL: Self = Self {
        backslash: Backslash::Escapes,
        double_quotes: DoubleQuotes::Text,
        hash: Hash::Comment,
        brackets: false,
    };
    /// SQL Server: names in brackets, temporary tables with `#`.
    pub(crate) const TRANSACT: Self = Self { hash: Hash::Letter, brackets: true, ..Self::STANDARD };
    /// Oracle and DB2: names may have `#` in them.
    pub(crate) const HASHED: Self = Self { hash: Hash::Letter, ..Self::STANDARD };
    /// Informix and Sybase: texts stand in double quotes unless an option is set.
    pub(crate) const QUOTING: Self = Self { double_quotes: DoubleQuotes::Unknown, ..Self::HASHED };
    /// Redshift: an old PostgreSQL, in which a backslash may escape.
    pub(crate) const ESCAPING: Self = Self { backslash: Backslash::Unknown, ..Self::STANDARD };
    /// Systems that nobody knows: what may be a literal is taken for one.
    pub(crate) const UNKNOWN: Self = Self {
        backslash: Backslash::Unknown,
        double_quotes: DoubleQuotes::Unknown,
        hash: Hash::Comment,
        brackets: false,
    };
}

/// What a backslash before a quote means in a plain text literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backslash {
    /// Nothing: the quote ends the literal.
    Plain,
    /// It escapes the quote.
    Escapes,
    /// One of the two.
    Unknown,
}

/// What double quotes hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DoubleQuotes {
    /// Names.
    Name,
    /// Texts.
    Text,
    /// Names where only names can stand, otherwise texts.
    Unknown,
}

/// What `#` begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// A comment to the end of the line.
    Comment,
    /// A name.
    Letter,
    /// An operator.
    Operator,
}
