"""Fault 6: the new configuration sends what goes to the controller into a black hole; nobody helps the host."""

from trellis.lab.faults import Fault, after, causes, ends

FAULT = Fault(
    number=6,
    what="new config kills management reachability",
    must="rolls back, recovery time measured",
    cause=causes.watch_reachability,
    edits=(after("ip prefix-list TL-INFRASTRUCTURE ", f"ip route {causes.CONTROLLER_ADDRESS}/32 blackhole"),),
    proof=causes.silence,
    end=ends.as_before(),
    fields={"confirm_within_s": 10},
)
