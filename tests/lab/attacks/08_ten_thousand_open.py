"""Attack 8: a guest of an open VNet, whom FRR knows no penalty for, announces 10,000 host routes of the range."""

from trellis.lab.attacks import Attack, Defect, flooding

ATTACK = Attack(
    number=8,
    what="a stranger on an open VNet announces 10,000 prefixes",
    must="FRR ends the session at the limit, and the kernel keeps the address off for the penalty",
    act=flooding.flood("peggy", flooding.hosts, penalty_s=60),
    proof=flooding.said("peggy"),
    end=flooding.kept_off("peggy", penalty_s=60, by="penalty vnet200"),
    defects=(Defect("the penalty of the open VNet", rules=(flooding.PENALTY,)),),
    attackers=("peggy",),
    event="penalty_begun",
)
