"""Fault 18: frr-reload.py is killed when it has deleted some of the lines, and not all."""

from trellis.lab.faults import AT_RELOAD, Fault, Strike, Trial, after, causes, ends, proofs

_LINES = tuple(f"ip prefix-list TL-FAULT-{number:02d} seq 5 permit 203.0.113.{number}/32" for number in range(30))

_KILL = """
for try in $(seq 600); do
    left=$(vtysh -c 'show running-config' | grep -c 'prefix-list TL-FAULT-')
    [ "$left" -lt 30 ] && break
done
pid=$(pgrep -f 'hold/frr-reload.py --reload' | head -1)
kill -9 $pid && echo "killed frr-reload.py, process $pid, with $left of 30 lines left to delete"
"""


def give_lines(trial: Trial) -> None:
    """Deploy lines that the change then deletes, one by one."""
    trial.deploy_first(after("ip prefix-list TL-INFRASTRUCTURE ", *_LINES))


def without(lines: list[str]) -> list[str]:
    """Take the lines out again."""
    return [line for line in lines if line not in _LINES]


FAULT = Fault(
    number=18,
    what="frr-reload killed mid-delete",
    must="next run converges",
    cause=give_lines,
    good_edits=(without,),
    strike=Strike(AT_RELOAD, causes.both(causes.let_reload_go, causes.command(_KILL)), let_go=False),
    proof=proofs.fact("killed frr-reload.py"),
    end=ends.taken_back("reload FRR"),
)
