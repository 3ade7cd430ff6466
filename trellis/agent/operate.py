"""What operators ask of a host beside a deploy: its history, the ways back, a freeze, and what a deploy would replace.

A way back is a change like any other: the same transaction puts it into force, and a fresh connection confirms it.
What each of them brings about is decided in `history`, `release` and `target`; here are the commands.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from trellis.agent import adopt, drain, freeze, history, release, sessions, state, target
from trellis.agent.host import differences
from trellis.agent.manifest import Manifest, parse
from trellis.agent.release import CONFIRM_WITHIN_S
from trellis.agent.report import EXIT_STATUS, SCHEMA_VERSION, Fault, Report, answer, say
from trellis.agent.target import Target
from trellis.agent.transaction import commit


def run(options: argparse.Namespace, standard_input: str) -> int:
    """Run one of these commands; returns the exit status.

    Raises:
        BadManifest: A manifest, given or remembered, is none that this agent can read.
    """
    try:
        wanted = _target(options, standard_input)
        if wanted is not None:
            return _changed(wanted)
        _told(_said(options, standard_input))
    except Fault as fault:
        say(f"{os.uname().nodename}: {fault.what}: {fault.why}; {fault.remedy}")
        return EXIT_STATUS["refused"]
    return 0


def _target(options: argparse.Namespace, standard_input: str) -> Target | None:
    """What a command puts into force; None for one that is no transaction."""
    made: dict[str, Callable[[], Target]] = {
        "rollback": lambda: _back_to(options.number),
        "restore": lambda: _again(standard_input, "restore"),
        "repair": _repair,
        "release": release.target,
        "drain": lambda: _drain(options),
        "undrain": _undrain,
    }
    return made[options.command]() if options.command in made else None


def _said(options: argparse.Namespace, standard_input: str) -> dict[str, Any]:
    """What the other commands answer."""
    match options.command:
        case "history":
            return _history() if options.number is None else _one(options.number)
        case "committed":
            return _committed()
        case "freeze":
            return {"frozen": asdict(freeze.freeze(options.reason, options.owner))}
        case "thaw":
            was = freeze.thaw()
            return {"frozen": None, "was": asdict(was) if was else None}
        case _:
            return _adopt(standard_input)


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
    would_change = asdict(differences(drain.meant(found.manifest))) if found.manifest else {}
    return {"entry": asdict(found), "would_change": would_change}


def _back_to(number: int) -> Target:
    found = history.entry(number)
    if not found.manifest:
        why = "there was nothing of ours in force after it"
        raise Fault(f"commit {number} was a release", why, "`trellis release` gives back what was before the first")
    return _again(found.manifest, f"rollback {number}")


def _repair() -> Target:
    return _again(_committed_or_refused("repair").manifest, "repair")


def _again(text: str, why: str) -> Target:
    """An earlier manifest as a target; whoever asks for it is there to confirm it."""
    return target.deploy(_confirmed(drain.meant(text)), text, why, over_drift=True)


def _confirmed(manifest: Manifest) -> Manifest:
    return replace(manifest, confirm_within_s=manifest.confirm_within_s or CONFIRM_WITHIN_S)


def _drain(options: argparse.Namespace) -> Target:
    """What was committed last, with a drain over it; a hand edit is refused, as by a deploy."""
    from trellis.agent import transit  # noqa: PLC0415 - a drain alone needs it

    last, now, earlier = _committed_or_refused("drain"), sessions.now(), drain.drained()
    moved = tuple(filter(None, options.moved.split(",")))
    said = freeze.notice(options.reason, options.owner)
    notice = drain.Drained(
        **asdict(said), sessions=tuple(transit.established(now)), adjacent=tuple(transit.adjacent()), moved=moved
    )
    if earlier is not None:
        # It began then, and who was moved away since is moved away for it.
        notice = replace(earlier, moved=tuple(dict.fromkeys((*earlier.moved, *moved))))
    manifest = _confirmed(drain.overlaid(parse(last.manifest)))
    return replace(target.deploy(manifest, last.manifest, "drain"), beside=(notice.as_file(),), guests_leave=True)


def _undrain() -> Target:
    last = _committed_or_refused("undrain")
    wanted = target.deploy(_confirmed(parse(last.manifest)), last.manifest, "undrain")
    return replace(wanted, absent=(*wanted.absent, str(drain.FILE)))


def _committed_or_refused(why: str) -> state.Committed:
    last = state.committed()
    if last is None:
        raise Fault(f"nothing to {why}", "nothing of ours is in force on this host", "deploy it first")
    return last


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
