"""Attack 2: a guest announces the subnet and a loopback of another tenant, who shares its zone and its VRF."""

from trellis.lab.attacks import Said, Speech, speech

ATTACK = speech.attack(
    2,
    "a guest announces another tenant's subnet and loopback",
    "its list holds its own prefixes alone",
    Speech(
        "mallory",
        "bird",
        refused=(Said("fd00:102::/64"), Said("fd00:102:fe::6/128"), Said("10.102.254.6/32")),
        accepted=(Said("fd00:101:fe::66/128"),),
    ),
    defects=(speech.permits("mallory", "fd00:102:fe::6/128"),),
)
