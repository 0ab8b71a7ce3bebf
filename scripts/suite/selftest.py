"""Tests of the test suite's own counting: a suite that loses a failure is worse than none."""
import argparse
import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import main
import parts
import programs
from events import Events
from parts import Part, Result, Script
from selftest_starts import Starts

PACKAGES = {
    "good": 'func TestGood(t *testing.T) { t.Run("a", func(t *testing.T) {}); t.Run("b", func(t *testing.T) {}) }',
    "bad": 'func TestBad(t *testing.T) { t.Error("the reason") }\nfunc TestFine(t *testing.T) {}',
    "skips": 'func TestSkips(t *testing.T) { t.Skip("no engine") }',
    "panics": 'func TestPanics(t *testing.T) { panic("out of order") }',
    "broken": "func TestBroken(t *testing.T) { undefined() }",
    "leaks": 'func TestLeaks(t *testing.T) { c := exec.Command("sleep", "9"); c.Stdout = os.Stdout; c.Start() }',
    "tables": 'func TestTable(t *testing.T) { t.Log("\\n| a | b |\\n| 1 | 2 |") }',
}


# A suite with one part, which starts a child, says its process group, and cleans up when it is ended.
STOPPED = """
import sys
sys.path.insert(0, %r)
import main, parts
part = parts.Script("s", ["sh", "-c", "trap 'echo cleaned up >>$1; exit' TERM; sleep 300 & echo $$ >>$1; "
                             "wait", "sh", sys.argv[1]])
main.waves = lambda *_: [[part]]
sys.exit(main.main([]))
""" % os.path.dirname(os.path.abspath(__file__))


def say(text, code=0):
    return [sys.executable, "-c", "import sys; print(%r); sys.exit(%d)" % (text, code)]


class Suite(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.module, self.shown = folder.name, []
        with open(os.path.join(self.module, "go.mod"), "w") as f:
            f.write("module example.com/suite\n\ngo 1.24\n")
        for name, text in PACKAGES.items():
            os.mkdir(os.path.join(self.module, name))
            with open(os.path.join(self.module, name, "x_test.go"), "w") as f:
                imports = ('"os"\n\t"os/exec"\n\t' if "exec." in text else "") + '"testing"'
                f.write('package %s\n\nimport (\n\t%s\n)\n\n%s\n' % (name, imports, text))

    def play(self, *packages):
        flags = ["-vet=off", "-count=1"]
        part = Part("go", ["./" + p for p in packages], flags, module=self.module)
        return part.run(self.shown.append, parts.Groups())

    def build(self, flags, *packages):
        """Builds test programs; what is linked is kept in one folder."""
        with tempfile.TemporaryDirectory(dir=self.module) as work:
            made = programs.build({flags: ["./" + p for p in packages]}, work, os.path.join(self.module, "kept"),
                                  lambda *args, **kwargs: parts.run(*args, parts.Groups(), **kwargs), self.module)[0]
            for (_, package), program in made.items():  # the folder work is removed
                path = os.path.join(self.module, os.path.basename(package) + ".test")
                os.rename(program.path, path)
                program.path = path
        return {package: program for (_, package), program in made.items()}

    def counts(self, result):
        return result.passed, result.failed, result.skipped

    def test_passed(self):
        result = self.play("good")
        self.assertEqual((self.counts(result), result.good), ((3, 0, 0), True))
        self.assertTrue(any(line.startswith("ok") for line in self.shown))

    def test_failed(self):
        result = self.play("good", "bad")
        self.assertEqual((self.counts(result), result.good), ((4, 1, 0), False))
        self.assertIn("the reason", "\n".join(result.failures))

    def test_skipped(self):
        result = self.play("skips")
        self.assertEqual((self.counts(result), result.good), ((0, 0, 1), True))
        self.assertIn("no engine", result.skips[0])

    def test_panicked(self):
        result = self.play("panics")
        self.assertGreaterEqual(result.failed, 1)
        self.assertFalse(result.good)
        self.assertIn("out of order", "\n".join(result.failures))

    def test_does_not_build(self):
        result = self.play("good", "broken")
        self.assertEqual((self.counts(result), result.good), ((3, 1, 0), False))
        self.assertIn("undefined", "\n".join(result.failures))

    def test_tables(self):
        self.assertIn("| 1 | 2 |", self.play("tables").tables)

    def test_programs_count_as_go_test_does(self):
        flags, names = ["-vet=off", "-count=1", "-timeout=1m"], [name for name in PACKAGES if name != "leaks"]
        asked = Part("p", ["./" + n for n in names], flags, module=self.module).run(self.shown.append, parts.Groups())
        part = Part("p", ["./" + n for n in names], flags, module=self.module)
        part.programs = self.build(programs.split(flags)[0], *names)
        self.assertEqual(set(part.programs), {"./" + n for n in names if n != "broken"})
        built = part.run(self.shown.append, parts.Groups())
        self.assertEqual((self.counts(built), built.good, sorted(t[1:] for t in built.slowest)),
                         (self.counts(asked), False, sorted(t[1:] for t in asked.slowest)))
        for reason in ("the reason", "out of order", "undefined"):
            self.assertIn(reason, "\n".join(built.failures))

    def test_a_program_whose_output_stays_open_fails(self):
        part = Part("p", ["./leaks"], ["-count=1"], module=self.module)
        part.programs = self.build((), "leaks")
        with mock.patch.object(programs, "LEFT", 0.1):
            result = part.run(self.shown.append, parts.Groups())
        self.assertEqual(result.good, False)
        self.assertIn("stays open", "\n".join(result.failures))

    def test_linked_programs_are_kept_until_they_change(self):
        def linked(name="good"):
            with open(self.build((), name)["./" + name].path, "rb") as program:
                kept = [os.path.join(folder, file) for folder, _, files in os.walk(os.path.join(self.module, "kept"))
                        for file in files if file.startswith(name + ".test@")]
                return b"TestMore" in program.read(), [os.stat(path).st_mtime_ns for path in kept]

        first = linked()
        self.assertEqual(len(first[1]), 1)
        self.assertEqual(linked(), first)
        with open(os.path.join(self.module, "good", "x_test.go"), "a") as f:
            f.write('\nfunc TestMore(t *testing.T) { t.Log("more") }\n')
        more, kept = linked()
        self.assertTrue(more)
        self.assertNotEqual(kept, first[1])

    def test_builds_at_once_do_not_take_each_others_program(self):
        """While one build keeps its program, another one links and keeps a program of this name from other sources."""
        linker, mv, out = (os.path.join(self.module, name) for name in ("link", "mv", "x.test"))
        with open(linker, "w") as f:
            f.write('#!/bin/sh\necho "$4" >"$3"\n')
        with open(mv, "w") as f:
            f.write('#!/bin/sh\nPATH=${PATH#*:}\nmv "$@" && "$KEEP" "%s" -buildid=b/1 -o "$OUT" second\n' % linker)
        for program in linker, mv:
            os.chmod(program, 0o755)
        kept, other = (os.path.join(self.module, name) for name in ("kept", "other"))
        for folder in kept, other:
            os.mkdir(folder)
        env = dict(os.environ, KEEP=programs.KEEP_LINK, KEPT_PROGRAMS=kept, OUT=os.path.join(other, "x.test"))

        def link(identity, source, **more):
            subprocess.run([programs.KEEP_LINK, linker, "-buildid=%s/1" % identity, "-o", out, source],
                           env=dict(env, **more), check=True)
            with open(out) as program:
                return program.read().strip()

        self.assertEqual(link("a", "first", PATH=self.module + os.pathsep + env["PATH"]), "first")
        self.assertEqual([link("a", "first"), link("b", "second"), link("a", "first")], ["first", "second", "first"])
        self.assertEqual(len(os.listdir(kept)), 1)

    def test_a_program_that_cannot_be_kept_is_linked(self):
        out = os.path.join(self.module, "x.test")
        env = dict(os.environ, KEPT_PROGRAMS=os.path.join(self.module, "none"))
        linker = os.path.join(self.module, "link")
        with open(linker, "w") as f:
            f.write('#!/bin/sh\necho linked >"$3"\n')
        os.chmod(linker, 0o755)
        ended = subprocess.run([programs.KEEP_LINK, linker, "-buildid=a/1", "-o", out], env=env, stderr=subprocess.PIPE)
        with open(out) as program:
            self.assertEqual((ended.returncode, program.read()), (0, "linked\n"))

    def test_slowest_are_leaves(self):
        events = Events(self.shown.append)
        for test, seconds in (("TestA", 9), ("TestA/x", 4), ("TestB", 5)):
            events.line('{"Action":"pass","Package":"p","Test":"%s","Elapsed":%d}' % (test, seconds))
        self.assertEqual([t for _, _, t in events.slowest(5)], ["TestB", "TestA/x"])

    def test_scripts(self):
        for text, code, counts, good in (("a\n3 passed, 0 failed", 0, (3, 0, 0), True),
                                         ("2 passed, 1 failed", 1, (2, 1, 0), False),
                                         ("nothing", 0, (0, 0, 0), False), ("nothing", 7, (0, 0, 0), False),
                                         ("1 passed, 0 failed\nTraceback", 1, (0, 0, 0), False)):
            result = Script("s", say(text, code)).run(self.shown.append, parts.Groups())
            self.assertEqual((self.counts(result), result.good), (counts, good), text)
            self.assertEqual(bool(result.failures), not good, text)

    def test_a_part_that_cannot_be_run_fails_alone(self):
        good = Script("s", say("1 passed, 0 failed"))
        results = parts.pool([Script("none", ["/no/such/program"]), good, good], 9, self.shown.append)
        self.assertEqual([(r.name, r.good) for r in results], [("none", False), ("s", True), ("s", True)])

    def test_pool_keeps_to_its_room(self):
        running, most, order, lock = set(), [], [], threading.Lock()

        class Job:
            def __init__(self, name, cores):
                self.name, self.cores = name, cores

            def run(self, show, groups):
                with lock:
                    running.add(self)
                    order.append(self.name)
                    most.append(sum(j.cores for j in running))
                time.sleep(0.02)
                with lock:
                    running.discard(self)
                return Result(self.name)

        jobs = [Job("large", 5), Job("a", 1.2), Job("b", 1.2), Job("c", 0.2), Job("d", 0.5)]
        results = parts.pool(jobs, 1.4, self.shown.append)
        self.assertEqual([r.name for r in results], [j.name for j in jobs])
        self.assertEqual(order[0], "large", "what is larger than the room runs alone")
        self.assertEqual(sorted(order[1:3]), ["a", "c"], "the first that fit")
        self.assertEqual(len(order), len(jobs))
        self.assertLessEqual(max(most[1:]), 1.4 + 1e-9)
        self.assertGreater(max(most[1:]), 1.2, "nothing ran side by side")

    def test_merged_results_lose_nothing(self):
        a, b, c = Result("x"), Result("y"), Result("x")
        a.began, a.ended, a.cpu, a.passed, a.failures = 10, 20, 3, 5, ["one"]
        c.began, c.ended, c.cpu, c.passed, c.failed, c.code, c.failures = 15, 40, 4, 6, 1, 2, ["two"]
        a.runs, c.runs = [(15, 20, 2, "./later")], [(10, 14, 3, "./first")]
        merged = parts.merge([a, b, c])
        self.assertEqual([r.name for r in merged], ["x", "y"])
        x = merged[0]
        self.assertEqual((x.wall, x.cpu, x.passed, x.failed, x.code, x.failures), (30, 7, 11, 1, 2, ["one", "two"]))
        self.assertEqual((x.good, merged[1].good), (False, True))
        self.assertEqual(list(main.timeline(merged)), ["    0 to    4 s    3.0 CPU s  0.75 cores  ./first",
                                                       "    5 to   10 s    2.0 CPU s  0.40 cores  ./later"])

    def test_jobs_cover_all_packages_once(self):
        for name, folders in parts.sort_packages(parts.packages()).items():
            jobs = parts.jobs(name, folders, [], None)
            self.assertEqual(sorted(p for j in jobs for p in j.packages), sorted("./" + f for f in folders), name)

    def test_stop_ends_children_and_removes_the_folder(self):
        for number, code in ((signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)):
            with tempfile.TemporaryDirectory() as folder:
                log = os.path.join(self.module, "log%d" % number)
                open(log, "w").close()
                process = subprocess.Popen([sys.executable, "-B", "-c", STOPPED, log],
                                           env=dict(os.environ, TMPDIR=folder), stdout=subprocess.PIPE, text=True)
                said = []
                while not said:
                    time.sleep(0.01)
                    with open(log) as f:
                        said = f.read().split()
                self.assertEqual(len(os.listdir(folder)), 1, "the suite's own folder")
                process.send_signal(number)
                rest = process.communicate(timeout=60)[0]
                self.assertEqual((process.returncode, os.listdir(folder)), (code, []), rest)
                with open(log) as f:
                    self.assertIn("cleaned up", f.read())
                self.assertFalse(parts.alive(int(said[0])), "the part has processes")

    def test_temporary_files_that_stay_are_failures(self):
        with tempfile.TemporaryDirectory() as work:
            os.mkdir(main.scratch(work))
            self.assertTrue(main.leftovers(work).good)
            os.mkdir(os.path.join(main.scratch(work), "stellar-20260101T000000Z-url-abcd"))
            result = main.leftovers(work)
            self.assertEqual((self.counts(result), result.good), ((0, 1, 0), False))
            self.assertIn("stellar-20260101T000000Z-url-abcd", result.failures[0])

    def exit_code(self, ci, **kinds):
        result = Result("x")
        for name, value in kinds.items():
            setattr(result, name, value)
        lines = []
        with mock.patch.dict(os.environ, CI=ci), contextlib.redirect_stderr(io.StringIO()):
            code = main.report([Result("y"), result], argparse.Namespace(slowest=0), 61, lines.append)
        return code, lines[-1]

    def test_exit_codes(self):
        self.assertEqual(self.exit_code("", passed=3), (0, "3 passed, 0 failed, 0 skipped in 1 min 01 s"))
        self.assertEqual(self.exit_code("1", passed=3)[0], 0)
        self.assertEqual(self.exit_code("", skipped=1)[0], 0)
        self.assertEqual(self.exit_code("1", skipped=1)[0], 1)
        self.assertEqual(self.exit_code("", failed=1)[0], 1)
        self.assertEqual(self.exit_code("", code=2)[0], 1)

    def test_every_package_has_a_part(self):
        found = parts.packages()
        kinds = parts.sort_packages(found)
        self.assertEqual(sorted(sum(kinds.values(), [])), found)
        self.assertLessEqual(set(parts.LONE), set(parts.JOBS), "only a job of its own can leave tests out")
        for name in (*parts.TOOLS, *parts.JOBS, *parts.FIDELITY):
            self.assertIn(name, found, "a package that the suite names has no tests")
        self.assertEqual(parts.sort_packages(["src/new"])["unit"], ["src/new"])


if __name__ == "__main__":
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    outcome = unittest.main(exit=False, buffer=True).result
    wrong = len(outcome.failures) + len(outcome.errors)
    sys.stderr.flush()
    print("%d passed, %d failed" % (outcome.testsRun - wrong, wrong), flush=True)
    sys.exit(1 if wrong or not outcome.testsRun else 0)
