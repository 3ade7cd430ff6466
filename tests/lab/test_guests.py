"""The lab's guests: their speakers' text on real FRR, the scripts that make and move them, and where they are."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.sites import REPOSITORY, site_data, site_of
from trellis.lab import places
from trellis.lab.errors import LabError
from trellis.lab.guests import plug_script, prepare_script, speaker_config, stop_script, vm_number
from trellis.lab.places import Place
from trellis.lab.processes import Completed
from trellis.lab.scratch import ScratchFrr
from trellis.lab.twin import Twin
from trellis.site import AttachedGuest, Site, attached_guests, load_site

EXAMPLES = ("homelab", "mixed", "delegated", "guest-peering")


def guest_of(site: Site, name: str) -> AttachedGuest:
    return next(guest for guest in attached_guests(site) if guest.name == name)


def lines_of(example: str, name: str) -> list[str]:
    return speaker_config(site_of(example), guest_of(site_of(example), name)).splitlines()


def everybody() -> list[tuple[str, str]]:
    return [(example, guest.name) for example in EXAMPLES for guest in attached_guests(site_of(example))]


@pytest.mark.parametrize(("example", "name"), everybody())
def test_a_guest_speaks_from_its_primary_address_and_tries_again_every_second(example: str, name: str) -> None:
    site = site_of(example)
    guest = guest_of(site, name)
    gateway = site.vnets[guest.vnet].subnets.ipv6.gateway
    lines = lines_of(example, name)
    assert f" neighbor {gateway} update-source {guest.ipv6}" in lines
    assert f" neighbor {gateway} timers connect 1" in lines
    assert f" neighbor {gateway} capability extended-nexthop" in lines


@pytest.mark.parametrize(("example", "name"), everybody())
def test_a_guest_announces_its_own_prefixes_and_no_other(example: str, name: str) -> None:
    guest = guest_of(site_of(example), name)
    own = {line.split()[-1] for line in lines_of(example, name) if "prefix-list OWN seq" in line}
    assert own == {str(prefix) for prefix in (*guest.loopbacks, *guest.extra, *guest.pods)}


def test_a_guest_of_fast_failure_has_bfd_and_one_of_restart_has_graceful_restart_and_not_both() -> None:
    data = site_data("homelab")
    data["guests"]["isolated-1"]["resilience"] = "restart"
    site = load_site(data)
    for name, has, lacks in (
        ("isolated-1", "graceful-restart", "bfd"),
        ("debian-test-1", "bfd", "graceful-restart"),
    ):
        guest = guest_of(site, name)
        text = speaker_config(site, guest) + prepare_script(site, guest)
        assert has in text
        assert lacks not in text


def test_bfd_comes_before_the_source_or_frr_10_3_waits_for_the_other_end_for_ever() -> None:
    lines = lines_of("homelab", "solcp01")
    assert lines.index(" neighbor fd00:101::fffe bfd") < lines.index(
        " neighbor fd00:101::fffe update-source fd00:101::11"
    )


def test_a_guest_takes_the_loopbacks_of_its_peers_only_where_the_tenant_exports_them() -> None:
    assert "ipv6 prefix-list IMPORT seq 10 permit fd00:101:fe::/64 ge 128" in lines_of("homelab", "solcp01")
    data = site_data("homelab")
    del data["tenants"]["tenant101"]["guest_bgp"]["export_peer_loopbacks"]
    site = load_site(data)
    taken = [line for line in speaker_config(site, guest_of(site, "solcp01")).splitlines() if "IMPORT seq" in line]
    assert [line.split()[-1] for line in taken] == ["0.0.0.0/0", "::/0"]


@pytest.mark.frr
@pytest.mark.parametrize(
    ("example", "name"), [("homelab", "solcp01"), ("mixed", "mooncp01"), ("homelab", "isolated-1")]
)
def test_real_frr_takes_and_prints_every_line_of_a_guest(
    frr_root: Callable[[str], Path], example: str, name: str
) -> None:
    text = "\n".join(lines_of(example, name)) + "\n"
    with ScratchFrr(frr_root("10.3"), name, ("bgpd", "bfdd")) as frr:
        checked = frr.check(text)
        assert (checked.status, checked.text.strip()) == (0, "")
        frr.load(text)
        printed = {line.strip() for line in frr.running_config().splitlines()}
    defaults = {"detect-multiplier 3", "transmit-interval 300", "receive-interval 300"}  # which FRR does not print
    assert {line.strip() for line in text.splitlines()} - defaults - printed == set()


@pytest.mark.parametrize(("example", "name"), everybody())
def test_the_scripts_are_shell_and_the_tap_is_a_name_that_linux_takes(example: str, name: str) -> None:
    site = site_of(example)
    guest = guest_of(site, name)
    for script in (prepare_script(site, guest), plug_script(site, guest), stop_script(name)):
        checked = subprocess.run(["sh", "-n"], input=script, text=True, capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")
    assert len(f"tap{vm_number(guest)}i0") <= 15


def test_a_node_has_its_addresses_one_pod_and_discards_what_is_for_pods_that_are_not_there() -> None:
    site = site_of("homelab")
    script = prepare_script(site, guest_of(site, "solcp02")).splitlines()
    assert "address add fd00:101::12/64 dev eth0 nodad" in script
    assert "address add 10.101.0.12/24 dev eth0" in script
    on_lo = [line.split()[2] for line in script if line.startswith("address add") and line.endswith("dev lo")]
    assert on_lo == ["10.101.254.12/32", "fd00:101:fe::12/128", "10.101.241.1", "fd00:101:244:1::1"]
    discarded = [line.split()[-1] for line in script if line.startswith("route add blackhole")]
    assert discarded == ["10.101.241.0/24", "fd00:101:244:1::/64"]


def test_a_pod_range_of_one_address_is_that_address_and_is_not_discarded() -> None:
    data = site_data("homelab")
    data["clusters"]["sol"]["pods"]["ipv4"] = {"pool": "10.101.240.0/21", "node_length": 32}
    site = load_site(data)
    script = prepare_script(site, guest_of(site, "solcp02"))
    assert "address add 10.101.240.1 dev lo" in script
    assert "blackhole 10.101.240.1" not in script


def test_the_tap_carries_the_guests_mac_and_the_zones_mtu() -> None:
    site = site_of("homelab")
    script = prepare_script(site, guest_of(site, "solcp01"))
    assert "mtu 8950 type veth peer name eth0 mtu 8950 address bc:24:11:01:01:11 netns solcp01" in script


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


@pytest.fixture
def twin(tmp_path: Path) -> Twin:
    return Twin("x", REPOSITORY, site_data("homelab"), site_of("homelab"), FakeLab(tmp_path))  # type: ignore[arg-type]


def told(twin: Twin) -> list[tuple[str, str]]:
    access = twin.lab.access
    assert isinstance(access, RecordingAccess)
    return access.told


def test_a_move_prepares_the_new_place_before_it_ends_the_old_one_and_plugs_in_last(twin: Twin) -> None:
    twin.move_guest("solcp01", "pve02")
    site, guest = twin.site, guest_of(twin.site, "solcp01")
    assert told(twin) == [
        ("pve02", stop_script("solcp01") + prepare_script(site, guest)),
        ("pve01", stop_script("solcp01")),
        ("pve02", plug_script(site, guest)),
    ]
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
    site = site_of("homelab")
    guest = guest_of(site, "solwk02")
    prepared, plugged = prepare_script(site, guest), plug_script(site, guest)
    on_the_bridge = prepared.index("master vnet101 up")
    assert on_the_bridge < prepared.index("/usr/lib/frr/$daemon")
    assert "dev eth0 up" not in prepared
    assert "dev eth0 up" in plugged
