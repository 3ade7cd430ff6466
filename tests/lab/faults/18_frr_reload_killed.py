"""Fault 18: frr-reload.py is killed when it has deleted some of the lines, and not all."""

from trellis.lab.faults import AT_RELOAD, Fault, Mutant, Rewrite, Strike, Trial, after, causes, ends, proofs

# Route-maps that nobody calls: frr-reload.py deletes them one by one, and writes each into its log.
_LINES = tuple(line for number in range(30) for line in (f"route-map TL-FAULT-{number:02d} permit 1", "exit"))

_KILL = """
executed() { grep -c 'Executed.*no route-map TL-FAULT-' /var/log/frr/frr-reload.log; }
before=$(executed)
for try in $(seq 600); do [ $(executed) -ge $((before + 5)) ] && break; sleep 0.02; done
pid=$(pgrep -f 'hold/frr-reload.py --reload' | head -1)
kill -9 $pid && echo "killed frr-reload.py, process $pid, when $(($(executed) - before)) of 30 deletions were done"
"""


def give_lines(trial: Trial) -> None:
    """Deploy lines that the change then deletes, one by one."""
    trial.deploy_first(after("ip prefix-list TL-INFRASTRUCTURE ", *_LINES))


def without(lines: list[str]) -> list[str]:
    """Take the lines out again."""
    kept, skip = [], False
    for line in lines:
        if not skip and not line.startswith("route-map TL-FAULT-"):
            kept.append(line)
        skip = line.startswith("route-map TL-FAULT-")
    return kept


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

MUTANT = Mutant(
    what="whatever becomes of frr-reload.py, the reload counts as done",
    rewrites=(
        Rewrite(
            "trellis/agent/frr.py",
            '    if ended.status:\n        raise Fault("frr-reload.py", _reasons(ended), _REMEDY_TEXT)\n',
            "",
        ),
    ),
    because="it failed at `[a-z ]+`, not at reload FRR",
)
