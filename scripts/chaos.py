#!/usr/bin/env python3
"""Runs stellar under seeded schedules of faults, and checks that every ending leaves nothing behind.

  scripts/chaos.py                     200 schedules as this user; as root another 50 as an ordinary user
  scripts/chaos.py --short             20 schedules, as root 6 of them as an ordinary user; `make test` runs these
  scripts/chaos.py --seed 7 --only 31 --verbose          one schedule again

A schedule is a workload, an instant in the run and a fault; all of it follows from the seed. After the fault, the run
must end with a documented exit code, the rows of every finished burst must be in its folder, and after `stellar clean`
no process, listening port, folder, control group, mount, container or image of it may be left. Linux; full disks need
root (tmpfs).
"""
import argparse
import concurrent.futures
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "chaos"))

import checks
import faults
from lab import Lab, Places, workloads

ORDINARY = 20001  # a user id that no account has: an ordinary user without groups, control groups or capabilities


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--schedules", type=int, default=200, help="schedules as the user who starts this")
    p.add_argument("--user-schedules", type=int, help="schedules as an ordinary user (root only; default: a quarter)")
    p.add_argument("--short", action="store_true", help="20 schedules in all")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only", help="numbers of schedules, with commas")
    p.add_argument("--fault", help="only schedules with this fault")
    p.add_argument("--workload", help="only schedules with this workload")
    p.add_argument("--minutes", type=float, default=20, help="no schedule begins after this long")
    p.add_argument("--jobs", type=int, default=3, help="schedules side by side")
    p.add_argument("--stellar", default=os.environ.get("STELLAR", ""), help="the binary (default: ./stellar)")
    p.add_argument("--verbose", action="store_true", help="keep each schedule's folder and show what stellar printed")
    return p.parse_args()


class Schedule:
    """What is done to one run; everything follows from the seed and the number."""

    def __init__(self, seed, number, user, root, docker):
        rng = random.Random(f"{seed}/{number}/{'user' if user else 'self'}")
        self.number, self.user = number, user
        kinds = [f for f in faults.ALL if root or not f.root]
        # Every fault comes up before one comes up again; the first ones of an ordinary user are others.
        at = 2 * number + user
        self.fault = kinds[at % len(kinds)] if number < len(kinds) else rng.choice(kinds)
        names = [w for w in workloads if w in self.fault.workloads and (w != "image" or (docker and not user))]
        weights = [{"image": 1, "forks": 9 if user else 4}.get(w, 6) for w in names]
        self.workload = rng.choices(names, weights)[0]
        self.stage = rng.choice(self.fault.stages)
        self.delay = rng.choice([0, rng.uniform(0, 0.1), rng.uniform(0, 1.2)])
        self.rng = rng

    def __str__(self):
        who = "user" if self.user else "self"
        at = f"in {self.stage!r} + {self.delay:.2f} s"
        return f"{who} {self.number:3d}  {self.fault.name:22s} {self.workload:7s} {at}"


def play(schedule, places, args):
    """Runs one schedule and returns what was wrong, one line each."""
    if args.fault not in (None, schedule.fault.name) or args.workload not in (None, schedule.workload):
        return None
    lab = Lab(places, schedule.workload, ORDINARY if schedule.user else None)
    wrong = []
    try:
        with lab:
            before = schedule.fault.play(lab, schedule)
            wrong = checks.after(lab, schedule.fault, before)
            if wrong or args.verbose:
                shown = lab.output()[-2000:]
                print(f"--- {schedule}\n{shown}\n---", flush=True)
    except checks.Broken as broken:
        wrong = [str(broken), "output:\n" + lab.output()[-2000:]]
    finally:
        if args.verbose:
            print(f"folder: {lab.dir}", flush=True)
        else:
            lab.destroy()
    return wrong


def main():
    args = parse()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):  # a job in the background may have them ignored
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    root = os.geteuid() == 0
    if args.short:
        args.schedules, args.user_schedules = (14, 6) if root else (20, 0)
    users = args.user_schedules if args.user_schedules is not None else (args.schedules // 4 if root else 0)
    if users and not root:
        sys.exit("chaos: --user-schedules needs root, to become an ordinary user")
    docker = shutil.which("docker") and subprocess.run(["docker", "version"], capture_output=True).returncode == 0
    repo = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    top = tempfile.mkdtemp(prefix="chaos-", dir=os.environ.get("CHAOS_DIR", "/var/tmp"))
    os.chmod(top, 0o755)
    places = Places(repo, top, args.stellar or os.path.join(repo, "stellar"), docker)
    started = time.monotonic()
    only = {int(n) for n in args.only.split(",")} if args.only else None
    todo = [Schedule(args.seed, i, False, root, docker) for i in range(args.schedules)]
    todo += [Schedule(args.seed, i, True, root, docker) for i in range(users)]
    todo = [s for s in todo if only is None or s.number in only]
    passed = failed = unplayed = 0
    by_fault, lock = {}, threading.Lock()

    def one(schedule):
        nonlocal passed, failed, unplayed
        if time.monotonic() - started > args.minutes * 60:
            with lock:
                unplayed += 1
            return
        t = time.monotonic()
        wrong = play(schedule, places, args)
        if wrong is None:
            return
        with lock:
            tally = by_fault.setdefault(schedule.fault.name, [0, 0])
            tally[1 if wrong else 0] += 1
            passed, failed = passed + (not wrong), failed + bool(wrong)
            print(f"{'FAIL' if wrong else 'ok  '} {schedule}  ({time.monotonic() - t:.1f} s)", flush=True)
            for line in wrong:
                print(f"     {line}", flush=True)

    try:
        places.prepare(ORDINARY if users else None)
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            waiting = [pool.submit(one, s) for s in todo]
            try:
                for f in waiting:
                    f.result()
            except BaseException:  # the schedules that are under way end, no further one begins
                for f in waiting:
                    f.cancel()
                raise
    finally:
        if not args.verbose:
            shutil.rmtree(top, ignore_errors=True)
    print(f"\nseed {args.seed}, {time.monotonic() - started:.0f} s")
    for name in sorted(by_fault):
        print(f"| {name:22s} | {by_fault[name][0]:3d} right | {by_fault[name][1]:3d} wrong |")
    if unplayed:
        print(f"{unplayed} schedules were not played: the time was up")
        failed += unplayed
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
