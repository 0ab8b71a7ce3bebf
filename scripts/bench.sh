#!/usr/bin/env bash
# Ratios of medians, measured in one run: each round runs both sides of a pair, one after the other.
#   scripts/bench.sh [rounds] [MiB]     default: 5 rounds, a package of 1024 MiB (10, 250 or 1024)
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5} size=${2:-1024}
command -v zip >/dev/null || { echo "the comparison needs zip: apt-get install zip" >&2; exit 1; }
free=$(df -Pk "${TMPDIR:-/tmp}" | awk 'NR==2 {print int($4/1024)}')
[ "$free" -gt $((size * 4)) ] || { echo "${TMPDIR:-/tmp} has $free MiB free, the benchmark needs $((size * 4))" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/pack.test" ./src/pack
go test -c -o "$work/src.test" ./src
one() { # package, benchmark, benchtime
  (cd "src/${1#src}" && TMPDIR="$work" "$work/$1.test" -test.run '^$' -test.bench "^$2\$" -test.benchtime "$3") | grep '^Benchmark' >>"$work/rows"
}
for round in $(seq 0 "$rounds"); do
  [ "$round" -eq 1 ] && : >"$work/rows" # round 0 warms up
  echo "round $round of $rounds" >&2
  for b in BenchmarkPackage BenchmarkZipCommand BenchmarkSyncedWrite; do one pack "$b/${size}MiB" 1x; done
  for b in BenchmarkColdPlatform BenchmarkColdExec; do one src "$b" 100x; done
  for b in BenchmarkWarmPlatform BenchmarkWarmNetHTTP; do one src "$b" 3000x; done
done
python3 scripts/bench.py "$work/rows" "$size"
