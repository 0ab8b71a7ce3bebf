"""Reads the events of `go test -json` and says how each package and test ended."""
import json

ENDS = ("pass", "fail", "skip")
LONGEST = 6000  # characters of a failed test's output that are shown


class Events:
    """What one `go test -json` reported so far. Tests include subtests."""

    def __init__(self, show=print):
        self.show = show
        self.passed = 0
        self.skipped, self.broken = [], []  # (package, test or None)
        self.output, self.ended, self.seconds = {}, set(), {}

    def line(self, text):
        """Takes one line of the stream; what is not an event is shown as it is."""
        try:
            event = json.loads(text)
            action = event["Action"]
        except (ValueError, TypeError, KeyError):
            self.show(text.rstrip("\n"))
            return
        key = (event.get("Package") or event.get("ImportPath", ""), event.get("Test"))
        if action in ENDS:
            self.ended.add(key)
            self.seconds[key] = event.get("Elapsed", 0)
        if action in ("output", "build-output"):
            self.output.setdefault(key, []).append(event["Output"])
        elif action == "pass" and key[1]:
            self.passed += 1
        elif action == "pass":
            self.show("ok   %-40s %6.1f s" % (key[0], event.get("Elapsed", 0)))
        elif action == "skip" and key[1]:
            self.skipped.append(key)
        elif action in ("fail", "build-fail"):
            self.broken.append(key)
            if not key[1]:
                self.show("FAIL %-40s %6.1f s" % (key[0], event.get("Elapsed", 0)))

    @property
    def failed(self):
        """Failed tests, and packages that failed without a failed test: they do not build, or panicked."""
        tests = [k for k in self.broken if k[1]]
        with_tests = {package for package, _ in tests}
        packages = {package.split(" ")[0] for package, test in self.broken if not test}
        return len(tests) + len(packages - with_tests)

    def text(self, key):
        return "".join(self.output.get(key, []))

    def failures(self):
        """The output of all that failed, and of tests that never ended because their program did."""
        lines = []
        for package, test in self.broken:
            lines += ["FAIL %s %s" % (package, test or ""), self.text((package, test))[-LONGEST:]]
            if test:
                continue
            for other in self.output:
                if other[0] == package and other[1] and other not in self.ended:
                    lines.append("in %s:\n%s" % (other[1], self.text(other)[:LONGEST // 2]))
        return lines

    def tables(self):
        """Tables that tests print: lines that begin with a bar."""
        lines = []
        for key in self.output:
            rows = [row.strip() for row in self.text(key).splitlines() if row.strip().startswith("| ")]
            if rows and key not in self.broken:
                lines += ["%s:" % key[1], *rows, ""]
        return lines

    def skips(self):
        """Each skipped test with its reason."""
        lines = []
        for key in self.skipped:
            reason = [s.strip() for s in self.text(key).splitlines()]
            reason = [s for s in reason if s and not s.startswith(("===", "---"))]
            lines.append("skipped: %s %s: %s" % (*key, " ".join(reason)))
        return lines

    def slowest(self, count):
        """The slowest tests without subtests: seconds, package, test."""
        tests = [k for k in self.seconds if k[1]]
        parents = {(p, t.rsplit("/", 1)[0]) for p, t in tests if "/" in t}
        leaves = [(self.seconds[k], *k) for k in tests if k not in parents]
        return sorted(leaves, reverse=True)[:count]
