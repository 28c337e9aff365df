"""Says what Datadog's Python tracer makes of its environment: the inputs on stdin and the outcome on stdout are one JSON
object each."""

import json
import logging
import sys

logging.disable(logging.CRITICAL)


def outcome(inputs):
    from ddtrace import config
    from ddtrace import tracer
    from ddtrace.contrib.internal.trace_utils import set_http_meta
    from ddtrace.internal.runtime import container
    from ddtrace.internal.sampling import get_span_sampling_rules
    from ddtrace.internal.settings._agent import config as agent
    from ddtrace.internal.settings.integration import IntegrationConfig
    from ddtrace.propagation._database_monitoring import _DBM_Propagator
    from ddtrace.propagation.http import HTTPPropagator
    from ddtrace.trace import Span

    sent = []
    writer = tracer._span_aggregator.writer
    writer.write = lambda spans=None: sent.extend(spans or [])

    def injected(span):
        headers = {}
        HTTPPropagator.inject(span.context, headers)
        return {name.lower(): text for name, text in headers.items()}

    def url(**options):
        span = Span("url")
        set_http_meta(span, IntegrationConfig(config, "peer", **options), url=inputs["url"])
        return span.get_tag("http.url")

    def comment(database):
        service, host, name, peer = database
        tags = {"out.host": host, "db.name": name, "peer.service": peer}
        span = Span("query", service=service, trace_id=inputs["trace"], span_id=inputs["span"])
        span.set_tags({key: text for key, text in tags.items() if text})
        span.context.sampling_priority = 1
        (text,), _ = _DBM_Propagator(0, "sql").inject(span, ("SELECT 1",), {})
        return [text, span.get_tag("_dd.dbm_trace_injected")]

    def is_kept(number):
        span = Span("work", service=config.service, resource="work", trace_id=number)
        span.set_tag("team", "a")
        return tracer._sampler.sample(span)

    span_rules = get_span_sampling_rules()

    def is_kept_alone(number):
        span = Span("work", service=config.service, trace_id=number, span_id=number)
        rule = next((rule for rule in span_rules if rule.match(span)), None)
        return rule is not None and rule.sample(span)

    def is_read(headers):
        context = HTTPPropagator.extract(headers)
        return context is not None and context.trace_id is not None

    caller = HTTPPropagator.extract(inputs["headers"])
    with tracer.start_span("work", child_of=caller) as span:
        written = injected(span)
    tracer.start_span("work").finish()
    meta = {key: text for span in sent for key, text in span.get_tags().items()}
    of_container = {}
    container.update_headers(of_container)
    return {
        "enabled": bool(sent),
        "service": span.service,
        "meta": meta,
        "errors": [code for code in inputs["statuses"] if config._http_server.is_error_code(code)],
        "kept": [number for number in inputs["ids"] if is_kept(number)],
        "alone": [number for number in inputs["ids"] if is_kept_alone(number)],
        "statistics": config._trace_compute_stats,
        "limit": tracer._sampler.limiter.rate_limit,
        "extract": [style for style, headers in inputs["styles"].items() if is_read(headers)],
        "inject": [style for style, own in inputs["styles"].items() if next(iter(own)) in written],
        "continues": [span.trace_id % 2**64, len(span._get_links())],
        "passed": written.get("x-datadog-tags", ""),
        "comments": {label: comment(database) for label, database in inputs["databases"].items()},
        "urls": [url(), url(default_http_tag_query_string=config._http_client_tag_query_string)],
        "agent": agent.trace_agent_url,
        "timeout": agent.trace_agent_timeout_seconds,
        "protocol": getattr(writer, "_api_version", None),
        "external": of_container.get("Datadog-External-Env"),
    }


try:
    print(json.dumps(outcome(json.load(sys.stdin)), default=str))
except Exception as error:
    print(json.dumps({"fails": f"{type(error).__name__}: {error}"}))
