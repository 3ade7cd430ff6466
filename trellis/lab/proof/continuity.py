"""What a change must not do: reset a session, or log in where there was nothing to do."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trellis.lab.errors import LabError
from trellis.lab.evidence import Answer, Question
from trellis.lab.processes import run
from trellis.lab.proof import ask
from trellis.lab.proof.prove import ask_twin
from trellis.lab.proof.spoken import bgp_summary

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

Key = tuple[str, str, str]
"""Node, VRF, address of the peer."""

_SLACK_MS = 2000
"""FRR computes the epoch anew at every question from two clocks that it rounds to seconds."""


@dataclass(frozen=True, slots=True)
class SessionState:
    """A BGP session at one moment.

    Args:
        connections_established: How often it has come up since the daemon started.
        established_epoch_ms: When it last came up; 0 if never.
        state: `Established`, `Idle`, ...
    """

    connections_established: int
    established_epoch_ms: int
    state: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two moments compared; sessions as (node, VRF, peer).

    Args:
        kept: Established in both, without a reset in between.
        reset: Went down, or down and up again, in between.
        gone: No longer there.
        new: Not there before.
        came_up: There before, Established only afterwards.
    """

    kept: tuple[Key, ...]
    reset: tuple[Key, ...]
    gone: tuple[Key, ...]
    new: tuple[Key, ...]
    came_up: tuple[Key, ...]


def sessions(twin: Twin, *, bare: bool = False, without: Collection[str] = ()) -> dict[Key, SessionState]:
    """Every BGP session that a host or edge has configured, as it is now.

    Args:
        twin: The twin.
        bare: Whether a node may run no bgpd, as before its first deployment, or after one that failed.
        without: Nodes that are not asked.

    Raises:
        LabError: A node did not answer: what is not known can't be compared.
    """
    nodes = [node for node in (*twin.site.hosts, *twin.site.edges) if node not in without]
    asked = [ask.vtysh(node, "show bgp vrf all summary json") for node in nodes]
    evidence = ask_twin(twin, asked)
    speaking = [evidence[question] for question in asked if not (bare and _runs_no_bgp(evidence[question]))]
    return {key: state for answer in speaking for key, state in sessions_of(_answered(answer)).items()}


def _runs_no_bgp(answer: Answer) -> bool:
    return "bgpd is not running" in answer.output + answer.errors


def sessions_of(answer: Answer) -> dict[Key, SessionState]:
    """The sessions in the answer to `show bgp vrf all summary json`."""
    vrfs: Mapping[str, Any] = answer.json() or {}
    return {
        (answer.question.node, vrf, address): SessionState(
            int(peer.get("connectionsEstablished", 0)),
            int(peer.get("peerUptimeEstablishedEpoch", 0)) * 1000,
            str(peer.get("state", "unknown")),
        )
        for vrf, said in vrfs.items()
        for address, peer in bgp_summary(said).items()
    }


def compare(before: Mapping[Key, SessionState], after: Mapping[Key, SessionState]) -> Comparison:
    """Tell what became of each session.

    Args:
        before: `sessions` of a moment.
        after: `sessions` of a later one.
    """
    fates: dict[str, list[Key]] = {"kept": [], "reset": [], "gone": [], "new": [], "came_up": [], "down": []}
    for key in sorted({*before, *after}):
        fates[_fate(before.get(key), after.get(key))].append(key)
    del fates["down"]
    return Comparison(**{name: tuple(keys) for name, keys in fates.items()})


def _fate(before: SessionState | None, after: SessionState | None) -> str:
    if before is None or after is None:
        return "new" if before is None else "gone"
    was, now = before.state == "Established", after.state == "Established"
    if not was:
        return "came_up" if now else "down"
    same = before.connections_established == after.connections_established
    moved_ms = abs(before.established_epoch_ms - after.established_epoch_ms)
    return "kept" if now and same and moved_ms <= _SLACK_MS else "reset"


def program_logins(twin: Twin) -> int:
    """How often the program's key logged in to the hosts since they booted, as their sshd wrote it down.

    Raises:
        LabError: A host did not answer.
    """
    public = run(["ssh-keygen", "-lf", f"{twin.lab.program_key}.pub"]).stdout
    fingerprint = public.split()[1]
    asked = [
        Question(host, ("journalctl", "--boot", "--unit=ssh", "--output=cat", "--no-pager")) for host in twin.site.hosts
    ]
    evidence = ask_twin(twin, asked)
    return sum(logins_by(fingerprint, _answered(evidence[question]).output) for question in asked)


def logins_by(fingerprint: str, journal: str) -> int:
    """Count the logins by a key (`SHA256:...`) in sshd's journal."""
    accepted = re.compile(rf"Accepted publickey for \S+ from .* {re.escape(fingerprint)}\s*")
    return sum(1 for line in journal.splitlines() if accepted.fullmatch(line))


def _answered(answer: Answer) -> Answer:
    if answer.status != 0:
        raise LabError(
            f"{answer.question.node}: `{answer.question.command}`",
            why=answer.errors.strip() or answer.output.strip() or f"exit status {answer.status}",
            remedy="trellis lab status",
        )
    return answer
