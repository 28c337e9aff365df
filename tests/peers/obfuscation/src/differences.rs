//! Table: where this crate and Datadog's obfuscator differ, and why.

/// Statements that read otherwise here.
pub(crate) struct Difference {
    /// The beginning of the statement.
    pub(crate) statement: &'static str,
    /// The reason why it reads otherwise.
    pub(crate) why: &'static str,
}

const GO: &str = "the peer is not the Agent here; this crate writes what the Agent does";
const SHOWN: &str = "a literal, which the peer shows in part or in full";
const DOUBLE_QUOTES: &str = "in this system double quotes hold a text, which the peer shows";
const MAY_BE_TEXT: &str =
    "in this system double quotes hold a text where no column has the name, or where an option says so";
const GLUED: &str =
    "a number behind an operator without a space, which the peer shows as part of a name";
const LOST: &str = "the peer takes `#` for a comment and loses what follows";
const PREFIX: &str =
    "the prefix belongs to the literal: nothing else tells that a backslash escapes in it";
const QUOTED: &str = "a name with quotes in it, shown as it stands";
const CUT: &str = "nothing is shown of what the end of the statement cuts";

/// All of them.
#[rustfmt::skip]
pub(crate) static DIFFERENCES: &[Difference] = &[
    Difference { statement: r#"SELECT "users".* FROM "#, why: GO },
    Difference { statement: "INSERT INTO tags (name) VALUES ('secret1'), ", why: GO },
    Difference { statement: "SELECT data ? 'secret', data ?| array", why: GO },
    Difference { statement: "SELECT B'1010', X'1FF'", why: GO },
    Difference { statement: "SELECT ST_Distance(", why: GO },
    Difference { statement: "SELECT embedding <-> ", why: GO },
    Difference { statement: "SELECT * FROM t WHERE (a, b) IN ((", why: GO },
    Difference { statement: "PREPARE p1 AS SELECT", why: GO },
    Difference { statement: "SELECT STRUCT(1 AS a", why: GO },
    Difference { statement: "SELECT data #>> '{secret,secret}'", why: LOST },
    Difference { statement: "SELECT * FROM #temp", why: LOST },
    Difference { statement: "SELECT E'secret", why: PREFIX },
    Difference { statement: "SELECT arr[1], arr[2:3]", why: GLUED },
    Difference { statement: "SELECT x-1, x - 1, x*-1", why: GLUED },
    Difference { statement: "SELECT a&1, a|2, a#3", why: GLUED },
    Difference { statement: r#"SELECT * FROM "Weird ""Name"""#, why: QUOTED },
    Difference { statement: "SELECT a FROM t WHERE b = $x$secret that", why: CUT },
    Difference { statement: "SELECT \"name that was cut", why: CUT },
    Difference { statement: "SELECT -1, +2, 3.14", why: SHOWN },
    Difference { statement: "SELECT _utf8mb4'secret', N'secret'", why: SHOWN },
    Difference { statement: "SELECT q'[it's secret]'", why: SHOWN },
    Difference { statement: "SELECT * FROM ks.users WHERE id = 5b6962dd", why: SHOWN },
    Difference { statement: "SELECT * FROM t WHERE a LIKE \"%secret%\"", why: DOUBLE_QUOTES },
    Difference { statement: "SELECT * FROM `project.dataset.table`", why: DOUBLE_QUOTES },
    Difference { statement: "SELECT r\"secret\"", why: DOUBLE_QUOTES },
    Difference { statement: "SELECT explode(split(tags", why: DOUBLE_QUOTES },
    Difference { statement: r#"SELECT "id", "name" FROM "users""#, why: MAY_BE_TEXT },
    Difference { statement: r#"PRAGMA table_info("users")"#, why: MAY_BE_TEXT },
    Difference { statement: r#"SELECT "Name" FROM "Users""#, why: MAY_BE_TEXT },
    Difference { statement: "/* outer /* inner */", why: SHOWN },
    Difference { statement: "EXEC sp_who \"secret\"", why: DOUBLE_QUOTES },
];
