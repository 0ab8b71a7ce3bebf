#!/usr/bin/env python3
"""Compares what pandas and DuckDB read of a run's Parquet export with its CSV and JSON exports, cell by cell.

Needs pandas, pyarrow and duckdb. Usage: scripts/check-export.py STELLAR RUN
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import duckdb
import pandas


def export(program, run, form, folder):
    path = str(pathlib.Path(folder) / ("export." + form))
    subprocess.run([program, "export", "--format", form, "-o", path, run], check=True)
    return path


def equal(name, parquet, text):
    """Compares a column with the same one of the CSV file, whose cells are texts."""
    assert list(parquet.isna()) == list(text == ""), f"{name}: other cells are empty"
    have, want = parquet.dropna(), text[text != ""]
    if str(have.dtype).startswith("datetime"):
        same = have.astype("int64").tolist() == pandas.to_datetime(want, format="ISO8601").astype("int64").tolist()
    elif have.dtype == bool or set(want) <= {"true", "false"}:
        same = [bool(v) for v in have] == [v == "true" for v in want]
    elif pandas.api.types.is_numeric_dtype(have.dtype):
        same = [float(v) for v in have] == [float(v) for v in want]
    else:
        same = list(have) == list(want)
    assert same, f"{name}: other values"


def main():
    program, run = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        files = {form: export(program, run, form, folder) for form in ("parquet", "csv", "json")}
        parquet = pandas.read_parquet(files["parquet"])
        text = pandas.read_csv(files["csv"], dtype=str, keep_default_na=False)
        assert list(parquet.columns) == list(text.columns), "other columns"
        for name in text.columns:
            equal(name, parquet[name], text[name])
        rows = json.loads(pathlib.Path(files["json"]).read_text())
        assert len(rows) == len(text)
        query = """select count(*), count("Client Latency (ms)"), sum("Client Latency (ms)"),
            quantile_disc("Client Latency (ms)", 0.99), max("Sent At")::varchar from {}"""
        have = duckdb.sql(query.format(f"'{files['parquet']}'")).fetchall()[0]
        latencies = [float(v) for v in text["Client Latency (ms)"] if v != ""]
        assert have[:2] == (len(text), len(latencies)), have
        assert not latencies or abs(have[2] - sum(latencies)) < 1e-6 * have[2], have
        assert sum(r["Client Latency (ms)"] is not None for r in rows) == len(latencies)
        print(f"{len(text)} rows, {len(text.columns)} columns: pandas and DuckDB read what CSV and JSON say")


main()
