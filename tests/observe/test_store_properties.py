"""Lines in any mixture, some of them again, end in the store that the last whole line of each host alone makes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, event
from sqlalchemy.pool import StaticPool

from tests.observe.seen import BAD, DB, GOOD, HOSTS, WEB, Store, line, off, peer, refusal, stranger
from trellis.observe.observation import Observation, SeenPeer
from trellis.observe.tables import Base

OVER = "Cease/Maximum Number of Prefixes Reached"
_MAXIMUM = 250


def _empty() -> Store:
    """A store in memory; its steps are tested elsewhere."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA foreign_keys=ON"))
    Base.metadata.create_all(engine)
    return Store(engine).declared()


@st.composite
def _truth(draw: st.DrawFn) -> dict[str, list[tuple[int, tuple[SeenPeer, ...], bool]]]:
    """What is so on each host at some moments: (second, neighbours, whether the stranger is kept off)."""
    found = {}
    for host in HOSTS:
        seconds = draw(st.lists(st.integers(1, _MAXIMUM), min_size=1, max_size=4, unique=True).map(sorted))
        up_since: dict[str, int] = {}
        moments = []
        for second in seconds:
            peers = []
            for address, routes in ((WEB.address, (GOOD, BAD)), (DB.address, (replace(BAD, accepted=True),))):
                if draw(st.booleans()):
                    begun = up_since.setdefault(address, second - draw(st.integers(0, 5)))
                    some = draw(st.lists(st.sampled_from(routes), unique=True).map(tuple))
                    peers.append(peer("Established", second - begun, *some, address=address))
                else:
                    up_since.pop(address, None)
                    note = draw(st.sampled_from([None, OVER, "Hold Timer Expired"]))
                    state = draw(st.sampled_from(["Idle", "Active", "OpenSent"]))
                    peers.append(peer(state, None, address=address, last_notification=note, resets=1))
            kept_off = draw(st.booleans())
            if not kept_off and draw(st.booleans()):
                begun = up_since.setdefault("stranger", second)
                peers.append(stranger(second - begun))
            else:
                up_since.pop("stranger", None)
            moments.append((second, tuple(peers), kept_off))
        found[host] = moments
    return found


def _whole(host: str, moment: tuple[int, tuple[SeenPeer, ...], bool]) -> Observation:
    second, peers, kept_off = moment
    return line(second, host, *peers, penalized=off() if kept_off else ())


def _changes(host: str, before: Observation | None, now: Observation) -> Observation:
    """The line that an agent writes of a change: who is as before is left out."""
    if before is None:
        return now
    old = {(seen.vrf, seen.address): replace(seen, uptime_s=None) for seen in before.peers}
    changed = tuple(seen for seen in now.peers if old.get((seen.vrf, seen.address)) != replace(seen, uptime_s=None))
    gone = tuple(sorted(old.keys() - {(seen.vrf, seen.address) for seen in now.peers}))
    return replace(now, whole=False, peers=changed, gone=gone)


@st.composite
def _told(draw: st.DrawFn, truth: dict[str, list[tuple[int, tuple[SeenPeer, ...], bool]]]) -> list[Observation]:
    """What comes of it: whole lines and partial ones, each host's in its order, some again, some refusals."""
    streams: dict[str, list[Observation]] = {}
    for host, moments in truth.items():
        stream: list[Observation] = []
        before = None
        for number, moment in enumerate(moments):
            now = _whole(host, moment)
            last = number == len(moments) - 1
            said = now if last or before is None or draw(st.booleans()) else _changes(host, before, now)
            if draw(st.booleans()):
                said = replace(said, refused=refusal("fd00:102::66"))
            stream.append(said)
            if draw(st.booleans()):
                stream.append(draw(st.sampled_from(stream)))
            before = now
        streams[host] = stream
    mixed = []
    while any(streams.values()):
        host = draw(st.sampled_from(sorted(host for host, stream in streams.items() if stream)))
        mixed.append(streams[host].pop(0))
    return mixed


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_any_mixture_of_lines_ends_in_the_same_store(data: st.DataObject) -> None:
    truth = data.draw(_truth())
    told = data.draw(_told(truth))
    mixed, plain = _empty().saw(*told), _empty()
    # The second store hears each moment whole, once, in the order of the clock, the last ones twice.
    moments = sorted(
        ((moment[0], host, moment) for host, found in truth.items() for moment in found), key=lambda m: m[:2]
    )
    plain.saw(*(_whole(host, moment) for _, host, moment in moments))
    final = [_whole(host, (_MAXIMUM + 1, _later(found[-1]), found[-1][2])) for host, found in truth.items()]
    for store in (mixed, plain):
        store.saw(*final, *final)
    for one, other in zip(_now(mixed), _now(plain), strict=True):
        assert one == other


def _later(moment: tuple[int, tuple[SeenPeer, ...], bool]) -> tuple[SeenPeer, ...]:
    second, peers, _ = moment
    return tuple(
        seen if seen.uptime_s is None else replace(seen, uptime_s=seen.uptime_s + _MAXIMUM + 1 - second)
        for seen in peers
    )


def _now(store: Store) -> tuple[object, ...]:
    """What is so now; where a guest was last that no host has depends on what was heard first."""
    peerings, sessions, routes = store.picture()
    known = {key: value for key, value in peerings.items() if value[0] == "Established"}
    states = {key: value[0] for key, value in peerings.items()}
    return known, states, {key: value[0] for key, value in sessions.items()}, routes


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_every_line_twice_makes_no_event_more(data: st.DataObject) -> None:
    truth = data.draw(_truth())
    told = data.draw(_told(truth))
    once, twice = _empty().saw(*told), _empty().saw(*(each for each in told for _ in range(2)))
    assert once.kinds() == twice.kinds()
    twice.saw(*told)
    assert once.kinds() == twice.kinds()
