//! Repository and commit of the program: on the first span of each chunk, without credentials.

use opentelemetry::KeyValue;
use opentelemetry_datadog_agent::DatadogExporter;
use opentelemetry_sdk::trace::SpanExporter as _;

use crate::support::{PROTOCOLS, agent, block_on, context, span};

#[test]
fn the_first_span_of_a_chunk_names_repository_and_commit() {
    for protocol in PROTOCOLS {
        let agent = agent();
        let exporter = DatadogExporter::builder()
            .with_agent_url(agent.url())
            .with_protocol(protocol)
            .with_git("https://user:SECRET@host/shop.git", "0123abc")
            .build()
            .unwrap();
        let spans = (1..=2_u64).flat_map(|trace| {
            (1..=2_u64).map(move |id| {
                let mut span = span();
                span.span_context = context(u128::from(trace), 10 * trace + id);
                span.attributes.push(KeyValue::new("note", "x"));
                span
            })
        });
        block_on(exporter.export(spans.collect())).unwrap();
        exporter.shutdown().unwrap();
        let traces: Vec<_> =
            agent.requests().into_iter().flat_map(|request| request.traces).collect();
        assert_eq!(traces.len(), 2);
        for trace in traces {
            let tag = |at: usize, key| trace[at].meta.get(key).map(String::as_str);
            assert_eq!(tag(0, "_dd.git.repository_url"), Some("https://host/shop.git"));
            assert_eq!(tag(0, "_dd.git.commit.sha"), Some("0123abc"));
            assert_eq!(
                (tag(1, "_dd.git.repository_url"), tag(1, "_dd.git.commit.sha")),
                (None, None)
            );
        }
        let bodies = agent.requests().into_iter().map(|request| request.body);
        assert!(bodies.into_iter().all(|body| !String::from_utf8_lossy(&body).contains("SECRET")));
    }
}
