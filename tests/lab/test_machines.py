"""The lab's hosts as machines: three kernels boot here, and what is asked of them is asked over SSH."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.lab.three_hosts import demo_topology
from trellis.lab import network
from trellis.lab.controller import Lab, down, find, state_dir, up
from trellis.lab.errors import LabError
from trellis.lab.images import ensure_images
from trellis.lab.processes import run
from trellis.lab.topology import Topology

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(os.geteuid() != 0, reason="machines need root: network namespaces and mounts"),
]

LAB = "machines-tests"
HOSTS = ("pve01", "pve02", "pve03")


@pytest.fixture(scope="module")
def boot_seconds() -> dict[str, float]:
    return {}


@pytest.fixture(scope="module")
def lab(boot_seconds: dict[str, float]) -> Iterator[Lab]:
    down(LAB, print)  # of a run that was killed
    ensure_images("trixie", print)
    begun = time.monotonic()
    lab = up(demo_topology(LAB), print)
    boot_seconds["all"] = time.monotonic() - begun
    yield lab
    down(LAB, print)


def lonely(name: str, **changes: object) -> Topology:
    """A lab of one host on the management segment."""
    whole = demo_topology(name)
    host = replace(whole.machines[0], interfaces=whole.machines[0].interfaces[:1], **changes)  # type: ignore[arg-type]
    return replace(whole, networks=whole.networks[:1], machines=(host,), namespaces=whole.namespaces[:1])


def left_behind(name: str) -> list[str]:
    """All that can be seen of a lab on this machine."""
    namespaces = [line for line in run(["ip", "netns", "list"]).stdout.splitlines() if f"tl-{name}" in line]
    processes = [
        words
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if f"umid={name}-" in (words := cmdline(entry)) or f"tl-{name}" in words
    ]
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(state_dir(name)) in line]
    state = [str(state_dir(name))] if state_dir(name).exists() else []
    return [*namespaces, *processes, *mounts, *state]


def sessions() -> dict[int, list[int]]:
    """The machine's living processes by the session they belong to (proc(5), fields 3 and 6)."""
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        state, *fields = cmdline(entry).rpartition(")")[2].split() or "Z"
        if state != "Z":
            found.setdefault(int(fields[2]), []).append(int(entry.parent.name))
    return found


def cmdline(entry: Path) -> str:
    try:
        return entry.read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def as_root(lab: Lab, host: str, key: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A command on a host, from the controller's namespace and over the site's own network."""
    address = lab.topology.machine(host).interfaces[0].addresses[0].partition("/")[0]
    options = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(lab.state / "keys" / "known_hosts"),
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    inside = ["ip", "netns", "exec", network.namespace_of(LAB, "controller")]
    argv = [*inside, "ssh", "-F", "none", "-i", str(key), *words, f"root@{address}", command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)


def test_three_hosts_boot_together_within_a_minute(lab: Lab, boot_seconds: dict[str, float]) -> None:
    assert all(machine.booted() for machine in lab.machines)
    assert boot_seconds["all"] < 60


def test_every_host_has_a_kernel_and_a_systemd_of_its_own_and_nothing_failed(lab: Lab) -> None:
    said = lab.access.run_on_all(
        HOSTS,
        "hostname; cat /proc/1/comm /proc/sys/kernel/random/boot_id; "
        "systemctl is-active frr ssh; systemctl --failed --no-legend",
    )
    lines = {host: done.stdout.split() for host, done in said.items()}
    assert [lines[host][0] for host in HOSTS] == list(HOSTS)
    assert {lines[host][1] for host in HOSTS} == {"systemd"}
    assert len({lines[host][2] for host in HOSTS}) == 3
    assert {tuple(lines[host][3:]) for host in HOSTS} == {("active", "active")}


def test_root_logs_in_with_the_lab_s_key_over_the_sites_network_and_not_with_the_program_s(lab: Lab) -> None:
    done = as_root(lab, "pve02", lab.state / "keys" / "lab", "hostname")
    assert (done.stdout, done.stderr) == ("pve02\n", "")
    assert as_root(lab, "pve02", lab.program_key, "hostname").returncode == 255


def test_a_key_that_the_lab_did_not_make_is_refused(lab: Lab, tmp_path: Path) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")])
    done = as_root(lab, "pve02", tmp_path / "key", "hostname")
    assert done.returncode == 255
    assert "Permission denied" in done.stderr


def test_the_labs_own_way_in_leaves_no_trace_in_sshds_log_and_outlives_sshd(lab: Lab) -> None:
    count = "journalctl --unit ssh --boot --output cat | grep --count Accepted"
    before = lab.access.run("pve03", count, check=False).stdout
    lab.access.run("pve03", "systemctl stop ssh && systemctl start ssh")
    assert lab.access.run("pve03", count, check=False).stdout == before
    assert "vec0" not in lab.access.run("pve03", "ip -br link").stdout


def test_interfaces_bear_the_names_the_addresses_and_the_mtu_of_the_topology(lab: Lab) -> None:
    for spec in lab.topology.machines:
        shown = json.loads(lab.access.run(spec.name, "ip -json address").stdout)
        here = {entry["ifname"]: entry for entry in shown}
        assert set(here) == {"lo", "dummy_underlay", *(interface.name for interface in spec.interfaces)}
        for interface in spec.interfaces:
            seen = here[interface.name]
            assert (seen["mtu"], seen["address"]) == (interface.mtu, interface.hardware_address(spec.name))
            assert addresses(seen) == set(interface.addresses)
        assert addresses(here["dummy_underlay"]) == set(spec.loopbacks)
        assert not [
            one for entry in shown for one in entry["addr_info"] if one.get("dadfailed") or one.get("tentative")
        ]


def addresses(shown: dict[str, list[dict[str, object]]]) -> set[str]:
    return {f"{one['local']}/{one['prefixlen']}" for one in shown["addr_info"] if one["scope"] != "link"}


@pytest.mark.parametrize(
    ("host", "neighbour"),
    [
        ("pve01", "10.20.20.1"),  # cable to pve02
        ("pve01", "10.20.21.1"),  # cable to pve03
        ("pve02", "10.20.22.1"),  # cable to pve03
        ("pve01", "10.10.0.12"),  # host on the management segment
        ("pve03", "10.10.0.250"),  # the controller on the management segment
    ],
)
def test_a_frame_of_9000_bytes_crosses_whole_and_one_of_9001_is_refused(lab: Lab, host: str, neighbour: str) -> None:
    def ping(size: int) -> str:
        # 28 bytes of IPv4 and ICMP headers
        return lab.access.run(host, f"ping -c 1 -W 2 -M do -s {size - 28} {neighbour}", check=False).stdout

    assert " 0% packet loss" in ping(9000)
    assert " 100% packet loss" in ping(9001)


def test_the_kernel_has_what_an_evpn_host_needs(lab: Lab) -> None:
    script = """
    set -e
    ip link add try_vrf type vrf table 4000 && ip link set try_vrf up
    ip link add try_br type bridge && ip link set try_br master try_vrf up
    ip link add try_vx type vxlan id 4000 local 10.255.0.1 dstport 4789 nolearning
    ip link set try_vx master try_br up
    bridge link set dev try_vx neigh_suppress on learning off
    ip link add link try_br name try_br.7 type vlan id 7
    sysctl -qw net.ipv4.tcp_l3mdev_accept=1 net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    python3 - << 'END'
import socket, struct
address = struct.pack("=HH4s", socket.AF_INET, 0, socket.inet_aton("10.255.0.2")).ljust(128, b"\\0")
key = struct.pack("=BBHi80s", 0, 0, 3, 0, b"key")
socket.socket().setsockopt(socket.IPPROTO_TCP, 14, address + key)  # TCP_MD5SIG
END
    ip link del try_vx; ip link del try_br; ip link del try_vrf
    echo all of it
    """
    assert lab.access.run("pve01", "bash -s", stdin=script).stdout == "all of it\n"


def test_frrs_daemons_run_and_bfd_comes_up_between_two_hosts(lab: Lab) -> None:
    for host, own, other in (("pve01", 0, 1), ("pve02", 1, 0)):
        daemons = "sed -i -E 's/^(bgpd|ospfd|ospf6d|bfdd)=no/\\1=yes/' /etc/frr/daemons && systemctl restart frr"
        lab.access.run(host, daemons)
        peer = f"peer 10.20.20.{other} local-address 10.20.20.{own} interface vmbr1v20"
        lab.access.run(host, f"vtysh -c 'configure' -c 'bfd' -c '{peer}'")
        running = lab.access.run(host, "vtysh -c 'show daemons'").stdout.split()
        assert {"zebra", "mgmtd", "staticd", "bgpd", "ospfd", "ospf6d", "bfdd"} <= set(running)
    assert until(lambda: bfd_state(lab) == ["up"], seconds=15), bfd_state(lab)


def bfd_state(lab: Lab) -> list[str]:
    return [peer["status"] for peer in json.loads(lab.access.run("pve01", "vtysh -c 'show bfd peers json'").stdout)]


def until(holds: object, seconds: float) -> bool:
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.3)
    return True


def test_a_large_upload_and_its_download_arrive_whole(lab: Lab) -> None:
    text = "".join(f"{number:07d}\n" for number in range(40_000))
    lab.access.run("pve01", "cat > /var/tmp/upload", stdin=text)
    assert lab.access.run("pve01", "cat /var/tmp/upload").stdout == text


def test_a_cut_cable_carries_nothing_until_it_is_mended(lab: Lab) -> None:
    def reached() -> bool:
        return lab.access.run("pve03", "ping -c 1 -W 1 10.20.22.0", check=False).ok

    assert reached()
    network.set_link(lab.topology, "pve02", "vmbr1v22", up=False)
    try:
        assert not reached()
    finally:
        network.set_link(lab.topology, "pve02", "vmbr1v22", up=True)
    assert until(reached, seconds=10)


def test_a_second_up_starts_nothing_and_says_so(lab: Lab) -> None:
    before = [machine.pid() for machine in lab.machines]
    said: list[str] = []
    again = up(demo_topology(LAB), said.append)
    assert said == ["3 hosts are up already"]
    assert [machine.pid() for machine in again.machines] == before


def test_a_synced_file_outlives_a_power_cut_and_the_next_up_boots_only_that_host(lab: Lab) -> None:
    others = [lab.machine(name).pid() for name in HOSTS[:2]]
    first = lab.access.run("pve03", "cat /proc/sys/kernel/random/boot_id").stdout
    lab.access.run("pve03", "echo kept > /root/synced && sync")
    session = sessions()[lab.machine("pve03").pid() or 0]
    lab.machine("pve03").power_cut()
    assert len(session) > 5  # a process for each of the host's own
    assert until(lambda: not set(session) & {pid for alive in sessions().values() for pid in alive}, seconds=5)
    assert not lab.machine("pve03").running()
    assert not find(LAB, print).machine("pve03").booted()
    with pytest.raises(LabError):
        lab.access.run("pve03", "true")
    said: list[str] = []
    up(demo_topology(LAB), said.append)
    assert any("booting pve03 " in line for line in said), said
    boots = "cat /root/synced /proc/sys/kernel/random/boot_id; journalctl --list-boots --quiet | wc -l"
    kept, second, count = lab.access.run("pve03", boots).stdout.split()
    assert (kept, int(count) >= 2) == ("kept", True)
    assert second != first.strip()
    assert [lab.machine(name).pid() for name in HOSTS[:2]] == others


def test_a_host_that_reboots_by_itself_is_the_same_machine_and_comes_back(lab: Lab) -> None:
    machine = lab.machine("pve02")
    pid, first = machine.pid(), lab.access.run("pve02", "cat /proc/sys/kernel/random/boot_id").stdout
    lab.access.run("pve02", "systemctl reboot", check=False)
    assert until(lambda: not machine.booted(), seconds=15)
    machine.wait_until_booted(time.monotonic() + 60)
    machine.connection.unlink(missing_ok=True)
    assert lab.access.run("pve02", "cat /proc/sys/kernel/random/boot_id").stdout != first
    assert machine.pid() == pid


def test_down_leaves_nothing_of_its_own_lab_touches_no_other_and_can_be_repeated(lab: Lab) -> None:
    name = f"{LAB}-2"
    down(name, print)
    other = up(lonely(name), print)
    other.access.run("pve01", "true")
    # Somebody's program still runs in a namespace: it would keep the cables alive.
    inside = ["ip", "netns", "exec", network.namespace_of(name, "controller"), "sleep", "600"]
    with subprocess.Popen(inside) as process:
        assert left_behind(name)
        assert down(name, print) is True
        assert process.wait(timeout=5) != 0
    assert left_behind(name) == []
    assert down(name, print) is False
    assert all(machine.booted() for machine in lab.machines)


def test_a_host_that_does_not_boot_is_named_with_the_end_of_its_console_and_nothing_is_left() -> None:
    name = f"{LAB}-3"
    down(name, print)
    with pytest.raises(LabError) as raised:
        up(lonely(name, memory_mib=16), print)  # too little for this kernel
    assert raised.value.what == "host pve01"
    assert "the end of its console:\n    " in raised.value.why
    assert "memory" in raised.value.why.lower()
    down(name, print)
    assert left_behind(name) == []


def test_a_start_that_was_cut_short_is_cleared_by_down(lab: Lab) -> None:
    name = f"{LAB}-4"
    down(name, print)
    state = state_dir(name)
    state.mkdir(parents=True)
    topology = lonely(name)
    (state / "images.json").write_text(lab.images.to_json())
    (state / "topology.json").write_text(topology.to_json())
    run(["ip", "netns", "add", network.fabric_namespace(name)])
    assert not network.exists(topology)
    assert down(name, print) is True
    assert left_behind(name) == []


def test_a_lab_whose_state_was_lost_is_neither_taken_over_nor_left_for_ever() -> None:
    name = f"{LAB}-5"
    down(name, print)
    run(["ip", "netns", "add", network.fabric_namespace(name)])
    with pytest.raises(LabError, match="its starter kept its state elsewhere"):
        up(lonely(name), print)
    assert network.present(name) == [network.fabric_namespace(name)]
    assert down(name, print) is True
    assert left_behind(name) == []
