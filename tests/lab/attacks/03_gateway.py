"""Attack 3: a guest announces the gateway of its VNet, on a bound one and on an open one."""

from trellis.lab.attacks import Defect, Said, Speech, speech

ATTACK = speech.attack(
    3,
    "a guest announces its gateway",
    "bound: its list; open: what is taken is refused before the range is looked at",
    Speech(
        "mallory",
        "bird",
        refused=(Said("fd00:101::fffe/128"), Said("10.101.0.254/32")),
        accepted=(Said("fd00:101:fe::66/128"),),
    ),
    Speech("peggy", "exabgp", refused=(Said("fd00:200::fffe/128"),), accepted=(Said("fd00:200:fe::99/128"),)),
    defects=(
        speech.permits("mallory", "fd00:101::fffe/128"),
        Defect(
            "the open VNet's gateway among what is taken",
            frr=("no ipv6 prefix-list TL-V-vnet200-TAKEN permit fd00:200::fffe/128",),
        ),
    ),
)
