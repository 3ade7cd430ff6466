"""frr-reload.py behind the veil, on each FRR: it changes keys, and neither its log nor a command line holds one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trellis.agent.bundle import AGENT_PATH, agent_text
from trellis.lab.images import ensure_root
from trellis.lab.scratch import ScratchFrr

pytestmark = pytest.mark.frr

LOG = "/var/log/frr/frr-reload.log"
TEXT = """\
frr defaults traditional
hostname pve01
service integrated-vtysh-config
!
router bgp 65000
 no bgp default ipv4-unicast
 neighbor 10.0.0.9 remote-as 65001
 neighbor 10.0.0.9 password {key}
exit
"""

# Three reloads: a key that is new, another one in its place, none any more.
_DRIVER = """
import json, runpy
from pathlib import Path
runpy.run_path("AGENT")
from trellis.agent import frr, vault
config = Path("/etc/frr/frr.conf")
seen = []
def reload():
    said = frr.reload(60)
    seen.append([said, [line.split()[-1] for line in frr.running_config().splitlines() if " password " in line]])
reload()
vault.change_to({"key": "CANARY-the-second"})
config.write_text(config.read_text().replace("CANARY-the-first", "CANARY-the-second"))
reload()
config.write_text("".join(f"{line}\\n" for line in config.read_text().splitlines() if " password " not in line))
reload()
print(json.dumps(seen))
""".replace("AGENT", AGENT_PATH)


@pytest.mark.parametrize("suite", ["trixie", "sid"])
def test_a_key_is_set_changed_and_removed_and_frr_reload_never_has_it(suite: str) -> None:
    root: Path = ensure_root(suite, print)
    with ScratchFrr(root, "pve01", ("bgpd",)) as frr:
        frr.write(AGENT_PATH, agent_text(), 0o755)
        frr.write("/etc/frr/frr.conf", TEXT.format(key="CANARY-the-first"), 0o640)
        frr.write("/var/lib/trellis/secrets.json", json.dumps({"secrets": {"key": "CANARY-the-first"}}), 0o600)
        frr.run(["bash", "-c", "mv /usr/bin/vtysh /usr/bin/vtysh.real"])
        # What vtysh is called with stands in the command line that every user sees.
        frr.write("/usr/bin/vtysh", '#!/bin/sh\necho "$*" >> /run/called\nexec /usr/bin/vtysh.real "$@"\n', 0o755)
        done = frr.run(["python3", "-c", _DRIVER])
        assert done.status == 0, done.err
        assert [keys for _, keys in json.loads(done.out)] == [["{{secret:key}}"], ["{{secret:key}}"], []]
        log, called = frr.read(LOG), frr.read("/run/called")
        assert " no neighbor 10.0.0.9 password {{secret:key}}" in called
        assert " no neighbor 10.0.0.9 password {{secret:~key}}" in called
        assert "neighbor 10.0.0.9 password {{secret:key}}" in log
        assert "CANARY" not in log + called + done.out + done.err
        assert frr.run(["ls", "/run/trellis/reload"]).status != 0
