#!/usr/bin/env bash
# The embedded object store against the disk below it and another server of S3, in one run: MB/s of put and get. Then a
# hop of a payload between two functions against a bare POST of as many bytes to the second one.
#   scripts/bench-storage.sh [rounds]     default: 3 rounds
# The other server is rclone, which is built from its module once; RCLONE names one that is there.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3}
rclone=${RCLONE:-bin/rclone}
if [ ! -x "$rclone" ]; then
  mkdir -p bin
  GOBIN="$PWD/bin" GOFLAGS=-mod=mod go install -trimpath github.com/rclone/rclone@v1.76.0
fi
free=$(df -Pk "${TMPDIR:-/tmp}" | awk 'NR==2 {print int($4/1024)}')
[ "$free" -gt 6000 ] || { echo "${TMPDIR:-/tmp} has $free MiB free, the benchmark needs 6000" >&2; exit 1; }
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export STELLAR_BENCH_S3="http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=bench AWS_SECRET_ACCESS_KEY=secret-of-bench
mkdir "$work/foreign"
RCLONE_CONFIG=/dev/null "$rclone" serve s3 --addr "127.0.0.1:$port" --vfs-cache-mode off \
  --auth-key "$AWS_ACCESS_KEY_ID,$AWS_SECRET_ACCESS_KEY" "$work/foreign" 2>"$work/foreign.log" &
server=$!
for _ in $(seq 100); do
  python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))" 2>/dev/null && break
  sleep 0.1
done
go test -c -o "$work/storage.test" ./src/acceptance/storage
go test -c -o "$work/local.test" ./src/acceptance/local
for round in $(seq 0 "$rounds"); do # round 0 warms up
  echo "round $round of $rounds" >&2
  (cd src/acceptance/storage && TMPDIR="$work" "$work/storage.test" -test.run '^$' -test.bench BenchmarkStore \
    -test.benchtime 3x) | grep '^Benchmark' >"$work/round"
  (cd src/acceptance/local && TMPDIR="$work" "$work/local.test" -test.run '^$' -test.bench BenchmarkHop \
    -test.benchtime 100x) | grep '^Benchmark' >>"$work/round"
  [ "$round" -eq 0 ] || cat "$work/round" >>"$work/rows"
done
python3 - "$work/rows" <<'PY'
"""Medians of MB/s (10^6 bytes), a line for each operation and size; then those of hops."""
import collections
import statistics
import sys

rows = collections.defaultdict(list)
hops = collections.defaultdict(list)
for line in open(sys.argv[1]):
    name, *cells = line.split()
    if name.startswith("BenchmarkHop/"):
        way, size = name.removeprefix("BenchmarkHop/").rsplit("-", 1)[0].split("/")
        hops[way, int(size)].append([float(cells[cells.index(unit) - 1]) for unit in ("hop-ns", "post-ns")])
        continue
    operation, size, side = name.removeprefix("BenchmarkStore/").rsplit("-", 1)[0].split("/")
    rows[operation, int(size.removesuffix("MiB")), side].append(float(cells[cells.index("MB/s") - 1]))
sides = ["embedded", "foreign", "file", "synced"]
print("| operation | " + " | ".join(sides) + " | embedded / synced |")
print("|---|" + "---|" * (len(sides) + 1))
for operation, size in sorted({key[:2] for key in rows}, key=lambda k: (k[0] != "put", k[1])):
    medians = [statistics.median(rows[operation, size, side]) for side in sides]
    cells = " | ".join(f"{m:.0f}" for m in medians)
    print(f"| {operation} of {size} MiB | {cells} | {medians[0] / medians[3]:.2f} |")
print("\n| hop of | functions | hop | bare POST | ratio, median (min–max of rounds) |\n|---|---|---|---|---|")
for (way, size), rounds in sorted(hops.items()):
    hop, post = (statistics.median(column) / 1e6 for column in zip(*rounds))
    ratios = [h / p for h, p in rounds]
    print(f"| {size} B | {way} | {hop:.3f} ms | {post:.3f} ms | {statistics.median(ratios):.2f} "
          f"({min(ratios):.2f}–{max(ratios):.2f}) |")
PY
