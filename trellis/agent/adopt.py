"""What a first deploy would replace on a host that was configured before: nobody loses it unawares.

Foreign is a line that the host runs or would read at its next start, and that the manifest does not have. What the
packages bring, and what Proxmox itself generated for our SDN, is not. A site declares that foreign lines may go by
their digest; it fits these lines alone, so that nothing which somebody adds later goes with them.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from trellis.agent import files, firewall, frr, vault
from trellis.agent.manifest import RUNNING_CONFIG, Manifest
from trellis.agent.normalise import normalise, shown
from trellis.agent.report import Refusal, Refused, masked, some

RUNNING = "running configuration"
"""The place of lines that FRR runs."""

TABLE = "table inet trellis"
"""The place of a table of ours that nobody of us made."""

_FRR_TEXTS = ("/etc/frr/frr.conf", "/etc/frr/frr.conf.local")
_DAEMON_CONFIG = "/etc/frr/[a-z0-9]+d[.]conf"

PACKAGED: dict[str, str] = {
    r"frr defaults (traditional|datacenter)": "FRR prints the profile that it was built or started with",
    r"hostname \S+|domainname \S+": "FRR prints the host's own",
    r"log syslog( informational)?": "Debian's frr.conf, and Proxmox's header",
    r"(no )?service integrated-vtysh-config": "vtysh.conf of the package, Proxmox's header",
    r"(no )?(ip|ipv6) forwarding": "FRR prints what the kernel is set to",
}
"""Lines that a host has without anybody's doing, each with the reason."""

PACKAGED_OPTIONS = {"-A", "127.0.0.1", "::1", "-s", "90000000"}
"""Words of the daemons' options as Debian's and FRR's own packages bring them (frr 10.3, 10.7)."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """What a first deploy would replace: by place, the lines there that the manifest lacks, secrets masked."""

    places: dict[str, list[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.places)

    @property
    def digest(self) -> str:
        """What a site declares these lines by."""
        text = json.dumps(self.places, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def foreign(manifest: Manifest) -> Foreign:
    """Look for what a first deploy of a manifest would replace, without touching it.

    Raises:
        Fault: Something cannot be read.
    """
    known = normalise(manifest.intent) | normalise("\n".join(manifest.base or ()))
    found: dict[str, list[str]] = {}
    ours = {file.path: file.text for file in manifest.files}
    running = normalise(frr.running_config())
    _note(found, RUNNING, [line for line in shown(sorted(running - known)) if not _packaged(line)])
    for path in sorted({*ours, *_FRR_TEXTS, *_other_configs()}):
        actual = files.found(path)
        if actual is None or (path == RUNNING_CONFIG and manifest.kind == "pve"):
            continue  # on a Proxmox host that file is Proxmox's: what counts of it is what FRR runs
        text = vault.hide(actual.content.decode(errors="replace"))
        if path in _FRR_TEXTS or re.fullmatch(_DAEMON_CONFIG, path):
            lines = shown(sorted(normalise(text) - known - normalise(ours.get(path, ""))))
            lines = [line for line in lines if not _packaged(line) and line not in found.get(RUNNING, ())]
        elif path in frr.DAEMON_FILES:
            lines = _daemon_lines(text, ours.get(path, ""), manifest.daemons)
        else:
            lines = _plain_lines(text, ours.get(path, ""))
        _note(found, path, lines)
    if firewall.loaded() is not None:
        _note(found, TABLE, ["it is loaded, and no deploy of ours has loaded it"])
    return Foreign(found)


def refuse_unless_declared(manifest: Manifest) -> None:
    """Raise when a first deploy would replace what nobody declared.

    Raises:
        Refused: With a reason for each place.
    """
    found = foreign(manifest)
    if not found or found.digest == manifest.replaces:
        return
    declared = f"hosts.{manifest.host}.replaces"
    changed = f"{declared} is {manifest.replaces[:12]}..., which was for other lines: " if manifest.replaces else ""
    remedy = (
        f"see all of it with `trellis adopt {manifest.host}`; put into the site what is to stay, and declare the rest "
        f"by {declared}: {found.digest}"
    )
    why = f"{changed}what an operator configured by hand would be gone, and the host's neighbours with it"
    rule = "a first deploy replaces only what the site has, or declares to go"
    raise Refused([Refusal(place, some(lines), rule, why, remedy) for place, lines in found.places.items()])


def _note(found: dict[str, list[str]], place: str, lines: list[str]) -> None:
    if lines:
        # Masked before they are digested: a digest of a short secret in a public site would give it away.
        found[place] = [masked(line) for line in lines]


def _packaged(line: str) -> bool:
    return any(re.fullmatch(form, line) for form in PACKAGED)


def _other_configs() -> list[str]:
    """Configurations of single daemons, which FRR reads at its start, beside frr.conf."""
    return [str(path) for path in Path("/etc/frr").glob("*d.conf") if re.fullmatch(_DAEMON_CONFIG, str(path))]


def _daemon_lines(text: str, ours: str, daemons: tuple[str, ...]) -> list[str]:
    """Settings of FRR's start that would be lost: daemons that we do not start, and options of one's own."""
    kept = set(_plain_lines(ours, ""))
    lines = []
    for line in _plain_lines(text, ""):
        name, _, value = line.partition("=")
        words = value.strip("\"' ").split()
        if line in kept or words in (["no"], []) or name.strip() == "vtysh_enable":
            continue
        if words == ["yes"] and name.strip() in daemons:
            continue
        if name.strip().endswith("_options") and set(words) <= PACKAGED_OPTIONS:
            continue
        lines.append(line)
    return lines


def _plain_lines(text: str, ours: str) -> list[str]:
    """Lines of a text that say something, in their order, without those that ours has too."""
    kept = {line.strip() for line in ours.splitlines()}
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(("#", ";")) and line not in kept]
