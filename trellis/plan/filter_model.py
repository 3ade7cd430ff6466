"""Filters as FRR has them: prefix-lists, community-lists, AS-path lists and route-maps, as frozen values.

They are shared between the hosts that need the same ones, so that they are planned and rendered once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Action = Literal["permit", "deny"]
IpKeyword = Literal["ip", "ipv6"]


@dataclass(frozen=True, slots=True)
class PrefixEntry:
    """One entry of a prefix-list; ``ge`` and ``le`` are inclusive lengths."""

    seq: int
    action: Action
    prefix: str
    ge: int | None = None
    le: int | None = None


@dataclass(frozen=True, slots=True)
class PrefixList:
    """An ``ip`` or ``ipv6`` prefix-list."""

    family: IpKeyword
    name: str
    entries: tuple[PrefixEntry, ...]


@dataclass(frozen=True, slots=True)
class CommunityList:
    """A standard community-list; each community is an entry of its own, so any of them matches."""

    name: str
    communities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AsPathList:
    """An AS-path access-list: number, action and regular expression of each entry.

    A path is taken as the first expression that matches it says; else it is denied.
    """

    name: str
    entries: tuple[tuple[int, Action, str], ...]


@dataclass(frozen=True, slots=True)
class RouteMapEntry:
    """One entry of a route-map; matches are all required, sets are all done.

    Attributes:
        seq: From 1, in steps of 1, because Proxmox's merge renumbers entries so.
        prefix_list: Family keyword and name of the prefix-list to match.
        community_list: Community-list to match.
        set_communities: Standard communities that replace the route's own.
        set_large_community: Large community that replaces the route's own.
        clear_extended: Whether extended communities are removed: a guest's route target would choose its VRF.
        delete_communities: Community-list whose communities are removed.
        prefer_global: Whether the global IPv6 next hop is used rather than the link-local one.
    """

    action: Action = "permit"
    seq: int = 0
    prefix_list: tuple[IpKeyword, str] | None = None
    community_list: str | None = None
    set_communities: tuple[str, ...] = ()
    set_large_community: str | None = None
    clear_extended: bool = False
    delete_communities: str | None = None
    prefer_global: bool = False
    local_preference: int | None = None


@dataclass(frozen=True, slots=True)
class RouteMap:
    """A route-map; what no entry permits is denied."""

    name: str
    entries: tuple[RouteMapEntry, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """The filters of a host, shared by all hosts that carry the same zones and guests."""

    prefix_lists: tuple[PrefixList, ...]
    community_lists: tuple[CommunityList, ...]
    route_maps: tuple[RouteMap, ...]
    as_path_lists: tuple[AsPathList, ...] = ()
