"""What the probe's bench is to show, one line a target: met, missed, or not measured."""


# Clients that print quantiles: the difference of two quantiles is shown, but it is not the latency of any request, and
# comes out near 0 for small bursts. hey's figures are no finer than a tenth of a millisecond.
COARSE = {"fortio", "k6"}
FINEST = {"hey": 0.1}


def least(table, section, what, n, rivals):
    """Stellar's median against the least of the rivals'. For latencies, rivals whose burst was over twice as wide as
    stellar's are left out, because requests that do not leave together do not delay each other."""
    ours = table.median((section, what), "stellar", n)
    best, who = None, ""
    for name in rivals:
        value = table.median((section, what), name, n)
        wide = table.median((section, "spread"), name, n)
        own = table.median((section, "spread"), "stellar", n)
        if what != "spread" and (name in COARSE or value is not None and value < FINEST.get(name, 0)):
            continue
        if section.startswith("new") and (name == "h2load" and what != "spread" or name == "original" and n <= 10):
            continue  # its clock starts when it is connected; it keeps two connections
        if value is None or what != "spread" and own is not None and wide is not None and wide > 2 * own:
            continue
        if best is None or value < best:
            best, who = value, name
    return ours, best, who


class Report:
    def __init__(self, table):
        self.table, self.lines = table, []

    def line(self, text, ours, bound, said, met=None):
        if ours is None or bound is None:
            self.lines.append((text, "", "not measured"))
        else:
            self.lines.append((text, said, "met" if (ours <= bound if met is None else met) else "missed"))

    def at_most(self, text, section, what, n, bound):
        ours = self.table.median((section, what), "stellar", n)
        self.line(text, ours, bound, "" if ours is None else f"{ours:.3g} ms of {bound} ms")

    def ahead(self, text, section, what, n, rivals, share=1.0):
        ours, best, who = least(self.table, section, what, n, rivals)
        if ours is not None and best is None and what != "spread":
            self.lines.append((text, f"{ours:.3g} ms; no other client has a comparable burst", "met"))
            return
        said = "" if ours is None or best is None else f"{ours:.3g} ms against {who}'s {best:.3g} ms"
        self.line(text, ours, None if best is None else best * share, said)


def show(table, sizes, wanted, peers):
    r = Report(table)
    if "spread" in wanted:
        for n in [n for n in sizes if n > 1]:  # one request has no spread
            r.ahead(f"warm, {n}: least spread", "warm", "spread", n, peers["http1"])
        for n in sizes:
            for what in ("p50", "p99"):
                r.ahead(f"warm, {n}: least client-made {what}", "warm", what, n, peers["http1"])
        r.at_most("warm, 1000: spread at most 11 ms", "warm", "spread", 1000, 11)
        r.at_most("warm, 3000: spread at most 30 ms", "warm", "spread", 3000, 30)
        r.at_most("warm, 1000: client-made p99 under 5 ms", "warm", "exact p99", 1000, 5)
    if "pinned" in wanted:
        r.at_most("pinned, 1000: spread at most 11 ms", "pinned", "spread", 1000, 11)
        r.at_most("pinned, 3000: spread at most 30 ms", "pinned", "spread", 3000, 30)
        r.at_most("pinned, 1000: client-made p99 under 1 ms", "pinned", "exact p99", 1000, 1)
    if "platform" in wanted:
        r.at_most("local platform, 1000: spread at most 11 ms", "platform", "spread", 1000, 11)
        r.at_most("local platform, 3000: spread at most 30 ms", "platform", "spread", 3000, 30)
    if "new" in wanted:
        for n in [n for n in sizes if n > 1]:
            r.ahead(f"new, {n}: least spread", "new", "spread", n, peers["http1"])
        for n in sizes:
            for what in ("p50", "p99"):
                r.ahead(f"new, {n}: least client-made {what}", "new", what, n, peers["http1"])
        r.ahead("new, plain, 1000: half the best peer's spread", "new", "spread", 1000, peers["http1"], 0.5)
        r.ahead("new, TLS, 1000: half the best peer's spread", "new TLS", "spread", 1000, peers["tls"], 0.5)
    if "h2" in wanted:
        for section in ("h2", "h2c"):
            r.at_most(f"{section}, 1000: spread at most 5 ms", section, "spread", 1000, 5)
            r.ahead(f"{section}, 1000: least spread", section, "spread", 1000, peers[section])
    if "grpc" in wanted:
        for n in (1000, 3000):
            for what in ("spread", "p99"):
                r.ahead(f"gRPC, shared, {n}: {what} ahead of ghz", "grpc", what, n, ["ghz"])
    if "sustained" in wanted:
        ours, wrk = (table.median(("sustained", "rate"), name, 64) for name in ("stellar", "wrk"))
        said = f"{ours / wrk:.2f}" if ours and wrk else ""
        r.line("sustained: 0.95 of wrk's rate, every row on disk", ours, wrk, said, bool(said) and ours >= 0.95 * wrk)
    if r.lines:
        print("\n### Targets\n\n| target | measured | |\n|---|---|---|")
        for text, said, verdict in r.lines:
            print(f"| {text} | {said} | {verdict} |")
