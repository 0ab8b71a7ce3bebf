#!/usr/bin/env bash
# The probe against other clients, judged by a server that stamps what it sees of them. Linux, two cores or more.
#   scripts/bench-probe.sh [rounds] [--only SECTION,…] [--sizes N,…]     default: 5 rounds of everything
# The row "write" of warm bursts is no client, but what the kernel takes for as many writes (scripts/benchfloor).
# Sections: spread, pinned, platform, new, h2, grpc, sustained, memory. Peers are fetched into
# ${STELLAR_BENCH_TOOLS:-~/.cache/stellar-bench}; STELLAR_BIN names a stellar that is built already.
set -euo pipefail
[ -z "${STELLAR_BIN:-}" ] || STELLAR_BIN=$(realpath "$STELLAR_BIN")
cd "$(dirname "$0")/.."
tools=${STELLAR_BENCH_TOOLS:-$HOME/.cache/stellar-bench}
mkdir -p "$tools"/{bin,debs,root}
tools=$(cd "$tools" && pwd)
missing=()

# Debian's packages are unpacked, not installed: no root is needed and the machine stays as it is.
debs() { # program, package
  [ -x "$tools/root/usr/bin/$1" ] || [ -x "$tools/root/usr/sbin/$1" ] && return
  echo "fetching $2" >&2
  local list
  list=$(apt-get install -s --no-install-recommends "$2" 2>/dev/null | awk '/^Inst/ {print $2}')
  if [ -z "$list" ]; then # it is installed on the machine already
    ln -sf "$(command -v "$1" || echo /nonexistent)" "$tools/bin/$1"
    [ -x "$tools/bin/$1" ] || missing+=("$1 (cannot install package $2)")
    return
  fi
  # shellcheck disable=SC2086 # a list of words
  if ! (cd "$tools/debs" && apt-get download -qq $list 2>/dev/null &&
    for d in *.deb; do dpkg -x "$d" ../root && rm "$d"; done); then
    missing+=("$1 (apt-get download $2 failed)")
  fi
}

goget() { # program, module at a version
  [ -x "$tools/bin/$1" ] && return
  echo "building $2" >&2
  GOBIN="$tools/bin" CGO_ENABLED=0 GOFLAGS= go install "$2" >"$tools/$1.log" 2>&1 ||
    missing+=("$1 (go install $2: $(tail -1 "$tools/$1.log" | cut -c1-160))")
}

if command -v apt-get >/dev/null; then
  debs wrk wrk
  debs h2load nghttp2-client
  debs nginx nginx-light
else
  missing+=("wrk, h2load, nginx (no apt-get here)")
fi
goget hey github.com/rakyll/hey@v0.1.5
goget fortio fortio.org/fortio@v1.63.8 # later ones need a module that not every proxy serves
goget k6 go.k6.io/k6@v1.8.1
goget ghz github.com/bojand/ghz/cmd/ghz@v0.93.0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -trimpath -o "$work/benchserver" ./scripts/benchserver
go build -trimpath -o "$work/benchfloor" ./scripts/benchfloor
go build -C scripts/grpcpeer -trimpath -o "$work/benchpeers" ./bench
stellar=${STELLAR_BIN:-$work/stellar}
[ -n "${STELLAR_BIN:-}" ] || CGO_ENABLED=0 go build -trimpath -o "$stellar" ./src
ulimit -n "$(ulimit -Hn)"
status=0
python3 -B scripts/bench-probe.py --tools "$tools" --work "$work" --stellar "$stellar" "$@" || status=$?
case " $* " in
*" --only "*) ;;
*)
  go test -run '^$' -bench '^BenchmarkRequest$' -benchmem ./src/probe | awk '/^BenchmarkRequest/ {
    print "\nA request on a kept connection, from its turn to its last byte: " $7 " allocations, " $5 " bytes " \
      "(target 0)."}'
  ;;
esac
for m in "${missing[@]}"; do echo "not compared with $m"; done
exit "$status"
