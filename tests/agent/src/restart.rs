//! The real Agent stops and starts while spans come: each reaches the intake exactly once.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_sdk::trace::SpanExporter as _;

use crate::real_agent::{Model, RealAgent};
use crate::send::{PROTOCOLS, builder};
use crate::traces::{service, span};

/// Spans for each second, in batches of this size, for so long.
const PER_SECOND: u64 = 5_000;
const BATCH: u64 = 250;
const SECONDS: u64 = 4;

/// The moments at which the Agent stops and starts.
const STOPS: Duration = Duration::from_millis(1_000);
const STARTS: Duration = Duration::from_millis(2_500);

#[test]
fn every_span_reaches_the_intake_once_though_the_agent_restarts() {
    for protocol in PROTOCOLS {
        let agent = RealAgent::start(Model::Indexed);
        let mut exporter = builder(agent.url(), protocol).build().unwrap();
        exporter.set_resource(&service("shop"));
        let handle = exporter.handle();
        let begin = Instant::now();
        let sleep_until = |moment: Duration| {
            thread::sleep(moment.saturating_sub(begin.elapsed()));
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                sleep_until(STOPS);
                agent.stop();
                sleep_until(STARTS);
                agent.start_again();
            });
            for batch in 0..SECONDS * PER_SECOND / BATCH {
                sleep_until(Duration::from_secs(1) * u32::try_from(batch * BATCH).unwrap() / 5_000);
                let first = batch * BATCH + 1;
                let spans = (first..first + BATCH).map(|id| span(id, id, 0)).collect();
                futures_executor::block_on(exporter.export(spans)).unwrap();
            }
        });
        handle.flush(Duration::from_secs(20)).unwrap();
        exporter.shutdown().unwrap();
        let stats = handle.stats();
        assert!(stats.retries > 0, "the Agent was never away: {stats:?}");
        agent.stop();
        let mut arrived = BTreeMap::new();
        for span in agent.spans() {
            *arrived.entry(span.span_id).or_insert(0) += 1;
        }
        assert_eq!(arrived.len() as u64, SECONDS * PER_SECOND, "{protocol:?}: {stats:?}");
        let twice: Vec<_> = arrived.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{protocol:?}: {} twice, {stats:?}", twice.len());
    }
}
