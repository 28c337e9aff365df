//! Tables: what databases understand, and how a text becomes a literal in it.
//!
//! Every piece is complete in itself: none opens what another closes, and a separator stands before each, so
//! that no word becomes the prefix of a literal.

/// The mark in every secret, and in nothing else.
pub const MARK: &str = "zqxj";

/// The same as a number.
pub const NUMBER: &str = "90817263";

/// Database systems that understand the same.
pub struct Speaker {
    pub systems: &'static [&'static str],
    /// Keys of statements in this language alone.
    pub places: &'static [&'static str],
    /// First words.
    pub starts: &'static [&'static str],
    pub separators: &'static [&'static str],
    /// Pieces without a secret.
    pub words: &'static [&'static str],
    /// Pieces around a secret.
    pub literals: &'static [Literal],
    /// Last words.
    pub end: &'static str,
}

/// A literal, or something else that must not be shown.
pub struct Literal {
    pub before: &'static str,
    /// Writes a secret between texts of the fuzzer.
    pub push: fn(&mut String, &str, &str),
    pub after: &'static str,
}

const fn literal(
    before: &'static str,
    push: fn(&mut String, &str, &str),
    after: &'static str,
) -> Literal {
    Literal { before, push, after }
}

/// Systems whose names mean something.
#[rustfmt::skip]
pub const ANY_SYSTEM: &[&str] = &[
    "", "postgresql", "mysql", "mssql", "oracle", "redshift", "sybase", "redis", "memcached", "mongodb", "opensearch",
    "who.knows", "cassandra",
];

#[rustfmt::skip]
pub const SPEAKERS: &[Speaker] = &[
    sql(&["postgresql", "postgres", "cockroachdb", "sqlite", "h2", "vertica", "cassandra"], POSTGRES),
    sql(&["oracle", "oracle.db", "db2", "ibm.db2"], ORACLE),
    sql(&["mssql", "microsoft.sql_server"], STANDARD),
    sql(&["mysql", "mariadb"], MYSQL),
    sql(&["redshift", "aws.redshift", "other_sql", "who.knows", "", "duckdb"], UNKNOWN),
    Speaker {
        systems: &["redis", "valkey", "memcached"],
        places: &["redis.raw_command", "valkey.raw_command", "memcached.command"],
        starts: &["SET k", "get", "HSET", "CONFIG SET", "auth", "FT.SEARCH", "eval", "client list"],
        separators: &[" ", "\nGET k ", "\n  mset ", " k "],
        words: &["k", "user:7", "EX", "*"],
        literals: &[
            literal("", plain, ""), literal("'", plain, "'"), literal("\"", plain, "\""), literal("user:", plain, ""),
            literal("{\"a\":\"", plain, "\"}"), literal("", number, ""), literal("-", number, ""),
        ],
        end: "",
    },
    Speaker {
        systems: &["mongodb", "elasticsearch", "opensearch"],
        places: &["mongodb.query", "elasticsearch.body", "opensearch.body"],
        starts: &["{\"find\":\"c\",\"filter\":{", "{\"query\":{\"a\":7,\"b\":{", "{\"update\": 1, \"q\":{ "],
        separators: &["\"a\":", "\"$match\" : ", "\"it's\":\n"],
        words: &["1,", "null,", "[],", "{\"$in\":[true]},"],
        literals: &[
            literal("\"", json, "\","), literal("[\"", json, "\",2],"), literal("{\"b\":\"", json, "\"},"),
            literal("", number, ","), literal("-0.", number, ","), literal("[[", number, "]],"),
        ],
        end: "\"z\":0}}",
    },
];

const fn sql(systems: &'static [&'static str], literals: &'static [Literal]) -> Speaker {
    Speaker {
        systems,
        places: &["sql.query"],
        starts: STARTS,
        separators: SEPARATORS,
        words: WORDS,
        literals,
        end: "",
    }
}

#[rustfmt::skip]
const STARTS: &[&str] = &[
    "SELECT a, b FROM t WHERE", "INSERT INTO t (a) VALUES (", "UPDATE t SET a =", "DELETE FROM t WHERE a IN (",
    "WITH x AS (SELECT 1)", "CALL p (a, b,", "EXEC proc_a a,", "CREATE TABLE t (a text DEFAULT",
];

#[rustfmt::skip]
const SEPARATORS: &[&str] = &[
    " ", "\n", "\t", ",", ", ", " = ", "=", "(", ")", " ) ", " < ", "<>", " + ", "+", " || ", ";", " ? ", "->>", "::",
];

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "SELECT", "FROM", "WHERE", "AND", "IN", "VALUES", "AS", "LIMIT", "SAVEPOINT", "LIKE", "BETWEEN", "NULL", "TRUE",
    "CASE", "END", "t.a", "t.*", "*", "?", ":name", "$1", "e", "q", "n", "\"t\".\"a\"", "`t`", "''", "7", "/* */",
    "a.b.c", "@v", "INTERVAL", "UNION ALL", "date", "é",
];

/// Literals of every system; a backslash is a character as any other.
#[rustfmt::skip]
const STANDARD: &[Literal] = &[
    literal("'", quoted, "'"), literal("N'", quoted, "'"), literal("x'", quoted, "'"), literal("DATE '", quoted, "'"),
    literal("'--", quoted, "'"), literal("'/*", quoted, "'"), literal("{d '", quoted, "'}"), literal("'$$", quoted, "'"),
    literal("/* ", block, " */"), literal("-- ", line, "\n"), literal("", number, ""), literal("-", number, ""),
    literal("0.", number, ""), literal("0x", number, ""), literal(".", number, "e5"), literal("('", quoted, "')"),
];

#[rustfmt::skip]
const POSTGRES: &[Literal] = &[
    literal("'", quoted, "'"), literal("N'", quoted, "'"), literal("E'", escaped, "'"), literal("e'", escaped, "'"),
    literal("$$", undollared, "$$"), literal("$tag$", undollared, "$tag$"), literal("$t$ $$ ", undollared, "$t$"),
    literal("U&'", quoted, "'"), literal("B'", quoted, "'"), literal("/* ", block, " */"), literal("-- ", line, "\n"),
    literal("", number, ""), literal("-", number, ""), literal("", number, ".5"), literal("ARRAY['", quoted, "']"),
];

#[rustfmt::skip]
const ORACLE: &[Literal] = &[
    literal("'", quoted, "'"), literal("q'[", unbracketed, "]'"), literal("Nq'{", unbracketed, "}'"),
    literal("Q'(", unbracketed, ")'"), literal("q'!", unbracketed, "!'"), literal("nq'<", unbracketed, ">'"),
    literal("/*+ ", block, " */"), literal("-- ", line, "\n"), literal("", number, ""), literal("TIMESTAMP '", quoted, "'"),
];

#[rustfmt::skip]
const MYSQL: &[Literal] = &[
    literal("'", escaped, "'"), literal("\"", escaped, "\""), literal("_utf8'", escaped, "'"), literal("N'", escaped, "'"),
    literal("# ", line, "\n"), literal("-- ", line, "\n"), literal("/* ", block, " */"), literal("", number, ""),
    literal("0b", number, ""), literal("\"it's ", escaped, "\""), literal("x'", escaped, "'"),
];

/// Literals that end where they end in every dialect.
#[rustfmt::skip]
const UNKNOWN: &[Literal] = &[
    literal("'", careful, "'"), literal("N'", careful, "'"), literal("E'", careful, "'"), literal("x'", careful, "'"),
    literal("$$", undollared, "$$"), literal("$tag$", undollared, "$tag$"), literal("q'[", unbracketed, "]'"),
    literal("/* ", block, " */"), literal("-- ", line, "\n"), literal("", number, ""), literal("-", number, ""),
];

/// Writes left text, secret and right text without these characters.
fn between(out: &mut String, left: &str, right: &str, is_left_out: impl Fn(char) -> bool) {
    out.extend(left.chars().filter(|c| !is_left_out(*c)));
    out.push_str(MARK);
    out.extend(right.chars().filter(|c| !is_left_out(*c)));
}

fn plain(out: &mut String, left: &str, right: &str) {
    between(out, left, right, |_| false);
}

/// A quote is doubled.
fn quoted(out: &mut String, left: &str, right: &str) {
    let [left, right] = [left, right].map(|text| text.replace('\'', "''"));
    between(out, &left, &right, |_| false);
}

/// A quote and a backslash have a backslash before them.
fn escaped(out: &mut String, left: &str, right: &str) {
    let [left, right] = [left, right]
        .map(|text| text.replace('\\', "\\\\").replace('\'', "\\'").replace('"', "\\\""));
    between(out, &left, &right, |_| false);
}

/// A quote is doubled, and there is no backslash.
fn careful(out: &mut String, left: &str, right: &str) {
    let [left, right] = [left, right].map(|text| text.replace('\'', "''"));
    between(out, &left, &right, |c| c == '\\');
}

fn undollared(out: &mut String, left: &str, right: &str) {
    between(out, left, right, |c| c == '$');
}

/// Quotes stay; what could end the literal before them does not.
fn unbracketed(out: &mut String, left: &str, right: &str) {
    between(out, left, right, |c| "[](){}<>!\\".contains(c));
}

fn block(out: &mut String, left: &str, right: &str) {
    between(out, left, right, |c| "*/".contains(c));
}

fn line(out: &mut String, left: &str, right: &str) {
    between(out, left, right, |c| "\r\n".contains(c));
}

fn json(out: &mut String, left: &str, right: &str) {
    for (text, mark) in [(left, MARK), (right, "")] {
        let text = serde_json::Value::from(text).to_string();
        out.push_str(&text[1..text.len() - 1]);
        out.push_str(mark);
    }
}

/// Writes a secret number, the right text as digits behind it.
fn number(out: &mut String, _: &str, right: &str) {
    out.push_str(NUMBER);
    out.extend(right.bytes().take(3).map(|byte| char::from(b'0' + byte % 10)));
}
