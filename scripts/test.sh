#!/usr/bin/env bash
# Runs the tests in parts, lists what was skipped and why, and says how long each part took. In CI nothing may be
# skipped.
#   scripts/test.sh                    all: unit tests with the race detector, acceptance tests, cases, chaos, fidelity
#   scripts/test.sh --quick            unit tests alone; no Docker, no Node.js
#   scripts/test.sh --race             all, with the race detector everywhere
#   scripts/test.sh --only unit -run X some parts, with flags of `go test`
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 -B scripts/suite/main.py "$@"
