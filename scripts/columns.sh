#!/usr/bin/env bash
# Names the lines of code that are longer than 120 columns, a tab being four; exit code 1 if there are any.
set -euo pipefail
cd "$(dirname "$0")/.."
git ls-files -z -- '*.go' '*.py' '*.sh' '*.js' '*.mjs' '*.cjs' '*.rb' '*.rs' '*.java' ':!*.pb.go' ':!**/testdata/**' |
  LC_ALL=C.UTF-8 xargs -0 python3 -c '
import sys
wrong = 0
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            columns = len(line.rstrip("\n").expandtabs(4))
            if columns > 120:
                print(f"{path}:{number}: {columns} columns, at most 120")
                wrong += 1
sys.exit(1 if wrong else 0)'
