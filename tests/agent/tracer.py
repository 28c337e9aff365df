"""Reads headers with Datadog's Python tracer: one JSON object of headers a line in, what it made of them out."""

import json
import sys

from ddtrace.propagation.http import HTTPPropagator

for line in sys.stdin:
    context = HTTPPropagator.extract(json.loads(line))
    written = {}
    HTTPPropagator.inject(context, written)
    said = {
        "trace_id": f"{context.trace_id or 0:032x}",
        "span_id": f"{context.span_id or 0:016x}",
        "priority": context.sampling_priority,
        "origin": context.dd_origin,
        "tags": {key: value for key, value in context._meta.items() if key.startswith("_dd.p.")},
        "written": written,
    }
    print(json.dumps(said), flush=True)
