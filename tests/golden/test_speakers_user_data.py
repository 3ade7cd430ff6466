"""Every golden user-data is one that cloud-init's own schema tool takes, of the package that `make slow` unpacks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest

from tests.golden.files import FOLDER

ROOT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trellis" / "cloud-init-trixie"
USER_DATA = sorted(FOLDER.glob("*/guests/*.user-data"))

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(
        os.geteuid() != 0 or not ROOT.is_dir(), reason=f"not root, or no {ROOT}: run `tools/setup.sh slow` as root"
    ),
]


def judged(text: str) -> tuple[int, str]:
    """Return the status of ``cloud-init schema`` for a text, and what it says."""
    with NamedTemporaryFile("w", dir=ROOT / "tmp", suffix=".user-data") as file:
        file.write(text)
        file.flush()
        argv = ["chroot", str(ROOT), "/usr/bin/python3", "-m", "cloudinit.cmd.main", "schema"]
        done = subprocess.run(
            [*argv, "--config-file", f"/tmp/{Path(file.name).name}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={"PATH": os.environ["PATH"]},  # with byte code kept, the next one starts at once
        )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("path", USER_DATA, ids=lambda path: f"{path.parent.parent.name}/{path.stem}")
def test_cloud_init_takes_golden_user_data(path: Path) -> None:
    status, said = judged(path.read_text(encoding="utf-8"))
    assert (status, said.startswith("Valid schema")) == (0, True), said


@pytest.mark.parametrize(
    ("word", "mistaken"),
    [("permissions:", "permisions:"), ("packages:\n- ", "packages: "), ("defer: true", "defer: later")],
)
def test_a_mistake_in_golden_user_data_would_be_refused_by_cloud_init(word: str, mistaken: str) -> None:
    text = USER_DATA[0].read_text(encoding="utf-8")
    assert word in text
    status, said = judged(text.replace(word, mistaken, 1))
    assert status != 0
    assert "Cloud config schema errors" in said, said
