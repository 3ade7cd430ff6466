"""Attack 14: a guest and a stranger say, by ND and ARP, that they are a guest that is on, and its gateway."""

from trellis.lab.attacks import Attack, Defect, impostors
from trellis.lab.mutants.catalogue import Removal

ATTACK = Attack(
    number=14,
    what="another guest's address while that one is on, and the gateway's",
    must="nobody says by ND or ARP that somebody else's address is at its MAC, whatever tags it is behind",
    act=impostors.while_on,
    proof=impostors.counted,
    end=impostors.nobody_believed,
    defects=(
        Defect("what neighbour discovery may say", rules=(Removal("hosts", comment="R7 ND", table="bridge trellis"),)),
        Defect("what ARP may say", rules=(Removal("hosts", comment="R7 (other )?ARP", table="bridge trellis"),)),
        Defect(
            "frames behind two tags kept back", rules=(Removal("hosts", comment="R7 tags", table="bridge trellis"),)
        ),
    ),
    attackers=("mallory", "trent"),
)
