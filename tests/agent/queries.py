"""Redacts queries with Datadog's Python tracer: a JSON list of a URL and a query a line in, the same two redacted out."""

import json
import re
import sys

from ddtrace.internal.settings import _config
from ddtrace.internal.utils.http import redact_query_string
from ddtrace.internal.utils.http import redact_url

SECRETS = re.compile(_config.DD_TRACE_OBFUSCATION_QUERY_STRING_REGEXP_DEFAULT.encode("ascii"))


def text(redacted):
    return redacted.decode() if isinstance(redacted, bytes) else redacted


for line in sys.stdin:
    url, query = json.loads(line)
    shown = [
        redact_url(url, SECRETS, preserve_delimiter=True),
        redact_query_string(query, SECRETS, preserve_delimiter=True),
    ]
    print(json.dumps([text(one) for one in shown]))
