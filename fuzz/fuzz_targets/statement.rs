//! Any statement of any database: it never panics, spoils the body or costs the span; and no literal of a
//! statement that is well-formed up to its end or its cut is in the body.

#![no_main]

mod dialects;

use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{Arbitrary as _, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use opentelemetry::KeyValue;
use opentelemetry_datadog_agent::{DatadogExporter, Protocol};
use opentelemetry_datadog_agent_fuzz::local::Local;
use opentelemetry_datadog_agent_fuzz::spans::{kind, plain_span};
use opentelemetry_sdk::trace::SpanData;

use dialects::{ANY_SYSTEM, MARK, NUMBER, SPEAKERS, Speaker};

/// Places that can hold any text; the name of a span has no key.
const PLACES: &[&str] =
    &["db.statement", "db.query.text", "db.query.summary", "", "resource.name", "datadog.resource"];

/// The places that are names, of any span.
const NAMES: [&str; 3] = ["", "resource.name", "datadog.resource"];

/// The bytes before a statement may be cut: its first words.
const MIN_CUT: usize = 12;

static EXPORTERS: LazyLock<[Local; 2]> = LazyLock::new(|| {
    [Protocol::V03Json, Protocol::V03MessagePack]
        .map(|protocol| Local::new(DatadogExporter::builder().with_protocol(protocol)))
});

fuzz_target!(|data: &[u8]| {
    let u = &mut Unstructured::new(data);
    let Ok((span, has_secrets)) = any_text(u) else { return };
    for exporter in &*EXPORTERS {
        let requests = exporter.requests(std::slice::from_ref(&span));
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].decode_error, None);
        assert_eq!(requests[0].traces.iter().flatten().count(), 1, "the span did not arrive");
        let body = String::from_utf8_lossy(&requests[0].body).to_lowercase();
        for secret in [MARK, NUMBER].iter().filter(|_| has_secrets) {
            assert!(!body.contains(secret), "{secret} of {span:?}\n{body}");
        }
    }
});

/// Returns a span with a statement, and whether there are secrets in it.
fn any_text(u: &mut Unstructured<'_>) -> Result<(SpanData, bool)> {
    let mut span = SpanData { span_kind: kind(u)?, ..plain_span() };
    let key = *u.choose(&["db.system.name", "db.system"])?;
    let has_secrets = u.ratio(3, 4)?;
    let mut places = PLACES.to_vec();
    let (system, text) = if has_secrets {
        let speaker = u.choose(SPEAKERS)?;
        places.extend(speaker.places);
        (*u.choose(speaker.systems)?, statement(speaker, u)?)
    } else {
        let system = if u.arbitrary()? { *u.choose(ANY_SYSTEM)? } else { <&str>::arbitrary(u)? };
        let start = *u.choose(&["", "SELECT ", "{\"a\":", "GET "])?;
        (system, format!("{start}{}", <&str>::arbitrary(u)?))
    };
    if system.is_empty() {
        // Without a system there is no database: a name is a name.
        places.retain(|place| !NAMES.contains(place));
    }
    span.attributes.push(KeyValue::new(key, system.to_owned()));
    match *u.choose(&places)? {
        "" => span.name = text.into(),
        place => span.attributes.push(KeyValue::new(place, text)),
    }
    Ok((span, has_secrets))
}

/// Returns a statement with secrets, whole or cut.
fn statement(speaker: &Speaker, u: &mut Unstructured<'_>) -> Result<String> {
    let mut text = (*u.choose(speaker.starts)?).to_owned();
    for _ in 0..u.int_in_range(1..=8)? {
        text += u.choose(speaker.separators)?;
        if u.arbitrary()? {
            text += u.choose(speaker.words)?;
            continue;
        }
        let literal = u.choose(speaker.literals)?;
        let (left, right) = (<&str>::arbitrary(u)?, <&str>::arbitrary(u)?);
        text += literal.before;
        (literal.push)(&mut text, left, right);
        text += literal.after;
    }
    text += speaker.end;
    if u.ratio(1, 4)? {
        let ends = text.char_indices().map(|(end, _)| end).filter(|end| *end > MIN_CUT);
        let ends: Vec<_> = ends.collect();
        if !ends.is_empty() {
            text.truncate(*u.choose(&ends)?);
        }
    }
    Ok(text)
}
