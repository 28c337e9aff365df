//! Datadog's official test agent: its checks pass, in both protocols, at the endpoint that it knows.

use std::env;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_datadog_agent::Protocol;
use serde_json::Value as Json;

use crate::read::{resource, span_data, vectors};
use crate::send::{builder, through_us};
use crate::vectors::ROOT;

/// Python takes its time to start.
const SOON: Duration = Duration::from_secs(60);

/// The checks that concern any client.
const CHECKS: [&str; 4] = [
    "meta_events_is_valid_json",
    "meta_tracer_version_header",
    "trace_content_length",
    "trace_count_header",
];

/// A test agent in a process of its own, which ends with this value.
struct TestAgent {
    process: Child,
    url: String,
}

impl TestAgent {
    fn start() -> Self {
        let program = env::var("TEST_AGENT").expect("run `bash tests/agent/run.sh`");
        let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.map(|listener| listener.local_addr().unwrap().port().to_string());
        let process = Command::new(program)
            .args(["--port", &ports[0], "--otlp-http-port", &ports[1]])
            .args(["--otlp-grpc-port", &ports[2], "--log-level", "ERROR"])
            .env("ENABLED_CHECKS", CHECKS.join(","))
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut agent = Self { process, url: format!("http://127.0.0.1:{}", ports[0]) };
        let deadline = Instant::now() + SOON;
        while ureq::get(format!("{}/info", agent.url)).call().is_err() {
            let ended = agent.process.try_wait().unwrap();
            assert!(ended.is_none(), "the test agent ended: {ended:?}");
            assert!(Instant::now() < deadline, "the test agent did not start");
            thread::sleep(Duration::from_millis(50));
        }
        agent
    }

    fn read(&self, path: &str) -> Json {
        let mut answer = ureq::get(format!("{}{path}", self.url)).call().unwrap();
        answer.body_mut().read_json().unwrap()
    }
}

impl Drop for TestAgent {
    fn drop(&mut self) {
        // It may have ended by itself; the test has failed then.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_checks_of_the_official_test_agent_pass() {
    for protocol in [Protocol::Auto, Protocol::V04] {
        let agent = TestAgent::start();
        let mut count = 0;
        for vector in vectors(ROOT, None) {
            let exporter = builder(&agent.url, protocol);
            let resource = resource(&vector["input"]["resource_attributes"]);
            // A failed check is a 400, and fails here.
            let batch = vec![span_data(&vector["input"])];
            through_us(exporter.build().unwrap(), &resource, [batch]);
            count += 1;
        }
        let summary = agent.read("/test/trace_check/summary?return_all=true");
        for check in CHECKS {
            let results = &summary[check];
            assert_eq!(results["Failed_Checks"], 0, "{protocol:?} {check}: {summary}");
            assert!(results["Passed_Checks"].as_u64() >= Some(count), "{protocol:?} {summary}");
        }
        let traces = agent.read("/test/session/traces");
        let spans = traces.as_array().unwrap().iter().map(|trace| trace.as_array().unwrap().len());
        assert_eq!(spans.sum::<usize>() as u64, count, "{protocol:?}");
    }
}
