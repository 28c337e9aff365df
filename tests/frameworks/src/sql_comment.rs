//! Comments before statements under sqlx, with SQLite in memory: one place that writes them, and what the two modes
//! do to prepared statements.

use sqlx::Connection as _;

use crate::Outcome;

// snippet: sqlx with Database Monitoring
use opentelemetry_datadog_agent::{SqlComment, SqlCommentMode};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use tracing::instrument;

/// Runs a statement with the comment of Database Monitoring before it. The span has the statement without it.
#[instrument(
    name = "query",
    err,
    skip_all,
    fields(otel.kind = "client", db.system.name = "sqlite", db.query.text = sql)
)]
async fn execute(
    connection: &mut SqliteConnection,
    comment: &SqlComment,
    mode: SqlCommentMode,
    sql: &str,
) -> sqlx::Result<u64> {
    let text = comment.clone().with_mode(mode).before(sql).into_owned();
    // In the full mode no text comes twice: it is not worth a place in the cache.
    let is_persistent = mode != SqlCommentMode::Full;
    let query = sqlx::query(AssertSqlSafe(text)).persistent(is_persistent);
    Ok(query.execute(connection).await?.rows_affected())
}
// end

/// Runs a statement three times in each mode.
pub(crate) async fn run() -> Outcome {
    const SQL: &str = "SELECT 'SECRET'";
    let mut connection = SqliteConnection::connect("sqlite::memory:").await?;
    let comment = SqlComment::from_env().with_service("shop").with_database_service("orders-db");
    for (mode, cached) in [(SqlCommentMode::Service, 1), (SqlCommentMode::Full, 0)] {
        connection.clear_cached_statements().await?;
        for _ in 0..3 {
            execute(&mut connection, &comment, mode, SQL).await?;
        }
        let found = connection.cached_statements_size();
        if found != cached {
            return Err(format!("{mode:?}: {found} statements are cached, not {cached}").into());
        }
    }
    Ok(connection.close().await?)
}

/// Returns what is wrong with the spans that arrived.
pub(crate) fn faults(spans: &[datadog_test_agent::ReceivedSpan]) -> Vec<String> {
    let mut faults = Vec::new();
    let tag = |at: usize, key: &str| spans[at].meta.get(key).map_or("", String::as_str);
    if spans.len() != 6 {
        return vec![format!("{} spans, not 6", spans.len())];
    }
    let injected = (0..6).filter(|at| tag(*at, "_dd.dbm_trace_injected") == "true").count();
    if injected != 3 {
        faults.push(format!("{injected} spans say that their trace is in the statement, not 3"));
    }
    for (at, span) in spans.iter().enumerate() {
        if span.resource != "SELECT ?" || tag(at, "db.query.text") != "SELECT ?" {
            faults.push(format!("the resource is {:?}", span.resource));
        }
        let events = tag(at, "events");
        if !events.contains("SELECT ?") || events.contains("dddbs") || events.contains("SECRET") {
            faults.push(format!("the event of sqlx is {events}"));
        }
    }
    faults
}
