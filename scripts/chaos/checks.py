"""What must be true after a run, whatever happened to it."""
import calendar
import glob
import json
import os
import re
import socket
import subprocess
import time

import lab as labs

GONE_WITHIN = 10  # seconds that processes, containers and ports may outlive their owner


class Broken(Exception):
    """Something that ends a schedule at once."""


def after(lab, fault, before):
    wrong = []
    codes = before["codes"] if before["struck"] else {0}
    if before["code"] == 0 and 0 not in codes and "at" in before and finished(lab) <= before["at"]:
        codes = {0}  # the signal came while the process was about to exit
    if before["code"] not in codes:
        wrong.append(f"exit code {before['code']}, want {' or '.join(map(str, sorted(codes)))}"
                     + ("" if before["struck"] else " (the fault came too late)"))
    text = lab.output()
    if re.search(r"^(panic:|fatal error:|goroutine \d+ \[)|has a defect", text, re.M):
        wrong.append("the output holds a panic")
    for disk in lab.mounts:
        filler = os.path.join(disk, "filler")
        if os.path.exists(filler):
            os.unlink(filler)
    if fault.rows:
        wrong += rows(lab, before)
    wrong += cleaned(lab)
    wrong += nothing_left(lab)
    return wrong


def finished(lab):
    """When the run's record says that all was done, in seconds since 1970."""
    try:
        with open(os.path.join(lab.folder(), "run.json")) as f:
            text = json.load(f)["finished"]
    except (OSError, ValueError, KeyError):
        return float("inf")
    whole, _, fraction = text.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + (fraction or "0"))


def rows(lab, before):
    """A burst is finished once the next one has begun: its rows are on disk, and what was on disk stays there."""
    size, have = 3, lab.rows()
    wrong = []
    if have < before["rows"]:
        wrong.append(f"{have} rows, and {before['rows']} were on disk when the fault struck")
    finished = (before["sent"] - 1) // size * size
    if lab.workload in ("go", "python", "url") and have < finished:
        wrong.append(f"{have} rows; {before['sent']} requests had arrived when the fault struck: "
                     f"{finished} must be there")
    if before["code"] == 0 and before["codes"] == {0}:
        sub = labs.workloads[lab.workload]["SubExperiments"][0]
        want = sub["Bursts"] * size
        if have < want:
            wrong.append(f"exit code 0, and {have} rows instead of {want}")
    return wrong


def cleaned(lab):
    """`stellar clean` removes what is left, and has nothing to do the second time."""
    for attempt in ("first", "second"):
        p = lab.command("clean", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            out, _ = p.communicate(timeout=600)
        except subprocess.TimeoutExpired:
            p.kill()
            return [f"the {attempt} `stellar clean` does not end"]
        text = out.decode(errors="replace")
        if p.returncode != 0:
            return [f"the {attempt} `stellar clean`: exit code {p.returncode}\n{text}"]
    if "nothing to do" not in text:
        return [f"the second `stellar clean` has something to do:\n{text}"]
    return []


def nothing_left(lab):
    wrong = []
    deadline = time.monotonic() + GONE_WITHIN
    while (pids := labs.processes_of(lab.dir)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in pids:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                wrong.append(f"process {pid} is left: {f.read().replace(bytes(1), b' ').decode(errors='replace')}")
        except OSError:
            pass
    for pattern in ("tmp/stellar-*", "state/stellar/local/*", "state/stellar/runs/*"):
        wrong += [f"{path} is left" for path in glob.glob(lab.at(pattern))]
    with open("/proc/mounts") as f:
        mounts = [line.split()[1] for line in f if lab.dir in line]
    wrong += [f"{m} is still mounted" for m in mounts if m not in lab.mounts]
    for path in glob.glob(lab.at("out", "2*", "run.json")):
        try:
            with open(path) as f:
                status = json.load(f).get("status")
        except (ValueError, OSError) as e:
            wrong.append(f"{path}: {e}")
            continue
        if status in (None, "running"):
            wrong.append(f"{path} says {status!r} after `stellar clean`")
    return wrong + resources(lab)


def elsewhere(lab, port):
    """Whether the port, free again, has meanwhile been given to a program that has nothing to do with the lab."""
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f][1:]
    inodes = {r[9] for r in rows if r[3] == "0A" and int(r[1].rpartition(":")[2], 16) == port}
    sockets = {f"socket:[{inode}]" for inode in inodes}
    ours, strangers = labs.processes_of(lab.dir), 0
    for fd in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(fd) not in sockets:
                continue
            pid = int(fd.split("/")[2])
            with open(f"/proc/{pid}/comm") as f:
                name = f.read().strip()
        except OSError:  # it has ended
            continue
        if pid in ours or name.startswith("docker"):
            return False
        strangers += 1
    return strangers > 0


def resources(lab):
    """Ports, control groups, containers and images that the journals name."""
    wrong, pids, ids = [], set(), set()
    for path in glob.glob(lab.at("out", "*", "journal.jsonl")):
        ids.add(os.path.basename(os.path.dirname(path)))
        with open(path, "rb") as f:
            text = f.read().decode(errors="replace")
        pids |= set(re.findall(r'"pid":"(\d+)"', text))
        for port in set(re.findall(r"http://127\.0\.0\.1:(\d+)", text)):
            with socket.socket() as s:
                ours = lab.server and lab.server.url.endswith(f":{port}/")
                if not ours and s.connect_ex(("127.0.0.1", int(port))) == 0 and not elsewhere(lab, int(port)):
                    wrong.append(f"port {port} still listens")
    for pid in pids:
        for root in ("/sys/fs/cgroup/*", "/sys/fs/cgroup"):
            wrong += [f"control group {g} is left" for g in glob.glob(f"{root}/stellar-local-{pid}-*")]
    if lab.workload == "image":
        listing = subprocess.run(["docker", "ps", "-a", "--format", "{{.ID}} {{.Image}} {{.Names}} {{.Labels}}"],
                                 capture_output=True, text=True).stdout
        listing += subprocess.run(["docker", "images", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"],
                                  capture_output=True, text=True).stdout
        wrong += [f"Docker still has {line}" for line in listing.splitlines() if any(i.lower() in line for i in ids)]
    return wrong
