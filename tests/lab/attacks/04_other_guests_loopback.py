"""Attack 4: a guest announces a loopback of another guest of its own tenant, to have its traffic."""

from trellis.lab.attacks import Defect, Said, Speech, speech

ATTACK = speech.attack(
    4,
    "a guest announces another guest's loopback",
    "bound: its list; open: what declared guests have is taken",
    Speech(
        "mallory",
        "exabgp",
        refused=(Said("fd00:101:fe::7/128"), Said("fd00:101:fe::11/128")),
        accepted=(Said("fd00:101:fe::66/128"),),
    ),
    Speech(
        "peggy",
        "bird",
        refused=(Said("fd00:200:fe::6/128"), Said("10.200.254.6/32")),
        accepted=(Said("fd00:200:fe::99/128"),),
    ),
    defects=(
        speech.permits("mallory", "fd00:101:fe::7/128"),
        Defect(
            "dave's loopback among what is taken",
            frr=("no ipv6 prefix-list TL-V-vnet200-TAKEN permit fd00:200:fe::6/128",),
        ),
    ),
)
