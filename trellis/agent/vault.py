"""The secrets that this host was given: put in the place of their placeholders, and taken out again.

Everything that the agent is sent, compares, digests, keeps and prints has placeholders, `{{secret:NAME}}`. A value is
put in at the last moment and in memory, where a file is written (`files.stage`) or compared by its bytes, and taken
out at the first, where FRR prints what it runs (`frr.running_config`). So values stand in the store, in the files
that FRR reads, and in the copies of these in backups, and nowhere else.

Deliberately elsewhere: the command that changes the store (`secrets.py`), and how frr-reload.py, which logs what it
does, is kept from seeing a value (`veil.py`).
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from trellis.agent.report import Fault, never_say

STORE = Path("/var/lib/trellis/secrets.json")
"""Root's, mode 0600: a JSON object, name -> value."""

FOLDER = Path("/etc/frr")
"""Where the files lie that values are put into; what keeps others from reading them, for one of them is Proxmox's."""

PLACEHOLDER = re.compile(r"\{\{secret:(~?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\}\}")
"""What stands for a value. 74 characters at most, for FRR takes 80; no text of a site can hold a brace."""

ALLOWED = re.compile(r"[A-Za-z0-9._~+/=@%:,-]{8,80}")
"""What a value may be. 80 is FRR's limit. A space ends FRR's word, Proxmox's merge drops a line with `!`, and quotes,
`$`, `?` and backslashes mean something to the routers that the other end is typed into. A shorter one is found out
from a single packet (RFC 2385 asks for 12 or more)."""

ALLOWED_WORDS = "8-80 of a-z, A-Z, 0-9 and . _ ~ + / = @ % : , -"

_PASSWORD = re.compile(r"^([ \t]*neighbor \S+ password )(\S+)[ \t]*$", re.MULTILINE)


class _Values:
    """What this process knows: values in force, and those that they are about to replace."""

    def __init__(self) -> None:
        self.now: dict[str, str] | None = None
        self.before: dict[str, str] = {}


_known = _Values()


def values() -> Mapping[str, str]:
    """Name -> value, as this host was given them.

    Raises:
        Fault: The store cannot be read.
    """
    if _known.now is None:
        _known.now = _stored()
        never_say(_known.now.values())
    return _known.now


def change_to(wanted: Mapping[str, str]) -> None:
    """Fill in other values from here on; what FRR still runs of the earlier ones is told from them.

    Args:
        wanted: Name -> value, all of them.
    """
    _known.before = dict(values())
    _known.now = dict(wanted)
    never_say(wanted.values())


def reread() -> None:
    """Fill in what the store holds now; what FRR still runs of the values known until here is told from them."""
    change_to(_stored())


def changed() -> frozenset[str]:
    """Names whose value is another than before `change_to`."""
    now = values()
    return frozenset(name for name, value in _known.before.items() if now.get(name) != value)


def placeholder(name: str) -> str:
    """What stands for the value of that name."""
    return f"{{{{secret:{name}}}}}"


def fill(content: bytes) -> bytes:
    """Return a file's bytes with each value in the place of its placeholder; one that is not here stays."""
    if b"{{secret:" not in content:
        return content
    known = {**{f"~{name}": value for name, value in _known.before.items()}, **values()}
    text = content.decode(errors="surrogateescape")
    filled = PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), text)
    return filled.encode(errors="surrogateescape")


def hide(text: str) -> str:
    """Return FRR's configuration with each value that is known here replaced by its placeholder."""
    if " password " not in text:
        return text
    names = dict(_pairs())
    return _PASSWORD.sub(lambda found: found[1] + _hidden(names, found[2]), text)


def pairs() -> list[tuple[str, str]]:
    """Each placeholder with its value, also of the values that are about to be replaced."""
    return [(placeholder(name), value) for value, name in _pairs()]


def used(texts: Iterable[str]) -> set[str]:
    """The names of the secrets whose placeholders stand in some texts."""
    return {name for text in texts if "{{secret:" in text for name in PLACEHOLDER.findall(text)}


def refuse_unless_known(texts: Iterable[str]) -> None:
    """Raise a Fault when a text has a placeholder whose value this host was not given, or would not keep to itself."""
    wanted = used(texts)
    if wanted and FOLDER.stat().st_mode & 0o007:
        # Proxmox writes frr.conf there with mode 0644.
        why = "everybody on this host could read the keys of sessions in it"
        raise Fault(f"{FOLDER} is open to all users", why, f"`chmod o= {FOLDER}`, as FRR's package has it")
    if lacking := sorted(wanted - values().keys()) if wanted else []:
        first = lacking[0]
        raise Fault(
            f"this host has no value for {', '.join(lacking)}",
            "a session needs the key, and FRR would take its placeholder for one",
            f"`pulumi config set --secret --path 'trellis:secrets.{first}'`, then `pulumi up`: "
            "it sends the value before it commits",
        )


def rekeyed(before: str, after: str) -> frozenset[tuple[str, str]]:
    """The sessions whose key a change sets, changes or removes: they end, and wait for the other side.

    Args:
        before: A configuration as `frr.running_config` gives it.
        after: The intended one.

    Returns:
        VRF (`default` for the global table) and the neighbour's address, or its group's name.
    """
    fresh = {placeholder(name) for name in changed()}
    old, new = _keys(before), _keys(after)
    return frozenset(
        session
        for session in old.keys() & new.keys()
        if old[session] != new[session] or (new[session] is not None and new[session] in fresh)
    )


def _keys(text: str) -> dict[tuple[str, str], str | None]:
    """Each neighbour and group of each BGP instance, with its key or its group's."""
    keys: dict[tuple[str, str], str | None] = {}
    own: dict[tuple[str, str], str] = {}
    group: dict[tuple[str, str], str] = {}
    vrf: str | None = None
    for line in text.splitlines():
        words = line.split()
        if line.startswith("router "):
            vrf = (words[4] if words[3:4] == ["vrf"] else "default") if words[1:2] == ["bgp"] else None
        elif not line.startswith((" ", "!", "\t")) and words:
            vrf = None
        elif vrf is not None and words[:1] == ["neighbor"] and len(words) > 2:
            speaker = vrf, words[1]
            keys.setdefault(speaker, None)
            if words[2] == "password" and len(words) > 3:
                own[speaker] = words[3]
            elif words[2] == "peer-group" and len(words) > 3:
                group[speaker] = words[3]
    return {speaker: own.get(speaker, own.get((speaker[0], group.get(speaker, "")))) for speaker in keys}


def _pairs() -> Iterator[tuple[str, str]]:
    """Value and name, those in force last: of two equal values theirs is the name."""
    yield from ((value, f"~{name}") for name, value in _known.before.items())
    yield from ((value, name) for name, value in values().items())


def _hidden(names: Mapping[str, str], value: str) -> str:
    return placeholder(names[value]) if value in names else value


def _stored() -> dict[str, str]:
    try:
        entry = json.loads(STORE.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        # Not the error's own text: JSON's quotes what it could not read.
        why = f"it cannot be read ({type(error).__name__})"
        raise Fault(str(STORE), why, "`pulumi up --target` the host's secrets resource, or remove the file") from None
    kept = entry.get("secrets") if isinstance(entry, dict) else None
    return {str(name): str(value) for name, value in kept.items()} if isinstance(kept, dict) else {}


def stored_text(wanted: Mapping[str, str]) -> str:
    """What the store holds for some values."""
    return json.dumps({"schema_version": 1, "secrets": dict(sorted(wanted.items()))}, indent=1) + "\n"


def load_quietly() -> None:
    """Read the store, so that none of its values is ever printed; whoever needs one is told what is wrong with it."""
    with contextlib.suppress(Fault):
        values()
