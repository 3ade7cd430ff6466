#!/usr/bin/python3 -I
"""A host that has nothing but the agent's protocol: what each command answers, waits for and takes back.

`running` holds the digest that the host runs, `committed` the one that it will keep; a file named `fail`, `cut` or
`slow` has the next commit fail, the host lose its sshd once it has applied, or take that many seconds.
It stands in for `trellis.agent`, which needs a machine of its own; the lab runs that.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

HOME = Path(os.environ["FAKE_HOST"])
BEGAN = time.monotonic()


def read(name):
    path = HOME / name
    return path.read_text() if path.exists() else ""


def write(name, text):
    beside = HOME / f".{name}"
    beside.write_text(text)
    beside.replace(HOME / name)


def note(**what):
    with (HOME / "log").open("a") as log:
        log.write(json.dumps({"at": time.monotonic(), "from": os.environ["SSH_CONNECTION"].split()[1], **what}) + "\n")


def end(status, text):
    print(f"{HOME.name}: {text}", file=sys.stderr, flush=True)
    sys.exit(status)


def failed(digest, before, why):
    write("running", before)
    (HOME / "awaiting").unlink(missing_ok=True)
    write("failed", json.dumps({"digest": digest, "at": time.monotonic(), "why": why}))
    note(failed=digest)
    end(4, f"{why}; everything is as it was")


def commit(document):
    digest, before = document["digest"], read("committed")
    note(commit=digest)
    if before == digest:
        end(0, "unchanged")
    (HOME / "confirmed").unlink(missing_ok=True)
    time.sleep(float(read("slow") or 0.3))
    if read("fail"):
        failed(digest, before, read("fail"))
    write("running", digest)
    if read("cut"):
        os.kill(int(read("cut")), signal.SIGKILL)
    write("awaiting", json.dumps({"digest": digest, "since": time.monotonic()}))
    note(awaiting=digest)
    deadline = time.monotonic() + float(read("within") or document["confirm_within_s"])
    while read("confirmed") != digest:
        if time.monotonic() > deadline:
            failed(digest, before, "no confirmation came")
        time.sleep(0.05)
    write("committed", digest)
    (HOME / "awaiting").unlink()
    note(committed=digest)
    end(0, "applied")


def confirm(digest, asks=False):
    note(confirm=digest)
    while True:
        outcome = json.loads(read("failed") or "{}")
        # An earlier outcome is that of the last run, or of a commit that had failed before this one was started.
        if outcome.get("digest") == digest and (outcome["at"] > BEGAN or time.monotonic() > BEGAN + 20):
            end(3, f"nothing to confirm: {outcome['why']}")
        waiting = json.loads(read("awaiting") or "{}")
        if waiting.get("digest") == digest:
            asks = asks and read("asked") != json.dumps(waiting)
            write("asked", json.dumps(waiting))
            if waiting["since"] > BEGAN or asks:
                end(75, "ready to be confirmed over a new connection")
            write("confirmed", digest)
        elif read("committed") == digest:
            end(0, "confirmed")
        if time.monotonic() > BEGAN + 60:
            end(3, "nobody committed")
        time.sleep(0.05)


command = sys.argv[3:]
if command[0] == "confirm":
    confirm(command[-1], "--ask-first" in command)
if command[0] == "secrets":
    sent = json.load(sys.stdin)["secrets"]
    if read("refuse-secrets"):
        end(3, read("refuse-secrets"))
    write("secrets", json.dumps(sent))
    note(secrets=sorted(sent))
    end(0, "secrets: applied")
document = json.loads(sys.stdin.read().split("\n", 1)[1])
if command[0] == "commit":
    commit(document)
note(prepare=document["digest"])
end(0, "ready")
