//! Facts that the Agent reads once for a whole request: environment, version, host, container, language.

use std::process::Command;

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_sdk::trace::SpanData;

use crate::real_agent::{MODELS, RealAgent};
use crate::send::{PROTOCOLS, builder, through_us};
use crate::traces::{service, span};

/// A container that the Agent of these tests knows, and what it says of it.
const CONTAINER: &str = "c0ffee";
const CONTAINER_TAGS: &str = "image_name:shop,kube_namespace:prod";

/// Says in the child which test it is.
const CHILD: &str = "REAL_AGENT_CHILD";

#[test]
fn env_and_version_of_each_span_stand_in_its_payload() {
    for (model, protocol) in MODELS.into_iter().zip(PROTOCOLS) {
        let agent = RealAgent::start(model);
        let exporter = builder(agent.url(), protocol).with_env("prod").with_version("1.2");
        let mut other = span(2, 2, 0);
        other.attributes.push(KeyValue::new("deployment.environment.name", "staging"));
        // A plain name is no setting.
        let mut plain = span(3, 3, 0);
        plain.attributes.push(KeyValue::new("env", "staging"));
        let spans = vec![span(1, 1, 0), other, plain];
        through_us(exporter.build().unwrap(), &service("shop"), [spans]);
        agent.stop();
        let mut found: Vec<(String, String, u64)> = Vec::new();
        for payload in agent.payloads() {
            assert_eq!(payload.language, "rust");
            assert_eq!(payload.tracer_version, exporter_version());
            for span in payload.chunks().iter().flat_map(|chunk| &chunk.spans) {
                found.push((payload.env.clone(), payload.app_version.clone(), span.span_id));
            }
        }
        found.sort_by_key(|(.., id)| *id);
        let expected = [("prod", 1), ("staging", 2), ("prod", 3)];
        assert_eq!(found, expected.map(|(env, id)| (env.into(), "1.2".into(), id)), "{model:?}");
    }
}

#[test]
fn a_reported_host_name_stands_in_the_payload() {
    const TEST: &str = "identity::a_reported_host_name_stands_in_the_payload";
    if std::env::var(CHILD).is_err() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args([TEST, "--exact", "--nocapture"])
            .envs([(CHILD, "1"), ("DD_HOSTNAME", "host-7"), ("DD_TRACE_REPORT_HOSTNAME", "true")])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    for (model, protocol) in MODELS.into_iter().zip(PROTOCOLS) {
        let agent = RealAgent::start(model);
        let exporter = builder(agent.url(), protocol).build().unwrap();
        through_us(exporter, &service("shop"), [vec![span(1, 1, 0)]]);
        agent.stop();
        assert_eq!(agent.payloads()[0].hostname, "host-7", "{model:?}");
    }
}

#[test]
fn the_tags_of_the_container_stand_in_the_payload() {
    for (model, protocol) in MODELS.into_iter().zip(PROTOCOLS) {
        let agent = RealAgent::start(model);
        let exporter =
            builder(agent.url(), protocol).with_http_client(InContainer).build().unwrap();
        let spans: Vec<SpanData> = vec![span(1, 1, 0)];
        through_us(exporter, &service("shop"), [spans]);
        agent.stop();
        let payload = &agent.payloads()[0];
        assert_eq!(payload.container_id, CONTAINER, "{model:?}");
        let tags = payload.tags.as_ref().and_then(|tags| tags.get("_dd.tags.container"));
        assert_eq!(tags.map(String::as_str), Some(CONTAINER_TAGS), "{model:?}");
    }
}

/// A client of the user's own, which says that the process runs in a container.
#[derive(Debug)]
struct InContainer;

#[async_trait]
impl HttpClient for InContainer {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        if request.method() == "GET" {
            let mut answer = ureq::get(request.uri().to_string()).call()?;
            return Ok(Response::new(answer.body_mut().read_to_vec()?.into()));
        }
        let mut message = ureq::put(request.uri().to_string());
        let own = ["datadog-container-id", "datadog-entity-id"];
        for (name, value) in
            request.headers().iter().filter(|(name, _)| !own.contains(&name.as_str()))
        {
            message = message.header(name, value);
        }
        let answer = message.header(own[0], CONTAINER).send(&request.body()[..])?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        Ok(response)
    }
}

/// The version in the crate's manifest.
fn exporter_version() -> String {
    let manifest = include_str!("../../../Cargo.toml");
    let line = manifest.lines().find_map(|line| line.strip_prefix("version = "));
    line.unwrap().trim_matches('"').to_owned()
}
