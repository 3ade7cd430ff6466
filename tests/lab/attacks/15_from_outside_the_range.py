"""Attack 15: a guest dials from an address that is none of the VNet's, and dials another VNet's gateway."""

from trellis.lab.attacks import Attack, Defect, strange_dials
from trellis.lab.mutants.catalogue import Removal

ATTACK = Attack(
    number=15,
    what="a guest dials from outside the range",
    must="only the VNet's own addresses reach its gateway's port 179",
    act=strange_dials.from_outside,
    proof=strange_dials.counted_outside,
    end=strange_dials.no_connection,
    defects=(Defect("what guests may reach of a host", rules=(Removal("hosts", "to_host", "R12 host"),)),),
    attackers=("mallory", "peggy"),
)
