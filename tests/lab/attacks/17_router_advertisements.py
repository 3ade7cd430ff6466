"""Attack 17: a guest and a stranger say to be routers."""

from trellis.lab.attacks import Attack, Defect, probing
from trellis.lab.mutants.catalogue import Removal

ATTACK = Attack(
    number=17,
    what="guests send router advertisements",
    must="no bridge hands on what a guest's port says as a router, whatever tags it is behind",
    act=probing.advertise,
    proof=probing.advertised,
    end=probing.nobody_heard,
    defects=(
        Defect("advertisements", rules=(Removal("hosts", comment="R13 advertisement", table="bridge trellis"),)),
        Defect(
            "frames behind two tags kept back", rules=(Removal("hosts", comment="R7 tags", table="bridge trellis"),)
        ),
    ),
    attackers=("mallory", "trent"),
)
