//! Any text, read by two readers: a mark that is part of a literal or a comment in any reading that its system
//! allows is not in the body. For a system that nobody knows, every reading of every dialect is possible.

#![no_main]

#[path = "../../tests/it/secrets/readings.rs"]
mod readings;

use std::sync::LazyLock;

use libfuzzer_sys::arbitrary::{Arbitrary as _, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use opentelemetry::KeyValue;
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_datadog_agent_fuzz::local::Local;
use opentelemetry_datadog_agent_fuzz::spans::plain_span;
use opentelemetry_sdk::trace::SpanData;

/// The most pieces of a text.
const MAX_PIECES: usize = 40;

static EXPORTER: LazyLock<Local> = LazyLock::new(|| Local::new(DatadogExporter::builder()));

fuzz_target!(|data: &[u8]| {
    let Ok((system, pieces)) = input(&mut Unstructured::new(data)) else { return };
    let (text, marks) = readings::statement(&pieces);
    let attributes = vec![
        KeyValue::new("db.system.name", system),
        KeyValue::new("db.query.text", text.clone()),
    ];
    let span = SpanData { attributes, ..plain_span() };
    let requests = EXPORTER.requests(std::slice::from_ref(&span));
    let body = String::from_utf8_lossy(&requests[0].body);
    if let Some(leak) = readings::leak(system, &text, marks, &body) {
        panic!("{leak}: {system}: {text}\n{body}");
    }
});

/// Returns a system, and the pieces of a statement for it.
fn input<'a>(u: &mut Unstructured<'a>) -> Result<(&'static str, Vec<&'a str>)> {
    let known: Vec<_> = readings::READINGS.iter().flat_map(|(systems, _)| *systems).collect();
    let system = if u.arbitrary()? { *u.choose(readings::UNKNOWN)? } else { **u.choose(&known)? };
    let count = u.int_in_range(1..=MAX_PIECES)?;
    let pieces = (0..count).map(|_| match u.ratio(1, 16)? {
        true => <&str>::arbitrary(u),
        false => Ok(*u.choose(readings::PIECES)?),
    });
    let pieces: Vec<_> = pieces.collect::<Result<_>>()?;
    // Words and dots of the fuzzer would make places where a text in double quotes is a name; marks are numbered.
    let is_known = |piece: &&str| readings::PIECES.contains(piece);
    let makes_places = |c: char| c.is_ascii_alphabetic() || matches!(c, '.' | '¤');
    let fits = |piece: &&str| is_known(piece) || !piece.contains(makes_places);
    Ok((system, pieces.into_iter().filter(fits).collect()))
}
