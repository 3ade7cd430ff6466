"""Attack 13: a guest and a stranger take the address of a guest that is off, its ASN, and at last its MAC."""

from trellis.lab.attacks import Attack, Defect, impostors
from trellis.lab.mutants.catalogue import Removal

ATTACK = Attack(
    number=13,
    what="another guest's address while that one is off",
    must="address, MAC and port are tied together by the bridge",
    act=impostors.while_off,
    proof=impostors.counted,
    end=impostors.nobody_became_alice,
    defects=(
        Defect(
            "addresses tied to MACs", rules=(Removal("hosts", comment="R7 (?!MAC|port).*", table="bridge trellis"),)
        ),
        Defect(
            "alice's MAC tied to her port", rules=(Removal("hosts", comment="R7 (MAC|port)", table="bridge trellis"),)
        ),
    ),
    attackers=("mallory", "trent"),
    shaken=("alice",),
)
