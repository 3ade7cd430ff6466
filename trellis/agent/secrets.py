"""The command `secrets`: keeps the values that this host is sent, and puts changed ones into force.

It reads one JSON document on standard input, `{"schema_version": 1, "host": ..., "secrets": {name: value}}`, with
every secret that the host's next manifest needs. Where the committed manifest uses none of those that changed, they
are only kept, for the commit that follows. Where it does, the same transaction as any other runs on that manifest,
with the store among its files, so that store, files and FRR change or are taken back together. Nobody confirms it
from outside: no route, filter or address is another one. A value that is in force and was not sent is kept.

No message and no report says anything of a value but what it should have been.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import replace
from typing import Any

from trellis.agent import recovery, state, vault
from trellis.agent.drain import meant
from trellis.agent.files import write_whole
from trellis.agent.host import refuse_another_host
from trellis.agent.lock import held_lock
from trellis.agent.manifest import BadManifest
from trellis.agent.report import SCHEMA_VERSION, Fault, Report, never_say
from trellis.agent.target import Target
from trellis.agent.transaction import commit

WHY = "secrets"
"""What a host's history calls such a change."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def given(text: str) -> tuple[str, dict[str, str]]:
    """Read the document.

    Returns:
        The host that it is for, and each value by its name.

    Raises:
        BadManifest: It is none, or a value is not of its form; no value is shown.
    """
    try:
        document = json.loads(text)
    except ValueError:
        # Not the error's own text: JSON's quotes what it could not read.
        raise BadManifest(["not JSON"]) from None
    problems = _problems(document)
    if problems:
        raise BadManifest(problems, str(document.get("host", "")) if isinstance(document, dict) else "")
    never_say(document["secrets"].values())
    return document["host"], document["secrets"]


def put(text: str, report: Report) -> None:
    """Keep what was sent, and put into force what of it is used and has changed.

    Args:
        text: The document, which `given` accepts.
        report: Where steps, outcome and fault go.
    """
    host, sent = given(text)
    try:
        with report.step("host"):
            refuse_another_host(host)
        last = state.committed()
        used = vault.used([last.manifest]) if last else set()
        wanted = {**{name: value for name, value in vault.values().items() if name in used}, **sent}
        if last is not None and any(vault.values().get(name) != wanted.get(name) for name in used):
            manifest = replace(meant(last.manifest), confirm_within_s=None)
            report.digest = manifest.digest
            commit(Target(manifest, last.manifest, WHY, secrets=wanted), report)
        else:
            _keep(wanted, report)
    except BadManifest:
        report.fail_once(
            Fault("the last commit", "its manifest is of another agent", "run `pulumi up`, which commits a new one")
        )
    except Fault as fault:
        report.fail_once(fault)


def _keep(wanted: dict[str, str], report: Report) -> None:
    """Write the store; nothing that runs needs what changes in it."""
    if dict(vault.values()) == wanted and vault.STORE.exists():
        report.outcome = "unchanged"
        return
    with contextlib.ExitStack() as stack:
        with report.step("lock") as step:
            step.detail = stack.enter_context(held_lock(about=WHY))
        if (cut_off := state.under_way()) is not None:
            recovery.give_back(cut_off, report)
        with report.step("keep secrets") as step:
            state.prepare()
            write_whole(vault.STORE, vault.stored_text(wanted).encode(), 0o600)
            step.detail = f"{', '.join(sorted(wanted)) or 'none'}; in force with the next commit"
        report.outcome = "applied"


def _problems(document: Any) -> list[str]:
    """What is wrong with a document, without anything that may be a value."""
    if not isinstance(document, dict):
        return ["not a JSON object"]
    if document.keys() != {"schema_version", "host", "secrets"}:
        return ["its fields are schema_version, host and secrets"]
    if document["schema_version"] != SCHEMA_VERSION:
        return [f"schema_version: this agent reads {SCHEMA_VERSION}: install the agent of that program"]
    secrets = document["secrets"]
    if not isinstance(document["host"], str) or not isinstance(secrets, dict):
        return ["host is text, and secrets an object"]
    problems = [] if all(map(_NAME.fullmatch, secrets)) else ["secrets: a name is 1-63 of a-z, 0-9 and '-'"]
    for name, value in secrets.items():
        if not isinstance(value, str) or vault.ALLOWED.fullmatch(value) is None:
            problems.append(f"secrets.{name}: its value is not {vault.ALLOWED_WORDS}")
    same = sorted(name for name in secrets if list(secrets.values()).count(secrets[name]) > 1)
    if same and not problems:
        # FRR prints the value: which of two names it was given by could not be told.
        problems.append(f"secrets: {' and '.join(same)} have the same value: give these sessions one name")
    return problems
