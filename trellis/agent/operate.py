"""What operators ask of a host beside a deploy: its history, the ways back, a freeze, and what a deploy would replace.

A way back is a change like any other: the same transaction puts it into force, and a fresh connection confirms it.
What each of them brings about is decided in `history`, `release` and `target`; here are the commands.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, replace
from typing import Any

from trellis.agent import adopt, freeze, history, release, state, target
from trellis.agent.host import differences
from trellis.agent.manifest import parse
from trellis.agent.release import CONFIRM_WITHIN_S
from trellis.agent.report import EXIT_STATUS, SCHEMA_VERSION, Fault, Report, answer, say
from trellis.agent.target import Target
from trellis.agent.transaction import commit

COMMANDS = ("history", "committed", "rollback", "restore", "repair", "freeze", "thaw", "adopt", "release")
"""The commands that `run` knows; `main` reads their words."""


def run(options: argparse.Namespace, standard_input: str) -> int:
    """Run one of these commands; returns the exit status.

    Raises:
        BadManifest: A manifest, given or remembered, is none that this agent can read.
    """
    try:
        match options.command:
            case "history":
                _told(_history() if options.number is None else _one(options.number))
            case "committed":
                _told(_committed())
            case "rollback":
                return _changed(_back_to(options.number))
            case "restore":
                return _changed(_again(standard_input, "restore"))
            case "repair":
                return _changed(_repair())
            case "release":
                return _changed(release.target())
            case "freeze":
                _told({"frozen": asdict(freeze.freeze(options.reason, options.owner))})
            case "thaw":
                was = freeze.thaw()
                _told({"frozen": None, "was": asdict(was) if was else None})
            case _:
                _told(_adopt(standard_input))
    except Fault as fault:
        say(f"{os.uname().nodename}: {fault.what}: {fault.why}; {fault.remedy}")
        return EXIT_STATUS["refused"]
    return 0


def _history() -> dict[str, Any]:
    last, frozen = state.committed(), freeze.frozen()
    entries = [{name: value for name, value in asdict(one).items() if name != "manifest"} for one in history.entries()]
    in_force = [one["number"] for one in entries if last and one["digest"] == last.digest]
    return {
        "committed": last.digest if last else None,
        "in_force": max(in_force, default=None),
        "frozen": asdict(frozen) if frozen else None,
        "entries": entries,
    }


def _committed() -> dict[str, Any]:
    """What was committed last, whole: a backup of a fabric keeps it, and `restore` takes it again."""
    last, frozen = state.committed(), freeze.frozen()
    return {
        "committed": {"digest": last.digest, "manifest": last.manifest} if last else None,
        "frozen": asdict(frozen) if frozen else None,
    }


def _one(number: int) -> dict[str, Any]:
    """A commit, and in what this host differs from it now: what going back to it would change."""
    found = history.entry(number)
    would_change = asdict(differences(parse(found.manifest))) if found.manifest else {}
    return {"entry": asdict(found), "would_change": would_change}


def _back_to(number: int) -> Target:
    found = history.entry(number)
    if not found.manifest:
        why = "there was nothing of ours in force after it"
        raise Fault(f"commit {number} was a release", why, "`trellis release` gives back what was before the first")
    return _again(found.manifest, f"rollback {number}")


def _repair() -> Target:
    last = state.committed()
    if last is None:
        raise Fault("nothing to repair", "nothing of ours is in force on this host", "deploy it first")
    return _again(last.manifest, "repair")


def _again(text: str, why: str) -> Target:
    """An earlier manifest as a target; whoever asks for it is there to confirm it."""
    manifest = parse(text)
    manifest = replace(manifest, confirm_within_s=manifest.confirm_within_s or CONFIRM_WITHIN_S)
    return target.deploy(manifest, text, why, over_drift=True)


def _changed(wanted: Target) -> int:
    report = Report(wanted.manifest.host, wanted.manifest.digest)
    commit(wanted, report)
    if wanted.why == "release" and report.outcome in ("applied", "unchanged"):
        release.forget_ground()
    say(f"{report.host}: {wanted.why}: {report.outcome}")
    answer(report.text())
    return EXIT_STATUS[report.outcome]


def _adopt(text: str) -> dict[str, Any]:
    manifest = parse(text)
    last = state.committed()
    found = adopt.foreign(manifest) if last is None else adopt.Foreign()
    return {
        "committed": last.digest if last else None,
        "foreign": found.places,
        "digest": found.digest if found else None,
        "declared": found.digest == manifest.replaces,
        "replaces": manifest.replaces,
        "would_change": asdict(differences(manifest)),
    }


def _told(content: dict[str, Any]) -> None:
    answer(json.dumps({"schema_version": SCHEMA_VERSION, "host": os.uname().nodename, **content}, indent=2))
