#!/usr/bin/env bash
# What comes after the probe, on ten million rows: stellar reads latencies.csv, checks every cell of it, computes the
# statistics with their intervals, writes bursts.csv and statistics.csv and draws; pandas reads the columns it needs and
# computes the same statistics without intervals and plots. Medians of the rounds, each round one after the other, and
# the most memory of each.
#   scripts/bench-rows.sh [rounds] [rows] [burst size]     default: 5 rounds, 10000000 rows, bursts of 1000
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5} rows=${2:-10000000} burst=${3:-1000}
python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -c 'import pandas' 2>/dev/null; then python=$candidate; break; fi
done
[ -n "$python" ] ||
  { echo "the comparison needs pandas: apt-get install python3-pandas, or pip install pandas" >&2; exit 1; }
need=$((rows * 900 / 1048576 + 200))
free=$(df -Pk "${TMPDIR:-/tmp}" | awk 'NR==2 {print int($4/1024)}')
[ "$free" -gt "$need" ] ||
  { echo "${TMPDIR:-/tmp} has $free MiB free, the benchmark needs $need: set TMPDIR" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go test -c -o "$work/report.test" ./src/report
cat >"$work/timed.py" <<'PY'
import os, resource, subprocess, sys, time
# Runs a program; adds "name seconds MB" to a file: wall time, and the most memory that the program had.
began = time.monotonic()
done = subprocess.run(sys.argv[3:], stdout=open(sys.argv[2] + ".out", "w"))
took = time.monotonic() - began
if done.returncode:
    sys.exit(done.returncode)
with open(sys.argv[2], "a") as f:
    f.write(f"{sys.argv[1]} {took} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}\n")
PY
timed() { python3 "$work/timed.py" "$1" "$work/times" "${@:2}"; }
export STELLAR_TEST_SCALE_DIR="$work/rows" STELLAR_TEST_SCALE_ROWS="$rows" STELLAR_TEST_SCALE_BURST="$burst"
mkdir "$work/rows"
echo "writing $rows rows" >&2
timed write+process "$work/report.test" -test.run '^TestScaleWork$' -test.v
for round in $(seq "$rounds"); do
  echo "round $round of $rounds" >&2
  timed stellar "$work/report.test" -test.run '^$' -test.bench '^BenchmarkRows$' -test.benchtime 1x
  timed cat sh -c 'cat "$1" >/dev/null' sh "$work/rows/latencies.csv"
  timed pandas "$python" scripts/bench-rows.py "$work/rows/latencies.csv" "$work/pandas.csv"
done
python3 - "$work/times" "$rows" "$work/rows/latencies.csv" <<'PY'
import os, statistics, sys
times, memory = {}, {}
for line in open(sys.argv[1]):
    name, seconds, mb = line.split()
    times.setdefault(name, []).append(float(seconds))
    memory.setdefault(name, []).append(float(mb))
rows, size = int(sys.argv[2]), os.path.getsize(sys.argv[3])
print(f"\n{rows} rows, {size / 1e9:.2f} GB\n")
print(f"{'':28} {'median s':>9} {'ns/row':>8} {'peak MB':>8}")
for name, what in (("stellar", "stellar, with plots"), ("pandas", "pandas, without plots"),
                   ("cat", "reading the file alone")):
    median = statistics.median(times[name])
    print(f"{what:28} {median:9.2f} {median / rows * 1e9:8.0f} {max(memory[name]):8.0f}")
t = statistics.median(times["pandas"]) / statistics.median(times["stellar"])
m = max(memory["pandas"]) / max(memory["stellar"])
print(f"\npandas takes {t:.1f} times as long and {m:.1f} times the memory")
PY
