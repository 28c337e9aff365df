//! The rows of the comparison: an environment, one thing that it decides, and where and why we differ.

use crate::tracer::Peer::{self, Node, Python};

/// An environment, and one thing that it decides.
#[derive(Debug)]
pub(super) struct Row {
    /// `NAME=value`, one a line.
    pub(super) environment: &'static str,
    pub(super) field: &'static str,
    /// Our outcome, as JSON, where it is not that of every tracer.
    pub(super) ours: Option<&'static str>,
    /// The tracers that differ from us, and why; the others have the same outcome.
    pub(super) reasons: &'static [(&'static [Peer], Reason)],
}

/// The reason of a difference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reason {
    #[expect(dead_code, reason = "it is shown when a row fails")]
    text: &'static str,
    /// True if a warning says it.
    pub(super) is_said: bool,
}

const fn because(text: &'static str) -> Reason {
    Reason { text, is_said: false }
}

const fn said(text: &'static str) -> Reason {
    Reason { text, is_said: true }
}

const fn same(environment: &'static str, field: &'static str) -> Row {
    Row { environment, field, ours: None, reasons: &[] }
}

const fn other(
    environment: &'static str,
    field: &'static str,
    ours: &'static str,
    reasons: &'static [(&'static [Peer], Reason)],
) -> Row {
    Row { environment, field, ours: Some(ours), reasons }
}

const PYTHON: &[Peer] = &[Python];
const NODE: &[Peer] = &[Node];
const BOTH: &[Peer] = &[Python, Node];

const BLANKS: Reason = because("blanks around a value are no part of it");
const EMPTY: Reason = because("an empty variable is one that is not set");
const NOT_READ: Reason = because("the tracer does not read it");
const BAD_VALUE: Reason = said("the tracer does not start, or is of no use; the default stays");
const BAD_FLAG: Reason = said("a word that is neither is said, and the default stays");
const BAD_ITEM: Reason = said("one bad item costs no other; there it costs all");
const BAD_STYLE: Reason = said("a list without a style of ours leaves the default");
const BAD_RULES: Reason = said("a text that is no list of rules is none");
const BAD_RATE: Reason = said("a rate that is none is not followed; there it is cut to 0 or 1");
const BAD_LIMIT: Reason = said("less than none is no limit there: that costs money");
const LOCALHOST: Reason = because("`localhost` is every address that it has, not 127.0.0.1 alone");
const HTTPS: Reason = said("https needs the feature `rustls`");
const CLIENT_QUERY: Reason = because("a client's URL has no query there");
const EXPRESSION: Reason = said("expressions are followed in code only; the built-in rules hold");
const STATUSES: Reason = because("the status of the span decides unless somebody lists statuses");
const TIMEOUT: Reason = because("another default");
const LONG: Reason = said("the Agent closes a request that takes more than 5 s");
const V03: Reason = because("this tracer has no v0.3 any more");
const V05: Reason = said("v0.5 is not spoken here");
const ADDED: Reason = because("the rate was removed from this tracer");
const GIT_TAG: Reason = because("the commit of the program is a tag of no other name");
const GIT_SSH: Reason = because("a URL that is not https breaks there");
const GIT_SECRET: Reason = because("a secret in the URL of a repository does not leave");
const HOSTNAME: Reason = because("`DD_HOSTNAME` is the name that is sent, not that of the system");
const NO_HOSTNAME: Reason = said("only `DD_HOSTNAME` is sent, and it is missing");
const HEADER: Reason = said("signs that no header holds");
const PERSONAL: Reason = because("baggage is personal data: no tag unless somebody asks for it");
const FRACTION: Reason = because("a limit may be a fraction");
const PERCENT: Reason = because("`%` is doubled for Python's drivers, and `/` stays");
const QUOTES: Reason = because("`'` and `*` stay there, which end the quotes and the comment");
const HASH: Reason = said("the hash of the process is not known here; it counts as `service`");
const EMPTY_KEY: Reason = said("a tag without a key is none");

/// The traces of `IDS`, all and half of them.
const ALL: &str = "[1,2,3,5,7,77,1000000007,12345678901234,1099511627776,1125899906842624,4503599627370496,8589934592]";
/// See [`ALL`].
const HALF: &str = "[1,2,3,5,7,1000000007,12345678901234,4503599627370496,8589934592]";
const BOTH_STYLES: &str = r#"["datadog","tracecontext"]"#;
const LOOKED_FOR: &str = r#""http://localhost:8126""#;
const REDACTED: &str = r#""https://host.example/a?q=1&<redacted>""#;
const NO_QUERY: &str = r#""https://host.example/a""#;
const SHOWN: &str = r#""https://host.example/a?q=1&token=secret""#;
const SIGNS: &str = r#"[{"dddbs":"a%20b%2Fc%27%2A%2F","ddps":"shop","ddpv":"2"},null]"#;
const LETTERS: &str = r#"[{"dddbs":"caf%C3%A9","ddps":"shop","ddpv":"2"},null]"#;
const PLAIN: &str = r#"[{"dddb":"orders","dddbs":"orders-db","ddh":"db.host","ddprs":"peer","ddps":"shop","ddpv":"2"},null]"#;
const NO_COMMENT: &str = "[null,null]";

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    same("DD_SERVICE=My Shop", "service"),
    same("DD_SERVICE=shop:\u{e9}/1", "service"),
    other("DD_SERVICE= shop ", "service", r#""shop""#, &[(BOTH, BLANKS)]),
    other("DD_SERVICE=\nDD_TAGS=service:shop", "service", r#""shop""#, &[(PYTHON, EMPTY)]),
    same("DD_ENV=Prod", "env"),
    other("DD_ENV= prod ", "env", r#""prod""#, &[(BOTH, BLANKS)]),
    same("DD_ENV=", "env"),
    same("DD_VERSION=1.4", "version"),
    other("DD_VERSION= 1.4 ", "version", r#""1.4""#, &[(BOTH, BLANKS)]),
    same("DD_VERSION=", "version"),
    same("DD_TAGS=a:b,c:d", "tags"),
    same("DD_TAGS=a:b c:d", "tags"),
    same("DD_TAGS=a:b, c:d e:f", "tags"),
    same("DD_TAGS=a:b:c", "tags"),
    same("DD_TAGS=a:1,a:2", "tags"),
    same("DD_TAGS=a", "tags"),
    same("DD_TAGS=a b", "tags"),
    same("DD_TAGS=a,b:", "tags"),
    same("DD_TAGS=a:b,,c:d", "tags"),
    other("DD_TAGS=:v,a:b", "tags", r#"{"a":"b"}"#, &[(NODE, EMPTY_KEY)]),
    same("DD_TAGS=service:shop,env:prod,version:2,a:b", "service"),
    same("DD_TAGS=service:shop,env:prod,version:2,a:b", "env"),
    same("DD_TAGS=service:shop,env:prod,version:2,a:b", "version"),
    same("DD_TAGS=service:shop,env:prod,version:2,a:b", "tags"),
    same("DD_TAGS=env:prod\nDD_ENV=dev", "env"),

    other("", "agent", LOOKED_FOR, &[(NODE, LOCALHOST)]),
    same("DD_TRACE_AGENT_URL=http://agent:8126", "agent"),
    same("DD_TRACE_AGENT_URL=http://agent:8126/base", "agent"),
    same("DD_TRACE_AGENT_URL=http://[::1]:8126", "agent"),
    same("DD_TRACE_AGENT_URL=unix:///var/run/a.socket", "agent"),
    same("DD_TRACE_AGENT_URL=http://a:1\nDD_AGENT_HOST=b", "agent"),
    other("DD_TRACE_AGENT_URL=", "agent", LOOKED_FOR, &[(NODE, LOCALHOST)]),
    other("DD_TRACE_AGENT_URL=https://agent:1", "agent", LOOKED_FOR, &[(BOTH, HTTPS)]),
    other("DD_TRACE_AGENT_URL=agent:8126", "agent", LOOKED_FOR, &[(BOTH, BAD_VALUE)]),
    other("DD_TRACE_AGENT_URL=ftp://agent:1", "agent", LOOKED_FOR, &[(BOTH, BAD_VALUE)]),
    same("DD_AGENT_HOST=agent", "agent"),
    same("DD_AGENT_HOST=::1", "agent"),
    same("DD_AGENT_HOST=[::1]", "agent"),
    other("DD_AGENT_HOST=", "agent", LOOKED_FOR, &[(NODE, EMPTY)]),
    other("DD_AGENT_HOST=a b", "agent", LOOKED_FOR, &[(BOTH, BAD_VALUE)]),
    other("DD_AGENT_HOST=agent:99", "agent", LOOKED_FOR, &[(BOTH, BAD_VALUE)]),
    same("DD_AGENT_HOST=agent\nDD_TRACE_AGENT_PORT= 99 ", "agent"),
    other("DD_TRACE_AGENT_PORT=99", "agent", r#""http://localhost:99""#, &[(NODE, LOCALHOST)]),
    other("DD_AGENT_HOST=a\nDD_TRACE_AGENT_PORT=", "agent", r#""http://a:8126""#, &[(PYTHON, EMPTY)]),
    same("DD_AGENT_HOST=a\nDD_TRACE_AGENT_PORT=0", "agent"),
    other("DD_AGENT_HOST=a\nDD_TRACE_AGENT_PORT=99999", "agent", r#""http://a:8126""#, &[(PYTHON, BAD_VALUE)]),
    other("DD_AGENT_HOST=a\nDD_TRACE_AGENT_PORT=abc", "agent", r#""http://a:8126""#, &[(PYTHON, BAD_VALUE)]),

    other("DD_TRACE_API_VERSION=v0.4", "protocol", r#""v0.4""#, &[(NODE, NOT_READ)]),
    other("DD_TRACE_API_VERSION=v0.3", "protocol", r#""v0.3""#, &[(PYTHON, V03), (NODE, NOT_READ)]),
    other("DD_TRACE_API_VERSION=v0.5", "protocol", r#""auto""#, &[(PYTHON, V05), (NODE, NOT_READ)]),
    other("DD_TRACE_API_VERSION=nonsense", "protocol", r#""auto""#, &[(PYTHON, BAD_VALUE), (NODE, NOT_READ)]),
    other("", "timeout", "3.0", &[(PYTHON, TIMEOUT), (NODE, NOT_READ)]),
    other("DD_TRACE_AGENT_TIMEOUT_SECONDS=4", "timeout", "4.0", &[(NODE, NOT_READ)]),
    other("DD_TRACE_AGENT_TIMEOUT_SECONDS=1.5", "timeout", "1.5", &[(NODE, NOT_READ)]),
    other("DD_TRACE_AGENT_TIMEOUT_SECONDS=10", "timeout", "5.0", &[(PYTHON, LONG), (NODE, NOT_READ)]),
    other("DD_TRACE_AGENT_TIMEOUT_SECONDS=0", "timeout", "3.0", &[(PYTHON, BAD_VALUE), (NODE, NOT_READ)]),
    other("DD_TRACE_AGENT_TIMEOUT_SECONDS=abc", "timeout", "3.0", &[(PYTHON, BAD_VALUE), (NODE, NOT_READ)]),
    same("DD_TRACE_ENABLED=false", "enabled"),
    same("DD_TRACE_ENABLED=0", "enabled"),
    same("DD_TRACE_ENABLED=True", "enabled"),
    other("DD_TRACE_ENABLED=off", "enabled", "true", &[(PYTHON, BAD_FLAG)]),
    other("DD_TRACE_ENABLED=", "enabled", "true", &[(PYTHON, EMPTY)]),

    other("DD_HTTP_SERVER_TAG_QUERY_STRING=false", "server url", NO_QUERY, &[(NODE, NOT_READ)]),
    other("DD_HTTP_SERVER_TAG_QUERY_STRING=0", "server url", NO_QUERY, &[(NODE, NOT_READ)]),
    same("DD_HTTP_SERVER_TAG_QUERY_STRING=nonsense", "server url"),
    other("DD_HTTP_SERVER_TAG_QUERY_STRING=false", "client url", REDACTED, &[(NODE, CLIENT_QUERY)]),
    other("DD_TRACE_HTTP_CLIENT_TAG_QUERY_STRING=false", "client url", NO_QUERY, &[(NODE, CLIENT_QUERY)]),
    other("DD_TRACE_HTTP_CLIENT_TAG_QUERY_STRING=0", "client url", NO_QUERY, &[(NODE, CLIENT_QUERY)]),
    other("DD_TRACE_HTTP_CLIENT_TAG_QUERY_STRING=nonsense", "client url", REDACTED, &[(NODE, CLIENT_QUERY)]),
    other("DD_HTTP_CLIENT_TAG_QUERY_STRING=false", "client url", NO_QUERY, &[(BOTH, NOT_READ)]),
    other("DD_HTTP_CLIENT_TAG_QUERY_STRING=True", "client url", REDACTED, &[(NODE, CLIENT_QUERY)]),
    other("DD_HTTP_CLIENT_TAG_QUERY_STRING=nonsense", "client url", REDACTED, &[(NODE, CLIENT_QUERY)]),
    other("DD_TRACE_OBFUSCATION_QUERY_STRING_REGEXP=", "client url", SHOWN, &[(NODE, CLIENT_QUERY)]),
    same("", "server url"),
    same("DD_TRACE_OBFUSCATION_QUERY_STRING_REGEXP=", "server url"),
    other("DD_TRACE_OBFUSCATION_QUERY_STRING_REGEXP=q=1", "server url", REDACTED, &[(BOTH, EXPRESSION)]),
    other("DD_TRACE_OBFUSCATION_QUERY_STRING_REGEXP=(", "server url", REDACTED, &[(BOTH, EXPRESSION)]),

    other("", "errors", "[]", &[(BOTH, STATUSES)]),
    same("DD_TRACE_HTTP_SERVER_ERROR_STATUSES=400-404", "errors"),
    same("DD_TRACE_HTTP_SERVER_ERROR_STATUSES=404-400", "errors"),
    same("DD_TRACE_HTTP_SERVER_ERROR_STATUSES= 400 , 503", "errors"),
    same("DD_TRACE_HTTP_SERVER_ERROR_STATUSES=500-599", "errors"),
    other("DD_TRACE_HTTP_SERVER_ERROR_STATUSES=x,503", "errors", "[503]", &[(NODE, BAD_ITEM)]),
    other("DD_TRACE_HTTP_SERVER_ERROR_STATUSES=400-", "errors", "[]", &[(NODE, BAD_ITEM)]),
    other("DD_TRACE_HTTP_SERVER_ERROR_STATUSES=1-9999", "errors", "[]", &[(BOTH, BAD_ITEM)]),
    other("DD_TRACE_HTTP_SERVER_ERROR_STATUSES=", "errors", "[]", &[(NODE, STATUSES)]),

    other("DD_TRACE_SAMPLE_RATE=0", "kept", "[]", &[(PYTHON, ADDED)]),
    other("DD_TRACE_SAMPLE_RATE= 0.5 ", "kept", HALF, &[(PYTHON, ADDED)]),
    same("DD_TRACE_SAMPLE_RATE=2", "kept"),
    same("DD_TRACE_SAMPLE_RATE=abc", "kept"),
    other("DD_TRACE_SAMPLE_RATE=-1", "kept", ALL, &[(NODE, BAD_RATE)]),
    same(r#"DD_TRACE_SAMPLING_RULES=[{"sample_rate":0.5}]"#, "kept"),
    same(r#"DD_TRACE_SAMPLING_RULES=[{"sample_rate":"0"},{"sample_rate":1}]"#, "kept"),
    other(r#"DD_TRACE_SAMPLING_RULES=[{"sample_rate":0,"resource":null}]"#, "kept", "[]", &[(NODE, because("`null` matches nothing there"))]),
    same(r#"DD_TRACE_SAMPLING_RULES=[{"service":"a"},{"sample_rate":0}]"#, "kept"),
    same(r#"DD_TRACE_SAMPLING_RULES=[{"sample_rate":2}]"#, "kept"),
    same(r#"DD_TRACE_SAMPLING_RULES=[{"sample_rate":-1}]"#, "kept"),
    other(r#"DD_TRACE_SAMPLING_RULES=[{"sample_rate":"x"},{"sample_rate":0}]"#, "kept", "[]", &[(PYTHON, BAD_ITEM)]),
    other(r#"DD_TRACE_SAMPLING_RULES=[7,{"sample_rate":0}]"#, "kept", "[]", &[(PYTHON, BAD_ITEM)]),
    same("DD_TRACE_SAMPLING_RULES=nonsense", "kept"),
    other(r#"DD_TRACE_SAMPLING_RULES={"sample_rate":0}"#, "kept", ALL, &[(BOTH, BAD_RULES)]),
    same(r#"DD_TRACE_SAMPLING_RULES=[{"resource":"WOR?","sample_rate":0}]"#, "kept"),
    same(r#"DD_TRACE_SAMPLING_RULES=[{"resource":"other","sample_rate":0}]"#, "kept"),
    same(r#"DD_TRACE_SAMPLING_RULES=[{"tags":{"team":"a"},"sample_rate":0}]"#, "kept"),
    same(r#"DD_TRACE_SAMPLING_RULES=[{"tags":{"team":"b"},"sample_rate":0}]"#, "kept"),
    other(r#"DD_TRACE_SAMPLING_RULES=[{"unknown":1,"sample_rate":0}]"#, "kept", "[]", &[(PYTHON, because("a key that is unknown stops that tracer"))]),
    same("DD_SERVICE=My Shop\nDD_TRACE_SAMPLING_RULES=[{\"service\":\"My Shop\",\"sample_rate\":0}]", "kept"),
    same("DD_SERVICE=My Shop\nDD_TRACE_SAMPLING_RULES=[{\"service\":\"my_shop\",\"sample_rate\":0}]", "kept"),
    other("DD_TRACE_SAMPLE_RATE=0\nDD_TRACE_SAMPLING_RULES=[{\"service\":\"a\",\"sample_rate\":1}]", "kept", "[]", &[(PYTHON, ADDED)]),
    same("", "kept"),
    same("DD_TRACE_STATS_COMPUTATION_ENABLED=true", "statistics"),
    same("DD_TRACE_STATS_COMPUTATION_ENABLED=1", "statistics"),
    same("DD_TRACE_STATS_COMPUTATION_ENABLED=False", "statistics"),
    same("DD_TRACE_STATS_COMPUTATION_ENABLED=maybe", "statistics"),
    same(r#"DD_SPAN_SAMPLING_RULES=[{"name":"work","sample_rate":0.5}]"#, "alone"),
    same(r#"DD_SPAN_SAMPLING_RULES=[{"name":"w?r*","max_per_second":1000}]"#, "alone"),
    same(r#"DD_SPAN_SAMPLING_RULES=[{"name":"other"},{"name":"work","sample_rate":0},{"name":"*"}]"#, "alone"),
    other(r#"DD_SPAN_SAMPLING_RULES=[{"name":"work","sample_rate":"x"},{"name":"work"}]"#, "alone", ALL, &[(NODE, BAD_ITEM)]),
    same("DD_SPAN_SAMPLING_RULES=nonsense", "alone"),
    same(concat!("DD_SPAN_SAMPLING_RULES_FILE=", env!("CARGO_MANIFEST_DIR"), "/src/variables/span_rules.json"), "alone"),
    same(concat!("DD_SPAN_SAMPLING_RULES_FILE=", env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), "alone"),
    other("DD_SPAN_SAMPLING_RULES_FILE=/no/such/file", "alone", "[]", &[(PYTHON, BAD_VALUE)]),
    same("", "limit"),
    same("DD_TRACE_RATE_LIMIT=7", "limit"),
    same("DD_TRACE_RATE_LIMIT=0", "limit"),
    other("DD_TRACE_RATE_LIMIT=-1", "limit", "100.0", &[(BOTH, BAD_LIMIT)]),
    other("DD_TRACE_RATE_LIMIT=1.5", "limit", "1.5", &[(BOTH, FRACTION)]),
    other("DD_TRACE_RATE_LIMIT=abc", "limit", "100.0", &[(PYTHON, BAD_VALUE)]),
    other("DD_TRACE_RATE_LIMIT=", "limit", "100.0", &[(BOTH, EMPTY)]),

    same("DD_GIT_COMMIT_SHA=abc", "git"),
    other("DD_GIT_COMMIT_SHA= abc ", "git", r#"["","abc"]"#, &[(BOTH, BLANKS)]),
    same("DD_GIT_COMMIT_SHA=", "git"),
    same("DD_GIT_COMMIT_SHA=abc\nDD_TAGS=git.commit.sha:def", "git"),
    same("DD_TAGS=git.commit.sha:abc,git.repository_url:https://u:p@h/r,a:b", "git"),
    other("DD_TAGS=git.commit.sha:abc,git.repository_url:https://u:p@h/r,a:b", "tags", r#"{"a":"b"}"#, &[(NODE, GIT_TAG)]),
    same("DD_GIT_REPOSITORY_URL=https://h/r", "git"),
    same("DD_GIT_REPOSITORY_URL=https://u:p@h/r", "git"),
    same("DD_GIT_REPOSITORY_URL=https://t@h:8443/r.git", "git"),
    same("DD_GIT_REPOSITORY_URL=git@h:r", "git"),
    same("DD_GIT_REPOSITORY_URL=nonsense", "git"),
    same("DD_GIT_REPOSITORY_URL=", "git"),
    other("DD_GIT_REPOSITORY_URL=ssh://git@h/r", "git", r#"["ssh://h/r",""]"#, &[(NODE, GIT_SSH)]),
    other("DD_GIT_REPOSITORY_URL=user:p@h/r", "git", r#"["h/r",""]"#, &[(BOTH, GIT_SECRET)]),
    other("DD_GIT_REPOSITORY_URL=https://h/r?private_token=x", "git", r#"["https://h/r?private_<redacted>",""]"#, &[(BOTH, GIT_SECRET)]),
    same("DD_TRACE_GIT_METADATA_ENABLED=false\nDD_GIT_COMMIT_SHA=abc", "git"),
    same("DD_TRACE_GIT_METADATA_ENABLED=0\nDD_TAGS=git.commit.sha:abc", "git"),
    other("DD_TRACE_GIT_METADATA_ENABLED=nonsense\nDD_GIT_COMMIT_SHA=abc", "git", r#"["","abc"]"#, &[(PYTHON, BAD_FLAG)]),

    other("DD_TRACE_REPORT_HOSTNAME=true\nDD_HOSTNAME=h", "hostname", r#""h""#, &[(NODE, HOSTNAME)]),
    other("DD_TRACE_REPORT_HOSTNAME=1\nDD_HOSTNAME= h ", "hostname", r#""h""#, &[(PYTHON, BLANKS), (NODE, HOSTNAME)]),
    other("DD_TRACE_REPORT_HOSTNAME=true\nDD_HOSTNAME=", "hostname", "null", &[(BOTH, NO_HOSTNAME)]),
    same("DD_TRACE_REPORT_HOSTNAME=nonsense\nDD_HOSTNAME=h", "hostname"),
    same("DD_HOSTNAME=h", "hostname"),
    same("DD_EXTERNAL_ENV=it-false,cn-a,pu-b", "external"),
    same("DD_EXTERNAL_ENV=", "external"),
    other("DD_EXTERNAL_ENV= a ", "external", r#""a""#, &[(BOTH, BLANKS)]),
    other("DD_EXTERNAL_ENV=\u{e9}", "external", "null", &[(BOTH, HEADER)]),

    same("DD_TRACE_PROPAGATION_STYLE=datadog", "extract"),
    same("DD_TRACE_PROPAGATION_STYLE=none", "inject"),
    same("DD_TRACE_PROPAGATION_STYLE=Datadog , b3", "extract"),
    other("DD_TRACE_PROPAGATION_STYLE=nonsense", "extract", BOTH_STYLES, &[(PYTHON, BAD_STYLE)]),
    other("DD_TRACE_PROPAGATION_STYLE=datadog,nonsense", "inject", r#"["datadog"]"#, &[(NODE, BAD_ITEM)]),
    same("DD_TRACE_PROPAGATION_STYLE_EXTRACT=TraceContext", "extract"),
    same("DD_TRACE_PROPAGATION_STYLE_EXTRACT=datadog,nonsense", "extract"),
    other("DD_TRACE_PROPAGATION_STYLE_EXTRACT=nonsense", "extract", BOTH_STYLES, &[(BOTH, BAD_STYLE)]),
    same("DD_TRACE_PROPAGATION_STYLE_EXTRACT=datadog\nDD_TRACE_PROPAGATION_STYLE=tracecontext", "extract"),
    same("DD_TRACE_PROPAGATION_STYLE_EXTRACT=datadog\nDD_TRACE_PROPAGATION_STYLE=tracecontext", "inject"),
    same("DD_TRACE_PROPAGATION_STYLE_INJECT=tracecontext", "inject"),
    same("DD_TRACE_PROPAGATION_STYLE_INJECT=none", "inject"),
    same("DD_TRACE_PROPAGATION_STYLE_INJECT=datadog,nonsense", "inject"),
    other("DD_TRACE_PROPAGATION_STYLE_INJECT=nonsense", "inject", BOTH_STYLES, &[(BOTH, BAD_STYLE)]),
    same("OTEL_PROPAGATORS=tracecontext", "inject"),
    same("OTEL_PROPAGATORS=none", "extract"),
    other("OTEL_PROPAGATORS=b3", "extract", BOTH_STYLES, &[(BOTH, BAD_STYLE)]),
    other("OTEL_PROPAGATORS=tracecontext,jaeger", "extract", r#"["tracecontext"]"#, &[(NODE, BAD_ITEM)]),
    same("OTEL_PROPAGATORS=tracecontext\nDD_TRACE_PROPAGATION_STYLE=datadog", "extract"),
    same("", "continues"),
    same("", "links"),
    same("DD_TRACE_PROPAGATION_EXTRACT_FIRST=true", "links"),
    same("DD_TRACE_PROPAGATION_EXTRACT_FIRST=0", "links"),
    same("DD_TRACE_PROPAGATION_EXTRACT_FIRST=nonsense", "links"),
    same("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT=continue", "continues"),
    same("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT=restart", "continues"),
    same("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT=restart", "links"),
    same("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT=Ignore", "continues"),
    same("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT=Ignore", "links"),
    same("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT=nonsense", "continues"),
    same("DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH=23", "passed"),
    same("DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH=24", "passed"),
    same("DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH=-1", "passed"),
    same("DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH=9999", "passed"),
    other("DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH=abc", "passed", "true", &[(PYTHON, BAD_VALUE)]),
    other("DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH=", "passed", "true", &[(BOTH, EMPTY)]),
    other("", "baggage", "{}", &[(BOTH, PERSONAL)]),
    same("DD_TRACE_BAGGAGE_TAG_KEYS=tenant, user.id ,,", "baggage"),
    same("DD_TRACE_BAGGAGE_TAG_KEYS=*", "baggage"),
    same("DD_TRACE_BAGGAGE_TAG_KEYS=user.*", "baggage"),
    same("DD_TRACE_BAGGAGE_TAG_KEYS=", "baggage"),

    same("DD_SERVICE=shop\nDD_ENV=prod\nDD_VERSION=1.4\nDD_DBM_PROPAGATION_MODE=full", "comment plain"),
    same("DD_SERVICE=shop\nDD_VERSION=2\nDD_DBM_PROPAGATION_MODE=service", "comment plain"),
    other("DD_SERVICE=shop\nDD_VERSION=2\nDD_DBM_PROPAGATION_MODE=service", "comment signs", SIGNS, &[(PYTHON, PERCENT), (NODE, QUOTES)]),
    other("DD_SERVICE=shop\nDD_VERSION=2\nDD_DBM_PROPAGATION_MODE=service", "comment letters", LETTERS, &[(PYTHON, PERCENT)]),
    other("DD_SERVICE=shop\nDD_VERSION=2\nDD_DBM_PROPAGATION_MODE=dynamic_service", "comment plain", PLAIN, &[(BOTH, HASH)]),
    other("DD_SERVICE=shop\nDD_VERSION=2\nDD_DBM_PROPAGATION_MODE=Service", "comment plain", PLAIN, &[(PYTHON, because("a capital stops that tracer"))]),
    same("DD_DBM_PROPAGATION_MODE=disabled", "comment plain"),
    other("DD_DBM_PROPAGATION_MODE=nonsense", "comment plain", NO_COMMENT, &[(PYTHON, BAD_VALUE)]),
    other("DD_DBM_PROPAGATION_MODE=", "comment plain", NO_COMMENT, &[(PYTHON, EMPTY)]),
];
