#!/usr/bin/env python3
"""Writes src/analyze/change/testdata/scipy.json: comparisons of simulated runs, computed by NumPy and SciPy.

The test TestSciPy compares what `stellar compare` finds with these numbers. They are made anew by

    python3 -m venv /tmp/scipy && /tmp/scipy/bin/pip install numpy scipy
    /tmp/scipy/bin/python scripts/compare-golden.py

Nothing here is taken from the Go code but the definitions in docs/compare.md.
"""
import json
import math
import os

import numpy as np
from scipy import optimize, stats

ALPHA = 0.05


def run(rng, bursts, size, median, between, within, memory):
    """Latencies (ms) of bursts that have something in common; memory is the autocorrelation of neighbours."""
    common, out = rng.standard_normal(), []
    for _ in range(bursts):
        common = memory * common + math.sqrt(1 - memory**2) * rng.standard_normal()
        out.append(np.round(median * np.exp(between * common + within * rng.standard_normal(size)), 3))
    return out


def alike(*series):
    """Whether neighbouring bursts are alike: autocorrelation of ranks, one-sided at 5 %."""
    above = below = n = 0
    for s in series:
        r = stats.rankdata(s) - (len(s) + 1) / 2
        above, below, n = above + np.sum(r[1:] * r[:-1]), below + np.sum(r * r), n + len(s)
    return bool(below > 0 and above / below > stats.norm.ppf(0.95) / math.sqrt(n)), above / below if below else 0


def off(num, den):
    return num - num.sum() / den.sum() * den


def variance(num, den, serial):
    """Of num.sum() / den.sum(), with its degrees of freedom."""
    e, k = off(num, den), len(num)
    if not serial:
        return k / (k - 1) * np.sum(e**2) / den.sum() ** 2, k - 1
    df = max(2, round(0.4 * k ** (2 / 3)))
    waves = [math.sqrt(2 / k) * np.sum(e * np.cos(np.pi * j * (np.arange(k) + 0.5) / k)) for j in range(1, df + 1)]
    return k * np.mean(np.square(waves)) / den.sum() ** 2, df


def effective(num, den, serial):
    n, k, p = den.sum(), len(num), num.sum() / den.sum()
    if n == k and not serial:
        return float(n)
    v, df = variance(num, den, serial)
    if p in (0, 1):
        return float(k)
    if v == 0:
        return float(n)
    return min(float(n), p * (1 - p) / v * (stats.norm.ppf(1 - ALPHA / 2) / stats.t.ppf(1 - ALPHA / 2, df)) ** 2)


def quantile_interval(values, q, num, den, serial):
    """Between order statistics whose ranks are quantiles of a binomial distribution of real numbers."""
    n = effective(num, den, serial)
    if n < math.log(ALPHA / 2) / math.log(max(q, 1 - q)):
        return None
    fewer = lambda r: stats.beta.sf(q, r, n - r + 1)
    eps = 1e-12
    ranks = []
    for target in (ALPHA / 2, 1 - ALPHA / 2):
        ranks.append(optimize.brentq(lambda r: fewer(r) - target, eps, n + 1 - eps, xtol=1e-13, rtol=1e-14))
    low, high = max(ranks[0], 1), min(ranks[1], n)
    scale = (len(values) + 1) / (n + 1)
    return [float(v) for v in np.interp([low * scale, high * scale], np.arange(1, len(values) + 1), values)]


def mover(a, b, ia, ib):
    """Interval of b - a (Zou and Donner, 2008)."""
    d = b - a
    return [d - math.hypot(b - ib[0], ia[1] - a), d + math.hypot(ib[1] - b, a - ia[0])]


def inflated(p, series):
    serial, r = alike(*series)
    if not serial:
        return p
    r = min(r, 0.98)
    return float(2 * stats.norm.sf(stats.norm.isf(p / 2) / math.sqrt((1 + r) / (1 - r))))


def rank_sum(a, b):
    """Exact up to 40 values without ties; with ties and above, the normal approximation."""
    both = np.concatenate([a, b])
    if len(both) <= 40:
        if len(set(both)) < len(both):
            return None  # SciPy's exact test takes no ties: see TestExactWithTies
        return float(stats.mannwhitneyu(a, b, method="exact").pvalue)
    return float(stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=True).pvalue)


def compare(a, b):
    """All metrics of latencies, by name; p is not corrected."""
    sides, out = [a, b], {}
    flat = [np.sort(np.concatenate(s)) for s in sides]
    sizes = [np.array([len(x) for x in s], float) for s in sides]
    at = lambda v, q: v[math.ceil(round(len(v) * q, 9)) - 1]
    upto = lambda q: [np.array([np.sum(x <= at(f, q)) for x in s], float) for s, f in zip(sides, flat)]
    sums = [np.array([x.sum() for x in s]) for s in sides]
    half = upto(0.5)
    serial = alike(*[off(n, d) for n, d in zip(half, sizes)])[0] or alike(*[off(n, d) for n, d in zip(sums, sizes)])[0]
    both = np.sort(np.concatenate(flat))
    for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("mean", None)):
        if q is None:
            values, intervals = [s.sum() / n.sum() for s, n in zip(sums, sizes)], []
            for s, n, mean in zip(sums, sizes, values):
                v, df = variance(s, n, serial)
                w = stats.t.ppf(1 - ALPHA / 2, df) * math.sqrt(v) / mean
                intervals.append([mean * math.exp(-w), mean * math.exp(w)])
            series = [s / n for s, n in zip(sums, sizes)]
        else:
            num = upto(q)
            own = serial or alike(*[off(n, d) for n, d in zip(num, sizes)])[0]
            values = [at(f, q) for f in flat]
            intervals = [quantile_interval(f, q, n, d, own) for f, n, d in zip(flat, num, sizes)]
            limit = at(both, q)
            series = [np.array([np.sort(x)[math.ceil(len(x) / 2) - 1] for x in s])
                      if q == 0.5 else np.array([np.mean(x > limit) for x in s]) for s in sides]
        row = {"a": float(values[0]), "b": float(values[1])}
        if intervals[0] and intervals[1]:
            row["difference"] = mover(values[0], values[1], *intervals)
            logs = mover(math.log(values[0]), math.log(values[1]), np.log(intervals[0]), np.log(intervals[1]))
            row["ratio"] = [math.exp(v) for v in logs]
            p = rank_sum(*series)
            if p is not None:
                row["p"] = inflated(p, series)
        if q and sizes[0].max() == 1 and not serial:  # SciPy's own interval is between whole order statistics
            for key, f in (("scipy_a", flat[0]), ("scipy_b", flat[1])):
                ci = stats.quantile_test(f, p=q).confidence_interval(0.95)
                row[key] = [None if math.isnan(v) else float(v) for v in ci]
        out[name] = row
    return out


def bootstrap(a, b, rng):
    """Percentile bootstrap of whole bursts, by SciPy: the ratio of the means, as a check by another method."""
    sums = [np.array([x.sum() for x in s]) for s in (a, b)]
    ns = [np.array([len(x) for x in s], float) for s in (a, b)]
    def ratio(i, j):
        return (sums[1][j].sum() / ns[1][j].sum()) / (sums[0][i].sum() / ns[0][i].sum())
    res = stats.bootstrap((np.arange(len(a)), np.arange(len(b))), ratio, n_resamples=9999, vectorized=False,
                          method="percentile", rng=rng)
    return [float(res.confidence_interval.low), float(res.confidence_interval.high)]


def main():
    rng, cases = np.random.default_rng(16), []
    for name, bursts, size, between, within, memory in (
        ("single requests", 18, 1, 0.0, 0.2, 0.0),
        ("correlated bursts", 24, 8, 0.15, 0.15, 0.0),
        ("neighbours alike", 60, 4, 0.2, 0.1, 0.7),
        ("many single requests", 420, 1, 0.0, 0.3, 0.0),
    ):
        a = run(rng, bursts, size, 100, between, within, memory)
        b = run(rng, bursts, size, 104, between, within, memory)
        cases.append({"name": name, "a": [x.tolist() for x in a], "b": [x.tolist() for x in b],
                      "want": compare(a, b), "bootstrap_mean_ratio": bootstrap(a, b, rng)})
    shares = []
    for failed, n in ((0, 30), (3, 40), (40, 40), (17, 200)):
        ci = stats.binomtest(failed, n).proportion_ci(method="wilson")
        shares.append({"failed": failed, "n": n, "low": float(ci.low), "high": float(ci.high)})
    ties = []
    for x, y in (([1, 1, 2, 3, 3, 3], [2, 3, 3, 4, 4, 5]), ([0, 0, 0, 0, 1, 0], [0, 1, 1, 0, 1, 1])):
        ranks = stats.rankdata(x + y)
        middle = len(x) * (len(x + y) + 1) / 2
        res = stats.permutation_test((ranks[:len(x)], ranks[len(x):]), lambda u, v, m=middle: abs(u.sum() - m),
                                     permutation_type="independent", alternative="greater", n_resamples=np.inf)
        ties.append({"a": x, "b": y, "p": float(res.pvalue)})
    path = os.path.join(os.path.dirname(__file__), "..", "src", "analyze", "change", "testdata", "scipy.json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"cases": cases, "shares": shares, "ties": ties}, out, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
