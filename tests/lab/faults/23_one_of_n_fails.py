"""Fault 23: the last host of the run fails; those before it keep the change, or give it back, as the site says."""

from trellis.lab.faults import Fault, Mutant, Rewrite, Trial, causes, ends, programmed, proofs


def deploy(policy: str) -> object:
    """Run the program with a policy for the hosts that are done."""

    def act(trial: Trial) -> None:
        trial.told = programmed.begin(trial, on_failure=policy).wait()

    return act


FAULTS = tuple(
    Fault(
        number=23,
        variant=policy,
        what="1 of N hosts fails",
        must="stop, declared policy for the done ones",
        cause=causes.read_only_etc,
        attempt=deploy(policy),
        proof=proofs.said("[Rr]ead-only"),
        end=end,
        again=programmed.converges,
        host="pve02",
        everyone=True,
    )
    for policy, end in (("keep", ends.done_keep("pve01")), ("roll_back", ends.all_as_before()))
)

MUTANT = Mutant(
    what="a host is confirmed before the others have applied",
    rewrites=(
        Rewrite("components/rollout.py", "                await self._await_all(host)\n", "                pass\n"),
    ),
    because=r"pve01: committed is \w+, was \w+",
    variant="roll_back",
)
