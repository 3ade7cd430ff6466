"""Reads an existing cluster for ``trellis import``: from a folder, or from its hosts over SSH and Proxmox's API.

Nothing is written anywhere: hosts are asked with `cat` and the like, the API with GET.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trellis.adoption import GivenCluster, GivenHost, Section, Vm
from trellis.adoption.given import HOST_COMMANDS, HOST_FILES, HOST_KEY, SDN_KINDS, sections
from trellis.cli.console import Mistake
from trellis.cli.proxmox import TOKEN_VARIABLE
from trellis.site import Refusal
from trellis.site.refusal import raise_if_any

if TYPE_CHECKING:
    from trellis.observe.virtual_machines import Asked, Machine
    from trellis.remote import Login, Unreached

ETC_PVE = "etc-pve"
"""The folder with a copy of ``/etc/pve``."""

_KEYS = {"controllers": "controller", "zones": "zone", "vnets": "vnet", "subnets": "subnet"}


def read_folder(folder: Path, known_hosts: Path | None, endpoint: str | None) -> GivenCluster:
    """Return what a folder has of a cluster.

    Args:
        folder: One folder per host, and ``etc-pve``.
        known_hosts: Host keys, for hosts whose own file is not there.
        endpoint: Where the Proxmox API is.

    Raises:
        SiteRefused: Something cannot be read; all of it is named.
        Mistake: There is no host in the folder.
    """
    problems: list[Refusal] = []
    keys = keys_of(known_hosts)
    addresses = _addresses(folder / ETC_PVE)
    hosts = []
    for path in sorted(one for one in folder.iterdir() if one.is_dir() and one.name != ETC_PVE):
        files = {file: text for file in (*HOST_FILES, *HOST_COMMANDS) if (text := _text(path / file, problems))}
        if files:
            key = _key(files.get(HOST_KEY, "")) or keys.get(path.name) or keys.get(addresses.get(path.name, ""))
            hosts.append(GivenHost(path.name, files, addresses.get(path.name), key))
    if not hosts and not problems:
        raise Mistake(
            f"{folder} has no host\n"
            "  remedy: make a folder for each, with its frr.conf and frr.conf.local; see docs/import.md"
        )
    sdn = {
        path.stem: _sections(path, f"{ETC_PVE}/sdn/{path.name}", problems)
        for path in sorted((folder / ETC_PVE / "sdn").glob("*.cfg"))
    }
    vms = [
        _vm(path, text)
        for path in sorted((folder / ETC_PVE).glob("nodes/*/qemu-server/*.conf"))
        if path.stem.isdigit() and (text := _text(path, problems))
    ]
    raise_if_any(problems)
    return GivenCluster(tuple(hosts), sdn, tuple(vms), endpoint)


def read_hosts(logins: Sequence[Login], endpoint: str | None) -> GivenCluster:
    """Return what hosts and Proxmox say.

    Args:
        logins: The hosts.
        endpoint: Where the Proxmox API is; nobody is asked without.

    Raises:
        SiteRefused: A host could not be read; all that could not are named.
        Mistake: Proxmox can't be asked.
    """
    from trellis.remote import Unreached
    from trellis.remote.across import across

    problems: list[Refusal] = []
    hosts = []
    by_name = {login.host: login for login in logins}
    for name, found in across(logins, _files_over_ssh).items():
        if isinstance(found, Unreached):
            problems.append(_unreached(found))
        else:
            hosts.append(GivenHost(name, found, by_name[name].address, by_name[name].host_key))
    raise_if_any(problems)
    sdn, vms = _proxmox(endpoint) if endpoint is not None else ({}, ())
    return GivenCluster(tuple(hosts), sdn, vms, endpoint)


def keys_of(known_hosts: Path | None) -> dict[str, str]:
    """Return the host keys of a file as ssh-keyscan writes it, by name and by address; ed25519 before others.

    Args:
        known_hosts: The file; None for none.

    Raises:
        Mistake: It can't be read.
    """
    if known_hosts is None:
        return {}
    try:
        lines = known_hosts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise Mistake(f"--known-hosts {known_hosts}: {error.strerror}") from None
    found: dict[str, str] = {}
    for words in sorted((line.split() for line in lines), key=lambda words: words[1:2] != ["ssh-ed25519"]):
        if len(words) >= 3 and not words[0].startswith(("#", "@", "|")):
            for name in words[0].split(","):
                found.setdefault(re.sub(r"^\[(.+)\]:\d+$", r"\1", name), f"{words[1]} {words[2]}")
    return found


def _files_over_ssh(login: Login) -> Mapping[str, str]:
    from trellis.remote import Unreached
    from trellis.remote.connection import Connection

    files: dict[str, str] = {}
    with Connection(login) as connection:
        for name, path in HOST_FILES.items():
            answer = connection.run(f"test ! -e {path} || cat {path}")
            if answer.status:
                why = answer.err.strip().splitlines()[-1:] or [f"status {answer.status}"]
                raise Unreached(
                    login.host, "read", f"{path}: {why[0]}", "log in as somebody who may read it: --user root"
                )
            files[name] = answer.out
        for name, command in HOST_COMMANDS.items():
            files[name] = connection.run(command).out
    return {name: text for name, text in files.items() if text}


def _proxmox(endpoint: str) -> tuple[dict[str, tuple[Section, ...]], tuple[Vm, ...]]:
    from trellis.observe.virtual_machines import VirtualMachines
    from trellis.pve_api.client import Api, ApiProblem

    token = os.environ.get(TOKEN_VARIABLE)
    if not token:
        raise Mistake(
            f"{TOKEN_VARIABLE} holds no token to ask Proxmox with\n"
            f"  remedy: export {TOKEN_VARIABLE}='USER@REALM!NAME=SECRET', a token with SDN.Audit on /sdn and\n"
            "          VM.Audit on /vms"
        )
    api = Api(endpoint, token)
    try:
        sdn = proxmox_objects(api)
        machines = VirtualMachines(api).read()
    except ApiProblem as problem:
        raise Mistake(
            f"{endpoint} does not say what its SDN and VMs are: {problem}\n"
            "  remedy: see that the API answers, and that the token has SDN.Audit on /sdn and VM.Audit on /vms;\n"
            "          SSL_CERT_FILE names the cluster's authority, /etc/pve/pve-root-ca.pem there",
            exit_code=2,
        ) from None
    return sdn, tuple(map(_of_machine, machines.by_vmid.values()))


def proxmox_objects(api: Asked) -> dict[str, tuple[Section, ...]]:
    """Return Proxmox's SDN objects as its API has them in force.

    Args:
        api: What is asked.

    Raises:
        ApiProblem: It does not answer.
    """
    sdn = {kind: tuple(_objects(kind, f"/cluster/sdn/{kind}", api)) for kind in SDN_KINDS if kind != "subnets"}
    vnets = [vnet.id for vnet in sdn["vnets"]]
    subnets = (one for vnet in vnets for one in _objects("subnets", f"/cluster/sdn/vnets/{vnet}/subnets", api))
    return {**sdn, "subnets": tuple(subnets)}


def _objects(kind: str, path: str, api: Asked) -> Iterable[Section]:
    key, answer = _KEYS[kind], api.get(path)
    for entry in answer if isinstance(answer, list) else ():
        values = {name: str(value) for name, value in entry.items() if name not in (key, "type")}
        yield Section(str(entry.get("type", key)), str(entry[key]), values, f"GET {path}")


def _of_machine(machine: Machine) -> Vm:
    cards = tuple((int(card.name.removeprefix("net")), card.mac, card.bridge) for card in machine.cards)
    return Vm(machine.vmid, machine.node, machine.name, cards)


def _vm(path: Path, text: str) -> Vm:
    """Return a VM of a file of ``/etc/pve/nodes/NODE/qemu-server``, without its snapshots."""
    from trellis.observe.virtual_machines import cards_of

    now = re.split(r"^\[", text, maxsplit=1, flags=re.MULTILINE)[0]
    config = dict(line.split(": ", 1) for line in now.splitlines() if ": " in line and not line.startswith("#"))
    cards = tuple((int(card.name.removeprefix("net")), card.mac, card.bridge) for card in cards_of(config))
    return Vm(int(path.stem), path.parent.parent.name, config.get("name", ""), cards)


def _text(path: Path, problems: list[Refusal]) -> str:
    if not path.exists():
        return ""
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else f"byte {error.start} is no UTF-8"
        rule, why = "what is there can be read", "what it says would be missing without a word"
        problems.append(Refusal(str(path), str(said), rule, why, "make it a readable text, or remove it"))
        return ""


def _sections(path: Path, place: str, problems: list[Refusal]) -> tuple[Section, ...]:
    try:
        return tuple(sections(_text(path, problems), place))
    except ValueError as error:
        rule, why = (
            "a file of Proxmox's SDN holds objects, each with its keys indented",
            "nobody could tell whose it is",
        )
        problems.append(Refusal(place, str(error), rule, why, "copy /etc/pve/sdn again"))
        return ()


def _addresses(etc_pve: Path) -> dict[str, str]:
    """Return where nodes are reached, as corosync.conf has it."""
    path = etc_pve / "corosync.conf"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    found = {}
    for block in re.findall(r"\bnode \{([^}]*)\}", text):
        pairs = dict(re.findall(r"(\w+): (\S+)", block))
        if "name" in pairs and "ring0_addr" in pairs:
            found[pairs["name"]] = pairs["ring0_addr"]
    return found


def _key(text: str) -> str | None:
    words = text.split()
    return " ".join(words[:2]) if len(words) >= 2 else None


def _unreached(found: Unreached) -> Refusal:
    rule, why = "each host can be read", "the site would lack it, and the others' sessions with it"
    return Refusal(found.host, f"{found.step}: {found.why}", rule, why, found.remedy)
