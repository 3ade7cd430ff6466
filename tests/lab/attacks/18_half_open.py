"""Attack 18: thousands of connections to port 179 that nobody means to finish, from one address and from many."""

from trellis.lab.attacks import Attack, Defect, probing
from trellis.lab.mutants.catalogue import Removal

ATTACK = Attack(
    number=18,
    what="1,000 half-open TCP connections to port 179, from one address and from a thousand",
    must="who dials too often is not heard; the kernel keeps little of what is half open; others' sessions come up",
    act=probing.half_open,
    proof=probing.were_loud,
    end=probing.still_served,
    defects=(Defect("the rate of dialling", rules=(Removal("hosts", comment="rate .*", table="inet trellis_peers"),)),),
    attackers=("mallory", "peggy"),
    shaken=("alice", "dave"),
)
