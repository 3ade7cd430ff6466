"""The two kernel modules that Debian's user-mode-linux brings without what a host's firewall needs, or not at all.

Its `nf_tables` knows the family `bridge` alone; hosts load a table of the family `inet`, as on any Debian kernel, and
ask in the family `bridge` which bridge a frame is on (`meta ibrname`), which Debian's kernels know by a module of its
own. Both are built here, from the kernel's own source package and with the kernel's own configuration plus what is
missing. Only these options are changed: they add code to these modules and change no structure that the running kernel
shares with them (the ARP family would).
"""

from __future__ import annotations

import gzip
import re
import subprocess
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from trellis.lab.errors import LabError

MODULES: Final = ("net/netfilter/nf_tables.ko", "net/bridge/netfilter/nft_meta_bridge.ko")

OPTIONS: Final = (
    "CONFIG_NF_TABLES_IPV4=y",
    "CONFIG_NF_TABLES_IPV6=y",
    "CONFIG_NF_TABLES_INET=y",
    "CONFIG_NFT_BRIDGE_META=m",
)

# Code of devices, sound and file systems is most of the source, and not compiled here.
_NOT_UNPACKED: Final = tuple(
    f"linux-source-*/{files}" for files in ("drivers/*.c", "drivers/gpu/*.h", "sound/*.c", "fs/*.c")
)


def source_package(release: str) -> str:
    """Return the name of the Debian package with the source of a kernel.

    Args:
        release: What its `uname -r` says, as `7.2.7`.
    """
    return "linux-source-" + ".".join(_numbers(release)[:2])


def rebuild(source_root: Path, config_gz: Path, release: str, modules: Path, scratch: Path) -> None:
    """Build the modules and put each in the place where the kernel's own is, or would be.

    Args:
        source_root: A folder that the source package was unpacked into.
        config_gz: The configuration that the kernel was built with, compressed.
        release: What its `uname -r` says; a module is refused by any other kernel.
        modules: The kernel's folder of modules, `.../<release>/kernel`.
        scratch: A folder to build in; it may be deleted afterwards.

    Raises:
        LabError: It can't be built; the compiler's last words are in the message.
    """
    archive = source_root / "usr" / "src" / f"{source_package(release)}.tar.xz"
    scratch.mkdir(parents=True)
    excluded = (f"--exclude={pattern}" for pattern in _NOT_UNPACKED)
    _run(
        ["tar", "-xf", str(archive), "-C", str(scratch), "--strip-components=1", "--anchored", "--wildcards", *excluded]
    )
    _configure(scratch, gzip.decompress(config_gz.read_bytes()).decode(), release)
    make = ["make", "-C", str(scratch), "ARCH=um", "-j", "4"]
    _run([*make, "olddefconfig"])
    _run([*make, "modules_prepare"])
    # The kernel's own symbols are not at hand, and it was built without their versions: nothing to check them by.
    for module in MODULES:
        _run([*make, "KBUILD_MODPOST_WARN=1", module])
        (modules / module).write_bytes((scratch / module).read_bytes())


def _configure(tree: Path, config: str, release: str) -> None:
    """Take the kernel's configuration, what is missing in it, and the kernel's own release number."""
    missing = [option.partition("=")[0] for option in OPTIONS]
    kept = [line for line in config.splitlines() if not any(option in line.split() for option in missing)]
    (tree / ".config").write_text("\n".join((*kept, *OPTIONS, "")))
    makefile = tree / "Makefile"
    wanted = dict(zip(("VERSION", "PATCHLEVEL", "SUBLEVEL", "EXTRAVERSION"), (*_numbers(release), ""), strict=True))
    text = makefile.read_text()
    for name, value in wanted.items():
        text = re.sub(rf"^{name} =.*$", f"{name} = {value}".rstrip(), text, count=1, flags=re.MULTILINE)
    makefile.write_text(text)


def _numbers(release: str) -> tuple[str, str, str]:
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", release)
    if found is None:
        raise LabError(
            "the hosts' kernel",
            why=f"its release {release!r} is not of the form 7.2.7, so its source package can't be named",
            remedy="see what user-mode-linux of that Debian suite is built from",
        )
    return found[1], found[2], found[3]


def _run(argv: Sequence[str]) -> None:
    last_words: deque[str] = deque(maxlen=12)
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        last_words.extend(line.rstrip() for line in process.stdout)
    if process.returncode != 0:
        raise LabError(
            "the hosts' kernel: its modules for nftables",
            why=f"{' '.join(argv[:4])} failed:\n" + "\n".join(f"    {line}" for line in last_words),
            remedy="see that gcc, make, flex, bison and bc are installed (`make setup` does that), then try again",
        )
