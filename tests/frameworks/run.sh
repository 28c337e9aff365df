#!/usr/bin/env bash
# Runs published frameworks and drivers against the embedded Agent. `README.md` says what is checked. Needs the Rust
# of `Cargo.toml`, a C compiler and Debian's packages; whatever is missing, or does not start, is a failure.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v redis-server >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq redis-server >/dev/null
fi

# Query strings hold secrets, and are asked to be left out: the requests are full of them.
export DD_HTTP_SERVER_TAG_QUERY_STRING=false DD_HTTP_CLIENT_TAG_QUERY_STRING=false

cargo fmt --check
cargo clippy --quiet --all-targets -- -D warnings
cargo run --quiet -- "$@"

# A second OpenTelemetry would build, and join no trace.
if cargo tree --duplicates --depth 0 | grep '^opentelemetry'; then
    echo "frameworks: more than one version of these" >&2
    exit 1
fi
