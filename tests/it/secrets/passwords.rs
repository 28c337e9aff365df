//! Passwords in statements, however they are quoted: they are literals, whatever they look like.

use proptest::prelude::*;
use proptest::sample::select;

use super::{PLACES, for_all, secret, shows_no_secret};

/// Systems, and statements of theirs with a password in place of `¤`.
#[rustfmt::skip]
const STATEMENTS: &[(&[&str], &[&str])] = &[
    (&["oracle", "oracle.db", "other_sql"], &[
        "ALTER USER u IDENTIFIED BY ¤", "ALTER USER u IDENTIFIED BY ¤ REPLACE ¤ ACCOUNT UNLOCK",
        "CREATE USER u IDENTIFIED BY VALUES ¤", "CREATE USER \"U\" IDENTIFIED /* x */ BY ¤ DEFAULT TABLESPACE t",
        "GRANT CONNECT TO a, b IDENTIFIED BY ¤, ¤", "SET ROLE r IDENTIFIED BY ¤, s IDENTIFIED BY ¤",
        "CREATE DATABASE LINK l CONNECT TO u IDENTIFIED BY ¤ USING 'x'", "CREATE ROLE r IDENTIFIED BY ¤",
        "CREATE PUBLIC DATABASE LINK l CONNECT TO u IDENTIFIED BY ¤ AUTHENTICATED BY u IDENTIFIED BY ¤",
        "ADMINISTER KEY MANAGEMENT SET KEYSTORE OPEN IDENTIFIED BY ¤",
        "ADMINISTER KEY MANAGEMENT ALTER KEYSTORE PASSWORD IDENTIFIED BY ¤ SET ¤ WITH BACKUP",
        "ALTER SYSTEM SET ENCRYPTION WALLET OPEN IDENTIFIED BY ¤", "CONNECT scott/¤@db",
        "CREATE TABLE t (a NUMBER, b VARCHAR2(9) ENCRYPT USING 'x' IDENTIFIED BY ¤, c DATE)",
    ]),
    (&["sqlite", "libsql", "turso", "sqlcipher", "other_sql", "who.knows"], &[
        "PRAGMA key=¤", "PRAGMA key = ¤;", "PRAGMA rekey = ¤", "pragma hexkey(¤)", "PRAGMA main.key = ¤",
        "PRAGMA cipher_salt = ¤", "ATTACH DATABASE 'x' AS y KEY ¤", "attach 'x' as y key ¤",
        "SELECT 1; PRAGMA key = ¤; SELECT 2",
    ]),
    (&["mssql", "microsoft.sql_server", "sybase", "other_sql"], &[
        "CREATE LOGIN u WITH PASSWORD = ¤", "CREATE LOGIN u WITH PASSWORD = ¤ MUST_CHANGE, CHECK_POLICY = ON",
        "ALTER LOGIN u WITH PASSWORD = ¤ OLD_PASSWORD = ¤", "ALTER LOGIN u WITH PASSWORD ¤ MODIFY PASSWORD ¤",
        "CREATE CREDENTIAL c WITH IDENTITY = ¤, SECRET = ¤", "CREATE MASTER KEY ENCRYPTION BY PASSWORD = ¤",
        "OPEN MASTER KEY DECRYPTION BY PASSWORD = ¤", "OPEN SYMMETRIC KEY k DECRYPTION BY PASSWORD = ¤",
        "CREATE APPLICATION ROLE r WITH PASSWORD = ¤", "CREATE ROLE r WITH PASSWD ¤", "SET ROLE r WITH PASSWD ¤ ON",
        "CREATE DATABASE SCOPED CREDENTIAL c WITH IDENTITY = 'x', SECRET = ¤", "USE a ALTER LOGIN u WITH PASSWORD = ¤",
        "sp_addlogin u, ¤", "EXEC sp_addlogin ¤, ¤", "EXEC master.dbo.sp_password NULL, ¤, u", "EXEC p @a = ¤, @b = ¤ OUTPUT",
        "EXEC @rc = [a].[dbo].[p] ¤", "INSERT INTO t EXEC p ¤", "SET NOCOUNT ON EXEC p ¤", "BACKUP DATABASE d WITH PASSWORD = ¤",
    ]),
    (&["postgresql", "cockroachdb", "vertica", "redshift", "snowflake", "h2", "hsqldb", "hanadb", "maxdb", "who.knows"], &[
        "CREATE USER u WITH PASSWORD ¤", "ALTER ROLE u ENCRYPTED PASSWORD ¤ VALID UNTIL 'x'", "ALTER USER u PASSWORD ¤",
        "ALTER USER u SET PASSWORD ¤", "CREATE USER u PASSWORD ¤ ADMIN", "CREATE USER IF NOT EXISTS u PASSWORD = ¤",
        "CREATE USER MAPPING FOR u SERVER s OPTIONS (user ¤, password ¤)", "SET app.token = ¤", "SET LOCAL app.jwt TO ¤",
        "CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (password ¤)", "SET PASSWORD ¤", "ALTER PASSWORD ¤ TO ¤",
        "CONNECT u PASSWORD ¤", "CREATE STAGE s CREDENTIALS = (AWS_KEY_ID = 'x' AWS_SECRET_KEY = '§')",
        "CREATE SUBSCRIPTION s CONNECTION 'host=x password=§' PUBLICATION p", "SELECT dblink('host=x password=§')",
        "COPY t FROM 's3://x' CREDENTIALS 'aws_access_key_id=§;aws_secret_access_key=§'", "EXECUTE p(¤)", "CALL p(¤, ¤)",
    ]),
    (&["mysql", "mariadb", "clickhouse", "tidb", "other_sql"], &[
        "CREATE USER 'u'@'h' IDENTIFIED WITH mysql_native_password BY ¤", "ALTER USER u IDENTIFIED BY ¤ REPLACE ¤",
        "SET PASSWORD = ¤", "SET PASSWORD FOR 'u'@'h' = PASSWORD(¤)", "GRANT ALL ON *.* TO u IDENTIFIED BY PASSWORD ¤",
        "CHANGE MASTER TO MASTER_HOST='h', MASTER_PASSWORD=¤", "CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD=¤",
        "CREATE USER u IDENTIFIED VIA ed25519 USING ¤", "CREATE USER u IDENTIFIED WITH sha256_password BY ¤ HOST LOCAL",
        "START SLAVE USER='u' PASSWORD=¤", "CLONE INSTANCE FROM u@h:3306 IDENTIFIED BY ¤",
    ]),
    (&["cassandra", "other_sql"], &["CREATE ROLE r WITH PASSWORD = ¤ AND LOGIN = true", "ALTER USER u WITH PASSWORD ¤"]),
    (&["teradata", "other_sql"], &["CREATE USER u AS PASSWORD = ¤, PERM = 1e9", "MODIFY USER u AS PASSWORD = (¤)", "LOGON x/u,¤"]),
    (&["db2", "informix", "firebird", "other_sql"], &[
        "CONNECT TO d USER u USING ¤", "SET ENCRYPTION PASSWORD = ¤", "SET ENCRYPTION PASSWORD ¤",
        "CONNECT 'd' USER u PASSWORD ¤", "CREATE USER u PASSWORD ¤",
    ]),
    (&["access", "other_sql"], &["ALTER DATABASE PASSWORD ¤ ¤", "CREATE USER u ¤ ¤", "ALTER USER u PASSWORD ¤ ¤"]),
    (&["intersystems.cache", "other_sql"], &["ALTER USER u IDENTIFY BY ¤"]),
    (&["hive", "spark", "databricks", "other_sql"], &["SET fs.s3a.secret.key=¤", "SET spark.x = ¤"]),
    (&["duckdb", "other_sql"], &[
        "CREATE SECRET s (TYPE s3, KEY_ID ¤, SECRET ¤)", "CREATE OR REPLACE PERSISTENT SECRET (TYPE s3, KEY_ID ¤)",
        "ATTACH 'x' AS y (TYPE sqlite, ENCRYPTION_KEY ¤)",
    ]),
    (&["clickhouse", "other_sql"], &[
        "INSERT INTO t FORMAT CSV 1,§", "INSERT INTO t (a, b) SETTINGS x = 1 FORMAT TSV\n1\t§", "INSERT INTO t FORMAT Values (1, §)",
        "INSERT INTO t FORMAT JSONEachRow {\"a\": \"§\"}", "SELECT 1; INSERT INTO t FORMAT CSV\nit's,§",
    ]),
    (&["postgresql", "other_sql"], &[
        "COPY t FROM stdin;\n1\t§\n\\.\n", "COPY users (id, password) FROM STDIN WITH (FORMAT csv);\n1,§", "COPY t FROM STDIN CSV 1,§",
    ]),
];

/// The ways to write a password.
const STYLES: &[&str] = &["§", "'§'", "\"§\"", "N'§'", "'it''s § \" x'"];

#[test]
fn no_password_is_in_the_body_however_it_is_quoted() {
    let cases = STATEMENTS.iter().flat_map(|(systems, statements)| {
        systems.iter().flat_map(|system| statements.iter().map(|text| (*system, *text)))
    });
    let cases: Vec<_> = cases.collect();
    let texts = (select(cases), select(STYLES), secret(), any::<bool>());
    let texts = texts.prop_map(|((system, statement), style, secret, is_lower)| {
        let text = statement.replace('¤', style);
        let text = if is_lower { text.to_lowercase() } else { text };
        (system, text.replace('§', &secret))
    });
    for_all(texts, PLACES, shows_no_secret);
}
