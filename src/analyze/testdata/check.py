"""Computes the statistics of a latencies.csv with nothing but the standard library, as a check on the Go code.

Written from the definitions: nearest-rank percentiles by counting, intervals by exact binomial sums in fractions.
"""
import csv
import json
import statistics
import sys
from fractions import Fraction
from math import comb


def percentile(xs, q):
    """The smallest sample x so that at least the fraction q of the samples is no larger."""
    for i, x in enumerate(xs, 1):
        if i * q.denominator >= q.numerator * len(xs):
            return x
    return None


def interval(xs, q):
    """Order statistics with at most 2.5 % below and above; a tail that cannot get so small leaves the other the rest."""
    n, alpha = len(xs), Fraction(5, 100)
    if n == 0 or q**n + (1 - q) ** n > alpha:
        return None
    up = max(alpha / 2, q**n)
    down = alpha - up if up > alpha / 2 else max(alpha / 2, (1 - q) ** n)
    if down > alpha / 2:
        up = alpha - down
    a, d = q.numerator, q.denominator  # all probabilities are whole numbers over d**n
    pmf = lambda k: comb(n, k) * a**k * (d - a) ** (n - k)
    down, up = down * d**n, up * d**n
    below, low = 0, 0
    while below + pmf(low) <= down:
        below += pmf(low)
        low += 1
    above, high = 0, n + 1
    while above + pmf(high - 1) <= up:
        above += pmf(high - 1)
        high -= 1
    return xs[low - 1], xs[high - 1]


def main(path):
    with open(path, newline="", encoding="utf-8") as f:
        rows = [r for r in csv.DictReader(f) if r["Warmup"] != "true"]
    good = [r for r in rows if r["Error"] == ""]
    by = lambda rs: sorted(float(r["Client Latency (ms)"]) for r in rs)
    xs = by(good)
    cold = by(r for r in good if r["Cold"] == "true")
    warm = by(r for r in good if r["Cold"] == "false")
    p = lambda ys, thousandths: percentile(ys, Fraction(thousandths, 1000)) if ys else None
    out = {
        "Count": len(xs),
        "Mean": statistics.fmean(xs) if xs else None,
        "Standard Deviation": statistics.stdev(xs) if len(xs) > 1 else None,
        "Min": min(xs, default=None),
        "25%ile": p(xs, 250),
        "50%ile": p(xs, 500),
        "75%ile": p(xs, 750),
        "95%ile": p(xs, 950),
        "Max": max(xs, default=None),
        "99%ile": p(xs, 990),
        "99.9%ile": p(xs, 999),
        "TMR": p(xs, 990) / p(xs, 500) if xs and p(xs, 500) else None,
        "Errors": len(rows) - len(good),
        "Cold Count": len(cold) if cold or warm else None,
        "Cold 50%ile": p(cold, 500),
        "Cold 99%ile": p(cold, 990),
        "Warm 50%ile": p(warm, 500),
        "Warm 99%ile": p(warm, 990),
    }
    for name, q, least in (("50%ile", Fraction(1, 2), 6), ("99%ile", Fraction(99, 100), 299)):
        ci = interval(xs, q)
        out[name + " CI Low"], out[name + " CI High"] = ci if ci else (f"n<{least}",) * 2
    print(json.dumps(out))


for name in sys.argv[1:]:
    main(name)
