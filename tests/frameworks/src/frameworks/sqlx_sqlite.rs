//! sqlx with SQLite in memory.

use sqlx::sqlite::SqlitePoolOptions;

use crate::Outcome;

// snippet: sqlx
use sqlx::{AssertSqlSafe, SqlitePool};
use tracing::instrument;

/// Runs a statement in a span. sqlx itself makes events only, one for each statement.
#[instrument(
    name = "query",
    err,
    skip_all,
    fields(otel.kind = "client", db.system.name = "sqlite", db.namespace = "shop", db.query.text = sql)
)]
async fn execute(pool: &SqlitePool, sql: &str) -> sqlx::Result<u64> {
    Ok(sqlx::query(AssertSqlSafe(sql)).execute(pool).await?.rows_affected())
}
// end

/// Statements in which a literal is easy to miss: behind an apostrophe in a name, in a comment, as a password. The
/// last one fails.
const STATEMENTS: [&str; 5] = [
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT)",
    "INSERT INTO orders (id, item) VALUES (7, 'SECRET') -- not SECRET",
    "SELECT id AS [it's], item FROM orders WHERE item = 'SECRET'",
    "PRAGMA key='SECRET'",
    "INSERT INTO orders (id, item) VALUES (7, 'SECRET')",
];

pub(crate) async fn run() -> Outcome {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
    let [works @ .., fails] = STATEMENTS;
    for sql in works {
        execute(&pool, sql).await?;
    }
    let failed = execute(&pool, fails).await;
    pool.close().await;
    if failed.is_err() { Ok(()) } else { Err("one id twice was accepted".into()) }
}
