//! redis, with a real server on a socket of its own.

use crate::Outcome;
use crate::servers::redis::RedisServer;

// snippet: redis
use redis::{Arg, Cmd, FromRedisValue, RedisResult, aio::MultiplexedConnection};
use tracing::{Span, field::Empty, instrument};

/// Runs a command in a span. The driver itself says nothing to `tracing`.
#[instrument(
    name = "command",
    err,
    skip_all,
    fields(otel.kind = "client", db.system.name = "redis", db.query.text = Empty)
)]
async fn query<T: FromRedisValue>(
    redis: &mut MultiplexedConnection,
    command: &Cmd,
) -> RedisResult<T> {
    let words: Vec<_> = command
        .args_iter()
        .filter_map(|argument| match argument {
            Arg::Simple(bytes) => Some(String::from_utf8_lossy(bytes)),
            _ => None,
        })
        .collect();
    Span::current().record("db.query.text", words.join(" ")); // its first word arrives
    command.query_async(redis).await
}
// end

pub(crate) async fn run() -> Outcome {
    let server = RedisServer::start().await?;
    let mut redis = redis::Client::open(server.url())?.get_multiplexed_async_connection().await?;
    () = query(&mut redis, redis::cmd("SET").arg("order:7").arg("SECRET")).await?;
    let item: String = query(&mut redis, redis::cmd("GET").arg("order:7")).await?;
    let failed = query::<()>(&mut redis, redis::cmd("LPUSH").arg("order:7").arg("SECRET")).await;
    if item != "SECRET" {
        return Err(format!("redis has {item}").into());
    }
    if failed.is_err() { Ok(()) } else { Err("a text was taken for a list".into()) }
}
