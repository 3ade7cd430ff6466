"""Fault 6: the new configuration sends what goes to the controller into a black hole; nobody helps the host."""

from trellis.lab.faults import Fault, Mutant, Rewrite, after, causes, ends

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

MUTANT = Mutant(
    what="files are put back, and FRR is left with what it runs",
    rewrites=(
        Rewrite("trellis/agent/recovery.py", "    problems += _run_as_before(before.running, alive=alive)\n", ""),
    ),
    because="FRR runs besides: ip route 10.10.0.250/32 blackhole",
    shares=(9, 12, 13, 16, 18, 19, 22, 27, 28),
)
