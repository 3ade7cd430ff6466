"""Makes the one file that a host gets out of this package's modules.

The file holds each module's source as it stands here, so it can be read and compared on the host, and runs them as
the modules they are. The same sources always make the same bytes: a digest tells whether a host has this agent.
It travels packed, a third of its size, by `trellis install` alone; whoever calls it later names it by its digest.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import lzma
from functools import cache
from pathlib import Path

from trellis.agent.itself import AGENT_PATH

MODULES = (
    "report",
    "vault",
    "itself",
    "process",
    "shape",
    "harmless",
    "ground",
    "manifest",
    "normalise",
    "lock",
    "files",
    "veil",
    "sysctl",
    "interface_lines",
    "costs",
    "frr",
    "state",
    "freeze",
    "drain",
    "history",
    "backups",
    "timer",
    "limits",
    "confirm",
    "devices",
    "interfaces",
    "preconditions",
    "loopbacks",
    "firewall",
    "advertising",
    "units",
    "outside",
    "host",
    "adopt",
    "drift",
    "preflight",
    "sessions",
    "accepted",
    "target",
    "recovery",
    "change",
    "mending",
    "between",
    "transaction",
    "release",
    "vty",
    "peers",
    "control_plane",
    "transit",
    "operate",
    "secrets",
    "prepare",
    "repairs",
    "guard",
    "observe",
    "route",
    "live",
    "install",
    "main",
)
"""The modules that a host needs, each behind those that it imports."""

OF_PVE = (
    "versions",
    "model",
    "generated",
    "reasons",
    "rules",
    "grammar",
    "blocks",
    "nodes",
    "losses",
    "reading",
    "sorted_text",
    "verbatim",
    "merge",
)
"""Modules of trellis.pve that a host needs: how Proxmox merges frr.conf.local, for states between two deploys."""

UNPACK = (
    'python3 -I -c "import base64, lzma, sys; '
    'sys.stdout.buffer.write(lzma.decompress(base64.b64decode(sys.stdin.read())))"'
)
"""A shell command that reads ``packed_agent()`` and writes ``agent_text()``; it fails if what it reads is not whole."""

_HEAD = '''\
#!/usr/bin/python3 -I
"""The Trellis agent. Made from the package trellis.agent by its bundle.py: change it there, not here.

{usage}"""

import sys

_SOURCES = {{}}


class _Modules:
    """Finds modules in this file, and compiles each when it is first imported: most runs need half of them."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in _SOURCES:
            return None
        return type(sys.__spec__)(name, _Modules, is_package=not _SOURCES[name])

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        exec(compile(_SOURCES[module.__name__], __file__ + ":" + module.__name__, "exec"), module.__dict__)


sys.meta_path.insert(0, _Modules)
_SOURCES["trellis"] = _SOURCES["trellis.agent"] = _SOURCES["trellis.pve"] = ""
'''

_TAIL = """
if __name__ == "__main__":
    from trellis.agent.main import main

    sys.exit(main())
"""


@cache
def agent_text() -> str:
    """The whole text of the agent's one file, made once: every host gets the same.

    That no module needs what a host may not have is held by ``tests/agent/test_bundle.py``, not looked at each time.
    """
    package = Path(__file__).parent
    sources = {f"trellis.agent.{name}": package.joinpath(f"{name}.py").read_text() for name in MODULES}
    sources |= {f"trellis.pve.{name}": package.with_name("pve").joinpath(f"{name}.py").read_text() for name in OF_PVE}
    usage = ast.get_docstring(ast.parse(sources["trellis.agent.main"])) or ""
    parts = [f"\n_SOURCES[{name!r}] = r'''\n{source.lstrip()}'''\n" for name, source in sources.items()]
    return _HEAD.format(usage=f"{usage}\n") + "".join(parts) + _TAIL


@cache
def packed_agent() -> str:
    """The agent's one file as it travels: xz in base64, in lines of 76 characters; the same text, the same lines."""
    # The quickest preset: a better one saves a tenth, and takes a second of a host that is slow.
    return base64.encodebytes(lzma.compress(agent_text().encode(), preset=1)).decode("ascii")


@cache
def agent_digest() -> str:
    """SHA-256 of the agent's one file, as `sha256sum` shows it on a host."""
    return hashlib.sha256(agent_text().encode()).hexdigest()


def invocation(command: str) -> str:
    """The shell text by which the deploy user has the agent run a command, as root and by sudo.

    Args:
        command: The command with its arguments, quoted for a shell: ``commit``, ``confirm DIGEST``.

    Returns:
        A text for any POSIX shell. It passes standard input, output and the exit status on; a host that lacks the
        agent, has another one, or does not let the user run it answers with status 3 and what to do.
    """
    call = f"sudo -n {AGENT_PATH} --agent {agent_digest()} {command}"
    return (
        f"if [ ! -x {AGENT_PATH} ]; then "
        r'echo "$(uname -n): the agent is not installed here; run \`trellis install $(uname -n)\`" >&2; exit 3; fi; '
        f"{call}; status=$?; "
        # sudo's own refusal is status 1, as a difference that `check` found is.
        f"if [ $status -eq 1 ] && ! sudo -n -l {AGENT_PATH} >/dev/null 2>&1; then "
        r'echo "$(uname -n): sudo does not let $(id -un) run the agent; run \`trellis install $(uname -n)\`" >&2; '
        "exit 3; fi; exit $status"
    )
