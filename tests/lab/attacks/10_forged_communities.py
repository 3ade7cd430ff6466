"""Attack 10: a guest marks its own route as another class, as learned elsewhere, and for another VRF."""

from trellis.lab.attacks import Defect, Said, Speech, speech

_MARKS = {
    "communities": ("65000:1", "65000:2", "65000:200", "65000:900"),
    "large": ("4200001000:0:200", "4200001000:0:900"),
    "targets": ("65000:4097", "65000:4096"),
}

ATTACK = speech.attack(
    10,
    "a route with forged communities: standard marks, large ones, route targets",
    "a guest's own communities are replaced where they come in",
    Speech("mallory", "exabgp", accepted=(Said("fd00:101:fe::66/128", **_MARKS),)),
    Speech("peggy", "bird", accepted=(Said("fd00:200:fe::97/128", **_MARKS),)),
    defects=(
        Defect(
            "mallory's standard and large marks replaced",
            frr=(
                "route-map TL-G-mallory-IN permit 6",
                "set community 65000:1 65000:101 additive",
                "no set large-community 4200001000:0:101",
            ),
        ),
        Defect(
            "route targets of the open VNet's guests taken off",
            frr=("route-map TL-V-vnet200-IN permit 4", "no set extcommunity none"),
        ),
    ),
)
