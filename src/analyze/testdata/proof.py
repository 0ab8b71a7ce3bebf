"""The statistics of latency files, computed apart from the tool: Python's statistics module, exact rational arithmetic.

    python3 proof.py <latencies.csv>...

Reads the columns by their names and prints one JSON object a file. Percentiles are nearest-rank; the intervals of the
median and of the p99 are those between order statistics at 95 % (each tail at most 2.5 %, where the sample has such a
one). Nothing here is shared with the tool but the definitions.
"""
import csv
import json
import math
import statistics
import sys
from fractions import Fraction


def nearest_rank(ordered, percent):
    """The smallest value with at least that percentage of the sample at or below it."""
    return ordered[max(math.ceil(Fraction(percent) * len(ordered) / 100), 1) - 1]


def lowest_rank(n, p, budget):
    """The largest l >= 1 with P(B < l) <= budget for B binomial(n, p): whole numbers over one denominator, exactly."""
    a, d = p.numerator, p.denominator
    room = budget * d**n
    total, term, rank = 0, (d - a) ** n, 0  # term: C(n, k) a^k (d-a)^(n-k)
    while rank < n and total + term <= room:
        total += term
        term = term * (n - rank) * a // ((rank + 1) * (d - a))
        rank += 1
    return max(rank, 1)


def interval(ordered, percent):
    """Order statistics around a quantile, or None where not even the extremes cover it at 95 %."""
    n, p = len(ordered), Fraction(percent) / 100
    if p**n + (1 - p) ** n > Fraction(5, 100) or n < 2:
        return None
    low_budget = high_budget = Fraction(25, 1000)
    if p**n > high_budget:  # the maximum alone misses it too often: its tail takes what it needs
        low_budget, high_budget = Fraction(5, 100) - p**n, p**n
    elif (1 - p) ** n > low_budget:
        low_budget, high_budget = (1 - p) ** n, Fraction(5, 100) - (1 - p) ** n
    low = lowest_rank(n, p, low_budget)
    high = n + 1 - lowest_rank(n, 1 - p, high_budget)
    return [ordered[low - 1], ordered[high - 1]]


def summarize(path):
    latencies, cold, warm, errors = [], [], [], 0
    with open(path, newline="") as f:
        for row in csv.DictReader(f):
            if row["Warmup"] == "true":
                continue
            if row["Error"] or not row["Client Latency (ms)"]:
                errors += 1
                continue
            ms = float(row["Client Latency (ms)"])
            latencies.append(ms)
            if row["Cold"]:
                (cold if row["Cold"] == "true" else warm).append(ms)
    for part in (latencies, cold, warm):
        part.sort()
    out = {"count": len(latencies), "errors": errors, "cold": len(cold)}
    if latencies:
        out["mean"] = statistics.fmean(latencies)
        out.update({name: nearest_rank(latencies, p) for name, p in
                    (("p25", "25"), ("p50", "50"), ("p75", "75"), ("p95", "95"), ("p99", "99"), ("p999", "99.9"))})
        out["min"], out["max"] = latencies[0], latencies[-1]
        if out["p50"]:
            out["tmr"] = out["p99"] / out["p50"]
    if len(latencies) > 1:
        mean = out["mean"]
        out["sd"] = math.sqrt(math.fsum((x - mean) ** 2 for x in latencies) / (len(latencies) - 1))
    if 1 < len(latencies) <= 5000:  # beyond, exact fractions are of no use
        out["ci50"], out["ci99"] = interval(latencies, "50"), interval(latencies, "99")
    for name, part in (("cold", cold), ("warm", warm)):
        if part:
            out[name + "_p50"], out[name + "_p99"] = nearest_rank(part, "50"), nearest_rank(part, "99")
    return out


for name in sys.argv[1:]:
    print(json.dumps(summarize(name)))
