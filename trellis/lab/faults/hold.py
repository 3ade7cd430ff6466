"""Holding the reload of a host's FRR at its beginning, so that a fault strikes there and not a moment later.

The real frr-reload.py runs afterwards.  Only the host's own FRR is held: a scratch FRR in namespaces of its own is not.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trellis.lab.faults.trial import Trial

RELOAD: Final = "/usr/lib/frr/frr-reload.py"
_FOLDER: Final = "/var/lib/trellis-lab/hold"

_ARM = f"""
set -e
mkdir -p {_FOLDER}
rm -f {_FOLDER}/held {_FOLDER}/go
touch {_FOLDER}/armed
mountpoint -q {RELOAD} && exit 0
cp {RELOAD} {_FOLDER}/frr-reload.py
cat > {_FOLDER}/wrapper <<'END'
#!/bin/bash
if [ "$(readlink /proc/$$/ns/net)" = "$(readlink /proc/1/ns/net)" ] && rm {_FOLDER}/armed 2> /dev/null; then
    touch {_FOLDER}/held
    while [ ! -e {_FOLDER}/go ]; do sleep 0.05; done
fi
exec /usr/bin/python3 {_FOLDER}/frr-reload.py "$@"
END
chmod 755 {_FOLDER}/wrapper
mount --bind {_FOLDER}/wrapper {RELOAD}
"""


def arm(trial: Trial) -> None:
    """Have the next reload of the trial's host wait."""
    trial.sh(_ARM)
    release = f"rm -f {_FOLDER}/armed; touch {_FOLDER}/go; mountpoint -q {RELOAD} && umount -l {RELOAD}; true"
    trial.afterwards(lambda: trial.sh(release))


def wait(trial: Trial, within_s: float) -> bool:
    """Wait until a reload is held; returns whether one was, before the deployment ended and in time."""
    mark = trial.bench.lab.machine(trial.host).disk / "upper" / f"{_FOLDER}/held".lstrip("/")
    deadline = time.monotonic() + within_s
    while not mark.exists():
        over = trial.deployment is not None and not trial.deployment.running
        if over or time.monotonic() > deadline:
            return mark.exists()
        time.sleep(0.02)
    return True


def let_go(trial: Trial) -> None:
    """Have the reload that is held go on."""
    trial.sh(f"touch {_FOLDER}/go")
