"""Attack 12: guests say to have another's ASN: a guest's, the edge's, the fabric's, on a bound VNet and an open one."""

from trellis.lab.attacks import Attack, Defect, Said, Speech, speech, strange_dials

_DAVES = 4200200006

ATTACKS = (
    Attack(
        number=12,
        variant="told at OPEN",
        what="a guest uses another guest's ASN, the edge's, the fabric's",
        must="address and ASN are bound together: refused at OPEN",
        act=strange_dials.with_anothers_asn,
        proof=strange_dials.opened,
        end=strange_dials.turned_away,
        defects=(
            Defect(
                "mallory's ASN bound to its address",
                frr=("router bgp 4200001000 vrf vrf_evpnz1", "neighbor fd00:101::66 remote-as external"),
            ),
        ),
        attackers=("mallory", "peggy"),
        event="open_refused",
    ),
    speech.attack(
        12,
        "a stranger on an open VNet uses the ASN of a declared guest",
        "paths of the VNet's own ASNs alone",
        Speech("peggy", "bird", refused=(Said("fd00:200:fe::99/128"),), asn=_DAVES),
        defects=(
            Defect(
                "the open VNet's list of paths, for dave's ASN",
                frr=(f"bgp as-path access-list TL-V-vnet200-PATHS seq 4 permit ^{_DAVES}$",),
            ),
        ),
        variant="open",
    ),
)
