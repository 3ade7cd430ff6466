"""NAT66 at an edge: what `trellis render EDGE --format rsc` has a RouterOS do, done by the edge of the lab.

The ranges and the rule are read out of the product's own script, which is what is judged; the kernel's masquerade
stands in for RouterOS's.  Whether it is on, the router's own script decides by its pools, and so does `follow` here.
"""

from __future__ import annotations

import re

from trellis.lab import edge_filter, network
from trellis.lab.command_line import site_of
from trellis.lab.errors import LabError
from trellis.lab.processes import run
from trellis.lab.twin import Twin

TABLE = "trellis_lab_nat66"
_WAN = "upstream"
_LISTED = re.compile(r'^ */ipv6 firewall address-list add list="trellis-nat66" address=(\S+) ', re.MULTILINE)
_RULE = re.compile(
    r'^ */ipv6 firewall nat add chain=srcnat src-address-list="trellis-nat66" out-interface="\S+" action=masquerade ',
    re.MULTILINE,
)
_WATCHED = re.compile(r'/ipv6 pool find where name=\\"(\S+?)\\"')


def follow(twin: Twin, edge: str) -> bool:
    """Have NAT66 be on at an edge while one of the pools is empty that its script watches; returns whether it is.

    Args:
        twin: The lab.
        edge: An edge with a REST face.

    Raises:
        LabError: The script has no such rule, or nft refuses what it says.
    """
    script = edge_filter.rendered(site_of(twin), edge, twin.lab.state / "edges" / edge, "rsc")
    sources, pools = _LISTED.findall(script), set(_WATCHED.findall(script))
    if not _RULE.search(script) or not sources or not pools:
        remedy = f"trellis render {edge} --format rsc"
        raise LabError(f"NAT66 at {edge}", why="its script has no rule, no ranges or no pools for it", remedy=remedy)
    filled = {lease.pool for lease in twin.rest[edge].face.leases if lease.prefixes}
    is_on = not pools <= filled
    rule = f'ip6 saddr {{ {", ".join(sources)} }} oifname "{_WAN}" counter masquerade' if is_on else ""
    text = (
        f"table ip6 {TABLE}\ndelete table ip6 {TABLE}\ntable ip6 {TABLE} {{\n"
        f" chain srcnat {{\n  type nat hook postrouting priority srcnat;\n  {rule}\n }}\n}}\n"
    )
    inside = ["ip", "netns", "exec", network.namespace_of(twin.stack, edge), "nft", "-f", "-"]
    run(inside, stdin=text)
    return is_on
