"""What frr-reload.py is given instead of FRR's own: a configuration with placeholders, and a vtysh that knows better.

frr-reload.py writes the lines that it adds into its log and into a file of its own, and names those that it removes
in the command line of vtysh, where every user sees them (FRR 10.3 and 10.7). So on a host that was given secrets it
gets placeholders on both sides of its comparison: the file that it loads has them, and what FRR runs reaches it by
way of a small script in vtysh's place, which takes values out of what FRR prints and puts them into what FRR is sent.
The script gets them from the agent's memory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from trellis.agent import vault
from trellis.agent.files import found, write_whole
from trellis.agent.manifest import RUNNING_CONFIG

FOLDER = Path("/var/lib/trellis/veil")
"""Not below /run, which Debian mounts `noexec`."""
_CONFIG = Path("/run/trellis/reload")
_WHERE = "TRELLIS_SECRETS"

_VTYSH = """\
#!/bin/sh
# Trellis puts this in vtysh's place for frr-reload.py, which would log secrets (trellis/agent/veil.py). It holds none.
[ "$1" != --config_dir ] || shift 2
case "$1 $2" in
"-c show running-config"* | "-f "*) exec /usr/bin/python3 -IS "${0%/*}/veil.py" "$@" ;;
esac
exec /usr/bin/vtysh "$@"
"""

_PYTHON = """\
import os
import subprocess
import sys

arguments = sys.argv[1:]
with open(os.environ["TRELLIS_SECRETS"]) as file:
    pairs = [line.rstrip("\\n").split(" ", 1) for line in file]
loads = arguments[0] == "-f"
if loads:
    with open(arguments[1]) as file:
        text = file.read()
    for placeholder, value in pairs:
        text = text.replace(placeholder, value)
    filled = os.memfd_create("frr")
    os.write(filled, text.encode())
    arguments[1] = f"/proc/{os.getpid()}/fd/{filled}"
ended = subprocess.run(["/usr/bin/vtysh", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
for stream, said in ((sys.stdout, ended.stdout), (sys.stderr, ended.stderr)):
    shown = said.decode(errors="replace")
    for placeholder, value in pairs:
        shown = shown.replace(f" password {value}\\n", f" password {placeholder}\\n")
        if loads:
            shown = shown.replace(value, placeholder)
    stream.write(shown)
sys.exit(ended.returncode if ended.returncode >= 0 else 1)
"""


@contextlib.contextmanager
def reload_arguments() -> Iterator[list[str]]:
    """What to call `frr-reload.py --reload` with to make /etc/frr/frr.conf the running configuration."""
    actual = found(RUNNING_CONFIG)
    pairs = vault.pairs()
    if actual is None or not pairs:
        yield [RUNNING_CONFIG]
        return
    for name, text, mode in (("vtysh", _VTYSH, 0o700), ("veil.py", _PYTHON, 0o600)):
        kept = found(str(FOLDER / name))
        if kept is None or (kept.content, kept.mode) != (text.encode(), mode):
            write_whole(FOLDER / name, text.encode(), mode)
    _CONFIG.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        # A file named frr.conf in its configuration folder: for any other it would have FRR write over the real one.
        # It leaves what it adds here for a moment, too.
        hidden = vault.hide(actual.content.decode(errors="replace"))
        (_CONFIG / "frr.conf").write_text(hidden)
        (_CONFIG / "vtysh.conf").write_text("")
        with _in_memory("".join(f"{placeholder} {value}\n" for placeholder, value in pairs)):
            folder = str(_CONFIG)
            yield ["--bindir", str(FOLDER), "--confdir", folder, "--rundir", folder, f"{folder}/frr.conf"]
    finally:
        shutil.rmtree(_CONFIG, ignore_errors=True)


@contextlib.contextmanager
def _in_memory(text: str) -> Iterator[None]:
    """Keep a text where only root's processes find it, by a path in the environment of what is started meanwhile."""
    with os.fdopen(os.memfd_create("trellis-secrets"), "w") as file:
        file.write(text)
        file.flush()
        os.environ[_WHERE] = f"/proc/{os.getpid()}/fd/{file.fileno()}"
        try:
            yield
        finally:
            del os.environ[_WHERE]
