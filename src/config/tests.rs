//! The source of each setting, and the effect of a bad value.

use std::time::Duration;

use super::variables::{
    DEFAULT_HOST, DEFAULT_PORT, DEFAULT_SOCKET, DEFAULT_TIMEOUT, MAX_TIMEOUT, VARIABLES,
};
use super::{
    DEFAULT_BUFFER_BYTES, DEFAULT_PAYLOAD_BYTES, MIB, MIN_BUFFER_BYTES, PAYLOAD_BYTES, Settings,
};
use crate::mapping::Query;
use crate::{BuildError, DatadogExporter, DatadogExporterBuilder, Protocol};

type Variables<'a> = &'a [(&'a str, &'a str)];

/// An environment of these variables and no other.
pub(crate) fn environment(variables: Variables<'_>) -> impl Fn(&str) -> Option<String> {
    |name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
}

fn resolve(
    builder: DatadogExporterBuilder,
    variables: Variables<'_>,
) -> Result<Settings, BuildError> {
    Settings::resolve(builder.inputs, environment(variables))
}

fn settings(variables: Variables<'_>) -> Settings {
    resolve(DatadogExporter::builder(), variables).unwrap()
}

#[test]
fn the_protocol_is_chosen_in_code_or_by_the_variable() {
    let chosen = |builder: DatadogExporterBuilder, value| {
        let settings = resolve(builder, &[("DD_TRACE_API_VERSION", value)]).unwrap();
        (settings.delivery.protocol, settings.warnings.len())
    };
    let builder = DatadogExporter::builder;
    assert_eq!(chosen(builder(), ""), (Protocol::Auto, 0));
    assert_eq!(chosen(builder(), "auto"), (Protocol::Auto, 0));
    assert_eq!(chosen(builder(), "v0.4"), (Protocol::V04, 0));
    assert_eq!(chosen(builder(), "V0.3"), (Protocol::V03Json, 0));
    assert_eq!(chosen(builder(), "v0.5"), (Protocol::Auto, 1));
    let in_code = builder().with_protocol(Protocol::V03Json);
    assert_eq!(chosen(in_code, "v0.4"), (Protocol::V03Json, 0));
}

#[test]
fn code_beats_variables_and_variables_beat_dd_tags() {
    let tags = ("DD_TAGS", "service:t,env:t,version:t,team:a");
    let variables = [tags, ("DD_SERVICE", "v"), ("DD_ENV", "v"), ("DD_VERSION", "v")];
    let code = DatadogExporter::builder()
        .with_service("c")
        .with_env("c")
        .with_version("c")
        .with_tag("team", "b");
    let found = |settings: Settings| {
        let options = settings.options;
        [options.service, options.env, options.version].map(Option::unwrap_or_default)
    };
    assert_eq!(found(resolve(code, &variables).unwrap()), ["c", "c", "c"]);
    assert_eq!(found(settings(&variables)), ["v", "v", "v"]);
    assert_eq!(found(settings(&[tags])), ["t", "t", "t"]);
}

#[test]
fn a_variable_that_code_overrules_is_not_read() {
    let bad = [("DD_SERVICE", "\u{fffd}"), ("DD_ENV", "\u{fffd}"), ("DD_VERSION", "\u{fffd}")];
    let builder = DatadogExporter::builder().with_service("s").with_env("e").with_version("v");
    assert!(resolve(builder, &bad).unwrap().warnings.is_empty());
    assert_eq!(settings(&bad).warnings.len(), bad.len());
}

#[test]
fn a_tag_in_code_is_code_for_env_and_version_too() {
    let code = || DatadogExporter::builder().with_tag("env", "c").with_tag("version", "c");
    let variables = [("DD_TAGS", "env:t,version:t"), ("DD_ENV", "v"), ("DD_VERSION", "v")];
    for variables in [&variables[..], &variables[..1], &[]] {
        let options = resolve(code(), variables).unwrap().options;
        let found = (options.env.as_deref(), options.version.as_deref());
        assert_eq!(found, (Some("c"), Some("c")), "{variables:?}");
    }
    let both = code().with_env("setter").with_version("setter");
    let options = resolve(both, &variables).unwrap().options;
    assert_eq!(
        (options.env.as_deref(), options.version.as_deref()),
        (Some("setter"), Some("setter"))
    );
}

#[test]
fn values_keep_their_case_and_empty_variables_are_unset() {
    let options =
        settings(&[("DD_SERVICE", " Shop "), ("DD_ENV", ""), ("DD_VERSION", " ")]).options;
    assert_eq!(
        (options.service.as_deref(), options.env, options.version),
        (Some("Shop"), None, None)
    );
}

#[test]
fn tags_are_pairs_by_comma_or_space_and_the_last_of_a_key_comes_first() {
    for (text, pairs) in [
        ("a:1,b:2", &[("b", "2"), ("a", "1")][..]),
        ("a:1 b:2", &[("b", "2"), ("a", "1")]),
        (" a : x y , url:http://h:1/p ,,", &[("url", "http://h:1/p"), ("a", "x y")]),
        ("a:", &[("a", "")]),
        ("a,b:", &[("b", ""), ("a", "")]),
    ] {
        let found = settings(&[("DD_TAGS", text)]).options.tags;
        let found: Vec<_> =
            found.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(found, pairs, "{text}");
    }
    let builder = DatadogExporter::builder().with_tag("a", "1").with_tag("a", "2");
    let tags = resolve(builder, &[("DD_TAGS", "a:0")]).unwrap().options.tags;
    assert_eq!(tags[0], ("a".to_owned(), "2".to_owned()));
    assert_eq!(tags.last().unwrap().1, "0");
}

/// The places where the exporter looks for the Agent without a setting.
const LOOKED_FOR: &str = if cfg!(unix) {
    "unix:///var/run/datadog/apm.socket or http://localhost:8126"
} else {
    "http://localhost:8126"
};

#[test]
fn the_agent_is_found_in_the_order_of_the_official_tracers() {
    let rows: [(Variables<'_>, &str); 9] = [
        (&[], LOOKED_FOR),
        (&[("DD_AGENT_HOST", "agent")], "http://agent:8126"),
        (&[("DD_AGENT_HOST", "::1")], "http://[::1]:8126"),
        (&[("DD_TRACE_AGENT_PORT", "9")], "http://localhost:9"),
        (&[("DD_AGENT_HOST", "10.0.0.1"), ("DD_TRACE_AGENT_PORT", "9")], "http://10.0.0.1:9"),
        (&[("DD_TRACE_AGENT_URL", "http://u:1/p/"), ("DD_AGENT_HOST", "h")], "http://u:1/p"),
        (&[("DD_TRACE_AGENT_URL", "unix:///tmp/s")], "unix:///tmp/s"),
        (&[("DD_TRACE_AGENT_URL", "ftp://u"), ("DD_AGENT_HOST", "h")], "http://h:8126"),
        (&[("DD_AGENT_HOST", "a b"), ("DD_TRACE_AGENT_PORT", "70000")], LOOKED_FOR),
    ];
    for (variables, address) in rows {
        let addresses = settings(variables).delivery.addresses;
        assert_eq!(addresses.to_string(), address, "{variables:?}");
        assert_eq!(addresses.is_default, address == LOOKED_FOR, "{variables:?}");
    }
}

#[test]
fn a_bad_variable_is_one_warning_and_the_next_source() {
    let bad = [
        ("DD_TRACE_AGENT_URL", "http://user:secret@"),
        ("DD_AGENT_HOST", "http://x"),
        ("DD_TRACE_AGENT_PORT", "0"),
        ("DD_TRACE_AGENT_TIMEOUT_SECONDS", "-1"),
        ("DD_TRACE_ENABLED", "maybe"),
        ("DD_TRACE_REPORT_HOSTNAME", "perhaps"),
        ("DD_TRACE_REPORT_HOSTNAME", "true"),
        ("DD_TRACE_HTTP_SERVER_ERROR_STATUSES", "404,5xx,x"),
        ("DD_TAGS", "good :bad :worse"),
        ("DD_EXTERNAL_ENV", "it-false,cn-\u{e9}"),
        ("DD_SERVICE", "\u{fffd}"),
    ];
    for row in bad {
        let settings = settings(&[row]);
        assert_eq!(settings.warnings.len(), 1, "{row:?}: {:?}", settings.warnings);
        assert!(settings.warnings[0].contains(row.0), "{:?}", settings.warnings);
        assert!(!settings.warnings[0].contains("secret"), "{:?}", settings.warnings);
        assert!(settings.enabled);
        assert_eq!(settings.delivery.timeout, Duration::from_secs(3));
    }
    // Of two of a name the first counts.
    assert_eq!(settings(&bad).warnings.len(), bad.len() - 1);
}

#[test]
fn the_query_of_a_client_has_the_names_of_all_tracers() {
    let names = ["DD_TRACE_HTTP_CLIENT_TAG_QUERY_STRING", "DD_HTTP_CLIENT_TAG_QUERY_STRING"];
    for (values, is_kept) in [
        (["", ""], true),
        (["false", ""], false),
        (["", "0"], false),
        (["true", "false"], true),
        (["false", "true"], false),
        (["perhaps", "false"], false),
    ] {
        let options = settings(&[(names[0], values[0]), (names[1], values[1])]).options;
        assert_eq!(options.client_query == Query::Kept, is_kept, "{values:?}");
        assert_eq!(options.server_query, Query::Kept, "{values:?}");
    }
}

#[test]
fn other_variables_are_read() {
    let settings = settings(&[
        ("DD_TRACE_ENABLED", "False"),
        ("DD_TRACE_AGENT_TIMEOUT_SECONDS", "0.5"),
        ("DD_TRACE_REPORT_HOSTNAME", "true"),
        ("DD_HOSTNAME", "box-1"),
    ]);
    assert!(!settings.enabled);
    assert_eq!(settings.delivery.timeout, Duration::from_millis(500));
    assert_eq!(settings.options.hostname.as_deref(), Some("box-1"));
    let long = self::settings(&[("DD_TRACE_AGENT_TIMEOUT_SECONDS", "10")]);
    assert_eq!((long.delivery.timeout, long.warnings.len()), (MAX_TIMEOUT, 1));
    let silent = self::settings(&[("DD_HOSTNAME", "box-1")]);
    assert_eq!(silent.options.hostname, None);
}

#[test]
fn a_bad_value_in_code_is_an_error_that_names_setting_value_and_form() {
    let builder = DatadogExporter::builder;
    let rows = [
        (builder().with_agent_url("ftp://x"), "`with_agent_url` = \"ftp://x\": expected http://"),
        (builder().with_timeout(Duration::ZERO), "`with_timeout` = \"0ns\": expected"),
        (builder().with_timeout(Duration::from_secs(6)), "`with_timeout` = \"6s\""),
        (builder().with_max_buffer_bytes(1), "`with_max_buffer_bytes` = \"1\": expected at least"),
        (builder().with_max_payload_bytes(1), "`with_max_payload_bytes` = \"1\": expected"),
        (builder().with_max_payload_bytes(25 << 20), "`with_max_payload_bytes`"),
        (builder().with_service(""), "`with_service` = \"\""),
        (builder().with_env(" "), "`with_env`"),
        (builder().with_version(""), "`with_version`"),
        (builder().with_tag("", "x"), "`with_tag`"),
        (
            builder().with_http_server_error_statuses("404,5xx"),
            "`with_http_server_error_statuses` = \"404,5xx\": expected statuses",
        ),
    ];
    for (builder, text) in rows {
        let error = resolve(builder, &[]).unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn an_empty_expression_switches_the_redaction_of_queries_off_and_another_is_not_followed() {
    const NAME: &str = "DD_TRACE_OBFUSCATION_QUERY_STRING_REGEXP";
    let seen = |builder: DatadogExporterBuilder, variables: Variables<'_>| {
        let settings = resolve(builder, variables).unwrap();
        (format!("{:?}", settings.options.query_secrets), settings.warnings.join(""))
    };
    let builder = DatadogExporter::builder;
    assert_eq!(seen(builder(), &[]), ("Redacted".to_owned(), String::new()));
    let off = format!("`{NAME}` is empty: secrets in query strings are sent");
    assert_eq!(seen(builder(), &[(NAME, "")]), ("Kept".to_owned(), off));
    let (secrets, line) = seen(builder(), &[(NAME, "(?i)pin=[^&]+")]);
    assert!(secrets == "Redacted" && line.contains("with_query_redaction"), "{line}");
    assert!(!line.contains("pin"), "{line}");
    let in_code = || builder().with_query_redaction(|query| query.into());
    for variables in [[(NAME, "")], [(NAME, "pin")]] {
        assert_eq!(seen(in_code(), &variables), ("Own".to_owned(), String::new()));
    }
}

#[test]
fn complaints_hold_no_password_and_no_value_of_a_tag() {
    let builder = DatadogExporter::builder;
    let urls = [
        "smtp://user:secret@host",
        "http:user:secret://x@host",
        "http://user:80/secret@host",
        "user:secret@host",
    ];
    let errors = urls.map(|url| builder().with_agent_url(url));
    for builder in errors.into_iter().chain([builder().with_tag("", "secret")]) {
        let error = resolve(builder, &[]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
    }
    for url in urls {
        for name in ["DD_TRACE_AGENT_URL", "DD_AGENT_HOST"] {
            let warnings = settings(&[(name, url)]).warnings;
            assert!(warnings.len() == 1 && !warnings[0].contains("secret"), "{warnings:?}");
        }
    }
    for text in ["team:top :secret", "a:x,:secret,b:y", ":secret"] {
        let warnings = settings(&[("DD_TAGS", text)]).warnings;
        assert!(warnings.len() == 1 && !warnings[0].contains("secret"), "{warnings:?}");
    }
    let warnings = settings(&[("DD_TAGS", "a:secret,\u{fffd}")]).warnings;
    assert_eq!(warnings, ["ignored `DD_TAGS`: expected UTF-8"]);
}

#[test]
fn variables_are_in_the_table_once() {
    for (at, name) in VARIABLES.iter().enumerate() {
        assert!(!VARIABLES[..at].contains(name), "{name}");
    }
}

#[test]
fn a_request_takes_a_quarter_of_the_buffer_at_most() {
    for (buffer, payload, expected) in [
        (None, None, DEFAULT_PAYLOAD_BYTES),
        (Some(MIB), None, MIB / 4),
        (Some(MIB), Some(16 * 1024), 16 * 1024),
        (Some(2 * MIB), Some(24 * MIB), MIB / 2),
    ] {
        let (_, bytes) = super::checked_sizes(buffer, payload).unwrap();
        assert_eq!(bytes, expected, "{buffer:?} {payload:?}");
    }
}

#[test]
fn the_docs_of_the_builder_have_the_numbers_of_the_code() {
    let lines = include_str!("../builder.rs").lines();
    let docs: Vec<_> = lines.filter_map(|line| line.trim().strip_prefix("/// ")).collect();
    let docs = docs.join(" ");
    let (most, usual) = (MAX_TIMEOUT.as_secs(), DEFAULT_TIMEOUT.as_secs());
    let (smallest, largest) = (PAYLOAD_BYTES.start() / 1024, PAYLOAD_BYTES.end() / MIB);
    for text in [
        format!("more than 0 and at most {most} s"),
        format!("or {usual} s."),
        format!(
            "at least {} MiB, by default {} MiB",
            MIN_BUFFER_BYTES / MIB,
            DEFAULT_BUFFER_BYTES / MIB
        ),
        format!("{smallest} KiB to {largest} MiB, by default {} MiB", DEFAULT_PAYLOAD_BYTES / MIB),
        format!("the socket `{DEFAULT_SOCKET}` and at `http://{DEFAULT_HOST}:{DEFAULT_PORT}`"),
    ] {
        assert!(docs.contains(&text), "not in the docs: {text}");
    }
}
