"""Attack 6: a node of a cluster announces the pods of all nodes as one prefix, and another node's."""

from trellis.lab.attacks import Defect, Said, Speech, speech

ATTACK = speech.attack(
    6,
    "a node announces the pod aggregate",
    "a node's pods are bound to it, at exactly the length of a node",
    Speech(
        "solcp01",
        "bird",
        refused=(Said("fd00:101:244::/60"), Said("10.101.240.0/21"), Said("fd00:101:244:1::/64")),
        accepted=(Said("fd00:101:244::/64"), Said("fd00:101:fe::11/128")),
    ),
    defects=(
        Defect(
            "the length of solcp01's pods",
            frr=("ipv6 prefix-list TL-G-solcp01-PODS seq 4 permit fd00:101:244::/60",),
        ),
    ),
)
