#!/usr/bin/env bash
# Every measurement that README and pages quote, one command each. Linux; takes an hour in all.
#
#   bash tests/measure.sh                the list of tables
#   bash tests/measure.sh instructions   instructions of `export` for a span: a commit beside the working tree
#   bash tests/measure.sh counting       instructions of client statistics for a span
#   bash tests/measure.sh sampled        CPU of exporter and real Agent for a span where most traces are rejected
#   bash tests/measure.sh host           CPU of exporter and real Agent for a span, this crate beside others
#   bash tests/measure.sh peers          CPU, bytes, allocations and builds of every exporter
#   bash tests/measure.sh outages        spans delivered under each fault
set -euo pipefail
cd "$(dirname "$0")/.."

# Prints what the figures depend on: date, commit and machine.
surroundings() {
    printf '%s, %s, %s\n\n' "$(date -u +%F)" "$(git rev-parse --short HEAD)" \
        "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)"
}

# Builds the bench `spans` of a checkout; prints the program.
bench() {
    cargo bench --quiet --manifest-path "$1/Cargo.toml" --bench spans --no-run --message-format=json |
        sed -n 's/.*"executable":"\([^"]*spans-[^"]*\)".*/\1/p'
}

# Counts the instructions of a program that exports `$3` batches of 512 spans.
count() {
    local out
    out=$(mktemp)
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$out" \
        "$1" --bench "$2" --sample-count "$3" --sample-size 1 >/dev/null
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$out"
    rm -f "$out"
}

# Cloning and dropping the spans, and sending them to a sink that answers at once, is part of the figure.
instructions() {
    local old=${1:-f4a8aaa}
    # No local variable: the trap reads it after the function.
    copy=$(mktemp -d)
    git worktree add --quiet --detach "$copy" "$old"
    trap 'git worktree remove --force "$copy"' EXIT
    printf '| `export` over loopback, instructions for a span | %s | now |\n|---|--:|--:|\n' "$old"
    local before now
    before=$(CARGO_TARGET_DIR=$copy/target bench "$copy")
    now=$(bench .)
    for encoding in Json MessagePack; do
        printf '| %s |' "$encoding"
        for program in "$before" "$now"; do
            local few many
            few=$(count "$program" "export_over_loopback.*$encoding" 4)
            many=$(count "$program" "export_over_loopback.*$encoding" 24)
            printf ' %d |' $(((many - few) / 20 / 512))
        done
        printf '\n'
    done
}

# The difference between an export that counts and one that does not.
counting() {
    local program counts few many
    program=$(bench .)
    printf '| `export`, instructions for a span | |\n|---|--:|\n'
    for counts in false true; do
        few=$(count "$program" "export_with_client_stats.*$counts" 4)
        many=$(count "$program" "export_with_client_stats.*$counts" 24)
        printf '| client statistics: %s | %d |\n' "$counts" $(((many - few) / 20 / 512))
    done
}

case ${1:-} in
instructions) surroundings && instructions "${2:-}" ;;
counting) surroundings && counting ;;
sampled) surroundings && cargo run --quiet --release --manifest-path tests/peers/Cargo.toml -- sampled ;;
host) surroundings && cargo run --quiet --release --manifest-path tests/peers/Cargo.toml -- host ;;
peers) surroundings && cargo run --quiet --release --manifest-path tests/peers/Cargo.toml ;;
outages) surroundings && cargo bench --quiet --bench outages ;;
*) sed -n 's/^#   //p' "$0" ;;
esac
