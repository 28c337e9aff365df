//! A count of the bytes that were looked at, for tests: time grows with it, and no clock can tell as much.

#[cfg(test)]
std::thread_local! {
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts bytes, in tests.
#[inline]
pub(super) fn count(bytes: usize) {
    #[cfg(test)]
    STEPS.with(|steps| steps.set(steps.get() + bytes + 1));
    #[cfg(not(test))]
    let _ = bytes;
}

/// Returns the bytes that a function looks at.
#[cfg(test)]
pub(super) fn of(work: impl FnOnce()) -> usize {
    STEPS.with(|steps| steps.set(0));
    work();
    STEPS.with(std::cell::Cell::get)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::obfuscate::{
        Dialect, Language, MAX_READ, MAX_WRITTEN, guard, push_statement,
    };

    /// Texts in other languages than SQL: a beginning, and the piece that is repeated behind it.
    #[rustfmt::skip]
    const REPEATED: &[(Language, &str, &str)] = &[
        (Language::Json,     "",           "{} "),
        (Language::Json,     "",           "{}"),
        (Language::Json,     "",           "{\"index\":{}}\n{\"a\":\"secret\"}\n"),
        (Language::Json,     "[",          "{\"a\":[1,2]},"),
        (Language::Json,     "",           "[["),
        (Language::Json,     "",           "{\"a\":"),
        (Language::Json,     "{\"a\":\"",  "\\\""),
        (Language::Commands, "",           "GET a\n"),
        (Language::Commands, "",           "secret\n"),
        (Language::Commands, "GET ",       "a "),
    ];

    /// Pieces that are repeated in a statement of each dialect.
    #[rustfmt::skip]
    const PIECES: &[&str] = &[
        "a ", "a, ", "1, ", "'a', ", r"'a\'", r"'a\', ", r"'a\\', ", r#""a", "#, r#""a\" "#, r#""a"."#, "\"", "'", "'''",
        r#"""" "#, "`", "`a` = `b` ", "[", "]", "[a] ", "[a]] ", "[']", "{", "{ }", "{a:", "}", "(", r#"("a" "#, ")", "$",
        "$$ ", "$a$ ", "$a", "/*", "/* ", "*/", "/* */", "/*! ", "/", "// \n", "--", "-- \n", "-- \r", "--a\n", "#", "# \n",
        r"E'\' ", "e'a' ", "q'[", "q'a' ", r"r'\' ", "%(", "%(a", "%s", ":a ", ":", r"\", "a.", "a;", "EXEC a ",
        "INSERT INTO a (", "FORMAT a ", "IDENTIFIED BY a ", "SET a=", "CREATE USER a ", "é", "“", "\u{2028}", "5b6962dd-",
        "1e", "1e+", "<", "=>", "AS [",
    ];

    const DIALECTS: [&Dialect; 6] = [
        Dialect::UNKNOWN,
        Dialect::POSTGRES,
        Dialect::MYSQL,
        Dialect::SQLITE,
        Dialect::ORACLE,
        Dialect::CLICKHOUSE,
    ];

    /// The bytes of a short text, and of one four times as long.
    const LENGTHS: [usize; 2] = [4 * 1_024, 16 * 1_024];

    /// The bytes of a text that is longer than what is read.
    const LONG: usize = 2 * MAX_READ;

    /// The most that a byte is looked at.
    const MAX_LOOKS: usize = 20;

    /// Returns the bytes that are looked at in a text of repeated pieces.
    fn steps(language: Language, start: &str, piece: &str, length: usize) -> usize {
        let text = start.to_owned() + &piece.repeat(length / piece.len());
        let mut out = String::new();
        of(|| {
            push_statement(&mut out, &text, language);
            guard(&mut out, &text, language);
        })
    }

    #[test]
    fn time_is_linear_in_the_text() {
        let of_sql = PIECES.iter().flat_map(|piece| {
            DIALECTS.into_iter().map(|dialect| (Language::Sql(dialect), "SELECT ", *piece))
        });
        for (language, start, piece) in REPEATED.iter().copied().chain(of_sql) {
            let [short, long] = LENGTHS.map(|length| steps(language, start, piece, length));
            assert!(long <= 5 * short + 1_000, "{piece:?} {language:?}: {short} {long}");
        }
    }

    #[test]
    fn of_a_long_text_no_more_is_read_than_is_needed() {
        let of_sql = ["a ", "1, ", "'a', ", "\"a\" ", "/* */", "a;", "'"].into_iter();
        let of_sql = of_sql.map(|piece| (Language::Sql(Dialect::UNKNOWN), "SELECT ", piece));
        for (language, start, piece) in REPEATED.iter().copied().chain(of_sql) {
            let steps = steps(language, start, piece, LONG);
            assert!(steps <= MAX_LOOKS * MAX_READ, "{piece:?} {language:?}: {steps}");
        }
    }

    #[test]
    fn a_long_text_is_cut_without_a_literal() {
        let values = "('secret', 'it''s secret', 5), ".repeat(100_000);
        let mut out = String::new();
        let text = format!("INSERT INTO t (a, b, c) VALUES {values} (1, 2, 3) RETURNING a");
        assert!(push_statement(&mut out, &text, Language::Sql(Dialect::STANDARD)));
        assert!(out.starts_with("INSERT INTO t ( a, b, c ) VALUES ( ?"), "{out}");
        assert!(!out.contains("secret"), "{out}");

        let (mut out, text) =
            (String::new(), "{\"index\":{}}\n{\"a\":\"secret\"}\n".repeat(100_000));
        assert!(push_statement(&mut out, &text, Language::Json));
        assert!(out.starts_with("{\"index\":{}} {\"a\":\"?\"} {"), "{out}");
        assert!(!out.contains("secret"), "{out}");
        assert!((MAX_WRITTEN..MAX_WRITTEN + 1_024).contains(&out.len()));
    }
}
