#!/usr/bin/env bash
# Makes the pictures of this folder anew, from runs of the examples. An argument is another folder to put them in.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-docs}
mkdir -p "$folder"
cargo build --quiet --examples --bins --features json-logs
run=target/debug/examples
port=8127 # not the Agent's own, which may be in use
export CLICOLOR_FORCE=1 DD_TRACE_AGENT_URL=http://127.0.0.1:$port

"$run/quickstart" 2>/dev/null | "$run/terminal_svg" >"$folder/quickstart.svg"

log=$(mktemp)
agent=
trap 'rm -f "$log"; if [ -n "$agent" ]; then kill $agent 2>/dev/null || true; fi' EXIT
target/debug/datadog-test-agent $port >"$log" &
agent=$!
timeout 10 bash -c "until grep -q listening '$log'; do sleep 0.1; done"
for example in tracing tonic; do
    "$run/$example" >/dev/null
    sleep 0.5
done
kill -INT $agent
wait $agent
agent=
"$run/terminal_svg" <"$log" >"$folder/local_agent.svg"
