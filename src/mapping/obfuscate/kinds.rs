//! Tables: kinds of statements by their first words, and the words that may stand beside a password.
//!
//! All words are in upper case, and each table is in order.

use super::names::is_in;

/// The kind of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It works with rows: its words are names.
    Rows,
    /// It defines something: the next words tell the kind of it.
    Define,
    /// It sets something.
    Set,
    /// It calls a procedure, its arguments in parentheses.
    Call,
    /// It calls a procedure.
    Execute,
    /// It reads rows, perhaps those that follow it.
    Copy,
    /// It begins a session: all of it is secret.
    Connect,
    /// It manages something: a password may stand in it.
    Manage,
}

/// Returns the kind of a statement by its first word, if that is known.
pub(super) fn kind(word: &str) -> Option<Kind> {
    FIRST.iter().find(|(_, words)| is_in(words, word)).map(|(kind, _)| *kind)
}

/// Returns whether a word may stand between `CREATE` and the kind of an object.
pub(super) fn is_modifier(word: &str) -> bool {
    is_in(MODIFIERS, word)
}

/// Returns whether an object of this kind has a password or another secret.
pub(super) fn has_secret(object: &str) -> bool {
    is_in(HOLDERS, object)
}

/// Returns whether a word may stand between the kind of an object and its name.
pub(super) fn is_before_object(word: &str) -> bool {
    is_in(BEFORE_OBJECT, word)
}

/// Returns whether a word is shown even where a password may stand.
pub(super) fn is_grammar(word: &str) -> bool {
    is_in(GRAMMAR, word)
}

/// Returns whether a password may follow a word where one may stand anywhere.
pub(super) fn announces(word: &str) -> bool {
    is_in(ANNOUNCING, word)
}

/// Returns whether a word stands between such a word and the password, or in place of it.
pub(super) fn is_announcement(word: &str) -> bool {
    is_in(ANNOUNCING, word) || is_in(BEHIND_ANNOUNCEMENT, word)
}

/// Returns whether a word stands between `EXECUTE` and the name of a procedure.
pub(super) fn is_before_procedure(word: &str) -> bool {
    is_in(BEFORE_PROCEDURE, word)
}

/// Returns whether a word among the arguments of a procedure is no argument.
pub(super) fn is_argument(word: &str) -> bool {
    is_in(BESIDE_ARGUMENTS, word)
}

/// Returns whether `IDENTIFIED` and this word announce a password.
pub(super) fn is_behind_identified(word: &str) -> bool {
    is_in(BEHIND_IDENTIFIED, word)
}

/// Returns whether a name is one of a password, a key or the like.
pub(super) fn is_sensitive(name: &str) -> bool {
    let has = |part: &&str| {
        name.as_bytes().windows(part.len()).any(|bytes| bytes.eq_ignore_ascii_case(part.as_bytes()))
    };
    name.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '@'))
        && (SENSITIVE_PARTS.iter().any(has)
            || name.split(['_', '.', '-']).any(|word| is_in(SENSITIVE_WORDS, word)))
}

#[rustfmt::skip]
const FIRST: &[(Kind, &[&str])] = &[
    (Kind::Rows, &[
        "ANALYZE", "ATOMIC", "BATCH", "BULK", "CHECKPOINT", "CLOSE", "COMMENT", "COMMIT", "COUNTER", "DBCC",
        "DEALLOCATE", "DECLARE", "DEFERRED", "DEL", "DELETE", "DENY", "DESC", "DESCRIBE", "DISABLE", "DISCARD", "DO",
        "DROP", "ELSE", "ENABLE", "END", "EXCLUSIVE", "EXPLAIN", "FETCH", "FOR", "FROM", "GO", "GRANT", "IF",
        "IMMEDIATE", "INS", "INSERT", "ISOLATION", "KILL", "LISTEN", "LOCK", "MERGE", "NOT", "NOTIFY", "OPTIMIZE",
        "PREPARE", "PRINT", "RAISERROR", "READ", "RECONFIGURE", "REFRESH", "REINDEX", "RELEASE", "RENAME", "REPLACE",
        "RETURN", "REVERT", "REVOKE", "ROLLBACK", "SAVE", "SAVEPOINT", "SEL", "SELECT", "SHOW", "TABLE", "THROW",
        "TRAN", "TRANSACTION", "TRUNCATE", "TRY", "UNLISTEN", "UNLOGGED", "UPD", "UPDATE", "UPSERT", "USE", "VACUUM",
        "VALUES", "WAITFOR", "WHILE", "WITH", "WORK",
    ]),
    (Kind::Define, &["ALTER", "CREATE", "MODIFY"]),
    (Kind::Set, &["SET"]),
    (Kind::Call, &["CALL"]),
    (Kind::Execute, &["EXEC", "EXECUTE"]),
    (Kind::Copy, &["COPY"]),
    (Kind::Connect, &["CONN", "CONNECT", "LOGON"]),
    (Kind::Manage, &[
        "ADD", "ADMINISTER", "ATTACH", "BACKUP", "CHANGE", "CLONE", "CLUSTER", "DETACH", "DUMP", "EXPORT", "IMPORT",
        "INSTALL", "LOAD", "OPEN", "PRAGMA", "RECOVER", "REPLICATE", "RESET", "RESTORE", "RUNSCRIPT", "SCRIPT",
        "SECURITY", "SHUTDOWN", "START", "STOP", "UNLOAD",
    ]),
];

#[rustfmt::skip]
const MODIFIERS: &[&str] = &[
    "ALTER", "APPLICATION", "ASYMMETRIC", "COLUMN", "CURRENT", "DATABASE", "ENCRYPTION", "EXISTS", "EXTERNAL",
    "FOREIGN", "GLOBAL", "IF", "LOCAL", "MASTER", "NAMED", "NOT", "OR", "PERSISTENT", "PRIVATE", "PUBLIC", "REMOTE",
    "REPLACE", "SCOPED", "SERVICE", "SHARED", "STORAGE", "SYMMETRIC", "TEMP", "TEMPORARY",
];

#[rustfmt::skip]
const HOLDERS: &[&str] = &[
    "ACCOUNT", "CERTIFICATE", "COLLECTION", "CONNECTION", "CREDENTIAL", "ENDPOINT", "EXTERNLOGIN", "GROUP",
    "INTEGRATION", "KEY", "KEYSTORE", "LINK", "LOGIN", "PASSWORD", "ROLE", "SECRET", "SERVER", "SUBSCRIPTION", "USER",
    "WALLET",
];

#[rustfmt::skip]
const BEFORE_OBJECT: &[&str] = &["EXISTS", "FOR", "IF", "MAPPING", "NOT"];

#[rustfmt::skip]
const BEHIND_IDENTIFIED: &[&str] = &[
    "AS", "BY", "EXTERNALLY", "FROM", "GLOBALLY", "PASSWORD", "USING", "VALUES", "VIA", "WITH",
];

const ANNOUNCING: &[&str] =
    &["BY", "KEY", "OLD_PASSWORD", "PASSWD", "PASSWORD", "REPLACE", "USING", "VALUES"];

#[rustfmt::skip]
const BEHIND_ANNOUNCEMENT: &[&str] = &[
    "DISABLE", "ENCRYPTED", "EXPIRE", "FOR", "HASHED", "HISTORY", "IDENTIFIED", "IS", "NEVER", "OPTIONAL", "REQUIRE",
    "REUSE", "WITH",
];

const BEFORE_PROCEDURE: &[&str] = &["FUNCTION", "IMMEDIATE", "PROC", "PROCEDURE"];

const BESIDE_ARGUMENTS: &[&str] = &["AT", "DEFAULT", "OUT", "OUTPUT", "RECOMPILE", "USING", "WITH"];

#[rustfmt::skip]
const GRAMMAR: &[&str] = &[
    "ACCOUNT", "ADD", "ALL", "ALTER", "AND", "APPLICATION", "AS", "AT", "ATTRIBUTE", "BY", "BYPASSRLS",
    "CASCADE", "CHECK", "CONNECT", "CONNECTION", "CREATE", "CREATEDB", "CREATEROLE", "DATABASE", "DECRYPTION",
    "DEFAULT", "DROP", "ENCRYPTED", "ENCRYPTION", "EXISTS", "EXPIRE", "EXTERNALLY", "FAILED_LOGIN_ATTEMPTS", "FOR",
    "FORCE", "FROM", "GLOBALLY", "GRANT", "GRANTEES", "HASHED", "HISTORY", "HOST", "IDENTIFIED", "IF", "IN",
    "INHERIT", "INTO", "IS", "KEY", "KEYSTORE", "LIMIT", "LOCK", "LOGIN", "MANAGEMENT", "MASTER", "MEMBER", "MODIFY",
    "MUST_CHANGE", "NEVER", "NOBYPASSRLS", "NOCREATEDB", "NOCREATEROLE", "NOINHERIT", "NOLOGIN", "NONE",
    "NOREPLICATION", "NOSUPERUSER", "NOT", "OF", "OFF", "OLD_PASSWORD", "ON", "OPEN", "OPTION", "OPTIONAL", "OPTIONS",
    "OR", "OUT", "OUTPUT", "OWNED", "PASSWD", "PASSWORD", "PERMANENT", "PROFILE",
    "PUBLICATION", "QUOTA", "RECOMPILE", "RENAME", "REPLACE", "REPLICATION", "REQUIRE", "RESET", "RESTRICT", "REUSE",
    "REVOKE", "ROLE", "SCHEMA", "SERVER", "SET", "SSL", "SUPERUSER", "SYSID", "TABLESPACE", "TEMPORARY", "TO", "TYPE",
    "UNENCRYPTED", "UNLIMITED", "UNLOCK", "UNTIL", "USER", "USING", "VALID", "VALUES", "VIA", "VIEW", "WITH",
    "WRAPPER", "X509",
];

#[rustfmt::skip]
const SENSITIVE_PARTS: &[&str] = &[
    "PASSW", "PASSPHRASE", "PWD", "SECRET", "CREDENTIAL", "CIPHER", "CRYPT", "IDENTIFIED", "TOKEN",
];

const SENSITIVE_WORDS: &[&str] =
    &["APIKEY", "AUTH", "HEXKEY", "HEXREKEY", "KEY", "PASS", "REKEY", "TEXTKEY"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_in_order_and_found_in_any_case() {
        let tables = [
            MODIFIERS,
            HOLDERS,
            BEFORE_OBJECT,
            BEHIND_IDENTIFIED,
            ANNOUNCING,
            BEHIND_ANNOUNCEMENT,
            BEFORE_PROCEDURE,
            BESIDE_ARGUMENTS,
            GRAMMAR,
            SENSITIVE_WORDS,
        ];
        for table in tables.into_iter().chain(FIRST.iter().map(|(_, words)| *words)) {
            assert!(table.is_sorted(), "{table:?}");
            assert!(table.iter().all(|word| is_in(table, &word.to_lowercase())), "{table:?}");
        }
    }

    #[test]
    fn names_of_secrets_are_sensitive_and_others_are_not() {
        for name in [
            "password",
            "PASSWD",
            "MASTER_PASSWORD",
            "db_pwd",
            "SECRET_ACCESS_KEY",
            "fs.s3a.secret.key",
            "key",
            "main.rekey",
            "AWS_KEY_ID",
            "credentials",
            "encryption",
            "cipher_salt",
            "auth_token",
            "@password",
        ] {
            assert!(is_sensitive(name), "{name}");
        }
        for name in
            ["", "=", "'password'", "foreign_keys", "author", "journal_mode", "monkey", "u.id"]
        {
            assert!(!is_sensitive(name), "{name}");
        }
    }
}
