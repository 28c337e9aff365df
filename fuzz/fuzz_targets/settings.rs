//! Any settings: reading them never panics, complaints name the setting in one line, and neither they nor what
//! is shown of the settings holds a password of a URL or the value of a tag.

#![no_main]

use std::collections::BTreeMap;
use std::time::Duration;

use libfuzzer_sys::arbitrary::{Arbitrary as _, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use opentelemetry_datadog_agent::fuzzing::{Resolved, resolve, variables};
use opentelemetry_datadog_agent::{
    DatadogExporter, DatadogExporterBuilder, DatadogPropagator, DatadogSampler,
    DatadogSamplerBuilder, SamplingRule,
};

/// The mark in every password and in every value of a tag, and in nothing else.
const SECRET: &str = "ZQXJ";

/// The variables that a URL is put into.
const ADDRESSES: [&str; 3] = ["DD_TRACE_AGENT_URL", "DD_AGENT_HOST", "DD_TRACE_AGENT_PORT"];

/// Beginnings of rules, for what the fuzzer would not find soon.
#[rustfmt::skip]
const RULES: &[&str] = &[
    r#"[{"sample_rate":"#, r#"[{"service":"a*","name":"?b","resource":"*","tags":{"k":"v"},"sample_rate":0.5}]"#,
    r#"[{"tags":{"k":"#, "[[[[", "[]", r#"[{"sample_rate":1},"#, "1e999",
];

/// Values that mean something to some variable.
#[rustfmt::skip]
const VALUES: &[&str] = &[
    "", " ", "true", "FALSE", "1", "0", "0.5", "-1", "nan", "inf", "1e-400", "65536", "v0.4", "datadog,tracecontext",
    "b3,none", "restart", "99999999999999999999", "host.name", "[::1]", "::1%eth0", "a:b,c:d", "a:b c", ":", ",",
    "http://host:8126/a?b#c", "https://host", "unix:///run/socket", "windows:\\\\.\\pipe\\a", "http://[::1", "xn--",
];

fuzz_target!(|data: &[u8]| {
    // A text that ends too soon is no input.
    let _ = run(&mut Unstructured::new(data));
});

fn run(u: &mut Unstructured<'_>) -> Result<()> {
    let mut environment = BTreeMap::new();
    for _ in 0..u.int_in_range(0..=8)? {
        let name = *u.choose(variables())?;
        environment.insert(name, of_variable(name, u)?);
    }
    let mut called = Vec::new();
    let exporter = exporter(u, &mut called)?;
    let sampler = sampler(u, &mut called)?;
    let variable = |name: &str| environment.get(name).cloned();
    let Resolved { shown, warnings, errors } =
        resolve(exporter, DatadogPropagator::builder(), sampler, &variable);
    assert!(!shown.contains(SECRET), "{shown}");
    for warning in &warnings {
        let named = environment.keys().any(|name| warning.contains(&format!("`{name}`")));
        assert!(named && is_fit_to_print(warning), "{warning}");
    }
    for error in &errors {
        let text = error.to_string();
        let named = called.iter().any(|name| text.contains(&format!("`{name}` = ")));
        assert!(named && is_fit_to_print(&text), "{text}");
        assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    }
    Ok(())
}

fn is_fit_to_print(text: &str) -> bool {
    !text.contains(SECRET) && !text.contains(char::is_control)
}

/// Returns a text without the mark of secrets.
fn text(u: &mut Unstructured<'_>) -> Result<String> {
    let text = if u.arbitrary()? { *u.choose(VALUES)? } else { <&str>::arbitrary(u)? };
    Ok(text.replace('Q', "q"))
}

/// Returns a value for a variable; invalid UTF-8 reaches a process as a mark, U+FFFD.
fn of_variable(name: &str, u: &mut Unstructured<'_>) -> Result<String> {
    let mut value = match name {
        _ if ADDRESSES.contains(&name) && u.arbitrary()? => url(u)?,
        "DD_TAGS" if u.arbitrary()? => format!("{},k:{SECRET},{}", text(u)?, text(u)?),
        "DD_TRACE_SAMPLING_RULES" => format!("{}{}", u.choose(RULES)?, text(u)?),
        _ => text(u)?,
    };
    if u.ratio(1, 16)? {
        value.push(char::REPLACEMENT_CHARACTER);
    }
    Ok(value)
}

/// Returns a URL with a password, as it stands or as nobody should write it.
fn url(u: &mut Unstructured<'_>) -> Result<String> {
    let scheme = *u.choose(&["http://", "HTTP://", "https://", "ftp://", "http:", "x"])?;
    let (user, left, right, tail) = (text(u)?, text(u)?, text(u)?, text(u)?);
    Ok(format!("{scheme}{user}:{left}{SECRET}{right}@host{tail}"))
}

/// Calls setters of the exporter, and notes which.
fn exporter(
    u: &mut Unstructured<'_>,
    called: &mut Vec<&'static str>,
) -> Result<DatadogExporterBuilder> {
    let mut builder = DatadogExporter::builder();
    for _ in 0..u.int_in_range(0..=4)? {
        let (name, changed) = match u.int_in_range(0..=7)? {
            0 => ("with_agent_url", builder.with_agent_url(url(u)?)),
            1 => ("with_agent_url", builder.with_agent_url(text(u)?)),
            2 => ("with_service", builder.with_service(text(u)?)),
            3 => ("with_env", builder.with_env(text(u)?)),
            4 => ("with_version", builder.with_version(text(u)?)),
            5 => ("with_tag", builder.with_tag(text(u)?, SECRET)),
            6 => {
                let timeout = Duration::new(u.arbitrary()?, u.int_in_range(0..=999_999_999)?);
                ("with_timeout", builder.with_timeout(timeout))
            }
            _ if u.arbitrary()? => ("with_max_buffer_bytes", builder.with_max_buffer_bytes(u.arbitrary()?)),
            _ => ("with_max_payload_bytes", builder.with_max_payload_bytes(u.arbitrary()?)),
        };
        builder = changed;
        called.push(name);
    }
    Ok(builder)
}

/// Calls setters of the sampler, and notes which.
fn sampler(
    u: &mut Unstructured<'_>,
    called: &mut Vec<&'static str>,
) -> Result<DatadogSamplerBuilder> {
    let mut builder = DatadogSampler::builder();
    for _ in 0..u.int_in_range(0..=2)? {
        let (name, changed) = match u.int_in_range(0..=3)? {
            0 => ("with_service", builder.with_service(text(u)?)),
            1 => ("with_rate", builder.with_rate(u.arbitrary()?)),
            2 => ("with_rate_limit", builder.with_rate_limit(u.arbitrary()?)),
            _ => {
                let rule = SamplingRule::new(u.arbitrary()?).with_service(text(u)?);
                ("SamplingRule::new", builder.with_rule(rule.with_tag(text(u)?, text(u)?)))
            }
        };
        builder = changed;
        called.push(name);
    }
    Ok(builder)
}
