"""Turns rows of `go test -bench` into a Markdown table of medians and ratios."""
import collections
import datetime
import os
import statistics
import sys

rows, peak = collections.defaultdict(list), collections.defaultdict(float)
for line in open(sys.argv[1]):
    cells = line.split()
    name = cells[0].removeprefix("Benchmark").rsplit("-", 1)[0]
    rows[name].append(float(cells[2]) / 1e6)  # ms
    if "peak-MB" in cells:
        peak[name] = max(peak[name], float(cells[cells.index("peak-MB") - 1]))

pairs = []
for size in (10, 50, 250, 1024):
    package = f"package of {size} MiB against "
    pairs.append((package + "`zip -j` of a filler file", f"Package/{size}MiB", f"ZipCommand/{size}MiB"))
    pairs.append((package + "a plain synced write", f"Package/{size}MiB", f"SyncedWrite/{size}MiB"))
pairs += [
    ("sweep of 12 packages, 1.6 GiB, against its synced writes", "Sweep", "SweepWrites"),
    ("cold start of the Go function through the platform against bare exec to first answer",
     "ColdPlatform", "ColdExec"),
    ("warm request through the platform against the function on net/http alone, on shared cores",
     "WarmPlatform/shared", "WarmNetHTTP/shared"),
    ("the same, the client on its own core", "WarmPlatform/apart", "WarmNetHTTP/apart"),
]


def text(ms):
    scale, unit = (1000, "s") if statistics.median(ms) >= 1000 else (1, "ms")
    mid, low, high = (f"{v / scale:.3g}" for v in (statistics.median(ms), min(ms), max(ms)))
    return f"{mid} {unit} ({low}–{high})"


cpu = ""
if os.path.exists("/proc/cpuinfo"):
    cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "")
print(f"\n{datetime.date.today()}, {os.cpu_count()} cores {cpu}, median of {len(rows['Sweep'])} (min–max)\n")
print("| | stellar | the other | ratio | memory at its peak |\n|---|---|---|---|---|")
for what, a, b in pairs:
    if not rows[a] or not rows[b]:  # no core is left for the client alone
        print(f"| {what} | not measured | | | |")
        continue
    ratio = statistics.median(rows[a]) / statistics.median(rows[b])
    print(f"| {what} | {text(rows[a])} | {text(rows[b])} | {ratio:.2g} | {f'{peak[a]:.0f} MB' if a in peak else ''} |")
