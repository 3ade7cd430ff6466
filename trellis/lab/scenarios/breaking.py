"""How each scenario is caused: by Proxmox's API as another operator uses it, by a host's own reboot, by its power.

Each function returns once what it causes has happened, with what proves it; how the hosts get over it is watched
elsewhere.
"""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any

from trellis.lab import from_site, network
from trellis.lab.errors import LabError
from trellis.lab.machine import BOOT_LIMIT_S
from trellis.lab.processes import run

if TYPE_CHECKING:
    from trellis.lab.twin import Twin

ANOTHERS_VNET = "another1"
"""The VNet that somebody else adds: none of the site's."""

_ANOTHERS_TAG = 4242
_LOCAL = "/etc/frr/frr.conf.local"
_TASK_S = 300.0
"""What a task of Proxmox may take: frr-reload needs 0.1 s for each line that goes, and a node's FRR has 800."""
_DOWN_S = 60.0
_BOOT_ID = "/proc/sys/kernel/random/boot_id"

# Run in the controller's namespace, where the API is reached; what it needs comes on standard input.
_CALL = """
import json, ssl, sys, urllib.error, urllib.parse, urllib.request
url, ca, token, method, fields = json.load(sys.stdin)
form = urllib.parse.urlencode(fields)
body = form.encode() if method in ("POST", "PUT") else None
request = urllib.request.Request(url + ("?" + form if form and body is None else ""), body, method=method)
request.add_header("Authorization", token)
try:
    with urllib.request.urlopen(request, timeout=60, context=ssl.create_default_context(cafile=ca)) as answer:
        print(json.dumps(json.load(answer)["data"]))
except urllib.error.HTTPError as error:
    sys.exit(f"{method} {url}: {error.code} {error.reason}: {error.read().decode(errors='replace')[:300]}")
"""


def call(twin: Twin, method: str, path: str, **fields: Any) -> Any:
    """Call the lab's Proxmox API as an operator who is not this program.

    Args:
        twin: The lab.
        method: GET, POST, PUT or DELETE.
        path: Below /api2/json.
        fields: The call's parameters; `_` in a name stands for `-`.

    Raises:
        LabError: Proxmox refuses it.
    """
    inside = ["ip", "netns", "exec", network.namespace_of(twin.stack, from_site.CONTROLLER)]
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    url = f"https://{from_site.proxmox_address(twin.site)}:{from_site.API_PORT}/api2/json{path}"
    given = [url, str(twin.lab.state / "proxmox" / "ca.pem"), f"PVEAPIToken={twin.proxmox_token}", method, named]
    done = run([*inside, sys.executable, "-I", "-c", _CALL], stdin=json.dumps(given), timeout_s=90, check=False)
    if not done.ok:
        raise LabError(f"{method} {path}", why=done.stderr.strip(), remedy="see the lab's proxmox/api.log")
    return json.loads(done.stdout)


def apply_by_another(twin: Twin) -> list[str]:
    """Somebody adds a VNet and applies."""
    before = _frr_conf_files(twin)
    _add_a_vnet(twin)
    log = _task(twin, call(twin, "PUT", "/cluster/sdn"))
    return [*log, *_rewritten(before, _frr_conf_files(twin))]


def apply_without_ours(twin: Twin) -> list[str]:
    """A node has lost our part of its configuration and its daemons, and somebody applies: Proxmox's part is left."""
    node = _nodes(twin)[-1]
    lines = "grep -c . /etc/frr/frr.conf"
    before = twin.lab.access.run(node, lines).stdout.strip()
    twin.lab.access.run(node, f"rm {_LOCAL} && sed -i 's/^ospf\\(6\\|\\)d=yes/ospf\\1d=no/' /etc/frr/daemons")
    log = _task(twin, call(twin, "PUT", "/cluster/sdn"))
    said = twin.lab.access.run(node, f"{lines}; ls {_LOCAL} 2>&1", check=False).stdout.split("\n")
    return [*log, f"{node}: frr.conf had {before} lines, has {said[0]}; {said[1]}"]


def network_reload(twin: Twin) -> list[str]:
    """Every node's network is reloaded, with FRR's configuration."""
    before, log = _frr_conf_files(twin), []
    for node in _nodes(twin):
        log += _task(twin, call(twin, "PUT", f"/nodes/{node}/network", regenerate_frr=1))
    return [*log, *_rewritten(before, _frr_conf_files(twin))]


def commit_at_boot(twin: Twin) -> list[str]:
    """Somebody leaves a VNet pending, and a node reboots: its boot commits it."""
    _add_a_vnet(twin)
    node = _nodes(twin)[-1]
    proofs = _reboot(twin, node)
    said = twin.lab.access.run(node, "journalctl --boot --unit=pve-sdn-commit --output=cat --no-pager").stdout
    pending = [entry["vnet"] for entry in call(twin, "GET", "/cluster/sdn/vnets", pending=1) if entry.get("state")]
    if pending:
        why = f"still pending: {', '.join(pending)}"
        raise LabError(f"{node}: pve-sdn-commit", why=why, remedy="see `journalctl --unit pve-sdn-commit`")
    return [*proofs, *(f"{node}: pve-sdn-commit: {line}" for line in said.splitlines()), "nothing is pending any more"]


def take_the_others_away(twin: Twin) -> list[str]:
    """Take the VNet away again, as its owner would."""
    if ANOTHERS_VNET not in {entry["vnet"] for entry in call(twin, "GET", "/cluster/sdn/vnets")}:
        return []
    call(twin, "DELETE", f"/cluster/sdn/vnets/{ANOTHERS_VNET}")
    return _task(twin, call(twin, "PUT", "/cluster/sdn"))


def reboot_one(twin: Twin) -> list[str]:
    """The last host reboots, as `systemctl reboot` does it."""
    return _reboot(twin, sorted(twin.site.hosts)[-1])


def power_event(twin: Twin) -> list[str]:
    """Every host loses its power, and gets it back."""
    machines, before = twin.lab.machines, _boots(twin)
    for machine in machines:
        machine.power_cut()
    for machine in machines:
        machine.power_on()
    deadline = time.monotonic() + BOOT_LIMIT_S
    for machine in machines:
        machine.wait_until_booted(deadline)
    return [f"{host}: boot {before[host][:8]} ended, boot {now[:8]} began" for host, now in _boots(twin).items()]


def _reboot(twin: Twin, host: str) -> list[str]:
    machine, before = twin.lab.machine(host), _boots(twin)[host]
    twin.lab.access.run(host, "systemctl reboot", check=False)
    deadline = time.monotonic() + _DOWN_S
    while machine.booted():
        if time.monotonic() > deadline:
            raise LabError(
                f"{host}: reboot", why=f"it did not go down in {_DOWN_S:g} s", remedy=f"see {machine.console}"
            )
        time.sleep(0.2)
    # The connection that the lab shares ends with the host, which nobody tells it.
    machine.connection.unlink(missing_ok=True)
    machine.wait_until_booted(time.monotonic() + BOOT_LIMIT_S)
    return [f"{host}: boot {before[:8]} ended, boot {_boots(twin)[host][:8]} began"]


def _boots(twin: Twin) -> dict[str, str]:
    hosts = sorted(twin.site.hosts)
    return {host: twin.lab.access.run(host, f"cat {_BOOT_ID}").stdout.strip() for host in hosts}


def _add_a_vnet(twin: Twin) -> None:
    zone = sorted(twin.site.zones)[0]
    call(twin, "POST", "/cluster/sdn/vnets", vnet=ANOTHERS_VNET, zone=zone, tag=_ANOTHERS_TAG)


def _nodes(twin: Twin) -> list[str]:
    nodes = sorted(name for name, host in twin.site.hosts.items() if host.kind == "pve")
    if twin.site.proxmox is None or not nodes or not twin.site.zones:
        raise LabError("this scenario", why="the site has no Proxmox with a zone", remedy="take another stack")
    return nodes


def _task(twin: Twin, upid: str) -> list[str]:
    """Wait for a task's end; returns its log.

    Raises:
        LabError: It failed.
    """
    path, deadline = f"/nodes/{upid.split(':')[1]}/tasks/{upid}", time.monotonic() + _TASK_S
    while (status := call(twin, "GET", f"{path}/status"))["status"] != "stopped":
        if time.monotonic() > deadline:
            raise LabError(f"Proxmox's task {upid}", why=f"no end after {_TASK_S:g} s", remedy="see proxmox/api.log")
        time.sleep(0.5)
    log = [str(line["t"]) for line in call(twin, "GET", f"{path}/log", limit=500)]
    if status["exitstatus"] != "OK":
        raise LabError(f"Proxmox's task {upid}", why="; ".join(log[-5:]), remedy="see proxmox/api.log")
    return log


def _frr_conf_files(twin: Twin) -> dict[str, str]:
    """Which file frr.conf is on each node: Proxmox renames a new one into its place."""
    found = twin.lab.access.run_on_all(_nodes(twin), "stat -c 'inode %i, mode %a' /etc/frr/frr.conf")
    return {node: done.stdout.strip() for node, done in found.items()}


def _rewritten(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Raise unless frr.conf is another file on every node."""
    if same := [node for node, file in after.items() if file == before[node]]:
        raise LabError(f"frr.conf on {', '.join(same)}", why="nobody has written it", remedy="see proxmox/api.log")
    return [f"{node}: frr.conf was {before[node]}, is {file}" for node, file in after.items()]
