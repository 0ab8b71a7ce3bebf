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
Z = stats.norm.ppf(1 - ALPHA / 2)


def run(rng, bursts, size, median, between, within, memory):
    """Latencies (ms) of bursts that have something in common; memory is the autocorrelation of neighbours. Sizes that
    are a list are those of the bursts in turn."""
    common, out = rng.standard_normal(), []
    for i in range(bursts):
        common = memory * common + math.sqrt(1 - memory**2) * rng.standard_normal()
        n = size if isinstance(size, int) else size[i % len(size)]
        out.append(np.round(median * np.exp(between * common + within * rng.standard_normal(n)), 3))
    return out


def inflation(*series):
    """Of the variance of an average where neighbouring bursts are alike by the autocorrelation of ranks, one-sided at
    5 %; else 1. The larger one of (1+r)/(1-r) and Geyer's initial monotone sequence, at most 99."""
    return correlated([stats.rankdata(s) - (len(s) + 1) / 2 for s in series])


def correlated(ranks):
    products = sum(np.pad(np.correlate(r, r, "full")[len(r) - 1:], (0, max(map(len, ranks)) - len(r))) for r in ranks)
    if not products[0]:
        return 1
    rho = products / products[0]
    if rho[1] <= stats.norm.ppf(0.95) / math.sqrt(sum(map(len, ranks))):
        return 1
    rho = rho[:400]
    pairs = rho[2:2 + (len(rho) - 2) // 2 * 2].reshape(-1, 2).sum(axis=1)
    end = np.argmax(pairs <= 0) if np.any(pairs <= 0) else len(pairs)
    r = min(rho[1], 0.98)
    return min(99, max((1 + r) / (1 - r), 1 + 2 * r + 2 * np.minimum.accumulate(pairs[:end]).sum()))


def memory(*series):
    """Autocorrelation of neighbouring bursts with the same inflation, 0 where they are not alike."""
    f = inflation(*series)
    return (f - 1) / (f + 1)


def off(num, den):
    return num - num.sum() / den.sum() * den


def variance(num, den, r):
    """Of num.sum() / den.sum(), with its degrees of freedom; r is the autocorrelation of neighbours. Bursts of
    different sizes: Bell and McCaffrey (2002), for averages of bursts with equal variances."""
    k, w = len(num), den / den.sum()
    far = np.eye(k) - np.outer(np.ones(k), w)  # averages of bursts to their distances from the ratio of all
    left = np.sum(far**2, axis=1)
    form = far.T @ np.diag(w**2 / left) @ far
    most = min(max(1, np.trace(form) ** 2 / np.trace(form @ form)), k - 1)
    e = off(num, den) * np.sqrt((1 - 1 / k) / left)
    if not r:
        return k / (k - 1) * np.sum(e**2) / den.sum() ** 2, most
    # bias of the variance: (pi^2 / 6) (df / k)^2 * 2 r / (1 - r)^2; at most a twentieth
    unbiased = k * math.sqrt(0.05 * 6 / math.pi**2 * (1 - r) ** 2 / (2 * r))
    df = max(2, round(min(0.4 * k ** (2 / 3), unbiased)))
    waves = [math.sqrt(2 / k) * np.sum(e * np.cos(np.pi * j * (np.arange(k) + 0.5) / k)) for j in range(1, df + 1)]
    return k * np.mean(np.square(waves)) / den.sum() ** 2, min(df, most)


def effective(num, den, r, z):
    n, k, p = den.sum(), len(num), num.sum() / den.sum()
    if n == k and not r:
        return float(n)
    if p in (0, 1):
        return float(k)
    if variance(num, den, r)[0] == 0:
        return float(n)
    df = certainty(num, den, r)
    return min(float(n), p * (1 - p) / variance(num, den, r)[0] * (z / stats.t.isf(stats.norm.sf(z), df)) ** 2)


def certainty(num, den, r):
    """Degrees of freedom of a proportion's variance."""
    e, k = off(num, den), len(num)
    if r:
        per = max(1, min(math.ceil((1 + r) / (1 - r)), k // 3))
        e = np.add.reduceat(e, np.arange(0, k, per))
        k = len(e)
    if not np.any(e):
        return variance(num, den, r)[1]
    kurtosis = np.mean(e**4) / np.mean(e**2) ** 2
    return max(1, min(variance(num, den, r)[1], 2 * k / (kurtosis - (k - 3) / (k - 1))))  # Shoemaker, 2003


def enough(bursts, requests, q):
    beyond = min(q, 1 - q)
    return bursts >= max(6, round(1 / beyond)) and requests >= math.log(ALPHA / 2) / math.log(1 - beyond)


def limit(values, q, n, z):
    """At the rank that is a quantile of a binomial distribution of real numbers."""
    eps, target = 1e-12, stats.norm.cdf(z)
    rank = optimize.brentq(lambda r: stats.beta.sf(q, r, n - r + 1) - target, eps, n + 1 - eps, xtol=1e-13, rtol=1e-14)
    return float(np.interp(rank * (len(values) + 1) / (n + 1), np.arange(1, len(values) + 1), values))


def limits(side, q, r, z):
    """Of a quantile, z standard deviations away: of as many requests as the bursts are worth at the quantile, and below
    a quantile of the tail also at the limit (Francisco and Fuller, 1991)."""
    values, sizes = np.sort(np.concatenate(side)), np.array([len(x) for x in side], float)
    worth = lambda x, z: effective(np.array([np.sum(b <= x) for b in side], float), sizes, r, z)
    value = values[math.ceil(round(len(values) * q, 9)) - 1]
    n = worth(value, z)
    low, high = limit(values, q, n, -z), limit(values, q, n, z)
    if q > 0.5:
        low = limit(values, q, min(n, worth(low, z)), -z)
    return low, high, worth(value, Z)


def quantiles(a, b, q, r):
    """Intervals of b - a and b / a: limits of both sides at deviates whose squares add up to that of 95 %."""
    error = [math.sqrt(math.log(high / low) / math.sqrt(n))
             for low, high, n in (limits(a, q, r, 2 * Z), limits(b, q, r, 2 * Z))]
    (la, ha, _), (lb, hb, _) = (limits(v, q, r, Z * e / math.hypot(*error)) for v, e in ((a, error[0]), (b, error[1])))
    return [lb - ha, hb - la], [lb / ha, hb / la]


def mover(a, b, ia, ib):
    """Interval of b - a (Zou and Donner, 2008)."""
    d = b - a
    return [d - math.hypot(b - ib[0], ia[1] - a), d + math.hypot(ib[1] - b, a - ia[0])]


def inflated(p, series):
    return float(2 * stats.norm.sf(stats.norm.isf(p / 2) / math.sqrt(inflation(*series))))


def rank_sum(a, b):
    """Exact up to 40 values without ties; with ties and above, the normal approximation."""
    both = np.concatenate([a, b])
    if len(both) <= 40:
        if len(set(both)) < len(both):
            return None  # SciPy's exact test takes no ties: see TestExactWithTies
        return float(stats.mannwhitneyu(a, b, method="exact").pvalue)
    return float(stats.mannwhitneyu(a, b, method="asymptotic", use_continuity=True).pvalue)


def at_least(p, difference, value, intervals, dfs, tail):
    """The larger one of p and the probability at which the interval of the difference would end at 0."""
    half = value - difference[0] if value > 0 else difference[1] - value
    widths = np.array([high - low for low, high in intervals]) / 2
    errors, dfs = widths / stats.t.ppf(1 - ALPHA / 2, dfs), np.array(dfs)
    df = dfs.min() if tail else np.sum(errors**2) ** 2 / np.sum(errors**4 / dfs)
    t = abs(value) / half * math.hypot(*widths) / math.hypot(*errors)
    return max(p, float(2 * stats.t.sf(t, df)))


def comparable(sizes, r):
    n, m = map(len, sizes)
    return not r and stats.ks_2samp(*sizes).statistic <= math.sqrt(-math.log(0.025) / 2 * (n + m) / (n * m))


def compare(a, b):
    """All metrics of latencies, by name; p is not corrected."""
    sides, out = [a, b], {}
    flat = [np.sort(np.concatenate(s)) for s in sides]
    sizes = [np.array([len(x) for x in s], float) for s in sides]
    at = lambda v, q: v[math.ceil(round(len(v) * q, 9)) - 1]
    upto = lambda q: [np.array([np.sum(x <= at(f, q)) for x in s], float) for s, f in zip(sides, flat)]
    sums = [np.array([x.sum() for x in s]) for s in sides]
    half = upto(0.5)
    common = max(memory(*[off(n, d) for n, d in zip(x, sizes)]) for x in (half, sums))
    both = np.sort(np.concatenate(flat))
    for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("mean", None)):
        if q is None:
            values, intervals = [s.sum() / n.sum() for s, n in zip(sums, sizes)], []
            f = correlated([off(s, n) for s, n in zip(sums, sizes)])
            own, dfs = max(common, (f - 1) / (f + 1)), []
            for s, n, mean in zip(sums, sizes, values):
                v, df = variance(s, n, own)
                dfs.append(df)
                w = stats.t.ppf(1 - ALPHA / 2, df) * math.sqrt(v) / mean
                intervals.append([mean * math.exp(-w), mean * math.exp(w)])
            series = [s / n for s, n in zip(sums, sizes)]
        else:
            num = upto(q)
            own = max(common, memory(*[off(n, d) for n, d in zip(num, sizes)]))
            values = [at(f, q) for f in flat]
            intervals = [enough(len(d), d.sum(), q) for d in sizes]
            limit = at(both, q)
            dfs = [certainty(n, d, own) for n, d in zip(num, sizes)]
            series = [np.array([np.sort(x)[math.ceil(len(x) / 2) - 1] for x in s])
                      if q == 0.5 else np.array([np.mean(x > limit) for x in s]) for s in sides]
        row = {"a": float(values[0]), "b": float(values[1])}
        if intervals[0] and intervals[1]:
            if q:
                row["difference"], row["ratio"] = quantiles(a, b, q, own)
                intervals = [limits(s, q, own, Z)[:2] for s in sides]
            else:
                row["difference"] = mover(values[0], values[1], *intervals)
                logs = mover(math.log(values[0]), math.log(values[1]), np.log(intervals[0]), np.log(intervals[1]))
                row["ratio"] = [math.exp(v) for v in logs]
            p = rank_sum(*series)
            if p is not None:
                tail, usual = q and q > 0.5, comparable(sizes, own)
                row["p"] = inflated(p, series) if usual or tail else p
                if not usual:
                    row["p"] = at_least(row["p"], row["difference"], values[1] - values[0], intervals, dfs, tail)
        if q and sizes[0].max() == 1 and not common:  # SciPy's own interval is between whole order statistics
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
    for name, bursts, size, other, between, within, memory in (
        ("single requests", 18, 1, 1, 0.0, 0.2, 0.0),
        ("correlated bursts", 24, 8, 8, 0.15, 0.15, 0.0),
        ("neighbours alike", 60, 4, 4, 0.2, 0.1, 0.7),
        ("many single requests", 420, 1, 1, 0.0, 0.3, 0.0),
        ("neighbours alike for long", 420, 1, 1, 0.2, 0.05, 0.9),
        ("long requests in few bursts", 100, 4, 4, 0.8, 0.05, 0.0),
        ("bursts of different sizes", 45, [1, 5, 50], [1, 5, 50], 0.2, 0.1, 0.0),
        ("larger bursts in b", 110, 2, [20, 4], 0.2, 0.1, 0.0),
        ("neighbours alike, larger bursts in b", 60, 2, 10, 0.2, 0.1, 0.7),
    ):
        a = run(rng, bursts, size, 100, between, within, memory)
        b = run(rng, bursts, other, 104, between, within, memory)
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
