"""A program with Datadog's tracer for Python: the first span of the trace, and a call to the next service."""

import sys
import urllib.request

from ddtrace.propagation.http import HTTPPropagator
from ddtrace.trace import tracer

with tracer.trace("front.order", service="front", resource="order", span_type="web") as span:
    headers = {}
    HTTPPropagator.inject(span.context, headers)
    with urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers=headers), timeout=20) as answer:
        print(answer.read().decode(), end="")
tracer.shutdown()
