"""Names and labels of what is measured: our own metrics of guests, and those of the packaged FRR exporter.

The one place where they stand: ``trellis.observe.metrics`` prints ours, alert rules and the dashboard ask for them, and
tests hold both, and what the exporter really prints (``prometheus-frr-exporter`` 1.1.4 on FRR 10.3), against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter"]

OF_GUEST = ("network", "tenant", "guest", "guest_ip")
"""Labels that tell guests apart: VNet, tenant, the name in the site (``unknown`` for one of an open VNet), address."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric.

    Attributes:
        labels: Its labels, beside those that a scrape adds (``job``, ``instance``).
        meaning: What its value says; the metric's help text.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str


SESSION_ESTABLISHED = Metric(
    "trellis_guest_session_established",
    "gauge",
    (*OF_GUEST, "host"),
    "1 if the guest's session on this host is Established, 0 if not; absent while the host is not read.",
)
SESSION_HOSTS = Metric(
    "trellis_guest_session_hosts",
    "gauge",
    OF_GUEST,
    "On how many hosts the guest's session is Established; absent while that may be on a host that is not read.",
)
SESSION_UNKNOWN_HOSTS = Metric(
    "trellis_guest_session_unknown_hosts",
    "gauge",
    OF_GUEST,
    "How many hosts that have the guest's session configured are not read.",
)
PREFIXES_ACCEPTED = Metric(
    "trellis_guest_prefixes_accepted",
    "gauge",
    OF_GUEST,
    "How many prefixes are accepted from the guest; absent while its state is unknown.",
)
PREFIXES_REJECTED = Metric(
    "trellis_guest_prefixes_rejected",
    "gauge",
    OF_GUEST,
    "How many prefixes that the guest announces are refused; absent while its state is unknown.",
)
REJECTED_ROUTES = Metric(
    "trellis_guest_rejected_routes",
    "gauge",
    (*OF_GUEST, "reason"),
    "How many prefixes that the guest announces are refused for this reason; absent where there are none.",
)
PENALTY = Metric(
    "trellis_guest_penalty",
    "gauge",
    OF_GUEST,
    "1 while the guest is cut off because it exceeded its limit of prefixes, else 0; absent while unknown.",
)
PEERING_STATE = Metric(
    "trellis_guest_peering_state",
    "gauge",
    (*OF_GUEST, "state"),
    "1 for the state that the guest's peering is in (Idle to Established, Penalty, Unknown, Withdrawn).",
)
HOST_REACHED = Metric("trellis_observed_host_reached", "gauge", ("host",), "1 if the host is read, 0 if it is not.")
HOST_AGE = Metric(
    "trellis_observed_host_age_seconds",
    "gauge",
    ("host",),
    "Seconds since the host was last read; absent if it never was.",
)
EVENTS = Metric(
    "trellis_guest_events_total",
    "counter",
    ("kind",),
    "Events of this kind that were recorded since this program began to count.",
)

OURS = (
    SESSION_ESTABLISHED,
    SESSION_HOSTS,
    SESSION_UNKNOWN_HOSTS,
    PREFIXES_ACCEPTED,
    PREFIXES_REJECTED,
    REJECTED_ROUTES,
    PENALTY,
    PEERING_STATE,
    HOST_REACHED,
    HOST_AGE,
    EVENTS,
)
"""What ``/metrics`` prints."""

PREFIX_DRIFT = Metric(
    "trellis_prefix_drift",
    "gauge",
    ("vnet", "state"),
    "1 for how the VNet's prefix in the prefix file differs from what its edge has (changed, lost, new), else 0.",
)
COMPETING_ROUTES = Metric(
    "trellis_competing_routes",
    "gauge",
    ("edge",),
    "How many of the edge's routes take what is sent to VNets and are not by BGP from a host; absent if not asked.",
)
PREFIXES_CHECKED = Metric(
    "trellis_prefixes_checked_timestamp_seconds",
    "gauge",
    (),
    "When every edge last answered `trellis prefixes check`, in seconds since 1970.",
)

OF_CHECK = (PREFIX_DRIFT, COMPETING_ROUTES, PREFIXES_CHECKED)
"""What `trellis prefixes check --metrics` writes for the node exporter's textfile collector."""

SYNC_REQUESTS = Metric(
    "trellis_prefix_sync_requests_total",
    "counter",
    ("outcome",),
    "Calls of the webhook since this program began to count: requested, deferred, already (requested), refused, wrong.",
)
SYNC_WAITING = Metric(
    "trellis_prefix_sync_waiting", "gauge", (), "1 while a requested sync of prefixes waits to be taken, else 0."
)

OF_WEBHOOK = (SYNC_REQUESTS, SYNC_WAITING)
"""What ``/metrics`` prints, too, where the webhook is served."""

_OF_PEER = ("afi", "local_as", "peer", "peer_as", "safi", "vrf")

PEER_STATE = Metric(
    "frr_bgp_peer_state",
    "gauge",
    _OF_PEER,
    "State of the peer (2 = Administratively Down, 1 = Established, 0 = Down).",
)
PEER_ADVERTISED = Metric(
    "frr_bgp_peer_prefixes_advertised_count_total", "gauge", _OF_PEER, "Number of prefixes advertised."
)
PEER_RECEIVED = Metric("frr_bgp_peer_prefixes_received_count_total", "gauge", _OF_PEER, "Number of prefixes received.")
COLLECTOR_UP = Metric(
    "frr_collector_up",
    "gauge",
    ("collector",),
    "Whether the collector's last scrape was successful (1 = successful, 0 = unsuccessful).",
)

OF_EXPORTER = (PEER_STATE, PEER_ADVERTISED, PEER_RECEIVED, COLLECTOR_UP)
"""What rules and dashboard use of the exporter's, in its own words."""

ESTABLISHED, DOWN, ADMINISTRATIVELY_DOWN = 1, 0, 2
"""Values of ``frr_bgp_peer_state``; it is no number of RFC 4271's states."""

EXPORTER_FLAGS = ("--collector.bgp6", "--collector.bgpl2vpn")
"""What the exporter must be started with: by itself it reads IPv4 unicast alone."""

GUEST_EXPECTED = Metric(
    "trellis_guest_expected",
    "gauge",
    (*OF_GUEST, "severity"),
    "1 for a guest of the site; recorded by the rules, from the plan.",
)
PREFIXES_EXPECTED = Metric(
    "trellis_guest_prefixes_expected",
    "gauge",
    OF_GUEST,
    "How many prefixes a node of a cluster always announces: its loopbacks and pods; recorded by the rules.",
)
HOST_EXPECTED = Metric("trellis_host_expected", "gauge", ("host",), "1 for a host of the site; recorded by the rules.")
PEER_EXPECTED = Metric(
    "trellis_peer_expected",
    "gauge",
    ("peer", "to", "kind", "vrf"),
    "1 for an address of a host (kind ibgp) or an edge (kind ebgp) that hosts peer with; recorded by the rules.",
)

RECORDED = (GUEST_EXPECTED, PREFIXES_EXPECTED, HOST_EXPECTED, PEER_EXPECTED)
"""What recording rules make of the plan, so that each alert is one rule for all guests and knows whom to expect."""

ALL = (*OURS, *OF_CHECK, *OF_WEBHOOK, *OF_EXPORTER, *RECORDED)
