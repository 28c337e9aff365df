//! Any batch of any spans: every span that can be sent arrives once, in a body that the Agent has nothing
//! against, and JSON and MessagePack say the same.

#![no_main]

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex, PoisonError};

use libfuzzer_sys::arbitrary::{Arbitrary as _, Unstructured};
use libfuzzer_sys::fuzz_target;
use datadog_test_agent::{TraceRequest, ReceivedSpan};
use opentelemetry_datadog_agent::{DatadogExporter, Obfuscation, Protocol, SpanTypes};
use opentelemetry_datadog_agent_fuzz::local::Local;
use opentelemetry_datadog_agent_fuzz::spans;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;

/// Exporters with each set of types, in each protocol.
static EXPORTERS: LazyLock<Mutex<[[Local; 2]; 2]>> = LazyLock::new(|| {
    let exporters = [SpanTypes::Documented, SpanTypes::Agent].map(|types| {
        [Protocol::V03Json, Protocol::V03MessagePack].map(|protocol| {
            let builder = DatadogExporter::builder().with_span_types(types).with_obfuscation(obfuscation(types));
            Local::new(builder.with_protocol(protocol))
        })
    });
    Mutex::new(exporters)
});

fuzz_target!(|data: &[u8]| {
    let u = &mut Unstructured::new(data);
    let (Ok(types), Ok(resource), Ok(batch)) =
        (bool::arbitrary(u), spans::resource(u), spans::batch(u))
    else {
        return;
    };
    let mut exporters = EXPORTERS.lock().unwrap_or_else(PoisonError::into_inner);
    let [json, msgpack] = &mut exporters[usize::from(types)];
    let documents = [json, msgpack].map(|exporter| document(exporter, &resource, &batch));
    assert_eq!(documents[0], documents[1], "left: JSON, right: MessagePack");
});

/// Exports a batch and returns what arrived.
fn document(exporter: &mut Local, resource: &Resource, batch: &[SpanData]) -> Vec<Vec<ReceivedSpan>> {
    exporter.set_resource(resource);
    let requests = exporter.requests(batch);
    requests.iter().for_each(check);
    let chunks: Vec<_> = requests.into_iter().flat_map(|request| request.traces).collect();
    let mut missing: BTreeSet<_> = batch.iter().map(spans::ids).filter(can_be_sent).collect();
    for chunk in &chunks {
        let high = chunk[0].meta.get("_dd.p.tid").map_or(0, |high| {
            u128::from_str_radix(high, 16).expect("the upper half is hexadecimal")
        });
        for span in chunk {
            let ids = (high << 64 | u128::from(span.trace_id), span.span_id);
            assert!(missing.remove(&ids), "new, or twice: {ids:x?}");
        }
    }
    assert!(missing.is_empty(), "lost: {missing:x?}");
    chunks
}

/// Returns whether a span has ids that the Agent takes.
fn can_be_sent((trace, span): &(u128, u64)) -> bool {
    trace & u128::from(u64::MAX) != 0 && *span != 0
}

fn check(request: &TraceRequest) {
    assert_eq!((request.status, &request.decode_error), (Some(200), &None));
    assert_eq!(request.violations(), Vec::<String>::new());
}

/// The obfuscation that goes with span types: under its own types the Agent obfuscates.
fn obfuscation(types: SpanTypes) -> Obfuscation {
    if types == SpanTypes::Agent { Obfuscation::Agent } else { Obfuscation::Exporter }
}
