"""Attack 7: declared guests announce 10,000 prefixes: a node all of its services, and a guest whatever there is."""

from trellis.lab.attacks import Attack, Defect, flooding

ATTACKS = (
    Attack(
        number=7,
        variant="of its own services",
        what="a node announces 10,000 prefixes that it may",
        must="FRR ends the session at the limit, and keeps the neighbour off for the penalty",
        act=flooding.flood("solcp01", flooding.services, penalty_s=60),
        proof=flooding.said("solcp01"),
        end=flooding.kept_off("solcp01", penalty_s=60, by="PfxCt"),
        defects=(
            Defect(
                "solcp01's limit",
                frr=(
                    "router bgp 4200001000 vrf vrf_evpnz1",
                    "address-family ipv6 unicast",
                    "no neighbor fd00:101::11 maximum-prefix 12 restart 1",
                ),
            ),
        ),
        attackers=("solcp01",),
        event="penalty_begun",
    ),
    Attack(
        number=7,
        variant="of anybody's",
        what="a guest announces 10,000 prefixes that it may not",
        must="who says more than a guest has to say is kept off for the penalty",
        act=flooding.flood("mallory", flooding.anybodys, penalty_s=60),
        proof=flooding.said("mallory"),
        end=flooding.kept_off("mallory", penalty_s=60, by="volume"),
        defects=(Defect("the limit of what is said to vnet101's gateway", rules=(flooding.VOLUME,)),),
        attackers=("mallory",),
        event="penalty_begun",
    ),
)
