"""Turns rows of `go test -bench` into a Markdown table of medians and ratios."""
import collections
import datetime
import os
import statistics
import sys

rows, size = collections.defaultdict(list), sys.argv[2]
peak = []
for line in open(sys.argv[1]):
    cells = line.split()
    name = cells[0].split("/")[0].removeprefix("Benchmark").split("-")[0]
    rows[name].append(float(cells[2]) / 1e6)  # ms
    if "peak-MB" in cells:
        peak.append(float(cells[cells.index("peak-MB") - 1]))

pairs = [
    (f"package of {size} MiB against `zip -j` of a filler file", "Package", "ZipCommand"),
    (f"package of {size} MiB against a plain synced write", "Package", "SyncedWrite"),
    ("cold start of the Go function through the platform against bare exec to first answer", "ColdPlatform", "ColdExec"),
    ("warm request through the platform against the function on net/http alone", "WarmPlatform", "WarmNetHTTP"),
]


def text(ms):
    scale, unit = (1000, "s") if statistics.median(ms) >= 1000 else (1, "ms")
    mid, low, high = (f"{v / scale:.3g}" for v in (statistics.median(ms), min(ms), max(ms)))
    return f"{mid} {unit} ({low}–{high})"


cpu = next((l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "") if os.path.exists("/proc/cpuinfo") else ""
print(f"\n{datetime.date.today()}, {os.cpu_count()} cores {cpu}, median of {len(rows['Package'])} (min–max)\n")
print("| | stellar | the other | ratio |\n|---|---|---|---|")
for what, a, b in pairs:
    ratio = statistics.median(rows[a]) / statistics.median(rows[b])
    print(f"| {what} | {text(rows[a])} | {text(rows[b])} | {ratio:.2g} |")
print(f"\nmemory of the packaging process at its peak: {max(peak):.0f} MB")
