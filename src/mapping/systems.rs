//! Table: database systems, by all their names.
//!
//! A system decides the type of a span that calls it, and who can take the literals out of a statement.
//! Not here: how statements are read ([`super::obfuscate`]).

use super::normalize;
use super::obfuscate::{Dialect, Language};

/// Returns the row of a database system, which is compared normalised.
pub(super) fn find(name: &str, buffer: &mut String) -> &'static System {
    let name = normalize::tag_value(name, buffer);
    SYSTEMS.iter().find(|system| system.name == name).unwrap_or(&OTHER_DB)
}

/// A database system: its name, its native and its documented span type, and what it understands.
#[derive(Debug)]
pub(super) struct System {
    name: &'static str,
    pub(super) native: &'static str,
    pub(super) documented: &'static str,
    pub(super) language: Language,
}

/// A system without a row below.
static OTHER_DB: System = db("", "db", Language::Unknown);

const fn db(name: &'static str, native: &'static str, language: Language) -> System {
    System { name, native, documented: "db", language }
}

const fn cache(name: &'static str, native: &'static str) -> System {
    System { name, native, documented: "cache", language: Language::Commands }
}

/// A system of which the Agent knows that it speaks SQL.
const fn sql(name: &'static str, dialect: &'static Dialect) -> System {
    db(name, "sql", Language::Sql(dialect))
}

/// A system that speaks SQL, of which the Agent does not know.
const fn unseen(name: &'static str, dialect: &'static Dialect) -> System {
    db(name, "db", Language::Sql(dialect))
}

/// Database systems. The Agent's rows are `pkg/opentelemetry-mapping-go/otlp/attributes`, 7.85.
#[rustfmt::skip]
static SYSTEMS: &[System] = &[
    sql("adabas", Dialect::STANDARD), sql("cache", Dialect::QUOTING), sql("clickhouse", Dialect::CLICKHOUSE),
    sql("cloudscape", Dialect::STANDARD), sql("cockroachdb", Dialect::POSTGRES), sql("coldfusion", Dialect::UNKNOWN),
    sql("db2", Dialect::DB2), sql("derby", Dialect::STANDARD), sql("edb", Dialect::POSTGRES),
    sql("filemaker", Dialect::STANDARD), sql("firebird", Dialect::QUOTING), sql("firstsql", Dialect::STANDARD),
    sql("h2", Dialect::STANDARD), sql("hanadb", Dialect::STANDARD), sql("hsqldb", Dialect::STANDARD),
    sql("informix", Dialect::INFORMIX), sql("ingres", Dialect::STANDARD), sql("instantdb", Dialect::STANDARD),
    sql("interbase", Dialect::QUOTING), sql("mariadb", Dialect::MYSQL), sql("maxdb", Dialect::STANDARD),
    sql("mssql", Dialect::TRANSACT), sql("mysql", Dialect::MYSQL), sql("netezza", Dialect::STANDARD),
    sql("oracle", Dialect::ORACLE), sql("other_sql", Dialect::UNKNOWN), sql("pervasive", Dialect::STANDARD),
    sql("pointbase", Dialect::STANDARD), sql("postgresql", Dialect::POSTGRES), sql("progress", Dialect::QUOTING),
    sql("redshift", Dialect::REDSHIFT), sql("sqlite", Dialect::SQLITE), sql("sybase", Dialect::SYBASE),
    sql("teradata", Dialect::STANDARD), sql("vertica", Dialect::STANDARD),
    // The stable names of some of them, as the Agent has known them since 7.85 at the latest.
    sql("actian.ingres", Dialect::STANDARD), sql("aws.redshift", Dialect::REDSHIFT), sql("firebirdsql", Dialect::QUOTING),
    sql("h2database", Dialect::STANDARD), sql("ibm.db2", Dialect::DB2), sql("ibm.informix", Dialect::INFORMIX),
    sql("ibm.netezza", Dialect::STANDARD), sql("intersystems.cache", Dialect::QUOTING),
    sql("microsoft.sql_server", Dialect::TRANSACT), sql("oracle.db", Dialect::ORACLE),
    sql("sap.hana", Dialect::STANDARD), sql("sap.maxdb", Dialect::STANDARD), sql("softwareag.adabas", Dialect::STANDARD),
    // Names that the Agent does not know, common all the same.
    unseen("access", Dialect::ACCESS), unseen("msaccess", Dialect::ACCESS),
    unseen("bigquery", Dialect::BIGQUERY), unseen("gcp.bigquery", Dialect::BIGQUERY),
    unseen("databricks", Dialect::HIVE), unseen("hive", Dialect::HIVE), unseen("spark", Dialect::HIVE),
    unseen("duckdb", Dialect::POSTGRES), unseen("pgsql", Dialect::POSTGRES), unseen("postgres", Dialect::POSTGRES),
    unseen("libsql", Dialect::SQLITE), unseen("sqlcipher", Dialect::SQLITE), unseen("turso", Dialect::SQLITE),
    unseen("gcp.spanner", Dialect::UNKNOWN), unseen("spanner", Dialect::UNKNOWN),
    unseen("snowflake", Dialect::SNOWFLAKE), unseen("sqlserver", Dialect::TRANSACT), unseen("tidb", Dialect::MYSQL),
    unseen("trino", Dialect::STANDARD),
    db("cassandra", "cassandra", Language::Sql(Dialect::CASSANDRA)),
    db("elasticsearch", "elasticsearch", Language::Json), db("mongodb", "mongodb", Language::Json),
    db("opensearch", "opensearch", Language::Json),
    cache("memcached", "memcached"), cache("redis", "redis"), cache("valkey", "db"),
];

/// Returns the table as Markdown, for the page `src/docs/mapping.md`: a row for all systems that are alike.
#[cfg(test)]
pub(super) fn reference() -> String {
    use super::reference::{code, table};

    let mut rows: Vec<[String; 4]> = Vec::new();
    for system in SYSTEMS.iter().chain([&OTHER_DB]) {
        let name = if system.name.is_empty() { "any other".to_owned() } else { code(system.name) };
        let alike = [code(system.documented), code(system.native), language(system.language)];
        let row = rows.iter_mut().find(|row| row[1..] == alike && !system.name.is_empty());
        if let Some([names, ..]) = row {
            *names = [names, ", ", &*name].concat();
        } else {
            let [documented, native, language] = alike;
            rows.push([name, documented, native, language]);
        }
    }
    table(["database system", "`SpanTypes::Documented`", "`SpanTypes::Agent`", "read as"], rows)
}

#[cfg(test)]
fn language(language: Language) -> String {
    const DIALECTS: [(&Dialect, &str); 16] = [
        (Dialect::ACCESS, "SQL of Access"),
        (Dialect::BIGQUERY, "SQL of BigQuery"),
        (Dialect::CASSANDRA, "CQL"),
        (Dialect::CLICKHOUSE, "SQL of ClickHouse"),
        (Dialect::DB2, "SQL of DB2"),
        (Dialect::HIVE, "SQL of Hive and Spark"),
        (Dialect::INFORMIX, "SQL of Informix"),
        (Dialect::MYSQL, "SQL of MySQL"),
        (Dialect::ORACLE, "SQL of Oracle"),
        (Dialect::POSTGRES, "SQL of PostgreSQL"),
        (Dialect::REDSHIFT, "SQL of Redshift"),
        (Dialect::SNOWFLAKE, "SQL of Snowflake"),
        (Dialect::SQLITE, "SQL of SQLite"),
        (Dialect::SYBASE, "Transact-SQL of Sybase"),
        (Dialect::TRANSACT, "Transact-SQL"),
        (Dialect::UNKNOWN, "SQL of any dialect"),
    ];
    let text = match language {
        Language::Sql(dialect) if dialect == Dialect::QUOTING => {
            "SQL, double quotes as an option decides"
        }
        Language::Sql(dialect) => {
            DIALECTS.iter().find(|(known, _)| *known == dialect).map_or("SQL", |(_, text)| text)
        }
        Language::Commands => "commands",
        Language::Json => "JSON",
        Language::Unknown => "SQL if it looks like it",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_types_are_two_of_the_documented_four() {
        for system in SYSTEMS.iter().chain([&OTHER_DB]) {
            assert!(["db", "cache"].contains(&system.documented), "{system:?}");
        }
    }

    #[test]
    fn each_name_has_one_row_and_is_found_in_any_case() {
        let mut buffer = String::new();
        for system in SYSTEMS {
            let found = find(&system.name.to_uppercase(), &mut buffer);
            assert!(std::ptr::eq(found, system), "{system:?}");
        }
        assert_eq!(find("who knows", &mut buffer).native, "db");
    }

    #[test]
    fn every_system_whose_sql_the_agent_obfuscates_has_a_dialect() {
        let sql = SYSTEMS.iter().filter(|system| ["sql", "cassandra"].contains(&system.native));
        for system in sql {
            assert!(matches!(system.language, Language::Sql(_)), "{system:?}");
        }
    }
}
