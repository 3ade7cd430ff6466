"""The agent on a host, beside ``frr-reload.py`` on the same configuration: what nothing to do costs, and what a change.

The host is a scratch FRR, native and supervised by watchfrr (``trellis.lab.scratch``), in namespaces of its own.  What
this machine has no kernel or service for is left out of the manifest or answered by a stub, and said so in ``EVENTS``.
Sites are ``trellis.bench.sites``'; their first host is the one that is measured.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from trellis.agent.bundle import agent_text
from trellis.agent.itself import AGENT_PATH
from trellis.bench.processes import BenchError, Launcher, Median, launcher
from trellis.bench.sites import Data, Size, site_data
from trellis.lab.images import ensure_root
from trellis.lab.scratch import ScratchFrr
from trellis.plan import plan
from trellis.render import Bundle, manifest, render
from trellis.render.manifest import HEADING, digest
from trellis.site import load_site

SIZES = (Size(3, 1), Size(32, 16))
REPETITIONS = 5

MOST_BEYOND_S = 0.6
"""Design section 13: wall seconds that a no-op apply may take beyond `frr-reload.py`'s, on each host."""

EVENTS = {
    "host": "a scratch FRR 10.3 (zebra, mgmtd, staticd, bgpd, ospfd, ospf6d, bfdd, watchfrr) in namespaces of its own, "
    "native; the first host of the site",
    "start": "before the process is spawned that enters the namespaces (nsenter, the same for all three)",
    "stop": "its end is seen",
    "no-op": "`agent.py commit` of the manifest that the host holds: everything is read and compared, nothing written",
    "test": "`frr-reload.py --test` of the same /etc/frr/frr.conf; the three run in turn",
    "reload": "`frr-reload.py --reload` of it, which finds nothing to change, as a peer tool does on each run",
    "beyond": "no-op minus test, of the medians: what is judged",
    "steps": "seconds of each step by the agent's own report, of one run: a first deploy, then a guest added",
    "left out": "devices, loopbacks, firewall, kernel parameters (this kernel may lack VRF and dummy); "
    "SSH and the confirmation; systemctl, systemd-run and pveversion are stubs that answer at once",
}
"""What is measured, for whoever reads a figure."""

_RELOAD = "/usr/lib/frr/frr-reload.py"
_CONFIG = "/etc/frr/frr.conf"
_LONGEST_S = 300.0

_SYSTEMCTL = """#!/bin/sh
case "$1" in
  reload) exec /usr/lib/frr/frrinit.sh reload ;;
  restart) exec /usr/lib/frr/frrinit.sh restart ;;
  show) case "$2" in *ControlPID*) echo 0 ;; *) echo UnitFileState=disabled; echo ActiveState=inactive ;; esac ;;
esac
"""
_STUBS = {
    "/usr/bin/systemctl": _SYSTEMCTL,
    "/usr/bin/systemd-run": "#!/bin/sh\nexit 0\n",
    "/usr/bin/pveversion": "#!/bin/sh\necho pve-manager/9.1.1/stub\n",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a commit, by the agent's report; ``seconds`` by its clock."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Commit:
    """A change that was put into force.

    Attributes:
        what: What changed.
        wall_s: The whole command, its process started and ended.
        reload_s: The step that runs `frr-reload.py`; part of ``steps``.
        steps: All of them, in their order.
    """

    what: str
    wall_s: float
    reload_s: float
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """The agent and `frr-reload.py` at one size.

    Attributes:
        size: Hosts x tenants of the site.
        lines: Lines of the host's frr.conf.
        manifest_bytes: Size of its manifest.
        no_op: The agent with nothing to do.
        test: `frr-reload.py --test`.
        reload: `frr-reload.py --reload` with nothing to change.
        beyond_s: The agent's wall seconds beyond the test's, of the medians; less than nothing if it is faster.
        beyond_cpu_s: The same of processor seconds; the daemons' own are nobody's.
        no_op_steps: The agent's steps with nothing to do.
        commits: Changes, step by step.
    """

    size: str
    lines: int
    manifest_bytes: int
    no_op: Median
    test: Median
    reload: Median
    beyond_s: float
    beyond_cpu_s: float
    no_op_steps: tuple[Step, ...]
    commits: tuple[Commit, ...]


def measure(sizes: Sequence[Size], repetitions: int, say: Callable[[str], None]) -> tuple[Measured, ...]:
    """Measure the agent on the first host of a site of each size.

    Args:
        sizes: The sites.
        repetitions: Counted runs of each side; one more comes before.
        say: Where progress goes.

    Raises:
        BenchError: If a run fails, or the agent writes where it has nothing to do.
    """
    root = ensure_root("trixie", say)
    with TemporaryDirectory(prefix="trellis-bench-") as folder, launcher() as launch:
        return tuple(_measured(root, Path(folder), launch, size, repetitions, say) for size in sizes)


def misses(measured: Sequence[Measured]) -> list[str]:
    """Return what of the budget is missed, one sentence each."""
    return [
        f"{one.size}: a no-op takes {one.beyond_s:.2f} s beyond frr-reload.py --test, budget {MOST_BEYOND_S}"
        for one in measured
        if one.beyond_s > MOST_BEYOND_S
    ]


def _measured(
    root: Path, folder: Path, launch: Launcher, size: Size, repetitions: int, say: Callable[[str], None]
) -> Measured:
    whole = site_data(size)
    bundle = _first(whole)
    wanted = measurable(bundle)
    with ScratchFrr(root, bundle.host, bundle.daemons, supervised=True) as frr:
        for path, text in {**_STUBS, AGENT_PATH: agent_text()}.items():
            frr.run(["rm", "-f", path])
            frr.write(path, text, 0o755)
        host = _Host(frr, folder, launch)
        say(f"{size}: a first deploy, and a guest added")
        commits = (
            host.commit("first deploy, but for one guest", measurable(_first(_without_a_guest(whole)))),
            host.commit("a guest added", wanted),
        )
        argvs = {
            "no-op": ["/usr/bin/python3", AGENT_PATH, "commit"],
            "test": [_RELOAD, "--test", _CONFIG],
            "reload": [_RELOAD, "--reload", _CONFIG],
        }
        runs: dict[str, list[Any]] = {name: [] for name in argvs}
        for number in range(repetitions + 1):
            say(f"{size}: nothing to do, {number} of {repetitions}")
            for name, argv in argvs.items():
                run, _ = host.run(argv, wanted)
                if number:  # the first one fills the system's cache
                    runs[name].append(run)
        no_op, test, reload = (Median.of(runs[name]) for name in argvs)
        _, said = host.run(argvs["no-op"], wanted)
        report = json.loads(said)
        if report["outcome"] != "unchanged":
            raise BenchError(f"{size}: there was nothing to do, and the agent says {report['outcome']}")
        return Measured(
            size=str(size),
            lines=next(file.text.count("\n") for file in bundle.files if file.path == _CONFIG),
            manifest_bytes=len(manifest(bundle).encode()),
            no_op=no_op,
            test=test,
            reload=reload,
            beyond_s=round(no_op.wall_s - test.wall_s, 4),
            beyond_cpu_s=round(no_op.cpu_s - test.cpu_s, 4),
            no_op_steps=_steps(report),
            commits=commits,
        )


@dataclass(frozen=True, slots=True)
class _Host:
    """The scratch FRR with the agent in place."""

    frr: ScratchFrr
    folder: Path
    launch: Launcher

    def run(self, argv: list[str], document: str) -> tuple[Any, str]:
        """Run a command on the host; return what it took and what it printed."""
        given, printed, said = (self.folder / name for name in ("manifest", "printed", "said"))
        given.write_text(document, encoding="utf-8")
        enter, *inside = self.frr.command(argv)
        try:
            run = self.launch.run([shutil.which(enter) or enter, *inside], given, printed, said)
        except BenchError as error:
            raise BenchError(f"{error}: {said.read_text(encoding='utf-8')[-2000:]}") from None
        return run, printed.read_text(encoding="utf-8")

    def commit(self, what: str, document: str) -> Commit:
        """Put a manifest into force."""
        run, said = self.run(["/usr/bin/python3", AGENT_PATH, "commit"], document)
        report = json.loads(said)
        if report["outcome"] != "applied":
            raise BenchError(f"{what}: the agent says {report['outcome']}")
        steps = _steps(report)
        reload_s = sum(step.seconds for step in steps if step.name == "reload FRR")
        return Commit(what, round(run.wall_s, 4), round(reload_s, 4), steps)


def _steps(report: Mapping[str, Any]) -> tuple[Step, ...]:
    return tuple(Step(step["name"], step["seconds"]) for step in report["steps"])


def _first(data: Data) -> Bundle:
    return render(plan(load_site(data)))[0]


def _without_a_guest(data: Data) -> Data:
    """The site without one of the guests at home on its first host."""
    first = min(data["hosts"])
    gone = next(name for name, guest in data["guests"].items() if guest["host"] == first)
    return {**data, "guests": {name: guest for name, guest in data["guests"].items() if name != gone}}


def measurable(bundle: Bundle) -> str:
    """Return a bundle's manifest without what this machine has no devices for, and without a confirmation.

    Args:
        bundle: What the host would get.
    """
    document: Data = json.loads(manifest(bundle).removeprefix(HEADING))
    del document["digest"]
    kept = [file for file in document["files"] if file["path"].startswith("/etc/frr/")]
    document |= {
        "files": kept,
        "preconditions": {"packages": [], "interfaces": []},
        "loopbacks": None,
        "sysctls": None,
        "nftables": None,
        "units": [],
        "confirm_within_s": None,
    }
    return f"{HEADING}\n{json.dumps({**document, 'digest': digest(document)}, indent=1)}\n"
