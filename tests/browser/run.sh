#!/usr/bin/env bash
# Opens the page of the embedded Agent in a real browser and checks what `README.md` lists. Needs a Rust toolchain,
# Python 3 with venv, Node with npm and Debian's packages; whatever is missing, or does not start, is a failure.
# An argument is where to put the picture for the README.
set -euo pipefail
if [ $# -gt 0 ]; then
    mkdir -p "$(dirname "$1")"
    set -- "$(realpath "$1")"
fi
cd "$(dirname "$0")"

# Newest releases when this was written.
python=ddtrace==4.16.0
node=dd-trace@6.21.0

if ! command -v chromium >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null
fi

tools=$PWD/target/tools
mkdir -p "$tools"
if ! "$tools/python/bin/python" -c 'import ddtrace' >/dev/null 2>&1; then
    python3 -m venv --clear "$tools/python"
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check "$python"
fi
if [ ! -d "$tools/node/node_modules/dd-trace" ]; then
    npm install --silent --no-audit --no-fund --prefix "$tools/node" "$node"
fi

(cd ../.. && CARGO_TARGET_DIR=$PWD/target cargo build --quiet --workspace --features json-logs --bins --example quickstart --example axum)
# No compiled files beside the sources.
PYTHONDONTWRITEBYTECODE=1 timeout 240 python3 check.py "$@"
