//! Table: the dialects of SQL, and where they differ about literals.
//!
//! Several systems are in one row, and a system has options and versions. So each answer may be
//! [`Answer::Unknown`]: then both readings are tried, and nothing is shown from the place on where they differ.

/// One dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    /// A backslash escapes a quote in a plain text literal.
    pub(super) escapes: Answer,
    /// `E'..'` is a text literal with escapes, not a word and a plain literal.
    pub(super) escape_texts: Answer,
    /// Double quotes hold texts, not names.
    pub(super) double_texts: Answer,
    /// Three quotes begin a text that three quotes end.
    pub(super) triple_quotes: Answer,
    /// `q'[..]'` is a text literal.
    pub(super) bracket_texts: Answer,
    /// `$tag$..$tag$` is a text literal.
    pub(super) dollar_texts: Answer,
    /// Backticks hold literals, not names.
    pub(super) backtick_texts: Answer,
    /// Square brackets hold names.
    pub(super) bracket_names: Answer,
    /// Comments in comments need ends of their own.
    pub(super) nested_comments: Answer,
    /// Braces hold comments.
    pub(super) brace_comments: Answer,
    /// `--` begins a comment without white space behind it, too.
    pub(super) tight_dashes: Answer,
    /// The rows of an `INSERT` may stand behind its `FORMAT`, in a language of their own.
    pub(super) inline_rows: Answer,
    /// A statement may begin with the name of a procedure; unquoted arguments are texts.
    pub(super) bare_calls: Answer,
    pub(super) hash: Hash,
}

/// A fact about a dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    No,
    Yes,
    /// It depends on the version, an option or the system.
    Unknown,
}

/// The meaning of `#`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// It begins a comment to the end of the line.
    Comment,
    /// It is a letter.
    Letter,
    /// It is an operator.
    Operator,
    /// It is one of these.
    Unknown,
}

use Answer::{No, Unknown, Yes};

impl Dialect {
    /// Systems that keep to the standard: H2, Derby, Teradata, SAP HANA and others.
    pub(crate) const STANDARD: &'static Self = &Self {
        escapes: No,
        escape_texts: Unknown,
        double_texts: No,
        triple_quotes: No,
        bracket_texts: Unknown,
        dollar_texts: Unknown,
        backtick_texts: No,
        bracket_names: No,
        nested_comments: Unknown,
        brace_comments: No,
        tight_dashes: Yes,
        inline_rows: No,
        bare_calls: No,
        hash: Hash::Operator,
    };
    /// PostgreSQL and its kin.
    pub(crate) const POSTGRES: &'static Self =
        &Self { escape_texts: Yes, dollar_texts: Yes, nested_comments: Yes, ..*Self::STANDARD };
    /// Redshift, an old PostgreSQL in which a backslash may escape.
    pub(crate) const REDSHIFT: &'static Self = &Self { escapes: Unknown, ..*Self::POSTGRES };
    /// Cassandra: `$$` around texts.
    pub(crate) const CASSANDRA: &'static Self = &Self { dollar_texts: Yes, ..*Self::STANDARD };
    /// Oracle: `q'[..]'`, names with `#` and `$`.
    pub(crate) const ORACLE: &'static Self =
        &Self { bracket_texts: Yes, nested_comments: No, hash: Hash::Letter, ..*Self::STANDARD };
    /// DB2: names with `#`.
    pub(crate) const DB2: &'static Self = &Self { hash: Hash::Letter, ..*Self::STANDARD };
    /// Systems in which an option decides about double quotes.
    pub(crate) const QUOTING: &'static Self = &Self { double_texts: Unknown, ..*Self::STANDARD };
    /// Informix: comments in braces, and double quotes as an option decides.
    pub(crate) const INFORMIX: &'static Self =
        &Self { brace_comments: Unknown, hash: Hash::Letter, ..*Self::QUOTING };
    /// `SQLite` and its kin: a name in double quotes that no column has is a text.
    pub(crate) const SQLITE: &'static Self =
        &Self { bracket_names: Yes, nested_comments: No, ..*Self::QUOTING };
    /// SQL Server: names in brackets, temporary tables with `#`.
    pub(crate) const TRANSACT: &'static Self = &Self {
        bracket_names: Yes,
        nested_comments: Yes,
        bare_calls: Yes,
        hash: Hash::Letter,
        ..*Self::QUOTING
    };
    /// The products of Sybase.
    pub(crate) const SYBASE: &'static Self =
        &Self { escapes: Unknown, nested_comments: Unknown, ..*Self::TRANSACT };
    /// Microsoft Access: texts in double quotes, dates between `#`.
    pub(crate) const ACCESS: &'static Self = &Self {
        double_texts: Yes,
        bracket_names: Yes,
        tight_dashes: Unknown,
        hash: Hash::Unknown,
        ..*Self::STANDARD
    };
    /// MySQL and its kin: a backslash escapes, double quotes hold texts, `#` begins a comment.
    pub(crate) const MYSQL: &'static Self = &Self {
        escapes: Yes,
        double_texts: Yes,
        nested_comments: No,
        tight_dashes: Unknown,
        hash: Hash::Comment,
        ..*Self::STANDARD
    };
    /// `ClickHouse`: rows behind `FORMAT`, heredocs.
    pub(crate) const CLICKHOUSE: &'static Self = &Self {
        dollar_texts: Yes,
        nested_comments: Unknown,
        tight_dashes: Yes,
        inline_rows: Yes,
        hash: Hash::Unknown,
        ..*Self::MYSQL
    };
    /// `BigQuery`: three quotes around texts; or in its old dialect names in brackets.
    pub(crate) const BIGQUERY: &'static Self =
        &Self { bracket_names: Unknown, nested_comments: No, ..*Self::HIVE };
    /// Hive, Spark, Databricks.
    pub(crate) const HIVE: &'static Self = &Self {
        triple_quotes: Unknown,
        nested_comments: Unknown,
        tight_dashes: Yes,
        hash: Hash::Unknown,
        ..*Self::MYSQL
    };
    /// Snowflake: a backslash escapes, `$$` around texts.
    pub(crate) const SNOWFLAKE: &'static Self =
        &Self { escapes: Yes, dollar_texts: Yes, ..*Self::STANDARD };
    /// Systems that nobody knows: everything that may be a literal is one.
    pub(crate) const UNKNOWN: &'static Self = &Self {
        escapes: Unknown,
        escape_texts: Unknown,
        double_texts: Unknown,
        triple_quotes: Unknown,
        bracket_texts: Unknown,
        dollar_texts: Unknown,
        backtick_texts: Unknown,
        bracket_names: Unknown,
        nested_comments: Unknown,
        brace_comments: Unknown,
        tight_dashes: Unknown,
        inline_rows: Unknown,
        bare_calls: No,
        hash: Hash::Unknown,
    };
}
