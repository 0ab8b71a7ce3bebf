#!/usr/bin/env bash
# Plays situations that users of load generators reported, and checks what stellar does: odd servers, drained and idle
# connections, broken function folders, closed pipes and terminals.
#   scripts/cases.sh            all; STELLAR names the binary (default ./stellar), CASES a folder with the inputs
#   scripts/cases.sh 05 nginx   those whose names hold one of these words
# Needs Go, Node.js, Python 3, nginx and the Serverless CLI (make setup).
set -euo pipefail
cd "$(dirname "$0")/.."
stellar=$(realpath "${STELLAR:-stellar}")
[ -x "$stellar" ] || { echo "there is no $stellar: run \`make build\`, or set STELLAR" >&2; exit 1; }
PATH=$PATH:/usr/sbin # nginx, for users other than root
command -v nginx >/dev/null || { echo "cases.sh needs nginx: apt-get install nginx-light" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/server" ./scripts/cases/server
python3 -B scripts/cases/run.py --stellar "$stellar" --work "$work" --inputs "${CASES:-scripts/cases}" "$@"
