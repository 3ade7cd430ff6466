"""Attack 19: messages that are no BGP, in the ways that speakers have died of.

It has no defect: what refuses them is FRR itself, whose rules we can't take away.
"""

from trellis.lab.attacks import Attack, strange_dials

ATTACK = Attack(
    number=19,
    what="malformed UPDATEs and other broken messages",
    must="the session ends or the route is taken for withdrawn; bgpd lives, and no other session notices",
    act=strange_dials.broken,
    proof=strange_dials.all_said,
    end=strange_dials.bgpd_lives,
    defects=(),
    attackers=("peggy",),
)
