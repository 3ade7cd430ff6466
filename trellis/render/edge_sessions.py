"""Plan -> what an edge's owner sets on its sessions with the hosts by hand: the key that signs them (TCP MD5).

The text holds the placeholder: no value stands in the site, and the edge is not ours to configure.  Lines are
comments, so that they can stand before the edge's filter, whoever reads it.
"""

from __future__ import annotations

from trellis.plan.model import EdgePlan, Plan


def placeholder(secret: str) -> str:
    """Return what stands for the value of ``secret`` in every text."""
    return f"{{{{secret:{secret}}}}}"


def edge_sessions(plan: Plan, edge: EdgePlan) -> tuple[str, ...]:
    """Return the lines that say which key the edge's sessions need, as comments; none where they need no key.

    Args:
        plan: The plan.
        edge: One of its edges.
    """
    if edge.md5 is None:
        return ()
    hosts = [host for host in plan.hosts if host.name in edge.hosts]
    neighbours = [(host.name, address) for host in hosts for address in (host.ipv4, host.ipv6)]
    return (
        f"# TCP MD5: every session with a host of the fabric is signed with the secret {edge.md5}; set it by hand:",
        *(_command(edge, name, address) for name, address in neighbours),
        f"# {placeholder(edge.md5)} stands for the value of `pulumi config get --path 'trellis:secrets.{edge.md5}'`.",
    )


def _command(edge: EdgePlan, name: str, address: str) -> str:
    assert edge.md5 is not None
    if edge.kind == "frr":
        return f"#   neighbor {address} password {placeholder(edge.md5)}"
    found = f'[find where remote.address="{address}"]'
    return f'#   /routing bgp connection set {found} tcp-md5-key="{placeholder(edge.md5)}"  # {name}'
