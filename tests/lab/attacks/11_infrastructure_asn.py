"""Attack 11: a guest says of its own route that it came by way of the infrastructure."""

from trellis.lab.attacks import Defect, Said, Speech, speech

ATTACK = speech.attack(
    11,
    "an AS path with an infrastructure ASN",
    "bound: no such path is accepted; open: paths of the VNet's own ASNs alone",
    Speech("mallory", "bird", refused=(Said("10.101.254.66/32", path=(4200000000,)),)),
    Speech(
        "peggy",
        "bird",
        refused=(Said("fd00:200:fe::96/128", path=(4200000000,)), Said("fd00:200:fe::95/128", path=(4200101007,))),
        accepted=(Said("fd00:200:fe::99/128"), Said("fd00:200:fe::94/128", path=(65299,))),
    ),
    defects=(
        Defect(
            "the edge's ASN in the list of bound guests' paths",
            frr=("no bgp as-path access-list TL-GUEST-PATHS seq 4200000000 deny _4200000000_",),
        ),
        Defect(
            "the open VNet's list of paths",
            frr=("bgp as-path access-list TL-V-vnet200-PATHS seq 4 permit _4200000000$",),
        ),
    ),
)
