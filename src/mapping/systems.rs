//! Table: database systems, by all their names.
//!
//! A system decides the type of a span that calls it, and who can take the literals out of a statement.
//! Not here: how statements are read ([`super::obfuscate`]).

use super::hash::Hashed;
use super::normalize;
use super::obfuscate::{Dialect, Language};

/// Returns the row of a database system, which is compared normalised.
pub(super) fn find(name: &str, buffer: &mut String) -> &'static System {
    let name = normalize::tag_value(name, buffer);
    let wanted = Hashed::of(name).hash;
    let row = HASHES.iter().position(|hash| *hash == wanted);
    row.map(|row| &SYSTEMS[row]).filter(|system| system.name == name).unwrap_or(&OTHER_DB)
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
const fn sql(name: &'static str) -> System {
    db(name, "sql", Language::Sql(Dialect::STANDARD))
}

const fn hashed(name: &'static str) -> System {
    db(name, "sql", Language::Sql(Dialect::HASHED))
}

const fn quoting(name: &'static str) -> System {
    db(name, "sql", Language::Sql(Dialect::QUOTING))
}

const fn escaping(name: &'static str) -> System {
    db(name, "sql", Language::Sql(Dialect::ESCAPING))
}

/// A system that speaks SQL, of which the Agent does not know.
const fn unseen(name: &'static str, dialect: Dialect) -> System {
    db(name, "db", Language::Sql(dialect))
}

const MYSQL: Language = Language::Sql(Dialect::MYSQL);
const TRANSACT: Language = Language::Sql(Dialect::TRANSACT);

/// Database systems. The Agent's rows are `pkg/opentelemetry-mapping-go/otlp/attributes`, 7.85.
#[rustfmt::skip]
static SYSTEMS: &[System] = &[
    sql("adabas"), sql("cache"), db("clickhouse", "sql", MYSQL), sql("cloudscape"), sql("cockroachdb"),
    sql("coldfusion"), hashed("db2"), sql("derby"), sql("edb"), sql("filemaker"), sql("firebird"), sql("firstsql"),
    sql("h2"), sql("hanadb"), sql("hsqldb"), quoting("informix"), sql("ingres"), sql("instantdb"), sql("interbase"),
    db("mariadb", "sql", MYSQL), sql("maxdb"), db("mssql", "sql", TRANSACT), db("mysql", "sql", MYSQL),
    sql("netezza"), hashed("oracle"), db("other_sql", "sql", Language::Sql(Dialect::UNKNOWN)), sql("pervasive"),
    sql("pointbase"), sql("postgresql"), sql("progress"), escaping("redshift"), sql("sqlite"),
    quoting("sybase"), sql("teradata"), sql("vertica"),
    // The stable names of some of them, as the Agent has known them since 7.85 at the latest.
    sql("actian.ingres"), escaping("aws.redshift"), sql("firebirdsql"), sql("h2database"), hashed("ibm.db2"),
    quoting("ibm.informix"), sql("ibm.netezza"), sql("intersystems.cache"), db("microsoft.sql_server", "sql", TRANSACT),
    hashed("oracle.db"), sql("sap.hana"), sql("sap.maxdb"), sql("softwareag.adabas"),
    // Names that the Agent does not know, common all the same.
    unseen("postgres", Dialect::STANDARD), unseen("pgsql", Dialect::STANDARD), unseen("trino", Dialect::STANDARD),
    unseen("snowflake", Dialect::UNKNOWN), unseen("gcp.spanner", Dialect::UNKNOWN), unseen("spanner", Dialect::UNKNOWN),
    unseen("bigquery", Dialect::MYSQL), unseen("hive", Dialect::MYSQL), unseen("tidb", Dialect::MYSQL),
    unseen("sqlserver", Dialect::TRANSACT),
    db("cassandra", "cassandra", Language::Sql(Dialect::STANDARD)),
    db("elasticsearch", "elasticsearch", Language::Json), db("mongodb", "mongodb", Language::Json),
    db("opensearch", "opensearch", Language::Json),
    cache("memcached", "memcached"), cache("redis", "redis"), cache("valkey", "db"),
];

/// The hashes of the names: to compare these takes a third of the time (callgrind).
static HASHES: [u64; SYSTEMS.len()] = {
    let (mut hashes, mut row) = ([0; SYSTEMS.len()], 0);
    while row < SYSTEMS.len() {
        hashes[row] = Hashed::of(SYSTEMS[row].name).hash;
        row += 1;
    }
    hashes
};

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
    let text = match language {
        Language::Sql(Dialect::MYSQL) => "SQL of MySQL",
        Language::Sql(Dialect::TRANSACT) => "Transact-SQL",
        Language::Sql(Dialect::UNKNOWN) => "SQL of any dialect",
        Language::Sql(_) => "SQL",
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
    fn what_the_agent_obfuscates_is_read_here_too() {
        let sql = SYSTEMS.iter().filter(|system| ["sql", "cassandra"].contains(&system.native));
        for system in sql {
            assert!(matches!(system.language, Language::Sql(_)), "{system:?}");
        }
    }
}
