"""The lab's guests: their speakers' text on real FRR, the scripts that make and move them, and where they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.sites import REPOSITORY, site_data, site_of
from trellis.lab import exported, places
from trellis.lab.boot import Boot, Link, Route
from trellis.lab.deployment import Output
from trellis.lab.errors import LabError
from trellis.lab.guests import equal_to_hosts_script, plug_script, prepare_script, stop_script, vm_number
from trellis.lab.places import Place
from trellis.lab.processes import Completed
from trellis.lab.twin import Twin
from trellis.site import AttachedGuest, Site, attached_guests, load_site

NAMESPACE = f"trellis-threads-{os.getpid()}"
EXAMPLES = ("homelab", "mixed", "delegated", "guest-peering")

CARD = Link(
    "ens18",
    mtu=8950,
    addresses=("10.101.0.11/24", "fd00:101::11/64"),
    routes=(Route("10.101.0.254", 4096), Route("fd00:101::fffe", 4096)),
)
LOOPBACK = Link("loop0", dummy=True, addresses=("10.101.254.11/32",))


def boot(speaker: str, config: str = "") -> Boot:
    return Boot("solcp01", (CARD, LOOPBACK), {}, speaker, config)


def guest_of(site: Site, name: str) -> AttachedGuest:
    return next(guest for guest in attached_guests(site) if guest.name == name)


def solcp01() -> AttachedGuest:
    return guest_of(site_of("homelab"), "solcp01")


def everybody() -> list[tuple[str, str]]:
    return [(example, guest.name) for example in EXAMPLES for guest in attached_guests(site_of(example))]


@pytest.mark.parametrize("speaker", ["frr", "bird"])
def test_the_scripts_are_shell(speaker: str) -> None:
    guest, booted = solcp01(), boot(speaker, "router id 1.2.3.4;\n")
    for script in (prepare_script(guest, booted, 8950), plug_script(guest, booted), stop_script("solcp01")):
        checked = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(("example", "name"), everybody())
def test_a_guests_tap_is_a_name_that_linux_takes(example: str, name: str) -> None:
    assert len(f"tap{vm_number(guest_of(site_of(example), name))}i0") <= 15


def test_a_guest_has_what_it_boots_with_and_one_pod_of_its_own() -> None:
    guest = guest_of(site_of("homelab"), "solcp02")
    script = prepare_script(guest, boot("bird"), 8950).splitlines()
    assert "address add fd00:101::11/64 dev ens18 nodad" in script
    assert "address add 10.101.254.11/32 dev loop0" in script
    on_lo = [line.split()[2] for line in script if line.startswith("address add") and line.endswith("dev lo")]
    assert on_lo == ["10.101.241.1", "fd00:101:244:1::1"]


def test_a_pod_range_of_one_address_is_that_address() -> None:
    data = site_data("homelab")
    data["clusters"]["sol"]["pods"]["ipv4"] = {"pool": "10.101.240.0/21", "node_length": 32}
    script = prepare_script(guest_of(load_site(data), "solcp02"), boot("bird"), 8950)
    assert "address add 10.101.240.1 dev lo" in script


def test_the_tap_carries_the_guests_mac_and_the_zones_mtu_and_the_card_the_name_that_it_boots_with() -> None:
    script = prepare_script(solcp01(), boot("frr"), 8950)
    assert "mtu 8950 type veth peer name ens18 mtu 8950 address bc:24:11:01:01:11 netns solcp01" in script


def test_the_speaker_that_its_configuration_is_for_is_started() -> None:
    with_bfd = "bfd\n profile gateway\n exit\nexit\n"
    assert "bird -c /run/bird/solcp01/bird.conf" in prepare_script(solcp01(), boot("bird"), 8950)
    assert "for daemon in mgmtd zebra staticd bgpd; do" in prepare_script(solcp01(), boot("frr"), 8950)
    frr = prepare_script(solcp01(), boot("frr", f"hostname solcp01\n{with_bfd}"), 8950)
    assert "for daemon in mgmtd zebra staticd bgpd bfdd; do" in frr


STARTS_THREADS = """
import threading, time
print("started", flush=True)
for _ in range(100):
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    time.sleep(0.005)
print("all of them", flush=True)
time.sleep(60)
"""


@pytest.mark.host
def test_each_thread_of_a_guest_has_its_turn_before_whoever_reloads_its_host() -> None:
    """BIRD's BFD is a thread: started at 5 and left there, it was silent for a second while FRR was reloaded."""
    argv = ["ip", "netns", "exec", NAMESPACE, "nice", "-n", "5", sys.executable, "-c", STARTS_THREADS]
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    try:
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as guest:
            assert guest.stdout is not None
            assert guest.stdout.readline() == "started\n"
            subprocess.run(["sh", "-e"], input=equal_to_hosts_script(NAMESPACE), text=True, check=True)
            assert guest.stdout.readline() == "all of them\n"
            tasks = [int(task.name) for task in Path(f"/proc/{guest.pid}/task").iterdir()]
            found = [os.getpriority(os.PRIO_PROCESS, task) for task in tasks]
            guest.kill()
        assert (len(found), set(found)) == (101, {-5})
    finally:
        subprocess.run(["ip", "netns", "delete", NAMESPACE], check=True)


def test_places_are_kept_and_told_to_proxmox(tmp_path: Path) -> None:
    guests = attached_guests(site_of("homelab"))
    kept = {"solcp01": Place("pve02", running=True), "solcp02": Place("pve02", running=False)}
    places.write(tmp_path, guests, kept)
    assert places.read(tmp_path) == kept
    vms = {vm["name"]: vm for vm in json.loads(places.vms_file(tmp_path).read_text())}
    assert (vms["solcp01"]["node"], vms["solcp01"]["status"]) == ("pve02", "running")
    assert (vms["solcp02"]["node"], vms["solcp02"]["status"]) == ("pve02", "stopped")
    assert (vms["solcp03"]["node"], vms["solcp03"]["status"]) == ("pve03", "stopped")
    assert len({vm["vmid"] for vm in vms.values()}) == len(guests)
    card = (vms["solcp01"]["mac"], vms["solcp01"]["bridge"], vms["solcp01"]["tap"])
    assert card == ("bc:24:11:01:01:11", "vnet101", f"tap{vms['solcp01']['vmid']}i0")


@dataclass
class RecordingAccess:
    """Hosts that do nothing and remember what they were told."""

    told: list[tuple[str, str]] = field(default_factory=list)
    running: str = ""
    fails: str = ""

    def run(self, host: str, command: str, *, stdin: str | None = None, **_: Any) -> Completed:
        self.told.append((host, stdin or command))
        failing = bool(self.fails) and self.fails in (stdin or "")
        return Completed((command,), int(failing), "", "Cannot find device" if failing else "")

    def run_on_all(self, hosts: list[str], command: str) -> dict[str, Completed]:
        return {host: Completed((command,), 0, self.running, "") for host in hosts}


@dataclass
class FakeLab:
    """A lab without machines."""

    state: Path
    access: RecordingAccess = field(default_factory=RecordingAccess)
    machines: tuple[Any, ...] = ()


NETWORK = "[Match]\\nPermanentMACAddress=02:00:00:00:00:01\\n"
USER_DATA = f"""#cloud-config
write_files:
- {{path: /etc/systemd/network/05-trellis-vnet.network, content: "{NETWORK}"}}
- {{path: /etc/frr/frr.conf, content: 'router bgp 1'}}
"""


@pytest.fixture
def twin(tmp_path: Path) -> Twin:
    documents = {guest.name: {"user_data": USER_DATA} for guest in attached_guests(site_of("homelab"))}
    exported.keep(tmp_path, {"guests": Output(json.dumps(documents), secret=False)})
    return Twin("x", REPOSITORY, site_data("homelab"), site_of("homelab"), FakeLab(tmp_path))  # type: ignore[arg-type]


def told(twin: Twin) -> list[tuple[str, str]]:
    access = twin.lab.access
    assert isinstance(access, RecordingAccess)
    return access.told


def test_a_move_prepares_the_new_place_before_it_ends_the_old_one_and_plugs_in_last(twin: Twin) -> None:
    twin.move_guest("solcp01", "pve02")
    (there, prepared), (old, stopped), (last, plugged) = told(twin)
    assert (there, old, last) == ("pve02", "pve01", "pve02")
    assert "ip netns add solcp01" in prepared
    assert "dev eth0 up" not in prepared
    assert stopped == stop_script("solcp01")
    assert "link set dev eth0 up" in plugged
    assert twin.host_of("solcp01") == "pve02"


def test_a_moved_guest_is_stopped_and_started_where_it_is_now(twin: Twin) -> None:
    twin.move_guest("solcp01", "pve02")
    told(twin).clear()
    twin.stop_guest("solcp01")
    twin.start_guests(print, ["solcp01"])
    assert {host for host, _ in told(twin)} == {"pve02"}


def test_a_move_to_where_the_site_does_not_place_the_guest_is_refused_before_anything_happens(twin: Twin) -> None:
    data = site_data("homelab")
    data["guests"]["debian-test-1"]["placement"] = ["pve01", "pve02"]
    bound = Twin("x", REPOSITORY, data, load_site(data), twin.lab)
    with pytest.raises(LabError, match="choose one of pve01, pve02"):
        bound.move_guest("debian-test-1", "pve03")
    assert told(bound) == []


@pytest.mark.parametrize("verb", ["stop", "move"])
def test_a_guest_that_the_site_does_not_have_is_named_and_the_others_listed(twin: Twin, verb: str) -> None:
    with pytest.raises(LabError, match=r"guest nobody: .*\n.*debian-test-1, isolated-1"):
        twin.stop_guest("nobody") if verb == "stop" else twin.move_guest("nobody", "pve01")


def test_a_guest_that_does_not_start_is_named_with_its_host_and_the_reason(twin: Twin) -> None:
    twin.lab.access.fails = "ip netns add solcp03"  # type: ignore[attr-defined]
    with pytest.raises(LabError, match="guest solcp03 on pve03: Cannot find device"):
        twin.start_guests(print)


def test_a_guest_that_left_the_site_is_ended_where_it_was(twin: Twin) -> None:
    twin.move_guest("debian-test-1", "pve03")
    data = site_data("homelab")
    del data["guests"]["debian-test-1"]
    told(twin).clear()
    Twin("x", REPOSITORY, data, load_site(data), twin.lab).start_guests(print, [])
    assert told(twin) == [("pve03", stop_script("debian-test-1"))]


def test_a_guests_tap_is_on_the_bridge_long_before_its_card_has_a_link() -> None:
    """zebra misses for good what a bridge learns on a port that it does not know: other hosts never find the guest."""
    booted = boot("frr")
    prepared, plugged = prepare_script(solcp01(), booted, 8950), plug_script(solcp01(), booted)
    on_the_bridge = prepared.index("master vnet101 up")
    assert on_the_bridge < prepared.index("/usr/lib/frr/$daemon")
    assert "dev ens18 up" not in prepared
    assert "dev ens18 up" in plugged


def test_a_guest_for_which_nothing_was_exported_is_named(twin: Twin) -> None:
    exported.keep(twin.lab.state, {"guests": Output("{}", secret=False)})
    with pytest.raises(LabError, match=r"guest solcp01: .*\n.*trellis demo"):
        twin.start_guests(print, ["solcp01"])


def test_what_was_exported_is_its_owners_alone(twin: Twin) -> None:
    """It may hold the key of a session (TCP MD5)."""
    assert (twin.lab.state / "outputs.json").stat().st_mode & 0o077 == 0
