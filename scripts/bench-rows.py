"""Computes from a latencies.csv with pandas what stellar computes, except the plots and the intervals over bursts.

    python3 bench-rows.py <latencies.csv> <bursts.csv to write>

Prints the statistics as JSON. scripts/bench-rows.sh times it. It reads only the columns that are needed, each with the
smallest type that holds it: what somebody who knows pandas would write.
"""
import json
import math
import sys

import pandas as pd

COLUMNS = {
    "Client Latency (ms)": "float64", "Burst ID": "int32", "Endpoint": "category", "Round": "int32",
    "Burst Size": "int32", "Warmup": "bool", "Sent At": "str", "Planned At": "category", "Lateness (ms)": "float64",
    "Error": "category", "Cold": "category",
    "Released At": "category", "Write Began (ms)": "float64", "Suspect": "category",
}


def nearest(values, thousandths):
    """The nearest-rank quantile of a sorted array."""
    n = len(values)
    return None if n == 0 else float(values[max(1, math.ceil(n * thousandths / 1000)) - 1])


def quantiles(values):
    ordered = values.sort_values().to_numpy()
    return {f"p{q}": nearest(ordered, q) for q in (250, 500, 750, 900, 950, 990, 999)}


def lines(rows):
    """bursts.csv: a line for each burst."""
    first = rows["Sent At"] + pd.to_timedelta(rows["Write Began (ms)"], unit="ms")
    failed = rows["Error"].notna()
    rows = rows.assign(first=first, failed=failed, ok=rows["Client Latency (ms)"].where(~failed))
    by = rows.groupby("Burst ID", sort=False)
    out = by[["Endpoint", "Round", "Burst Size", "Warmup", "Planned At", "Released At"]].first()
    out["Lateness (ms)"] = by["Lateness (ms)"].min()
    spread = (by["first"].max() - by["first"].min()).dt.total_seconds() * 1000
    out["Spread (ms)"] = spread.where(by["first"].count() > 1)
    out["Errors"] = by["failed"].sum()
    suspect = rows.dropna(subset=["Suspect"])

    def words(s):
        return "+".join(sorted(set("+".join(s.unique()).split("+"))))

    out["Suspect"] = suspect.groupby("Burst ID")["Suspect"].agg(words)
    out["Median (ms)"] = by["ok"].quantile(0.5, interpolation="lower")
    out["Max (ms)"] = by["ok"].max()
    return out


def main():
    rows = pd.read_csv(sys.argv[1], usecols=list(COLUMNS), dtype=COLUMNS)
    rows["Sent At"] = pd.to_datetime(rows["Sent At"], format="%Y-%m-%dT%H:%M:%S.%fZ")
    bursts = lines(rows)
    bursts.to_csv(sys.argv[2], float_format="%.3f")
    rows = rows[~rows["Warmup"]]
    good = rows[rows["Error"].isna()]
    latency = good["Client Latency (ms)"]
    late = rows["Lateness (ms)"].dropna()
    spread = bursts.loc[~bursts["Warmup"], "Spread (ms)"].dropna().round(3)
    print(json.dumps({
        "count": len(good), "mean": latency.mean(), "sd": latency.std(), "min": latency.min(), "max": latency.max(),
        **quantiles(latency),
        "errors": int(rows["Error"].notna().sum()),
        "cold": quantiles(latency[good["Cold"] == "true"]), "warm": quantiles(latency[good["Cold"] == "false"]),
        "lateness_p99": quantiles(late)["p990"], "lateness_max": late.max(), "late": int((late > 1).sum()),
        "suspects": int(rows["Suspect"].notna().sum()),
        "spread_p50": quantiles(spread)["p500"], "spread_max": spread.max(),
    }))


main()
