#!/usr/bin/env bash
# Builds Datadog's own Agent code and runs the tests that need it. Needs Go 1.26, a Rust toolchain, Python 3 with venv
# and Node with npm. Whatever is missing, or does not build or start, is a failure.
set -euo pipefail
cd "$(dirname "$0")"

# Newest release when this was written; its checks are what official tracers are tested with.
official=ddapm-test-agent==1.69.1
# Likewise: the tracers that we are compared with.
python=ddtrace==4.16.0
node=dd-trace@6.21.0

tools=$PWD/target/tools
mkdir -p "$tools"

echo "building Datadog's trace-agent $(grep -m1 'pkg/trace ' go/go.mod | awk '{print $2}') (cached after the first time)"
(cd go && test -z "$(gofmt -l .)" && go vet . && go build -o "$tools/real-agent" .)

if ! "$tools/python/bin/ddapm-test-agent" --version >/dev/null 2>&1; then
    python3 -m venv --clear "$tools/python"
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check "$official"
fi

if ! "$tools/tracer/bin/python" -c 'import ddtrace' >/dev/null 2>&1; then
    python3 -m venv --clear "$tools/tracer"
    "$tools/tracer/bin/pip" install --quiet --disable-pip-version-check "$python"
fi

if ! NODE_PATH=$tools/node/node_modules node -e "require('dd-trace')" >/dev/null 2>&1; then
    npm install --silent --no-audit --no-fund --prefix "$tools/node" "$node"
fi

export REAL_AGENT=$tools/real-agent
export TEST_AGENT=$tools/python/bin/ddapm-test-agent
export TRACER_PYTHON=$tools/tracer/bin/python
export TRACER_NODE=$tools/node/node_modules
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo clippy --quiet --all-targets -- -D warnings
cargo test "$@" | tee "$log"
passed=$(awk '/^test result: ok/ { sum += $4 } END { print sum + 0 }' "$log")
[ "$passed" -gt 0 ] || { echo "real agent: no test ran" >&2; exit 1; }
echo "real agent: $passed passed"
