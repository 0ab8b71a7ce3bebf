"""The parts of the test suite: what each runs, and how its checks are counted."""
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time

import programs
from events import Events

# Packages whose tests mostly run toolchains, containers or other processes. `make test` runs them without the race
# detector, which would slow down what it cannot see into; `make test-race` runs them with it. Packages that are not
# named here are unit tests.
TOOLS = ("raw-code", "raw-code/bootstraps", "src/build", "src/dockerengine", "src/generate", "src/local",
         "src/local/plugin", "src/pack")
# Packages whose tests compute much. Under the race detector they take less data, so they run once more without it.
DATA = ("src/analyze", "src/analyze/change", "src/analyze/survival", "src/report", "src/sample")
# Packages that are jobs of their own, with the cores that each keeps busy and its seconds on a quiet machine. Tests of
# the probe are held to times: the numbers are larger than measured, so that they begin first and only what computes
# little runs beside them. Other packages of a part are one job.
ALONE = 1000  # cores that no machine has, so that nothing runs beside it
JOBS = {
    "src/probe": (0.95, 400), "src/acceptance/local": (0.5, 100), "src/acceptance/cli": (0.55, 70),
    "src/acceptance/aws": (0.4, 110), "src/acceptance/cloud": (0.45, 110), "src/acceptance/aliyun": (0.4, 40),
    "src/acceptance/azure": (0.7, 30), "src/acceptance/cloudflare": (1, 20), "src/acceptance/google": (0.2, 75),
    "src/acceptance/page": (0.7, 20), "src/acceptance/storage": (0.7, 20), "src/acceptance/extension": (0.9, 45),
    "src/analyze": (0.9, 25),
    "src/local": (0.2, 150), "src/local/plugin": (0.6, 15), "src/build": (0.7, 65), "src/pack": (0.4, 45),
    "src/generate": (0.6, 15), "raw-code": (0.4, 45), "raw-code/bootstraps": (0.45, 25),
    "src/probe/fidelity": (1, 45), "src/study/pingpong": (1, 10),
}
REST = (0.65, 3)  # of a job with several packages, one at a time; seconds of each
ACCEPTANCE = "src/acceptance"
# Packages that are held to a few milliseconds: after all others, side by side where there are two cores. Together they
# keep a third of a core busy.
FIDELITY = ("src/probe/fidelity", "src/study/pingpong")
RACED = ("src/study/pingpong",)  # those of them that keep their bounds under the race detector
# Tests of other packages that compare with what the processor gives them: they run after all others, too.
LONE = {"raw-code": "^TestShareOfQuotas$"}
PEERS = "scripts/grpcpeer"  # a module of its own, with the tests that need gRPC's library


class Result:
    """What a part came to: counted checks, seconds, and what is to be said of it at the end."""

    def __init__(self, name):
        self.name = name
        self.passed = self.failed = self.skipped = self.code = 0
        self.began = self.ended = self.cpu = 0.0
        self.tables, self.failures, self.skips, self.slowest = [], [], [], []
        self.runs = []  # (began, ended, CPU seconds, what) of each package and script

    @property
    def wall(self):
        return self.ended - self.began

    @property
    def good(self):
        return self.code == 0 and self.failed == 0

    def row(self):
        return "| %-10s | %6.0f s | %6.0f s | %6d | %6d | %7d | %-5s |" % (
            self.name, self.wall, self.cpu, self.passed, self.failed, self.skipped, "ok" if self.good else "FAILS")


HEADING = ["| part       |     wall |      CPU | passed | failed | skipped |       |",
           "|------------|----------|----------|--------|--------|---------|-------|"]


def merge(results):
    """One result for each part, of the results of its jobs. Its wall time is from the first start to the last end."""
    merged = {}
    for r in results:
        m = merged.get(r.name)
        if not m:
            merged[r.name] = r
            continue
        m.began, m.ended = min(m.began, r.began), max(m.ended, r.ended)
        m.code = m.code or r.code
        for k in ("cpu", "passed", "failed", "skipped", "tables", "failures", "skips", "slowest", "runs"):
            setattr(m, k, getattr(m, k) + getattr(r, k))
    return list(merged.values())


class Groups:
    """The process groups of the commands that run, and their end. Each command is the leader of its group."""

    def __init__(self):
        self.lock, self.running, self.stopped = threading.Lock(), set(), False

    def start(self, command, **kwargs):
        """Starts a command; raises InterruptedError after the stop."""
        with self.lock:
            if self.stopped:
                raise InterruptedError("the suite was stopped")
            process = subprocess.Popen(command, start_new_session=True, **kwargs)
            self.running.add(process.pid)
        return process

    def ended(self, process):
        with self.lock:
            self.running.discard(process.pid)

    def stop(self, seconds=20):
        """Ends all that runs: by SIGTERM, so that each can clean up, and by SIGKILL what is left after some seconds."""
        with self.lock:
            self.stopped, groups = True, set(self.running)
        deadline = time.monotonic() + seconds
        for number in (signal.SIGTERM, signal.SIGKILL):
            for group in groups:
                with contextlib.suppress(OSError):
                    os.killpg(group, number)
            while groups and (number == signal.SIGKILL or time.monotonic() < deadline):
                groups = {g for g in groups if alive(g)}
                time.sleep(0.05)


def alive(group):
    """Says whether a process group has a process that is not a zombie."""
    for pid in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        with contextlib.suppress(OSError), open("/proc/%s/stat" % pid) as f:
            state, _, pgrp = f.read().rpartition(")")[2].split()[:3]
            if int(pgrp) == group and state not in "ZX":
                return True
    return False


def run(command, each_line, groups, env=None, cwd=None, stderr=None):
    """Runs a command, hands on its lines, and returns its exit code with the CPU seconds of it and its children."""
    process = groups.start(command, stdout=subprocess.PIPE, stderr=stderr, text=True, errors="replace", env=env,
                           cwd=cwd)
    for line in process.stdout:
        each_line(line)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    groups.ended(process)
    return process.returncode, usage.ru_utime + usage.ru_stime


class Part:
    """A part of the suite, or one job of it, that is a list of Go packages. Load is how many cores it keeps busy, and
    about how many seconds."""

    def __init__(self, name, packages, flags, env=None, module=None, load=None):
        self.name, self.packages, self.flags, self.env, self.module = name, packages, flags, env, module
        self.cores, self.seconds = load or (REST[0], REST[1] * len(packages))
        self.programs = {}  # built before, by package; `go test` builds the others

    def run(self, show, groups):
        result, events = Result(self.name), Events(show)
        result.began = time.monotonic()
        for packages in [[p] for p in self.packages] if self.programs else [self.packages]:
            began = time.monotonic()
            if packages[0] in self.programs:
                program = self.programs[packages[0]]
                code, cpu = program.run(programs.split(self.flags)[1], events.line, groups, self.env)
            else:  # also where the package does not build, so that Go says why
                command = ["go", "test", "-json", *self.flags, *packages]
                code, cpu = run(command, events.line, groups, env=self.env, cwd=self.module)
            result.code, result.cpu = result.code or code, result.cpu + cpu
            result.runs.append((began, time.monotonic(), cpu, " ".join(packages)))
        result.ended = time.monotonic()
        result.passed, result.failed, result.skipped = events.passed, events.failed, len(events.skipped)
        result.tables, result.failures, result.skips = events.tables(), events.failures(), events.skips()
        result.slowest = events.slowest(20)
        return result


class Script:
    """A part that is a program of its own, whose last line says "N passed, N failed"."""

    def __init__(self, name, command, env=None, load=REST):
        self.name, self.command, self.env = name, command, env
        self.cores, self.seconds = load

    def run(self, show, groups):
        result, lines = Result(self.name), []
        result.began = time.monotonic()
        result.code, result.cpu = run(self.command, lambda s: lines.append(s.rstrip("\n")), groups, env=self.env,
                                      stderr=subprocess.STDOUT)
        result.ended = time.monotonic()
        result.runs.append((result.began, result.ended, result.cpu, self.name))
        found = re.fullmatch(r"(\d+) passed, (\d+) failed", lines[-1] if lines else "")
        if found:
            result.passed, result.failed = int(found[1]), int(found[2])
        elif result.code == 0:
            result.code = 1
            lines.append("%s: the last line does not say how many checks passed" % self.name)
        if result.good:
            show("ok   %-40s %6.1f s" % (self.name, result.wall))
        else:
            show("FAIL %-40s %6.1f s" % (self.name, result.wall))
            result.failures = ["FAIL " + self.name, *lines]
        return result


def build(jobs, work, kept, show, groups=None):
    """Builds the test programs of all jobs that are packages of this module, and returns what that took."""
    groups, result, wanted = groups or Groups(), Result("build"), {}
    jobs = [job for job in jobs if isinstance(job, Part) and not job.module]
    for job in jobs:
        packages = wanted.setdefault(programs.split(job.flags)[0], [])
        packages += [p for p in job.packages if p not in packages]
    result.began = time.monotonic()

    def command(*args, **kwargs):
        return run(*args, groups, **kwargs)

    try:
        made, result.cpu = programs.build(wanted, work, kept, command)
    except BaseException:
        groups.stop()
        raise
    result.ended = time.monotonic()
    for job in jobs:
        flags = programs.split(job.flags)[0]
        job.programs = {p: made[flags, p] for p in job.packages if (flags, p) in made}
    show("built %d test programs in %.0f s" % (len(made), result.wall))
    return result


def pool(jobs, room, show, groups=None):
    """Runs jobs side by side, as many as keep so many cores busy: the next is always the first of the list that fits
    beside those that run, and one always runs. Returns the results in the order of the list. A job that cannot be run
    fails. An exception in the waiting thread, as from a signal, ends all that runs."""
    groups = groups or Groups()
    results, waiting, running = [None] * len(jobs), list(range(len(jobs))), set()
    change = threading.Condition()

    def one(i):
        try:
            result = jobs[i].run(show, groups)
        except Exception as error:  # the other jobs go on
            result = Result(jobs[i].name)
            result.code, result.failures = 1, ["FAIL %s: %s" % (jobs[i].name, error)]
            result.began = result.ended = time.monotonic()
        with change:
            results[i] = result
            running.discard(i)
            change.notify()

    try:
        with change:
            while waiting or running:
                left = room - sum(jobs[i].cores for i in running) + 1e-9
                fits = [i for i in waiting if not running or jobs[i].cores <= left]
                if not fits:
                    change.wait()
                    continue
                waiting.remove(fits[0])
                running.add(fits[0])
                threading.Thread(target=one, args=(fits[0],), daemon=True).start()
    except BaseException:
        groups.stop()
        raise
    return results


def packages(module="."):
    """Folders of a module's packages that have tests, relative to the module."""
    form = "{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}"
    listed = subprocess.run(["go", "list", "-f", form, "./..."], cwd=module, stdout=subprocess.PIPE, text=True,
                            check=True).stdout
    return sorted(os.path.relpath(d, os.path.abspath(module)) for d in listed.split("\n") if d)


def sort_packages(folders):
    """Assigns each package to a part: a dictionary of lists of folders."""
    sorted_ = {"unit": [], "tools": [], "acceptance": [], "fidelity": []}
    for folder in sorted(folders):
        if folder in FIDELITY:
            kind = "fidelity"
        elif folder == ACCEPTANCE or folder.startswith(ACCEPTANCE + "/"):
            kind = "acceptance"
        else:
            kind = "tools" if folder in TOOLS else "unit"
        sorted_[kind].append(folder)
    return sorted_


def lone(name, folders, flags, env):
    """The jobs of a part's tests that run alone."""
    return [Part(name, ["./" + f], [*flags, "-run=" + LONE[f]], env, load=(ALONE, 10)) for f in folders if f in LONE]


def jobs(name, folders, flags, env, apart=False):
    """The jobs of a part: one for each package in JOBS, and one for all others, a package at a time. With apart, tests
    that run alone are left out."""
    out = []
    for f in (f for f in folders if f in JOBS):
        own = [*flags, *programs.races()] if f in RACED and "-race" not in flags else flags
        own = [*own, "-skip=" + LONE[f]] if apart and f in LONE else own
        out.append(Part(name, ["./" + f], own, env, load=JOBS[f]))
    rest = ["./" + f for f in folders if f not in JOBS]
    return out + ([Part(name, rest, [*flags, "-p=1"], env)] if rest else [])


def printer():
    """A function that prints whole lines from several threads."""
    lock = threading.Lock()

    def show(line):
        with lock:
            print(line, flush=True)

    return show


def fail(text):
    print(text, file=sys.stderr)
    sys.exit(1)
