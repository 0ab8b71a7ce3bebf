#!/usr/bin/env bash
# Ratios of medians, measured in one run: each round runs both sides of a pair, one after the other.
#   scripts/bench.sh [rounds]     default: 5 rounds
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5}
command -v zip >/dev/null || { echo "the comparison needs zip: apt-get install zip" >&2; exit 1; }
free=$(df -Pk "${TMPDIR:-/tmp}" | awk 'NR==2 {print int($4/1024)}')
[ "$free" -gt 6000 ] || { echo "${TMPDIR:-/tmp} has $free MiB free, the benchmark needs 6000" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/pack.test" ./src/pack
go test -c -o "$work/local.test" ./src/acceptance/local
one() { # package under src, benchmark, benchtime
  local program="$work/$(basename "$1").test"
  (cd "src/$1" && TMPDIR="$work" "$program" -test.run '^$' -test.bench "^$2\$" -test.benchtime "$3") |
    grep '^Benchmark' >>"$work/rows"
}
for round in $(seq 0 "$rounds"); do
  [ "$round" -eq 1 ] && : >"$work/rows" # round 0 warms up: the page cache before all
  echo "round $round of $rounds" >&2
  for size in 10 50 250 1024; do
    times=1x
    [ "$size" -le 50 ] && times=5x
    for b in BenchmarkPackage BenchmarkZipCommand BenchmarkSyncedWrite; do one pack "$b/${size}MiB" "$times"; done
  done
  for b in BenchmarkSweep BenchmarkSweepWrites; do one pack "$b" 1x; done
  for b in BenchmarkColdPlatform BenchmarkColdExec; do one acceptance/local "$b" 100x; done
  for b in BenchmarkWarmPlatform BenchmarkWarmNetHTTP; do one acceptance/local "$b" 3000x; done
done
python3 scripts/bench.py "$work/rows"
