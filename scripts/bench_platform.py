"""Warm bursts to a function on the local platform, with the client on a core of its own (--client-cores 0).

The platform stamps no arrivals: the spread is the one of bursts.csv, from the first request's first byte to the last
request's, sent. So no other client is beside it.
"""
import csv
import glob
import json
import os
import statistics
import sys
import tempfile

BURSTS, WARMUP = 8, 2
CLI = os.path.join(os.path.dirname(os.path.abspath(__file__)), "serverless", "node_modules", ".bin")


def run(b, table, rounds, sizes):
    """Adds the median spread of each size, one a round, and prints them."""
    for k in range(rounds):
        for n in sizes:
            spreads, complaint = bursts(b, n)
            if not spreads:
                table.refused["platform", "stellar", n] = complaint
                continue
            table.add(("platform", "spread"), "stellar", n, statistics.median(spreads))
            print(f"  platform {n} stellar, round {k + 1}: spread {statistics.median(spreads):.1f} ms", file=sys.stderr)
    print(f"\n### Warm bursts to the local platform, client on core 0: spread, ms (median of {rounds})\n")
    print(f"| | {' | '.join(map(str, sizes))} |\n|---|{'---|' * len(sizes)}")
    medians = [table.median(("platform", "spread"), "stellar", n) for n in sizes]
    print(f"| stellar | {' | '.join('–' if m is None else f'{m:.1f}' for m in medians)} |")
    for (where, _, n), why in table.refused.items():
        if where == "platform":
            print(f"\nat {n}: {why}")


def bursts(b, n):
    """The spreads of one run's bursts in ms, its complaint. One instance serves all of a burst at once."""
    sub = {"Title": "bench", "Function": "measure", "Runtime": "go", "FunctionMemoryMB": 3538, "Bursts": BURSTS,
           "WarmupBursts": WARMUP, "BurstSizes": [n], "IATSeconds": 1, "TimeoutSeconds": 60, "Visualization": "none",
           "Platform": {"Concurrency": n, "MaxInstances": 1, "Queueing": "shared"}}
    with tempfile.TemporaryDirectory(dir=b.work) as folder:
        path = os.path.join(folder, "experiment.json")
        with open(path, "w") as f:
            json.dump({"Provider": "local", "SubExperiments": [sub]}, f)
        argv = ["env", f"PATH={CLI}:{os.environ['PATH']}", b.stellar, "-c", path, "--yes", "--client-cores", "0", "-o",
                os.path.join(folder, "out")]
        _, complaint = b.call(argv, timeout=300, cwd=folder)
        spreads = []
        for name in glob.glob(os.path.join(folder, "out", "2*", "*", "bursts.csv")):
            with open(name, newline="") as f:
                spreads += [float(r["Spread (ms)"]) for r in csv.DictReader(f)
                            if r["Warmup"] == "false" and r["Errors"] == "0" and r["Spread (ms)"]]
    return spreads, complaint or f"{len(spreads)} whole bursts"
