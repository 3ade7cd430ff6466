"""Attack 16: a guest scans every port of its gateway, and the known ones of hosts' loopbacks and of management."""

from trellis.lab.attacks import Attack, Defect, probing
from trellis.lab.mutants.catalogue import Removal

ATTACK = Attack(
    number=16,
    what="a guest scans every port of its gateway, of hosts' loopbacks, of management",
    must="BGP's port of its gateway is all that a guest sees",
    act=probing.scan,
    proof=probing.scanned,
    end=probing.only_bgp,
    defects=(Defect("what guests may reach of a host", rules=(Removal("hosts", "to_host", "R12 host"),)),),
)
