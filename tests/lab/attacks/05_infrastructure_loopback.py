"""Attack 5: a guest announces the loopbacks of another host and of the edge, and the management network."""

from trellis.lab.attacks import Defect, Said, Speech, speech

_OURS = (Said("fd00:0:0:ffff::2/128"), Said("fd00:0:0:ffff::fffe/128"), Said("fd00:10::/64"))

ATTACK = speech.attack(
    5,
    "a guest announces an infrastructure loopback",
    "bound: its list; open: no range reaches there; and R5 keeps it from the edge all the same",
    Speech("mallory", "exabgp", refused=_OURS, accepted=(Said("fd00:101:fe::66/128"),)),
    Speech("peggy", "bird", refused=(*_OURS, Said("10.255.0.2/32")), accepted=(Said("fd00:200:fe::99/128"),)),
    defects=(
        speech.permits("mallory", "fd00:0:0:ffff::2/128"),
        Defect(
            "the end of the open VNet's ranges",
            frr=("ipv6 prefix-list TL-V-vnet200-OPEN seq 11 permit fd00:0:0:ffff::2/128",),
        ),
    ),
)
