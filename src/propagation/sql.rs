//! [`SqlComment`]: the comment before a statement by which Database Monitoring knows the service and the trace.
//!
//! Source: `DataDog/dd-trace-go` 2.12, `ddtrace/tracer/sqlcomment.go`, for keys, order and encoding.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue, otel_warn};

use super::settings::SqlSettings;
use crate::config::Unified;
use crate::deferred::Deferred;

/// The tag of a span whose trace stands in a statement.
const INJECTED: &str = "_dd.dbm_trace_injected";

/// The amount of tags in a comment: `DD_DBM_PROPAGATION_MODE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqlCommentMode {
    /// Nothing: statements stay as they are.
    #[default]
    Disabled,
    /// Services, environment and database. The text of a statement stays the same from call to call, so databases and
    /// drivers keep their prepared statements.
    Service,
    /// The trace and the span, too: each call has another text. See [`SqlComment`] for what that costs.
    Full,
}

/// Writes comments before SQL statements, by which Datadog's Database Monitoring links a query in the database to the
/// service, and in the mode [`Full`](SqlCommentMode::Full) to its trace.
///
/// In that mode the span of the context gets the attribute `_dd.dbm_trace_injected`. Give the span of the query
/// the statement without the comment; where a driver reports the whole text, the exporter takes the comment out with
/// the literals.
///
/// # Cost of the full mode
///
/// Each call has a text of its own, so no prepared statement is used twice: the database parses and plans each
/// time, and a driver that caches them fills its cache. With `sqlx` add `.persistent(false)` to such a query.
///
/// # Examples
///
/// ```
/// use opentelemetry_datadog_agent::{SqlComment, SqlCommentMode};
///
/// let comment = SqlComment::new()
///     .with_mode(SqlCommentMode::Service)
///     .with_service("checkout")
///     .with_env("prod")
///     .with_database_service("orders-db");
/// let sql = comment.before("SELECT 1");
/// assert_eq!(sql, "/*dddbs='orders-db',dde='prod',ddps='checkout'*/ SELECT 1");
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "it writes comments for those who ask"]
pub struct SqlComment {
    mode: SqlCommentMode,
    unified: Unified,
    database_service: Option<String>,
    host: Option<String>,
    database: Option<String>,
    peer_service: Option<String>,
    /// Warnings about variables, until somebody can hear them.
    warnings: Arc<Deferred<Vec<String>>>,
}

impl SqlComment {
    /// Returns comments without anything in them, in the mode [`Disabled`](SqlCommentMode::Disabled). Reads no variable.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the mode from `DD_DBM_PROPAGATION_MODE` (`disabled`, the default, `service` or `full`), and service, env and
    /// version from `DD_SERVICE`, `DD_ENV`, `DD_VERSION` and `DD_TAGS`. A bad variable is one warning, at the first use.
    pub fn from_env() -> Self {
        let SqlSettings { mode, unified, warnings } = SqlSettings::of_process();
        Self { mode, unified, warnings: Arc::new(Deferred::new(warnings)), ..Self::default() }
    }

    /// Sets the mode.
    pub fn with_mode(mut self, mode: SqlCommentMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the service. It must be that of the exporter, or Datadog links nothing.
    pub fn with_service(mut self, service: impl Into<String>) -> Self {
        self.unified.service = Some(service.into());
        self
    }

    /// Sets the environment. It must be that of the exporter, or Datadog links nothing.
    pub fn with_env(mut self, env: impl Into<String>) -> Self {
        self.unified.env = Some(env.into());
        self
    }

    /// Sets the version. It must be that of the exporter, or Datadog links nothing.
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.unified.version = Some(version.into());
        self
    }

    /// Sets the service that the spans of the database have. Otherwise that of the application.
    pub fn with_database_service(mut self, service: impl Into<String>) -> Self {
        self.database_service = Some(service.into());
        self
    }

    /// Sets the host of the database.
    pub fn with_host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Sets the name of the database.
    pub fn with_database(mut self, database: impl Into<String>) -> Self {
        self.database = Some(database.into());
        self
    }

    /// Sets the service on the other side, `peer.service`.
    pub fn with_peer_service(mut self, service: impl Into<String>) -> Self {
        self.peer_service = Some(service.into());
        self
    }

    /// Returns a statement with the comment before it, for the current span.
    pub fn before<'s>(&self, statement: &'s str) -> Cow<'s, str> {
        Context::map_current(|cx| self.before_in(cx, statement))
    }

    /// Returns a statement with the comment before it, for the span of a context.
    pub fn before_in<'s>(&self, cx: &Context, statement: &'s str) -> Cow<'s, str> {
        self.say_warnings();
        if self.mode == SqlCommentMode::Disabled {
            return statement.into();
        }
        let mut comment = Comment("/*".to_owned());
        let Unified { service, env, version } = &self.unified;
        comment.push("dddbs", self.database_service.as_ref().or(service.as_ref()));
        comment.push("dde", env.as_ref());
        comment.push("ddps", service.as_ref());
        comment.push("ddpv", version.as_ref());
        let span = cx.span();
        let context = span.span_context();
        if self.mode == SqlCommentMode::Full && context.is_valid() {
            let (trace, id) = (context.trace_id(), context.span_id());
            let flags = u8::from(context.is_sampled());
            comment.push("traceparent", Some(&format!("00-{trace}-{id}-{flags:02x}")));
            span.set_attribute(KeyValue::new(INJECTED, "true"));
        }
        comment.push("ddh", self.host.as_ref());
        comment.push("dddb", self.database.as_ref());
        comment.push("ddprs", self.peer_service.as_ref());
        comment.before(statement)
    }

    /// Says what was wrong in the environment, at the first use.
    fn say_warnings(&self) {
        self.warnings.say_each(|warning| {
            otel_warn!(name: "DatadogExporter.BadVariable", message = warning);
        });
    }
}

/// A comment that is written.
struct Comment(String);

impl Comment {
    /// Appends a value, if there is one. All but letters, digits and `-._~` is percent-encoded, so that nothing ends the
    /// comment or the quotes.
    fn push(&mut self, key: &str, value: Option<&String>) {
        let Some(value) = value.filter(|value| !value.is_empty()) else { return };
        let Self(out) = self;
        let separator = if out.ends_with('\'') { "," } else { "" };
        write!(out, "{separator}{key}='").expect("writing to a String cannot fail");
        for byte in value.bytes() {
            match byte {
                b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
                byte if byte.is_ascii_alphanumeric() => out.push(byte.into()),
                byte => write!(out, "%{byte:02X}").expect("writing to a String cannot fail"),
            }
        }
        out.push('\'');
    }

    /// Returns a statement with the comment before it, if that says something.
    fn before(self, statement: &str) -> Cow<'_, str> {
        let Self(mut out) = self;
        if !out.ends_with('\'') {
            return statement.into();
        }
        out.push_str("*/ ");
        out.push_str(statement);
        out.into()
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanContext, TraceFlags, TraceState};
    use opentelemetry::{SpanId, TraceId};

    use super::*;

    fn comment(mode: SqlCommentMode) -> SqlComment {
        let mut comment = SqlComment::new().with_mode(mode);
        comment.unified = Unified::default();
        comment
    }

    fn context(flags: TraceFlags) -> Context {
        let trace = TraceId::from(0x640c_fd8d_0000_0000_1234_5678_9abc_def0);
        let span = SpanContext::new(trace, SpanId::from(77), flags, false, TraceState::NONE);
        Context::new().with_remote_span_context(span)
    }

    #[test]
    fn a_comment_has_its_keys_in_order_and_those_without_a_value_not() {
        let all = |mode| {
            comment(mode)
                .with_service("checkout")
                .with_env("prod")
                .with_version("1.4.2")
                .with_database_service("orders-db")
                .with_host("db.host")
                .with_database("orders")
                .with_peer_service("peer")
        };
        let sampled = context(TraceFlags::SAMPLED);
        assert_eq!(
            all(SqlCommentMode::Full).before_in(&sampled, "SELECT 1"),
            "/*dddbs='orders-db',dde='prod',ddps='checkout',ddpv='1.4.2',\
             traceparent='00-640cfd8d00000000123456789abcdef0-000000000000004d-01',\
             ddh='db.host',dddb='orders',ddprs='peer'*/ SELECT 1"
        );
        assert_eq!(
            all(SqlCommentMode::Service).before_in(&sampled, "SELECT 1"),
            "/*dddbs='orders-db',dde='prod',ddps='checkout',ddpv='1.4.2',\
             ddh='db.host',dddb='orders',ddprs='peer'*/ SELECT 1"
        );
        assert_eq!(all(SqlCommentMode::Disabled).before_in(&sampled, "SELECT 1"), "SELECT 1");
        let service = comment(SqlCommentMode::Service).with_service("a").with_env("");
        assert_eq!(service.before("x"), "/*dddbs='a',ddps='a'*/ x");
    }

    #[test]
    fn without_a_value_there_is_no_comment_and_without_a_span_no_trace() {
        assert_eq!(comment(SqlCommentMode::Service).before("SELECT 1"), "SELECT 1");
        let full = comment(SqlCommentMode::Full);
        assert_eq!(full.before_in(&Context::new(), "SELECT 1"), "SELECT 1");
        let traced = full.before_in(&context(TraceFlags::default()), "SELECT 1");
        assert!(traced.ends_with("-000000000000004d-00'*/ SELECT 1"), "{traced}");
    }

    #[test]
    fn nothing_ends_the_comment_or_the_quotes() {
        let text = "*/ ' -- \" \\ é%\n!#$&()+,/:;=?@[]~a-b._";
        let sql =
            comment(SqlCommentMode::Service).with_service(text).before("SELECT 1").into_owned();
        let inside = sql.strip_prefix("/*dddbs='").unwrap().strip_suffix("'*/ SELECT 1").unwrap();
        let (value, _) = inside.split_once('\'').unwrap();
        assert_eq!(
            value,
            "%2A%2F%20%27%20--%20%22%20%5C%20%C3%A9%25%0A%21%23%24%26%28%29%2B%2C%2F%3A%3B%3D%3F%40%5B%5D~a-b._"
        );
    }
}
