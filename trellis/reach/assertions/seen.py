"""What a host says that it does now, as frozen values: the answer of ``agent.py live``, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trellis.reach.agent_answers import strictly
from trellis.reach.fabric import Version

MAIN = "default"
"""FRR's name of the VRF that is none."""


@dataclass(frozen=True, slots=True)
class SeenSession:
    """A neighbour.

    Attributes:
        accepted: Prefixes that were accepted, by address family.
        families: The address families that both sides agreed on.
        said: Why it ended last, if it did.
    """

    state: str
    accepted: Mapping[str, int]
    families: frozenset[str]
    said: str | None

    @property
    def established(self) -> bool:
        """Whether it is up."""
        return self.state == "Established"


@dataclass(frozen=True, slots=True)
class SeenVni:
    """A VNI as zebra has it."""

    state: str
    vrf: str
    vtep: str
    remotes: frozenset[str]


@dataclass(frozen=True, slots=True)
class SeenLabel:
    """What bgpd gives the routes of a VNI."""

    distinguisher: str
    imports: frozenset[str]
    exports: frozenset[str]


@dataclass(frozen=True, slots=True)
class SeenAdjacency:
    """An OSPF neighbour: its state, and what it is on a segment."""

    state: str
    role: str


@dataclass(frozen=True)
class Seen:
    """What a host says.

    Attributes:
        away: Why a daemon can't be asked, by its name.
        sessions: By VRF and address.
        routes: Whether a guest's route is used, by VRF, its address and the prefix.
        exports: What the main table has out of a VRF of this host.
        defaults: Next hops of the default, by VRF (`MAIN` for none) and family.
        adjacencies: By family, interface and router id.
        ways: Interfaces by which OSPF leads to a loopback.
        pings: Whether the whole packet came back, and whether a small one did: by source, target and size.
    """

    host: str
    away: Mapping[str, str]
    sessions: Mapping[tuple[str, str], SeenSession]
    routes: Mapping[tuple[str, str, str], bool]
    exports: frozenset[str]
    defaults: Mapping[tuple[str, Version], tuple[str, ...]]
    labels: Mapping[int, SeenLabel]
    vnis: Mapping[int, SeenVni]
    adjacencies: Mapping[tuple[Version, str, str], SeenAdjacency]
    ways: Mapping[str, tuple[str, ...]]
    pings: Mapping[tuple[str, str, int], tuple[bool, bool]]


def seen(host: str, answer: Mapping[str, Any]) -> Seen:
    """Return what a host's agent answers.

    Args:
        host: The host that was asked.
        answer: Its answer.

    Raises:
        BadAnswer: It is none.
    """
    return strictly(host, answer, _read)


def _read(host: str, answer: Mapping[str, Any]) -> Seen:
    routes: dict[tuple[str, str, str], bool] = {}
    for one in answer["routes"]:
        key = str(one["vrf"]), str(one["peer"]), str(one["prefix"])
        routes[key] = routes.get(key, False) or bool(one["best"])
    return Seen(
        host=host,
        away={str(daemon): str(why) for daemon, why in answer["away"].items()},
        sessions={(str(one["vrf"]), str(one["address"])): _session(one) for one in answer["sessions"]},
        routes=routes,
        exports=frozenset(map(str, answer["exports"])),
        defaults={
            (str(one.get("vrf", MAIN)), _version(one["family"])): tuple(map(str, one["next_hops"]))
            for one in (*answer["defaults"], *answer["vrf_defaults"])
        },
        labels={
            int(one["vni"]): SeenLabel(str(one["rd"]), _texts(one["import"]), _texts(one["export"]))
            for one in answer["labels"]
        },
        vnis={
            int(one["vni"]): SeenVni(str(one["state"]), str(one["vrf"]), str(one["vtep"]), _texts(one["remotes"]))
            for one in answer["vnis"]
        },
        adjacencies={
            (version, str(one["interface"]), str(one["router_id"])): SeenAdjacency(str(one["state"]), str(one["role"]))
            for version, name in _OSPF
            for one in answer[name]
        },
        ways={str(one["prefix"]): tuple(map(str, one["interfaces"])) for one in answer["ways"]},
        pings={
            (str(one["source"]), str(one["target"]), int(one["size"])): (
                bool(one["answered"]),
                bool(one["answered_small"]),
            )
            for one in answer["pings"]
        },
    )


_OSPF: tuple[tuple[Version, str], ...] = ((4, "ospf_ipv4"), (6, "ospf_ipv6"))


def _session(raw: Mapping[str, Any]) -> SeenSession:
    accepted = {str(family): int(count) for family, count in raw["accepted"].items()}
    said = raw["said"]
    return SeenSession(str(raw["state"]), accepted, _texts(raw["families"]), None if said is None else str(said))


def _texts(raw: Any) -> frozenset[str]:
    return frozenset(map(str, raw))


def _version(family: str) -> Version:
    return 4 if family == "ipv4" else 6
