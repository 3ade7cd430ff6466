"""A secret that can be looked for: put into the stack's configuration, and searched for wherever it must not be.

It may stand in the files that FRR reads, in the agent's own store, and in byte copies of the first in backups; nowhere
else on a host, in no command line while the program runs, in nothing that the program says, and in no file of the
controller.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from trellis.lab.faults import programmed
from trellis.lab.faults.fault import End

if TYPE_CHECKING:
    from trellis.lab.faults.trial import Trial

NAME = "canary"
"""Of the secret; the lab keeps its value as it keeps every secret of a site, in a file among its keys."""
_PLANTED = "/root/.canary"
_ALLOWED = (
    "^(/etc/frr/frr.conf|/etc/frr/frr.conf.local|/var/lib/trellis/secrets.json|/var/lib/trellis/backup/.*|/root/.*)$"
)

# What every process of the host is called with, while the program runs; the pattern is in a file, so that grep's own
# command line does not hold it.
_WATCH = f"""
while [ -e {_PLANTED} ]; do grep --files-with-matches --text --no-messages --file={_PLANTED} /proc/[0-9]*/cmdline \\
    >> /run/canary-seen; sleep 0.2; done
"""
_SEARCH = f"""
cat /run/canary-seen
grep --recursive --files-with-matches --text --no-messages --devices=skip --file={_PLANTED} \\
    /etc /var /tmp /run /root /home | grep --invert-match --extended-regexp '{_ALLOWED}'
journalctl --quiet --output=cat | grep --text --file={_PLANTED} | sed 's/^/journal: /' | head -3
find /var/lib/trellis /etc/frr -type f -perm /o=r -exec grep --files-with-matches --text --file={_PLANTED} {{}} + |
    sed 's/$/ is readable for all/'
true
"""
_SHOWN = f"""
grep --count --file={_PLANTED} /etc/frr/frr.conf | sed 's/$/ lines of frr.conf hold the canary/'
stat --format='%n has mode %a' /etc/frr/frr.conf /var/lib/trellis/secrets.json
vtysh -c 'show bgp neighbors' | grep --max-count=1 'Authentication'
vtysh -c 'show bgp summary' | grep pve02
"""


def deploy(trial: Trial) -> None:
    """Preview and deploy a stack whose sessions between hosts are signed with a canary."""
    trial.secret = NAME
    preview = programmed.begin(trial, operation="preview")
    for host in trial.bench.hosts:
        trial.bench.access.run(host, f"umask 077; cat > {_PLANTED}; : > /run/canary-seen", stdin=trial.canary)
        trial.afterwards(partial(trial.sh, f"rm -f {_PLANTED} /run/canary-seen", host=host))
        trial.sh(f"setsid sh -c '{_WATCH}' > /dev/null 2>&1 &", host=host)
    seen = preview.wait()
    done = programmed.begin(trial).wait()
    trial.told = replace(done, text=f"{seen.text}\n{done.text}")
    for line in trial.sh(_SHOWN, check=False).splitlines():
        trial.fact(line)


def again(trial: Trial) -> list[str]:
    """The second run: the same once more; then without the canary, which leaves the hosts."""
    problems = []
    for name in (NAME, ""):
        trial.secret = name
        told = programmed.begin(trial).wait()
        problems += [] if told.ok else [f"a later run failed: {told.why}"]
    return problems


def _check(trial: Trial) -> Sequence[str]:
    value, found = trial.canary, []
    for host in trial.bench.hosts:
        found += [
            f"{host}: {line.replace(value, '(the canary)')}" for line in trial.sh(_SEARCH, host=host).splitlines()
        ]
    told = trial.told
    if told is not None and _in(value, told.text):
        found.append("what the program said")
    return found + [f"the controller's file {path}" for path in files_with(value, trial.bench.lab.state)]


def files_with(value: str, folder: Path) -> list[Path]:
    """Files of the lab's own state, the engine's among them, that hold it; the hosts' disks were looked at inside."""
    inside = [path for path in folder.rglob("*") if path.is_file()]
    own = {"hosts", "keys"}
    return [
        path
        for path in inside
        if path.relative_to(folder).parts[0] not in own and _in(value, path.read_text(errors="replace"))
    ]


def _in(value: str, text: str) -> bool:
    return value in text or base64.b64encode(value.encode()).decode().rstrip("=") in text


NOWHERE = End("in no output, journal, argv, file or state but where FRR reads it", _check)
