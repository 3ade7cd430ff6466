"""A scratch FRR on the host: what a configuration becomes when real daemons load it, before the host's own get it.

The host's own binaries, in mount, network and process namespaces of their own: empty folders lie over those that FRR
writes to, its files are the ones that the host is to have, and it has no device but `lo`, so nothing that it does can
be heard or seen outside. FRR keeps and prints what is said of devices and VRFs that are not there. When the one
process that holds the namespaces ends, everything in them is gone.

The daemons are started as the host starts them, and read the file as at a boot: a frr.conf that comes out whole here
is one that the host can boot with.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from trellis.agent.files import write_whole
from trellis.agent.frr import SETTLE_S, not_as_intended
from trellis.agent.manifest import RUNNING_CONFIG
from trellis.agent.normalise import difference
from trellis.agent.process import run, telling
from trellis.agent.report import Fault, some

LOAD_S = 60.0
"""What loading a configuration may take; 1 s is usual natively, 5 s in a kernel of user-mode Linux."""

_DRAFT = Path("/run/trellis/preflight")
_BEGIN = "=== running configuration ==="

# The private folders are mounted below /run/trellis first and moved from there: cp must read the host's /etc/frr.
_SCRIPT = f"""\
set -e
draft="$1" settle="$2"; shift 2
mount -t proc proc /proc
mount -t tmpfs -o mode=0755 scratch "$draft/etc"
cp -a /etc/frr/. "$draft/etc/"
cp -a "$draft/files/." "$draft/etc/"
chown -R frr:frr "$draft/etc"
mount --move "$draft/etc" /etc/frr
for folder in /run/frr /var/lib/frr /var/log/frr /var/tmp; do
    [ ! -d "$folder" ] || mount -t tmpfs -o mode=0755 scratch "$folder"
    [ ! -d "$folder" ] || chown frr:frr "$folder"
done
# What these daemons log is not the host's: nobody there shall read that bgpd was started, or lost its peers.
[ ! -S /run/systemd/journal/dev-log ] || mount --bind /dev/null /run/systemd/journal/dev-log
ip link set lo up
# As on every host of the fabric; else FRR prints `no ip forwarding`, which is the kernel's state.
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
/usr/lib/frr/watchfrr.sh start all
for daemon in "$@"; do
    tries=0
    until [ -S "/run/frr/$daemon.vty" ]; do
        tries=$((tries + 1)); [ $tries -le 300 ] || {{ echo "$daemon does not start"; exit 1; }}; sleep 0.1
    done
done
sleep "$settle"
echo '{_BEGIN}'
vtysh -c 'show running-config no-header'
"""


def refuse_unless_loaded(intent: str, daemons: set[str], others: Mapping[str, str] | None = None) -> str:
    """Have a scratch FRR load a configuration, and refuse it unless it runs all of it and nothing else.

    Args:
        intent: The configuration, as frr.conf.
        daemons: The daemons that must run it.
        others: Other files of /etc/frr as they are to be, by path; the host's own count where there is none.

    Returns:
        What there is to say of it.

    Raises:
        Fault: It runs something else, or cannot be started.
    """
    for settle_s in (0.0, SETTLE_S):
        running, said = load(intent, daemons, others, settle_s)
        if not any(found := difference(intent, running)):
            return f"{len(intent.splitlines())} lines as intended"
    raise not_as_intended(*found, said)


def load(
    intent: str, daemons: set[str], others: Mapping[str, str] | None = None, settle_s: float = 0.0
) -> tuple[str, list[str]]:
    """Have a scratch FRR load a configuration.

    Args:
        intent: The configuration, as frr.conf.
        daemons: The daemons that must run it.
        others: Other files of /etc/frr as they are to be, by path.
        settle_s: Seconds between loading and looking.

    Returns:
        What it runs then, and what FRR said on the way there.

    Raises:
        Fault: It cannot be started.
    """
    with _drafts({**(others or {}), RUNNING_CONFIG: intent}) as draft:
        spaces = ["--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
        script = ["sh", "-c", _SCRIPT, "preflight", str(draft), f"{settle_s:g}", *sorted(daemons)]
        # Behind everything else: seven daemons that start may not keep the host's own BFD waiting for 300 ms.
        ended = run(["nice", "-n", "19", "unshare", *spaces, *script], LOAD_S)
    said, begin, running = ended.out.partition(f"{_BEGIN}\n")
    complaints = [line for line in telling(said + ended.err) if "does not exist" not in line]
    if ended.status or not begin:
        why = some(complaints[-8:]) or f"status {ended.status}"
        raise Fault("the scratch FRR", why, "see whether this host lets root make namespaces (`unshare --net true`)")
    return running, list(dict.fromkeys(complaints))


@contextlib.contextmanager
def _drafts(texts: Mapping[str, str]) -> Iterator[Path]:
    """A folder with texts by the names that they have below /etc/frr, for as long as they are needed."""
    shutil.rmtree(_DRAFT, ignore_errors=True)
    for folder in (_DRAFT.parent, _DRAFT, _DRAFT / "etc", _DRAFT / "files"):
        folder.mkdir(mode=0o700, exist_ok=True)
    try:
        for path, text in texts.items():
            write_whole(_DRAFT / "files" / Path(path).name, text.encode(), 0o640)
        yield _DRAFT
    finally:
        shutil.rmtree(_DRAFT, ignore_errors=True)
