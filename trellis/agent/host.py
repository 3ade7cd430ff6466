"""How a host differs from a manifest: read only, and so the one measure for deploying, verifying and checking."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass, field

from trellis.agent import files, firewall, frr, loopbacks, outside, sysctl, units, vault
from trellis.agent.manifest import RUNNING_CONFIG, ManagedFile, Manifest
from trellis.agent.normalise import difference, shown
from trellis.agent.process import run
from trellis.agent.report import Fault, masked

_ASK_S = 20.0
"""Time limit for asking the host what it has installed, in seconds."""


@dataclass(slots=True)
class Differences:
    """All in which a host is not as its manifest says; empty lists where it is.

    Attributes:
        files: Path and what of it differs: `missing`, `content`, `mode`, `owner`, `group`.
        missing: Lines of the intended configuration that FRR does not run.
        unexpected: Lines that FRR runs and nobody intended.
        daemons: Daemons that should run and do not answer.
        sysctls: `key = found, not wanted`.
        loopbacks: In what their interface, or its stanza, is not as wanted.
        firewall: Lines of the host's table that are missing or unexpected.
        units: Units that are not up, or do not come up at boot.
    """

    files: dict[str, list[str]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    daemons: list[str] = field(default_factory=list)
    sysctls: list[str] = field(default_factory=list)
    loopbacks: list[str] = field(default_factory=list)
    firewall: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(asdict(self).values())

    def __str__(self) -> str:
        counts = {
            "file(s) differ": len(self.files),
            "line(s) missing": len(self.missing),
            "line(s) unexpected": len(self.unexpected),
            "daemon(s) down": len(self.daemons),
            "sysctl(s) differ": len(self.sysctls),
            "loopback(s) differ": len(self.loopbacks),
            "line(s) of the firewall differ": len(self.firewall),
            "unit(s) differ": len(self.units),
        }
        return ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "none"

    def details(self) -> list[str]:
        """Each difference as a line of its own."""
        named = [f"{path} ({', '.join(what)})" for path, what in self.files.items()]
        beside = [*self.loopbacks, *self.firewall, *self.units]
        return [*named, *self.daemons, *self.sysctls, *beside, *self.missing, *self.unexpected]


def differences(manifest: Manifest) -> Differences:
    """Compare this host with a manifest, without touching anything."""
    found = Differences()
    for file in manifest.files:
        if changed := file_differences(manifest, file):
            found.files[file.path] = changed
    found.daemons = sorted(frr.needed(manifest.daemons) - frr.alive().keys())
    missing, unexpected = difference(manifest.intent, frr.running_config())
    found.missing = [masked(line) for line in shown(missing)]
    found.unexpected = [masked(line) for line in shown(unexpected)]
    found.sysctls = [
        f"{key} = {value}, not {wanted}" for key, wanted, value in sysctl.differing(wanted_sysctls(manifest))
    ]
    differences_outside(manifest, found)
    return found


def differences_outside(manifest: Manifest, found: Differences) -> None:
    """Compare what is outside FRR, and add what differs."""
    if manifest.loopbacks:
        found.loopbacks = loopbacks.differences(manifest.loopbacks, manifest.kind)
    found.firewall = firewall.differences(outside.table(manifest))
    found.units = units.differences(manifest.up)


def file_differences(manifest: Manifest, file: ManagedFile) -> list[str]:
    """In what a file on the host differs from the manifest's.

    On a Proxmox host frr.conf is Proxmox's to write: there it may be laid out differently as long as it says the
    same, and its mode and owner are Proxmox's as well.
    """
    actual = files.found(file.path)
    changed = files.differences(file, actual)
    if actual is None or manifest.kind != "pve" or file.path != RUNNING_CONFIG:
        return changed
    return ["content"] if any(difference(file.text, vault.hide(actual.content.decode(errors="replace")))) else []


def wanted_sysctls(manifest: Manifest) -> list[sysctl.Setting]:
    """The kernel parameters that a manifest sets."""
    return sysctl.settings(manifest.file(manifest.sysctls).text) if manifest.sysctls else []


def refuse_another_host(host: str) -> None:
    """Raise a Fault when a document is another host's."""
    name = os.uname().nodename.partition(".")[0]
    if name != host:
        raise Fault(
            f"this host is {name}",
            f"the manifest is for {host}; FRR would print another hostname and reload it for ever",
            "check the host's address in the site, or its hostname",
        )


def refuse_unless_meant_for_this_host(manifest: Manifest) -> None:
    """Raise a Fault when the manifest is another host's, or rendered for another FRR or Proxmox."""
    refuse_another_host(manifest.host)
    version = frr.version()
    if version != manifest.frr_version:
        raise Fault(
            f"FRR {version} is installed",
            f"the configuration was rendered for {manifest.frr_version}",
            f"set the host's FRR version in the site to {version}, or install {manifest.frr_version}",
        )
    if manifest.pve_version is not None:
        refuse_another_proxmox(manifest.pve_version, manifest.pve_network)


def other_than_meant(manifest: Manifest) -> list[str]:
    """In what this host is not the one that a manifest was rendered for: its name, its FRR, its Proxmox."""
    try:
        refuse_unless_meant_for_this_host(manifest)
    except Fault as fault:
        return [f"{fault.what}: {fault.why}"]
    return []


def refuse_another_proxmox(release: str, pve_network: tuple[str, str | None] | None) -> None:
    """Raise a Fault when this host's Proxmox would generate or merge otherwise than was computed.

    One release of Proxmox has carried more than one way to merge, so its package counts too, where there is one.
    """
    found = re.match(r"pve-manager/([0-9]+\.[0-9]+)", run(["pveversion"], _ASK_S).out)
    if found is None or found[1] != release:
        raise Fault(
            f"this host runs Proxmox VE {found[1] if found else '(pveversion names none)'}",
            f"the configuration was computed for {release}, and what Proxmox makes of it depends on its release",
            "set the host's pve_version in the site to what `pveversion` prints",
        )
    package = run(["dpkg-query", "--show", "--showformat=${Version}", "libpve-network-perl"], _ASK_S)
    if pve_network is None or package.status != 0:
        return
    first, before = pve_network
    installed = package.out.strip()
    if _numbers(installed) < _numbers(first) or (before is not None and _numbers(installed) >= _numbers(before)):
        raise Fault(
            f"libpve-network-perl {installed} is installed",
            f"the configuration was computed for {first} or newer{f', before {before}' if before else ''}: "
            "others merge frr.conf.local in another way",
            "update the host's packages (apt full-upgrade), or set its pve_version in the site",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"[0-9]+", version.partition("-")[0])[:3])
