#!/usr/bin/env bash
# Runs every test with the race detector and lists, at the end, what was skipped and why. In CI nothing may be skipped.
set -uo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp)
trap 'rm -f "$out"' EXIT
go test -race -timeout 50m -json "$@" ./... >"$out"
code=$?
python3 - "$out" <<'PY'
import json, sys
passed = failed = 0
output, skipped, broken = {}, [], []
for line in open(sys.argv[1]):
    try:
        e = json.loads(line)
    except ValueError:
        print(line, end="")
        continue
    key = (e.get("Package", e.get("ImportPath", "")), e.get("Test"))
    action = e["Action"]
    if action in ("output", "build-output"):
        output.setdefault(key, []).append(e["Output"])
    elif action == "pass":
        passed += key[1] is not None
        if key[1] is None:
            print("ok   %-40s %6.1f s" % (key[0], e.get("Elapsed", 0)))
    elif action == "skip" and key[1]:
        skipped.append((key, "".join(output.get(key, []))))
    elif action in ("fail", "build-fail"):
        failed += key[1] is not None
        broken.append(key)
ended = set()
for line in open(sys.argv[1]):
    try:
        e = json.loads(line)
    except ValueError:
        continue
    if e["Action"] in ("pass", "fail", "skip"):
        ended.add((e.get("Package"), e.get("Test")))
for key in broken:
    print("FAIL %s %s" % (key[0], key[1] or ""))
    print("".join(output.get(key, []))[-6000:])
    for other, lines in output.items(): # a test that took the whole program with it has no end of its own
        if key[1] is None and other[0] == key[0] and other[1] and other not in ended:
            print("in %s:\n%s" % (other[1], "".join(lines)[:3000]))
print()
for key, lines in output.items():
    rows = [l.strip() for l in lines if l.strip().startswith("| ")]
    if rows and key not in broken:
        print("%s:\n%s\n" % (key[1], "\n".join(rows)))
for (pkg, test), text in skipped:
    why = [l.strip() for l in text.splitlines() if l.strip() and not l.startswith(("===", "---"))]
    print("skipped: %s %s: %s" % (pkg, test, " ".join(why)))
print("nothing was skipped" if not skipped else "%d skipped" % len(skipped))
print("%d passed, %d failed, %d skipped" % (passed, failed + sum(k[1] is None for k in broken if not any(b[0] == k[0] and b[1] for b in broken)), len(skipped)))
sys.exit(3 if skipped else 0)
PY
report=$?
if [ "$code" -ne 0 ]; then exit "$code"; fi
if [ -n "${CI:-}" ] && [ "$report" -eq 3 ]; then
  echo "CI: tests were skipped; nothing may be" >&2
  exit 1
fi
[ "$report" -eq 3 ] || exit "$report"
