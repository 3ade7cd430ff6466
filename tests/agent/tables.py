"""A small table for tests, as a host's is: replaced whole, with rules that count."""

from __future__ import annotations

from typing import Any

from tests.agent.documents import file

PATH = "/etc/trellis/firewall.nft"
UNIT = "trellis-firewall.service"
TABLE = """\
table inet trellis
delete table inet trellis
table inet trellis {
    chain ingress {
        type filter hook prerouting priority raw; policy accept;
        iifname vmap { "vnet101" : jump zone_z1, "vnet102" : jump zone_z1 }
        iifname "lo" counter comment "counted"
    }
    chain zone_z1 {
        ip daddr { 10.103.0.0/24, 10.102.0.0/24 } counter drop comment "R12 other zone"
        ip6 daddr fd00:103::/64 counter drop comment "R12 other zone"
        icmpv6 type { nd-router-advert, nd-redirect } counter drop comment "R13"
    }
}
"""

WITH_BYTES = f"""{TABLE}
table inet trellis_peers {{
    set local {{
        typeof @th,64,128
        size 1024
        flags dynamic
    }}
    chain heard {{
    }}
}}
flush chain inet trellis_peers heard
table inet trellis_peers {{
    chain heard {{
        ip6 saddr fe80::/10 add @local {{ @nh,64,128 }}
    }}
}}
"""
"""One with a set of raw bytes, whose rules nft (1.0.6 and 1.1.3) prints in a way that it does not read again."""


def firewall(text: str = TABLE) -> dict[str, Any]:
    """What a manifest holds of it, but for the files."""
    return {"nftables": PATH, "units": [UNIT]}


def files(text: str = TABLE) -> list[dict[str, Any]]:
    """The files of it."""
    unit = ["[Service]", "Type=oneshot", f"ExecStart=/usr/sbin/nft -f {PATH}"]
    return [file(PATH, text.splitlines()), file(f"/etc/systemd/system/{UNIT}", unit)]
