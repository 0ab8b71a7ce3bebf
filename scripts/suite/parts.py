"""The parts of the test suite: what each runs, and how its checks are counted."""
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time

from events import Events

# Packages whose tests mostly run toolchains, containers or other processes. `make test` runs them without the race
# detector, which would slow down what it cannot see into; `make test-race` runs them with it. Packages that are not
# named here are unit tests.
TOOLS = ("raw-code", "raw-code/bootstraps", "src/build", "src/dockerengine", "src/generate", "src/local",
         "src/local/plugin", "src/pack")
# Packages whose tests compute much. Under the race detector they take less data, so they run once more without it.
DATA = ("src/analyze", "src/analyze/survival", "src/report", "src/sample")
# The packages that take longest, which begin first.
LONGEST = ("src/build", "src/local", "src/report", "src/probe", "src/acceptance/local", "src/acceptance/aws",
           "src/acceptance/cli", "src/acceptance/cloud")
ACCEPTANCE = "src/acceptance"
FIDELITY = "src/probe/fidelity"
PEERS = "scripts/grpcpeer"  # a module of its own, with the tests that need gRPC's library


class Result:
    """What a part came to: counted checks, seconds, and what is to be said of it at the end."""

    def __init__(self, name):
        self.name = name
        self.passed = self.failed = self.skipped = self.code = 0
        self.wall = self.cpu = 0.0
        self.tables, self.failures, self.skips, self.slowest = [], [], [], []

    @property
    def good(self):
        return self.code == 0 and self.failed == 0

    def row(self):
        return "| %-10s | %6.0f s | %6.0f s | %6d | %6d | %7d | %-5s |" % (
            self.name, self.wall, self.cpu, self.passed, self.failed, self.skipped, "ok" if self.good else "FAILS")


HEADING = ["| part       |     wall |      CPU | passed | failed | skipped |       |",
           "|------------|----------|----------|--------|--------|---------|-------|"]


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
    """A part that is a list of Go packages."""

    def __init__(self, name, packages, flags, env=None, module=None):
        self.name, self.packages, self.flags, self.env, self.module = name, packages, flags, env, module

    def run(self, show, groups):
        result, events = Result(self.name), Events(show)
        started = time.monotonic()
        command = ["go", "test", "-json", *self.flags, *self.packages]
        result.code, result.cpu = run(command, events.line, groups, env=self.env, cwd=self.module)
        result.wall = time.monotonic() - started
        result.passed, result.failed, result.skipped = events.passed, events.failed, len(events.skipped)
        result.tables, result.failures, result.skips = events.tables(), events.failures(), events.skips()
        result.slowest = events.slowest(20)
        return result


class Script:
    """A part that is a program of its own, whose last line says "N passed, N failed"."""

    def __init__(self, name, command, env=None):
        self.name, self.command, self.env = name, command, env

    def run(self, show, groups):
        result, lines = Result(self.name), []
        started = time.monotonic()
        result.code, result.cpu = run(self.command, lambda s: lines.append(s.rstrip("\n")), groups, env=self.env,
                                      stderr=subprocess.STDOUT)
        result.wall = time.monotonic() - started
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


def side_by_side(lanes, show, groups=None):
    """Runs lanes at the same time, and the parts of a lane one after the other. Returns the results in order. A part
    that cannot be run fails. An exception in the waiting thread, as from a signal, ends all that runs."""
    groups = groups or Groups()
    results = [[None] * len(lane) for lane in lanes]

    def one(lane, out):
        for i, part in enumerate(lane):
            try:
                out[i] = part.run(show, groups)
            except Exception as error:  # the other parts go on
                out[i] = Result(part.name)
                out[i].code, out[i].failures = 1, ["FAIL %s: %s" % (part.name, error)]

    threads = [threading.Thread(target=one, args=pair, daemon=True) for pair in zip(lanes, results)]
    try:
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    except BaseException:
        groups.stop()
        raise
    return sum(results, [])


def packages(module="."):
    """Folders of a module's packages that have tests, relative to the module."""
    form = "{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}"
    listed = subprocess.run(["go", "list", "-f", form, "./..."], cwd=module, stdout=subprocess.PIPE, text=True,
                            check=True).stdout
    return sorted(os.path.relpath(d, os.path.abspath(module)) for d in listed.split("\n") if d)


def sort_packages(folders):
    """Assigns each package to a part: a dictionary of lists of patterns."""
    sorted_ = {"unit": [], "tools": [], "acceptance": [], "fidelity": []}
    for folder in sorted(folders, key=lambda f: (LONGEST.index(f) if f in LONGEST else len(LONGEST), f)):
        if folder == FIDELITY:
            kind = "fidelity"
        elif folder == ACCEPTANCE or folder.startswith(ACCEPTANCE + "/"):
            kind = "acceptance"
        else:
            kind = "tools" if folder in TOOLS else "unit"
        sorted_[kind].append("./" + folder)
    return sorted_


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
