"""What every lab shares and builds once: the hosts' root and the kernel that boots it, from Debian packages.

Both live in a cache outside the tree, named after what they are made of, so that a changed package list
makes a new one. They are built in a temporary folder and renamed: a build that was cut short is never
taken for a whole one. What differs between hosts is laid over the root in `trellis.lab.disk`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from trellis.lab import nf_tables
from trellis.lab.errors import LabError
from trellis.lab.processes import Say, run

MIRROR: Final = "http://deb.debian.org/debian"

ROOT_PACKAGES: Final = (
    "bird2",
    "dbus",
    "ethtool",
    "exabgp",
    "frr",
    "frr-pythontools",
    "iproute2",
    "iputils-ping",
    "kmod",
    "nftables",
    "openssh-server",
    "procps",
    "python3",
    "radvd",
    "sudo",
    "systemd",
    "systemd-sysv",
    "tcpdump",
)

_NOT_NEEDED: Final = (
    # Units that cost boot time and do nothing in a machine without devices, upgrades or users at a console.
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "fstrim.timer",
    "getty@.service",
    "kmod-static-nodes.service",
    "ldconfig.service",
    "logrotate.timer",
    "modprobe@.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sshd-unix-local.socket",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    "systemd-binfmt.service",
    "systemd-firstboot.service",
    "systemd-hibernate-clear.service",
    "systemd-journal-catalog-update.service",
    "systemd-machine-id-commit.service",
    "systemd-random-seed.service",
    "systemd-sysusers.service",
    "systemd-tmpfiles-clean.timer",
    "systemd-update-done.service",
)

_CUSTOMIZE: Final = (
    # Run by mmdebstrap when all packages are in; "$1" is the new root.
    'chroot "$1" systemctl disable bird.service exabgp.service radvd.service',
    f'chroot "$1" systemctl mask {" ".join(_NOT_NEEDED)}',
    # logind starts on demand over D-Bus (`systemctl reboot` asks for it), not at every boot.
    'rm -f "$1/usr/lib/systemd/system/multi-user.target.wants/systemd-logind.service"',
    'rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/machine-id" "$1/etc/hostname"',
    'chroot "$1" ldconfig',
    # systemd takes the root for up to date, and skips what it does at a first boot.
    'touch "$1/etc/.updated" "$1/var/.updated"',
)


@dataclass(frozen=True, slots=True)
class KernelSpec:
    """Where a user-mode-linux kernel comes from.

    Args:
        suite: The Debian suite of the package `user-mode-linux`.
        arguments: What its command line needs.
    """

    suite: str
    arguments: tuple[str, ...]


NEWEST_KERNEL: Final = KernelSpec("sid", ("seccomp=on",))
"""Linux 7: traps system calls by seccomp, which is three times faster than by ptrace."""
OLDER_KERNEL: Final = KernelSpec("bookworm", ())
"""Linux 6.1 of Debian 12, which has no seccomp mode."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel on the disk.

    Args:
        runner: A small root that holds `/usr/bin/linux.uml`, the libraries it needs and mount points.
        modules: A folder to lay over a host's root: it holds `usr/lib/modules/<release>`.
        release: What `uname -r` says.
        arguments: What its command line needs.
    """

    runner: Path
    modules: Path
    release: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Images:
    """What a host boots from.

    Args:
        root: The hosts' root, shared by all of them and never written to.
        kernel: Their kernel.
    """

    root: Path
    kernel: Kernel

    def to_json(self) -> str:
        """Where they are, as a JSON document, which `from_json` reads back."""
        return json.dumps(asdict(self), default=str, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Images:
        """The images that `to_json` wrote."""
        raw = json.loads(text)
        kernel = raw["kernel"]
        runner, modules = Path(kernel["runner"]), Path(kernel["modules"])
        return cls(Path(raw["root"]), Kernel(runner, modules, kernel["release"], tuple(kernel["arguments"])))


def cache_dir() -> Path:
    """The folder of the lab's images: `$XDG_CACHE_HOME/trellis/lab`, by default under `~/.cache`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "trellis" / "lab"


def ensure_images(frr_suite: str, say: Say) -> Images:
    """Find the images in the cache, or build them.

    Args:
        frr_suite: The Debian suite of the hosts' root.
        say: Takes progress.

    Returns:
        The images.

    Raises:
        LabError: A package can't be had, or the build failed; its last words are in the message.
    """
    return Images(root=ensure_root(frr_suite, say), kernel=ensure_kernel(say))


def ensure_root(suite: str, say: Say) -> Path:
    """The hosts' root from a suite, built if it is not in the cache.

    Args:
        suite: `trixie` (FRR 10.3) or `sid` (the newest).
        say: Takes progress.

    Returns:
        The folder that is the root.
    """

    def build(target: Path) -> None:
        say(f"building the hosts' root: Debian {suite} with FRR (once, about a minute)")
        hooks = tuple(f"--customize-hook={line}" for line in _CUSTOMIZE)
        _mmdebstrap(suite, target, "minbase", ROOT_PACKAGES, hooks, say)

    return _cached(f"root-{suite}-{_key(*ROOT_PACKAGES, *_CUSTOMIZE)}", build, say)


def ensure_kernel(say: Say) -> Kernel:
    """The newest kernel, or Debian 12's where the newest can't be had; which one is said.

    Args:
        say: Takes progress.

    Returns:
        The kernel.
    """
    try:
        return _kernel(NEWEST_KERNEL, say)
    except LabError as error:
        say(f"no kernel from Debian {NEWEST_KERNEL.suite} ({_complaint(error.why)})")
        say(f"taking the one of Debian {OLDER_KERNEL.suite} instead: the hosts will be three times slower")
        return _kernel(OLDER_KERNEL, say)


def _complaint(last_words: str) -> str:
    """The line of a failed command's last words that says what went wrong, as far as one does."""
    lines = [line.strip() for line in last_words.splitlines()]
    return next((line for line in lines if "rror" in line or line.startswith("E: ")), lines[-1])


def _kernel(spec: KernelSpec, say: Say) -> Kernel:
    def build(target: Path) -> None:
        say(f"fetching the hosts' kernel: user-mode-linux of Debian {spec.suite} (once, about 15 s)")
        runner = target / "runner"
        _mmdebstrap(spec.suite, runner, "extract", ("user-mode-linux",), (), say)
        for name in ("lib", "lib64", "bin", "sbin"):  # the merged /usr, which no package brings
            if not (runner / name).exists():
                (runner / name).symlink_to(f"usr/{name}")
        for name in ("proc", "dev", "tmp", "host"):
            (runner / name).mkdir(exist_ok=True)
        modules = target / "modules" / "usr" / "lib" / "modules"
        modules.parent.mkdir(parents=True)
        (runner / "usr" / "lib" / "uml" / "modules").rename(modules)
        _add_nftables(spec, target, say)

    where = _cached(f"kernel-{spec.suite}-{_key('v2', *nf_tables.OPTIONS)}", build, say)
    release = next((where / "modules" / "usr" / "lib" / "modules").iterdir()).name
    return Kernel(where / "runner", where / "modules", release, spec.arguments)


def _add_nftables(spec: KernelSpec, kernel: Path, say: Say) -> None:
    """Give the kernel in that folder what it lacks of nftables."""
    folder = next((kernel / "modules" / "usr" / "lib" / "modules").iterdir())
    package = nf_tables.source_package(folder.name)
    say(f"building what it lacks of nftables, from {package} (once, about a minute)")
    config = kernel / "runner" / "usr" / "share" / "doc" / "user-mode-linux" / "config.gz"
    scratch = kernel.parent / "source"
    _mmdebstrap(spec.suite, scratch / "package", "extract", (package,), (), say)
    nf_tables.rebuild(scratch / "package", config, folder.name, folder / "kernel", scratch / "tree")
    # What is new there is found by its dependencies and aliases, as any other module.
    run(["depmod", "--basedir", str(kernel / "modules" / "usr"), folder.name])


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:10]


def _cached(name: str, build: Callable[[Path], None], say: Say) -> Path:
    """The folder of that name in the cache; `build` fills it where it is missing."""
    cache = cache_dir()
    cache.mkdir(parents=True, exist_ok=True)
    target = cache / name
    if target.is_dir():
        return target
    with _locked(cache / f".{name}.lock", say):
        if target.is_dir():  # another process built it while this one waited
            return target
        scratch = cache / f".building-{name}"
        shutil.rmtree(scratch, ignore_errors=True)  # of a build that was killed
        scratch.mkdir()
        try:
            build(scratch / "image")
            (scratch / "image").rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return target


@contextmanager
def _locked(path: Path, say: Say) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another process is building the same image: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _mmdebstrap(
    suite: str, target: Path, variant: str, packages: Sequence[str], options: Sequence[str], say: Say
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    argv = [
        "mmdebstrap",
        f"--variant={variant}",
        f"--include={','.join(packages)}",
        # sid's Release file on a mirror that lags is out of date by its own word.
        *(('--aptopt=Acquire::Check-Valid-Until "false"',) if suite == "sid" else ()),
        *options,
        suite,
        str(target),
        MIRROR,
    ]
    last_words: deque[str] = deque(maxlen=12)
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last_words.append(line.rstrip())
            if line.startswith("I: ") and line.rstrip().endswith("..."):
                say(f"  {line[3:].rstrip()}")
    if process.returncode != 0:
        raise LabError(
            f"an image from Debian {suite}",
            why="mmdebstrap failed:\n" + "\n".join(f"    {line}" for line in last_words),
            remedy=f"see that {MIRROR} is reachable and the disk has 2 GB free, then try again",
        )
