"""The cases of scripts/cases.sh. Each plays one situation with the real binary and returns what was wrong."""
import argparse
import concurrent.futures
import os
import shutil
import signal
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import endings
import functions
import wire
from bench import Bench


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--stellar", required=True)
    p.add_argument("--work", required=True)
    p.add_argument("--inputs", required=True)
    p.add_argument("--jobs", type=int, default=4)
    p.add_argument("words", nargs="*")
    args = p.parse_args()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):  # a job in the background may have them ignored
        signal.signal(number, signal.SIG_DFL)
    cases = [c for m in (wire, functions, endings) for c in m.CASES]
    cases = [c for c in cases if not args.words or any(w in c.__name__ for w in args.words)]

    def play(case):
        started = time.monotonic()
        bench = Bench(args.stellar, args.work, args.inputs, case.__name__)
        try:
            wrong = case(bench) or []
        except Exception:
            wrong = [traceback.format_exc()]
        finally:
            bench.close()
        left = bench.left()
        verdict = "FAIL" if wrong or left else "ok  "
        took = time.monotonic() - started
        for line in [f"{verdict} {case.__name__:34s} {case.__doc__}  ({took:.1f} s)", *wrong, *left]:
            print(line.rstrip().replace("\n", "\n       "), flush=True)
        shutil.rmtree(bench.dir, ignore_errors=True)
        return not (wrong or left)

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        results = list(pool.map(play, cases))
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
