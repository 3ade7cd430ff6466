"""Attack 9: a guest announces a /64, so that whatever nobody announces in it comes to the guest."""

from trellis.lab.attacks import Defect, Said, Speech, speech

ATTACK = speech.attack(
    9,
    "a guest announces a /64",
    "bound: its list; open: host routes alone",
    Speech("mallory", "bird", refused=(Said("fd00:101:fe::/64"),), accepted=(Said("fd00:101:fe::66/128"),)),
    Speech(
        "peggy",
        "bird",
        refused=(Said("fd00:200:fe::/64"), Said("fd00:200::/64"), Said("fd00:200:fe::80/127")),
        accepted=(Said("fd00:200:fe::99/128"),),
    ),
    defects=(
        speech.permits("mallory", "fd00:101:fe::/64"),
        Defect(
            "the length of what may be announced on the open VNet",
            frr=(
                "no ipv6 prefix-list TL-V-vnet200-OPEN permit fd00:200:fe::/64 ge 128 le 128",
                "ipv6 prefix-list TL-V-vnet200-OPEN seq 10 permit fd00:200:fe::/64 le 128",
            ),
        ),
    ),
)
