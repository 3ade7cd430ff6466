"""How a guest's peering stands, from how each host has its session; pure, so that a table of cases tests it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from trellis.observe.tables import Peering, PeeringState, Session

_UNDER_WAY = (PeeringState.OPEN_CONFIRM, PeeringState.OPEN_SENT, PeeringState.CONNECT)
"""States in which something happens; a passive neighbour without a guest waits in Active, which says nothing."""

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a peering stands.

    Attributes:
        state: Its state.
        host: The host that has the session, or had it last.
        session: That host's row, if there is one.
        up: How many hosts have it Established.
    """

    state: PeeringState
    host: str
    session: Session | None
    up: int


def standing(peering: Peering, sessions: Sequence[Session]) -> Standing:
    """Return how a peering stands.

    Established on any host is Established, and the youngest session wins: it is where the guest moved to.  A VM that
    does not run has none, whatever a host believes that has not noticed yet.  Otherwise nothing is claimed as long as
    one host can't be read: the guest may be there.

    Args:
        peering: The peering as it was; not changed.
        sessions: As each host has it.
    """
    up = [found for found in sessions if found.state == PeeringState.ESTABLISHED]
    newest = max(up, key=lambda found: (_begun(found), found.host), default=None)
    stopped = peering.vm_stopped or peering.vm_destroyed
    if newest is not None and not (stopped and _begun(newest) <= stopped):
        return Standing(PeeringState.ESTABLISHED, newest.host, newest, len(up))
    here = next((found for found in sessions if found.host == peering.host), None)
    if stopped:
        return Standing(PeeringState.WITHDRAWN, peering.host, here, len(up))
    for state in (PeeringState.PENALTY, PeeringState.UNKNOWN, *_UNDER_WAY):
        found = [session for session in sessions if session.state == state]
        if found:
            # The last host is what "where was it" is answered with; a host that was never read answers nothing.
            own = here if here in found else min(found, key=lambda session: session.host)
            host = own.host if state != PeeringState.UNKNOWN else peering.host
            return Standing(state, host, own, 0)
    # Nobody has had it: the last that refused it knows why.
    refusing = [session for session in sessions if session.last_error]
    return Standing(PeeringState.IDLE, peering.host, here or max(refusing, key=_updated, default=None), 0)


def _begun(session: Session) -> datetime:
    return session.established_at or _LONG_AGO


def _updated(session: Session) -> datetime:
    return session.last_updated
